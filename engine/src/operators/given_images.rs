//! Image files in the place of a source's samples: what a trained model is asked about.

use std::path::{Path, PathBuf};

use pixels::{Filter, ImageSize, Picture, Rect, Resize, probe};

use super::kernel::{OperatorError, Source};
use super::pictures::with_decoder;
use crate::batch::{Field, Layout, Rows};

/// Image files (JPEG, PNG, WebP) as the samples of a source that is not there: its image field is theirs, all others are
/// zeros, or empty.
pub struct GivenImages {
    paths: Vec<PathBuf>,
    sizes: Vec<ImageSize>,
    field: Field,
    others: Vec<Field>,
}

/// An image that has another size than the source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resized {
    /// Its place among the files.
    pub index: usize,
    /// Its own size.
    pub from: ImageSize,
    /// The source's.
    pub to: ImageSize,
}

impl GivenImages {
    /// Files as samples of a source that writes `fields`. Where it has several images, `wanted` says which one they are.
    /// Their headers are read.
    ///
    /// # Errors
    ///
    /// If a file is not there or no image, or the source writes no image.
    pub fn open(paths: &[PathBuf], fields: &[Field], wanted: &str) -> Result<Self, OperatorError> {
        let images: Vec<&Field> =
            fields.iter().filter(|f| f.layout == Layout::Picture || f.layout == Layout::Hwc).collect();
        let field = match images[..] {
            [one] => one,
            _ => images.iter().find(|field| field.name == wanted).ok_or_else(|| {
                let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
                OperatorError::new(format!(
                    "its fields are {}: no image that files could take the place of",
                    names.join(", ")
                ))
            })?,
        };
        if let Some(size) = field.image_size().filter(|size| ![1, 3].contains(&size.channels)) {
            return Err(OperatorError::new(format!(
                "its images have {} channels: files of images have 1 or 3",
                size.channels
            )));
        }
        let size = |path: &PathBuf| Ok(probe(&read(path)?).map_err(|e| at(path, e))?.size);
        Ok(Self {
            paths: paths.to_vec(),
            sizes: paths.iter().map(size).collect::<Result<_, OperatorError>>()?,
            others: fields.iter().filter(|f| f.name != field.name).cloned().collect(),
            field: field.clone(),
        })
    }

    /// The images that are resized to the size of the source's.
    pub fn resized(&self) -> Vec<Resized> {
        let Some(to) = self.field.image_size() else { return Vec::new() };
        let differs = |(_, from): &(usize, &ImageSize)| (from.height, from.width) != (to.height, to.width);
        let one = |(index, from): (usize, &ImageSize)| Resized { index, from: *from, to };
        self.sizes.iter().enumerate().filter(differs).map(one).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OperatorError> {
    std::fs::read(path).map_err(|e| at(path, format!("cannot read the image: {e}")))
}

fn at(path: &Path, why: impl std::fmt::Display) -> OperatorError {
    OperatorError::new(format!("{why}: {}", path.display()))
}

/// Antialiased, as Pillow and torchvision do it.
const RESIZE: Resize = Resize { filter: Filter::Bilinear, antialias: true, dct_scaling: false };

impl Source for GivenImages {
    fn rows(&self) -> u64 {
        self.paths.len() as u64
    }

    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        for other in self.others.iter().filter(|other| !other.is_ragged()) {
            if rows.wants(&other.name) {
                rows.write::<u8>(&other.name).fill(0);
            }
        }
        let name = &self.field.name;
        if !rows.wants(name) {
            return Ok(());
        }
        let Some(to) = self.field.image_size() else {
            for (sample, out) in samples.iter().zip(rows.items_mut(name)) {
                out.set(&read(&self.paths[*sample as usize])?, None);
            }
            return Ok(());
        };
        for (sample, out) in samples.iter().zip(rows.write::<u8>(name).chunks_exact_mut(to.bytes())) {
            let path = &self.paths[*sample as usize];
            let bytes = read(path)?;
            let (picture, whole) = (Picture { bytes: &bytes, size: None }, Rect::whole(self.sizes[*sample as usize]));
            with_decoder(|decoder| decoder.region(picture, whole, RESIZE, false, to, out)).map_err(|e| at(path, e))?;
        }
        Ok(())
    }

    fn place(&self, sample: u64) -> String {
        self.paths[sample as usize].display().to_string()
    }
}
