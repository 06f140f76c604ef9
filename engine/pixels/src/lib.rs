//! Images of bytes: decoding, resizing, augmenting, with the processor's vector instructions.
//!
//! Plain functions over slices. Nothing here knows files, graphs, threads or torch; nothing draws random numbers: who
//! calls says which pixels, which angle, which factor. Every function gives the same bytes on every x86-64 and ARM
//! processor, whichever instructions it has.
//!
//! An image is height × width × channels bytes, row after row, pixel after pixel, unless a name says otherwise.

mod axis;
mod pass;
pub mod ops;
mod picture;
pub mod simd;
mod step;
mod values;

pub use axis::{Axis, Run};
pub use pass::{Pass, PassMemory, Pixels, Target};
pub use ops::{Op, Scratch};
pub use picture::{ImageSize, Picture, PixelError};
pub use step::{Adjust, Levels, Rect, Step};
pub use values::{Formula, ValueTable};
