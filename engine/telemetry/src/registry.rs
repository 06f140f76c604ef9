//! Running engines of this machine, so that an inspector finds them: a small file for each, in a folder of the user's.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// More than an entry ever has.
const MAX_BYTES: u64 = 4096;

/// A run that can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where it is served.
    pub address: String,
    /// Name of its graph.
    pub graph: String,
}

/// An entry, for as long as this lives.
pub struct Entry {
    path: PathBuf,
}

impl Entry {
    /// Makes a served run known. None where there is no place for it: then it is found by its address alone.
    pub fn new(address: &str, graph: &str) -> Option<Self> {
        Self::in_folder(&folder()?, address, graph)
    }

    fn in_folder(folder: &Path, address: &str, graph: &str) -> Option<Self> {
        fs::create_dir_all(folder).ok()?;
        let path = folder.join(std::process::id().to_string());
        let unfinished = folder.join(format!(".{}", std::process::id()));
        let mut file = fs::File::create(&unfinished).ok()?;
        write!(file, "{address}\n{}\n", graph.replace(['\n', '\r'], " ")).ok()?;
        drop(file);
        fs::rename(unfinished, &path).ok()?;
        Some(Self { path })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// The runs that are known, newest process last. Entries of processes that are no more are removed.
pub fn running() -> Vec<Running> {
    folder().map(|folder| running_in(&folder)).unwrap_or_default()
}

fn running_in(folder: &Path) -> Vec<Running> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists() {
            fs::remove_file(entry.path()).ok();
            continue;
        }
        if entry.metadata().is_ok_and(|m| m.len() <= MAX_BYTES) {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let mut lines = text.lines();
            if let (Some(address), Some(graph)) = (lines.next(), lines.next()) {
                found.push(Running { pid, address: address.to_owned(), graph: graph.to_owned() });
            }
        }
    }
    found.sort_by_key(|running| running.pid);
    found
}

/// The folder: of the session where there is one, else in the cache.
fn folder() -> Option<PathBuf> {
    Some(dirs::runtime_dir().or_else(dirs::cache_dir)?.join("engine").join("running"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_there_while_its_run_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("running");
        let entry = Entry::in_folder(&path, "127.0.0.1:7007", "two\nlines").expect("a place");
        fs::write(path.join("4294967295"), "127.0.0.1:1\ngone\n").expect("a file");
        fs::write(path.join("nonsense"), "x").expect("a file");
        let pid = std::process::id();
        let expected = Running { pid, address: "127.0.0.1:7007".into(), graph: "two lines".into() };
        assert_eq!(running_in(&path), [expected]);
        assert!(!path.join("4294967295").exists(), "its process is no more");
        drop(entry);
        assert_eq!(running_in(&path), []);
    }
}
