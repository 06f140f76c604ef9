use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::tars::{entry, file, header, pax, sign, tar};
use crate::remote::RemoteOptions;
use crate::{Dataset, FieldKind, TarShards, Value};

fn shards(folder: &Path, shards: &[Vec<u8>]) -> Vec<String> {
    let write = |(number, bytes): (usize, &Vec<u8>)| {
        let path = folder.join(format!("shard-{number:03}.tar"));
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    shards.iter().enumerate().map(write).collect()
}

fn open(bytes: &[Vec<u8>]) -> Result<TarShards, String> {
    let folder = tempfile::tempdir().unwrap();
    TarShards::open(&shards(folder.path(), bytes)).map_err(|error| error.to_string())
}

fn error(entries: &[Vec<u8>]) -> String {
    open(&[tar(entries)]).err().unwrap()
}

fn names(set: &TarShards) -> Vec<&str> {
    set.fields().iter().map(|field| field.name.as_str()).collect()
}

fn image(bytes: &[u8]) -> Value<'_> {
    Value::Image { bytes: bytes.into(), size: None }
}

#[test]
fn samples_are_files_that_agree_up_to_the_first_dot() {
    let set = open(&[
        tar(&[
            file("a.b/000.jpg", b"zero"),
            file("a.b/000.cls", b" 7\n"),
            file("a.b/000.seg.png", b"mask"),
            file("a.b/000.json", b"{}"),
            file("a.b/000.txt", b"words"),
            file("a.b/000.index", b"-3"),
            file("LICENSE", b"no dot"),
            file("a.b/._000.jpg", b"hidden"),
            entry(header("a.b/", 0, b'5'), b""),
            entry(header("a.b/link.jpg", 0, b'2'), b""),
        ]),
        // In another order, one of them far from the rest, and as another kind of image.
        tar(&[
            file("./x.TXT", b""),
            file("./y.seg.png", b"y mask"),
            file("./x.json", b"[]"),
            file("./x.index", b"1"),
            file("./x.cls", b"8"),
            file("./x.seg.png", b"x mask"),
            file("./y.index", b"2"),
            file("./y.txt", b"y"),
            file("./y.json", b"1"),
            file("./y.cls", b"9"),
            file("./y.webp", &[1; 3000]),
            file("./x.PNG", b"x image"),
        ]),
    ])
    .unwrap();
    assert_eq!(set.rows(), 3);
    assert_eq!(names(&set), ["image", "seg.png", "label", "index", "json", "txt"]);
    assert_eq!(set.fields()[1].kind, FieldKind::Image { size: None });
    assert_eq!(set.fields()[4].kind, FieldKind::Json);
    let row = |row| (0..6).map(|field| set.value(row, field).unwrap()).collect::<Vec<_>>();
    let bytes = |bytes: &'static [u8]| Value::Bytes(bytes.into());
    assert_eq!(row(0), [image(b"zero"), image(b"mask"), Value::Int(7), Value::Int(-3), bytes(b"{}"), bytes(b"words")]);
    assert_eq!(row(1), [image(b"x image"), image(b"x mask"), Value::Int(8), Value::Int(1), bytes(b"[]"), bytes(b"")]);
    assert_eq!(row(2)[0], image(&[1; 3000]));
    assert!(set.place(0).ends_with("shard-000.tar, a.b/000"), "{}", set.place(0));
    assert!(set.place(2).ends_with("shard-001.tar, y"), "{}", set.place(2));
}

#[test]
fn two_images_of_a_sample_are_fields_by_their_extension() {
    let set = open(&[tar(&[file("1.jpg", b"photo"), file("1.png", b"mask"), file("2.jpg", b""), file("2.png", b"")])]);
    assert_eq!(names(&set.unwrap()), ["jpg", "png"]);
}

#[test]
fn long_names_of_all_kinds_are_read() {
    let long = format!("{}/1", "folder".repeat(40));
    let name = |extension: &str| format!("{long}.{extension}");
    let mut prefixed = header("1.txt", 1, b'0');
    prefixed[345..351].copy_from_slice(b"folder");
    sign(&mut prefixed);
    let mut wide = header("size", 0, b'0');
    wide[..12].copy_from_slice(b"folder/1.cls");
    wide[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    sign(&mut wide);
    let gnu = [name("txt").as_bytes(), b"\0"].concat();
    let set = open(&[
        tar(&[
            pax(&[("mtime", "1.5"), ("path", &name("cls")), ("size", "2")]),
            entry(header("short", 0, b'0'), b"12"),
            entry(header("././@LongLink", gnu.len() as u64, b'L'), &gnu),
            file("short", b"gnu"),
        ]),
        tar(&[entry(prefixed, b"p"), entry(wide, b"34")]),
    ])
    .unwrap();
    assert_eq!(set.value(0, 0).unwrap(), Value::Int(12));
    assert_eq!(set.value(0, 1).unwrap(), Value::Bytes(b"gnu".into()));
    assert!(set.place(0).ends_with(&long));
    assert_eq!(set.value(1, 0).unwrap(), Value::Int(34));
    assert_eq!(set.value(1, 1).unwrap(), Value::Bytes(b"p".into()));
    assert!(set.place(1).ends_with("shard-001.tar, folder/1"));
}

#[test]
fn a_sample_that_is_unlike_the_others_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = shards(
        folder.path(),
        &[
            tar(&[file("1.jpg", b""), file("1.cls", b"0")]),
            tar(&[file("2.jpg", b""), file("2.cls", b"x"), file("3.jpg", b"")]),
        ],
    );
    let text = TarShards::open(&paths).err().unwrap().to_string();
    let expected = "the sample has no \"label\", which others have; add it, or name the fields to be read";
    assert_eq!(text, format!("{expected}: {}, 3", paths[1]));
    let some = |wanted: &str| TarShards::open_with(&paths, Some(&[wanted.to_owned()]), &RemoteOptions::default());
    assert_eq!(some("image").unwrap().rows(), 3);
    let text = some("mask").err().unwrap().to_string();
    assert!(text.starts_with("no sample has \"mask\"; there are image, label: "), "{text}");

    let text = error(&[file("1.jpg", b""), file("1.JPG", b"")]);
    assert!(text.starts_with("the sample has image twice: ") && text.ends_with(", 1"), "{text}");
    let set = TarShards::open(&paths[..1]).unwrap();
    assert_eq!(set.value(0, 1).unwrap(), Value::Int(0));
    let text = open(&[tar(&[file("2.cls", b"x")])]).unwrap_err_value();
    assert!(text.starts_with("label is no whole number: \"x\": ") && text.ends_with(", 2"), "{text}");
}

