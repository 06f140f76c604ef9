//! `engine pack`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};
use engine::data::beton::{Writer, write_some};
use engine::data::{DataError, DataField, Dataset, FieldKind, SourceOptions, Value, open_dataset};
use engine::params::near_miss;
use engine::random::{Key, Permutation};

use super::data_files::{
    PAGE, SplitArg, beton_name, bytes, check_classes, class_names, classes_path, failure, page_bytes, stop_token,
    workers, write_classes, write_options,
};
use super::pack_images::{Counts, ImageMode, Images};
use super::progress::RowsBar;
use super::{Failure, screen};

/// Bad samples named on the screen at most.
const LISTED: usize = 1000;

/// Classes named on the screen at most; the file has all.
const CLASSES_SHOWN: usize = 20;

#[derive(Args)]
#[command(after_help = "Examples:
  engine pack photos/train train.beton              a folder with a folder of images for each class
  engine pack photos/train train.beton --max-side 512 --quality 85
  engine pack 'train-{000..146}.tar' train.beton --image keep --shuffle 1
  engine pack cifar-10-batches-bin test.beton --split test --image raw
  engine pack s3://bucket/train.parquet train.beton --fields image,label --on-error skip

A .beton file has no place for the names of classes: where the source has them they are written beside it, one a
line, class 0 first: OUT.classes.txt for `label`, OUT.FIELD.classes.txt for another field.

The same source and options give the same bytes, whatever --workers says. OUT appears when it is whole: a run that
fails or is stopped leaves nothing of that name. Images are stored as RGB: gray is repeated, transparency is dropped,
of 16 bits the upper 8 are kept.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.")]
pub(crate) struct PackArgs {
    /// What to pack: an image folder, .tar, .parquet, .npy or .beton files, a CIFAR folder; http(s):// and s3://
    /// addresses. Several of one kind are one set. `*`, `?` and `{000..009}` are understood.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,

    /// File to write.
    #[arg(value_name = "OUT.beton", value_parser = beton_name)]
    out: PathBuf,

    /// How images are stored.
    #[arg(long, value_enum, default_value = "smart", value_name = "MODE")]
    image: ImageMode,

    /// Of `smart`: images whose pixels have more bytes than this become JPEG. Up to 147 × 147 pixels are within the
    /// default: reading their pixels takes less time than decoding them.
    #[arg(long, default_value = "64KiB", value_name = "BYTES", value_parser = bytes)]
    smart_threshold: u64,

    /// Make larger images smaller, so that their longer side has this many pixels (by the mean of areas, as FFCV's
    /// `max_resolution`).
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    max_side: Option<u16>,

    /// Quality of JPEGs that are written.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,

    /// Store rows in a random order, the same on every machine for the same seed; else in the source's.
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,

    /// Fields to store, in this order; all unless given.
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',')]
    fields: Option<Vec<String>>,

    /// Of a CIFAR folder: which images.
    #[arg(long, value_enum, default_value = "train")]
    split: SplitArg,

    /// What to do about a sample that cannot be read or decoded: `skip` leaves it out and names it.
    #[arg(long, value_enum, default_value = "fail", value_name = "WHAT")]
    on_error: OnErrorArg,

    /// Bytes of a page, a power of two from 2MiB to 2GiB. All of a sample must fit one.
    #[arg(long, default_value = PAGE, value_name = "BYTES", value_parser = page_bytes)]
    page_size: u32,

    /// Threads; one for each core unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Replace OUT if it is there, once the new one is whole.
    #[arg(long)]
    force: bool,

    /// Print warnings and errors only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnErrorArg {
    Fail,
    Skip,
}

/// What makes rows, on any number of threads.
struct Rows<'a> {
    data: &'a dyn Dataset,
    fields: &'a [usize],
    order: Option<Permutation>,
    images: Images,
    page_bytes: u64,
    skip: bool,
    /// Bad samples, by where they would have been stored.
    bad: Mutex<BTreeMap<u64, String>>,
    stored: AtomicU64,
}

