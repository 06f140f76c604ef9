//! The real program on data files: pack, info, merge, split; samples that cannot be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use engine::data::beton::Beton;
use engine::data::{Dataset as _, Value as Field};
use engine::execute::{BatchRange, Inline};
use engine::plan::PlanOptions;
use pixels::{ImageSize, JpegOptions, encode_jpeg};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{engine, ran};
use crate::formats::{image_folder, samples};
use crate::harness::{batches, plan, within};

/// Runs the program in a folder; it must end with this code. Gives both outputs.
fn run(home: &TempDir, args: &[&str], expected: i32) -> (String, String) {
    let (code, out, err) = ran(engine(home.path()).current_dir(home.path()).args(args));
    assert_eq!(code, expected, "{args:?}: {out}{err}");
    (out, err)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn read(home: &TempDir, name: &str) -> Vec<u8> {
    fs::read(home.path().join(name)).unwrap()
}

fn jpeg(side: usize, value: u8) -> Vec<u8> {
    let size = ImageSize { height: side, width: side, channels: 3 };
    let pixels: Vec<u8> = (0..size.bytes()).map(|at| (at * 31 % 251) as u8 ^ value).collect();
    let mut file = Vec::new();
    encode_jpeg(&pixels, size, JpegOptions::default(), &mut file).unwrap();
    file
}

/// A folder of two classes with 14 JPEGs and two files that are none: one cut off, one of text.
fn bad_folder(root: &Path) {
    for index in 0..14 {
        let class = root.join(if index < 7 { "cat" } else { "dog" });
        fs::create_dir_all(&class).unwrap();
        fs::write(class.join(format!("{index:02}.jpg")), jpeg(32, index)).unwrap();
    }
    let whole = jpeg(32, 99);
    fs::write(root.join("cat/03-cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::write(root.join("dog/09-text.jpg"), "no image").unwrap();
}

#[test]
fn packed_split_and_merged_it_is_the_same_file() {
    let home = TempDir::new().unwrap();
    image_folder(&home.path().join("set"), &samples());
    let (_, err) = run(&home, &["pack", "set", "a.beton", "--workers", "1"], 0);
    assert!(err.contains("60 rows") && err.contains("60 raw and 0 JPEG") && err.contains("0 circle, 1 cross"), "{err}");
    let (_, err) = run(&home, &["pack", "set", "b.beton", "--workers", "2", "--quiet"], 0);
    assert_eq!(err, "");
    assert!(read(&home, "a.beton") == read(&home, "b.beton"));
    let classes = String::from_utf8(read(&home, "a.classes.txt")).unwrap();
    assert!(classes.starts_with("circle\ncross\n") && classes.lines().count() == 10, "{classes}");

    let (out, _) = run(&home, &["info", "a.beton", "set", "--verify"], 0);
    assert_eq!(out.matches("sound: 60 rows read").count(), 2, "{out}");
    let (out, _) = run(&home, &["info", "a.beton", "--json", "--verify"], 0);
    let info: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&info["rows"], &info["fields"][0]["images"]["raw"]), (&json!(60), &json!(60)));
    assert_eq!((&info["page_bytes"], &info["verified"]["sound"]), (&json!(8 << 20), &json!(true)));

    run(&home, &["split", "a.beton", "--shards", "4"], 0);
    let shards: Vec<String> = (0..4).map(|i| format!("a-{i:05}-of-00004.beton")).collect();
    let mut args = vec!["merge"];
    args.extend(shards.iter().map(String::as_str));
    run(&home, &[&args[..], &["merged.beton"]].concat(), 0);
    assert!(read(&home, "merged.beton") == read(&home, "a.beton"));
    // As a pattern, and what merges keeps its classes.
    run(&home, &["merge", "a-*-of-00004.beton", "merged.beton", "--force"], 0);
    run(&home, &["merge", "a.beton", "b.beton", "twice.beton"], 0);
    assert_eq!(read(&home, "twice.classes.txt"), classes.as_bytes());

    let (_, err) = run(&home, &["pack", "set", "a.beton"], 1);
    assert!(err.contains("--force") && err.contains("a.beton"), "{err}");
    run(&home, &["pack", "set", "a.beton", "--force", "--shuffle", "3"], 0);
    let value = |name: &str, row| {
        let file = Beton::open(&home.path().join(name)).unwrap();
        match file.value(row, 0).unwrap() {
            Field::Image { bytes, .. } => bytes.into_owned(),
            other => panic!("{other:?}"),
        }
    };
    let all = |name| (0..60).map(|row| value(name, row)).collect::<Vec<_>>();
    let (mut shuffled, mut plain) = (all("a.beton"), all("b.beton"));
    assert_ne!(shuffled, plain);
    shuffled.sort_unstable();
    plain.sort_unstable();
    assert_eq!(shuffled, plain);
}

#[test]
fn images_are_stored_as_asked() {
    let home = TempDir::new().unwrap();
    image_folder(&home.path().join("set"), &samples());
    let images = |args: &[&str]| {
        run(&home, &[&["pack", "set", "out.beton", "--force", "-q"], args].concat(), 0);
        let (out, _) = run(&home, &["info", "out.beton", "--json"], 0);
        serde_json::from_str::<Value>(&out).unwrap()["fields"].clone()
    };
    let counts = |fields: &Value| (fields[0]["images"]["raw"].clone(), fields[0]["images"]["jpeg"].clone());
    assert_eq!(counts(&images(&["--image", "raw"])), (json!(60), json!(0)));
    assert_eq!(counts(&images(&["--image", "jpg"])), (json!(0), json!(60)));
    assert_eq!(counts(&images(&["--smart-threshold", "3071"])), (json!(0), json!(60)));
    assert_eq!(counts(&images(&["--smart-threshold", "3072"])), (json!(60), json!(0)));
    assert_eq!(counts(&images(&["--image", "keep"])), (json!(60), json!(0)), "PNGs become pixels");
    let small = images(&["--max-side", "16"]);
    assert_eq!(small[0]["images"]["width"], json!({ "min": 16, "mean": 16.0, "max": 16 }));
    let one = images(&["--fields", "label"]);
    assert_eq!((one.as_array().unwrap().len(), &one[0]["name"]), (1, &json!("label")));

    fs::create_dir_all(home.path().join("photos/x")).unwrap();
    fs::write(home.path().join("photos/x/1.jpg"), jpeg(40, 7)).unwrap();
    run(&home, &["pack", "photos", "kept.beton", "--image", "keep"], 0);
    let kept = Beton::open(&home.path().join("kept.beton")).unwrap();
    assert_eq!(kept.value(0, 0).unwrap(), Field::Image { bytes: jpeg(40, 7).into(), size: None });
}

#[test]
fn what_is_damaged_is_found_and_named() {
    let home = TempDir::new().unwrap();
    image_folder(&home.path().join("set"), &samples());
    run(&home, &["pack", "set", "set.beton", "--image", "jpg"], 0);
    let mut bytes = read(&home, "set.beton");
    let starts: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, at)| *at == [0xff, 0xd8, 0xff, 0xe0]).map(|(at, _)| at).collect();
    assert_eq!(starts.len(), 60);
    bytes[starts[17]] = 0;
    fs::write(home.path().join("set.beton"), bytes).unwrap();
    let (out, err) = run(&home, &["info", "set.beton", "--verify"], 1);
    assert!(out.contains("row 17, field image: ") && out.contains("damaged, 1 fault"), "{out}");
    assert!(err.contains("error: the data is damaged"), "{err}");
    let (out, _) = run(&home, &["info", "set.beton", "--verify", "--json"], 1);
    let info: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&info["verified"]["bad"][0]["row"], &info["verified"]["bad_count"]), (&json!(17), &json!(1)));
    run(&home, &["info", "set.beton"], 0);

    bad_folder(&home.path().join("bad"));
    let (out, _) = run(&home, &["info", "bad", "--verify"], 1);
    assert!(out.contains("bad/cat/03-cut.jpg, field image: the JPEG"), "{out}");
    assert!(out.contains("bad/dog/09-text.jpg, field image: the image is neither JPEG"), "{out}");
}

