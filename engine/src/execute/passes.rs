//! Members of a stage that work on one image field, composed into one pass over each image.
//!
//! The source lends its pixels where they lie, the steps of all members are collected, and the result is written once,
//! in its final type. Chunks that somebody looks into, and those with clocks between the members, run the members one
//! by one: the result is the same, to the bit.

use std::cell::Cell as Current;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pixels::{Pass, PassMemory, Pixels, Target, ValueTable};

use super::chunk::{Cell, Chunk, Failure};
use super::pipeline::Pipeline;
use super::program::Member;
use crate::batch::{Draws, ImageSize, Values, ValuesMut};
use crate::operators::{Draw, ImageOp, Kernel, OperatorError, Part, pixels_of};
use crate::plan::Plan;

/// How far ahead of the image at work a source is told which one comes: as long as memory takes to answer.
const AHEAD: usize = 6;

/// What a stage runs for a chunk.
pub(super) enum Unit {
    /// A member by itself.
    Member(usize),
    /// A source, but for the field that it lends.
    Rest(usize, String),
    /// Several members at once.
    Pass(PassUnit),
}

/// Members over one image field, at once.
pub(super) struct PassUnit {
    /// Nodes of the members with steps, in order.
    nodes: Vec<usize>,
    /// Where the images come from.
    from: From,
    size: ImageSize,
    /// Node whose table the values go through at the end.
    values: Option<usize>,
    /// Buffer of the result, and bytes of its rows.
    to: usize,
    to_row: usize,
}

enum From {
    /// Lent by the source at this node.
    Source(usize),
    /// Rows of this buffer.
    Buffer(usize),
}

/// Finds what can be composed.
pub(super) fn units(plan: &Plan, members: &[Member], kernels: &[Option<Kernel>]) -> Vec<Unit> {
    let kernel = |member: &Member| kernels[member.node].as_ref().expect("kernels were made for all members");
    let part = |member: &Member| match kernel(member) {
        Kernel::Map(map) => map.part(),
        _ => Part::Whole,
    };
    let touches = |member: &Member, field: &str| {
        let signature = &plan.nodes[member.node].signature;
        signature.reads.iter().any(|f| f == field) || signature.writes.iter().any(|w| w.field.name == field)
    };
    let renames = |member: &Member, field: &str| {
        plan.nodes[member.node].signature.aliases.iter().any(|a| a.from == field || a.to == field)
    };
    let buffer = |member: &Member, field: &str| member.outputs.iter().find(|(name, _)| name == field).map(|(_, b)| *b);
    let mut units = Vec::new();
    let mut index = 0;
    while index < members.len() {
        let first = &members[index];
        // The field, and where its images come from.
        let start = match (kernel(first), part(first)) {
            (Kernel::Source(source), _) => {
                let field = source.lends().filter(|field| buffer(first, field).is_some());
                let size = field.and_then(|f| plan.nodes[first.node].output.field(f)?.image_size());
                field.zip(size).map(|(field, size)| (field.to_owned(), size, From::Source(first.node)))
            }
            (_, Part::Image { field, size, .. }) => {
                let copied = first.copies.first().map(|(from, _)| *from);
                let replaced = first.inputs.iter().find(|(name, _)| name == field).map(|(_, b)| *b);
                let from = copied.or(replaced).or_else(|| buffer(first, field));
                from.map(|from| (field.to_owned(), size, From::Buffer(from)))
            }
            _ => None,
        };
        let Some((field, size, from)) = start else {
            units.push(Unit::Member(index));
            index += 1;
            continue;
        };
        let lent = matches!(from, From::Source(_));
        let mut nodes = if lent { Vec::new() } else { vec![first.node] };
        let (mut values, mut last, mut beside) = (None, first, Vec::new());
        let mut next = index + 1;
        while next < members.len() && values.is_none() {
            let member = &members[next];
            match part(member) {
                // From here on the field's bytes are wanted as they are, or another field has its name.
                _ if renames(member, &field) => break,
                _ if !touches(member, &field) => beside.push(Unit::Member(next)),
                Part::Image { field: own, .. } if own == field => {
                    nodes.push(member.node);
                    last = member;
                }
                Part::Values { field: own, .. } if own == field => {
                    values = Some(member.node);
                    last = member;
                }
                _ if matches!(kernel(member), Kernel::View) => {}
                _ => break,
            }
            next += 1;
        }
        let steps = nodes.len() + usize::from(values.is_some());
        let (Some(to), true) = (buffer(last, &field), steps > usize::from(!lent)) else {
            units.push(Unit::Member(index));
            index += 1;
            continue;
        };
        let written = plan.nodes[last.node].signature.writes.iter().find(|w| w.field.name == field);
        let to_row = written.map_or(0, |w| w.field.row_bytes());
        units.push(Unit::Pass(PassUnit { nodes, from, size, values, to, to_row }));
        if lent {
            // Afterwards: the samples' other fields are near by then.
            units.push(Unit::Rest(index, field));
        }
        units.extend(beside);
        index = next;
    }
    units
}

