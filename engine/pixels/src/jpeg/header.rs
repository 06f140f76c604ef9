//! What a JPEG says before its first scan (ITU T.81, annex B).

use crate::PixelError;

/// Tables of a kind that a file may hold at a time.
const TABLES: usize = 4;
/// From where a natural-order position is read, by zigzag position.
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// A colour plane of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component {
    /// The file's name for it.
    pub id: u8,
    /// Blocks of an MCU, across.
    pub h: usize,
    /// Blocks of an MCU, down.
    pub v: usize,
    /// Which quantisation table.
    pub quant: usize,
    /// Which DC table.
    pub dc: usize,
    /// Which AC table.
    pub ac: usize,
}

/// A Huffman table as it is written: how many codes have 1, 2, … 16 bits, then their symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codes<'a> {
    pub counts: &'a [u8],
    pub symbols: &'a [u8],
}

/// What the components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Gray,
    YCbCr,
    Rgb,
    /// CMYK or YCCK.
    Four,
}

/// All that is said before the first scan's data.
#[derive(Clone, Debug)]
pub(crate) struct Header<'a> {
    pub height: usize,
    pub width: usize,
    /// Bits of a sample.
    pub bits: u8,
    pub components: [Component; 4],
    /// How many of `components` there are.
    pub count: usize,
    /// Whether it is sequential and Huffman coded: what this crate's own decoder knows.
    pub sequential: bool,
    /// Whether the first scan holds all components, in order.
    pub one_scan: bool,
    pub colour: Colour,
    /// Quantisation tables, in zigzag order.
    pub quant: [Option<[u16; 64]>; TABLES],
    pub dc: [Option<Codes<'a>>; TABLES],
    pub ac: [Option<Codes<'a>>; TABLES],
    /// MCUs between restart markers; zero for none.
    pub restart: usize,
    /// Where the first scan's data begins; zero where only the frame was asked for.
    pub data: usize,
}

/// What the APPn markers say about colours.
#[derive(Default)]
struct Colours {
    jfif: bool,
    adobe: Option<u8>,
}

/// Reads up to the first scan's data, or up to the frame header (size and components) if `frame_only`.
pub(crate) fn read(bytes: &[u8], frame_only: bool) -> Result<Header<'_>, PixelError> {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(PixelError::new("the JPEG does not begin with the marker SOI"));
    }
    let mut header = Header {
        height: 0,
        width: 0,
        bits: 0,
        components: [Component::default(); 4],
        count: 0,
        sequential: false,
        one_scan: false,
        colour: Colour::Gray,
        quant: [None; TABLES],
        dc: [None; TABLES],
        ac: [None; TABLES],
        restart: 0,
        data: 0,
    };
    let mut colours = Colours::default();
    let mut at = 2;
    loop {
        let (marker, body, next) = segment(bytes, at)?;
        at = next;
        match marker {
            0xdb => quant_tables(body, &mut header)?,
            0xc4 => huffman_tables(body, &mut header)?,
            0xc0..=0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                if header.count != 0 {
                    return Err(PixelError::new("the JPEG has two frame headers"));
                }
                frame(marker, body, &mut header)?;
                if frame_only {
                    header.colour = colour(&header, &colours);
                    return Ok(header);
                }
            }
            0xdd => {
                let [high, low] = *body else { return Err(PixelError::new("the JPEG's restart interval is damaged")) };
                header.restart = usize::from(u16::from_be_bytes([high, low]));
            }
            0xe0 if body.starts_with(b"JFIF\0") => colours.jfif = true,
            0xee if body.starts_with(b"Adobe") && body.len() >= 12 => colours.adobe = Some(body[11]),
            0xda => {
                if header.count == 0 {
                    return Err(PixelError::new("the JPEG has no frame header before its data"));
                }
                scan(body, &mut header)?;
                header.colour = colour(&header, &colours);
                header.data = at;
                return Ok(header);
            }
            0xd9 => return Err(PixelError::new("the JPEG ends before its data")),
            0xe0..=0xef | 0xfe | 0xcc | 0xdc..=0xdf | 0xf0..=0xfd => {}
            other => return Err(PixelError::new(format!("the JPEG has the marker FF{other:02X} in its header"))),
        }
    }
}

/// Marker, contents and end of the segment at `at`.
fn segment(bytes: &[u8], mut at: usize) -> Result<(u8, &[u8], usize), PixelError> {
    let cut = || PixelError::new("the JPEG is cut off in its header");
    if *bytes.get(at).ok_or_else(cut)? != 0xff {
        return Err(PixelError::new(format!("the JPEG has no marker at byte {at}, where one must be")));
    }
    // Any number of fill bytes may stand before a marker.
    while *bytes.get(at).ok_or_else(cut)? == 0xff {
        at += 1;
    }
    let marker = bytes[at];
    if marker == 0xd9 {
        return Ok((marker, &[], at + 1));
    }
    if matches!(marker, 0x00..=0x01 | 0xd0..=0xd8) {
        return Err(PixelError::new(format!("the JPEG has the marker FF{marker:02X} in its header")));
    }
    let length = bytes.get(at + 1..at + 3).ok_or_else(cut)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length < 2 {
        return Err(PixelError::new(format!("the JPEG's segment FF{marker:02X} has a length of {length}")));
    }
    let body = bytes.get(at + 3..at + 1 + length).ok_or_else(cut)?;
    Ok((marker, body, at + 1 + length))
}

