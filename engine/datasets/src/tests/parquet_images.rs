use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::server::{Reply, Server};
use crate::remote::RemoteOptions;
use crate::{Dataset, FieldKind, ParquetImages, Value};

const SCHEMA: &str = "message m {
    OPTIONAL GROUP img { OPTIONAL BINARY bytes; OPTIONAL BINARY path (UTF8); }
    OPTIONAL INT64 label;
    OPTIONAL BINARY name (UTF8);
    REQUIRED FLOAT score;
    REQUIRED INT32 small (UINT_8);
    REPEATED DOUBLE boxes;
}";

const NAMES: &str = r#"{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}"#;

/// A row's image: its bytes hardly compress, and their number differs.
fn image(row: usize) -> Vec<u8> {
    let mut state = row as u64 + 1;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..50 + row * 37 % 500).map(byte).collect()
}

fn properties() -> parquet::file::properties::WriterPropertiesBuilder {
    let names = KeyValue::new("huggingface".to_owned(), NAMES.to_owned());
    // Pages of some three images, after a dictionary of some ten.
    WriterProperties::builder()
        .set_key_value_metadata(Some(vec![names]))
        .set_data_page_size_limit(1000)
        .set_dictionary_page_size_limit(3000)
        .set_write_batch_size(2)
}

/// Rows in groups of so many; every row number in `nulls` has nulls.
fn file(groups: &[usize], nulls: &[usize], properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut first = 0;
    for count in groups {
        let rows = first..first + count;
        first += count;
        let there: Vec<usize> = rows.clone().filter(|row| !nulls.contains(row)).collect();
        let levels =
            |there: i16| rows.clone().map(|row| if nulls.contains(&row) { 0 } else { there }).collect::<Vec<_>>();
        let binary =
            |value: &dyn Fn(usize) -> Vec<u8>| there.iter().map(|row| ByteArray::from(value(*row))).collect::<Vec<_>>();
        let mut group = writer.next_row_group().unwrap();
        let mut number = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            match number {
                0 | 1 => {
                    let values = if number == 0 { binary(&image) } else { binary(&|_| b"path".to_vec()) };
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels(2)), None).unwrap();
                }
                2 => {
                    let values: Vec<i64> = there.iter().map(|row| *row as i64 % 2).collect();
                    column.typed::<Int64Type>().write_batch(&values, Some(&levels(1)), None).unwrap();
                }
                3 => {
                    let values = binary(&|row| format!("name {row}").into_bytes());
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels(1)), None).unwrap();
                }
                4 => {
                    let values: Vec<f32> = rows.clone().map(|row| row as f32 / 2.0).collect();
                    column.typed::<FloatType>().write_batch(&values, None, None).unwrap();
                }
                5 => {
                    let values: Vec<i32> = rows.clone().map(|row| row as i32).collect();
                    column.typed::<Int32Type>().write_batch(&values, None, None).unwrap();
                }
                _ => {
                    let zeros = vec![0; *count];
                    column.typed::<DoubleType>().write_batch(&[], Some(&zeros), Some(&zeros)).unwrap();
                }
            }
            column.close().unwrap();
            number += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn row(set: &ParquetImages, row: u64) -> Vec<Value<'_>> {
    (0..set.fields().len()).map(|field| set.value(row, field).unwrap()).collect()
}

fn expected(row: usize) -> Vec<Value<'static>> {
    vec![
        Value::Image { bytes: image(row).into(), size: None },
        Value::Int(row as i64 % 2),
        Value::Bytes(format!("name {row}").into_bytes().into()),
        Value::Float(row as f64 / 2.0),
        Value::Int(row as i64),
    ]
}

#[test]
fn rows_come_back_in_any_order_from_all_kinds_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
    ];
    for (number, compression) in compressions.into_iter().enumerate() {
        let version = if number % 2 == 0 { WriterVersion::PARQUET_1_0 } else { WriterVersion::PARQUET_2_0 };
        let properties = properties()
            .set_compression(compression)
            .set_writer_version(version)
            .set_dictionary_enabled(number % 3 != 0)
            .build();
        let path = write(folder.path(), "x.parquet", &file(&[40, 0, 30], &[], properties));
        let set = ParquetImages::open(std::slice::from_ref(&path)).unwrap();
        assert_eq!(set.rows(), 70);
        for at in (0..70).map(|at| at * 37 % 70) {
            assert_eq!(row(&set, at), expected(at as usize), "{compression:?}, row {at}");
            set.prefetch(at);
        }
        assert_eq!(set.place(69), format!("{path}, row 69"));
        assert!((1..40).contains(&set.rows_per_page()), "{}", set.rows_per_page());
    }
}

#[test]
fn fields_are_the_plain_columns() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(&[5], &[], properties().build());
    let set = ParquetImages::open(&[write(folder.path(), "x.parquet", &bytes)]).unwrap();
    let fields: Vec<_> = set.fields().iter().map(|field| (field.name.as_str(), field.kind.clone())).collect();
    let int = |classes: &[&str]| FieldKind::Int { classes: classes.iter().map(|&name| name.to_owned()).collect() };
    assert_eq!(
        fields,
        [
            ("image", FieldKind::Image { size: None }),
            ("label", int(&["cat", "dog"])),
            ("name", FieldKind::Bytes),
            ("score", FieldKind::Float),
            ("small", int(&[])),
        ]
    );
    assert_eq!(set.skipped(), ["boxes (a list)"]);
}

