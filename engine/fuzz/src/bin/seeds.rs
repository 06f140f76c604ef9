//! Writes the seeds: small valid files of every format, the same ones every time.
//!
//! `cargo run --features seeds --bin seeds`, in this folder.

use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::beton::{WriteOptions, Writer};
use datasets::{DataField, ElementType, FieldKind, Value, npy};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use pixels::{ImageSize, JpegOptions, encode_jpeg};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let folder = |name: &str| -> Result<PathBuf, std::io::Error> {
        let folder = root.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    beton(&folder("beton")?)?;
    tar(&folder("tar")?)?;
    parquet(&folder("parquet")?)?;
    cifar(&folder("cifar")?)?;
    arrays(&folder("npy")?)?;
    jpegs(&folder("jpeg")?)?;
    images(&folder("image")?)
}

/// Bytes that look like nothing, from few.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| ((seed << 32 ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Two gradients and a little noise: a picture as far as a coder sees.
fn picture(size: ImageSize) -> Vec<u8> {
    let at = |index: usize| {
        let (pixel, channel) = (index / size.channels, index % size.channels);
        let (row, column) = (pixel / size.width, pixel % size.width);
        (row * (5 + channel) + column * 3 + usize::from(noise(7, index + 1)[index] >> 5)) as u8
    };
    (0..size.bytes()).map(at).collect()
}

fn jpeg(size: ImageSize, quality: u8, restart: u16) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut out = Vec::new();
    encode_jpeg(&picture(size), size, JpegOptions { quality, restart }, &mut out)?;
    Ok(out)
}

fn size(height: usize, width: usize, channels: usize) -> ImageSize {
    ImageSize { height, width, channels }
}

fn beton(folder: &Path) -> Done {
    let field = |name: &str, kind| DataField { name: name.to_owned(), kind };
    let fixed = size(2, 3, 3);
    let all = [
        field("image", FieldKind::Image { size: None }),
        field("raw", FieldKind::Image { size: Some(fixed) }),
        field("label", FieldKind::Int { classes: Vec::new() }),
        field("weight", FieldKind::Float),
        field("bytes", FieldKind::Bytes),
        field("json", FieldKind::Json),
        field("array", FieldKind::Array { element: ElementType::Float32, shape: vec![2, 2] }),
    ];
    for (name, fields, rows) in [("all", &all[..], 3), ("numbers", &all[2..4], 5), ("raw", &all[1..3], 2)] {
        let path = folder.join(format!("{name}.beton"));
        let options = WriteOptions { page_bytes: 2 << 20, replace: true };
        let mut writer = Writer::create(&path, fields, rows, options)?;
        for row in 0..rows {
            let encoded = jpeg(size(8, 9, 3), 50, 0)?;
            let values: Vec<Value<'_>> = fields
                .iter()
                .map(|field| match &field.kind {
                    FieldKind::Int { .. } => Value::Int(row.cast_signed() - 1),
                    FieldKind::Float => Value::Float(row as f64 / 4.0),
                    FieldKind::Image { size: None } if row == 1 => {
                        Value::Image { bytes: noise(row, 4 * 2 * 3).into(), size: Some(size(4, 2, 3)) }
                    }
                    FieldKind::Image { size: None } => Value::Image { bytes: encoded.clone().into(), size: None },
                    FieldKind::Image { size } => Value::Image { bytes: noise(row, 18).into(), size: *size },
                    FieldKind::Json => Value::Bytes(b"{\"a\": [1]}"[..].into()),
                    FieldKind::Bytes => Value::Bytes(noise(row, row as usize * 5).into()),
                    FieldKind::Array { .. } => Value::Bytes(noise(row, 16).into()),
                })
                .collect();
            writer.append(&values)?;
        }
        writer.finish()?;
        shrink(&path)?;
    }
    Ok(())
}

