use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::archives::{Tarball, describe, records};
use super::server::{Asked, Reply, Server};
use crate::cifar::{CifarRecords, FILES, FOLDER, Split};
use crate::error::DataError;
use crate::fetch::{Archive, Phase, Progress, fetch};

/// An archive of two records a file, its server and an empty cache folder.
pub(super) struct Scene {
    bytes: Vec<u8>,
    server: Server,
    archive: Archive,
    pub(super) cache: TempDir,
}

impl Scene {
    pub(super) fn new(answer: impl Fn(usize, &Asked, &[u8]) -> Reply + Send + 'static) -> Self {
        Self::with(Tarball::complete(), answer)
    }

    pub(super) fn with(tarball: Tarball, answer: impl Fn(usize, &Asked, &[u8]) -> Reply + Send + 'static) -> Self {
        let bytes = tarball.finish();
        let sent = bytes.clone();
        let server = Server::start(move |count, asked| answer(count, asked, &sent));
        let archive = describe(&bytes, server.url());
        Self { bytes, server, archive, cache: tempfile::tempdir().unwrap() }
    }

    pub(super) fn fetch(&self) -> Result<PathBuf, DataError> {
        fetch(&self.archive, self.cache.path(), &mut |_| {}, &|| false)
    }

    fn part(&self) -> PathBuf {
        self.cache.path().join("cifar-10-binary.tar.gz.part")
    }

    fn kept(&self) -> u64 {
        std::fs::metadata(self.part()).map_or(0, |part| part.len())
    }

    /// Fetches and looks at what came.
    pub(super) fn fetch_all(&self) {
        let folder = self.fetch().unwrap();
        assert_eq!(folder, self.cache.path().join(FOLDER));
        for name in FILES {
            assert_eq!(std::fs::read(folder.join(name)).unwrap(), records(2));
        }
        assert_eq!(CifarRecords::open(&folder, Split::Train).unwrap().len(), 10);
        let mut left: Vec<_> = names(self.cache.path());
        left.sort();
        assert_eq!(left, [FOLDER, "cifar-10.lock"], "nothing else stays");
        assert_eq!(names(&folder).len(), FILES.len());
    }

    /// From where each request asked for the archive.
    fn starts(&self) -> Vec<Option<usize>> {
        self.server.asked().iter().map(|asked| asked.from).collect()
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_download_is_checked_and_unpacked() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    let mut seen: Vec<Progress> = Vec::new();
    fetch(&scene.archive, scene.cache.path(), &mut |progress| seen.push(progress), &|| false).unwrap();
    let total = scene.bytes.len() as u64;
    for phase in [Phase::Downloading, Phase::Checking] {
        let last = seen.iter().rfind(|progress| progress.phase == phase);
        assert_eq!(last, Some(&Progress { phase, done: total, total }));
    }
    assert!(seen.is_sorted_by_key(|progress| (progress.phase as u8, progress.done)), "{seen:?}");
    assert_eq!(seen.last().map(|progress| progress.phase), Some(Phase::Unpacking));
    scene.fetch_all();
    assert_eq!(scene.starts(), [None], "what is there is not downloaded again");
}

#[test]
fn a_broken_download_goes_on_in_the_same_call() {
    let scene = Scene::new(|count, asked, bytes| match count {
        0 => Reply::serve(bytes, asked).cut(5_000),
        1 => Reply::serve(bytes, asked).cut(1_000),
        _ => Reply::serve(bytes, asked),
    });
    scene.fetch_all();
    assert_eq!(scene.starts(), [None, Some(5_000), Some(6_000)]);
}

#[test]
fn a_download_that_breaks_for_good_goes_on_in_the_next_call() {
    let scene = Scene::new(|count, asked, bytes| match count {
        0 => Reply::serve(bytes, asked).cut(5_000),
        1 => Reply::serve(bytes, asked).cut(0),
        _ => Reply::serve(bytes, asked),
    });
    let error = scene.fetch().unwrap_err();
    assert!(error.is_network());
    let text = error.to_string();
    let url = &scene.archive.url;
    assert!(
        text.starts_with(&format!("could not download {url}: the connection broke off (5000 bytes are kept")),
        "{text}"
    );
    assert_eq!(scene.kept(), 5_000);
    scene.fetch_all();
    assert_eq!(scene.starts(), [None, Some(5_000), Some(5_000)]);
}

#[test]
fn a_server_that_always_breaks_off_is_given_up() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked).cut(10));
    assert!(scene.fetch().unwrap_err().is_network());
    assert_eq!(scene.starts().len(), 6);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let scene = Scene::new(|_, _, bytes| Reply::new("200 OK", bytes));
    std::fs::write(scene.part(), &scene.bytes[..700]).unwrap();
    scene.fetch_all();
    assert_eq!(scene.starts(), [Some(700)]);
}

