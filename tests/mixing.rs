//! Operators that mix rows, mark samples or handle fields and labels.

use engine::execute::{BatchRange, Inline};
use engine::plan::PlanOptions;
use serde_json::{Value, json};

use crate::harness::{Bytes, batches, plan, threaded, within};

const BYTES: usize = 32 * 32 * 3;

/// The first batch of a chain of nodes after a source of six images, from both executors; they agree.
fn first(source: &Value, chain: &[Value]) -> Bytes {
    let mut nodes = serde_json::Map::new();
    nodes.insert("source".into(), source.clone());
    for (index, node) in chain.iter().enumerate() {
        let mut node = node.clone();
        node["input"] = if index == 0 { "source".into() } else { format!("n{}", index - 1).into() };
        nodes.insert(format!("n{index}"), node);
    }
    first_of(&json!({ "name": "chain", "seed": 11, "nodes": nodes }))
}

fn first_of(graph: &Value) -> Bytes {
    let graph = graph.clone();
    within(60, move || {
        let range = BatchRange::epochs(0..1);
        let reference = batches(&plan(&graph, &PlanOptions::default()), &Inline::default(), range, 1);
        for (workers, chunk) in [(1, 1), (2, 4), (3, 6)] {
            let options = PlanOptions { rows_per_chunk: Some(chunk), ..PlanOptions::default() };
            assert!(batches(&plan(&graph, &options), &threaded(workers), range, 1) == reference, "{graph:#}");
        }
        reference.into_iter().next().unwrap()
    })
}

fn six() -> Value {
    json!({ "op": "shapes", "split": "test", "batch_size": 6 })
}

fn column<'a>(batch: &'a Bytes, name: &str) -> &'a [u8] {
    let found = batch.2.iter().find(|(field, _)| field.split(' ').next() == Some(name));
    &found.unwrap_or_else(|| panic!("no {name} in {:?}", names(batch))).1
}

