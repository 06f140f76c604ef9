//! Augmentations made of others: `random_apply`, `random_choice`, `random_order`.

use pixels::Step;

use super::super::image_op::{Draw, ImageOp};
use super::ranges::list;
use super::{Augment, Augmentation};
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, params};
use crate::random::Key;

params! {
    /// Applies operations in order with probability `p`, all of them or none.
    ///
    /// As torchvision's RandomApply. Each operation draws its own random numbers, which follow from its name and from
    /// how many of that name come before it: others may be added without a change to them.
    pub struct RandomApply {
        /// The operations: augmentations without `input`, `field` and `also`.
        ops: Vec<Augmentation>,
        /// Probability that they are applied.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

params! {
    /// Applies one of several operations, chosen at random.
    ///
    /// As torchvision's RandomChoice. Each operation draws its own random numbers, as in `random_apply`.
    pub struct RandomChoice {
        /// The operations: augmentations without `input`, `field` and `also`.
        ops: Vec<Augmentation>,
        /// A weight for each operation; they need not add up to 1. Without weights, each is as likely.
        p: Option<Vec<f64>> = None => 0.0..=1e9,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

params! {
    /// Applies operations in random order.
    ///
    /// As torchvision's RandomOrder. Each operation draws its own random numbers, as in `random_apply`.
    pub struct RandomOrder {
        /// The operations: augmentations without `input`, `field` and `also`.
        ops: Vec<Augmentation>,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

/// What is wrong with the operations of a combinator.
fn check_ops(ops: &[Augmentation], size: ImageSize) -> Result<(), Faults> {
    if ops.is_empty() {
        return Err(Fault::new("/ops", "there are no operations").expected("at least one").given("[]").into());
    }
    let mut faults = Faults::default();
    for (index, op) in ops.iter().enumerate() {
        let here = |fault| in_ops(fault, index, op.word());
        faults.keep(op.check(size).map_err(|Faults(own)| Faults(own.into_iter().map(here).collect())));
    }
    faults.end()
}

/// A fault of an operation, as one of the combinator: `operation 0.1, `cutout`: …` for the second of the first's.
fn in_ops(fault: Fault, index: usize, word: &str) -> Fault {
    let message = match fault.message.strip_prefix(OPERATION) {
        Some(deeper) => format!("{OPERATION}{index}.{deeper}"),
        None => format!("{OPERATION}{index}, `{word}`: {}", fault.message),
    };
    Fault { path: format!("/ops/{index}{}", fault.path), message, ..fault }
}

const OPERATION: &str = "operation ";

/// An operation of a combinator.
struct Nested {
    /// What its random numbers are split off by.
    key: u64,
    op: Box<dyn ImageOp>,
}

impl Nested {
    fn all(ops: &[Augmentation], size: ImageSize) -> Vec<Self> {
        let key = |index: usize| {
            let name = ops[index].word();
            let before = ops[..index].iter().filter(|op| op.word() == name).count();
            Key::of_seed(0).name(name).number(before as u64).rng().bits()
        };
        ops.iter().enumerate().map(|(index, op)| Self { key: key(index), op: op.op(size) }).collect()
    }

    /// Draws its steps; `start` is what the combinator was given, before it drew.
    fn draw(&self, size: ImageSize, start: &Draw, push: &mut dyn FnMut(&Step<'_>)) {
        self.op.draw(size, &mut start.split(self.key), push);
    }
}

impl Augment for RandomApply {
    fn composes(&self) -> bool {
        self.ops.iter().all(Augmentation::composes)
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        check_ops(&self.ops, size)
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Box::new(Apply { p: self.p, ops: Nested::all(&self.ops, size) })
    }
}

struct Apply {
    p: f64,
    ops: Vec<Nested>,
}

impl ImageOp for Apply {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let start = draw.clone();
        if draw.rng.chance(self.p) {
            self.ops.iter().for_each(|op| op.draw(size, &start, push));
        }
    }
}

impl Augment for RandomChoice {
    fn composes(&self) -> bool {
        self.ops.iter().all(Augmentation::composes)
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(check_ops(&self.ops, size));
        let Some(weights) = &self.p else { return faults.end() };
        let fault = |message: &str, expected: String| Fault::new("/p", message).expected(expected).given(list(weights));
        if weights.len() != self.ops.len() {
            let expected = format!("one for each of the {} operations", self.ops.len());
            faults.0.push(fault("wrong number of weights in `p`", expected));
        } else if weights.iter().sum::<f64>() == 0.0 && !weights.is_empty() {
            faults.0.push(fault("all weights are 0", "at least one above 0".into()));
        }
        faults.end()
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        let weights = self.p.clone().unwrap_or_else(|| vec![1.0; self.ops.len()]);
        Box::new(Choice { weights, ops: Nested::all(&self.ops, size) })
    }
}

struct Choice {
    weights: Vec<f64>,
    ops: Vec<Nested>,
}

impl ImageOp for Choice {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let start = draw.clone();
        let mut rest = draw.rng.within((0.0, self.weights.iter().sum()));
        let chosen = self.weights.iter().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        // Rounding may leave nothing chosen: then it was the last one that can be.
        let last = || self.weights.iter().rposition(|weight| *weight > 0.0);
        if let Some(chosen) = chosen.or_else(last) {
            self.ops[chosen].draw(size, &start, push);
        }
    }
}

impl Augment for RandomOrder {
    fn composes(&self) -> bool {
        self.ops.iter().all(Augmentation::composes)
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        check_ops(&self.ops, size)
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Box::new(AnyOrder(Nested::all(&self.ops, size)))
    }
}

struct AnyOrder(Vec<Nested>);

impl ImageOp for AnyOrder {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let start = draw.clone();
        let mut order: Vec<&Nested> = self.0.iter().collect();
        draw.rng.shuffle(&mut order);
        order.iter().for_each(|op| op.draw(size, &start, push));
    }
}
