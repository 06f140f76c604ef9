//! Files that are damaged, or made to do damage: an error or some value, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::peculiar::every_type;
use super::{message, open, open_fetched};
use crate::beton::{Beton, verify};
use crate::{DataError, Dataset};

/// Reads all there is, in memory, fetched and mapped; how much came of it, which is the same for all three.
fn read_all(bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.beton");
    std::fs::write(&path, bytes).unwrap();
    let opened = [open(bytes), open_fetched(bytes), Beton::open(&path)];
    let [Ok(memory), Ok(fetched), Ok(mapped)] = opened else {
        assert!(opened.iter().all(Result::is_err));
        return 0;
    };
    let mut good = 0;
    // A hostile file has no more rows than bytes: even a row of one number has eight.
    for row in 0..memory.rows() {
        memory.prefetch(row);
        for field in 0..memory.fields().len() {
            let say = |file: &Beton| match file.value(row, field) {
                Ok(value) => Ok(format!("{value:?}")),
                Err(DataError::Sample { message, .. }) => Err(message),
                Err(other) => panic!("{other}"),
            };
            let said = say(&memory);
            assert_eq!(say(&fetched), said);
            assert_eq!(say(&mapped), said);
            good += usize::from(said.is_ok());
        }
    }
    for file in [memory, fetched, mapped] {
        let size = |_: &[u8]| Err("not decoded".to_owned());
        verify(&file, 1, &size, &mut |_, _| true).unwrap();
        file.info().unwrap();
        assert!(file.rows_per_page() > 0);
    }
    good
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn changed_bytes_never_panic(changes in vec((any::<Index>(), any::<u8>(), 0..4_usize), 1..12), cut in prop::option::of(any::<Index>())) {
        let mut bytes = every_type().bytes();
        let rows = 24 + 8 * 1041;
        let table = u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize;
        for (place, byte, region) in changes {
            // The header, the descriptors, the rows, the table: random places would mostly hit pages.
            let range = [0..24, 24..rows, rows..rows + 120 * 88, table..bytes.len()][region].clone();
            bytes[range.start + place.index(range.len())] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        read_all(&bytes);
    }

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn huge_numbers_never_panic(place in any::<Index>(), huge in prop::sample::select(vec![u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 32, u64::MAX - 4096, 0])) {
        let mut bytes = every_type().bytes();
        let at = place.index(bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&huge.to_le_bytes());
        read_all(&bytes);
    }

    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..4000)) {
        read_all(&noise);
        let mut headed = vec![2, 0, 1, 0, 0, 0, 32, 0];
        headed.extend(noise);
        read_all(&headed);
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of cases: hours")]
fn every_length_is_an_error_or_reads() {
    let bytes = every_type().bytes();
    let table = u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize;
    let whole = read_all(&bytes);
    for length in (0..24 + 8 * 1041 + 200).step_by(13).chain(table - 40..bytes.len()) {
        let got = open(&bytes[..length]);
        if length < table || !(length - table).is_multiple_of(24) {
            assert!(matches!(got, Err(DataError::Format { .. })), "{length}");
        } else {
            // A record less is missed by JPEGs only.
            assert!(read_all(&bytes[..length]) <= whole, "{length}");
        }
    }
}

/// The message for a file with these bytes at this place.
fn with(at: usize, bytes: &[u8]) -> String {
    let mut file = every_type().bytes();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    message(open(&file).map(|file: Beton| file.rows()))
}

#[test]
fn broken_files_are_errors_in_words() {
    let starts = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
    starts(message(open(b"").map(|_| ())), "this is no .beton file: it has 0 bytes");
    starts(with(0, &[3]), "this is no .beton file of version 2, the only one there is: its first two bytes say 3");
    starts(with(2, &[0, 0]), "the file has no fields");
    starts(with(2, &[255, 255]), "the file is cut off or damaged");
    starts(with(4, &[1]), "the header says pages of 4097 bytes, expected a power of two");
    starts(with(4, &[0; 4]), "the header says pages of 0 bytes");
    starts(with(8, &[255; 8]), "the file is cut off or damaged");
    starts(with(8, &[0, 0, 0, 0, 0, 0, 0, 1]), "the file is cut off or damaged");
    starts(with(16, &[0; 8]), "the file was never finished: its writer stopped before");
    starts(with(16, &[255; 8]), "the file is cut off or damaged");
    starts(with(16, &[1, 0, 0, 0, 0, 0, 0, 0]), "the header places the allocation table at byte 1");
    starts(with(24, &[255]), "the field float has a type of its own");
    starts(with(24, &[9]), "the field float has type 9, expected 0 to 6");
}

#[test]
fn broken_rows_are_errors_and_leave_the_others_alone() {
    let bytes = every_type().bytes();
    let rows = 24 + 8 * 1041;
    let row_bytes = 88;
    // Row 1: the float, then the raw image's mode, width, height and place.
    let at = rows + row_bytes;
    let table = u64::from_le_bytes(bytes[16..24].try_into().unwrap());
    let cases: [(usize, &[u8], &str); 6] = [
        (8, &[7], "the field image is damaged: the image has mode 7, expected 0 or 1"),
        (9, &[0, 0], "the field image is damaged: an image of 0 × 2 pixels"),
        (9, &[255; 4], "the field image is damaged: 12884508675 bytes from byte"),
        (13, &[255; 8], "the field image is damaged: 12 bytes from byte 18446744073709551615 on lie outside"),
        (13, &(table - 11).to_le_bytes(), "the field image is damaged: 12 bytes from byte"),
        (8, &[0, 2, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0], "the field image is damaged: its length is nowhere"),
    ];
    for (offset, change, start) in cases {
        let mut broken = bytes.clone();
        broken[at + offset..at + offset + change.len()].copy_from_slice(change);
        let file = open(&broken).unwrap();
        let text = message(file.value(1, 1));
        assert!(text.starts_with(start) && text.ends_with(": memory.beton, row 1"), "{text}");
        assert!(file.value(0, 1).is_ok() && file.value(2, 1).is_ok());
        let found = verify(&file, 1, &|_| Ok(pixels::ImageSize { height: 7, width: 9, channels: 3 }), &mut |_, _| true);
        let found = found.unwrap();
        assert_eq!((found.bad_count, found.bad[0].row, found.bad[0].field.as_str()), (1, 1, "image"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "measures time")]
fn thousands_of_fields_of_one_name_are_told_apart_quickly() {
    let fields = 20_000_u16;
    let row = 8 * usize::from(fields);
    let end = 24 + 1041 * usize::from(fields) + row;
    let mut bytes = vec![0; end];
    bytes[..2].copy_from_slice(&[2, 0]);
    bytes[2..4].copy_from_slice(&fields.to_le_bytes());
    bytes[4..8].copy_from_slice(&4096_u32.to_le_bytes());
    bytes[8] = 1;
    bytes[16..24].copy_from_slice(&(end as u64).to_le_bytes());
    for field in 0..usize::from(fields) {
        let at = 24 + 1041 * field;
        bytes[at..at + 2].copy_from_slice(&[1, b'a']);
    }
    let file = open(&bytes).unwrap();
    assert_eq!(file.fields()[19_999].name, "a_20000");
}