fn names(batch: &Bytes) -> Vec<&str> {
    batch.2.iter().map(|(field, _)| field.as_str()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn integers(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

/// FNV-1a, so that what is stored is one number.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}

/// Pixels and labels of a fixed seed, on every machine. A change here changes every run.
#[test]
fn the_pixels_stay_what_they_are() {
    let pattern = json!({ "top": 2, "left": 3, "height": 4, "width": 5, "colour": [255, 0, 128] });
    let cases = [
        json!({ "op": "mixup", "alpha": 0.4 }),
        json!({ "op": "mixup", "same_lambda": true, "p": 0.5 }),
        json!({ "op": "cutmix" }),
        json!({ "op": "cutmix", "alpha": 2.5, "same_lambda": true }),
        json!({ "op": "poison", "samples": [1, 4], "alpha": 0.3, "pattern": pattern }),
    ];
    let lines: Vec<String> = cases
        .into_iter()
        .map(|node| {
            let batch = first(&six(), std::slice::from_ref(&node));
            let (image, label) = (hash(column(&batch, "image")), hash(column(&batch, "label")));
            format!("{node}\n  image {image:016x}  label {label:016x}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// Each pixel is between those of the two images, as the label's shares say.
#[test]
fn mixup_blends_each_image_with_the_one_before_it() {
    let plain = first(&six(), &[json!({ "op": "to_device", "device": "cpu" })]);
    let (images, classes) = (column(&plain, "image"), integers(column(&plain, "label")));
    for same in [false, true] {
        let mixed = first(&six(), &[json!({ "op": "mixup", "same_lambda": same })]);
        let (out, shares) = (column(&mixed, "image"), floats(column(&mixed, "label")));
        let mut own_shares = Vec::new();
        for row in 0..6 {
            let (other, shares) = ((row + 5) % 6, &shares[row * 10..(row + 1) * 10]);
            assert_eq!(shares.iter().sum::<f32>(), 1.0);
            let (own, rest) = (classes[row] as usize, classes[other] as usize);
            if own == rest {
                assert_eq!(shares[own], 1.0, "equal classes have the whole");
                continue;
            }
            assert_eq!(shares[own] + shares[rest], 1.0);
            own_shares.push(shares[own]);
            for at in 0..BYTES {
                let blend = f32::from(images[row * BYTES + at]) * shares[own]
                    + f32::from(images[other * BYTES + at]) * shares[rest];
                let given = f32::from(out[row * BYTES + at]);
                assert!((blend - given - 0.5).abs() < 0.51, "{blend} and {given}");
            }
        }
        assert!(own_shares.len() > 2, "most neighbours have different classes");
        assert_eq!(own_shares.windows(2).all(|pair| pair[0] == pair[1]), same);
    }
}

#[test]
fn cutmix_takes_as_many_pixels_as_the_label_says() {
    let plain = first(&six(), &[json!({ "op": "to_device", "device": "cpu" })]);
    let (images, classes) = (column(&plain, "image"), integers(column(&plain, "label")));
    let mixed = first(&six(), &[json!({ "op": "cutmix" })]);
    let (out, shares) = (column(&mixed, "image"), floats(column(&mixed, "label")));
    for row in 0..6 {
        let other = (row + 5) % 6;
        let pixel = |of: &[u8], row: usize, at: usize| of[row * BYTES + at * 3..][..3].to_vec();
        let mut changed = 0;
        for at in 0..1024 {
            let (now, own) = (pixel(out, row, at), pixel(images, row, at));
            if now != own {
                assert_eq!(now, pixel(images, other, at));
                changed += 1;
            }
        }
        let rest = shares[row * 10 + classes[other] as usize];
        if classes[row] != classes[other] {
            // Some pixels of the rectangle are the same in both images.
            assert!(changed as f32 <= rest * 1024.0 + 0.01, "{changed} changed, {rest} of the label");
        }
    }
    assert!(out != images);
}

#[test]
fn nothing_is_mixed_with_a_probability_of_0_and_soft_labels_are_mixed_as_they_are() {
    let plain = first(&six(), &[json!({ "op": "one_hot" })]);
    for op in ["mixup", "cutmix"] {
        let kept = first(&six(), &[json!({ "op": op, "p": 0 })]);
        assert_eq!(kept.2, plain.2, "{op}");
        let soft = first(&six(), &[json!({ "op": "one_hot" }), json!({ "op": op, "label": "label" })]);
        assert_eq!(names(&soft), ["image uint8 [32, 32, 3]", "label float32 [10]"]);
        let sums: Vec<f32> = floats(column(&soft, "label")).chunks(10).map(|row| row.iter().sum()).collect();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
    }
}

/// A batch of one row is mixed with itself.
#[test]
fn one_row_stays_what_it_is() {
    let source = json!({ "op": "shapes", "batch_size": 1 });
    let plain = first(&source, &[json!({ "op": "one_hot" })]);
    assert_eq!(first(&source, &[json!({ "op": "mixup" }), json!({ "op": "cutmix" })]).2, plain.2);
}

#[test]
fn labels_are_spread_and_replaced() {
    let plain = first(&six(), &[json!({ "op": "to_device", "device": "cpu" })]);
    let classes = integers(column(&plain, "label"));
    let soft = first(&six(), &[json!({ "op": "one_hot", "num_classes": 12, "label_smoothing": 0.12 })]);
    for (row, shares) in floats(column(&soft, "label")).chunks(12).enumerate() {
        for (class, share) in shares.iter().enumerate() {
            let expected = if class as i64 == classes[row] { 0.89 } else { 0.01 };
            assert!((share - expected).abs() < 1e-7, "{share}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.txt");
    std::fs::write(&file, "4\n0\n").unwrap();
    let node = json!({ "op": "replace_label", "new_label": 7, "samples": [2, 99_999], "indices": file });
    let replaced = integers(column(&first(&six(), &[node]), "label"));
    let expected: Vec<i64> = (0..6).map(|row| if [0, 2, 4].contains(&row) { 7 } else { classes[row] }).collect();
    assert_eq!(replaced, expected);
}

#[test]
fn poison_marks_the_chosen_samples_alone() {
    let plain = first(&six(), &[json!({ "op": "to_device", "device": "cpu" })]);
    let pattern = json!({ "top": 30, "left": 1, "height": 2, "width": 3, "colour": [200] });
    let marked = first(&six(), &[json!({ "op": "poison", "samples": [5, 3], "alpha": 0.25, "pattern": pattern })]);
    let (before, after) = (column(&plain, "image"), column(&marked, "image"));
    for (place, (before, after)) in before.iter().zip(after).enumerate() {
        let (row, y, x) = (place / BYTES, place % BYTES / 96, place % 96 / 3);
        let inside = [3, 5].contains(&row) && y >= 30 && (1..4).contains(&x);
        let expected = if inside { (f32::from(*before) * 0.75 + 50.0) as u8 } else { *before };
        assert_eq!(*after, expected, "row {row}, line {y}, column {x}");
    }
}

/// Two views of each image in one chain; and in two branches that are joined again.
#[test]
fn two_views_are_augmented_apart() {
    let chain = first(
        &six(),
        &[
            json!({ "op": "copy_field", "from": "image", "to": "second" }),
            json!({ "op": "random_translate", "padding": 4 }),
            json!({ "op": "random_translate", "padding": 4, "field": "second" }),
        ],
    );
    assert_eq!(names(&chain), ["image uint8 [32, 32, 3]", "label int64 []", "second uint8 [32, 32, 3]"]);
    assert!(column(&chain, "image") != column(&chain, "second"));
    let flip = |field: &str, prob: f64, input: &str| {
        let op = "random_horizontal_flip";
        json!({ "op": op, "flip_prob": prob, "field": field, "input": input })
    };
    let both = first_of(&json!({
        "name": "views",
        "nodes": {
            "source": six(),
            "copy": { "op": "copy_field", "from": "image", "to": "second", "input": "source" },
            "a": flip("image", 1.0, "copy"),
            "b": flip("second", 0.0, "copy"),
            "join": { "op": "select_fields", "fields": ["image", "second"], "input": ["a", "b"] }
        }
    }));
    assert_eq!(names(&both), ["image uint8 [32, 32, 3]", "second uint8 [32, 32, 3]"]);
    let (image, second) = (column(&both, "image"), column(&both, "second"));
    let mirrored = |place: usize| place - place % 96 + (31 - place % 96 / 3) * 3 + place % 3;
    assert!(image != second && (0..image.len()).all(|place| image[place] == second[mirrored(place)]));
}

#[test]
fn fields_are_renamed_and_dropped() {
    let out = first(
        &six(),
        &[
            json!({ "op": "rename_field", "from": "image", "to": "picture" }),
            json!({ "op": "cutout", "crop_size": 5, "field": "picture" }),
            json!({ "op": "rename_field", "from": "label", "to": "image" }),
            json!({ "op": "drop_fields", "fields": ["image"] }),
            json!({ "op": "rename_field", "from": "picture", "to": "image" }),
        ],
    );
    assert_eq!(names(&out), ["image uint8 [32, 32, 3]"]);
    let plain =
        first(&six(), &[json!({ "op": "to_device", "device": "cpu" }), json!({ "op": "cutout", "crop_size": 5 })]);
    assert_eq!(column(&out, "image"), column(&plain, "image"));
}

/// A field that is renamed and then not read is not made.
#[test]
fn what_is_dropped_is_not_read() {
    let graph = json!({
        "name": "dropped",
        "nodes": {
            "source": six(),
            "rename": { "op": "rename_field", "from": "image", "to": "picture", "input": "source" },
            "labels": { "op": "drop_fields", "fields": ["picture"], "input": "rename" }
        }
    });
    let plan = plan(&graph, &PlanOptions::default());
    let left: Vec<String> = plan.stages.iter().flat_map(|s| &s.outputs).map(ToString::to_string).collect();
    assert_eq!((plan.stages.len(), left), (1, vec!["label int64 []".to_owned()]));
}
