//! What the subcommands about data files have in common: arguments, errors, files of class names.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use engine::data::beton::WriteOptions;
use engine::data::{DataError, DataField, FieldKind, Split};
use engine::execute::StopToken;

use super::Failure;
use super::common::stop_at_ctrl_c;

/// Extension of a `.beton` file.
pub(crate) const BETON: &str = "beton";

/// Pages unless told otherwise: FFCV's.
pub(crate) const PAGE: &str = "8MiB";

/// Of a CIFAR folder: which images.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SplitArg {
    Train,
    Test,
}

impl From<SplitArg> for Split {
    fn from(arg: SplitArg) -> Self {
        match arg {
            SplitArg::Train => Self::Train,
            SplitArg::Test => Self::Test,
        }
    }
}

/// A number of bytes: `65536`, `64KiB`, `8M`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (digits, unit) = text.split_at(letters);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err("expected bytes, or a number of KiB, MiB or GiB, such as 64KiB".to_owned()),
    };
    let number: u64 =
        digits.trim().parse().map_err(|_| "expected a whole number, such as 65536 or 64KiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "this is more than any file can hold".to_owned())
}

/// Bytes of a page, as FFCV can read them.
pub(crate) fn page_bytes(text: &str) -> Result<u32, String> {
    let page = u32::try_from(bytes(text)?).ok().filter(|page| page.is_power_of_two() && *page >= 2 << 20);
    page.ok_or_else(|| "expected a power of two from 2MiB to 2GiB".to_owned())
}

/// The name of a `.beton` file to be written.
pub(crate) fn beton_name(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension == BETON => Ok(path),
        _ => Err("the file to be written comes last, and its name ends in .beton".to_owned()),
    }
}

/// Threads to work with: as many as cores unless told otherwise.
pub(crate) fn workers(given: Option<u16>) -> usize {
    given.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// A token that Ctrl-C sets. What is unfinished then is removed.
pub(crate) fn stop_token() -> Result<StopToken, Failure> {
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping")?;
    Ok(stop)
}

pub(crate) fn write_options(page_bytes: u32, force: bool) -> WriteOptions {
    WriteOptions { page_bytes, replace: force }
}

/// Why a command about data files ends.
pub(crate) fn failure(error: DataError) -> Failure {
    match error {
        DataError::Cancelled { .. } => Failure::Interrupted,
        DataError::Address { .. } => Failure::Usage(error.to_string()),
        DataError::Exists { path } => Failure::Failed(exists(&path)),
        other => Failure::Failed(other.to_string()),
    }
}

fn exists(path: &Path) -> String {
    let hint = "name another file, or replace it with --force";
    format!("there is something of that name already; {hint}: {}", path.display())
}

pub(crate) use engine::data::beton::classes_beside as classes_path;

/// Fields with class names, and the names.
pub(crate) fn class_names<'a>(fields: impl Iterator<Item = &'a DataField>) -> Vec<(&'a str, &'a [String])> {
    let named = fields.filter_map(|field| match &field.kind {
        FieldKind::Int { classes } if !classes.is_empty() => Some((field.name.as_str(), classes.as_slice())),
        _ => None,
    });
    named.collect()
}

/// Refuses at once what [`write_classes`] would refuse when the work is done.
pub(crate) fn check_classes(path: &Path, force: bool) -> Result<(), Failure> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(Failure::Failed(exists(path)));
    }
    Ok(())
}

/// Writes names, a line each: that of class 0 first.
pub(crate) fn write_classes(path: &Path, names: &[String]) -> Result<(), Failure> {
    // A line's end within a name would shift all that follow.
    let text: String = names.iter().map(|name| name.replace('\n', "\\n") + "\n").collect();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".classes.").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|e| Failure::Failed(format!("cannot write the names of the classes: {e}: {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_people_write_them() {
        for (text, expected) in [("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("8M", 8 << 20), ("2gib", 2 << 30)] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5M", "8 parsecs", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(page_bytes("2M"), Ok(2 << 20));
        for text in ["1M", "3M", "4G"] {
            assert!(page_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn class_names_lie_beside_the_file() {
        let path = |field| classes_path(Path::new("a/train.beton"), field);
        assert_eq!(path("label"), Path::new("a/train.classes.txt"));
        assert_eq!(path("coarse_label"), Path::new("a/train.coarse_label.classes.txt"));
    }
}
