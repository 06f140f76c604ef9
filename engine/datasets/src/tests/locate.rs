use std::path::Path;

use super::archives::{Tarball, describe, write_set};
use super::server::{Reply, Server};
use crate::cifar::FOLDER;
use crate::fetch::Archive;
use crate::{DataError, Fallback, Found, Where, locate};

fn find(wanted: &Where) -> Result<Found, DataError> {
    locate(wanted, &mut |_| {}, &|| false)
}

/// An archive behind a port where nobody listens.
fn out_of_reach() -> Archive {
    describe(b"never sent", "http://127.0.0.1:1/archive.tar.gz".to_owned())
}

fn offline(cache: &Path) -> Where {
    Where { cache_dir: Some(cache.to_path_buf()), archive: out_of_reach(), ..Where::default() }
}

#[test]
fn a_named_folder_comes_first_and_never_falls_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["data", "env"] {
        write_set(&path(name), 1);
    }
    let mut wanted = Where { data_dir: Some(path("data")), env_dir: Some(path("env")), ..offline(&path("cache")) };
    assert_eq!(find(&wanted).unwrap(), Found::Folder(path("data")));
    wanted.data_dir = None;
    assert_eq!(find(&wanted).unwrap(), Found::Folder(path("env")));
    wanted.env_dir = Some(path("gone"));
    assert!(matches!(find(&wanted), Err(DataError::Missing { .. })));
    wanted.data_dir = Some(folder.path().to_path_buf());
    assert!(matches!(find(&wanted), Err(DataError::NotCifar { .. })));
    assert!(!path("cache").exists(), "a named folder needs no cache");
}

#[test]
fn the_cache_is_used_before_the_network() {
    let folder = tempfile::tempdir().unwrap();
    write_set(&folder.path().join(FOLDER), 1);
    let found = find(&Where { fallback: Fallback::Never, ..offline(folder.path()) }).unwrap();
    assert_eq!(found, Found::Folder(folder.path().join(FOLDER)));
}

#[test]
fn without_network_the_drawn_set_stands_in_unless_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    // An empty $ENGINE_DATA is none.
    let mut wanted = Where { env_dir: Some("".into()), ..offline(folder.path()) };
    let Found::Drawn { reason } = find(&wanted).unwrap() else { panic!("nothing can be there") };
    assert!(reason.starts_with("could not download http://127.0.0.1:1/archive.tar.gz: "), "{reason}");
    assert!(reason.contains("refused"), "{reason}");
    wanted.fallback = Fallback::Never;
    assert_eq!(find(&wanted).unwrap_err().to_string(), reason);
}

#[test]
fn what_the_network_is_not_to_blame_for_stays_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("file");
    std::fs::write(&cache, b"").unwrap();
    assert!(matches!(find(&offline(&cache)), Err(DataError::Unwritable { .. })));

    let bytes = Tarball::complete().finish();
    let sent = bytes.clone();
    let server = Server::start(move |_, asked| Reply::serve(&sent, asked));
    let archive = Archive { md5: "0".repeat(32), ..describe(&bytes, server.url()) };
    let wanted = Where { archive, ..offline(&folder.path().join("cache")) };
    assert!(matches!(find(&wanted), Err(DataError::WrongHash { .. })));
}

#[test]
fn an_incomplete_cache_is_downloaded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cached = folder.path().join(FOLDER);
    write_set(&cached, 1);
    std::fs::remove_file(cached.join("test_batch.bin")).unwrap();
    let bytes = Tarball::complete().finish();
    let sent = bytes.clone();
    let server = Server::start(move |_, asked| Reply::serve(&sent, asked));
    let wanted = Where { archive: describe(&bytes, server.url()), ..offline(folder.path()) };
    assert_eq!(find(&wanted).unwrap(), Found::Folder(cached.clone()));
    assert_eq!(std::fs::metadata(cached.join("test_batch.bin")).unwrap().len(), 2 * 3073);
    assert_eq!(find(&wanted).unwrap(), Found::Folder(cached));
    assert_eq!(server.asked().len(), 1);
}
