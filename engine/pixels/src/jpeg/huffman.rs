//! Huffman tables: what a scan's next bits mean, by table.

use super::bits::{Bits, Window};
use super::header::{Codes, ZIGZAG};
use crate::PixelError;

/// Codes of up to so many bits are found with one look.
const LOOK: u32 = 11;

/// Added to the position in the block by an end of block: more than a run from the block's last place leads to, so that
/// where a block ended tells how.
pub(crate) const END: usize = 79;
/// Added by a code longer than `LOOK` bits: above what an end leads to, even the next block's behind a full one.
const LONG: usize = END + 64;
/// Added by what is no code.
const WRONG: usize = LONG + 63;

/// A Huffman table, made for speed.
///
/// An entry packs all that decoding a symbol needs: in bits 0 to 7 the bits of code and value together (zero for long
/// codes), in 8 to 15 the bits of the code, in 16 to 23 a right shift that leaves the value, in 24 to 31 by how much
/// the position in the block moves: run + 1, or more than a block has. So one loop, with one exit, decodes all.
///
/// Where the bits looked at hold a second symbol, it is in the entry too: bits 32 to 39 move the position once more, 40
/// to 47 are its code's and value's bits (counted in the lowest byte), 48 to 63 its value. Each look waits for the one
/// before, which is what decoding takes its time for.
pub(crate) struct Table {
    /// As it is written in the file, to know it again.
    written: Vec<u8>,
    look: Box<[u64; 1 << LOOK]>,
    /// By length: the first number, left-aligned in 16 bits, above all codes of up to this length.
    limit: [u32; 17],
    /// By length: what to add to a code for the place of its symbol.
    shift: [i32; 17],
    symbols: [u64; 256],
}

/// Whether a table is for DC differences or AC coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Dc,
    Ac,
}

impl Table {
    pub fn new(kind: Kind, codes: Codes<'_>) -> Result<Self, PixelError> {
        let mut table = Self {
            written: [&[kind as u8], codes.counts, codes.symbols].concat(),
            look: Box::new([(LONG as u64) << 24; 1 << LOOK]),
            limit: [0; 17],
            shift: [0; 17],
            symbols: [0; 256],
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(codes.counts[length as usize - 1]);
            table.shift[length as usize] = place as i32 - code as i32;
            for &symbol in &codes.symbols[place..place + count] {
                if code >= 1 << length {
                    return Err(PixelError::new("the JPEG has a Huffman table with too many codes"));
                }
                let entry = entry(kind, symbol, length);
                table.symbols[place] = entry;
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    table.look[first..first + (1 << (LOOK - length))].fill(entry);
                }
                code += 1;
                place += 1;
            }
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if kind == Kind::Ac {
            table.add_seconds();
        }
        Ok(table)
    }

    /// Adds to each entry the symbol behind its own, where the bits looked at hold both.
    fn add_seconds(&mut self) {
        let first = self.look.clone();
        for (index, entry) in self.look.iter_mut().enumerate() {
            let bits = (*entry & 0xff) as u32;
            if !(1..=16).contains(&moves(*entry)) || bits >= LOOK {
                continue;
            }
            let rest = ((index as u64) << (64 - LOOK)) << bits;
            let second = first[(rest >> (64 - LOOK)) as usize];
            let length = (second & 0xff) as u32;
            if moves(second) > END || bits + length > LOOK {
                continue;
            }
            let value = value(second, rest) as i16 as u16;
            *entry += u64::from(length);
            *entry |= (moves(second) as u64) << 32 | u64::from(length) << 40 | u64::from(value) << 48;
        }
    }

    /// Whether this is the table for `codes`.
    pub fn is(&self, kind: Kind, codes: Codes<'_>) -> bool {
        let (first, rest) = self.written.split_at(1);
        first[0] == kind as u8
            && rest.len() == codes.counts.len() + codes.symbols.len()
            && rest.starts_with(codes.counts)
            && rest.ends_with(codes.symbols)
    }

    /// The entry for the next bits, which may be one for a long code.
    #[inline(always)]
    pub fn look(&self, buffer: u64) -> u64 {
        self.look[(buffer >> (64 - LOOK)) as usize]
    }

