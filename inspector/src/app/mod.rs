//! The window's content: what is looked at, and what was heard of it.

mod actions;
mod draw;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use eframe::egui::{Context, Ui};
use telemetry::{Ended, FromViewer, NodeImages, RunDescription, ToViewer};

use crate::engine::Launched;
use crate::run::{Run, Tense};
use crate::source::{Event, Kind, Source};
use crate::target::{Recent, Target};
use crate::theme;
use crate::views::graph::GraphView;
use crate::views::log::LogView;
use crate::views::pictures::Textures;
use crate::views::sample::SampleView;
use crate::views::start::StartView;
use crate::views::timeline::TimelineView;
use crate::views::training::TrainingView;
use crate::views::what_if::WhatIfView;

/// While nothing comes, the window still looks after the connection this often.
const SLOW_TICK: Duration = Duration::from_secs(1);
/// How long a message stays, in seconds.
const MESSAGE_SECONDS: f64 = 12.0;

/// How things stand with what is looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// Nobody has answered yet.
    Connecting,
    /// Messages come.
    Live,
    /// It is a recording; how the run ended, where it is at its end.
    Recorded(Option<Ended>),
    /// It is a graph that is not run.
    Planned,
    /// The engine said that its run is over.
    Ended(Ended),
    /// The connection broke without a word.
    Gone,
    /// Somebody answers who cannot be understood.
    Refused(String),
}

/// The panels that share a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Loss, learning rate, epochs.
    #[default]
    Training,
    /// One sample through every node.
    Sample,
    /// Who did what when.
    Timeline,
    /// What would be if.
    WhatIf,
    /// Cores and memory.
    System,
    /// What happened.
    Log,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Training, Self::Sample, Self::Timeline, Self::WhatIf, Self::System, Self::Log];

    /// What is written on it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "Training",
            Self::Sample => "Sample",
            Self::Timeline => "Time line",
            Self::WhatIf => "What if",
            Self::System => "System",
            Self::Log => "Log",
        }
    }
}

/// What each panel remembers.
#[derive(Default)]
struct Views {
    graph: GraphView,
    training: TrainingView,
    textures: Textures,
    sample: SampleView,
    timeline: TimelineView,
    what_if: WhatIfView,
    log: LogView,
    start: StartView,
}

/// The window's content.
pub struct InspectorApp {
    /// What is looked at; none on the start page.
    source: Option<Box<dyn Source>>,
    connection: Connection,
    run: Option<Run>,
    selected: Option<usize>,
    tab: Tab,
    views: Views,
    recent: Recent,
    token: Option<String>,
    /// Where exports are written.
    pub folder: PathBuf,
    /// A run that was started from here and is not served yet.
    launched: Option<Launched>,
    /// Arguments for such a run.
    arguments: String,
    /// Something to tell the user, and until when.
    message: Option<(String, f64)>,
    /// A picture of the window, when it comes.
    pictures: actions::Pictures,
    /// A node that is to be selected once it is known.
    to_select: Option<String>,
    /// A picture that is to be taken, after which the window closes.
    last_picture: Option<actions::LastPicture>,
}

impl InspectorApp {
    /// An inspector of what the source says.
    pub fn new(context: &Context, source: Box<dyn Source>) -> Self {
        let mut app = Self::start_page(context, Recent::default());
        app.watch(source);
        app
    }

    /// An inspector that asks what to look at.
    pub fn start_page(context: &Context, recent: Recent) -> Self {
        theme::apply(context);
        Self {
            source: None,
            connection: Connection::Connecting,
            run: None,
            selected: None,
            tab: Tab::default(),
            views: Views::default(),
            recent,
            token: None,
            folder: PathBuf::from("."),
            launched: None,
            arguments: String::new(),
            message: None,
            pictures: actions::Pictures::default(),
            to_select: None,
            last_picture: None,
        }
    }

    /// Says this token to runs that ask for one.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// How things stand.
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

    /// Looks at something.
    fn watch(&mut self, source: Box<dyn Source>) {
        self.connection = match source.kind() {
            Kind::Live => Connection::Connecting,
            Kind::Recording => Connection::Recorded(None),
            Kind::Plan => Connection::Planned,
        };
        self.run = None;
        self.selected = None;
        self.views = Views::default();
        self.source = Some(source);
    }

    /// Tells whoever is looked at something.
    fn send(&mut self, message: FromViewer) {
        if let Some(source) = &mut self.source {
            source.send(message);
        }
    }

    /// Tells the user something.
    fn say(&mut self, context: &Context, message: impl Into<String>) {
        self.message = Some((message.into(), context.input(|i| i.time) + MESSAGE_SECONDS));
        context.request_repaint_after(Duration::from_secs_f64(MESSAGE_SECONDS + 0.1));
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
        self.views.textures.clear();
        self.send(FromViewer::Watch(node.map(|n| n as u32)));
    }

    /// Selects the node of this name as soon as a run has one.
    pub fn select_named(&mut self, node: Option<String>) {
        self.to_select = node;
    }

