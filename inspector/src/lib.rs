//! Shows a running engine: its graph with live rates, the images at each node, the loss.
//!
//! [`InspectorApp`] is the whole window's content, fed by a [`Source`]: a [`Live`] connection, or a [`Memory`] in
//! tests. Messages end up in a [`Run`]; the views draw it and change nothing of it.
//!
//! To add a panel: its file in `views/`, and a line in [`InspectorApp`]'s `ui`.

pub mod history;
pub mod layout;
pub mod numbers;
mod run;
mod source;
pub mod theme;
mod views;

use std::time::Duration;

use eframe::egui::{self, Context, Ui};
use telemetry::{Ended, FromViewer, NodeImages, RunDescription, ToViewer};

pub use run::Run;
pub use source::{Event, Live, Memory, Source};

use views::{graph::GraphView, pictures::Textures, training::TrainingView};

/// Events handled before a frame is drawn, so that a flood cannot stop the drawing.
const EVENTS_A_FRAME: usize = 256;
/// While nothing comes, the window still looks after the connection this often.
const SLOW_TICK: Duration = Duration::from_secs(1);

/// How things stand with the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// Nobody has answered yet.
    Connecting,
    /// Messages come.
    Live,
    /// The engine said that its run is over.
    Ended(Ended),
    /// The connection broke without a word.
    Gone,
    /// Somebody answers who cannot be understood.
    Refused(String),
}

/// The window's content.
pub struct InspectorApp {
    source: Box<dyn Source>,
    connection: Connection,
    run: Option<Run>,
    selected: Option<usize>,
    graph: GraphView,
    training: TrainingView,
    textures: Textures,
}

impl InspectorApp {
    /// An inspector of what the source says.
    pub fn new(context: &Context, source: Box<dyn Source>) -> Self {
        theme::apply(context);
        Self {
            source,
            connection: Connection::Connecting,
            run: None,
            selected: None,
            graph: GraphView::default(),
            training: TrainingView::default(),
            textures: Textures::default(),
        }
    }

    /// How things stand with the engine.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The run that is shown; kept after it has ended or its engine has gone.
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Index of the selected node.
    pub fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// Selects a node, or none, and asks the engine for its images.
    pub fn select(&mut self, node: Option<usize>) {
        if self.selected == node {
            return;
        }
        self.selected = node;
        if let Some(run) = &mut self.run {
            run.images = None;
        }
        self.textures.clear();
        self.source.send(FromViewer::Watch(node.map(|n| n as u32)));
    }

    /// Draws everything.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.poll(ui.ctx());
        let size = ui.available_size();
        let address = self.source.address();
        egui::Panel::top("status").show(ui, |ui| {
            views::status::status_ui(ui, &self.connection, address, self.run.as_ref());
        });
        let Some(run) = &self.run else {
            egui::CentralPanel::default().show(ui, |ui| views::status::empty_ui(ui, &self.connection, address));
            return;
        };
        if let Some(warning) = &run.description.warning {
            views::status::warning_ui(ui, warning);
        }
        let mut selected = self.selected;
        egui::Panel::top("graph")
            .resizable(true)
            .default_size((size.y * theme::GRAPH_SHARE).max(theme::GRAPH_MIN))
            .size_range(theme::GRAPH_MIN..=(size.y - theme::GRAPH_MIN).max(theme::GRAPH_MIN))
            .show(ui, |ui| views::graph::graph_ui(ui, run, &mut self.graph, &mut selected));
        egui::Panel::left("node")
            .resizable(true)
            .default_size(size.x * theme::NODE_SHARE)
            .size_range(size.x * 0.25..=size.x * 0.75)
            .show(ui, |ui| {
                // A panel is as large as its content, unless told otherwise.
                ui.set_min_size(ui.available_size());
                views::node::node_ui(ui, run, selected, &self.textures);
            });
        egui::CentralPanel::default().show(ui, |ui| views::training::training_ui(ui, run, &mut self.training));
        self.select(selected);
    }

    fn poll(&mut self, context: &Context) {
        let mut handled = 0;
        while handled < EVENTS_A_FRAME
            && let Some(event) = self.source.poll()
        {
            self.handle(context, event);
            handled += 1;
        }
        if handled == EVENTS_A_FRAME {
            context.request_repaint();
        } else if self.connection != Connection::Live {
            context.request_repaint_after(SLOW_TICK);
        }
    }

    fn handle(&mut self, context: &Context, event: Event) {
        match event {
            // What was said last still holds while the next attempt fails.
            Event::Unreachable => {
                if let Connection::Refused(_) | Connection::Live = self.connection {
                    self.connection = Connection::Connecting;
                }
            }
            Event::Refused(reason) => self.connection = Connection::Refused(reason),
            // Nothing is known before the run's description comes.
            Event::Connected => {}
            Event::Gone => {
                if self.connection == Connection::Live {
                    self.connection = Connection::Gone;
                }
            }
            Event::Message(message) => self.hear(context, message),
        }
    }

    fn hear(&mut self, context: &Context, message: ToViewer) {
        if let ToViewer::Run(description) = message {
            return self.begin(*description);
        }
        let Some(run) = &mut self.run else { return };
        match message {
            ToViewer::Run(_) => {}
            ToViewer::Snapshot(snapshot) => run.push(*snapshot),
            ToViewer::Images(images) => self.show_images(context, *images),
            ToViewer::Lost(count) => run.lost += count,
            ToViewer::Ended(ended) => self.connection = Connection::Ended(ended),
        }
    }

    /// A connection's first message. The engine knows nothing of this viewer yet, so that the selection is said again.
    fn begin(&mut self, description: RunDescription) {
        let selected = self.selected.zip(self.run.as_ref()).map(|(node, run)| run.name(node).to_owned());
        match Run::new(description) {
            Ok(run) => {
                let same = self.run.as_ref().is_some_and(|old| old.layout == run.layout);
                if !same {
                    self.graph = GraphView::default();
                }
                self.selected = selected.and_then(|name| run.node_named(&name));
                self.run = Some(run);
                self.connection = Connection::Live;
                if let Some(node) = self.selected {
                    self.source.send(FromViewer::Watch(Some(node as u32)));
                }
            }
            Err(reason) => self.connection = Connection::Refused(format!("its graph makes no sense: {reason}")),
        }
    }

    fn show_images(&mut self, context: &Context, images: NodeImages) {
        // Images of the node selected before can still be on their way.
        if let Some(run) = &mut self.run
            && self.selected == Some(images.node as usize)
        {
            self.textures.set(context, &images);
            run.images = Some(images);
        }
    }
}

impl eframe::App for InspectorApp {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        InspectorApp::ui(self, ui);
    }
}
