use eframe::egui::Key;
use egui_kittest::kittest::Queryable as _;
use inspector::{Event, Memory, Tab, Tense, graph_svg, theme};
use telemetry::{Command, Ended, FromViewer, NodeSeen, SampleSeen, ToViewer};

use crate::made_up::{CUTOUT, MODEL, events, images, latencies, loads, messages, snapshot, spans};
use crate::{Window, window, window_of};

/// A window on a run in its third epoch, of which everything is known.
fn full() -> (Window, Memory) {
    full_of(window())
}

fn full_of((mut window, source): (Window, Memory)) -> (Window, Memory) {
    let mut all = messages(230);
    all.push(ToViewer::Latencies(latencies()));
    all.extend(loads(40).into_iter().map(|load| ToViewer::Load(Box::new(load))));
    all.push(ToViewer::Events(events()));
    all.push(ToViewer::Spans(spans(snapshot(230, 230).elapsed_ns)));
    all.into_iter().for_each(|message| source.push(Event::Message(message)));
    window.run_steps(3);
    (window, source)
}

fn show(window: &mut Window, tab: Tab) {
    window.get_by_label(tab.name()).click();
    window.run_steps(2);
}

#[test]
fn the_time_line_asks_for_spans_while_it_is_shown() {
    let (mut window, source) = full();
    show(&mut window, Tab::Timeline);
    assert_eq!(source.sent(), [FromViewer::Trace(true)]);
    window.get_by_label("time line of workers and training");
    for part in ["forward", "backward", "update", "waits for data", "train … cutout", "to_torch … normalize"] {
        window.get_by_label(part);
    }
    // A connection that comes back is asked again.
    source.push(Event::Gone);
    messages(3).into_iter().for_each(|message| source.push(Event::Message(message)));
    window.run_steps(3);
    assert_eq!(source.sent(), [FromViewer::Trace(true), FromViewer::Trace(true)]);
    show(&mut window, Tab::Training);
    assert_eq!(source.sent().last(), Some(&FromViewer::Trace(false)));
}

#[test]
fn the_log_shows_the_newest_first_and_can_leave_out_notes() {
    let (mut window, _) = full();
    show(&mut window, Tab::Log);
    window.get_by_label("3 events, 1 warnings");
    let (epoch, warning) = (
        "epoch 1: train loss 2.0512, test accuracy 58.17 %, 4 min 24 s",
        "train: sample 4711 cannot be read, and is left out",
    );
    assert!(window.get_by_label(epoch).rect().top() < window.get_by_label(warning).rect().top());
    window.get_by_label("warnings only").click();
    window.run_steps(2);
    assert!(window.query_by_label(epoch).is_none());
    window.get_by_label(warning);
}

#[test]
fn the_system_is_told_in_numbers() {
    let (mut window, _) = full();
    show(&mut window, Tab::System);
    window.get_by_label("1.90 of 2 cores are at work for this run");
    window.get_by_label("644 MB by this run; 7.00 GB of 16.0 GB by all");
    window.get_by_label("training (3 threads)");
    window.get_by_label("batches after normalize");
}

#[test]
fn what_if_names_the_dearest_node_and_tries_what_it_says() {
    let (mut window, source) = full();
    show(&mut window, Tab::WhatIf);
    window.get_by_label_contains("Now: the data pipeline could deliver 1,100,000 img/s, the model could take 18");
    let tops = ["normalize", "translate", "to_torch"].map(|name| {
        let all = window.query_all_by_label(name);
        // The node in the graph has the same name.
        all.map(|node| node.rect().top()).fold(0.0, f32::max)
    });
    assert!(tops[0] < tops[1] && tops[1] < tops[2], "the dearest comes first: {tops:?}");
    window.get_by_label("Try it").click();
    window.run_steps(2);
    assert_eq!(source.sent(), [FromViewer::Command(Command::Workers(2))]);
    window.get_by_label_contains("2 workers: measuring");
    source.push(Event::Message(ToViewer::Snapshot(Box::new(snapshot(240, 240)))));
    window.run_steps(2);
    window.get_by_label_contains("2 workers: predicted");
}

