//! Samples that an operator is about, and leaves all others alone.

use crate::params::{Fault, Faults};

/// The numbers of a list and of a file, in order. Both may be given, and one must be.
pub(super) fn chosen(samples: &[u64], indices: Option<&str>) -> Result<Vec<u64>, Faults> {
    if samples.is_empty() && indices.is_none() {
        let fault = Fault::new("/samples", "no samples are chosen").expected("`samples` or `indices`");
        return Err(fault.hint("write their numbers, counted from 0: \"samples\": [0, 7]").into());
    }
    let mut all = samples.to_vec();
    if let Some(path) = indices {
        let fault = |message: String| Fault::new("/indices", message);
        let numbers = crate::data::numbers::whole_numbers(path.as_ref()).map_err(|error| fault(error.to_string()))?;
        for (place, number) in numbers.into_iter().enumerate() {
            all.push(u64::try_from(number).map_err(|_| {
                let fault = fault(format!("number {} of the file is no sample: {path}", place + 1));
                fault.expected("at least 0").given(number.to_string())
            })?);
        }
    }
    all.sort_unstable();
    Ok(all)
}
