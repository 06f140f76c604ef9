//! Files of a run's folder that are there whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its place, to the disk, then renames it.
pub(super) fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = io::BufWriter::new(File::create(&partial)?);
        fill(&mut file)?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().inspect_err(|_| {
        std::fs::remove_file(&partial).ok();
    })
}
