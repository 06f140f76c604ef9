//! Images for whoever looks at a node: the rows of one chunk, before and after it.

use half::{bf16, f16};
use telemetry::{NodeImages, Pictures};

use super::chunk::{Cell, Chunk};
use super::pipeline::Pipeline;
use super::program::Member;
use crate::batch::{Batch, BatchId, DType, Field, ImageSize, Layout};

/// Pictures of a node at most: what fits a screen.
const MAX_PICTURES: usize = 24;

/// The first rows of a field that is an image, as pictures.
pub(super) fn capture(image: Option<&(Field, usize)>, cells: &[Cell<'_>], rows: usize) -> Option<Pictures> {
    let (field, buffer) = image?;
    pictures(field, cells[*buffer].bytes(), rows)
}

/// What was captured, with all that belongs to it.
pub(super) fn around(
    pipeline: &Pipeline,
    member: &Member,
    chunk: &Chunk<'_>,
    before: Option<Pictures>,
    after: Option<Pictures>,
    cells: &[Cell<'_>],
    words: Vec<Vec<String>>,
) -> NodeImages {
    let labels = member.labels.map(|b| labels(cells[b].bytes())).unwrap_or_default();
    let images = node_images(pipeline, member.node, chunk.id, chunk.samples, labels, before, after);
    let drawn = words.iter().take(MAX_PICTURES).map(|words| words.join("; ")).collect();
    NodeImages { drawn, ..images }
}

/// The images that a model is given.
pub fn batch_pictures(pipeline: &Pipeline, node: usize, batch: &Batch) -> NodeImages {
    let image = batch.fields().find(|f| f.image_size().is_some()).map(|f| f.name.clone());
    let column = image.and_then(|name| batch.column(&name));
    let before = column.and_then(|(field, bytes)| pictures(field, bytes, batch.rows()));
    node_images(pipeline, node, batch.id(), batch.samples(), sample_labels(batch), before, None)
}

/// The labels of a batch; none if it has no labels.
pub fn sample_labels(batch: &Batch) -> Vec<i64> {
    let label = batch.fields().find(|f| f.is_class()).map(|f| f.name.clone());
    label.and_then(|name| batch.column(&name)).map(|(_, bytes)| labels(bytes)).unwrap_or_default()
}

pub(super) fn labels(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

fn node_images(
    pipeline: &Pipeline,
    node: usize,
    id: BatchId,
    samples: &[u64],
    mut labels: Vec<i64>,
    before: Option<Pictures>,
    after: Option<Pictures>,
) -> NodeImages {
    labels.truncate(MAX_PICTURES);
    NodeImages {
        node: node as u32,
        epoch: id.epoch as u32,
        batch: id.index as u32,
        samples: samples.iter().copied().take(MAX_PICTURES).collect(),
        labels,
        classes: pipeline.shape().classes.clone(),
        drawn: Vec::new(),
        before,
        after,
    }
}

/// Rows of an image field as RGB bytes. Fractions are stretched from their least to their greatest value; one channel
/// is grey, and of more than three the first three are shown.
pub(super) fn pictures(field: &Field, bytes: &[u8], rows: usize) -> Option<Pictures> {
    let size = field.image_size()?;
    let rows = rows.min(MAX_PICTURES);
    let elements = rows * field.elements();
    let values: Vec<f32> = match field.dtype {
        DType::Uint8 => bytes[..elements].iter().map(|&v| v.into()).collect(),
        DType::Float32 => bytemuck::cast_slice::<u8, f32>(bytes)[..elements].to_vec(),
        DType::Float16 => bytemuck::cast_slice::<u8, f16>(bytes)[..elements].iter().map(|v| v.to_f32()).collect(),
        DType::Bfloat16 => bytemuck::cast_slice::<u8, bf16>(bytes)[..elements].iter().map(|v| v.to_f32()).collect(),
        DType::Int64 => return None,
    };
    let scaled = (field.dtype != DType::Uint8).then(|| {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let (least, most) = finite.fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(v), b.max(v)));
        ((most - least).max(f32::MIN_POSITIVE) / 255.0, least)
    });
    let byte = |v: f32| scaled.map_or(v, |(scale, offset)| (v - offset) / scale).round() as u8;
    let ImageSize { height, width, channels } = size;
    let plane = height * width;
    let mut rgb = Vec::with_capacity(rows * plane * 3);
    for image in values.chunks_exact(field.elements().max(1)) {
        for pixel in 0..plane {
            for channel in [0, 1, 2].map(|c: usize| c.min(channels - 1)) {
                rgb.push(byte(match field.layout {
                    Layout::Chw => image[channel * plane + pixel],
                    _ => image[pixel * channels + channel],
                }));
            }
        }
    }
    Some(Pictures { width: width as u32, height: height as u32, rgb, scaled })
}