#[test]
fn buttons_ask_for_what_they_say() {
    let (mut window, source) = full();
    for name in ["Pause", "Checkpoint"] {
        window.get_by_label(name).click();
        window.run_steps(2);
    }
    window.get_by_label("Stop…").click();
    window.run_steps(2);
    window.get_by_label("Stop the run").click();
    window.run_steps(2);
    let command = FromViewer::Command;
    assert_eq!(source.sent(), [command(Command::Pause), command(Command::Checkpoint), command(Command::Stop)]);

    let paused = telemetry::Snapshot { paused: true, ..snapshot(231, 230) };
    source.push(Event::Message(ToViewer::Snapshot(Box::new(paused))));
    source.push(Event::Message(ToViewer::Declined("the disk is full".into())));
    window.run_steps(2);
    window.get_by_label("paused");
    window.get_by_label("the disk is full");
    window.get_by_label("One batch").click();
    window.run_steps(2);
    window.get_by_label("Resume").click();
    window.run_steps(2);
    assert_eq!(source.sent()[3..], [command(Command::OneBatch), command(Command::Resume)]);
}

#[test]
fn a_run_that_takes_no_commands_has_no_buttons() {
    let (mut window, source) = window();
    let mut messages = messages(20);
    if let ToViewer::Run(run) = &mut messages[0] {
        run.control = None;
    }
    messages.into_iter().for_each(|message| source.push(Event::Message(message)));
    window.run_steps(3);
    window.get_by_label("look only");
    assert!(window.query_by_label("Pause").is_none());
}

#[test]
fn a_node_shows_how_long_it_takes_and_the_model_its_parts() {
    let (mut window, _) = full();
    window.get_by_label("cutout").click();
    window.run_steps(2);
    window.get_by_label("How long it takes");
    window.get_by_label("histogram of chunks of 64 rows, through the whole stage");
    window.get_by_label_contains("half within");
    window.state_mut().select(Some(MODEL as usize));
    window.run_steps(2);
    window.get_by_label("backward 61 %");
}

#[test]
fn a_sample_can_be_looked_at_closely_and_stays() {
    let (mut window, source) = full();
    window.get_by_label("cutout").click();
    window.run_steps(2);
    source.push(Event::Message(ToViewer::Images(Box::new(images(CUTOUT)))));
    window.run_steps(2);
    let sample = "sample 6151, square (label 1): 8 × 8 from row 16, column 10 filled";
    window.get_by_label(&format!("after: {sample}")).click();
    window.run_steps(2);
    window.run_steps(2);
    window.get_by_label("before, 32 × 32");
    window.get_by_label(sample);
    let mut others = images(CUTOUT);
    others.samples.iter_mut().for_each(|sample| *sample += 1);
    source.push(Event::Message(ToViewer::Images(Box::new(others.clone()))));
    window.run_steps(2);
    window.get_by_label(sample);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("before, 32 × 32").is_none());
    assert_eq!(window.state().selected(), Some(CUTOUT as usize), "Escape was for the window");
    source.push(Event::Message(ToViewer::Images(Box::new(others))));
    window.run_steps(2);
    window.get_by_label_contains("after: sample 6152");
}

#[test]
fn what_is_over_is_told_in_the_past() {
    let (mut window, source) = full();
    source.push(Event::Gone);
    window.run_steps(2);
    assert_eq!(window.state().run().map(|run| run.tense), Some(Tense::Past));
    window.get_by_label("was 188 img/s");
    window.get_by_label_contains("model bounded the run at 188 img/s; the data pipeline could have delivered");
    window.get_by_label("the engine has gone; reconnecting");
    assert!(window.query_by_label("Pause").is_none());

    let (mut window, source) = full();
    source.push(Event::Message(ToViewer::Ended(Ended::Failed("worker 1: no space".into()))));
    window.run_steps(2);
    window.get_by_label("the run has ended: worker 1: no space");
}

#[test]
fn every_panel_fits_a_small_window() {
    let (mut window, _) = full_of(window_of(1280.0, 720.0));
    for tab in Tab::ALL {
        show(&mut window, tab);
        for label in ["Pause", "One batch", "Checkpoint", "Stop…", "Export", "View"] {
            let rect = window.get_by_label(label).rect();
            let all = eframe::egui::Rect::from_min_size(Default::default(), eframe::egui::vec2(1280.0, 720.0));
            assert!(all.contains_rect(rect), "{label}: {rect:?}");
        }
    }
}