#[test]
fn several_files_are_one_set_and_threads_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(&[20, 15], &[], properties().build());
    let paths = [write(folder.path(), "0.parquet", &bytes), write(folder.path(), "1.parquet", &bytes)];
    let set = ParquetImages::open(&paths).unwrap();
    assert_eq!(set.rows(), 70);
    assert_eq!(set.place(36), format!("{}, row 1", paths[1]));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let set = &set;
            scope.spawn(move || {
                for at in (0..70).map(|at| (at * 11 + thread * 17) % 70) {
                    assert_eq!(row(set, at), expected(at as usize % 35));
                }
            });
        }
    });
}

#[test]
fn a_file_on_a_server_is_read_too() {
    let bytes = file(&[20, 15], &[], properties().build());
    let server = Server::start(move |_, asked| Reply::serve(&bytes, asked));
    let options = RemoteOptions::default();
    let set = ParquetImages::open_with(&[format!("{}/x.parquet", server.host())], &options).unwrap();
    assert_eq!(row(&set, 34), expected(34));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn nulls_are_errors_where_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "x.parquet", &file(&[20, 5], &[3, 21], properties().build()));
    let set = ParquetImages::open(std::slice::from_ref(&path)).unwrap();
    for at in (0..25).filter(|at| ![3, 21].contains(at)) {
        assert_eq!(row(&set, at), expected(at as usize));
    }
    let error = set.value(3, 0).unwrap_err().to_string();
    assert!(error.starts_with("image is null; if its path names a file elsewhere"), "{error}");
    assert!(error.ends_with(&format!(": {path}, row 3")), "{error}");
    assert_eq!(set.value(21, 1).unwrap_err().to_string(), format!("label is null: {path}, row 21"));
    assert_eq!(set.value(21, 4).unwrap(), Value::Int(21));
}

#[test]
fn files_that_differ_say_how() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.parquet", &file(&[5], &[], properties().build()));
    let unnamed = properties().set_key_value_metadata(None).build();
    let unnamed = write(folder.path(), "unnamed.parquet", &file(&[5], &[], unnamed));
    let error = ParquetImages::open(&[good.clone(), unnamed.clone()]).err().unwrap().to_string();
    let expected = "its column \"label\" has another type or other class names than in ";
    assert_eq!(error, format!("{expected}{good}: {unnamed}"));

    let other = one_column("message m { REQUIRED INT64 label; }");
    let other = write(folder.path(), "other.parquet", &other);
    let error = ParquetImages::open(&[good.clone(), other.clone()]).err().unwrap().to_string();
    assert_eq!(error, format!("the file has no column \"image\", which {good} has: {other}"));
    let error = ParquetImages::open(&[other.clone(), good.clone()]).err().unwrap().to_string();
    assert!(error.contains("class names") || error.contains("has a column"), "{error}");
    let list = write(folder.path(), "list.parquet", &one_column("message m { REPEATED INT64 x; }"));
    let error = ParquetImages::open(std::slice::from_ref(&list)).err().unwrap().to_string();
    assert_eq!(error, format!("no column can be read; expected image and label, found x (a list): {list}"));
    assert!(ParquetImages::open(&[]).is_err());
}

/// A file of a schema and no rows.
fn one_column(schema: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap().close().unwrap();
    bytes
}

#[test]
fn what_is_no_parquet_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(&[5], &[], properties().build());
    let error = |bytes: &[u8]| {
        let path = write(folder.path(), "x.parquet", bytes);
        let text = ParquetImages::open(std::slice::from_ref(&path)).err().unwrap().to_string();
        text.strip_suffix(&format!(": {path}")).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let no_parquet = "this is no Parquet file, or it is cut off: it doesn't end in PAR1";
    assert_eq!(error(b""), no_parquet);
    assert_eq!(error(b"PAR1"), no_parquet);
    assert_eq!(error(&bytes[..bytes.len() - 1]), no_parquet);
    let encrypted = [&bytes[..bytes.len() - 1], b"E"].concat();
    assert!(error(&encrypted).starts_with("the Parquet file is encrypted, which is not read"));
    // The metadata is whole, what it speaks of is not.
    let cut = [b"PAR1", &bytes[bytes.len() / 2..]].concat();
    assert!(error(&cut).starts_with("the Parquet file is damaged: "), "{}", error(&cut));
}

/// A small file to change bytes in, written once.
fn small() -> Bytes {
    static SMALL: OnceLock<Bytes> = OnceLock::new();
    SMALL.get_or_init(|| file(&[7, 6], &[2], properties().set_compression(Compression::SNAPPY).build()).into()).clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        metadata: bool,
    ) {
        let mut bytes = small().to_vec();
        // Half of the changes where they matter most.
        let from = if metadata { bytes.len() - 8 - u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize } else { 0 };
        for (at, byte) in changes {
            let count = bytes.len() - from - 4;
            bytes[from + at.index(count)] = byte;
        }
        let folder = tempfile::tempdir().unwrap();
        if let Ok(set) = ParquetImages::open(&[write(folder.path(), "x.parquet", &bytes)]) {
            for row in 0..set.rows().min(50) {
                for field in 0..set.fields().len() {
                    let _ = set.value(row, field);
                }
                set.prefetch(row);
            }
        }
    }
}
