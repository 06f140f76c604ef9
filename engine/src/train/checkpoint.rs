//! The state of a training between two steps, as a file.
//!
//! A safetensors file: weights and running statistics under their names, the optimiser's state under `optimizer.` + name,
//! the mean of the weights under `average.` + name, gradients that wait for others under `gradient.` + number, and `state`, JSON as bytes: how far the training is, what it belongs to, and a checksum.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::identity::Identity;
use crate::torch::TorchError;

/// Raised when a field changes its meaning.
const FORMAT: u32 = 2;
/// Name of the JSON.
const STATE: &str = "state";
/// Before the names of the optimiser's state.
pub(super) const OPTIMIZER: &str = "optimizer.";
/// Before the names of the weights' running mean.
pub(super) const AVERAGE: &str = "average.";
/// Before the names of gradients that wait for others.
pub(super) const GRADIENT: &str = "gradient.";

/// How far a training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished, evaluation included.
    pub epoch: u64,
    /// Steps of the epoch that is under way.
    pub batch: u64,
    /// Steps over all epochs.
    pub step: u64,
    /// Images over all epochs.
    pub images: u64,
    /// Seconds of training over all epochs, evaluation not counted.
    pub training_seconds: f64,
    /// Sum of the losses of the epoch that is under way.
    pub epoch_loss: f64,
    /// Images of the epoch that is under way.
    pub epoch_images: u64,
    /// Seconds of the epoch that is under way.
    pub epoch_seconds: f64,
    /// Mean loss of the last finished epoch.
    pub train_loss: Option<f64>,
    /// Updates of the weights over all epochs.
    pub updates: u64,
    /// Updates that the mean of the weights is of.
    pub averaged: u64,
    /// The last evaluation: share of the test images classified right.
    pub test_accuracy: Option<f64>,
    /// The last evaluation: mean loss of the test samples.
    pub test_loss: Option<f64>,
    /// Scale of a float16 loss, and the steps since it last changed.
    pub loss_scale: Option<(f64, u32)>,
}

/// The state of a training.
pub struct Checkpoint {
    /// How far it is.
    pub position: Position,
    /// What it belongs to: graph, seed, epochs, precision.
    pub identity: Identity,
    /// Weights and optimiser, by name.
    pub tensors: Vec<(String, Tensor)>,
}

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    identity: Identity,
    position: Position,
    checksum: String,
}

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system says no.
    #[error("cannot {what} the checkpoint: {source}: {}", path.display())]
    Io {
        /// `write` or `read`.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// It is none, or a damaged one.
    #[error("this is no whole checkpoint ({why}): {}", path.display())]
    Damaged {
        /// What is wrong.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// It is from another version of the engine.
    #[error("the checkpoint has format {format}, and this engine reads format {FORMAT}: {}", path.display())]
    Version {
        /// Its format.
        format: u32,
        /// The file.
        path: PathBuf,
    },
}

impl Checkpoint {
    /// Writes it so that the file is there whole or not at all: beside its place, to the disk, then renamed.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let fail = |source| CheckpointError::Io { what: "write", source, path: path.to_path_buf() };
        let state = State {
            format: FORMAT,
            identity: self.identity.clone(),
            position: self.position.clone(),
            checksum: checksum(&self.identity, &self.position, &self.tensors)
                .map_err(|e| fail(io::Error::other(e.0)))?,
        };
        let state = serde_json::to_vec(&state).map_err(|e| fail(e.into()))?;
        let mut tensors: Vec<(&str, Tensor)> =
            self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shallow_clone())).collect();
        tensors.push((STATE, Tensor::from_slice(&state)));
        let folder = path.parent().unwrap_or(Path::new("."));
        let partial = path.with_extension("partial");
        let written = Tensor::write_safetensors(&tensors, &partial)
            .map_err(|e| io::Error::other(TorchError::from(e).0))
            .and_then(|()| File::open(&partial)?.sync_all())
            .and_then(|()| std::fs::rename(&partial, path))
            // The rename itself is on the disk when the folder is.
            .and_then(|()| File::open(folder)?.sync_all());
        written.map_err(|error| {
            std::fs::remove_file(&partial).ok();
            fail(error)
        })
    }

    /// Reads one, and checks that it is whole.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let damaged = |why: String| CheckpointError::Damaged { why, path: path.to_path_buf() };
        File::open(path).map_err(|source| CheckpointError::Io { what: "read", source, path: path.to_path_buf() })?;
        let mut tensors = Tensor::read_safetensors(path).map_err(|e| damaged(TorchError::from(e).0))?;
        let place = tensors.iter().position(|(name, _)| name == STATE);
        let (_, state) = tensors.swap_remove(place.ok_or_else(|| damaged("it has no state".into()))?);
        let state = Vec::<u8>::try_from(state).map_err(|e| damaged(TorchError::from(e).0))?;
        let state: serde_json::Value = serde_json::from_slice(&state).map_err(|e| damaged(e.to_string()))?;
        match state["format"].as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(CheckpointError::Version { format: format as u32, path: path.to_path_buf() });
            }
            None => return Err(damaged("its state has no format".into())),
        }
        let state: State = serde_json::from_value(state).map_err(|e| damaged(e.to_string()))?;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        if checksum(&state.identity, &state.position, &tensors).map_err(|e| damaged(e.0))? != state.checksum {
            return Err(damaged("its checksum does not agree".into()));
        }
        Ok(Self { position: state.position, identity: state.identity, tensors })
    }
}

/// md5 over identity and position, and over names, shapes and values, which must be sorted by name.
fn checksum(identity: &Identity, position: &Position, tensors: &[(String, Tensor)]) -> Result<String, TorchError> {
    let mut hash = Md5::new();
    hash.update(serde_json::to_vec(&(identity, position)).map_err(|e| TorchError(e.to_string()))?);
    for (name, tensor) in tensors {
        hash.update(name.as_bytes());
        hash.update(format!("{:?}", tensor.size()).as_bytes());
        let values = Vec::<f32>::try_from(tensor.f_to_kind(Kind::Float)?.f_flatten(0, -1)?)?;
        hash.update(bytemuck::cast_slice::<f32, u8>(&values));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Checkpoint {
        crate::torch::init();
        Checkpoint {
            position: Position { epoch: 3, step: 291, test_accuracy: Some(0.5), ..Position::default() },
            identity: Identity::default(),
            tensors: vec![
                ("a.weight".into(), Tensor::from_slice(&[1.5_f32, f32::MIN_POSITIVE, -0.0])),
                ("optimizer.a.weight".into(), Tensor::from_slice(&[2.0_f32, 3.0, 4.0])),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.safetensors");
        some().write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!((read.position, read.identity), (some().position, some().identity));
        for ((name, tensor), (other_name, other)) in read.tensors.iter().zip(&some().tensors) {
            assert_eq!(name, other_name);
            assert!(tensor.equal(other));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn every_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.safetensors");
        some().write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&path, bytes).unwrap();
            // White space between the header's keys may be any.
            if let Ok(read) = Checkpoint::read(&path) {
                assert_eq!(read.position, some().position);
                assert!(read.tensors.iter().zip(&some().tensors).all(|(a, b)| a.0 == b.0 && a.1.equal(&b.1)));
            }
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(Checkpoint::read(&path).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_in_words() {
        let error = some().write(Path::new("/nonexistent/one.safetensors")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the checkpoint:") && error.ends_with("/nonexistent/one.safetensors"));
    }
}
