//! Pictures with words beneath, on one sheet, as a PNG.

use std::path::Path;

use super::Failure;
use super::lettering::{LINE, Lettering};
use super::sample_view::Picture;

const BACKGROUND: [u8; 3] = [250, 250, 250];
const INK: [u8; 3] = [24, 24, 27];
const DONE: [u8; 3] = [29, 78, 216];
const FAINT: [u8; 3] = [96, 96, 104];
/// Pixels around a sheet, and between its cells.
const MARGIN: usize = 14;
/// Pixels of a sheet at most: what viewers still open.
const MOST: usize = 1 << 28;

/// A picture being drawn, in red, green and blue.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pub(crate) rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// Mixes a colour into a pixel; outside nothing happens.
    pub(crate) fn tint(&mut self, (x, y): (usize, usize), colour: [u8; 3], share: f32) {
        if x < self.width && y < self.height {
            let start = (y * self.width + x) * 3;
            for (old, new) in self.rgb[start..start + 3].iter_mut().zip(colour) {
                *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * share).round() as u8;
            }
        }
    }

    /// Each pixel of a picture as a square of `scale` pixels: nearest neighbour.
    fn place(&mut self, (x, y): (usize, usize), picture: &Picture, scale: usize) {
        for row in 0..picture.height * scale {
            let from = &picture.rgb[row / scale * picture.width * 3..][..picture.width * 3];
            let start = ((y + row) * self.width + x) * 3;
            let to = &mut self.rgb[start..start + picture.width * scale * 3];
            for (pixel, squares) in from.chunks_exact(3).zip(to.chunks_exact_mut(3 * scale)) {
                squares.chunks_exact_mut(3).for_each(|square| square.copy_from_slice(pixel));
            }
        }
    }

    /// Writes it as a PNG.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        let failed =
            |e: &dyn std::fmt::Display| Failure::Failed(format!("cannot write the picture: {e}: {}", path.display()));
        let file = std::fs::File::create(path).map_err(|e| failed(&e))?;
        let sides = [self.width, self.height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), sides[0], sides[1]);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|e| failed(&e))?;
        writer.write_image_data(&self.rgb).map_err(|e| failed(&e))?;
        writer.finish().map_err(|e| failed(&e))
    }
}

/// A picture alone.
pub(crate) fn alone(picture: &Picture, scale: usize) -> Result<Canvas, Failure> {
    let mut canvas = canvas(picture.width * scale, picture.height * scale)?;
    canvas.place((0, 0), picture, scale);
    Ok(canvas)
}

/// A picture, or nothing, with words beneath.
pub(crate) struct Cell {
    pub(crate) picture: Option<Picture>,
    pub(crate) name: String,
    /// What was done, each beginning a line.
    pub(crate) words: Vec<String>,
    /// What else is known, likewise.
    pub(crate) facts: Vec<String>,
}

/// How cells are put side by side.
#[derive(Clone, Copy)]
pub(crate) struct Arrangement {
    /// Cells of a row.
    pub(crate) columns: usize,
    /// Pixels of each pixel of a picture.
    pub(crate) scale: usize,
    /// Width of a cell at least, for the words.
    pub(crate) least_width: usize,
}

/// Cells in rows below a heading.
pub(crate) fn sheet(heading: &str, cells: &[Cell], arrangement: Arrangement) -> Result<Canvas, Failure> {
    let Arrangement { columns, scale, least_width } = arrangement;
    let lettering = Lettering::new();
    let columns = columns.clamp(1, cells.len().max(1));
    let picture_width = |cell: &Cell| cell.picture.as_ref().map_or(0, |picture| picture.width * scale);
    let widths: Vec<usize> = (0..columns)
        .map(|column| cells.iter().skip(column).step_by(columns).map(picture_width).max().unwrap_or_default())
        .map(|width| width.max(least_width))
        .collect();
    let lines = |index: usize| -> Vec<(String, [u8; 3])> {
        let (cell, width) = (&cells[index], widths[index % columns]);
        let name = lettering.wrap(&cell.name, width).into_iter().map(|line| (line, INK));
        let lines = |texts: &[String], ink| -> Vec<(String, [u8; 3])> {
            texts.iter().flat_map(|text| lettering.wrap(text, width)).map(|line| (line, ink)).collect()
        };
        name.chain(lines(&cell.words, DONE)).chain(lines(&cell.facts, FAINT)).collect()
    };
    let lines: Vec<_> = (0..cells.len()).map(lines).collect();
    let rows: Vec<std::ops::Range<usize>> =
        (0..cells.len()).step_by(columns).map(|start| start..cells.len().min(start + columns)).collect();
    let picture_height = |cell: &Cell| cell.picture.as_ref().map_or(0, |picture| picture.height * scale);
    let heights: Vec<(usize, usize)> = rows
        .iter()
        .map(|row| {
            let pictures = cells[row.clone()].iter().map(picture_height).max().unwrap_or_default();
            (pictures, lines[row.clone()].iter().map(Vec::len).max().unwrap_or_default() * LINE)
        })
        .collect();
    let width = widths.iter().map(|width| width + MARGIN).sum::<usize>() + MARGIN;
    let heading = lettering.wrap(heading, width - 2 * MARGIN);
    let top = MARGIN + heading.len() * LINE + MARGIN / 2;
    let height = top + heights.iter().map(|(pictures, lines)| pictures + 4 + lines + MARGIN).sum::<usize>();
    let mut canvas = canvas(width, height)?;
    for (index, line) in heading.iter().enumerate() {
        lettering.draw(&mut canvas, (MARGIN, MARGIN + index * LINE), line, INK);
    }
    let mut y = top;
    for (row, (pictures, words)) in rows.into_iter().zip(heights) {
        let mut x = MARGIN;
        for index in row {
            if let Some(picture) = &cells[index].picture {
                // Words are beneath each at the same height, pictures stand on it.
                canvas.place((x, y + pictures - picture.height * scale), picture, scale);
            }
            for (place, (line, colour)) in lines[index].iter().enumerate() {
                lettering.draw(&mut canvas, (x, y + pictures + 4 + place * LINE), line, *colour);
            }
            x += widths[index % columns] + MARGIN;
        }
        y += pictures + 4 + words + MARGIN;
    }
    Ok(canvas)
}

fn canvas(width: usize, height: usize) -> Result<Canvas, Failure> {
    if width.saturating_mul(height) > MOST {
        let message = format!("the picture would have {width} × {height} pixels; a smaller --scale makes it smaller");
        return Err(Failure::Usage(message));
    }
    Ok(Canvas::new(width, height, BACKGROUND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_picture_has_each_pixel_as_a_square() {
        let picture = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] };
        let Ok(canvas) = alone(&picture, 2) else { panic!("it is small") };
        let line = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6];
        assert_eq!((canvas.width, canvas.height, canvas.rgb), (4, 2, [line, line].concat()));
    }

    #[test]
    fn a_sheet_too_large_is_refused() {
        let picture = Picture { width: 1000, height: 1000, rgb: vec![0; 3_000_000] };
        assert!(matches!(alone(&picture, 100), Err(Failure::Usage(_))));
    }
}