/// Makes a `.beton` of one page of 2 MiB one of a page of 8 KiB: a fuzzer would lose its way in megabytes of zeros. FFCV
/// writes no such page, and reads it.
fn shrink(path: &Path) -> Done {
    const PAGE: u64 = 8192;
    let bytes = fs::read(path)?;
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
    let table = word(bytes.get(16..24).ok_or("the file has no header")?)?;
    let (data, records) = bytes.split_at(table as usize);
    let Some((rows, page)) = data.split_at_checked(2 << 20) else { return Ok(()) };
    let used = |part: &[u8]| part.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if used(rows) > PAGE as usize || used(page) > PAGE as usize {
        return Err("the rows or their data are too much for a seed".into());
    }
    // Pointers are the only numbers of that size in rows and records.
    let moved = |part: &[u8]| -> Result<Vec<u8>, Box<dyn Error>> {
        let (mut part, mut at) = (part.to_vec(), 0);
        while at + 8 <= part.len() {
            let pointer = word(&part[at..at + 8])?;
            if (2 << 20..(2 << 20) + PAGE).contains(&pointer) {
                part[at..at + 8].copy_from_slice(&(pointer - (2 << 20) + PAGE).to_le_bytes());
                at += 7;
            }
            at += 1;
        }
        Ok(part)
    };
    let mut small = moved(&rows[..PAGE as usize])?;
    small[4..8].copy_from_slice(&(PAGE as u32).to_le_bytes());
    small[16..24].copy_from_slice(&(2 * PAGE).to_le_bytes());
    small.extend_from_slice(&page[..PAGE as usize]);
    small.extend(moved(records)?);
    Ok(fs::write(path, small)?)
}

fn tar(folder: &Path) -> Done {
    let image = jpeg(size(8, 8, 3), 50, 0)?;
    let plain = [file("a/0.jpg", &image), file("a/0.cls", b"3\n"), file("a/1.cls", b"4"), file("a/1.jpg", &image)];
    fs::write(folder.join("plain.tar"), end(&plain))?;
    let more = [file("x.json", b"{}"), file("x.txt", b"text"), file("x.seg.png", b"no image"), file("dir/", b"")];
    fs::write(folder.join("more.tar"), end(&more))?;
    let long = "n".repeat(120) + ".txt";
    let pax = format!("134 path={long}\n");
    let gnu = long.clone() + "\0";
    let extended = [
        entry("pax", b'x', pax.as_bytes()),
        file("short.txt", b"one"),
        entry("././@LongLink", b'L', gnu.replace('n', "m").as_bytes()),
        file("short.txt", b"two"),
        entry("global", b'g', b"11 size=3\n "),
        file("global.txt", b"abc"),
    ];
    fs::write(folder.join("extended.tar"), end(&extended))?;
    Ok(())
}

fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    entry(name, b'0', bytes)
}

fn entry(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [&block[..], bytes, &padding].concat()
}

fn end(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn parquet(folder: &Path) -> Done {
    let schema = "message m {
        OPTIONAL GROUP image { OPTIONAL BINARY bytes; OPTIONAL BINARY path (UTF8); }
        OPTIONAL INT64 label;
        REQUIRED FLOAT score;
    }";
    let names = r#"{"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}"#;
    let kinds = [
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
        ("brotli", Compression::BROTLI(BrotliLevel::default())),
        ("lz4", Compression::LZ4_RAW),
    ];
    for (number, (name, compression)) in kinds.into_iter().enumerate() {
        let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][number % 2];
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), names.to_owned())]))
            .set_compression(compression)
            .set_writer_version(version)
            .set_dictionary_enabled(number % 3 != 0)
            .set_created_by("seeds".to_owned())
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut bytes, Arc::new(parse_message_type(schema)?), Arc::new(properties))?;
        for rows in [5_usize, 3] {
            let mut group = writer.next_row_group()?;
            let mut column = 0;
            while let Some(mut to) = group.next_column()? {
                let images: Vec<_> = (0..rows).map(|row| ByteArray::from(noise(row as u64 % 2, 20))).collect();
                let labels: Vec<i64> = (1..rows as i64).map(|row| row % 2).collect();
                let scores: Vec<f32> = (0..rows).map(|row| row as f32).collect();
                // The first label is null.
                let levels: Vec<i16> = (0..rows).map(|row| i16::from(row > 0)).collect();
                match column {
                    0 => to.typed::<ByteArrayType>().write_batch(&images, Some(&vec![2; rows]), None)?,
                    1 => to.typed::<ByteArrayType>().write_batch(&[], Some(&vec![1; rows]), None)?,
                    2 => to.typed::<Int64Type>().write_batch(&labels, Some(&levels), None)?,
                    _ => to.typed::<FloatType>().write_batch(&scores, None, None)?,
                };
                to.close()?;
                column += 1;
            }
            group.close()?;
        }
        writer.close()?;
        fs::write(folder.join(format!("{name}.parquet")), bytes)?;
    }
    Ok(())
}

