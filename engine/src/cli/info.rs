//! `engine info`

use std::cell::RefCell;
use std::path::Path;

use clap::Args;
use engine::data::beton::{Beton, Verified, verify as verify_beton};
use engine::data::remote::{RemoteOptions, open_with};
use engine::data::source::guess;
use engine::data::{DataError, Format, SourceOptions, expand, open_dataset, verify};
use engine::execute::StopToken;
use pixels::{Decoder, ImageSize};

use super::data_files::{SplitArg, failure, stop_token, workers};
use super::info_text::{Checked, beton_json, beton_text, checked_json, checked_text, set_json, set_text};
use super::progress::RowsBar;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine info train.beton photos/train 'shards/*.tar'
  engine info train.beton --verify                  reads every row and decodes every image
  engine info train.beton --json | jq .fields

With --verify, what is wrong is listed with its row and reason, and the exit code is 1. A .beton file is checked for what
FFCV needs, too.

Exit codes: 0 done, 1 failed or something is wrong with the data, 2 wrong usage, 130 interrupted.")]
pub(crate) struct InfoArgs {
    /// Data files or folders of any format, or addresses; a pattern in quotes is one set.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// Read every row and decode every image.
    #[arg(long)]
    verify: bool,

    /// Of a CIFAR folder: which images.
    #[arg(long, value_enum, default_value = "train")]
    split: SplitArg,

    /// Threads of --verify; one for each core unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Print one JSON object a line and file.
    #[arg(long)]
    json: bool,

    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new());
}

/// The size of an encoded image, all of which is decoded; else what is wrong with it.
fn decode(bytes: &[u8]) -> Result<ImageSize, String> {
    DECODER.with_borrow_mut(|decoder| decoder.verify(bytes)).map(|info| info.size).map_err(|e| e.0)
}

pub(crate) fn info(args: InfoArgs) -> Result<(), Failure> {
    let stop = if args.verify { stop_token()? } else { StopToken::new() };
    let (mut files, mut unsound) = (0_u64, 0_u64);
    for text in &args.files {
        let addresses = expand(std::slice::from_ref(text)).map_err(failure)?;
        let mut formats = Vec::new();
        for address in &addresses {
            formats.push(guess(address).map_err(failure)?);
        }
        // Each .beton is a file of its own, also where a pattern names several.
        let betons = formats.iter().all(|format| *format == Format::Beton);
        let sets = if betons { addresses.iter().map(std::slice::from_ref).collect() } else { vec![&addresses[..]] };
        for set in sets {
            let sound = match formats[0] {
                Format::Beton => show_beton(&set[0], &args, &stop)?,
                format => show_set(text, set, format, &args, &stop)?,
            };
            files += 1;
            unsound += u64::from(!sound);
        }
    }
    match (unsound, files) {
        (0, _) => Ok(()),
        (1, 1) => Err(Failure::Failed("the data is damaged".to_owned())),
        _ => Err(Failure::Failed(format!("{unsound} of {} are damaged", screen::plural(files, "data set")))),
    }
}

/// Shows a file; says whether it is sound, as far as was looked.
fn show_beton(address: &str, args: &InfoArgs, stop: &StopToken) -> Result<bool, Failure> {
    let file = match engine::data::paths::is_remote(address) {
        true => Beton::over(open_with(address, &RemoteOptions::default()).map_err(failure)?),
        false => Beton::open(Path::new(address)),
    };
    let file = file.map_err(failure)?;
    let info = file.info().map_err(failure)?;
    if !args.json {
        screen::out(beton_text(&info));
    }
    let checked = check(args, stop, |workers, progress| verify_beton(&file, workers, &decode, progress))?;
    let checked = checked.map(|(found, seconds)| Checked::new(found, seconds, |row| format!("row {row}")));
    if args.json {
        let mut object = beton_json(&info);
        object["verified"] = checked_json(checked.as_ref());
        screen::out(object);
    }
    Ok(tell(checked.as_ref(), args))
}

/// Shows a set that is no .beton.
fn show_set(
    text: &str,
    addresses: &[String],
    format: Format,
    args: &InfoArgs,
    stop: &StopToken,
) -> Result<bool, Failure> {
    let data = open_dataset(addresses, &SourceOptions { split: args.split.into(), ..SourceOptions::default() })
        .map_err(failure)?;
    let mut bytes = 0;
    for address in addresses {
        bytes += size(address).map_err(failure)?;
    }
    if !args.json {
        screen::out(set_text(text, format, bytes, &*data));
    }
    let checked = check(args, stop, |workers, progress| verify(&*data, workers, &decode, progress))?;
    let checked = checked.map(|(found, seconds)| Checked::new(found, seconds, |row| data.place(row)));
    if args.json {
        let mut object = set_json(text, format, bytes, &*data);
        object["verified"] = checked_json(checked.as_ref());
        screen::out(object);
    }
    Ok(tell(checked.as_ref(), args))
}

type Work<'a> = dyn FnMut(u64, u64) -> bool + 'a;

/// Checks with a progress bar, if that is asked for; gives also the time that it took.
fn check(
    args: &InfoArgs,
    stop: &StopToken,
    work: impl FnOnce(usize, &mut Work<'_>) -> Result<Verified, DataError>,
) -> Result<Option<(Verified, f64)>, Failure> {
    if !args.verify {
        return Ok(None);
    }
    let mut bar = RowsBar::new("checking", "rows", args.quiet || args.json);
    let found = work(workers(args.workers), &mut |done, all| {
        bar.step(done, all, None);
        !stop.stopped()
    });
    let seconds = bar.end();
    Ok(Some((found.map_err(failure)?, seconds)))
}

/// Says what was found; whether it is nothing.
fn tell(checked: Option<&Checked>, args: &InfoArgs) -> bool {
    let Some(checked) = checked else { return true };
    if !args.json {
        screen::out(checked_text(checked));
    }
    checked.found.is_sound()
}

/// Bytes of a file, or of all files in a folder.
fn size(address: &str) -> Result<u64, DataError> {
    if engine::data::paths::is_remote(address) {
        return Ok(open_with(address, &RemoteOptions::default())?.len());
    }
    let mut bytes = 0;
    let mut waiting = vec![Path::new(address).to_path_buf()];
    while let Some(path) = waiting.pop() {
        let unreadable = |why| DataError::Unreadable { what: "the size of this", why, path: path.clone() };
        // Links within a folder are not followed: they may lead back.
        let link = path != Path::new(address);
        let kind = if link { path.symlink_metadata() } else { path.metadata() }.map_err(unreadable)?;
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(unreadable)? {
                waiting.push(entry.map_err(unreadable)?.path());
            }
        } else {
            bytes += kind.len();
        }
    }
    Ok(bytes)
}
