//! What one viewer, or one recording, has been told, and what it is to be told next.

use crate::{Hub, ToViewer};

/// What somebody has been told so far.
pub(crate) struct Feed<'a> {
    hub: &'a Hub,
    epochs: usize,
    curve: usize,
    events: usize,
    /// Numbers of the spans, while they are wanted.
    spans: Option<Vec<u64>>,
    /// Number of the last images of each node.
    images: Vec<u64>,
}

impl<'a> Feed<'a> {
    pub(crate) fn new(hub: &'a Hub) -> Self {
        Self { hub, epochs: 0, curve: 0, events: 0, spans: None, images: vec![0; hub.run().nodes.len()] }
    }

    /// The first message.
    pub(crate) fn run(&self) -> ToViewer {
        ToViewer::Run(Box::new(self.hub.run().clone()))
    }

    /// Counters, and what came with them.
    pub(crate) fn snapshot(&mut self) -> ToViewer {
        let snapshot = self.hub.snapshot(self.epochs, self.curve);
        self.epochs += snapshot.epochs.len();
        self.curve += snapshot.curve.len();
        ToViewer::Snapshot(Box::new(snapshot))
    }

    /// What is told once a second.
    pub(crate) fn slow(&self) -> [ToViewer; 2] {
        [ToViewer::Latencies(self.hub.latencies()), ToViewer::Load(Box::new(self.hub.load()))]
    }

    /// Events that are new.
    pub(crate) fn events(&mut self) -> Option<ToViewer> {
        let events = self.hub.events(&mut self.events);
        (!events.is_empty()).then_some(ToViewer::Events(events))
    }

    /// From now on spans are wanted, or not.
    pub(crate) fn trace(&mut self, on: bool) {
        if on == self.spans.is_some() {
            return;
        }
        self.hub.trace(on);
        self.spans = on.then(|| self.hub.next_spans());
    }

    /// Spans that are new.
    pub(crate) fn spans(&mut self) -> Option<ToViewer> {
        let spans = self.hub.spans(self.spans.as_mut()?);
        (!spans.is_empty()).then_some(ToViewer::Spans(spans))
    }

    /// Images of a node that are new.
    pub(crate) fn images(&mut self, node: u32) -> Option<ToViewer> {
        let seen = self.images.get_mut(node as usize)?;
        let (number, images) = self.hub.images(node, *seen)?;
        *seen = number;
        Some(ToViewer::Images(Box::new((*images).clone())))
    }

    /// The next images of this node are new again, even if they are the ones that were told last.
    pub(crate) fn forget_images(&mut self, node: u32) {
        if let Some(seen) = self.images.get_mut(node as usize) {
            *seen = 0;
        }
    }
}

impl Drop for Feed<'_> {
    fn drop(&mut self) {
        self.trace(false);
    }
}
