use egui_kittest::kittest::Queryable as _;
use inspector::{Connection, Event, Memory};
use telemetry::{Ended, FromViewer, ToViewer};

use crate::made_up::{CUTOUT, MODEL, TRAIN, description, images, messages, snapshot};
use crate::{Window, window, window_of};

fn feed(window: &mut Window, source: &Memory, messages: impl IntoIterator<Item = ToViewer>) {
    source.push(Event::Connected);
    for message in messages {
        source.push(Event::Message(message));
    }
    window.run_steps(3);
}

/// A window on a run in its third epoch.
fn running() -> (Window, Memory) {
    let (mut window, source) = window();
    feed(&mut window, &source, messages(230));
    (window, source)
}

#[test]
fn without_an_engine_it_says_what_to_do() {
    let (mut window, source) = window();
    source.push(Event::Unreachable);
    window.run_steps(2);
    window.get_by_label("connecting to memory, is `engine run … --inspect` running?");
    window.get_by_label("engine run graphs/cifar.json --inspect");
    assert_eq!(*window.state().connection(), Connection::Connecting);
}

#[test]
fn another_version_is_said_and_not_hidden() {
    let (mut window, source) = window();
    source.push(Event::Refused("the other side speaks version 9".into()));
    window.run_steps(2);
    window.get_by_label("the other side speaks version 9");
}

#[test]
fn a_run_shows_its_progress_and_what_bounds_it() {
    let (window, _source) = running();
    window.get_by_label("live");
    window.get_by_label("epoch 3 of 24");
    window.get_by_label("step 230 of 2,328");
    window.get_by_label("188 img/s");
    window.get_by_label_contains("model bounds the run at 188 img/s; the data pipeline could deliver 1,100,000");
    window.get_by_label("test accuracy after epoch 2");
    assert_eq!(window.query_all_by_label("68.33 %").count(), 2, "as a headline and in the table");
}

#[test]
fn a_click_on_a_node_shows_it_and_asks_for_its_images() {
    let (mut window, source) = running();
    window.get_by_label("No node selected");
    assert_eq!(source.sent(), []);

    window.get_by_label("cutout").click();
    window.run_steps(3);
    assert_eq!(window.state().selected(), Some(CUTOUT as usize));
    assert_eq!(source.sent(), [FromViewer::Watch(Some(CUTOUT))]);
    window.get_by_label("waiting for the next batch");
    window.get_by_label("[125, 122, 113]");
    window.get_by_label("64 rows of 3 kB fit the cache");
    window.get_by_label("fused on CPU: train, flip, translate, cutout");

    source.push(Event::Message(ToViewer::Images(Box::new(images(CUTOUT)))));
    window.run_steps(3);
    window.get_by_label("before: sample 6151, square (label 1): 8 × 8 from row 16, column 10 filled");
    window.get_by_label("after: sample 6151, square (label 1): 8 × 8 from row 16, column 10 filled");
    assert!(window.query_by_label("waiting for the next batch").is_none());
}

#[test]
fn a_source_has_only_after_and_a_model_only_before() {
    let (mut window, source) = running();
    for (node, name, there, missing) in [(TRAIN, "train", "after", "before"), (MODEL, "model", "before", "after")] {
        window.state_mut().select(Some(node as usize));
        source.push(Event::Message(ToViewer::Images(Box::new(images(node)))));
        window.run_steps(3);
        assert!(window.query_all_by_label(there).next().is_some(), "{name}");
        assert!(window.query_all_by_label(missing).next().is_none(), "{name}");
    }
}

#[test]
fn images_of_another_node_are_not_shown_as_this_ones() {
    let (mut window, source) = running();
    window.state_mut().select(Some(CUTOUT as usize));
    source.push(Event::Message(ToViewer::Images(Box::new(images(TRAIN)))));
    window.run_steps(2);
    window.get_by_label("waiting for the next batch");
}

