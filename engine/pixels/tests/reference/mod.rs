//! A JPEG decoder as plain as can be: bit by bit, pixel by pixel, with libjpeg's arithmetic. And pictures made by code.
#![allow(dead_code, reason = "each test uses its part")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A picture with edges, slopes and noise.
pub fn picture(height: usize, width: usize, channels: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out = Vec::with_capacity(height * width * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let noise = (state >> 59) as usize;
                let slope = (y * (3 + c) + x * (5 - c.min(3))) / 3 + seed as usize;
                let edge = if (x / 7 + y / 11 + c) % 3 == 0 { 90 } else { 0 };
                out.push(((slope + edge + noise) % 256) as u8);
            }
        }
    }
    out
}

pub const SAMPLINGS: [SamplingFactor; 4] =
    [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];

/// A JPEG of `picture`.
pub fn file(
    (height, width, channels): (usize, usize, usize),
    seed: u64,
    quality: u8,
    sampling: SamplingFactor,
    restart: u16,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(sampling);
    encoder.set_restart_interval(restart);
    let colours = if channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder
        .encode(&picture(height, width, channels, seed), width as u16, height as u16, colours)
        .expect("a valid size");
    out
}

struct Plane {
    h: usize,
    v: usize,
    quant: usize,
    dc: usize,
    ac: usize,
    width: usize,
    samples: Vec<u8>,
}

/// Codes by length and value.
type Codes = std::collections::HashMap<(u32, u32), u8>;

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    bit: u32,
}

impl Reader<'_> {
    fn bit(&mut self) -> u32 {
        let value = u32::from(self.data[self.at] >> (7 - self.bit) & 1);
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.at += if self.data[self.at] == 0xff { 2 } else { 1 };
        }
        value
    }

    fn symbol(&mut self, codes: &Codes) -> u8 {
        let (mut code, mut length) = (0, 0);
        loop {
            (code, length) = (code << 1 | self.bit(), length + 1);
            if let Some(&symbol) = codes.get(&(length, code)) {
                return symbol;
            }
        }
    }

    fn value(&mut self, size: u32) -> i32 {
        let bits = (0..size).fold(0, |bits, _| bits << 1 | self.bit()) as i32;
        if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
    }

    fn restart(&mut self) {
        if self.bit != 0 {
            self.at += if self.data[self.at] == 0xff { 2 } else { 1 };
        }
        (self.at, self.bit) = (self.at + 2, 0);
    }
}

/// The transform of `jidctint`, in its own steps.
fn one_line(c: [i64; 8], shift: u32) -> [i64; 8] {
    let z1 = (c[2] + c[6]) * 4433;
    let (t2, t3) = (z1 - c[6] * 15137, z1 + c[2] * 6270);
    let (t0, t1) = ((c[0] + c[4]) << 13, (c[0] - c[4]) << 13);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    let (z1, z2, z3, z4) = (c[7] + c[1], c[5] + c[3], c[7] + c[3], c[5] + c[1]);
    let z5 = (z3 + z4) * 9633;
    let (z1, z2, z3, z4) = (-z1 * 7373, -z2 * 20995, z5 - z3 * 16069, z5 - z4 * 3196);
    let odd = [c[1] * 12299 + z1 + z4, c[3] * 25172 + z2 + z3, c[5] * 16819 + z2 + z4, c[7] * 2446 + z1 + z3];
    let round = 1 << (shift - 1);
    std::array::from_fn(|i| {
        if i < 4 { (even[i] + odd[i] + round) >> shift } else { (even[7 - i] - odd[7 - i] + round) >> shift }
    })
}

const ORDER: [usize; 64] = {
    // Along the diagonals, up and down in turn.
    let (mut order, mut i, mut sum) = ([0; 64], 0, 0);
    while sum < 15 {
        let mut k = 0;
        while k <= sum {
            let (y, x) = if sum % 2 == 0 { (sum - k, k) } else { (k, sum - k) };
            if y < 8 && x < 8 {
                order[i] = 8 * y + x;
                i += 1;
            }
            k += 1;
        }
        sum += 1;
    }
    order
};

