//! Decompressing a page, with no more memory than its bytes can be worth.
//!
//! The parquet crate believes what a page's header says of its size, up to 2 GiB from a few bytes, and takes what comes
//! out of gzip and Brotli whatever it is. So it is told that nothing is compressed, and the pages it gives are
//! decompressed here: memory grows with what comes out, up to a limit that follows from what goes in.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::Page;

use super::parquet_file::Fault;

/// Bytes that a page may have decompressed, however few it has compressed: pages of numbers that hardly differ shrink
/// to nothing, but writers begin a new page after some megabytes.
const ALWAYS: usize = 64 << 20;

/// How many times larger a page beyond [`ALWAYS`] may become: one of images, say, that are raw pixels.
const RATIO: usize = 16;

/// A page as the file has it, decompressed.
pub(super) fn decompress(codec: Compression, page: Page) -> Result<Page, Fault> {
    Ok(match page {
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
            let buf = inflate(codec, &buf, 0)?;
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            num_nulls,
            num_rows,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed,
            statistics,
        } => {
            // The levels of this version are never compressed.
            let levels = u64::from(def_levels_byte_len) + u64::from(rep_levels_byte_len);
            let levels = usize::try_from(levels).ok().filter(|levels| *levels <= buf.len());
            let levels = levels.ok_or_else(|| damaged("its levels lie beyond its end"))?;
            Page::DataPageV2 {
                buf: if is_compressed { inflate(codec, &buf, levels)? } else { buf },
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed: false,
                statistics,
            }
        }
        Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
            let buf = inflate(codec, &buf, 0)?;
            // Room is made for as many as there are said to be. The smallest value has four bytes: a number's, or a
            // text's length.
            if num_values as usize > buf.len() / 4 {
                return Err(damaged("its dictionary is said to have more values than bytes"));
            }
            Page::DictionaryPage { buf, num_values, encoding, is_sorted }
        }
    })
}

fn damaged(why: &str) -> Fault {
    Fault::File(format!("the Parquet file is damaged: a page cannot be decompressed: {why}"))
}

/// The first `plain` bytes as they are, the others decompressed.
fn inflate(codec: Compression, bytes: &Bytes, plain: usize) -> Result<Bytes, Fault> {
    let (start, rest) = bytes.split_at(plain);
    // Writers leave nothing of a page whose values are all null.
    if rest.is_empty() || codec == Compression::UNCOMPRESSED {
        return Ok(bytes.clone());
    }
    let most = rest.len().saturating_mul(RATIO).saturating_add(ALWAYS);
    let mut out = start.to_vec();
    let done = match codec {
        Compression::SNAPPY => snappy(rest, most, &mut out),
        Compression::GZIP(_) => limited(flate2::read::MultiGzDecoder::new(rest), most, &mut out),
        Compression::ZSTD(_) => zstd(rest, most, &mut out),
        Compression::BROTLI(_) => limited(brotli::Decompressor::new(rest, 1 << 14), most, &mut out),
        Compression::LZ4_RAW => lz4(rest, most, &mut out),
        Compression::LZ4 => {
            // Hadoop's frames; older writers wrote LZ4's own, or none.
            let from = out.len();
            hadoop(rest, most, &mut out)
                .or_else(|_| {
                    out.truncate(from);
                    limited(lz4_flex::frame::FrameDecoder::new(rest), most, &mut out)
                })
                .or_else(|_| {
                    out.truncate(from);
                    lz4(rest, most, &mut out)
                })
        }
        other => return Err(Fault::File(format!("the Parquet file is compressed by {other}, which is not read"))),
    };
    done.map_err(|error| damaged(&error.to_string()))?;
    Ok(Bytes::from(out))
}

fn too_large() -> io::Error {
    io::Error::other(format!("it is more than {RATIO} times larger than in the file, and than {} MB", ALWAYS >> 20))
}

/// Reads a stream to its end, which must come in time.
fn limited(stream: impl Read, most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    if stream.take(most as u64 + 1).read_to_end(out)? > most { Err(too_large()) } else { Ok(()) }
}

fn zstd(bytes: &[u8], most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    // At once where the frame says how much it is and is the only one, as all writers write it.
    let said = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let alone = zstd::zstd_safe::find_frame_compressed_size(bytes).is_ok_and(|size| size == bytes.len());
    match said.map(usize::try_from) {
        Some(Ok(size)) if alone && size <= most => {
            // Room that is not written to is no memory yet.
            out.reserve_exact(size);
            let mut to = io::Cursor::new(out);
            to.set_position(to.get_ref().len() as u64);
            zstd::bulk::Decompressor::new()?.decompress_to_buffer(bytes, &mut to).map(drop)
        }
        _ => limited(zstd::Decoder::with_buffer(bytes)?, most, out),
    }
}

fn snappy(bytes: &[u8], most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let size = snap::raw::decompress_len(bytes)?;
    // Three bytes copy 64 at most.
    if size > most.min(bytes.len().saturating_mul(22)) {
        return Err(too_large());
    }
    let from = out.len();
    out.resize(from + size, 0);
    snap::raw::Decoder::new().decompress(bytes, &mut out[from..])?;
    Ok(())
}

