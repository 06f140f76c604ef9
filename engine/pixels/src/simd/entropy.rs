//! The entropy decoder's loops with BMI2: shifts by any register, of which they do little else.

use super::Level;
use crate::jpeg::bits::{Bits, ScanData};
use crate::jpeg::huffman::{self, Table};
use crate::jpeg::scan::{self, Fault, Part, Plain, Reader, Scan};
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
    if level >= Level::Avx2
        && let Some(reader) = x86::Bmi2::new()
    {
        return scan::decode(scan, data, tables, parts, reader, transform, all);
    }
    scan::decode(scan, data, tables, parts, Plain, transform, all)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Bits, Reader, Table, huffman};

    /// There is one only where the processor has BMI2.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Bmi2(());

    impl Bmi2 {
        pub(super) fn new() -> Option<Self> {
            (is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")).then_some(Self(()))
        }
    }

    impl Reader for Bmi2 {
        #[inline(always)]
        fn read<const VALUES: bool>(
            self,
            bits: &mut Bits<'_>,
            dc: &Table,
            ac: &Table,
            level: &mut i32,
            block: &mut [i16; 256],
        ) -> Option<usize> {
            // SAFETY: `new` has asked the processor.
            unsafe { read::<VALUES>(bits, dc, ac, level, block) }
        }
    }

    /// A function of its own, so that the loop has all registers.
    #[target_feature(enable = "bmi1,bmi2")]
    #[inline(never)]
    fn read<const VALUES: bool>(
        bits: &mut Bits<'_>,
        dc: &Table,
        ac: &Table,
        level: &mut i32,
        block: &mut [i16; 256],
    ) -> Option<usize> {
        huffman::read::<VALUES>(bits, dc, ac, level, block)
    }
}