#[test]
fn a_server_that_goes_on_elsewhere_starts_over() {
    let scene = Scene::new(|count, asked, bytes| match count {
        0 => Reply::new("206 Partial Content", bytes).header("Content-Range: bytes 0-9/10"),
        _ => Reply::serve(bytes, asked),
    });
    std::fs::write(scene.part(), &scene.bytes[..700]).unwrap();
    scene.fetch_all();
    assert_eq!(scene.starts(), [Some(700), None]);
}

#[test]
fn a_server_that_has_less_than_is_kept_starts_over() {
    let scene = Scene::new(|count, asked, bytes| match count {
        0 => Reply::new("416 Range Not Satisfiable", b""),
        _ => Reply::serve(bytes, asked),
    });
    std::fs::write(scene.part(), &scene.bytes[..700]).unwrap();
    scene.fetch_all();
    assert_eq!(scene.starts(), [Some(700), None]);
}

#[test]
fn a_stale_part_that_is_too_long_is_dropped() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    std::fs::write(scene.part(), vec![0; scene.bytes.len() + 1]).unwrap();
    scene.fetch_all();
    assert_eq!(scene.starts(), [None]);
}

#[test]
fn a_whole_part_needs_no_network() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    std::fs::write(scene.part(), &scene.bytes).unwrap();
    scene.fetch_all();
    assert!(scene.starts().is_empty());
}

#[test]
fn another_hash_deletes_the_part() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    let mut stale = scene.bytes.clone();
    stale[100] ^= 1;
    std::fs::write(scene.part(), &stale[..700]).unwrap();
    let error = scene.fetch().unwrap_err();
    assert!(!error.is_network());
    let text = error.to_string();
    let given = describe(&stale, String::new()).md5;
    assert!(text.contains(&format!("has md5 {given}, expected {}", scene.archive.md5)), "{text}");
    assert!(text.ends_with(&scene.part().display().to_string()), "{text}");
    assert!(!scene.part().exists());
    scene.fetch_all();
}

#[test]
fn a_status_is_given_in_words() {
    let scene = Scene::new(|_, _, _| Reply::new("404 Not Found", b"no such page"));
    let error = scene.fetch().unwrap_err();
    assert!(error.is_network());
    assert!(error.to_string().contains(": the server answered 404 Not Found; a folder that holds"), "{error}");
    assert_eq!(scene.kept(), 0);
}

#[test]
fn a_redirect_is_followed_with_the_range() {
    let scene = Scene::new(|_, asked, bytes| match asked.path.as_str() {
        "/archive.tar.gz" => Reply::new("302 Found", b"").header("Location: /moved"),
        _ => Reply::serve(bytes, asked),
    });
    std::fs::write(scene.part(), &scene.bytes[..700]).unwrap();
    scene.fetch_all();
    assert_eq!(scene.starts(), [Some(700), Some(700)]);
    assert_eq!(scene.server.asked()[1].path, "/moved");
}

#[test]
fn a_server_may_keep_the_length_to_itself() {
    let scene = Scene::new(|count, asked, bytes| match count {
        // Without a length, only the size that the archive should have tells this from its end.
        0 => Reply::serve(bytes, asked).without_length().cut(5_000),
        _ => Reply::serve(bytes, asked).without_length(),
    });
    scene.fetch_all();
    assert_eq!(scene.starts(), [None, Some(5_000)]);
}

/// Some servers take the archive for a compressed tar and say so; it has to come as it is, or the hash is another.
#[test]
fn an_encoding_is_not_undone() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked).header("Content-Encoding: gzip"));
    scene.fetch_all();
}

#[test]
fn another_size_is_noticed_before_the_download() {
    let scene = Scene::new(|_, _, _| Reply::new("200 OK", b"<html>Please sign in"));
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, DataError::WrongSize { given: 20, .. }), "{error}");
    assert!(!error.is_network());
    assert!(!scene.part().exists());
}

