//! `engine merge`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::data::beton::{Beton, merge as merge_files};
use engine::data::expand;

use super::data_files::{
    beton_name, check_classes, classes_path, failure, page_bytes, stop_token, write_classes, write_options,
};
use super::progress::RowsBar;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine merge a.beton b.beton all.beton
  engine merge 'train-*.beton' train.beton --force

Rows are copied as they are stored, nothing is decoded. The fields of all files must be the same. OUT appears when it
is whole. Names of classes (FILE.classes.txt, as `engine pack` writes them) must be the same where there are some, and
are written beside OUT.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.")]
pub(crate) struct MergeArgs {
    /// Files to merge, in this order.
    #[arg(required = true, value_name = "FILE.beton")]
    files: Vec<String>,

    /// File to write.
    #[arg(value_name = "OUT.beton", value_parser = beton_name)]
    out: PathBuf,

    /// Bytes of a page, a power of two from 2MiB to 2GiB; those of the file with the largest unless given.
    #[arg(long, value_name = "BYTES", value_parser = page_bytes)]
    page_size: Option<u32>,

    /// Replace OUT if it is there, once the new one is whole.
    #[arg(long)]
    force: bool,

    /// Print warnings and errors only.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn merge(args: MergeArgs) -> Result<(), Failure> {
    let files = expand(&args.files).map_err(failure)?;
    let paths: Vec<&Path> = files.iter().map(Path::new).collect();
    let page = match args.page_size {
        Some(page) => page,
        None => largest_page(&paths)?,
    };
    let classes = same_classes(&paths)?;
    let classes_out = classes_path(&args.out, "label");
    if classes.is_some() {
        check_classes(&classes_out, args.force)?;
    }
    let stop = stop_token()?;
    let mut bar = RowsBar::new("merging", "rows", args.quiet);
    let written = merge_files(&paths, &args.out, write_options(page, args.force), &mut |done, all| {
        bar.step(done, all, None);
        !stop.stopped()
    });
    let seconds = bar.end();
    let written = written.map_err(failure)?;
    if let Some(names) = classes {
        write_classes(&classes_out, &names)?;
    }
    if !args.quiet {
        screen::note(&format!(
            "{}: {} of {}, {}; {}",
            args.out.display(),
            screen::plural(written.rows, "row"),
            screen::plural(files.len() as u64, "file"),
            screen::bytes(written.bytes),
            screen::duration(seconds)
        ));
    }
    Ok(())
}

/// Samples that fit a page of their own file fit one of these.
fn largest_page(paths: &[&Path]) -> Result<u32, Failure> {
    let mut largest = 2 << 20;
    for path in paths {
        largest = largest.max(Beton::open(path).map_err(failure)?.page_bytes());
    }
    Ok(largest)
}

/// The names of the classes, which the same number must not give to different things.
fn same_classes(paths: &[&Path]) -> Result<Option<Vec<String>>, Failure> {
    let mut known: Option<(PathBuf, String)> = None;
    for path in paths {
        let path = classes_path(path, "label");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match &known {
            Some((first, names)) if *names != text => {
                return Err(Failure::Failed(format!(
                    "the same label would mean different classes: {} and {} differ; pack the sources together (engine \
                     pack), or remove these files if the labels mean the same",
                    first.display(),
                    path.display()
                )));
            }
            Some(_) => {}
            None => known = Some((path, text)),
        }
    }
    Ok(known.map(|(_, text)| text.lines().map(str::to_owned).collect()))
}