#[test]
fn the_engine_goes_and_comes_back_and_the_selection_stays() {
    let (mut window, source) = running();
    window.get_by_label("cutout").click();
    window.run_steps(2);
    source.push(Event::Gone);
    window.run_steps(2);
    window.get_by_label("the engine has gone; reconnecting");
    window.get_by_label("epoch 3 of 24");

    feed(&mut window, &source, messages(3));
    window.get_by_label("epoch 1 of 24");
    assert_eq!(window.state().selected(), Some(CUTOUT as usize));
    assert_eq!(source.sent(), [FromViewer::Watch(Some(CUTOUT)), FromViewer::Watch(Some(CUTOUT))]);
}

#[test]
fn the_end_of_a_run_is_said_and_stays() {
    for (ended, said) in [
        (Ended::Finished, "the run has finished"),
        (Ended::Failed("node `cutout`: out of memory".into()), "the run has ended: node `cutout`: out of memory"),
    ] {
        let (mut window, source) = running();
        source.push(Event::Message(ToViewer::Ended(ended)));
        source.push(Event::Gone);
        source.push(Event::Unreachable);
        window.run_steps(2);
        window.get_by_label(said);
    }
}

#[test]
fn a_warning_stays_in_sight() {
    let (mut window, source) = window();
    let mut run = description();
    run.warning = Some("trained on the built-in images, not on CIFAR-10".into());
    feed(&mut window, &source, [ToViewer::Run(Box::new(run)), ToViewer::Snapshot(Box::new(snapshot(1, 0)))]);
    window.get_by_label("Warning: trained on the built-in images, not on CIFAR-10");
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    let (mut window, source) = window();
    let mut run = description();
    run.edges[0].to = 77;
    feed(&mut window, &source, [ToViewer::Run(Box::new(run))]);
    assert!(window.query_all_by_label_contains("its graph makes no sense").next().is_some());
}

#[test]
fn a_benchmark_trains_nothing_and_says_so() {
    let (mut window, source) = window();
    let mut run = description();
    run.epochs = 0;
    feed(&mut window, &source, [ToViewer::Run(Box::new(run))]);
    window.get_by_label("Nothing is trained");
}

#[test]
fn arrow_keys_walk_along_the_edges() {
    let (mut window, source) = running();
    for key in [eframe::egui::Key::ArrowRight; 3] {
        window.key_press(key);
        window.run_steps(2);
    }
    assert_eq!(window.state().selected(), Some(2));
    assert_eq!(source.sent().len(), 3);

    window.get_by_label("cutout").click();
    window.run_steps(2);
    window.key_press(eframe::egui::Key::ArrowRight);
    window.run_steps(2);
    assert_eq!(window.state().selected(), Some(CUTOUT as usize + 1));
    window.key_press(eframe::egui::Key::ArrowUp);
    window.run_steps(2);
    assert_eq!(window.state().selected(), Some(8));
    window.key_press(eframe::egui::Key::Escape);
    window.run_steps(2);
    assert_eq!(window.state().selected(), None);
}

#[test]
fn everything_fits_a_small_window() {
    let (mut window, source) = window_of(1280.0, 720.0);
    let mut messages = messages(230);
    if let ToViewer::Run(run) = &mut messages[0] {
        run.warning = Some("trained on the built-in images".into());
    }
    feed(&mut window, &source, messages);
    window.get_by_label("cutout").click();
    window.run_steps(2);
    source.push(Event::Message(ToViewer::Images(Box::new(images(CUTOUT)))));
    window.run_steps(3);
    let all = eframe::egui::Rect::from_min_size(Default::default(), eframe::egui::vec2(1280.0, 720.0));
    for name in description().nodes.iter().map(|n| n.name.clone()) {
        // The selected node's name is also the panel's heading.
        let node = window.get_all_by_label(&name).next().expect("every node is drawn");
        assert!(all.contains_rect(node.rect()), "{name}: {:?}", node.rect());
    }
    for index in 0..8 {
        let label = format!("after: sample {}", index * 6151 % 50_000);
        let picture = window.get_by_label_contains(&label);
        assert!(all.contains_rect(picture.rect()), "{label}: {:?}", picture.rect());
        let number = format!("#{}", index * 6151 % 50_000);
        let caption = window.get_by_label(&number);
        assert!(all.contains_rect(caption.rect()), "{label}: {:?}", caption.rect());
    }
}
