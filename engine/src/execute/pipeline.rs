//! The part of a plan that leads to one outlet: its kernels and its buffers.

use std::sync::Arc;

use super::error::RunError;
use super::failures::Failures;
use super::order::Sampler;
use super::passes::units;
use super::program::{Program, compile};
use crate::batch::{Batch, BatchId, Draws, Field, Slot};
use crate::operators::{DeviceMap, Kernel, OnError, Order, Resources, Role, Site, Source, SourceShape, Warn};
use crate::params::plural;
use crate::plan::{Place, Plan};
use crate::random::Key;

/// About what a processor's last cache has for one of its programs.
const CACHE_BYTES: usize = 16 << 20;

/// Everything that makes the batches of one outlet: kernels made, buffers laid out.
pub struct Pipeline {
    plan: Arc<Plan>,
    /// The last node on the CPU.
    end: usize,
    /// Nodes after it, on a GPU, in order.
    device_nodes: Vec<usize>,
    /// By node; none for those that are not needed.
    kernels: Vec<Option<Kernel>>,
    /// By node: the key of the run and the node.
    keys: Vec<Key>,
    source: usize,
    shape: SourceShape,
    sampler: Sampler,
    failures: Failures,
    /// Tells the user of a bad sample.
    warn: Warn,
    past_caches: bool,
    /// Whether its batches are names of samples alone: their columns are on the device.
    resident: bool,
    pub(super) program: Program,
    outputs: Arc<[(Field, usize)]>,
}

/// Which samples a pipeline goes through.
enum Through {
    /// Those of the plan, in its order.
    Planned,
    /// All that its source has, in their own order.
    All,
    /// Those of another source, likewise.
    Given(Box<dyn Source>),
}

/// A node on a GPU, and what works there.
pub type DeviceKernel = (usize, Box<dyn DeviceMap>);

impl Pipeline {
    /// Makes the kernels of all nodes that lead to `outlet`. Data is opened here.
    pub fn new(plan: &Arc<Plan>, outlet: usize, resources: &Resources) -> Result<Self, RunError> {
        Self::make(plan, outlet, resources, Through::Planned)
    }

    /// The same, but with the samples of `given` in the place of the source's: one after the other, each once an epoch.
    /// It writes the fields that the plan's source creates.
    pub fn over(
        plan: &Arc<Plan>,
        outlet: usize,
        resources: &Resources,
        given: Box<dyn Source>,
    ) -> Result<Self, RunError> {
        Self::make(plan, outlet, resources, Through::Given(given))
    }

    /// All samples of its source up to its end, each once and in their own order: what is put on a device at the start.
    pub fn whole(&self, resources: &Resources) -> Result<Self, RunError> {
        Self::make(&self.plan, self.end, resources, Through::All)
    }

