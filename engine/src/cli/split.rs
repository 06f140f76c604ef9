//! `engine split`

use std::path::{Path, PathBuf};

use clap::Args;
use engine::data::Dataset as _;
use engine::data::beton::{Beton, split as split_file};

use super::data_files::{
    BETON, class_names, classes_path, failure, page_bytes, stop_token, write_classes, write_options,
};
use super::progress::RowsBar;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine split train.beton --shards 4               train-00000-of-00004.beton to train-00003-of-00004.beton
  engine split train.beton --shards 8 --out 'shards/part-{i}.beton'

Rows are copied as they are stored and in their order, as many to each shard as to the others, or one more. The shards
appear when all are whole.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.")]
pub(crate) struct SplitArgs {
    /// File to split.
    #[arg(value_name = "FILE.beton")]
    file: PathBuf,

    /// Number of shards.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    shards: u64,

    /// Names of the shards, in which `{i}` is the shard's number from 00000 on; FILE-00000-of-00004.beton and so on
    /// unless given.
    #[arg(long, value_name = "PATTERN")]
    out: Option<String>,

    /// Bytes of a page, a power of two from 2MiB to 2GiB; those of FILE unless given.
    #[arg(long, value_name = "BYTES", value_parser = page_bytes)]
    page_size: Option<u32>,

    /// Replace shards that are there, once the new ones are whole.
    #[arg(long)]
    force: bool,

    /// Print warnings and errors only.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn split(args: SplitArgs) -> Result<(), Failure> {
    let pattern = match &args.out {
        Some(pattern) if pattern.contains("{i}") => pattern.clone(),
        Some(pattern) => {
            return Err(Failure::Usage(format!(
                "--out {pattern}: all shards would have this name; {{i}} stands for a shard's number, such as \
                 shards/part-{{i}}.beton"
            )));
        }
        None => default_pattern(&args.file),
    };
    let page = match args.page_size {
        Some(page) => page,
        None => Beton::open(&args.file).map_err(failure)?.page_bytes().max(2 << 20),
    };
    let name = |shard: u64| PathBuf::from(name(&pattern, shard, args.shards));
    let stop = stop_token()?;
    let mut bar = RowsBar::new("splitting", "rows", args.quiet);
    let options = write_options(page, args.force);
    let written = split_file(&args.file, args.shards, &name, options, &mut |done, all| {
        bar.step(done, all, None);
        !stop.stopped()
    });
    let seconds = bar.end();
    let written = written.map_err(failure)?;
    let whole = Beton::open(&args.file).map_err(failure)?.with_names_beside();
    for (field, names) in class_names(whole.fields().iter()) {
        for shard in 0..args.shards {
            write_classes(&classes_path(&name(shard), field), names)?;
        }
    }
    if !args.quiet {
        for (shard, written) in (0..).zip(&written) {
            let (rows, bytes) = (screen::plural(written.rows, "row"), screen::bytes(written.bytes));
            screen::note(&format!("{}: {rows}, {bytes}", name(shard).display()));
        }
        screen::note(&format!("{} in {}", screen::plural(args.shards, "shard"), screen::duration(seconds)));
    }
    Ok(())
}

fn default_pattern(file: &Path) -> String {
    let stem = if file.extension().is_some_and(|e| e == BETON) { file.with_extension("") } else { file.to_path_buf() };
    // Braces of the file's own name are doubled, so that they are not taken for ours.
    let stem = stem.display().to_string().replace("{i}", "{{i}}").replace("{n}", "{{n}}");
    format!("{stem}-{{i}}-of-{{n}}.{BETON}")
}

/// A shard's name. `{{i}}` and `{{n}}` stand for themselves.
fn name(pattern: &str, shard: u64, shards: u64) -> String {
    let mut name = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        name.push_str(before);
        let known = [
            ("{{i}}", "{i}".to_owned()),
            ("{{n}}", "{n}".to_owned()),
            ("{i}", format!("{shard:05}")),
            ("{n}", format!("{shards:05}")),
        ];
        match known.iter().find(|(word, _)| from.starts_with(word)) {
            Some((word, text)) => {
                name.push_str(text);
                rest = &from[word.len()..];
            }
            None => {
                name.push('{');
                rest = &from[1..];
            }
        }
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_names() {
        let of = |file: &str| name(&default_pattern(Path::new(file)), 3, 4);
        assert_eq!(of("a/train.beton"), "a/train-00003-of-00004.beton");
        assert_eq!(of("a{i}.v1"), "a{i}.v1-00003-of-00004.beton");
        assert_eq!(name("x{y}-{i}.beton", 12, 100), "x{y}-00012.beton");
    }
}
