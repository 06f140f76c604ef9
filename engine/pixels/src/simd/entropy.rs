//! The entropy decoder's loop with BMI2: shifts by any register, of which it does little else.

use super::Level;
use crate::jpeg::bits::ScanData;
use crate::jpeg::huffman::Table;
use crate::jpeg::scan::{Fault, Part, Scan};
use crate::jpeg::transform::Transform;

/// `jpeg::scan::decode`.
pub(crate) fn decode(
    level: Level,
    scan: &Scan,
    data: &ScanData,
    tables: &[Table],
    parts: &mut [Part],
    all: bool,
) -> Result<(), Fault> {
    let transform = Transform::new(level);
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && has_bmi2() {
        // SAFETY: the processor was asked on the line above.
        return unsafe { with_bmi2(scan, data, tables, parts, transform, all) };
    }
    crate::jpeg::scan::decode(scan, data, tables, parts, transform, all)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn with_bmi2(
    scan: &Scan,
    data: &ScanData,
    tables: &[Table],
    parts: &mut [Part],
    transform: Transform,
    all: bool,
) -> Result<(), Fault> {
    crate::jpeg::scan::decode(scan, data, tables, parts, transform, all)
}

/// Whether `with_bmi2` may be called.
#[cfg(target_arch = "x86_64")]
fn has_bmi2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}
