use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use inspector::{Event, InspectorApp, Kind, Memory, Recent, Target, Tense};
use telemetry::ToViewer;

use crate::made_up::description;
use crate::{Window, window_on};

fn start(recent: Recent) -> Window {
    let mut window = Harness::builder()
        .with_size([1280.0, 720.0])
        .build_eframe(|creation| InspectorApp::start_page(&creation.egui_ctx, recent));
    window.run_steps(2);
    window
}

#[test]
fn it_says_what_to_do_and_what_was_done_before() {
    let mut recent = Recent::default();
    recent.add(&Target::Recording("/nowhere/run.rec".into()));
    let mut window = start(recent);
    window.get_by_label("Running on this machine");
    window.get_by_label("address, recording or graph");
    window.get_by_label("/nowhere/run.rec").click();
    window.run_steps(2);
    window.get_by_label_contains("cannot read the recording /nowhere/run.rec");
}

#[test]
fn what_is_typed_is_opened() {
    let mut window = start(Recent::default());
    window.get_by_label("address, recording or graph").focus();
    window.run_steps(1);
    window.get_by_label("address, recording or graph").type_text("127.0.0.1:1");
    window.run_steps(2);
    window.key_press(eframe::egui::Key::Enter);
    window.run_steps(3);
    window.get_by_label("No run to show yet");
    window.get_by_label_contains("127.0.0.1:1, is");
    window.get_by_label("View").click();
    window.run_steps(2);
    window.get_by_label("Start page").click();
    window.run_steps(2);
    window.get_by_label("What do you want to look at?");
    window.get_by_label("127.0.0.1:1");
}

#[test]
fn a_graph_is_shown_without_a_run() {
    let source = Memory::of(Kind::Plan);
    let mut window = window_on(1280.0, 720.0, Box::new(source.clone()));
    window.get_by_label("The engine is planning");
    let mut plan = description();
    (plan.epochs, plan.control) = (0, None);
    source.push(Event::Message(ToViewer::Run(Box::new(plan))));
    window.run_steps(3);
    assert_eq!(window.state().run().map(|run| run.tense), Some(Tense::Plan));
    window.get_by_label("plan of memory");
    window.get_by_label("Run");
    window.get_by_label("more arguments");
    window.get_by_label("cutout").click();
    window.run_steps(2);
    window.get_by_label("64 rows of 3 kB fit the cache");
    window.get_by_label("Images come when the graph is run");
    window.get_by_label("The loss appears here when the graph is run.");
}

#[test]
fn what_is_wrong_with_a_graph_is_said() {
    let source = Memory::of(Kind::Plan);
    let mut window = window_on(1280.0, 720.0, Box::new(source.clone()));
    source.push(Event::Refused("error: node `cutout`: unknown parameter `crop`\n  at 4:12".into()));
    window.run_steps(2);
    window.get_by_label("This cannot be shown");
    window.get_by_label_contains("`crop`\n  at 4:12");
}
