//! A stage as it is run: which member reads and writes which buffer.

use std::collections::{BTreeSet, HashMap};

use super::passes::Unit;
use crate::batch::{Field, RowShape, Schema};
use crate::operators::WriteMode;
use crate::plan::{Plan, StageKind};

/// A stage's members and buffers.
pub(super) struct StageProgram {
    /// Index in the plan.
    pub stage: usize,
    pub members: Vec<Member>,
    /// What is run for a chunk: the members, some of them at once.
    pub units: Vec<Unit>,
    /// A row of each scratch buffer; they are numbered after those of the slot.
    pub scratch: Vec<RowShape>,
    /// Which buffers of the slot this stage writes.
    pub writes: Vec<bool>,
    pub rows_per_chunk: usize,
}

impl Program {
    /// Bytes of the columns of so many rows; of ragged ones, none.
    pub(super) fn slot_bytes(&self, rows: usize) -> usize {
        let bytes = |row: &RowShape| match row {
            RowShape::Bytes(bytes) => *bytes,
            RowShape::Item => 0,
        };
        rows * self.buffers.iter().map(bytes).sum::<usize>()
    }
}

impl StageProgram {
    /// One chunk in so many has clocks between the members: enough to see their shares, too few to cost. Where members
    /// run at once, a chunk with clocks takes several times as long.
    pub(super) fn clocked_chunks(&self) -> usize {
        let at_once = self.units.iter().any(|unit| matches!(unit, Unit::Pass(_)));
        if at_once { 1024 } else { 16 }
    }
}

/// A node in a stage. Buffers are those of the slot first, then the stage's scratch buffers.
pub(super) struct Member {
    pub node: usize,
    /// Done first: from, to.
    pub copies: Vec<(usize, usize)>,
    pub inputs: Vec<(String, usize)>,
    pub outputs: Vec<(String, usize)>,
    /// For looking at it: the first image that arrives, the first image that leaves, the labels.
    pub image_before: Option<(Field, usize)>,
    pub image_after: Option<(Field, usize)>,
    pub labels: Option<usize>,
}

/// All stages up to a node, and the buffers that a slot needs for them.
#[derive(Default)]
pub(super) struct Program {
    pub stages: Vec<StageProgram>,
    /// A row of each buffer of a slot.
    pub buffers: Vec<RowShape>,
    /// Fields that come out, each with its buffer.
    pub outputs: Vec<(Field, usize)>,
}

struct Allocation {
    row: RowShape,
    stage: usize,
    /// Others read it, so that it is in the slot.
    resident: bool,
}

/// Allocates buffers for the CPU stages that lead to node `end`.
pub(super) fn compile(plan: &Plan, end: usize) -> Program {
    let needed = ancestors(plan, end);
    let mut compiler = Compiler { plan, buffers: Vec::new(), place: HashMap::new() };
    let mut stages: Vec<(usize, Vec<Member>)> = Vec::new();
    for (index, stage) in plan.stages.iter().enumerate().filter(|(_, s)| s.kind == StageKind::Cpu) {
        let nodes: Vec<usize> = stage.nodes.iter().copied().filter(|n| needed.contains(n)).collect();
        let Some(&last) = nodes.last() else { continue };
        let members = nodes.iter().map(|&node| compiler.member(index, node)).collect();
        // What comes out of a stage outlives it.
        for field in &stage.outputs {
            if let Some(buffer) = compiler.find(last, &field.name) {
                compiler.buffers[buffer].resident = true;
            }
        }
        stages.push((index, members));
    }
    let handed_on = &plan.stages[plan.stage_of(end)].outputs;
    let outputs: Vec<(Field, usize)> =
        handed_on.iter().filter_map(|f| Some((f.clone(), compiler.find(end, &f.name)?))).collect();
    compiler.number(stages, outputs)
}

/// A node and all that it depends on.
fn ancestors(plan: &Plan, end: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([end]);
    for node in (0..=end).rev() {
        if found.contains(&node) {
            found.extend(plan.producers(node).map(|(from, _)| from));
        }
    }
    found
}

struct Compiler<'a> {
    plan: &'a Plan,
    buffers: Vec<Allocation>,
    /// Buffer of each field as written by each node.
    place: HashMap<(usize, String), usize>,
}

