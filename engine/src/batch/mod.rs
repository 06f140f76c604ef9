//! Batches: columns of the same rows.
//!
//! If you know entity-component systems: a sample is an entity, a field a component kept as one contiguous column, an
//! operator a system that declares what it reads and writes.

mod buffer;
mod rows;
mod schema;

use std::sync::Arc;

pub use buffer::{Buffer, Item, Memory, RowShape, Values, ValuesMut};
pub use rows::{Draws, Rows};
pub use schema::{Column, DType, Field, ImageSize, Layout, Schema};

/// Which batch of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// Epoch, from 0.
    pub epoch: u64,
    /// Index in the epoch, from 0.
    pub index: u64,
}

/// The memory of one batch: a place in the ring of an executor.
#[derive(Default)]
pub struct Slot {
    /// Which batch it holds.
    pub id: BatchId,
    /// Index in its source of each row's sample.
    pub samples: Vec<u64>,
    /// What tells the rows apart for random choices: see [`Draws::new`].
    pub identities: Vec<u64>,
    /// Memory of each column, of as many rows as the largest batch has.
    pub buffers: Vec<Memory>,
}

/// Takes a slot back when nobody looks at its batch any more.
pub trait Recycle: Send + Sync {
    /// The slot may be written again.
    fn recycle(&self, slot: Slot);
}

/// A finished batch. Its memory goes back to the executor when it is dropped, and not before.
pub struct Batch {
    slot: Option<Slot>,
    columns: Arc<[(Field, usize)]>,
    home: Option<Arc<dyn Recycle>>,
}

impl Batch {
    /// A batch over a slot; `columns` are its fields with the index of each one's buffer.
    pub fn new(slot: Slot, columns: Arc<[(Field, usize)]>, home: Option<Arc<dyn Recycle>>) -> Self {
        Self { slot: Some(slot), columns, home }
    }

    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect("the slot leaves only when the batch is dropped")
    }

    /// Which batch it is.
    pub fn id(&self) -> BatchId {
        self.slot().id
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.slot().samples.len()
    }

    /// Index in its source of each row's sample.
    pub fn samples(&self) -> &[u64] {
        &self.slot().samples
    }

    /// What tells the rows apart for random choices: see [`Draws::new`].
    pub fn identities(&self) -> &[u64] {
        &self.slot().identities
    }

    /// The fields.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().map(|(field, _)| field)
    }

    /// A column: its field, and its bytes, row after row; none for a field whose rows have any number of bytes.
    pub fn column(&self, name: &str) -> Option<(&Field, &[u8])> {
        let (field, values) = self.find(name)?;
        Some((field, values.bytes()?))
    }

    /// The rows of a field whose rows have any number of bytes.
    pub fn items(&self, name: &str) -> Option<&[Item]> {
        match self.find(name)?.1 {
            Values::Items(items) => Some(items),
            Values::Bytes(_) => None,
        }
    }

    fn find(&self, name: &str) -> Option<(&Field, Values<'_>)> {
        let (field, buffer) = self.columns.iter().find(|(field, _)| field.name == name)?;
        Some((field, self.slot().buffers[*buffer].rows(RowShape::of(field), self.rows())))
    }

    /// A column's values, row after row; none if there is no such field or its elements are of another size.
    pub fn values<T: bytemuck::Pod>(&self, name: &str) -> Option<&[T]> {
        let (field, bytes) = self.column(name)?;
        (field.dtype.bytes() == size_of::<T>()).then(|| bytemuck::cast_slice(bytes))
    }

    /// Bytes of all columns.
    pub fn bytes(&self) -> usize {
        let of = |field: &Field| match self.items(&field.name) {
            Some(items) => items.iter().map(|item| item.bytes.len()).sum(),
            None => field.row_bytes() * self.rows(),
        };
        self.fields().map(of).sum()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let (Some(slot), Some(home)) = (self.slot.take(), &self.home) {
            home.recycle(slot);
        }
    }
}
