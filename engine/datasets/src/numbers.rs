//! Lists of numbers, one for each sample or one for each sample to use: text, or NumPy's `.npy`.

use std::path::Path;

use super::dataset::{Dataset as _, Value};
use super::error::DataError;
use super::mapped::MappedFile;
use super::npy::NpyArrays;

/// Whole numbers: of a `.npy` with one axis of any integer type, or of text, one a line (empty lines and what follows a
/// `#` are skipped).
pub fn whole_numbers(path: &Path) -> Result<Vec<i64>, DataError> {
    if !is_array(path) {
        return lines(path, "a whole number");
    }
    let of = |value: Value<'_>| match value {
        Value::Int(number) => Some(number),
        _ => None,
    };
    array(path, "whole numbers", of)
}

/// Numbers, likewise.
pub fn numbers(path: &Path) -> Result<Vec<f64>, DataError> {
    if !is_array(path) {
        return lines(path, "a number");
    }
    let of = |value: Value<'_>| match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    };
    array(path, "numbers", of)
}

fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

fn array<T>(path: &Path, what: &str, of: impl Fn(Value<'_>) -> Option<T>) -> Result<Vec<T>, DataError> {
    let array = NpyArrays::open(&[("numbers".to_owned(), path.to_string_lossy().into_owned())])?;
    let unfit = || DataError::Format { message: format!("expected {what} on one axis"), path: path.to_path_buf() };
    (0..array.rows()).map(|row| of(array.value(row, 0)?).ok_or_else(unfit)).collect()
}

fn lines<T: std::str::FromStr>(path: &Path, what: &str) -> Result<Vec<T>, DataError> {
    let file = MappedFile::open(path)?;
    let format = |message: String| DataError::Format { message, path: path.to_path_buf() };
    let text = std::str::from_utf8(&file).map_err(|_| format("the file is neither text nor a `.npy`".to_owned()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            let shown: String = line.chars().take(20).collect();
            line.parse().map_err(|_| format(format!("line {}: expected {what}, found `{shown}`", number + 1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_number_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.txt");
        std::fs::write(&path, "3\n\n 1 # one\n2").unwrap();
        assert_eq!(whole_numbers(&path).unwrap(), [3, 1, 2]);
        assert_eq!(numbers(&path).unwrap(), [3.0, 1.0, 2.0]);
        std::fs::write(&path, "3\nx").unwrap();
        let error = whole_numbers(&path).unwrap_err().to_string();
        assert_eq!(error, format!("line 2: expected a whole number, found `x`: {}", path.display()));
    }
}