fn quant_tables<'a>(mut body: &'a [u8], header: &mut Header<'a>) -> Result<(), PixelError> {
    let damaged = || PixelError::new("the JPEG has a damaged quantisation table");
    while let Some((&first, rest)) = body.split_first() {
        let (wide, index) = (first >> 4, usize::from(first & 15));
        let bytes = if wide == 0 { 64 } else { 128 };
        if wide > 1 || index >= TABLES || rest.len() < bytes {
            return Err(damaged());
        }
        let mut table = [0u16; 64];
        for (i, value) in table.iter_mut().enumerate() {
            *value = if wide == 0 { u16::from(rest[i]) } else { u16::from_be_bytes([rest[2 * i], rest[2 * i + 1]]) };
            if *value == 0 {
                return Err(damaged());
            }
        }
        header.quant[index] = Some(table);
        body = &rest[bytes..];
    }
    Ok(())
}

fn huffman_tables<'a>(mut body: &'a [u8], header: &mut Header<'a>) -> Result<(), PixelError> {
    let damaged = || PixelError::new("the JPEG has a damaged Huffman table");
    while let Some((&first, rest)) = body.split_first() {
        let (class, index) = (first >> 4, usize::from(first & 15));
        if class > 1 || index >= TABLES || rest.len() < 16 {
            return Err(damaged());
        }
        let (counts, rest) = rest.split_at(16);
        let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
        if total > 256 || total > rest.len() {
            return Err(damaged());
        }
        let (symbols, rest) = rest.split_at(total);
        let tables = if class == 0 { &mut header.dc } else { &mut header.ac };
        tables[index] = Some(Codes { counts, symbols });
        body = rest;
    }
    Ok(())
}

fn frame(marker: u8, body: &[u8], header: &mut Header<'_>) -> Result<(), PixelError> {
    let damaged = || PixelError::new("the JPEG has a damaged frame header");
    let [bits, h1, h0, w1, w0, count, rest @ ..] = body else { return Err(damaged()) };
    header.bits = *bits;
    header.height = usize::from(u16::from_be_bytes([*h1, *h0]));
    header.width = usize::from(u16::from_be_bytes([*w1, *w0]));
    header.count = usize::from(*count);
    header.sequential = matches!(marker, 0xc0 | 0xc1);
    if header.height == 0 || header.width == 0 {
        return Err(PixelError::new(format!("the JPEG's size is {} × {} pixels", header.height, header.width)));
    }
    if !matches!(header.bits, 8 | 12 | 16) && header.sequential {
        return Err(PixelError::new(format!("the JPEG has {} bits a sample", header.bits)));
    }
    if !matches!(header.count, 1 | 3 | 4) || rest.len() != 3 * header.count {
        return Err(PixelError::new(format!("the JPEG has {} components", header.count)));
    }
    for (component, fields) in header.components.iter_mut().zip(rest.chunks_exact(3)) {
        let (h, v) = (usize::from(fields[1] >> 4), usize::from(fields[1] & 15));
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) || usize::from(fields[2]) >= TABLES {
            return Err(damaged());
        }
        *component = Component { id: fields[0], h, v, quant: usize::from(fields[2]), dc: 0, ac: 0 };
    }
    Ok(())
}

fn scan(body: &[u8], header: &mut Header<'_>) -> Result<(), PixelError> {
    let damaged = || PixelError::new("the JPEG has a damaged scan header");
    let (&count, rest) = body.split_first().ok_or_else(damaged)?;
    let count = usize::from(count);
    if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
        return Err(damaged());
    }
    header.one_scan = count == header.count;
    for (i, fields) in rest[..2 * count].chunks_exact(2).enumerate() {
        let place = header.components[..header.count].iter().position(|c| c.id == fields[0]).ok_or_else(damaged)?;
        header.one_scan &= place == i;
        let (dc, ac) = (usize::from(fields[1] >> 4), usize::from(fields[1] & 15));
        if dc >= TABLES || ac >= TABLES {
            return Err(damaged());
        }
        (header.components[place].dc, header.components[place].ac) = (dc, ac);
    }
    if header.sequential && rest[2 * count..] != [0, 63, 0] {
        return Err(PixelError::new("the JPEG's scan header does not fit a sequential file"));
    }
    Ok(())
}

/// What libjpeg takes the components for.
fn colour(header: &Header<'_>, colours: &Colours) -> Colour {
    let ids = header.components.map(|c| c.id);
    match header.count {
        1 => Colour::Gray,
        4 => Colour::Four,
        _ if colours.jfif => Colour::YCbCr,
        _ => match colours.adobe {
            Some(0) => Colour::Rgb,
            Some(_) => Colour::YCbCr,
            None if ids[..3] == *b"RGB" => Colour::Rgb,
            None => Colour::YCbCr,
        },
    }
}