/// Decodes a whole and valid sequential file: height, width, channels, pixels.
pub fn decode(file: &[u8]) -> (usize, usize, usize, Vec<u8>) {
    let (mut quant, mut codes) = ([[0i64; 64]; 4], [const { Vec::<Codes>::new() }; 2]);
    codes.iter_mut().for_each(|codes| codes.resize_with(4, Codes::new));
    let (mut planes, mut size, mut restart, mut at) = (Vec::<Plane>::new(), (0, 0), 0, 2);
    loop {
        let (marker, length) = (file[at + 1], usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]])));
        let body = &file[at + 4..at + 2 + length];
        at += 2 + length;
        match marker {
            0xdb => body.chunks_exact(65).for_each(|table| {
                (0..64).for_each(|i| quant[usize::from(table[0])][ORDER[i]] = i64::from(table[1 + i]));
            }),
            0xc4 => {
                let mut body = body;
                while !body.is_empty() {
                    let (mut code, mut place) = (0u32, 17);
                    let table = &mut codes[usize::from(body[0] >> 4)][usize::from(body[0] & 15)];
                    for length in 1..=16 {
                        for _ in 0..body[length] {
                            table.insert((length as u32, code), body[place]);
                            (code, place) = (code + 1, place + 1);
                        }
                        code <<= 1;
                    }
                    body = &body[place..];
                }
            }
            0xc0 | 0xc1 => {
                size = (
                    usize::from(u16::from_be_bytes([body[1], body[2]])),
                    usize::from(u16::from_be_bytes([body[3], body[4]])),
                );
                for c in body[6..].chunks_exact(3) {
                    let (h, v) = (usize::from(c[1] >> 4), usize::from(c[1] & 15));
                    planes.push(Plane { h, v, quant: usize::from(c[2]), dc: 0, ac: 0, width: 0, samples: Vec::new() });
                }
            }
            0xdd => restart = usize::from(u16::from_be_bytes([body[0], body[1]])),
            0xda => {
                for (plane, c) in planes.iter_mut().zip(body[1..].chunks_exact(2)) {
                    (plane.dc, plane.ac) = (usize::from(c[1] >> 4), usize::from(c[1] & 15));
                }
                break;
            }
            _ => {}
        }
    }
    let (height, width) = size;
    if planes.len() == 1 {
        (planes[0].h, planes[0].v) = (1, 1);
    }
    let (h, v) = (planes[0].h, planes[0].v);
    let (across, down) = (width.div_ceil(8 * h), height.div_ceil(8 * v));
    for plane in &mut planes {
        plane.width = across * plane.h * 8;
        plane.samples = vec![0; plane.width * down * plane.v * 8];
    }
    let mut reader = Reader { data: file, at, bit: 0 };
    let mut levels = [0; 3];
    for mcu in 0..across * down {
        if restart != 0 && mcu != 0 && mcu % restart == 0 {
            reader.restart();
            levels = [0; 3];
        }
        for (plane, level) in planes.iter_mut().zip(&mut levels) {
            for block in 0..plane.h * plane.v {
                let mut values = [0i64; 64];
                let bits = u32::from(reader.symbol(&codes[0][plane.dc]));
                *level += reader.value(bits);
                values[0] = i64::from(*level) * quant[plane.quant][0];
                let mut k = 1;
                while k < 64 {
                    let symbol = reader.symbol(&codes[1][plane.ac]);
                    if symbol == 0 {
                        break;
                    }
                    k += usize::from(symbol >> 4);
                    let value = reader.value(u32::from(symbol & 15));
                    values[ORDER[k]] = i64::from(value) * quant[plane.quant][ORDER[k]];
                    k += 1;
                }
                for x in 0..8 {
                    let column = one_line(std::array::from_fn(|y| values[8 * y + x]), 11);
                    (0..8).for_each(|y| values[8 * y + x] = column[y]);
                }
                let (left, top) =
                    ((mcu % across * plane.h + block % plane.h) * 8, (mcu / across * plane.v + block / plane.h) * 8);
                for y in 0..8 {
                    let row = one_line(std::array::from_fn(|x| values[8 * y + x]), 18);
                    (0..8).for_each(|x| {
                        plane.samples[(top + y) * plane.width + left + x] = (row[x] + 128).clamp(0, 255) as u8
                    });
                }
            }
        }
    }
    let channels = planes.len();
    let mut out = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let luma = i64::from(planes[0].samples[y * planes[0].width + x]);
            if channels == 1 {
                out.push(luma as u8);
                continue;
            }
            let [cb, cr] = [1, 2].map(|i| upsampled(&planes[i], (h, v), (height, width), y, x) - 128);
            let fix = |value: f64| (value * 65536.0 + 0.5) as i64;
            let red = luma + ((fix(1.402) * cr + 32768) >> 16);
            let green = luma + ((-fix(0.34414) * cb - fix(0.71414) * cr + 32768) >> 16);
            let blue = luma + ((fix(1.772) * cb + 32768) >> 16);
            out.extend([red, green, blue].map(|value| value.clamp(0, 255) as u8));
        }
    }
    (height, width, channels, out)
}

/// libjpeg's triangle: three parts of the nearest sample, one of the next; ends are repeated.
fn upsampled(plane: &Plane, (h, v): (usize, usize), (height, width): (usize, usize), y: usize, x: usize) -> i64 {
    let (down, across) = (height.div_ceil(v), width.div_ceil(h));
    let at = |y: usize, x: usize| i64::from(plane.samples[y.min(down - 1) * plane.width + x.min(across - 1)]);
    let other = |place: usize| if place.is_multiple_of(2) { (place / 2).saturating_sub(1) } else { place / 2 + 1 };
    let odd = |place: usize| (place % 2) as i64;
    match (h, v) {
        (1, 1) => at(y, x),
        (1, _) => (3 * at(y / 2, x) + at(other(y), x) + 1 + odd(y)) >> 2,
        _ if across <= 2 => at(y / v, x / 2),
        (_, 1) => (3 * at(y, x / 2) + at(y, other(x)) + 1 + odd(x)) >> 2,
        _ => {
            let sum = |x| 3 * at(y / 2, x) + at(other(y), x);
            (3 * sum(x / 2) + sum(other(x)) + 8 - odd(x)) >> 4
        }
    }
}