#[test]
fn exports_are_written_and_never_over_each_other() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().to_owned();
    let (mut window, _) = full();
    window.state_mut().folder = folder.clone();
    for choice in
        ["Graph (SVG)", "Training curve (CSV)", "Training curve (CSV)", "Epochs (CSV)", "Time line (Perfetto trace)"]
    {
        window.get_by_label("Export").click();
        window.run_steps(2);
        window.get_by_label(choice).click();
        window.run_steps(2);
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(read("cifar-training-1.csv").lines().count(), 231, "a heading and the steps");
    assert_eq!(read("cifar-training-1.csv"), read("cifar-training-2.csv"));
    assert!(read("cifar-epochs-1.csv").contains("\n2,194,"), "{}", read("cifar-epochs-1.csv"));
    assert!(read("cifar-graph-1.svg").contains(">cutout</text>"));
    let trace: serde_json::Value = serde_json::from_str(&read("cifar-trace-1.json")).expect("it is JSON");
    assert!(trace["traceEvents"].as_array().is_some_and(|events| events.len() > 40));
    window.get_by_label_contains("saved ");
}

#[test]
fn the_graph_as_svg_has_every_node() {
    let (window, _) = full();
    let run = window.state().run().expect("there is one");
    for palette in [theme::Palette::dark(), theme::Palette::light()] {
        let svg = graph_svg(run, palette);
        assert!(run.description.nodes.iter().all(|node| svg.contains(&format!(">{}</text>", node.name))));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}

#[test]
fn both_themes_can_be_chosen() {
    let (mut window, _) = full();
    for (name, theme) in [("light", eframe::egui::Theme::Light), ("dark", eframe::egui::Theme::Dark)] {
        window.get_by_label("View").click();
        window.run_steps(2);
        window.get_by_label(name).click();
        window.run_steps(2);
        assert_eq!(window.ctx.theme(), theme);
        window.key_press(Key::Escape);
        window.run_steps(2);
    }
}

#[test]
fn a_sample_is_pinned_from_its_picture_and_seen_through_every_node() {
    let (mut window, source) = full();
    window.get_by_label("cutout").click();
    window.run_steps(2);
    source.push(Event::Message(ToViewer::Images(Box::new(images(CUTOUT)))));
    window.run_steps(2);
    window.get_by_label_contains("after: sample 6151").click();
    window.run_steps(4);
    window.get_by_label("Through every node").click();
    window.run_steps(2);
    assert_eq!(source.sent()[1..], [FromViewer::Sample(6151, 5, 4)]);
    window.get_by_label("Sample 6151 is being made anew");
    for epoch in [5, 6] {
        source.push(Event::Message(ToViewer::Sample(Box::new(seen(6151, epoch)))));
    }
    // Of one that was asked for before.
    source.push(Event::Message(ToViewer::Sample(Box::new(seen(3, 5)))));
    let trouble = Some("epoch 8 leaves out sample 6151".to_owned());
    source.push(Event::Message(ToViewer::Sample(Box::new(SampleSeen { trouble, nodes: vec![], ..seen(6151, 7) }))));
    window.run_steps(3);
    window.get_by_label("sample 6151, square");
    window.get_by_label("epoch 6 after cutout");
    window.get_by_label("epoch 7 after cutout");
    window.get_by_label("8 × 8 from row 17, column 10 filled");
    window.get_by_label("epoch 8 leaves out sample 6151");
    window.get_by_label("later epochs").click();
    window.run_steps(2);
    assert_eq!(source.sent().last(), Some(&FromViewer::Sample(6151, 9, 4)));
    // An engine that comes back is asked again.
    source.push(Event::Gone);
    messages(3).into_iter().for_each(|message| source.push(Event::Message(message)));
    window.run_steps(3);
    assert_eq!(source.sent().last(), Some(&FromViewer::Sample(6151, 9, 4)));
}

fn seen(sample: u64, epoch: u32) -> SampleSeen {
    let picture =
        |node: u32| images(node).after.map(|all| telemetry::Pictures { rgb: all.rgb[..3072].to_vec(), ..all });
    let node = |node: u32| NodeSeen {
        node,
        picture: picture(node),
        words: if node == CUTOUT { format!("8 × 8 from row {}, column 10 filled", 11 + epoch) } else { String::new() },
    };
    SampleSeen { sample, epoch, batch: 3, label: "square".into(), nodes: (0..6).map(node).collect(), trouble: None }
}

#[test]
fn a_window_that_shrinks_keeps_everything_in_sight() {
    let (mut window, _) = full();
    window.set_size(eframe::egui::vec2(1280.0, 720.0));
    window.run_steps(4);
    let all = eframe::egui::Rect::from_min_size(Default::default(), eframe::egui::vec2(1280.0, 720.0));
    for tab in Tab::ALL {
        let rect = window.get_by_label(tab.name()).rect();
        assert!(all.contains_rect(rect), "{}: {rect:?}", tab.name());
    }
}
