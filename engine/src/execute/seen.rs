//! One sample through every node, for whoever has pinned it: made anew, beside the run.

use std::sync::Arc;

use telemetry::{NodeSeen, SampleSeen};

use super::error::RunError;
use super::images;
use super::pipeline::Pipeline;
use super::rebuild::Rebuilt;

/// A sample as it leaves each node in an epoch (from 0), or why there is nothing to see.
pub fn sample_seen(pipeline: &Arc<Pipeline>, sample: u64, epoch: u32) -> SampleSeen {
    let nothing = SampleSeen { sample, epoch, batch: 0, label: String::new(), nodes: Vec::new(), trouble: None };
    match rebuilt(pipeline, sample, epoch) {
        Ok(rebuilt) => {
            let nodes = pipeline.nodes().map(|node| node_seen(&rebuilt, node)).collect();
            let label = label(pipeline, &rebuilt);
            SampleSeen { batch: rebuilt.id().index as u32, label, nodes, ..nothing }
        }
        Err(error) => SampleSeen { trouble: Some(error.to_string()), ..nothing },
    }
}

fn rebuilt(pipeline: &Arc<Pipeline>, sample: u64, epoch: u32) -> Result<Rebuilt, RunError> {
    let places = Rebuilt::places(pipeline, epoch.into(), sample, None)?;
    let (id, row) = places.first().copied().expect("a sample that is absent is an error");
    Rebuilt::row(pipeline, id, row)
}

fn node_seen(rebuilt: &Rebuilt, node: usize) -> NodeSeen {
    let image = rebuilt.fields(node).find(|field| field.image_size().is_some()).map(|field| field.name.clone());
    let column = image.and_then(|name| rebuilt.column(node, &name));
    let picture = column.and_then(|(field, values)| images::pictures(field, values.bytes()?, 1));
    NodeSeen { node: node as u32, picture, words: rebuilt.words(node, 0).join("; ") }
}

/// The label that the source gives it: that of the class, or the number.
fn label(pipeline: &Pipeline, rebuilt: &Rebuilt) -> String {
    let source = pipeline.source();
    let field = rebuilt.fields(source).find(|field| field.is_class()).map(|field| field.name.clone());
    let column = field.and_then(|name| rebuilt.column(source, &name));
    let Some(number) = column.and_then(|(_, values)| images::labels(values.bytes()?).first().copied()) else {
        return String::new();
    };
    let class = usize::try_from(number).ok().and_then(|number| pipeline.shape().classes.get(number));
    class.cloned().unwrap_or_else(|| format!("label {number}"))
}
