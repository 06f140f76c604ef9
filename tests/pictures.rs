//! Images of any size become images of one size.

use std::path::Path;

use engine::data::{ElementType, npy};
use engine::execute::{BatchRange, Inline};
use engine::plan::PlanOptions;
use pixels::{ImageSize, JpegOptions, encode_jpeg};
use serde_json::{Value, json};

use crate::harness::{batches, plan, threaded, within};

/// An image of a few shapes and shades, another one for each number.
fn drawn(number: usize, size: ImageSize) -> Vec<u8> {
    let value = |y: usize, x: usize, c: usize| {
        let (cy, cx) = (size.height * (3 + number % 5) / 10, size.width * (7 - number % 5) / 10);
        let inside = y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2) < (size.height / 4).pow(2);
        (if inside { 200 - 60 * c } else { (y * 2 + x + 40 * c) % 180 }) as u8
    };
    let places = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
    places.flat_map(|(y, x)| (0..size.channels).map(move |c| value(y, x, c))).collect()
}

/// A folder of two classes with twelve JPEGs of different sizes, one of them grey.
fn folder(root: &Path) {
    for number in 0..12 {
        let channels = if number == 5 { 1 } else { 3 };
        let size = ImageSize { height: 40 + 13 * number, width: 90 - 4 * number, channels };
        let mut jpeg = Vec::new();
        encode_jpeg(&drawn(number, size), size, JpegOptions::default(), &mut jpeg).unwrap();
        let class = root.join(if number % 2 == 0 { "even" } else { "odd" });
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join(format!("{number:02}.jpg")), jpeg).unwrap();
    }
}

/// A short name of some bytes.
fn hash(bytes: &[u8]) -> String {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{fnv:016x}")
}

fn graph(source: Value, node: Value) -> Value {
    let mut node = node;
    node["input"] = json!("source");
    json!({ "name": "pictures", "seed": 3, "nodes": { "source": source, "node": node } })
}

/// The fields of the first epoch, the same from both executors, with whatever workers and chunks.
fn fields(graph: &Value) -> Vec<(String, Vec<u8>)> {
    let range = BatchRange::epochs(0..1);
    let reference = batches(&plan(graph, &PlanOptions::default()), &Inline::default(), range, 1);
    for (workers, chunk, unfused) in [(1, 3, false), (3, 1, false), (2, 5, true)] {
        let options = PlanOptions { rows_per_chunk: Some(chunk), unfused, ..PlanOptions::default() };
        assert!(reference == batches(&plan(graph, &options), &threaded(workers), range, 1), "{graph:#}");
    }
    reference[0].2.clone()
}

#[test]
fn each_operator_makes_its_picture() {
    within(60, || {
        let data = tempfile::tempdir().unwrap();
        folder(data.path());
        let source = json!({ "op": "image_folder", "path": data.path(), "order": "random", "batch_size": 12 });
        let mut shown = Vec::new();
        for node in [
            json!({ "op": "resize", "size": [24, 32] }),
            json!({ "op": "resize", "size": [24, 32], "antialias": false }),
            json!({ "op": "resize", "size": 17, "filter": "area", "channels": 1 }),
            json!({ "op": "resize", "size": [50, 60], "filter": "bicubic" }),
            json!({ "op": "resize", "size": [9, 9], "filter": "lanczos" }),
            json!({ "op": "center_crop", "size": 48, "fill": [1, 2, 3] }),
            json!({ "op": "center_resized_crop", "size": 20, "filter": "area" }),
            json!({ "op": "random_crop", "size": [30, 40], "padding": 4 }),
            json!({ "op": "random_crop", "size": 32, "padding": 9, "padding_mode": "reflect" }),
            json!({ "op": "random_crop", "size": 99, "pad_if_needed": true, "fill": [7] }),
            json!({ "op": "random_resized_crop", "size": 28 }),
            json!({ "op": "random_resized_crop", "size": [20, 30], "antialias": false, "scale": [0.5, 1] }),
        ] {
            let graph = graph(source.clone(), node.clone());
            let fields = match node["size"] == 17 {
                // Of any size still: cut, to look at.
                true => {
                    let mut both = graph.clone();
                    let crop = json!({ "op": "center_crop", "size": 17, "channels": 1, "input": "node" });
                    both["nodes"]["crop"] = crop;
                    fields(&both)
                }
                false => fields(&graph),
            };
            let image = fields.iter().find(|(name, _)| name.starts_with("image")).unwrap();
            shown.push(format!("{node}\n    {} {}", image.0, hash(&image.1)));
        }
        insta::assert_snapshot!(shown.join("\n"));
    });
}