fn cifar(folder: &Path) -> Done {
    for (name, labels) in [("ten.bin", &[7_u8][..]), ("hundred.bin", &[3, 42])] {
        let record = |seed| [labels, &noise(seed, 3072)].concat();
        fs::write(folder.join(name), [record(1), record(2)].concat())?;
    }
    Ok(())
}

fn arrays(folder: &Path) -> Done {
    let kinds = [
        ("labels.npy", ElementType::Int64, &[4][..]),
        ("floats.npy", ElementType::Float16, &[3]),
        ("images.npy", ElementType::Uint8, &[2, 2, 2, 3]),
        ("array.npy", ElementType::Float64, &[2, 2]),
    ];
    for (name, element, shape) in kinds {
        let bytes = noise(3, element.bytes() * shape.iter().product::<usize>());
        npy::write(&folder.join(name), element, shape, &bytes)?;
    }
    // The other byte order, and version 2.
    let header = b"{'descr': '>u2', 'fortran_order': False, 'shape': (2, 1)}\n";
    let start = [b"\x93NUMPY\x02\x00".as_slice(), &(header.len() as u32).to_le_bytes(), header];
    Ok(fs::write(folder.join("big.npy"), [start.concat(), vec![1, 2, 3, 4]].concat())?)
}

fn jpegs(folder: &Path) -> Done {
    let kinds = [
        ("colour.jpg", size(19, 35, 3), 75, 0),
        ("gray.jpg", size(17, 12, 1), 90, 0),
        ("restarts.jpg", size(20, 50, 3), 60, 1),
        ("sharp.jpg", size(16, 16, 3), 100, 0),
    ];
    for (name, size, quality, restart) in kinds {
        fs::write(folder.join(name), jpeg(size, quality, restart)?)?;
    }
    Ok(())
}

fn images(folder: &Path) -> Done {
    use png::{BitDepth, ColorType};
    let kinds = [
        ("rgb", ColorType::Rgb, BitDepth::Eight, 5 * 6 * 3),
        ("gray", ColorType::Grayscale, BitDepth::Sixteen, 5 * 6 * 2),
        ("bits", ColorType::Grayscale, BitDepth::One, 5),
        ("alpha", ColorType::Rgba, BitDepth::Eight, 5 * 6 * 4),
        ("palette", ColorType::Indexed, BitDepth::Two, 5 * 2),
    ];
    for (name, colour, depth, length) in kinds {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 6, 5);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3, 40, 50, 60, 250, 251, 252, 9, 9, 9]);
            encoder.set_trns(vec![255, 0]);
        }
        encoder.write_header()?.write_image_data(&noise(9, length))?;
        fs::write(folder.join(format!("{name}.png")), out)?;
    }
    for (name, colour, channels) in
        [("rgb", image_webp::ColorType::Rgb8, 3), ("alpha", image_webp::ColorType::Rgba8, 4)]
    {
        let mut out = Cursor::new(Vec::new());
        let pixels = picture(size(7, 9, channels));
        image_webp::WebPEncoder::new(&mut out).encode(&pixels, 9, 7, colour)?;
        fs::write(folder.join(format!("{name}.webp")), out.into_inner())?;
    }
    Ok(())
}
