//! Images of bytes: decoding, resizing, augmenting, with the processor's vector instructions.
//!
//! Plain functions over slices. Nothing here knows files, graphs, threads or torch; nothing draws random numbers: who
//! calls says which pixels, which angle, which factor. Every function gives the same bytes on every x86-64 and ARM
//! processor, whichever instructions it has.
//!
//! An image is height × width × channels bytes, row after row, pixel after pixel, unless a name says otherwise.

pub mod decode;
mod jpeg;
mod picture;
pub mod simd;

pub use picture::{ImageSize, Picture, PixelError};