#[test]
fn decode_demands_one_size() {
    within(60, || {
        let data = tempfile::tempdir().unwrap();
        folder(data.path());
        let source = json!({ "op": "image_folder", "path": data.path() });
        let plan = plan(&graph(source, json!({ "op": "decode", "size": [40, 90] })), &PlanOptions::default());
        let resources = crate::harness::resources();
        let pipeline =
            std::sync::Arc::new(engine::execute::Pipeline::new(&plan, plan.outlets()[0].0, &resources).unwrap());
        use engine::execute::Executor as _;
        let error = threaded(2).start(&pipeline, BatchRange::epochs(0..1)).next().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("the image is of") && error.contains("`size` says 40 × 90"), "{error}");
        assert!(error.contains(".jpg"), "the file is named: {error}");
    });
}

#[test]
fn masks_are_cut_with_their_images() {
    within(60, || {
        let data = tempfile::tempdir().unwrap();
        let size = ImageSize { height: 30, width: 44, channels: 3 };
        let images: Vec<u8> = (0..8).flat_map(|number| drawn(number, size)).collect();
        // A mask that is the image's first channel: where nothing is computed it stays so.
        let masks: Vec<u8> = images.chunks_exact(3).map(|pixel| pixel[0]).collect();
        let path = |name: &str| data.path().join(name);
        npy::write(&path("image.npy"), ElementType::Uint8, &[8, 30, 44, 3], &images).unwrap();
        npy::write(&path("mask.npy"), ElementType::Uint8, &[8, 30, 44, 1], &masks).unwrap();
        let source = json!({ "op": "npy", "path": [path("image.npy"), path("mask.npy")], "order": "random" });
        for node in [
            json!({ "op": "random_crop", "size": 20, "padding": 6, "also": ["mask"] }),
            json!({ "op": "random_crop", "size": [20, 30], "padding": 3, "padding_mode": "reflect", "also": ["mask"] }),
            json!({ "op": "center_crop", "size": 40, "also": ["mask"] }),
        ] {
            let fields = fields(&graph(source.clone(), node));
            let (image, mask) = (&fields[0].1, &fields[1].1);
            assert!(image.chunks_exact(3).map(|pixel| pixel[0]).eq(mask.iter().copied()));
        }
        let node = json!({ "op": "random_resized_crop", "size": 16, "also": ["mask"] });
        let fields = fields(&graph(source, node));
        let values: std::collections::BTreeSet<u8> = masks.iter().copied().collect();
        assert!(fields[1].1.iter().all(|v| values.contains(v)), "a mask has no values between two others");
        assert_eq!(fields[1].0, "mask uint8 [16, 16, 1]");
    });
}

/// Twelve images of the folder $PICTURES through each operator, as one picture, $CONTACT_SHEET (PPM), to look at.
#[test]
#[ignore = "a picture of the images in $PICTURES, which somebody must look at: `make sheets` draws it"]
fn contact_sheet() {
    let folder = std::env::var("PICTURES").unwrap();
    let source = json!({ "op": "image_folder", "path": folder, "order": "random", "batch_size": 12 });
    let mut rows = Vec::new();
    for node in [
        json!({ "op": "resize", "size": [96, 96] }),
        json!({ "op": "resize", "size": [96, 96], "antialias": false }),
        json!({ "op": "center_crop", "size": 96 }),
        json!({ "op": "center_resized_crop", "size": 96 }),
        json!({ "op": "random_crop", "size": 96 }),
        json!({ "op": "random_crop", "size": 96, "padding": 300, "padding_mode": "reflect" }),
        json!({ "op": "random_resized_crop", "size": 96 }),
    ] {
        let plan = plan(&graph(source.clone(), node), &PlanOptions::default());
        let batch = batches(&plan, &threaded(2), BatchRange::epochs(0..1), 1).remove(0);
        rows.push(batch.2[0].1.clone());
    }
    let mut ppm = format!("P6 {} {} 255\n", 12 * 96, rows.len() * 96).into_bytes();
    for row in &rows {
        for y in 0..96 {
            (0..12).for_each(|i| ppm.extend(&row[(i * 96 + y) * 288..][..288]));
        }
    }
    std::fs::write(std::env::var("CONTACT_SHEET").unwrap(), ppm).unwrap();
}
