/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Rows above it.
    pub top: usize,
    /// Columns left of it.
    pub left: usize,
    /// Its rows.
    pub height: usize,
    /// Its columns.
    pub width: usize,
}
use crate::jpeg::{Jpeg,Wish,header};
use crate::simd::Level;
/// tmp
pub fn tmp_full(j: &mut Tmp, bytes: &[u8], r: Option<Rect>, out: &mut Vec<u8>) -> Result<(usize,usize), crate::PixelError> {
    let h = header::read(bytes, false)?;
    let region = r.unwrap_or(Rect{top:0,left:0,height:h.height,width:h.width});
    if !Jpeg::knows(&h) { return Err(crate::PixelError::new("unknown")); }
    j.0.decode(bytes, &h, Wish{region, gray: false, verify: false})?;
    let n = h.count;
    out.resize(region.height*region.width*n, 0);
    for (i, row) in out.chunks_exact_mut(region.width*n).enumerate() { j.0.row(i, row); }
    Ok((region.height, region.width))
}
/// tmp
pub struct Tmp(Jpeg);
impl Tmp { /// tmp
 pub fn new() -> Self { Self(Jpeg::new(Level::best())) } 
 /// entropy
 pub fn entropy(&mut self, bytes: &[u8]) { let h = header::read(bytes, false).unwrap(); let _ = self.0.decode(bytes, &h, Wish{region: Rect{top:h.height-1,left:h.width-1,height:1,width:1}, gray: true, verify: false}); }
}