    /// Shows a panel, and asks the engine for what it needs.
    pub fn show(&mut self, tab: Tab) {
        if self.tab == tab {
            return;
        }
        let traced = self.tab == Tab::Timeline;
        self.tab = tab;
        if traced != (tab == Tab::Timeline) {
            self.send(FromViewer::Trace(tab == Tab::Timeline));
        }
    }

    fn poll(&mut self, context: &Context) {
        let start = Instant::now();
        while let Some(source) = &mut self.source {
            let patience = source.patience();
            let Some(event) = source.poll() else { break };
            self.handle(context, event);
            // A flood must not stop the drawing.
            if start.elapsed() > patience {
                context.request_repaint();
                break;
            }
        }
        if !matches!(self.connection, Connection::Live | Connection::Recorded(_)) {
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
        self.tense();
    }

    /// Numbers are of now only while they come.
    fn tense(&mut self) {
        let Some(run) = &mut self.run else { return };
        run.tense = match self.connection {
            Connection::Live | Connection::Recorded(None) => Tense::Now,
            Connection::Planned => Tense::Plan,
            _ => Tense::Past,
        };
    }

    fn hear(&mut self, context: &Context, message: ToViewer) {
        if let ToViewer::Run(description) = message {
            return self.begin(*description);
        }
        if let ToViewer::Declined(why) = message {
            if self.run.is_none() {
                self.connection = Connection::Refused(why);
            } else {
                self.say(context, why);
            }
            return;
        }
        let Some(run) = &mut self.run else { return };
        match message {
            ToViewer::Run(_) | ToViewer::Declined(_) => {}
            ToViewer::Sample(seen) => self.views.sample.set(context, *seen),
            ToViewer::Snapshot(snapshot) => run.push(*snapshot),
            ToViewer::Images(images) => self.show_images(context, *images),
            ToViewer::Lost(count) => run.lost = run.lost.saturating_add(count),
            ToViewer::Latencies(latencies) => run.latencies = latencies,
            ToViewer::Load(load) => run.push_load(*load),
            ToViewer::Events(events) => run.push_events(events),
            ToViewer::Spans(spans) => run.push_spans(spans),
            ToViewer::Ended(ended) => {
                self.connection = match self.connection {
                    Connection::Recorded(_) => Connection::Recorded(Some(ended)),
                    _ => Connection::Ended(ended),
                };
            }
        }
    }

    /// A connection's first message. The engine knows nothing of this viewer yet, so that what is wanted is said again.
    fn begin(&mut self, description: RunDescription) {
        let selected = self.selected.zip(self.run.as_ref()).map(|(node, run)| run.name(node).to_owned());
        match Run::new(description) {
            Ok(run) => {
                let same = self.run.as_ref().is_some_and(|old| old.layout == run.layout);
                if !same {
                    self.views.graph = GraphView::default();
                }
                self.selected = selected.and_then(|name| run.node_named(&name));
                self.run = Some(run);
                self.connection = match self.source.as_ref().map(|source| source.kind()) {
                    Some(Kind::Recording) => Connection::Recorded(None),
                    Some(Kind::Plan) => Connection::Planned,
                    _ => Connection::Live,
                };
                if let Some(node) = self.selected {
                    self.send(FromViewer::Watch(Some(node as u32)));
                }
                if self.tab == Tab::Timeline {
                    self.send(FromViewer::Trace(true));
                }
                if let Some(request) = self.views.sample.again() {
                    self.send(request);
                }
            }
            Err(reason) => self.connection = Connection::Refused(format!("its graph makes no sense: {reason}")),
        }
    }

    fn show_images(&mut self, context: &Context, images: NodeImages) {
        // Images of the node selected before can still be on their way. What is looked at closely stays.
        let held = self.views.textures.hold || self.views.textures.close.is_some();
        if let Some(run) = &mut self.run
            && self.selected == Some(images.node as usize)
            && !(held && run.images.is_some())
        {
            self.views.textures.set(context, &images);
            run.images = Some(images);
        }
    }

    /// Draws everything.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.poll(ui.ctx());
        let named = self.to_select.as_ref().and_then(|name| self.run.as_ref()?.node_named(name));
        if named.is_some() {
            self.to_select = None;
            self.select(named);
        }
        self.take_last_picture(ui.ctx());
        self.look_after_launch(ui.ctx());
        self.take_pictures(ui.ctx());
        self.take_dropped(ui.ctx());
        self.draw(ui);
    }

    /// Opens a target by what it is, and remembers it.
    pub fn open(&mut self, context: &Context, target: &Target) {
        match self.source_of(context, target) {
            Ok(source) => {
                self.recent.add(target);
                self.watch(source);
                let title = format!("inspector: {}", target.text());
                context.send_viewport_cmd(eframe::egui::ViewportCommand::Title(title));
            }
            Err(why) if self.source.is_some() => self.say(context, why),
            Err(why) => self.views.start.trouble = Some(why),
        }
        context.request_repaint();
    }
}

impl eframe::App for InspectorApp {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        InspectorApp::ui(self, ui);
    }
}
