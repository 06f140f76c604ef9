//! Which data a run gets.

use std::path::{Path, PathBuf};

use super::cifar::{self, find_dir};
use super::error::DataError;
use super::fetch::{Archive, Progress, fetch};

/// Where to look for CIFAR-10, and what to do without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Where {
    /// The folder named by the user (`--data DIR`): it holds the data or the run fails.
    pub data_dir: Option<PathBuf>,
    /// The folder named by the environment (`$ENGINE_DATA`), likewise; an empty name counts as none.
    pub env_dir: Option<PathBuf>,
    /// Where downloads are kept; `None` stands for `engine` in the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// What to do when the data is neither there nor to be had.
    pub fallback: Fallback,
    /// What to download.
    pub archive: Archive,
}

/// What to do when the data is neither there nor to be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// Take the drawn set, and say why.
    #[default]
    Auto,
    /// Fail.
    Never,
}

/// What a run gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The folder of CIFAR-10's files, for [`CifarRecords::open`](super::CifarRecords::open).
    Folder(PathBuf),
    /// The [drawn](super::drawn) set.
    Drawn {
        /// Why not CIFAR-10: a sentence without a full stop.
        reason: String,
    },
}

/// Finds the data: in the folder the user named, else in the one the environment names, else in the cache folder, to
/// which it is downloaded if it is not there.
///
/// A named folder never falls back to anything. A download falls back only where the server is out of reach, breaks
/// off or has nothing to give; a full disk, a wrong hash or an unwritable folder is an error in any case.
///
/// # Errors
///
/// Those of [`find_dir`] and [`fetch`], and [`DataError::NoCacheFolder`].
pub fn locate(
    wanted: &Where,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<Found, DataError> {
    let env_dir = wanted.env_dir.as_deref().filter(|dir| !dir.as_os_str().is_empty());
    if let Some(dir) = wanted.data_dir.as_deref().or(env_dir) {
        return find_dir(dir).map(Found::Folder);
    }
    let cache = match &wanted.cache_dir {
        Some(dir) => dir.clone(),
        None => dirs::cache_dir().ok_or(DataError::NoCacheFolder)?.join("engine"),
    };
    if let Some(dir) = cached(&cache) {
        return Ok(Found::Folder(dir));
    }
    match fetch(&wanted.archive, &cache, progress, cancelled) {
        Ok(dir) => Ok(Found::Folder(dir)),
        Err(error) if error.is_network() && wanted.fallback == Fallback::Auto => {
            Ok(Found::Drawn { reason: error.to_string() })
        }
        Err(error) => Err(error),
    }
}

/// The folder of files in the cache, if it is there and complete. Looked for without the download's lock: it appears
/// by a rename, all at once.
fn cached(cache: &Path) -> Option<PathBuf> {
    let dir = cache.join(cifar::FOLDER);
    find_dir(&dir).ok().filter(|found| *found == dir)
}