    fn make(plan: &Arc<Plan>, outlet: usize, resources: &Resources, through: Through) -> Result<Self, RunError> {
        let mut end = outlet;
        let mut device_nodes = Vec::new();
        while plan.nodes[end].place != Place::Cpu {
            device_nodes.insert(0, end);
            let before: Vec<usize> = plan.producers(end).map(|(from, _)| from).collect();
            end = match before[..] {
                [one] => one,
                _ => {
                    let message =
                        "puts several inputs together on a GPU, which is not possible; do it before `to_device`";
                    return Err(RunError::at(&plan.nodes[end].name, message));
                }
            };
        }
        let resident = device_nodes.first().is_some_and(|node| plan.is_resident(*node));
        let mut program = compile(plan, end);
        let mut kernels: Vec<Option<Kernel>> = plan.nodes.iter().map(|_| None).collect();
        let source = plan.nodes[end].source;
        let mut shape = plan.source_of(end).clone();
        if !matches!(through, Through::Planned) {
            shape = SourceShape {
                drop_last: false,
                order: Order::Sequential,
                indices: None,
                weights: None,
                shard: [0, 1],
                on_error: OnError::Fail,
                ..shape
            };
        }
        let mut given = None;
        if let Through::Given(source) = through {
            shape.batch_size = shape.batch_size.min(source.rows().max(1) as usize);
            given = Some(source);
        }
        for member in program.stages.iter().flat_map(|s| &s.members) {
            let node = &plan.nodes[member.node];
            if member.node == source
                && let Some(given) = given.take()
            {
                kernels[source] = Some(Kernel::Source(given));
                continue;
            }
            let site = Site { input: &node.input, source: node.signature.source.as_ref(), resources };
            let kernel = node.operator.kernel(&node.params, &site).map_err(|e| RunError::at(&node.name, e))?;
            kernels[member.node] = Some(kernel);
        }
        for stage in &mut program.stages {
            stage.units = units(plan, &stage.members, &kernels);
        }
        if let Some(Kernel::Source(source)) = &kernels[source] {
            shape.rows = source.rows();
        }
        if shape.batches() == 0 {
            let message = format!(
                "{} do not fill a batch of {}, and `drop_last` leaves out what does not",
                plural(shape.samples(), "sample"),
                shape.batch_size
            );
            return Err(RunError::at(&plan.nodes[source].name, message));
        }
        let Some(Kernel::Source(reader)) = &kernels[source] else { unreachable!("a pipeline begins with a source") };
        let at_source = |error| RunError { node: Some(plan.nodes[source].name.clone()), ..error };
        let sampler = Sampler::new(&shape, &**reader).map_err(at_source)?;
        let failures = Failures::new(&shape);
        let warn = resources.warnings();
        let depth = plan.stages[plan.stage_of(end)].prefetch_depth.max(1);
        if resident {
            program = Program::default();
        }
        let past_caches = (depth + 1) * program.slot_bytes(shape.batch_size) > CACHE_BYTES;
        let run = Key::of_seed(plan.seed);
        let keys = plan.nodes.iter().map(|n| run.name(&n.name)).collect();
        let outputs = program.outputs.clone().into();
        Ok(Self {
            plan: Arc::clone(plan),
            end,
            device_nodes,
            kernels,
            keys,
            source,
            shape,
            sampler,
            failures,
            warn,
            past_caches,
            resident,
            program,
            outputs,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The last node on the CPU.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The node that its rows come from.
    pub fn source(&self) -> usize {
        self.source
    }

    /// All nodes that lead to its end, which is the last one of them.
    pub fn nodes(&self) -> impl Iterator<Item = usize> {
        (0..=self.end).filter(|node| self.kernels[*node].is_some())
    }

    /// The rows of its source, counted in the files.
    pub fn shape(&self) -> &SourceShape {
        &self.shape
    }

    /// Batches of an epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        self.shape.batches()
    }

    /// What the user must know about the data.
    pub fn warning(&self) -> Option<String> {
        match &self.kernels[self.source] {
            Some(Kernel::Source(source)) => source.warning(),
            _ => None,
        }
    }

    /// Kernels of the nodes after the last one on the CPU, with their nodes. Made anew: they belong to a thread.
    pub fn device_kernels(&self, resources: &Resources) -> Result<Vec<DeviceKernel>, RunError> {
        let mut kernels = Vec::new();
        for &index in &self.device_nodes {
            let node = &self.plan.nodes[index];
            if node.operator.role() == Role::Transfer {
                continue;
            }
            let site = Site { input: &node.input, source: None, resources };
            let fail = |e: crate::operators::OperatorError| RunError::at(&node.name, e);
            match node.operator.device_kernel(&node.params, &site).map_err(fail)? {
                Some(kernel) => kernels.push((index, kernel)),
                None => return Err(RunError::at(&node.name, "has no version for the GPU; put it before `to_device`")),
            }
        }
        Ok(kernels)
    }

    /// Whether its batches are names of samples alone, whose columns lie on the device: [`Pipeline::whole`] makes them.
    pub fn is_resident(&self) -> bool {
        self.resident
    }

    /// The random numbers of a node for the rows of a batch.
    pub fn draws<'a>(&self, node: usize, batch: &'a Batch) -> Draws<'a> {
        Draws::new(self.keys[node], batch.id().epoch, batch.identities())
    }

    /// Fields that come out, each with its buffer.
    pub(super) fn outputs(&self) -> Arc<[(Field, usize)]> {
        Arc::clone(&self.outputs)
    }

    pub(super) fn kernel(&self, node: usize) -> &Kernel {
        self.kernels[node].as_ref().expect("kernels were made for all members")
    }

    pub(super) fn name(&self, node: usize) -> &str {
        &self.plan.nodes[node].name
    }

    /// The key of a node's random choices.
    pub(super) fn node_key(&self, node: usize) -> Key {
        self.keys[node]
    }

    /// Whether batches are so large that what is written to them has left the caches before anybody reads it.
    pub(super) fn past_caches(&self) -> bool {
        self.past_caches
    }