#[test]
fn bad_samples_are_packed_as_asked() {
    let home = TempDir::new().unwrap();
    bad_folder(&home.path().join("bad"));
    let (_, err) = run(&home, &["pack", "bad", "out.beton"], 1);
    assert!(err.contains("error: the JPEG") && err.contains("bad/cat/03-cut.jpg"), "{err}");
    assert_eq!(names(home.path()), ["bad"]);
    let skip = ["pack", "bad", "out.beton", "--on-error", "skip", "--force", "--workers"];
    let (_, err) = run(&home, &[&skip[..], &["1"]].concat(), 0);
    assert!(err.contains("warning: left out: ") && err.contains("bad/dog/09-text.jpg"), "{err}");
    assert!(err.contains("warning: 2 samples could not be read") && err.contains("14 rows"), "{err}");
    let first = read(&home, "out.beton");
    run(&home, &[&skip[..], &["2"]].concat(), 0);
    assert!(first == read(&home, "out.beton"));
    let (out, _) = run(&home, &["info", "out.beton", "--verify"], 0);
    assert!(out.contains("14 rows"), "{out}");

    fs::create_dir_all(home.path().join("worse/x")).unwrap();
    fs::write(home.path().join("worse/x/1.jpg"), "").unwrap();
    let (_, err) = run(&home, &["pack", "worse", "worse.beton", "--on-error", "skip"], 1);
    assert!(err.contains("worse/x/1.jpg"), "{err}");
    assert_eq!(names(home.path()), ["bad", "out.beton", "out.classes.txt", "worse"]);
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let home = TempDir::new().unwrap();
    image_folder(&home.path().join("set"), &samples());
    for (args, expected) in [
        (&["pack", "set"][..], "OUT.beton"),
        (&["pack", "set", "out"], "ends in .beton"),
        (&["pack", "set", "out.beton", "--fields", "lable"], "did you mean `label`?"),
        (&["pack", "set", "out.beton", "--page-size", "3MiB"], "a power of two"),
        (&["pack", "gs://x/y.tar", "out.beton"], "expected http, https or s3"),
        (&["split", "a.beton", "--shards", "2", "--out", "x.beton"], "{i}"),
        (&["split", "a.beton", "--shards", "0"], "0 is not in"),
        (&["merge", "a.beton"], "OUT.beton"),
        (&["info"], "FILE"),
    ] {
        let (_, err) = run(&home, args, 2);
        assert!(err.starts_with("error: ") && err.contains(expected), "{args:?}: {err}");
    }
    for (args, expected) in [
        (&["pack", "gone", "out.beton"][..], "gone"),
        (&["pack", "set", "gone/out.beton"], "gone/out.beton"),
        (&["info", "gone.beton"], "gone.beton"),
        (&["split", "gone.beton", "--shards", "2"], "gone.beton"),
        (&["merge", "gone.beton", "out.beton"], "gone.beton"),
    ] {
        let (_, err) = run(&home, args, 1);
        assert!(err.starts_with("error: ") && err.contains(expected), "{args:?}: {err}");
    }
    assert_eq!(names(home.path()), ["set"]);
}

