//! Images of bytes: decoding, resizing, augmenting, with the processor's vector instructions.
//!
//! Plain functions over slices. Nothing here knows files, graphs, threads or torch; nothing draws random numbers: who
//! calls says which pixels, which angle, which factor. Every function gives the same bytes on every x86-64 and ARM
//! processor, whichever instructions it has.
//!
//! An image is height × width × channels bytes, row after row, pixel after pixel, unless a name says otherwise.

mod axis;
mod composition;
mod decode;
mod encode;
mod foreign;
mod jpeg;
pub mod ops;
mod pass;
mod picture;
mod resize;
pub mod simd;
mod step;
mod values;

pub use axis::{Axis, Run};
pub use composition::Composition;
pub use decode::{Decoder, Format, Info, probe};
pub use encode::{JpegOptions, encode_jpeg};
pub use ops::{Op, Rect, Scratch};
pub use pass::{Pass, PassMemory, Pixels, Target};
pub use picture::{ImageSize, Picture, PixelError};
pub use resize::{Filter, Resize, Scratch as ResizeScratch, resize};
pub use step::{Adjust, Levels, Step};
pub use values::{Formula, ValueTable};