    /// Where a sample is in an epoch, from 0: each batch with the row in it. Empty if the epoch does not have it.
    pub fn find(&self, epoch: u64, sample: u64) -> Vec<(BatchId, usize)> {
        let mut found = Vec::new();
        let mut samples = Vec::new();
        for index in 0..self.batches_per_epoch() {
            let id = BatchId { epoch, index };
            self.samples(id, &mut samples);
            let rows = samples.iter().enumerate().filter(|(_, s)| **s == sample);
            found.extend(rows.map(|(row, _)| (id, row)));
        }
        found
    }

    /// Why an epoch does not have a sample, in a sentence.
    pub(super) fn why_absent(&self, epoch: u64, sample: u64) -> String {
        let (shape, source) = (&self.shape, self.name(self.source));
        let number = epoch + 1;
        if sample >= shape.rows {
            let last = shape.rows.saturating_sub(1);
            return format!("there is no sample {sample}: `{source}` has {}, from 0 to {last}", shape.rows);
        }
        if shape.indices.as_ref().is_some_and(|indices| !indices.contains(&sample)) {
            return format!("sample {sample} is never used: it is not among the `indices` of `{source}`");
        }
        if matches!(shape.order, Order::Weighted | Order::ClassBalanced) {
            let order = shape.order.word();
            return format!(
                "sample {sample} was not drawn in epoch {number}: the order `{order}` of `{source}` draws with replacement"
            );
        }
        let key = self.keys[self.source].number(epoch);
        let (mut samples, mut identities) = (Vec::new(), Vec::new());
        let [part, parts] = shape.shard;
        let mut is_in = |part: u64, positions: std::ops::Range<u64>| {
            self.sampler.fill_part(part, key, positions, &mut samples, &mut identities);
            samples.contains(&sample)
        };
        // The last turn of the parts may be one that `drop_last` leaves out.
        let turns = shape.indices.as_ref().map_or(shape.rows, |indices| indices.len() as u64).div_ceil(parts.max(1));
        if let Some(other) = (0..parts).find(|other| *other != part && is_in(*other, 0..turns)) {
            return format!(
                "epoch {number} has sample {sample} in part {other} of {parts}, and this is part {part} (`shard` of \
                 `{source}`; parts are counted from 0)"
            );
        }
        let full = self.batches_per_epoch() * shape.batch_size as u64;
        format!(
            "epoch {number} leaves out sample {sample}: its place in the order is after the {full} samples that fill \
             batches of {} (`drop_last` of `{source}`)",
            shape.batch_size
        )
    }

    fn reader(&self) -> &dyn Source {
        match self.kernel(self.source) {
            Kernel::Source(source) => &**source,
            _ => unreachable!("a pipeline begins with a source"),
        }
    }

    /// Which samples a batch has, in order, and what tells its rows apart for random choices.
    pub(super) fn name_rows(&self, slot: &mut Slot) {
        let size = self.shape.batch_size as u64;
        let positions = slot.id.index * size..self.shape.samples().min((slot.id.index + 1) * size);
        let epoch = self.keys[self.source].number(slot.id.epoch);
        self.sampler.fill(epoch, positions, &mut slot.samples, &mut slot.identities);
    }

    /// Index in the source of each sample of a batch, in order.
    pub fn samples(&self, id: BatchId, samples: &mut Vec<u64>) {
        let mut slot = Slot { id, samples: std::mem::take(samples), ..Slot::default() };
        self.name_rows(&mut slot);
        *samples = slot.samples;
    }

    /// After an error about a row: makes the slot ready to be filled again without it, if the source's `on_error` says
    /// so.
    pub(super) fn mend(&self, error: RunError, slot: &mut Slot) -> Result<(), RunError> {
        if let Some(sentence) = self.failures.mend(error, slot, self.reader())?.first_time {
            (self.warn)(sentence);
        }
        Ok(())
    }

    /// Whether a sample that cannot be read is left out of its batch.
    pub(super) fn skips(&self) -> bool {
        self.shape.on_error == OnError::Skip
    }

    /// The samples that could not be read so far, each with what was wrong.
    pub fn failures(&self) -> std::collections::BTreeMap<u64, String> {
        self.failures.seen()
    }

    /// Memory for one batch.
    pub(super) fn slot(&self) -> Slot {
        let rows = self.shape.batch_size;
        let buffers = self.program.buffers.iter().map(|row| row.memory(rows)).collect();
        Slot { buffers, ..Slot::default() }
    }
}
