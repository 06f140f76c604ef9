//! One data set in every format gives the same batches.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::data::beton::{WriteOptions, Writer};
use engine::data::drawn::{CLASSES, IMAGE_BYTES, SIDE, draw};
use engine::data::{DataField, ElementType, FieldKind, Split, Value, npy};
use engine::execute::{BatchRange, Inline};
use engine::plan::PlanOptions;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use pixels::ImageSize;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::harness::{Bytes, batches, plan, threaded, within};

const SIZE: ImageSize = ImageSize { height: SIDE, width: SIDE, channels: 3 };
const COUNT: u64 = 60;

/// A labelled image.
pub struct Sample {
    pub pixels: Vec<u8>,
    pub label: i64,
    pub class: &'static str,
}

/// Built-in images in the order in which an image folder has them: by class, classes by name.
pub fn samples() -> Vec<Sample> {
    let mut names = CLASSES;
    names.sort_unstable();
    let one = |index| {
        let mut pixels = [0; IMAGE_BYTES];
        let class = CLASSES[usize::from(draw(7, Split::Train, index, &mut pixels))];
        let label = names.iter().position(|name| *name == class).unwrap() as i64;
        Sample { pixels: pixels.to_vec(), label, class }
    };
    let mut samples: Vec<Sample> = (0..COUNT).map(one).collect();
    samples.sort_by_key(|sample| sample.label);
    samples
}

/// Pixels of [`SIZE`] as a PNG.
pub fn png(pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

/// A folder of PNGs for each class. The names sort as the samples are ordered.
pub fn image_folder(root: &Path, samples: &[Sample]) {
    for (index, sample) in samples.iter().enumerate() {
        fs::create_dir_all(root.join(sample.class)).unwrap();
        fs::write(root.join(sample.class).join(format!("{index:03}.png")), png(&sample.pixels)).unwrap();
    }
}

fn tar_shards(folder: &Path, samples: &[Sample]) {
    fs::create_dir_all(folder).unwrap();
    for (shard, samples) in samples.chunks(25).enumerate() {
        let mut tar = tar::Builder::new(fs::File::create(folder.join(format!("{shard:02}.tar"))).unwrap());
        for (index, sample) in samples.iter().enumerate() {
            let label = sample.label.to_string().into_bytes();
            for (extension, bytes) in [("png", png(&sample.pixels)), ("cls", label)] {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, format!("{index:05}.{extension}"), bytes.as_slice()).unwrap();
            }
        }
        tar.finish().unwrap();
    }
}

fn parquet(path: &Path, samples: &[Sample]) {
    let schema = "message m { OPTIONAL GROUP image { OPTIONAL BINARY bytes; OPTIONAL BINARY path (UTF8); }
        OPTIONAL INT64 label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    for samples in samples.chunks(40) {
        let levels = |level: i16| vec![level; samples.len()];
        let files: Vec<ByteArray> = samples.iter().map(|sample| ByteArray::from(png(&sample.pixels))).collect();
        let labels: Vec<i64> = samples.iter().map(|sample| sample.label).collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&files, Some(&levels(2)), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[], Some(&levels(1)), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&labels, Some(&levels(1)), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn npy_arrays(folder: &Path, samples: &[Sample]) {
    fs::create_dir_all(folder).unwrap();
    let pixels: Vec<u8> = samples.iter().flat_map(|sample| sample.pixels.clone()).collect();
    let labels: Vec<u8> = samples.iter().flat_map(|sample| sample.label.to_le_bytes()).collect();
    let rows = samples.len();
    npy::write(&folder.join("image.npy"), ElementType::Uint8, &[rows, SIDE, SIDE, 3], &pixels).unwrap();
    npy::write(&folder.join("label.npy"), ElementType::Int64, &[rows], &labels).unwrap();
}

fn beton(path: &Path, samples: &[Sample]) {
    let field = |name: &str, kind| DataField { name: name.to_owned(), kind };
    let fields =
        [field("image", FieldKind::Image { size: Some(SIZE) }), field("label", FieldKind::Int { classes: Vec::new() })];
    let mut writer = Writer::create(path, &fields, samples.len() as u64, WriteOptions::default()).unwrap();
    for sample in samples {
        let image = Value::Image { bytes: Cow::Borrowed(&sample.pixels), size: Some(SIZE) };
        writer.append(&[image, Value::Int(sample.label)]).unwrap();
    }
    writer.finish().unwrap();
}

/// The sources of a set in each format, and whether their images are encoded.
fn sources(folder: &Path) -> Vec<(&'static str, PathBuf, bool)> {
    let samples = samples();
    let at = |name: &str| folder.join(name);
    image_folder(&at("folder"), &samples);
    tar_shards(&at("tars"), &samples);
    parquet(&at("set.parquet"), &samples);
    npy_arrays(&at("npy"), &samples);
    beton(&at("set.beton"), &samples);
    vec![
        ("beton", at("set.beton"), false),
        ("npy", at("npy"), false),
        ("image_folder", at("folder"), true),
        ("webdataset", at("tars"), true),
        ("parquet", at("set.parquet"), true),
    ]
}

fn graph(op: &str, path: &Path, encoded: bool) -> Json {
    let images = if encoded { "decode" } else { "source" };
    let mut graph = json!({
        "name": "formats",
        "seed": 11,
        "nodes": {
            "source": { "op": op, "path": path.to_str().unwrap(), "batch_size": 16, "order": "random" },
            "flip": { "op": "random_horizontal_flip", "input": images },
            "translate": { "op": "random_translate", "padding": 4, "input": "flip" },
            "cut": { "op": "cutout", "crop_size": 8, "input": "translate" },
            "normal": { "op": "normalize", "mean": [120.5, 110, 100], "std": [50], "input": "cut" }
        }
    });
    if encoded {
        graph["nodes"]["decode"] = json!({ "op": "decode", "size": SIDE, "input": "source" });
    }
    graph
}

#[test]
fn every_format_gives_the_same_batches() {
    within(120, || {
        let folder = TempDir::new().unwrap();
        // Two epochs of four batches, the last of each not full.
        let of = |(op, path, encoded): &(&str, PathBuf, bool), parallel: bool| -> Vec<Bytes> {
            let plan = plan(&graph(op, path, *encoded), &PlanOptions::default());
            let range = BatchRange::epochs(0..2);
            match parallel {
                true => batches(&plan, &threaded(2), range, 100),
                false => batches(&plan, &Inline::default(), range, 100),
            }
        };
        let sources = sources(folder.path());
        let expected = of(&sources[0], false);
        assert_eq!(
            expected.iter().map(|(_, samples, _)| samples.len()).collect::<Vec<_>>(),
            [16, 16, 16, 12].repeat(2)
        );
        for source in &sources {
            for parallel in [false, true] {
                let found = of(source, parallel);
                assert_eq!(found.len(), expected.len(), "{}", source.0);
                for ((id, samples, columns), (_, expected_samples, expected_columns)) in found.iter().zip(&expected) {
                    assert_eq!(samples, expected_samples, "{}", source.0);
                    for ((name, bytes), (_, expected)) in columns.iter().zip(expected_columns) {
                        assert!(bytes == expected, "{}, parallel: {parallel}, batch {id:?}: {name} differs", source.0);
                    }
                    assert_eq!(columns.len(), expected_columns.len());
                }
            }
        }
    });
}
