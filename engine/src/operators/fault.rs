//! `fault_for_tests`: fails on purpose.

use std::time::Duration;

use super::kernel::{Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::Rows;
use crate::params::{Faults, params};

params! {
    /// Fails or dawdles on purpose, to see what a run does then. Changes nothing.
    ///
    /// For tests, and for trying out a bottleneck in the inspector.
    pub struct FaultForTests: Default {
        /// Sample at which the worker panics.
        panic_at: Option<u64> = None,
        /// Sample at which the node reports an error.
        error_at: Option<u64> = None,
        /// Time that each sample takes, in microseconds.
        delay_us: u64 = 0 => 0..=10_000_000,
    }
}

impl OperatorParams for FaultForTests {
    fn operator_name(&self) -> &'static str {
        FaultOperator::NAME
    }
}

/// See [`FaultForTests`].
pub struct FaultOperator;

impl Operator for FaultOperator {
    type Params = FaultForTests;
    const NAME: &'static str = "fault_for_tests";
    const ROLE: Role = Role::Map;
    const FOR_TESTS: bool = true;

    fn signature(&self, _: &FaultForTests, _: &PortSchemas) -> Result<Signature, Faults> {
        Ok(Signature::default())
    }

    fn kernel(&self, params: &FaultForTests, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Map(Box::new(Faulty(params.clone()))))
    }
}

struct Faulty(FaultForTests);

impl Map for Faulty {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let here = |at: Option<u64>| at.is_some_and(|at| rows.samples().contains(&at));
        assert!(!here(self.0.panic_at), "panicked on purpose, at sample {}", self.0.panic_at.unwrap_or_default());
        if here(self.0.error_at) {
            return Err(OperatorError::new(format!(
                "failed on purpose, at sample {}",
                self.0.error_at.unwrap_or_default()
            )));
        }
        if self.0.delay_us > 0 {
            std::thread::sleep(Duration::from_micros(self.0.delay_us) * rows.len() as u32);
        }
        Ok(())
    }
}
