//! What graphics cards are at, as `nvidia-smi` says it once a second while somebody asks.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::GpuLoad;
use crate::hub::lock;

/// There with a driver, and only then.
const DRIVER: &str = "/proc/driver/nvidia/version";
/// What is older than this is not told: the program has ended, or hangs.
const FRESH: Duration = Duration::from_secs(5);
/// More cards than this are not told.
const MAX_CARDS: usize = 64;

type Latest = Arc<Mutex<Vec<(Instant, GpuLoad)>>>;

/// The program, as long as it is asked.
pub(crate) struct Gpus {
    /// None where there is no driver, or no program.
    program: Option<Child>,
    latest: Latest,
}

impl Gpus {
    /// Starts the program, where there is a driver.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("nvidia-smi");
        let fields = "--query-gpu=index,name,utilization.gpu,memory.used,memory.total";
        command.args([fields, "--format=csv,noheader,nounits", "--loop=1"]);
        if Path::new(DRIVER).exists() { Self::of(command) } else { Self { program: None, latest: Latest::default() } }
    }

    fn of(mut command: Command) -> Self {
        let latest = Latest::default();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().ok();
        if let Some(lines) = program.as_mut().and_then(|program| program.stdout.take()) {
            let into = Arc::clone(&latest);
            let read = move || {
                for line in BufReader::new(lines).lines().map_while(Result::ok) {
                    let Some((index, load)) = card(&line) else { continue };
                    let mut latest = lock(&into);
                    let now = Instant::now();
                    // They come in order.
                    if index < latest.len() {
                        latest[index] = (now, load);
                    } else if index == latest.len() && index < MAX_CARDS {
                        latest.push((now, load));
                    }
                }
            };
            std::thread::Builder::new().name("telemetry gpus".into()).spawn(read).ok();
        }
        Self { program, latest }
    }

    /// Each card, in the order of its index.
    pub(crate) fn read(&self) -> Vec<GpuLoad> {
        let latest = lock(&self.latest);
        latest.iter().filter(|(then, _)| then.elapsed() < FRESH).map(|(_, load)| load.clone()).collect()
    }
}

impl Drop for Gpus {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            program.kill().ok();
            program.wait().ok();
        }
    }
}

/// `0, NVIDIA H100 80GB HBM3, 37, 1234, 81559`: percent and mebibytes. What a card does not tell is 0.
fn card(line: &str) -> Option<(usize, GpuLoad)> {
    // A name may hold commas, in theory.
    let (index, rest) = line.split_once(", ")?;
    let mut fields = rest.rsplitn(4, ", ");
    let (total, used, busy, name) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let number = |text: &str| text.trim().parse::<f64>().unwrap_or(0.0).max(0.0);
    let bytes = |text: &str| (number(text) * f64::from(1 << 20)) as u64;
    let busy = (number(busy) / 100.0).min(1.0) as f32;
    let load = GpuLoad { name: name.trim().to_owned(), busy, used_bytes: bytes(used), memory_bytes: bytes(total) };
    Some((index.trim().parse().ok()?, load))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_card() {
        let (index, load) = card("1, NVIDIA H100 80GB HBM3, 37, 1234, 81559").expect("it is one");
        assert_eq!((index, load.name.as_str(), load.used_bytes), (1, "NVIDIA H100 80GB HBM3", 1234 << 20));
        assert!((load.busy - 0.37).abs() < 1e-6 && load.memory_bytes == 81559 << 20);
        assert_eq!(card("0, Old card, [N/A], 5, 10").expect("it is one").1.busy, 0.0);
        assert_eq!(card("No devices were found"), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_the_program_says_is_read_while_it_says_it() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo '0, A, 10, 1, 2'; echo nonsense; echo '1, B, 20, 3, 4'; echo '0, A, 30, 1, 2'; sleep 30",
        ]);
        let gpus = Gpus::of(command);
        let start = Instant::now();
        while gpus.read().first().is_none_or(|card| card.busy < 0.25) {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(gpus.read().iter().map(|card| card.name.clone()).collect::<Vec<_>>(), ["A", "B"]);
        drop(gpus);
        assert!(start.elapsed() < Duration::from_secs(20), "it is ended, not waited for");
        assert!(Gpus::of(Command::new("no-such-program")).read().is_empty());
    }
}