struct Steps<'a> {
    node: usize,
    draws: Draws<'a>,
    op: &'a dyn ImageOp,
}

/// Runs a pass over the rows of a chunk. The failure's node comes with it.
pub(super) fn run(
    pipeline: &Pipeline,
    unit: &PassUnit,
    chunk: &Chunk<'_>,
    cells: &mut [Cell<'_>],
    memory: &mut PassMemory,
) -> Result<(), (usize, Failure)> {
    let steps: Vec<Steps<'_>> = unit
        .nodes
        .iter()
        .filter_map(|&node| {
            let Kernel::Map(map) = pipeline.kernel(node) else { return None };
            let Part::Image { op, .. } = map.part() else { return None };
            Some(Steps { node, draws: Draws::new(pipeline.node_key(node), chunk.id.epoch, chunk.identities), op })
        })
        .collect();
    let table = unit.values.and_then(|node| match pipeline.kernel(node) {
        Kernel::Map(map) => match map.part() {
            Part::Values { table, .. } => Some(table),
            _ => None,
        },
        _ => None,
    });
    let Cell::Own(ValuesMut::Bytes(to)) = std::mem::replace(&mut cells[unit.to], Cell::EMPTY) else {
        unreachable!("a pass writes rows of one size, to a buffer of its own stage")
    };
    let current = Current::new(match unit.from {
        From::Source(node) => node,
        From::Buffer(_) => unit.nodes[0],
    });
    let work = AssertUnwindSafe(|| rows(pipeline, unit, chunk, cells, memory, &steps, table, to, &current));
    let result = catch_unwind(work);
    cells[unit.to] = Cell::Own(ValuesMut::Bytes(to));
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err((current.get(), Failure::Error(error))),
        Err(payload) => Err((current.get(), Failure::Panic(payload))),
    }
}

#[expect(clippy::too_many_arguments, reason = "the body of `run`, apart so that a panic in it can be caught")]
fn rows(
    pipeline: &Pipeline,
    unit: &PassUnit,
    chunk: &Chunk<'_>,
    cells: &[Cell<'_>],
    memory: &mut PassMemory,
    steps: &[Steps<'_>],
    table: Option<&ValueTable>,
    to: &mut [u8],
    current: &Current<usize>,
) -> Result<(), OperatorError> {
    let start = current.get();
    let past = pipeline.past_caches();
    // Images of the buffer that is written, if it is the same.
    let mut own = Vec::new();
    let source = match (&unit.from, pipeline.kernel(start)) {
        (From::Source(_), Kernel::Source(source)) => Some(source),
        _ => None,
    };
    let buffer = match unit.from {
        From::Buffer(from) if from != unit.to => match cells[from].values() {
            Values::Bytes(bytes) => Some(bytes),
            Values::Items(_) => unreachable!("a pass reads rows of one size"),
        },
        _ => None,
    };
    if let Some(source) = source {
        chunk.samples.iter().take(AHEAD).for_each(|sample| source.prefetch(*sample));
    }
    for (row, out) in to.chunks_exact_mut(unit.to_row.max(1)).enumerate() {
        current.set(start);
        let pixels = if let Some(source) = source {
            if let Some(sample) = chunk.samples.get(row + AHEAD) {
                source.prefetch(*sample);
            }
            source.lend(chunk.samples[row]).map_err(|e| OperatorError { row: e.row.map(|_| row), ..e })?
        } else if let Some(buffer) = buffer {
            pixels_of(buffer, unit.size, row)
        } else {
            own.clear();
            own.extend_from_slice(&out[..unit.size.bytes()]);
            Pixels { bytes: &own, size: unit.size, planar: false }
        };
        let mut pass = Pass::new(pixels, memory);
        for Steps { node, draws, op } in steps {
            current.set(*node);
            let mut draw = Draw { rng: draws.row(row), first_epoch: draws.first_epoch(row), epoch: draws.epoch() };
            op.draw(pass.size(), &mut draw, &mut |step| pass.push(step));
        }
        pass.finish(match table {
            Some(table) => Target::Values { table, to: out, past },
            None => Target::Bytes(out),
        });
    }
    if past {
        pixels::simd::settle();
    }
    Ok(())
}
