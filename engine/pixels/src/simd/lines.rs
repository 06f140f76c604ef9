//! Cache lines.

/// Asks the processor to bring these bytes near, since they are read soon.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program could see, whatever the address; this one is a slice's.
        unsafe { _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T1) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = bytes;
}

/// Waits until what was written past the caches can be seen by others.
#[inline]
pub fn settle() {
    // Nothing is written past the caches under Miri, which does not know the instruction.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86-64 processor has this instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Parts of the lines of an image: as many bytes of each as somebody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Where the first part starts.
    pub start: usize,
    /// From one start to the next.
    pub stride: usize,
    /// How many lines.
    pub count: usize,
}

impl Lines {
    /// Where the last part ends, of so many bytes each.
    pub fn end(&self, bytes: usize) -> usize {
        if self.count == 0 { self.start } else { self.start + (self.count - 1) * self.stride + bytes }
    }
}
