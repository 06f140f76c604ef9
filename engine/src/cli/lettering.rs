//! Text in pictures.

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};

use super::sample_sheet::Canvas;

/// Height of a letter from the top of the highest to the bottom of the lowest, in pixels: small, and sharp.
const SIZE: f32 = 14.0;
/// Pixels from line to line.
pub(crate) const LINE: usize = 17;

/// Writes lines in one size of one font, whose letters are all equally wide.
pub(crate) struct Lettering(FontRef<'static>);

impl Lettering {
    pub(crate) fn new() -> Self {
        let font = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR);
        Self(font.expect("the font is part of the program"))
    }

    /// How wide a text is, in pixels.
    pub(crate) fn width(&self, text: &str) -> usize {
        let font = self.0.as_scaled(PxScale::from(SIZE));
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum::<f32>().ceil() as usize
    }

    /// Draws one line, its top left corner there.
    pub(crate) fn draw(&self, canvas: &mut Canvas, (x, y): (usize, usize), text: &str, colour: [u8; 3]) {
        let font = self.0.as_scaled(PxScale::from(SIZE));
        let mut pen = point(x as f32, y as f32 + font.ascent());
        for c in text.chars() {
            let glyph = font.glyph_id(c).with_scale_and_position(SIZE, pen);
            pen.x += font.h_advance(glyph.id);
            let Some(outline) = self.0.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, cover| {
                let (x, y) = (corner.x + dx as f32, corner.y + dy as f32);
                if x >= 0.0 && y >= 0.0 {
                    canvas.tint((x as usize, y as usize), colour, cover.min(1.0));
                }
            });
        }
    }

    /// Cuts a text into lines of this width, between words where there are any.
    pub(crate) fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines = vec![String::new()];
        let letters = (width / self.width("m").max(1)).max(1);
        for word in text.split(' ') {
            let mut rest: Vec<char> = word.chars().collect();
            loop {
                let last = lines.last_mut().expect("there is a line from the start");
                let used = last.chars().count();
                let room = letters.saturating_sub(used + usize::from(used > 0));
                if rest.len() <= room {
                    if used > 0 {
                        last.push(' ');
                    }
                    last.extend(rest);
                    break;
                }
                if used == 0 {
                    last.extend(rest.drain(..letters));
                }
                lines.push(String::new());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_words() {
        let lettering = Lettering::new();
        let width = 10 * lettering.width("m");
        assert_eq!(lettering.wrap("shifted by (-1, 2)", width), ["shifted by", "(-1, 2)"]);
        assert_eq!(lettering.wrap("random_horizontal_flip", width), ["random_hor", "izontal_fl", "ip"]);
        assert_eq!(lettering.wrap("a random_horizontal", width), ["a", "random_hor", "izontal"]);
        assert_eq!(lettering.wrap("", width), [""]);
    }

    #[test]
    fn letters_leave_ink_where_they_are() {
        let lettering = Lettering::new();
        let mut canvas = Canvas::new(60, LINE, [255; 3]);
        lettering.draw(&mut canvas, (5, 0), "×−°8", [0; 3]);
        let dark = canvas.rgb.chunks_exact(3).filter(|pixel| pixel[0] < 100).count();
        assert!((20..200).contains(&dark), "{dark} dark pixels");
        // None is missing from the font, which would draw the same box for each.
        let ids: std::collections::BTreeSet<u16> = "×−°8?…äß".chars().map(|c| lettering.0.glyph_id(c).0).collect();
        assert!(ids.len() == 8 && !ids.contains(&0), "{ids:?}");
    }
}
