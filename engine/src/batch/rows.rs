//! What an operator's kernel is given: some rows of the columns that it declared, and nothing else.

use bytemuck::Pod;

use crate::random::{Key, Rng};

/// Rows of a batch, as one node sees them.
///
/// Only declared fields are here. A field that is updated has one slice that is both input and output; a field that is
/// replaced has its old rows to read and its new rows to write.
pub struct Rows<'a> {
    draws: Draws<'a>,
    inputs: Vec<(&'a str, &'a [u8])>,
    outputs: Vec<(&'a str, &'a mut [u8])>,
}

/// The random numbers of each row.
#[derive(Clone, Copy)]
pub struct Draws<'a> {
    /// Of the run, the node and the epoch.
    key: Key,
    samples: &'a [u64],
}

impl<'a> Draws<'a> {
    /// The random numbers of a node in an epoch, for these samples.
    pub fn new(key: Key, samples: &'a [u64]) -> Self {
        Self { key, samples }
    }

    /// The random numbers of a row: the same ones whenever and wherever they are asked for.
    #[inline]
    pub fn row(&self, row: usize) -> Rng {
        self.key.number(self.samples[row]).rng()
    }
}

/// The signature and the kernel of an operator disagree, which no user can mend.
fn broken(field: &str, what: &str) -> ! {
    panic!("the kernel asks for field `{field}` as {what}, which its signature did not declare")
}

impl<'a> Rows<'a> {
    /// Rows with their declared columns.
    pub fn new(draws: Draws<'a>, inputs: Vec<(&'a str, &'a [u8])>, outputs: Vec<(&'a str, &'a mut [u8])>) -> Self {
        Self { draws, inputs, outputs }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.draws.samples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index in its source of each row's sample.
    pub fn samples(&self) -> &'a [u64] {
        self.draws.samples
    }

    /// The random numbers of each row.
    pub fn draws(&self) -> Draws<'a> {
        self.draws
    }

    /// A field to read: all rows, one after the other.
    pub fn read<T: Pod>(&self, field: &str) -> &'a [T] {
        match self.inputs.iter().find(|(name, _)| *name == field) {
            Some((_, bytes)) => bytemuck::cast_slice(bytes),
            None => broken(field, "input"),
        }
    }

    /// A field to write, or to update in place: all rows, one after the other.
    pub fn write<T: Pod>(&mut self, field: &str) -> &mut [T] {
        match self.outputs.iter_mut().find(|(name, _)| *name == field) {
            Some((_, bytes)) => bytemuck::cast_slice_mut(bytes),
            None => broken(field, "output"),
        }
    }

    /// Two fields to write.
    pub fn write_two<T: Pod, U: Pod>(&mut self, first: &str, second: &str) -> (&mut [T], &mut [U]) {
        let (mut a, mut b) = (None, None);
        for (name, bytes) in &mut self.outputs {
            if *name == first {
                a = Some(bytemuck::cast_slice_mut(bytes));
            } else if *name == second {
                b = Some(bytemuck::cast_slice_mut(bytes));
            }
        }
        (a.unwrap_or_else(|| broken(first, "output")), b.unwrap_or_else(|| broken(second, "output")))
    }

    /// A field that is replaced: its old rows and its new ones.
    pub fn replace<T: Pod, U: Pod>(&mut self, field: &str) -> (&'a [T], &mut [U]) {
        (self.read(field), self.write(field))
    }
}