trait UnwrapErrValue {
    fn unwrap_err_value(self) -> String;
}

impl UnwrapErrValue for Result<TarShards, String> {
    /// The error of the first value. The shards are mapped, so that it matters not that they are gone.
    fn unwrap_err_value(self) -> String {
        self.unwrap().value(0, 0).unwrap_err().to_string()
    }
}

#[test]
fn damage_names_the_shard_and_the_place() {
    let good = tar(&[file("1.jpg", b"1"), file("2.jpg", b"2")]);
    let says = |bytes: Vec<u8>, expected: &str| {
        let text = open(&[good.clone(), bytes]).err().unwrap();
        assert!(text.starts_with(expected) && text.ends_with("shard-001.tar"), "{text}");
    };
    says(good[..1024].to_vec(), "the tar is cut off: its end mark is missing");
    says(good[..1030].to_vec(), "the tar is cut off: its end mark is missing");
    says(good[..1536].to_vec(), "the tar is cut off: its file 2.jpg has 1 bytes, 0 of them are there");
    says(Vec::new(), "the tar is empty");
    says([good.clone(), good.clone()].concat(), "there is more after the end mark at byte 2048: if tars were joined");
    says(b"PK\x03\x04".repeat(200), "this is no tar; it is a zip");
    says([0x1f, 0x8b, 8, 0].repeat(200), "this is no tar; it is compressed with gzip");
    let mut damaged = good.clone();
    damaged[1030] ^= 1;
    says(damaged, "the entry at byte 1024 has a wrong checksum: the tar is damaged");
    says(tar(&[file("1.jpg", b""), entry(header("2", 0, b'S'), b"")]), "the entry at byte 512 is sparse");
    says(tar(&[pax(&[("GNU.sparse.major", "1")]), file("1.jpg", b"")]), "the entry at byte 0 is sparse");
    says(tar(&[entry(header("x", 5, b'x'), b"99 a=")]), "the entry at byte 0 has damaged extended headers");
    says(tar(&[pax(&[("size", "18446744073709551615")]), file("1.jpg", b"")]), "the tar is cut off: its file 1.jpg");
    says(
        tar(&[entry(header("L", 1 << 21, b'L'), &vec![b'a'; 1 << 21])]),
        "the entry at byte 0 has 2097152 bytes of names",
    );
    let text = open(&[tar(&[file("readme", b"")])]).err().unwrap();
    assert!(text.starts_with("no samples: expected files such as 000123.jpg"), "{text}");
}

#[test]
fn a_shard_that_is_not_there_is_named() {
    let text = TarShards::open(&["gone.tar".to_owned()]).err().unwrap().to_string();
    assert_eq!(text, "the file is missing; check the path: gone.tar");
}

/// Opens what may be anything, and reads it all.
fn read_all(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    if let Ok(set) = TarShards::open(&[path.to_str().unwrap().to_owned()]) {
        for row in 0..set.rows() {
            for field in 0..set.fields().len() {
                let _ = set.value(row, field);
            }
            set.prefetch(row);
            assert!(!set.place(row).is_empty());
        }
    }
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutated.tar");
    (folder, path)
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn samples_come_back_as_they_were_written(
        samples in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..1500), 1..20),
        parts in 1..4_usize,
    ) {
        let entries = samples.iter().enumerate().map(|(number, bytes)| {
            [file(&format!("{number}.jpg"), bytes), file(&format!("{number}.cls"), number.to_string().as_bytes())].concat()
        });
        let entries: Vec<Vec<u8>> = entries.collect();
        let per_shard = entries.len().div_ceil(parts);
        let set = open(&entries.chunks(per_shard).map(tar).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(set.rows(), samples.len() as u64);
        for (row, bytes) in samples.iter().enumerate().rev() {
            prop_assert_eq!(set.value(row as u64, 0).unwrap(), image(bytes));
            prop_assert_eq!(set.value(row as u64, 1).unwrap(), Value::Int(row as i64));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn mutated_tars_never_panic(changes in proptest::collection::vec((0..4608_usize, any::<u8>()), 1..6), signed: bool) {
        let mut bytes = tar(&[
            pax(&[("path", "a/1.jpg"), ("size", "5")]),
            file("short", b"first"),
            entry(header("L", 8, b'L'), b"b/2.jpg\0"),
            file("short", b"second"),
        ]);
        for (at, byte) in changes {
            bytes[at % 4608] = byte;
        }
        // Mostly the checksum would be all that is tested.
        if signed {
            for at in [0, 1024, 2048, 3072] {
                let block: &mut [u8; 512] = (&mut bytes[at..at + 512]).try_into().unwrap();
                sign(block);
            }
        }
        let (_folder, path) = scratch();
        read_all(&path, &bytes);
    }
}