/// A block without any word about its size.
fn lz4(bytes: &[u8], most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    // A byte copies 255 at most.
    let most = most.min(bytes.len().saturating_mul(255));
    let (from, mut room) = (out.len(), most.min(bytes.len() * 2 + 64));
    loop {
        out.resize(from + room, 0);
        match lz4_flex::block::decompress_into(bytes, &mut out[from..]) {
            Ok(size) => {
                out.truncate(from + size);
                return Ok(());
            }
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if room < most => {
                room = most.min(room.saturating_mul(2));
            }
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) => return Err(too_large()),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// Blocks, each after its size decompressed and compressed.
fn hadoop(mut bytes: &[u8], most: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let from = out.len();
    while let [a, b, c, d, e, f, g, h, rest @ ..] = bytes {
        let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let length = u32::from_be_bytes([*e, *f, *g, *h]) as usize;
        let Some((block, next)) = rest.split_at_checked(length) else {
            return Err(io::Error::other("a block of LZ4 lies beyond its end"));
        };
        let before = out.len();
        if size > length.saturating_mul(255) || before - from + size > most {
            return Err(too_large());
        }
        out.resize(before + size, 0);
        let written = lz4_flex::block::decompress_into(block, &mut out[before..]).map_err(io::Error::other)?;
        if written != size {
            return Err(io::Error::other("a block of LZ4 has another size than it says"));
        }
        bytes = next;
    }
    if bytes.is_empty() { Ok(()) } else { Err(io::Error::other("LZ4 ends within a block")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use parquet::basic::{BrotliLevel, Encoding, GzipLevel, ZstdLevel};

    use super::*;

    type Codec = fn(&[u8], usize, &mut Vec<u8>) -> io::Result<()>;

    /// A kilobyte of zeros with each codec, and what undoes it.
    fn packed() -> Vec<(&'static str, Vec<u8>, Codec)> {
        let zeros = [0; 1000];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&zeros).unwrap();
        let mut brotli = Vec::new();
        brotli::CompressorWriter::new(&mut brotli, 4096, 5, 22).write_all(&zeros).unwrap();
        // Without its size, as a stream of unknown length is written.
        let mut stream = zstd::Encoder::new(Vec::new(), 1).unwrap();
        stream.write_all(&zeros).unwrap();
        let block = lz4_flex::block::compress(&zeros);
        let head = [1000_u32.to_be_bytes(), (block.len() as u32).to_be_bytes()].concat();
        vec![
            ("snappy", snap::raw::Encoder::new().compress_vec(&zeros).unwrap(), snappy),
            ("gzip", gzip.finish().unwrap(), |bytes, most, out| {
                limited(flate2::read::MultiGzDecoder::new(bytes), most, out)
            }),
            ("brotli", brotli, |bytes, most, out| limited(brotli::Decompressor::new(bytes, 1 << 14), most, out)),
            ("zstd", zstd::bulk::compress(&zeros, 1).unwrap(), zstd),
            ("zstd stream", stream.finish().unwrap(), zstd),
            ("lz4", block.clone(), lz4),
            ("hadoop's lz4", [head, block].concat(), hadoop),
        ]
    }

    #[test]
    fn what_grows_beyond_the_limit_is_refused() {
        for (name, bytes, codec) in packed() {
            let mut out = vec![7];
            codec(&bytes, 1000, &mut out).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(out, [&[7][..], &[0; 1000]].concat(), "{name}");
            let mut out = Vec::new();
            assert!(codec(&bytes, 999, &mut out).is_err(), "{name}");
            assert!(out.capacity() < 1 << 16, "{name} took {} bytes", out.capacity());
            for cut in 0..bytes.len() {
                let _ = codec(&bytes[..cut], 1000, &mut Vec::new());
            }
        }
    }

    #[test]
    fn a_size_that_is_only_claimed_takes_no_memory() {
        // Two gigabytes, say all of them: after snappy's length, in a frame's header, before Hadoop's block.
        let snappy: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
        let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0][..], &0x7fff_ffff_u32.to_le_bytes(), &[1, 0, 0]].concat();
        let hadoop: &[u8] = &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0];
        for (codec, bytes) in [
            (Compression::SNAPPY, snappy),
            (Compression::ZSTD(ZstdLevel::default()), &zstd),
            (Compression::LZ4, hadoop),
            (Compression::LZ4_RAW, &[0xff; 9]),
            (Compression::GZIP(GzipLevel::default()), b"\x1f\x8b"),
            (Compression::BROTLI(BrotliLevel::default()), &[0xff; 9]),
        ] {
            let Err(Fault::File(text)) = inflate(codec, &Bytes::copy_from_slice(bytes), 0) else { panic!("{codec}") };
            assert!(text.starts_with("the Parquet file is damaged: a page cannot be decompressed: "), "{text}");
        }
    }

    #[test]
    fn a_dictionary_has_no_more_values_than_its_bytes_can_be() {
        let page = |num_values| Page::DictionaryPage {
            buf: Bytes::from_static(&[0; 8]),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        assert!(decompress(Compression::UNCOMPRESSED, page(2)).is_ok());
        assert!(decompress(Compression::UNCOMPRESSED, page(u32::MAX)).is_err());
    }
}