pub(crate) fn pack(args: PackArgs) -> Result<(), Failure> {
    let options = SourceOptions { fields: args.fields.clone(), split: args.split.into(), ..SourceOptions::default() };
    let data = open_dataset(&args.sources, &options).map_err(failure)?;
    if data.rows() == 0 {
        return Err(Failure::Failed(format!("there are no samples: {}", args.sources.join(", "))));
    }
    let picked = pick(&*data, args.fields.as_deref())?;
    if args.fields.is_none() {
        for field in data.unreadable_fields() {
            screen::warning_line(&format!("a field is not packed, for it cannot be read: {field}"));
        }
    }
    let fields: Vec<DataField> = picked.iter().map(|&index| stored_field(&data.fields()[index])).collect();
    let classes = class_names(picked.iter().map(|&index| &data.fields()[index]));
    let rows = data.rows();
    let writer =
        Writer::create(&args.out, &fields, rows, write_options(args.page_size, args.force)).map_err(failure)?;
    for (field, _) in &classes {
        check_classes(&classes_path(&args.out, field), args.force)?;
    }
    let make = Rows {
        data: &*data,
        fields: &picked,
        order: args.shuffle.map(|seed| Permutation::new(rows, Key::of_seed(seed))),
        images: Images {
            mode: args.image,
            smart_threshold: args.smart_threshold,
            max_side: args.max_side.map(usize::from),
            quality: args.quality,
            counts: Counts::default(),
        },
        page_bytes: args.page_size.into(),
        skip: args.on_error == OnErrorArg::Skip,
        bad: Mutex::default(),
        stored: AtomicU64::new(0),
    };
    let stop = stop_token()?;
    let noun = if fields.iter().any(is_image) { "img" } else { "rows" };
    let mut bar = RowsBar::new("packing", noun, args.quiet);
    let written = write_some(writer, rows, workers(args.workers), &|row| make.row(row), &mut |done, all| {
        bar.step(done, all, Some(make.stored.load(Relaxed)));
        !stop.stopped()
    });
    let seconds = bar.end();
    let bad = make.bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    tell_bad(&bad);
    let written = written.map_err(failure)?;
    for (field, names) in &classes {
        write_classes(&classes_path(&args.out, field), names)?;
    }
    let stale = classes_path(&args.out, "label");
    if !classes.iter().any(|(field, _)| *field == "label") && stale.exists() {
        // Those of the file that was replaced.
        std::fs::remove_file(&stale).map_err(|e| Failure::Failed(format!("{e}: {}", stale.display())))?;
    }
    if let Some(note) = make.images.counts.not_rgb() {
        screen::note(&note);
    }
    if !args.quiet {
        for (field, names) in &classes {
            screen::note(&legend(field, names, &classes_path(&args.out, field).display().to_string()));
        }
        let counts = &make.images.counts;
        let (raw, jpeg) = (counts.raw.load(Relaxed), counts.jpeg.load(Relaxed));
        let images = match raw + jpeg {
            0 => String::new(),
            _ => format!(", images: {} raw and {} JPEG", screen::count(raw), screen::count(jpeg)),
        };
        screen::note(&format!(
            "{}: {}, {}{images}; {} ({} {noun}/s)",
            args.out.display(),
            screen::plural(written.rows, "row"),
            screen::bytes(written.bytes),
            screen::duration(seconds),
            screen::count((written.rows as f64 / seconds.max(1e-3)) as u64)
        ));
    }
    Ok(())
}

impl Rows<'_> {
    /// A row's values; none for a bad sample that is left out.
    fn row(&self, position: u64) -> Result<Option<Vec<Value<'_>>>, DataError> {
        let sample = self.order.as_ref().map_or(position, |order| order.at(position));
        match self.sample(sample) {
            Ok(values) => Ok(Some(values)),
            Err(error) if self.skip && error.is_of_one_row() => {
                let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
                bad.insert(position, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn sample(&self, sample: u64) -> Result<Vec<Value<'_>>, DataError> {
        let fault = |message: String| DataError::Sample { message, place: self.data.place(sample) };
        let mut values = Vec::with_capacity(self.fields.len());
        let mut bytes = 0;
        for &index in self.fields {
            let value = match self.data.value(sample, index)? {
                Value::Image { bytes, size } => self.images.pack(bytes, size).map_err(|e| fault(e.0))?,
                other => other,
            };
            bytes += match &value {
                Value::Image { bytes, .. } | Value::Bytes(bytes) => bytes.len() as u64,
                Value::Int(_) | Value::Float(_) => 0,
            };
            values.push(value);
        }
        // Here rather than in the writer: it does not know which sample of the source this is, nor the options.
        if bytes > self.page_bytes {
            return Err(fault(format!(
                "the sample has {}, and a page {}: take larger ones (--page-size), or make images smaller (--max-side, \
                 --image jpg)",
                screen::bytes(bytes),
                screen::bytes(self.page_bytes)
            )));
        }
        self.stored.fetch_add(bytes, Relaxed);
        Ok(values)
    }
}

/// Places of the fields to be stored.
fn pick(data: &dyn Dataset, wanted: Option<&[String]>) -> Result<Vec<usize>, Failure> {
    let fields = data.fields();
    let Some(wanted) = wanted else { return Ok((0..fields.len()).collect()) };
    let place = |name: &String| {
        fields.iter().position(|field| field.name == *name).ok_or_else(|| {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let hint = match near_miss(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", names.join(", ")),
            };
            Failure::Usage(format!("--fields: there is no field `{name}`; {hint}"))
        })
    };
    wanted.iter().map(place).collect()
}

/// As it is stored: images of one size in the source may become smaller, or JPEGs.
fn stored_field(field: &DataField) -> DataField {
    let kind = if is_image(field) { FieldKind::Image { size: None } } else { field.kind.clone() };
    DataField { name: field.name.clone(), kind }
}

fn is_image(field: &DataField) -> bool {
    matches!(field.kind, FieldKind::Image { .. })
}

fn tell_bad(bad: &BTreeMap<u64, String>) {
    for why in bad.values().take(LISTED) {
        screen::warning_line(&format!("left out: {why}"));
    }
    if bad.len() > LISTED {
        screen::warning_line(&format!("left out: {} more", screen::count((bad.len() - LISTED) as u64)));
    }
    if !bad.is_empty() {
        let all = screen::plural(bad.len() as u64, "sample");
        screen::warning_line(&format!("{all} could not be read or decoded, and left out"));
    }
}

/// Which number is which class.
fn legend(field: &str, names: &[String], path: &str) -> String {
    let shown: Vec<String> =
        names.iter().take(CLASSES_SHOWN).enumerate().map(|(number, name)| format!("{number} {name}")).collect();
    let more = if names.len() > CLASSES_SHOWN { ", …" } else { "" };
    let count = screen::plural(names.len() as u64, "class");
    format!("{field}: {}{more} ({count}, their names are in {path})", shown.join(", "))
}
