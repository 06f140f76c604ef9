//! What an operator's kernel is given: some rows of the columns that it declared, and nothing else.

use bytemuck::Pod;

use super::buffer::{Item, Values, ValuesMut};
use crate::random::{Key, Rng};

/// Rows of a batch, as one node sees them.
///
/// Only declared fields are here. A field that is updated has one slice that is both input and output; a field that is
/// replaced has its old rows to read and its new rows to write.
pub struct Rows<'a> {
    samples: &'a [u64],
    draws: Draws<'a>,
    inputs: Vec<(&'a str, Values<'a>)>,
    outputs: Vec<(&'a str, ValuesMut<'a>)>,
}

/// The random numbers of each row.
#[derive(Clone, Copy)]
pub struct Draws<'a> {
    /// Of the run, the node and the first epoch.
    first: Key,
    /// Of the run, the node and the epoch.
    key: Key,
    epoch: u64,
    identities: &'a [u64],
}

impl<'a> Draws<'a> {
    /// The random numbers of a node in an epoch. `identities` are what tells the rows apart: the samples, or where a
    /// sample may come several times in an epoch, a number for each time.
    pub fn new(node: Key, epoch: u64, identities: &'a [u64]) -> Self {
        Self { first: node.number(0), key: node.number(epoch), epoch, identities }
    }

    /// The random numbers of a row: the same ones whenever and wherever they are asked for.
    #[inline]
    pub fn row(&self, row: usize) -> Rng {
        self.key.number(self.identities[row]).rng()
    }

    /// Those that the row's sample has in the first epoch, for choices that alternate from epoch to epoch.
    #[inline]
    pub fn first_epoch(&self, row: usize) -> Rng {
        self.first.number(self.identities[row]).rng()
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.identities.len()
    }

    /// Epoch, from 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// The signature and the kernel of an operator disagree, which no user can mend.
fn broken(field: &str, what: &str) -> ! {
    panic!("the kernel asks for field `{field}` as {what}, which its signature did not declare")
}

impl<'a> Rows<'a> {
    /// Rows with their declared columns.
    pub fn new(
        samples: &'a [u64],
        draws: Draws<'a>,
        inputs: Vec<(&'a str, Values<'a>)>,
        outputs: Vec<(&'a str, ValuesMut<'a>)>,
    ) -> Self {
        Self { samples, draws, inputs, outputs }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index in its source of each row's sample.
    pub fn samples(&self) -> &'a [u64] {
        self.samples
    }

    /// The random numbers of each row.
    pub fn draws(&self) -> Draws<'a> {
        self.draws
    }

    /// Whether a field that the node creates is wanted: a source is not asked for fields that nobody reads.
    pub fn wants(&self, field: &str) -> bool {
        self.outputs.iter().any(|(name, _)| *name == field)
    }

    fn input(&self, field: &str) -> Values<'a> {
        match self.inputs.iter().find(|(name, _)| *name == field) {
            Some((_, values)) => *values,
            None => broken(field, "input"),
        }
    }

    fn output(&mut self, field: &str) -> ValuesMut<'_> {
        match self.outputs.iter_mut().find(|(name, _)| *name == field) {
            Some((_, values)) => values.again(),
            None => broken(field, "output"),
        }
    }

    /// A field to read: all rows, one after the other.
    pub fn read<T: Pod>(&self, field: &str) -> &'a [T] {
        match self.input(field) {
            Values::Bytes(bytes) => bytemuck::cast_slice(bytes),
            Values::Items(_) => broken(field, "rows of one size"),
        }
    }

    /// A field to write, or to update in place: all rows, one after the other.
    pub fn write<T: Pod>(&mut self, field: &str) -> &mut [T] {
        match self.output(field) {
            ValuesMut::Bytes(bytes) => bytemuck::cast_slice_mut(bytes),
            ValuesMut::Items(_) => broken(field, "rows of one size"),
        }
    }

    /// A field to read whose rows have any number of bytes.
    pub fn items(&self, field: &str) -> &'a [Item] {
        match self.input(field) {
            Values::Items(items) => items,
            Values::Bytes(_) => broken(field, "rows of any size"),
        }
    }

    /// The rows of a field to read, if they have any number of bytes.
    pub fn maybe_items(&self, field: &str) -> Option<&'a [Item]> {
        match self.input(field) {
            Values::Items(items) => Some(items),
            Values::Bytes(_) => None,
        }
    }

    /// A field to write whose rows have any number of bytes.
    pub fn items_mut(&mut self, field: &str) -> &mut [Item] {
        match self.output(field) {
            ValuesMut::Items(items) => items,
            ValuesMut::Bytes(_) => broken(field, "rows of any size"),
        }
    }

    /// A field that is replaced: its old rows and its new ones.
    pub fn replace<T: Pod, U: Pod>(&mut self, field: &str) -> (&'a [T], &mut [U]) {
        (self.read(field), self.write(field))
    }

    /// A field whose rows have any number of bytes, replaced by one whose rows have the same.
    pub fn replace_items<U: Pod>(&mut self, field: &str) -> (&'a [Item], &mut [U]) {
        (self.items(field), self.write(field))
    }
}