    /// The entry for the next bits, whatever their code's length.
    #[cold]
    fn search(&self, buffer: u64) -> u64 {
        let next = (buffer >> 48) as u32;
        for length in LOOK as usize + 1..=16 {
            if next < self.limit[length] {
                let place = (next >> (16 - length)) as i32 + self.shift[length];
                return usize::try_from(place)
                    .ok()
                    .and_then(|i| self.symbols.get(i))
                    .copied()
                    .unwrap_or((WRONG as u64) << 24);
            }
        }
        (WRONG as u64) << 24
    }
}

/// What decoding `symbol` does.
fn entry(kind: Kind, symbol: u8, length: u32) -> u64 {
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    let moves = match (kind, run, size) {
        // T.81, F.1.2: differences of 8 bit samples have at most 11 bits, coefficients 10.
        (Kind::Dc, 0, 0..=11) => 0,
        (Kind::Ac, _, 1..=10) | (Kind::Ac, 15, 0) => run + 1,
        (Kind::Ac, 0, 0) => END as u32,
        _ => WRONG as u32,
    };
    u64::from((length + size) | length << 8 | (63 - size) << 16 | moves << 24)
}

/// By how much an entry's first symbol moves the position.
#[inline(always)]
fn moves(entry: u64) -> usize {
    usize::from((entry >> 24) as u8)
}

/// The value that an entry and the bits from its code on give.
#[inline(always)]
fn value(entry: u64, buffer: u64) -> i32 {
    let from = buffer << ((entry >> 8) & 63);
    let shift = (entry >> 16) & 63;
    // Values whose first bit is 0 are negative: counted from the lowest on.
    let negative = !((from as i64 >> 63) as u64);
    let all = (u64::MAX >> 1) >> shift;
    ((from >> 1) >> shift).wrapping_sub(all & negative) as i32
}

/// The difference of a block's DC coefficient to the one before; none if the bits are no code. Leaves at least 26 bits
/// present.
#[inline(always)]
fn difference(bits: &mut Window<'_>, table: &Table) -> Option<i32> {
    bits.refill();
    let mut entry = table.look(bits.buffer);
    if moves(entry) != 0 {
        if moves(entry) == LONG {
            entry = table.search(bits.buffer);
        }
        if moves(entry) != 0 {
            return None;
        }
    }
    let value = value(entry, bits.buffer);
    bits.drop(entry);
    Some(value)
}

/// A coefficient's place in its block by zigzag position. Positions from 64 on lead behind the block.
static PLACES: [u8; 256] = {
    let mut places = [64; 256];
    let mut i = 0;
    while i < 64 {
        places[i] = ZIGZAG[i];
        i += 1;
    }
    places
};

/// Reads a block: its DC coefficient, of which `level` is the last before, and the others, to their places if `VALUES`
/// (what lies behind the block is anything afterwards).
///
/// Gives the zigzag position it ended at: 63, or `END` and that of the last coefficient; none if the bits are no code,
/// or run past the block.
#[inline(always)]
pub(crate) fn read<const VALUES: bool>(
    bits: &mut Bits<'_>,
    dc: &Table,
    ac: &Table,
    level: &mut i32,
    block: &mut [i16; 256],
) -> Option<usize> {
    let mut window = bits.window()?;
    *level += difference(&mut window, dc)?;
    let mut at = 0usize;
    let mut entry;
    macro_rules! symbols {
        () => {
            let first = at + moves(entry);
            at = first + usize::from((entry >> 32) as u8);
            if VALUES {
                // The second first: without one, this is the first's place.
                block[usize::from(PLACES[at & 255])] = (entry >> 48) as i16;
                block[usize::from(PLACES[first & 255])] = value(entry, window.buffer) as i16;
            }
            window.drop(entry);
        };
    }
    entry = ac.look(window.buffer);
    symbols!();
    loop {
        while at < 63 {
            // A look takes up to 26 bits: one refill is enough for two.
            window.refill();
            entry = ac.look(window.buffer);
            symbols!();
            if at >= 63 {
                break;
            }
            entry = ac.look(window.buffer);
            symbols!();
        }
        if at < LONG {
            let second = usize::from((entry >> 32) as u8);
            if at - second == 63 && second != 0 {
                // The block was full; what follows is the next one's.
                window.back((entry >> 40) as u32 & 0xff);
                at = 63;
            }
            bits.resume(&window);
            block[0] = *level as i16;
            return (at == 63 || (END..END + 63).contains(&at)).then_some(at);
        }
        if at >= WRONG {
            return None;
        }
        at -= LONG;
        window.refill();
        entry = ac.search(window.buffer);
        symbols!();
        if at >= LONG {
            return None;
        }
    }
}
