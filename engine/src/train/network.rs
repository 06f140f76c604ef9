//! A model as torch runs it: from its layers, from a TorchScript file, or of the program's own.

use std::path::Path as FilePath;

use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};

use super::build::{Layer, build_all};
use super::data_layers;
use super::forward::forward_all;
use super::optimizer::Trained;
use crate::execute::RunError;
use crate::layers::{self, LayerSpec, RowShape};
use crate::torch::{Script, ScriptTensor, TorchError};

/// A model of the program's own: the batch, and whether it is trained; to the outputs.
pub type OwnModel = Box<dyn Fn(&Tensor, bool) -> Tensor + Send>;

/// A model and its weights.
pub struct Network {
    store: VarStore,
    body: Body,
    /// Names of the weights that were there to be trained at the start, with their paths, by name.
    trained: Vec<(String, String)>,
}

/// What computes.
pub(super) enum Body {
    Layers(Vec<Layer>),
    Script(Script),
    Own(OwnModel),
}

impl Network {
    /// Builds a model for rows of this shape; its weights are drawn from torch's generator, which the caller has
    /// seeded. The layers must fit, as validation has made sure.
    pub fn new(specs: &[LayerSpec], input: RowShape, device: Device, channels_last: bool) -> Result<Self, TorchError> {
        let store = VarStore::new(device);
        let parameters = layers::parameters(specs, &input);
        let (layers, _) = build_all(&store.root(), specs, input)?;
        if channels_last {
            turn_filters(&store)?;
        }
        let trained = parameters.into_iter().filter(|p| p.trained).map(|p| (p.name, p.path)).collect();
        Ok(Self::of(store, Body::Layers(layers), trained))
    }

    /// A model from a TorchScript file, with the weights that are in it.
    pub fn script(file: &FilePath, device: Device, channels_last: bool) -> Result<Self, TorchError> {
        let store = VarStore::new(device);
        let module = Script::load(file, device)?;
        for ScriptTensor { name, parameter, tensor } in module.tensors()? {
            // The store's names have no dots but between its paths.
            let mut path = store.root();
            let mut parts: Vec<&str> = name.split('.').collect();
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                path = &path / part;
            }
            // The tensor itself, not a copy: the module computes with what is trained.
            let trained = parameter && tensor.requires_grad();
            let _ = path.add(last, tensor, trained);
        }
        if channels_last {
            turn_filters(&store)?;
        }
        let trained = own_names(&store);
        Ok(Self::of(store, Body::Script(module), trained))
    }

    /// A model that the program builds, its weights below the path that it is given.
    pub fn own(
        build: impl FnOnce(&Path<'_>) -> OwnModel,
        device: Device,
        channels_last: bool,
    ) -> Result<Self, TorchError> {
        let store = VarStore::new(device);
        let model = build(&store.root());
        if channels_last {
            turn_filters(&store)?;
        }
        let trained = own_names(&store);
        Ok(Self::of(store, Body::Own(model), trained))
    }

    fn of(store: VarStore, body: Body, mut trained: Vec<(String, String)>) -> Self {
        trained.sort();
        Self { store, body, trained }
    }

    /// The weights that are trained, or were at the start, by name.
    pub fn trainable(&self) -> Vec<(String, Tensor)> {
        self.weights().into_iter().map(|weight| (weight.name, weight.tensor)).collect()
    }

    /// The weights that are trained, or were at the start, by name, with their paths.
    pub(super) fn weights(&self) -> Vec<Trained> {
        let variables = self.store.variables();
        let found = self.trained.iter().filter_map(|(name, path)| {
            let tensor = variables.get(name)?.shallow_clone();
            Some(Trained { name: name.clone(), path: path.clone(), tensor })
        });
        found.collect()
    }

    /// All weights and running statistics, by name.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        // By name: the store's own order is that of a hash table.
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named
    }

    /// Sets all weights and statistics, each to what is found under its name.
    pub(super) fn set<'a>(&self, find: impl Fn(&str) -> Option<&'a Tensor>) -> Result<(), RunError> {
        for (name, mut tensor) in self.named() {
            let saved = find(&name).filter(|saved| saved.size() == tensor.size());
            let saved = saved.ok_or_else(|| RunError::new(format!("the checkpoint has no `{name}` of this shape")))?;
            tch::no_grad(|| tensor.f_copy_(saved)).map_err(|e| RunError::new(TorchError::from(e)))?;
        }
        Ok(())
    }

    /// How many numbers are trained.
    pub fn parameters(&self) -> u64 {
        self.trainable().iter().map(|(_, t)| t.numel() as u64).sum()
    }

    /// How many samples the layers that are set from data want to see; 0 if there is no such layer.
    pub fn samples_to_start(&self) -> usize {
        match &self.body {
            Body::Layers(layers) => data_layers::samples(layers),
            Body::Script(_) | Body::Own(_) => 0,
        }
    }

    /// Sets the layers that are set from data, from the first samples.
    pub fn start_from(&self, samples: &Tensor) -> Result<(), TorchError> {
        match &self.body {
            Body::Layers(layers) => Ok(tch::no_grad(|| data_layers::set(layers, samples))?),
            Body::Script(_) | Body::Own(_) => Ok(()),
        }
    }

    /// Runs the model; in training, batch normalisation uses the batch, and dropout drops.
    pub fn forward(&self, input: &Tensor, training: bool) -> Result<Tensor, TorchError> {
        match &self.body {
            Body::Layers(layers) => Ok(forward_all(layers, input.shallow_clone(), training)?),
            Body::Script(module) => module.forward(input, training),
            Body::Own(model) => Ok(model(input, training)),
        }
    }
}

impl Network {
    /// What computes.
    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// The layers, if it is built of layers.
    pub(super) fn layers(&self) -> Option<&[Layer]> {
        match &self.body {
            Body::Layers(layers) => Some(layers),
            Body::Script(_) | Body::Own(_) => None,
        }
    }
}

/// Names of all trained weights of a store; they are their own paths.
fn own_names(store: &VarStore) -> Vec<(String, String)> {
    let variables = store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad());
    variables.map(|(name, _)| (name.clone(), name)).collect()
}

/// Lets filters lie channels last. The order of the memory changes, not the weight.
fn turn_filters(store: &VarStore) -> Result<(), TorchError> {
    for (_, mut tensor) in store.variables().into_iter().filter(|(_, t)| t.dim() == 4) {
        let turned = tch::no_grad(|| tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2]))?;
        tch::no_grad(|| tensor.f_set_data(&turned))?;
    }
    Ok(())
}
