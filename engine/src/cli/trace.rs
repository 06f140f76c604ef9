//! `engine trace`

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::PathBuf;

use clap::Args;
use telemetry::{Recording, Span, ToViewer, write_chrome};

use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine run graphs/cifar.json --epochs 1 --record run.rec
  engine trace run.rec -o trace.json        open it at https://ui.perfetto.dev
  engine trace run.rec --from 10 --to 20    the second ten seconds")]
pub(crate) struct TraceArgs {
    /// Recording, as written by `engine run --record`.
    recording: PathBuf,

    /// Where to write the trace; standard output unless given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Leave out what ended before this many seconds of the run.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    from: f64,

    /// Leave out what began after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    to: Option<f64>,
}

pub(crate) fn trace(args: TraceArgs) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let recording = Recording::read(&args.recording).map_err(|e| failed(&e))?;
    let seconds = |ns: u64| ns as f64 / 1e9;
    let inside = |span: &Span| {
        let (start, end) = (seconds(span.start_ns), seconds(span.start_ns.saturating_add(span.length_ns)));
        end >= args.from && args.to.is_none_or(|to| start <= to)
    };
    let mut run = None;
    let mut spans = Vec::new();
    for (_, message) in recording.messages {
        match message {
            ToViewer::Run(description) => run = Some(description),
            ToViewer::Spans(more) => spans.extend(more.into_iter().filter(inside)),
            _ => {}
        }
    }
    let run = run.ok_or_else(|| Failure::Failed("the recording does not say of which graph it is".into()))?;
    if let Some(why) = &recording.cut_off {
        screen::warning_line(&format!("the recording ends early: {why}"));
    }
    let count = screen::plural(spans.len() as u64, "span");
    let Some(path) = &args.output else {
        let out = BufWriter::new(std::io::stdout().lock());
        return match write_chrome(out, &run, &spans) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failed(&error)),
            _ => Ok(()),
        };
    };
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        write_chrome(&mut file, &run, &spans)?;
        file.flush()
    };
    write().map_err(|e| Failure::Failed(format!("cannot write {}: {e}", path.display())))?;
    screen::note(&format!("{}: {count}; open it at https://ui.perfetto.dev", path.display()));
    Ok(())
}
