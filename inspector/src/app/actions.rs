//! What the user wants done beside looking: files, a run that is started, another thing to look at.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eframe::egui::{ColorImage, Context, ScreenshotCallback, Ui, ViewportCommand};

use super::{Connection, InspectorApp, Views};
use crate::engine::{Launch, Launched, Planned};
use crate::export;
use crate::replay::Replay;
use crate::source::{Live, Source};
use crate::target::Target;
use crate::theme::Palette;
use crate::views::training::Overlay;

/// How often a run that was started is looked after.
const LAUNCH_TICK: Duration = Duration::from_millis(200);

/// Pictures of the window that have come, to be saved.
pub(super) type Pictures = Arc<Mutex<Vec<Arc<ColorImage>>>>;

/// The picture after which the window closes.
pub(super) struct LastPicture {
    file: PathBuf,
    /// In the window's seconds.
    at: f64,
    asked: bool,
}

/// What can be written to a file.
#[derive(Clone, Copy)]
pub(super) enum Export {
    Window,
    Graph,
    Curve,
    Epochs,
    Trace,
}

impl Export {
    pub(super) const ALL: [Self; 5] = [Self::Window, Self::Graph, Self::Curve, Self::Epochs, Self::Trace];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Window => "Picture of the window (PNG)",
            Self::Graph => "Graph (SVG)",
            Self::Curve => "Training curve (CSV)",
            Self::Epochs => "Epochs (CSV)",
            Self::Trace => "Time line (Perfetto trace)",
        }
    }
}

impl InspectorApp {
    /// Writes what is shown to a file in the working folder.
    pub(super) fn export(&mut self, ui: &Ui, what: Export) {
        let Some(run) = &self.run else { return };
        let saved = match what {
            Export::Window => return self.ask_for_picture(ui.ctx()),
            Export::Graph => export::save_graph(run, Palette::of(ui), &self.folder),
            Export::Curve => export::save_curve(run, &self.folder),
            Export::Epochs => export::save_epochs(run, &self.folder),
            Export::Trace if run.spans.is_empty() => {
                Err(io::Error::other("there is nothing on the time line yet; open it first"))
            }
            Export::Trace => export::save_trace(run, &self.folder),
        };
        self.say_saved(ui.ctx(), saved);
    }

    fn say_saved(&mut self, context: &Context, saved: io::Result<PathBuf>) {
        match saved {
            Ok(path) => self.say(context, format!("saved {}", path.display())),
            Err(error) => self.say(context, format!("not saved: {error}")),
        }
    }

    /// Takes a picture of the window after so many seconds, and closes it.
    pub fn picture_and_end(&mut self, context: &Context, file: PathBuf, after: f64) {
        let at = context.input(|i| i.time) + after;
        self.last_picture = Some(LastPicture { file, at, asked: false });
    }

    pub(super) fn take_last_picture(&mut self, context: &Context) {
        let now = context.input(|i| i.time);
        let Some(last) = &mut self.last_picture else { return };
        context.request_repaint_after(LAUNCH_TICK);
        if now >= last.at && !last.asked {
            last.asked = true;
            self.ask_for_picture(context);
        }
    }

    fn ask_for_picture(&self, context: &Context) {
        let (pictures, waker) = (Arc::clone(&self.pictures), context.clone());
        let taken = move |image| {
            pictures.lock().unwrap_or_else(PoisonError::into_inner).push(image);
            waker.request_repaint();
        };
        context.send_viewport_cmd(ViewportCommand::Screenshot(ScreenshotCallback::new(taken)));
    }

    /// Saves pictures of the window that have come.
    pub(super) fn take_pictures(&mut self, context: &Context) {
        let pictures = std::mem::take(&mut *self.pictures.lock().unwrap_or_else(PoisonError::into_inner));
        for picture in pictures {
            if let Some(last) = self.last_picture.take_if(|last| last.asked) {
                match File::create(&last.file).and_then(|file| export::write_picture(&picture, file)) {
                    Ok(()) => context.send_viewport_cmd(ViewportCommand::Close),
                    Err(error) => self.say(context, format!("cannot write {}: {error}", last.file.display())),
                }
                continue;
            }
            let graph = self.run.as_ref().map_or("inspector", |run| &run.description.graph);
            let saved = export::save_picture(&picture, graph, &self.folder);
            self.say_saved(context, saved);
        }
    }

    /// Files that were dropped on the window: the first one is opened, or a recording compared with.
    pub(super) fn take_dropped(&mut self, context: &Context) {
        let dropped = context.input(|i| i.raw.dropped_files.first().map(|file| file.path().to_owned()));
        let Some(path) = dropped else { return };
        let target = Target::of(&path.display().to_string());
        match target {
            Target::Recording(path) if self.run.is_some() => self.compare(context, &path),
            target => self.open(context, &target),
        }
    }

    /// Draws the curve of a recording behind that of the run.
    pub(super) fn compare(&mut self, context: &Context, path: &Path) {
        match Overlay::open(path) {
            Ok(overlay) => {
                self.recent.add(&Target::Recording(path.to_owned()));
                self.views.training.overlays.push(overlay);
                self.show(super::Tab::Training);
            }
            Err(error) => self.say(context, error.to_string()),
        }
    }

    pub(super) fn source_of(&self, context: &Context, target: &Target) -> Result<Box<dyn Source>, String> {
        let wake = || {
            let context = context.clone();
            move || context.request_repaint()
        };
        match target {
            Target::Address(address) => {
                let live = Live::start(address.clone(), self.token.clone(), wake());
                live.map(|live| Box::new(live) as Box<dyn Source>).map_err(|error| error.to_string())
            }
            Target::Recording(path) => {
                let replay = Replay::open(path).map_err(|error| error.to_string())?;
                Ok(Box::new(replay))
            }
            Target::Graph(path) => Ok(Box::new(Planned::ask(path, wake()))),
        }
    }

    /// Starts the run that was planned.
    pub(super) fn launch(&mut self, context: &Context) {
        let Some(source) = &self.source else { return };
        match Launched::start(Path::new(source.address()), &self.arguments) {
            Ok(launched) => self.launched = Some(launched),
            Err(why) => self.say(context, why),
        }
    }

    /// A run that was started is watched as soon as it is served.
    pub(super) fn look_after_launch(&mut self, context: &Context) {
        let Some(launched) = &mut self.launched else { return };
        match launched.poll() {
            Launch::Starting => context.request_repaint_after(LAUNCH_TICK),
            Launch::Serving(address) => {
                self.launched = None;
                self.open(context, &Target::Address(address));
            }
            Launch::Failed(why) => {
                self.launched = None;
                self.say(context, why);
            }
        }
    }

    /// Goes to the start page.
    pub(super) fn leave(&mut self) {
        self.source = None;
        self.run = None;
        self.selected = None;
        self.connection = Connection::Connecting;
        self.views = Views::default();
    }
}
