//! Parameters that several augmentations have: ranges and colours.

use pixels::ops::Colour;

use super::super::images::per_channel;
use crate::batch::ImageSize;
use crate::params::{Either, Fault, Faults};

/// A number, or a range from its first to its second number.
pub type NumberOrRange = Either<f64, [f64; 2]>;

impl NumberOrRange {
    /// A number d as −d to d.
    pub(super) fn around_zero(&self) -> (f64, f64) {
        match *self {
            Self::One(most) => (-most, most),
            Self::Other([low, high]) => (low, high),
        }
    }

    /// A number d as 1 − d to 1 + d, but not below 0.
    pub(super) fn around_one(&self) -> (f64, f64) {
        match *self {
            Self::One(most) => ((1.0 - most).max(0.0), 1.0 + most),
            Self::Other([low, high]) => (low, high),
        }
    }

    /// A number as itself.
    pub(super) fn exact(&self) -> (f64, f64) {
        match *self {
            Self::One(number) => (number, number),
            Self::Other([low, high]) => (low, high),
        }
    }

    /// That a range ascends, and a number alone is not negative; `key` is the parameter.
    pub(super) fn check(&self, key: &str) -> Result<(), Faults> {
        match *self {
            Self::One(number) if number < 0.0 => {
                let fault = Fault::new(format!("/{key}"), format!("wrong value for `{key}`"));
                let fault = fault.expected("a number of at least 0, or a range").given(number.to_string());
                Err(fault.hint(format!("{} stands for all from {number} to {}", -number, -number)).into())
            }
            Self::One(_) => Ok(()),
            Self::Other(range) => ascending(key, range),
        }
    }
}

/// That the second number of a range is not below the first; `key` is the parameter.
pub(super) fn ascending(key: &str, range: [f64; 2]) -> Result<(), Faults> {
    if range[0] <= range[1] {
        return Ok(());
    }
    let fault = Fault::new(format!("/{key}"), format!("the range in `{key}` descends"));
    let fault = fault.expected("the least number first").given(list(&range));
    Err(fault.hint(format!("write {}", list(&[range[1], range[0]]))).into())
}

/// Numbers as a user writes them: whole ones without a fraction.
pub(super) fn list(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// That a list is a colour for images of that size: a value a channel or one for all; `key` is the parameter.
pub(super) fn check_colour(key: &str, values: &[u8], size: ImageSize) -> Result<(), Faults> {
    per_channel(key, values.len(), size)?;
    if values.len() > 4 {
        let fault = Fault::new(format!("/{key}"), format!("too many values in `{key}`"));
        return Err(fault
            .expected("one for all channels: there are more than 4")
            .given(values.len().to_string())
            .into());
    }
    Ok(())
}

/// A checked list as a colour.
pub(super) fn colour(values: &[u8]) -> Colour {
    std::array::from_fn(|channel| if values.len() == 1 { values[0] } else { values.get(channel).copied().unwrap_or(0) })
}
