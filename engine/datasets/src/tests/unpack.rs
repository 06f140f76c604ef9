use tar::EntryType;

use super::archives::{Tarball, describe, records};
use super::fetch::{Scene, names};
use super::server::{Reply, Server};
use crate::cifar::{FILES, FOLDER};
use crate::error::DataError;
use crate::fetch::fetch;

/// Serves the archive and gives the reason why it cannot be unpacked.
fn refusal(tarball: Tarball) -> String {
    let scene = Scene::with(tarball, |_, asked, bytes| Reply::serve(bytes, asked));
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, DataError::BadArchive { .. }), "{error}");
    assert_eq!(names(scene.cache.path()).len(), 2, "only the part and the lock stay");
    error.to_string()
}

#[test]
fn a_hostile_archive_is_refused() {
    let name = format!("{FOLDER}/{}", FILES[0]);
    let two = records(2);

    let text = refusal(Tarball::new().file(&name, &two));
    assert!(text.contains("cifar-10-batches-bin/data_batch_2.bin is not in it"), "{text}");

    let text = refusal(Tarball::complete().file(&name, &two));
    assert!(text.contains("data_batch_1.bin is in it twice"), "{text}");

    let text = refusal(Tarball::new().file(&name, &records(3)));
    assert!(text.contains("data_batch_1.bin in it has 9219 bytes, expected 6146 at most"), "{text}");

    for size in [u64::from(u32::MAX), u64::MAX] {
        let text = refusal(Tarball::new().entry(&name, EntryType::Regular, size, b"short"));
        assert!(text.contains("expected 6146 at most") || text.starts_with("cannot unpack the archive"), "{text}");
    }

    let text = refusal(Tarball::new().entry(&name, EntryType::Regular, 3_000, b"short"));
    assert!(text.contains("it ends within data_batch_1.bin") || text.starts_with("cannot unpack"), "{text}");

    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Char] {
        let text = refusal(Tarball::new().entry(&name, kind, 0, b""));
        assert!(text.contains("data_batch_1.bin in it is not a plain file"), "{text}");
    }
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let mut tarball = Tarball::complete();
    for name in
        ["../outside", "/tmp/outside", &format!("{FOLDER}/../../outside"), &format!("{FOLDER}/x/test_batch.bin")]
    {
        tarball = tarball.file(name, b"outside");
    }
    Scene::with(tarball, |_, asked, bytes| Reply::serve(bytes, asked)).fetch_all();
}

#[test]
fn a_bomb_is_cut_off() {
    // 64 MiB of nothing in some 64 KiB, before the files and so in the way of them.
    let bomb = Tarball::new().file("zeros", &vec![0; 64 << 20]);
    let text = refusal(bomb);
    assert!(text.starts_with("cannot unpack the archive: "), "{text}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let noise = records(1);
    let sent = noise.clone();
    let server = Server::start(move |_, asked| Reply::serve(&sent, asked));
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(&describe(&noise, server.url()), cache.path(), &mut |_| {}, &|| false).unwrap_err();
    assert!(matches!(error, DataError::BadArchive { .. }), "{error}");
}