/// A pack that takes long, under way.
#[cfg(unix)]
fn long_pack(home: &TempDir) -> (Child, PathBuf) {
    let class = home.path().join("large/x");
    fs::create_dir_all(&class).unwrap();
    fs::write(class.join("0.jpg"), jpeg(1200, 0)).unwrap();
    for index in 1..2000 {
        fs::hard_link(class.join("0.jpg"), class.join(format!("{index}.jpg"))).unwrap();
    }
    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    let mut command = engine(home.path());
    command.current_dir(home.path()).args(["pack", "large", "out/set.beton", "--image", "jpg"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while names(&out).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Ctrl-C is watched for right after the file was made.
    std::thread::sleep(Duration::from_millis(300));
    (child, out)
}

#[cfg(unix)]
#[test]
fn a_pack_that_is_stopped_leaves_nothing() {
    within(120, || {
        for signal in ["-INT", "-TERM"] {
            let home = TempDir::new().unwrap();
            let (mut child, out) = long_pack(&home);
            let start = Instant::now();
            assert!(
                std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success()
            );
            assert_eq!(child.wait().unwrap().code(), Some(130));
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
            assert_eq!(names(&out), [""; 0]);
        }
        let home = TempDir::new().unwrap();
        let (mut child, out) = long_pack(&home);
        child.kill().unwrap();
        child.wait().unwrap();
        // Nobody can tidy up after that, but nothing has the name of a whole file.
        assert!(
            names(&out).iter().all(|name| name.starts_with('.') && name.ends_with(".unfinished")),
            "{:?}",
            names(&out)
        );
    });
}

/// A graph that trains on a folder, of images that are all alike.
fn graph(folder: &Path, on_error: &str, max_failures: u64) -> Value {
    json!({
        "name": "bad samples",
        "nodes": {
            "images": {
                "op": "image_folder", "path": folder.to_str().unwrap(), "batch_size": 4, "on_error": on_error,
                "max_failures": max_failures
            },
            "decode": { "op": "decode", "size": 32, "input": "images" },
            "turn": { "op": "to_torch_image", "input": "decode" },
            "normalize": { "op": "normalize", "mean": [120], "std": [60], "input": "turn" },
            "model": {
                "op": "train",
                "input": { "train": "normalize" },
                "optimizer": { "type": "sgd", "lr": 0.05 },
                "layers": [{ "layer": "flatten" }, { "layer": "linear", "out_features": 2 }]
            }
        }
    })
}

#[test]
fn bad_samples_in_a_run_are_told_and_mended_as_asked() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("bad");
    bad_folder(&folder);
    let trained = |on_error: &str, max_failures: u64, expected: i32| {
        let graph = graph(&folder, on_error, max_failures);
        fs::write(home.path().join("graph.json"), graph.to_string()).unwrap();
        run(&home, &["run", "graph.json", "--epochs", "2", "--json"], expected)
    };
    let warnings = |out: &str| {
        let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == "warning").count()
    };
    let (_, err) = trained("fail", 2, 1);
    assert!(err.contains("error: node `decode`: the JPEG") && err.contains("cat/03-cut.jpg"), "{err}");
    let text = "dog/09-text.jpg is left out: the image is neither JPEG";
    let (out, err) = trained("skip", 2, 0);
    assert!(err.lines().any(|l| l.starts_with("warning: ") && l.contains(text)), "{err}");
    assert_eq!((err.matches("cat/03-cut.jpg is left out").count(), warnings(&out)), (1, 2), "each once: {err}");
    let (out, err) = trained("replace", 2, 0);
    assert!(err.contains("09-text.jpg is replaced by the next one: "), "{err}");
    assert_eq!(warnings(&out), 2);
    let (_, err) = trained("skip", 1, 1);
    let last = err.split("error: ").last().unwrap();
    assert!(last.contains("2 samples cannot be read, and `max_failures` allows 1:\n"), "{err}");
    assert!(last.contains("cat/03-cut.jpg: the JPEG") && last.contains("dog/09-text.jpg: the image"), "{err}");

    let rows = |on_error: &str| {
        let mut graph = graph(&folder, on_error, 2);
        graph["nodes"].as_object_mut().unwrap().remove("model");
        let batches = batches(&plan(&graph, &PlanOptions::default()), &Inline::default(), BatchRange::epochs(0..1), 9);
        batches.iter().map(|(_, samples, _)| samples.clone()).collect::<Vec<_>>()
    };
    // Three good ones, the cut one, and so on.
    assert_eq!(rows("skip"), [vec![0, 1, 2], vec![4, 5, 6, 7], vec![8, 9, 11], vec![12, 13, 14, 15]]);
    assert_eq!(rows("replace"), [vec![0, 1, 2, 4], vec![4, 5, 6, 7], vec![8, 9, 11, 11], vec![12, 13, 14, 15]]);
}