impl Compiler<'_> {
    /// Buffer of a field as it leaves a node.
    fn find(&self, node: usize, field: &str) -> Option<usize> {
        let column = self.plan.nodes[node].output.column(field)?;
        self.place.get(&(column.writer, field.to_owned())).copied()
    }

    fn allocate(&mut self, stage: usize, field: &Field) -> usize {
        self.buffers.push(Allocation { row: RowShape::of(field), stage, resident: false });
        self.buffers.len() - 1
    }

    /// Whether somebody reads a field that a node creates, or takes it out of the pipeline.
    fn read_later(&self, node: usize, field: &str) -> bool {
        // The field, and the names that it is given later.
        let mut names = vec![(node, field)];
        while let Some((node, field)) = names.pop() {
            if self.plan.stages[self.plan.stage_of(node)].outputs.iter().any(|f| f.name == field) {
                return true;
            }
            for (index, other) in self.plan.nodes.iter().enumerate().skip(node + 1) {
                if other.input.column(field).is_none_or(|c| c.writer != node) {
                    continue;
                }
                let signature = &other.signature;
                if signature.reads.iter().any(|f| f == field) || signature.writes.iter().any(|w| w.field.name == field)
                {
                    return true;
                }
                let renamed = signature.aliases.iter().filter(|a| a.from == field);
                names.extend(renamed.map(|a| (index, a.to.as_str())));
            }
        }
        false
    }

    /// Whether a buffer that arrives at a node under one name arrives there under another one too.
    fn shared(&self, node: usize, field: &str, buffer: usize) -> bool {
        let others = self.plan.nodes[node].input.columns().iter().filter(|c| c.field.name != field);
        let mut places = others.map(|c| self.place.get(&(c.writer, c.field.name.clone())));
        places.any(|place| place == Some(&buffer))
    }

    /// The first field of a kind that a stage can look at: a field that nobody reads any more has stayed in the stage
    /// that wrote it.
    fn shown(&self, stage: usize, schema: &Schema, kind: impl Fn(&Field) -> bool) -> Option<(Field, usize)> {
        schema.columns().iter().filter(|c| kind(&c.field)).find_map(|c| {
            let buffer = *self.place.get(&(c.writer, c.field.name.clone()))?;
            let there = self.buffers[buffer].stage == stage || self.buffers[buffer].resident;
            there.then(|| (c.field.clone(), buffer))
        })
    }

    fn member(&mut self, stage: usize, node: usize) -> Member {
        let plan_node = &self.plan.nodes[node];
        let arriving = |compiler: &Self, name: &str| {
            let column = plan_node.input.column(name)?;
            compiler.place.get(&(column.writer, name.to_owned())).copied()
        };
        let image_before = self.shown(stage, &plan_node.input, |f| f.image_size().is_some());
        let (mut copies, mut inputs, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut written: BTreeSet<&str> = BTreeSet::new();
        for write in &plan_node.signature.writes {
            let name = &write.field.name;
            if write.mode == WriteMode::Create && !self.read_later(node, name) {
                continue;
            }
            let old = arriving(self, name);
            let buffer = match (write.mode, old) {
                (WriteMode::View, Some(old)) => old,
                (WriteMode::Update, Some(old)) if self.buffers[old].stage == stage && !self.shared(node, name, old) => {
                    old
                }
                (WriteMode::Update, Some(old)) => {
                    // Another stage's rows, or those of two fields, which others may read too: updated in a copy.
                    let new = self.allocate(stage, &write.field);
                    copies.push((old, new));
                    new
                }
                (WriteMode::Replace, Some(old)) => {
                    inputs.push((name.clone(), old));
                    self.allocate(stage, &write.field)
                }
                _ => self.allocate(stage, &write.field),
            };
            if write.mode != WriteMode::View {
                outputs.push((name.clone(), buffer));
            }
            written.insert(name);
            self.place.insert((node, name.clone()), buffer);
        }
        for name in plan_node.signature.reads.iter().filter(|r| !written.contains(r.as_str())) {
            inputs.extend(arriving(self, name).map(|buffer| (name.clone(), buffer)));
        }
        for alias in &plan_node.signature.aliases {
            // The same buffer, by another name.
            if let Some(old) = arriving(self, &alias.from) {
                self.place.insert((node, alias.to.clone()), old);
            }
        }
        let image_after = self.shown(stage, &plan_node.output, |f| f.image_size().is_some());
        let labels = self.shown(stage, &plan_node.output, Field::is_class).map(|(_, buffer)| buffer);
        Member { node, copies, inputs, outputs, image_before, image_after, labels }
    }

    /// Gives final numbers: to the slot's buffers from 0, to each stage's scratch buffers after those.
    fn number(self, stages: Vec<(usize, Vec<Member>)>, outputs: Vec<(Field, usize)>) -> Program {
        let resident: Vec<usize> = (0..self.buffers.len()).filter(|&b| self.buffers[b].resident).collect();
        let in_slot: HashMap<usize, usize> = resident.iter().enumerate().map(|(number, &b)| (b, number)).collect();
        let programs = stages.into_iter().map(|(stage, mut members)| {
            let mut numbers = in_slot.clone();
            let mut scratch = Vec::new();
            for (index, buffer) in self.buffers.iter().enumerate().filter(|(_, b)| b.stage == stage && !b.resident) {
                numbers.insert(index, resident.len() + scratch.len());
                scratch.push(buffer.row);
            }
            for member in &mut members {
                member.renumber(&numbers);
            }
            StageProgram {
                stage,
                members,
                units: Vec::new(),
                scratch,
                writes: resident.iter().map(|&b| self.buffers[b].stage == stage).collect(),
                rows_per_chunk: self.plan.stages[stage].rows_per_chunk.max(1),
            }
        });
        Program {
            stages: programs.collect(),
            buffers: resident.iter().map(|&b| self.buffers[b].row).collect(),
            outputs: outputs.into_iter().map(|(field, buffer)| (field, in_slot[&buffer])).collect(),
        }
    }
}

impl Member {
    fn renumber(&mut self, numbers: &HashMap<usize, usize>) {
        let copies = self.copies.iter_mut().flat_map(|(from, to)| [from, to]);
        let named = self.inputs.iter_mut().chain(&mut self.outputs).map(|(_, b)| b);
        let shown = self.image_before.iter_mut().chain(&mut self.image_after).map(|(_, b)| b);
        for buffer in copies.chain(named).chain(shown).chain(self.labels.as_mut()) {
            *buffer = numbers[buffer];
        }
    }
}
