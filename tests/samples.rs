//! Samples that are rebuilt from the graph and the seed alone are those of a real run.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine::batch::{BatchId, Values};
use engine::execute::{BatchRange, Executor as _, Pipeline, Rebuilt};
use engine::plan::{Plan, PlanOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{engine, ran};
use crate::harness::{plan, resources, threaded, within};

/// A graph of data, with a model that trains on what leaves its last node.
fn trained(source: &Value, nodes: &[Value]) -> Value {
    let classes = if source["op"] == "image_folder" { 2 } else { 10 };
    let mut graph = json!({ "name": "samples", "seed": 7, "nodes": { "data": source } });
    let mut before = "data".to_owned();
    for (index, node) in nodes.iter().enumerate() {
        let name = format!("{}_{index}", node["op"].as_str().unwrap());
        let mut node = node.clone();
        node["input"] = json!(before);
        graph["nodes"][&name] = node;
        before = name;
    }
    graph["nodes"]["model"] = json!({
        "op": "train", "input": { "train": before }, "epochs": 3, "optimizer": { "type": "sgd", "lr": 0.1 },
        "layers": [{ "layer": "flatten" }, { "layer": "linear", "out_features": classes }],
    });
    graph
}

fn normal() -> [Value; 2] {
    [
        json!({ "op": "normalize", "mean": [120, 110, 100], "std": [50], "dtype": "float16" }),
        json!({ "op": "to_torch_image", "channels_last": true }),
    ]
}

fn bytes(values: Values<'_>) -> Vec<u8> {
    match values {
        Values::Bytes(bytes) => bytes.to_vec(),
        Values::Items(items) => items.iter().flat_map(|item| item.bytes.clone()).collect(),
    }
}

/// A graph that ends after a node, so that a run gives what leaves it: the nodes that come later are left out.
fn ending_at(graph: &Value, node: usize) -> Value {
    let mut graph = graph.clone();
    let nodes = graph["nodes"].as_object_mut().unwrap();
    let late: Vec<String> = nodes.keys().skip(node + 1).cloned().collect();
    late.iter().for_each(|name| drop(nodes.remove(name)));
    graph
}

/// Every row of a run by several workers, after each node, against the rebuilt batch and the rebuilt row.
fn rebuilt_equals_run(graph: &Value, epoch: u64, batches: usize) {
    let rebuilding = plan(graph, &PlanOptions { cpu_only: true, ..PlanOptions::default() });
    let outlet = rebuilding.outlet("train").unwrap();
    let pipeline = Arc::new(Pipeline::new(&rebuilding, outlet, &resources()).unwrap());
    let nodes: Vec<usize> = pipeline.nodes().collect();
    for &node in &nodes {
        // The node that a model reads from is captured in the run that trains it.
        let running: Arc<Plan> = match node == outlet {
            true => plan(graph, &PlanOptions { rows_per_chunk: Some(7), ..PlanOptions::default() }),
            false => plan(&ending_at(graph, node), &PlanOptions { rows_per_chunk: Some(7), ..PlanOptions::default() }),
        };
        let real = Arc::new(Pipeline::new(&running, running.outlets()[0].0, &resources()).unwrap());
        let mut stream = threaded(3).start(&real, BatchRange::epochs(epoch..epoch + 1));
        for _ in 0..batches {
            let batch = stream.next().unwrap().unwrap();
            let whole = Rebuilt::batch(&pipeline, batch.id()).unwrap();
            assert_eq!(whole.samples(), batch.samples());
            let name = &rebuilding.nodes[node].name;
            for field in batch.fields() {
                let told = format!("{} after {name}, {}", field.name, batch.id().words());
                let captured = match batch.items(&field.name) {
                    Some(items) => bytes(Values::Items(items)),
                    None => batch.column(&field.name).unwrap().1.to_vec(),
                };
                let (own, values) = whole.column(node, &field.name).unwrap_or_else(|| panic!("no {told}"));
                assert_eq!((own, bytes(values) == captured), (field, true), "{told}");
            }
            for row in [0, batch.rows() / 2, batch.rows() - 1] {
                let sample = batch.samples()[row];
                let places = Rebuilt::places(&pipeline, epoch, sample, Some(batch.id().index)).unwrap();
                assert!(places.contains(&(batch.id(), row)), "sample {sample} is in row {row}");
                let one = Rebuilt::row(&pipeline, batch.id(), row).unwrap();
                assert_eq!((one.samples(), one.id()), (&[sample][..], batch.id()));
                assert_eq!(one.words(node, 0), whole.words(node, row));
                for field in batch.fields() {
                    let captured = match batch.items(&field.name) {
                        Some(items) => items[row].bytes.clone(),
                        None => {
                            let len = field.row_bytes();
                            batch.column(&field.name).unwrap().1[row * len..(row + 1) * len].to_vec()
                        }
                    };
                    assert_eq!(
                        bytes(one.column(node, &field.name).unwrap().1),
                        captured,
                        "{} after {name}",
                        field.name
                    );
                }
            }
        }
    }
}

#[test]
fn augmented_samples_are_those_of_the_run() {
    within(120, || {
        let source = json!({ "op": "shapes", "batch_size": 50, "order": "random", "drop_last": true });
        let nodes = [
            json!({ "op": "random_horizontal_flip" }),
            json!({ "op": "alternating_flip" }),
            json!({ "op": "random_translate", "padding": 3 }),
            json!({ "op": "to_device", "device": "cpu" }),
            json!({ "op": "color_jitter", "brightness": 0.4, "hue": 0.2 }),
            json!({ "op": "random_rotation", "degrees": 20 }),
            json!({ "op": "random_apply", "ops": [{ "op": "random_invert" }, { "op": "gaussian_blur", "kernel_size": 3 }] }),
            json!({ "op": "random_crop", "size": 28, "padding": 2 }),
            json!({ "op": "cutout", "crop_size": 8 }),
        ];
        rebuilt_equals_run(&trained(&source, &[&nodes[..], &normal()].concat()), 2, 2);
    });
}

/// The words say what became of the pixels.
#[test]
fn words_say_what_was_done() {
    let graph = json!({ "name": "told", "nodes": {
        "data": { "op": "shapes", "batch_size": 64 },
        "flip": { "op": "random_horizontal_flip", "input": "data" },
        "move": { "op": "random_translate", "padding": 1, "fill": [9, 99, 199], "input": "flip" },
        "hide": { "op": "cutout", "crop_size": 6, "fill": [1, 2, 3], "input": "move" },
    }});
    let plan = plan(&graph, &PlanOptions::default());
    let pipeline = Arc::new(Pipeline::new(&plan, 3, &resources()).unwrap());
    let batch = Rebuilt::batch(&pipeline, BatchId { epoch: 1, index: 4 }).unwrap();
    let pixel = |node: usize, row: usize, y: usize, x: usize| -> Vec<u8> {
        let Some((_, Values::Bytes(bytes))) = batch.column(node, "image") else { panic!("images have one size") };
        bytes[((row * 32 + y) * 32 + x) * 3..][..3].to_vec()
    };
    let mut seen = std::collections::BTreeSet::new();
    for row in 0..64 {
        let flipped = batch.words(1, row) == ["flipped"];
        let shift = batch.words(2, row).first().map(|words| {
            let numbers = words.strip_prefix("shifted by (").and_then(|rest| rest.strip_suffix(")")).unwrap();
            let (right, down) = numbers.split_once(", ").unwrap();
            (right.parse::<isize>().unwrap(), down.parse::<isize>().unwrap())
        });
        let (right, down) = shift.unwrap_or_default();
        let hidden = batch.words(3, row)[0].strip_prefix("6 × 6 from row ").unwrap();
        let (top, left) = hidden.strip_suffix(" filled").unwrap().split_once(", column ").unwrap();
        let (top, left) = (top.parse::<usize>().unwrap(), left.parse::<usize>().unwrap());
        seen.insert((flipped, right, down));
        for (y, x) in (0..32).flat_map(|y| (0..32).map(move |x| (y, x))) {
            assert_eq!(pixel(1, row, y, x), pixel(0, row, y, if flipped { 31 - x } else { x }));
            let (from_y, from_x) = (y as isize - down, x as isize - right);
            let inside = (0..32).contains(&from_y) && (0..32).contains(&from_x);
            let moved = if inside { pixel(1, row, from_y as usize, from_x as usize) } else { vec![9, 99, 199] };
            assert_eq!(pixel(2, row, y, x), moved);
            let covered = (top..top + 6).contains(&y) && (left..left + 6).contains(&x);
            assert_eq!(pixel(3, row, y, x), if covered { vec![1, 2, 3] } else { moved });
        }
    }
    assert!(seen.len() > 12, "most of the 18 cases: {seen:?}");
}

/// A mixed sample needs its neighbour in the batch.
#[test]
fn mixed_samples_are_those_of_the_run() {
    within(120, || {
        for (op, order) in [("mixup", "random"), ("cutmix", "class_balanced")] {
            let source = json!({ "op": "shapes", "batch_size": 32, "order": order });
            let nodes = [
                json!({ "op": "random_resized_crop", "size": 24 }),
                json!({ "op": op, "p": 0.7, "same_lambda": op == "mixup" }),
            ];
            rebuilt_equals_run(&trained(&source, &[&nodes[..], &normal()].concat()), 1, 2);
        }
    });
}

/// A folder of PNGs, one of which is cut off.
fn folder(home: &Path) {
    for index in 0..12_u8 {
        let class = home.join(format!("c{}", index % 2));
        fs::create_dir_all(&class).unwrap();
        let file = fs::File::create(class.join(format!("{index:02}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, 20 + u32::from(index), 24);
        encoder.set_color(png::ColorType::Rgb);
        let pixels: Vec<u8> = (0..(20 + usize::from(index)) * 24 * 3).map(|i| (i * 7 % 251) as u8 ^ index).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }
    let bad = home.join("c0/04.png");
    let bytes = fs::read(&bad).unwrap();
    fs::write(bad, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn encoded_images_and_bad_samples_are_those_of_the_run() {
    within(120, || {
        let home = TempDir::new().unwrap();
        folder(home.path());
        for (on_error, mixing) in [("replace", false), ("skip", false), ("skip", true)] {
            let source = json!({ "op": "image_folder", "path": home.path(), "batch_size": 5, "order": "random",
                "on_error": on_error, "max_failures": 3 });
            let mut nodes = vec![json!({ "op": "random_resized_crop", "size": 16 })];
            nodes.extend(mixing.then(|| json!({ "op": "mixup" })));
            nodes.extend(normal());
            let graph = trained(&source, &nodes);
            // After the source nothing is decoded yet, so that a run of it alone has the bad sample.
            let plan = plan(&graph, &PlanOptions::default());
            let end = plan.outlet("train").unwrap();
            let pipeline = Arc::new(Pipeline::new(&plan, end, &resources()).unwrap());
            let mut stream = threaded(2).start(&pipeline, BatchRange::epochs(0..1));
            let rebuilding = Arc::new(Pipeline::new(&plan, end, &resources()).unwrap());
            let mut rows = 0;
            while let Some(batch) = stream.next().unwrap() {
                let whole = Rebuilt::batch(&rebuilding, batch.id()).unwrap();
                assert_eq!(whole.samples(), batch.samples());
                let (field, captured) = batch.column("image").unwrap();
                assert_eq!(bytes(whole.column(end, "image").unwrap().1), captured);
                let mut order = Vec::new();
                rebuilding.samples(batch.id(), &mut order);
                for (row, sample) in order.iter().enumerate() {
                    let one = Rebuilt::row(&rebuilding, batch.id(), row);
                    let bad = rebuilding.failures().contains_key(sample);
                    match one {
                        Ok(one) => {
                            let place = batch.samples().iter().position(|s| *s == one.samples()[0]).unwrap();
                            let expected = &captured[place * field.row_bytes()..(place + 1) * field.row_bytes()];
                            // A sample that stands for another is there twice, each with draws of its own.
                            if !rebuilding.failures().is_empty() && on_error == "replace" {
                                let all = captured.chunks_exact(field.row_bytes());
                                assert!(all.into_iter().any(|row| row == bytes(one.column(end, "image").unwrap().1)));
                            } else {
                                assert_eq!(bytes(one.column(end, "image").unwrap().1), expected);
                            }
                        }
                        Err(error) => {
                            assert!(on_error == "skip", "{error}");
                            assert!(
                                error.to_string().contains(&format!("a run leaves sample {sample} out")),
                                "{error}"
                            );
                            assert!(bad || !mixing, "{error}");
                        }
                    }
                }
                rows += batch.rows();
            }
            assert_eq!(rows, if on_error == "skip" { 11 } else { 12 });
        }
    });
}

#[test]
fn what_an_epoch_does_not_have_is_told_in_words() {
    let home = TempDir::new().unwrap();
    let indices = home.path().join("used.txt");
    fs::write(&indices, "3\n5\n8\n").unwrap();
    let why = |source: Value, sample: u64| {
        let graph = json!({ "name": "absent", "nodes": { "data": source } });
        let plan = plan(&graph, &PlanOptions::default());
        let pipeline = Pipeline::new(&plan, 0, &resources()).unwrap();
        Rebuilt::places(&pipeline, 1, sample, None).map(|_| ()).unwrap_err().to_string()
    };
    let shapes = |more: Value| {
        let mut source = json!({ "op": "shapes", "split": "test", "batch_size": 96 });
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source
    };
    assert_eq!(
        why(shapes(json!({})), 10_000),
        "node `data`: there is no sample 10000: `data` has 10000, from 0 to 9999"
    );
    assert_eq!(
        why(shapes(json!({ "drop_last": true })), 9999),
        "node `data`: epoch 2 leaves out sample 9999: its place in the order is after the 9984 samples that fill batches \
         of 96 (`drop_last` of `data`)"
    );
    assert_eq!(
        why(shapes(json!({ "shard": [0, 3] })), 1),
        "node `data`: epoch 2 has sample 1 in part 1 of 3, and this is part 0 (`shard` of `data`; parts are counted from 0)"
    );
    assert_eq!(
        why(shapes(json!({ "indices": indices, "batch_size": 1 })), 4),
        "node `data`: sample 4 is never used: it is not among the `indices` of `data`"
    );
    let balanced = shapes(json!({ "order": "class_balanced" }));
    let graph = json!({ "name": "absent", "nodes": { "data": balanced } });
    let plan = plan(&graph, &PlanOptions::default());
    let pipeline = Pipeline::new(&plan, 0, &resources()).unwrap();
    // A third of the samples are not drawn.
    let errors: Vec<String> = (0..50)
        .filter_map(|sample| Rebuilt::places(&pipeline, 0, sample, None).err())
        .map(|error| error.to_string())
        .collect();
    assert!((5..35).contains(&errors.len()), "{}", errors.len());
    assert!(errors[0].ends_with("the order `class_balanced` of `data` draws with replacement"), "{}", errors[0]);
    let elsewhere = Rebuilt::batch(&Arc::new(pipeline), BatchId { epoch: 0, index: 105 }).map(|_| ()).unwrap_err();
    assert_eq!(elsewhere.to_string(), "node `data`: there is no batch 106: an epoch has 105, from 1 on");
}

/// A graph file, and the folder that the program may write to.
fn written(home: &Path) -> String {
    let source = json!({ "op": "shapes", "batch_size": 20, "order": "random" });
    let nodes = [
        json!({ "op": "random_horizontal_flip", "flip_prob": 1 }),
        json!({ "op": "random_translate", "padding": 2 }),
        json!({ "op": "cutmix" }),
    ];
    let mut graph = trained(&source, &[&nodes[..], &normal()].concat());
    graph["nodes"]["aside"] = json!({ "op": "grayscale", "input": "data" });
    let path = home.join("graph.json");
    fs::write(&path, graph.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A picture's size and its bytes.
fn decoded(path: &Path) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap())).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    (info.width, info.height, rgb)
}

/// The command's picture has the very pixels, its values the very values.
#[test]
fn the_program_writes_pictures_and_values() {
    let home = TempDir::new().unwrap();
    let graph = written(home.path());
    let sample = |args: &[&str]| {
        let mut command = engine(home.path());
        ran(command.current_dir(home.path()).args(["sample", &graph, "--epoch", "2"]).args(args))
    };
    let at = |name: &str| home.path().join(name);
    let translated = "random_translate_1";
    let (code, out, err) = sample(&["--index", "33", "--node", translated, "--scale", "1", "-o", "one.png", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let about: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&about["epoch"], &about["samples"], &about["file"]), (&json!(2), &json!([33]), &json!("one.png")));
    assert_eq!(about["nodes"][1]["words"], json!([["flipped"]]));
    assert_eq!(sample(&["--index", "33", "--node", translated, "-o", "one.json"]).0, 0);
    let values: Value = serde_json::from_slice(&fs::read(at("one.json")).unwrap()).unwrap();
    let image = &values["fields"]["image"];
    assert_eq!((&image["dtype"], &image["shape"]), (&json!("uint8"), &json!([32, 32, 3])));
    let (width, height, rgb) = decoded(&at("one.png"));
    assert_eq!((width, height, json!(rgb)), (32, 32, image["values"].clone()));
    // Eight times as large unless told otherwise; after the normalisation the same colours.
    assert_eq!(sample(&["--index", "33", "--node", "cutmix_2", "-o", "mixed.png"]).0, 0);
    let (code, out, err) = sample(&["--index", "33", "-o", "last.png"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("float16 shown as before `normalize_3`: value × std + mean"), "{out}");
    let (last, mixed) = (decoded(&at("last.png")), decoded(&at("mixed.png")));
    assert_eq!((last.0, last.1), (256, 256));
    assert_eq!(last, mixed);
    // Sheets and strips, under names of their own.
    for (args, name) in [
        (&["--batch", "3"][..], "samples-epoch2-batch3-to_torch_image_4.png"),
        (&["--index", "33", "--all-nodes"], "samples-epoch2-sample33-nodes.png"),
        (&["--index", "33", "--values"], "samples-epoch2-sample33-to_torch_image_4.npz"),
        (&["--index", "33", "--field", "label"], "samples-epoch2-sample33-to_torch_image_4.npz"),
    ] {
        let (code, out, err) = sample(args);
        assert_eq!(code, 0, "{err}");
        assert!(out.starts_with(&format!("{name}: ")) && at(name).is_file(), "{out}");
    }
    assert!(decoded(&at("samples-epoch2-batch3-to_torch_image_4.png")).0 > 5 * 96);
}

#[test]
fn the_program_says_what_it_cannot_show() {
    let home = TempDir::new().unwrap();
    let graph = written(home.path());
    let refused = |args: &[&str]| {
        let mut command = engine(home.path());
        let (code, out, err) = ran(command.current_dir(home.path()).args(["sample", &graph]).args(args));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        err.lines().next().unwrap_or_default().to_owned()
    };
    for (args, expected) in [
        (&[][..], "error: which one? --index N is a sample, --batch N a batch"),
        (&["--index", "50000"], "error: node `data`: there is no sample 50000: `data` has 50000, from 0 to 49999"),
        (&["--batch", "2501"], "error: --batch 2501: batches of an epoch count from 1 to 2500"),
        (&["--batch", "1", "--all-nodes"], "error: --all-nodes shows one sample: say which, with --index"),
        (
            &["--index", "1", "--node", "cutmix_3"],
            "error: --node cutmix_3: the graph has no such node; did you mean `cutmix_2`?",
        ),
        (&["--index", "1", "--node", "model"], "error: --node model: this is the model, which makes no samples"),
        (
            &["--index", "1", "--node", "aside"],
            "error: --node aside: this leads to no input of the model, so that no run runs it",
        ),
        (&["--index", "1", "--field", "label", "-o", "x.png"], "error: --field label: this is no image"),
        (
            &["--index", "1", "--values", "-o", "x.png"],
            "error: -o x.png: a PNG holds a picture; --values are written as .npy, .npz or .json",
        ),
        (&["--index", "1", "-o", "x.gif"], "error: -o x.gif: expected a name that ends in .png, .npy, .npz or .json"),
    ] {
        assert_eq!(refused(args), expected);
    }
}
