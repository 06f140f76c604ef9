//! The recording is of a run of `shapes → cut → slow → normalize → turn → model` in which `slow` sleeps for 3 ms a
//! sample: it bounds the run.

use std::path::Path;
use std::time::Duration;

use egui_kittest::kittest::Queryable as _;
use inspector::{InspectorApp, Recent, Replay, Source as _, Tab};
use telemetry::{FromViewer, Recording, ToViewer};

use crate::{Window, window_on};

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/version_2.rec")
}

fn opened() -> Window {
    let replay = Replay::open(&path()).expect("version 2 stays readable");
    let mut window = window_on(1600.0, 900.0, Box::new(replay));
    window.run_steps(3);
    window
}

#[test]
fn it_opens_at_its_end_and_knows_the_slow_node() {
    let mut window = opened();
    window.get_by_label_contains("recording version_2.rec: the run has finished");
    window.get_by_label("step 80 of 80");
    window.get_by_label_contains("slow (fused with 4 others) bounded the run at 6");
    let run = window.state().run().expect("there is one");
    assert_eq!(run.curve.len(), 80);
    let bottleneck = run.history.bottleneck().expect("it is known");
    assert_eq!(run.name(bottleneck.node), "slow");

    window.get_by_label(Tab::WhatIf.name()).click();
    window.run_steps(2);
    assert!(window.query_all_by_label_contains(" times as many").count() >= 1, "without `slow` it would be faster");
    window.get_by_label(Tab::Timeline.name()).click();
    window.run_steps(2);
    window.get_by_label("waits for data");
    window.get_by_label(Tab::Log.name()).click();
    window.run_steps(2);
    window.get_by_label_contains("training begins on cpu");
}

#[test]
fn its_time_can_be_gone_to_and_its_images_are_of_that_time() {
    let mut replay = Replay::open(&path()).expect("it is readable");
    replay.send(FromViewer::Watch(Some(1)));
    let heard = |replay: &mut Replay| {
        let (mut step, mut runs, mut pictures) = (0, 0, 0);
        while let Some(inspector::Event::Message(message)) = replay.poll() {
            match message {
                ToViewer::Run(_) => runs += 1,
                ToViewer::Snapshot(snapshot) => step = snapshot.training.map_or(0, |t| t.step),
                ToViewer::Images(images) => {
                    pictures += 1;
                    let (before, after) = (images.before.expect("there are"), images.after.expect("there are"));
                    let pink = |rgb: &[u8]| rgb.as_chunks::<3>().0.iter().filter(|p| **p == [255, 0, 255]).count();
                    assert_eq!(pink(&after.rgb) - pink(&before.rgb), 64 * images.samples.len(), "each has its square");
                }
                _ => {}
            }
        }
        (step, runs, pictures)
    };
    assert_eq!(heard(&mut replay), (80, 1, 1));
    replay.seek(Duration::from_secs(6));
    let (step, runs, pictures) = heard(&mut replay);
    assert!((20..60).contains(&step) && runs == 1 && pictures == 1, "{step}, {runs}, {pictures}");
    replay.seek(Duration::from_secs(7));
    let (later, runs, _) = heard(&mut replay);
    assert!(later > step && runs == 0, "forwards nothing begins anew");
    assert_eq!(heard(&mut replay), (0, 0, 0), "it does not play");
    replay.seek(Duration::ZERO);
    assert_eq!(heard(&mut replay).1, 1);
    replay.speed = 256.0;
    replay.toggle();
    assert!(replay.playing());
    while replay.playing() {
        heard(&mut replay);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(replay.now(), replay.length());
}

#[test]
fn a_part_of_it_is_shown_and_said_to_be_one() {
    let bytes = std::fs::read(path()).expect("it is there");
    let part = Recording::from(&bytes[..bytes.len() * 19 / 20]).expect("a part is readable");
    let mut window = window_on(1280.0, 720.0, Box::new(Replay::new("part.rec".into(), part)));
    window.run_steps(3);
    window.get_by_label("recording part.rec");
    window.get_by_label("cut off");
    assert!(window.state().run().is_some_and(|run| run.curve.len() > 10));
    window.get_by_label("Play");
}

#[test]
fn another_run_can_be_drawn_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("recent");
    std::fs::write(&file, path().display().to_string()).expect("a file");
    let recent = Recent::from(file);
    let mut window = egui_kittest::Harness::builder().with_size([1600.0, 900.0]).build_eframe(|creation| {
        let mut app = InspectorApp::start_page(&creation.egui_ctx, recent);
        app.open(&creation.egui_ctx, &inspector::Target::Recording(path()));
        app
    });
    window.run_steps(3);
    window.get_by_label("Compare…").click();
    window.run_steps(2);
    let name = std::fs::canonicalize(path()).expect("it is there").display().to_string();
    window.get_by_label(&name).click();
    window.run_steps(2);
    window.get_by_label("version_2.rec");
    window.get_by_label("remove").click();
    window.run_steps(2);
    assert!(window.query_by_label("version_2.rec").is_none());
}