#[test]
fn an_answer_without_end_does_not_fill_the_disk() {
    let scene = Scene::new(|_, _, bytes| Reply::new("200 OK", &bytes.repeat(40)).without_length());
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, DataError::WrongSize { .. }), "{error}");
    assert!(!scene.part().exists());
}

#[test]
fn a_silent_server_is_given_up() {
    let mut scene =
        Scene::new(|_, asked, bytes| Reply::serve(bytes, asked).stall(if asked.from.is_none() { 900 } else { 0 }));
    scene.archive.stall_timeout = Duration::from_millis(100);
    let begin = Instant::now();
    let error = scene.fetch().unwrap_err();
    assert!(error.to_string().contains("the server sent nothing for 100ms (900 bytes are kept"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn no_server_is_lack_of_network() {
    let mut scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    // The last is a server that speaks no TLS.
    let https = scene.server.url().replace("http:", "https:");
    for url in ["http://127.0.0.1:1/", "http://", "not a url", &https] {
        scene.archive.url = url.to_owned();
        let error = scene.fetch().unwrap_err();
        assert!(error.is_network(), "{error}");
    }
}

#[test]
fn a_cancelled_download_keeps_its_part() {
    let scene = Scene::new(|count, asked, bytes| match count {
        0 => Reply::serve(bytes, asked).stall(5_000),
        _ => Reply::serve(bytes, asked),
    });
    let done = Cell::new(0);
    let begin = Instant::now();
    let error = fetch(&scene.archive, scene.cache.path(), &mut |now| done.set(now.done), &|| done.get() == 5_000);
    assert!(matches!(error, Err(DataError::Cancelled { kept: 5_000 })), "{error:?}");
    // Long before the stall timeout of five seconds.
    assert!(begin.elapsed() < Duration::from_secs(3));
    scene.fetch_all();
    assert_eq!(scene.starts(), [None, Some(5_000)]);
}

#[test]
fn every_phase_can_be_cancelled() {
    for phase in [Phase::Downloading, Phase::Checking, Phase::Unpacking] {
        let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
        let now = Cell::new(None);
        let stop = || now.get() == Some(phase);
        let error = fetch(&scene.archive, scene.cache.path(), &mut |at| now.set(Some(at.phase)), &stop);
        assert!(matches!(error, Err(DataError::Cancelled { .. })), "{phase:?}: {error:?}");
        assert!(!scene.cache.path().join(FOLDER).exists());
        scene.fetch_all();
    }
}

#[test]
fn runs_that_start_together_download_once() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                Builder::new()
                    .name("run".to_owned())
                    .spawn_scoped(scope, || fetch(&scene.archive, scene.cache.path(), &mut |_| {}, &|| false))
            })
            .collect();
        for run in runs {
            run.unwrap().join().unwrap().unwrap();
        }
    });
    scene.fetch_all();
    assert_eq!(scene.starts(), [None]);
}

#[test]
fn waiting_for_another_run_can_be_cancelled() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    let other = std::fs::File::create(scene.cache.path().join("cifar-10.lock")).unwrap();
    other.lock().unwrap();
    let waits = Cell::new(false);
    let mut progress = |at: Progress| waits.set(at.phase == Phase::Waiting);
    let error = fetch(&scene.archive, scene.cache.path(), &mut progress, &|| waits.get());
    assert!(matches!(error, Err(DataError::Cancelled { kept: 0 })), "{error:?}");
}

#[test]
fn what_a_killed_run_left_is_cleared() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    let left = scene.cache.path().join(format!("{FOLDER}.new"));
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("test_batch.bin"), b"half of").unwrap();
    scene.fetch_all();
}

#[test]
fn an_unwritable_cache_is_an_error_in_words() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    let file = scene.cache.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = fetch(&scene.archive, &file, &mut |_| {}, &|| false).unwrap_err();
    assert!(matches!(error, DataError::Unwritable { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot write to the cache folder: "), "{error}");
    assert!(error.to_string().ends_with(&file.display().to_string()), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_how_much_is_needed() {
    let scene = Scene::new(|_, asked, bytes| Reply::serve(bytes, asked));
    // A device on which every write fails for lack of room.
    std::os::unix::fs::symlink("/dev/full", scene.part()).unwrap();
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, DataError::NoRoom { .. }), "{error}");
    assert!(error.to_string().starts_with("no room left on the disk: 1 MiB are needed in all"), "{error}");
    assert!(error.to_string().ends_with(&scene.cache.path().display().to_string()), "{error}");
}
