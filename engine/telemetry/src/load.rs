//! What the machine and this process are at, as Linux says it.

use std::fs;

use serde::{Deserialize, Serialize};

/// Ticks of a second in what Linux counts: the kernel shows programs always 100.
const TICKS_A_SECOND: u64 = 100;
/// More processors than this are not told one by one.
const MAX_CORES: usize = 256;

/// The load now; times are counted from some start, so that a viewer subtracts two of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Time since the start of the run.
    pub elapsed_ns: u64,
    /// Processor time of this process, over all cores.
    pub process_cpu_ns: u64,
    /// Memory of this process.
    pub process_bytes: u64,
    /// Processor time of its threads, those of one purpose together: name, how many, time.
    pub threads: Vec<(String, u32, u64)>,
    /// Time of each core of the machine: at work for anybody, and in all.
    pub cores: Vec<(u64, u64)>,
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// Memory of the machine that programs could still have.
    pub available_bytes: u64,
    /// Memory of the batches of each stage, in the order of the run's stages.
    pub slot_bytes: Vec<u64>,
    /// Graphics cards.
    pub gpus: Vec<GpuLoad>,
}

/// A graphics card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuLoad {
    /// What it is.
    pub name: String,
    /// Share of the last moments in which it worked, 0 to 1.
    pub busy: f32,
    /// Memory in use.
    pub used_bytes: u64,
    /// Memory that it has.
    pub memory_bytes: u64,
}

/// Reads what Linux says; what it does not say is 0 or empty.
pub(crate) fn read() -> Load {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let resident: u64 = fs::read_to_string("/proc/self/status").map_or(0, |text| kibibytes(&text, "VmRSS:"));
    Load {
        process_cpu_ns: cpu_ns(&stat).map_or(0, |(_, ns)| ns),
        process_bytes: resident,
        threads: threads(),
        cores: fs::read_to_string("/proc/stat").map(|text| cores(&text)).unwrap_or_default(),
        memory_bytes: kibibytes(&memory, "MemTotal:"),
        available_bytes: kibibytes(&memory, "MemAvailable:"),
        ..Load::default()
    }
}

/// Name and processor time of a `/proc/…/stat`. The name is in brackets, and may hold anything, brackets too.
fn cpu_ns(stat: &str) -> Option<(&str, u64)> {
    let (name, rest) = (stat.find('(')?, stat.rfind(')')?);
    let mut fields = stat.get(rest + 1..)?.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((stat.get(name + 1..rest)?, user.saturating_add(system).saturating_mul(1_000_000_000 / TICKS_A_SECOND)))
}

fn threads() -> Vec<(String, u32, u64)> {
    let mut found: Vec<(String, u32, u64)> = Vec::new();
    for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((name, ns)) = cpu_ns(&stat) else { continue };
        let purpose = purpose(name);
        match found.iter_mut().find(|(name, ..)| name == purpose) {
            Some((_, count, sum)) => (*count, *sum) = (*count + 1, *sum + ns),
            None => found.push((purpose.to_owned(), 1, ns)),
        }
    }
    found.sort_by_key(|(_, _, ns)| std::cmp::Reverse(*ns));
    found
}

/// Linux keeps 15 letters of a name.
fn purpose(thread: &str) -> &str {
    match thread {
        name if name.starts_with("worker-") => "workers",
        name if name.starts_with("telemetry") => "telemetry",
        // The main thread, which trains, and libtorch's own, which have its name.
        name if name.starts_with("engine") => "training",
        _ => "others",
    }
}

/// `cpu0 user nice system idle iowait irq …`: a line for each core.
fn cores(stat: &str) -> Vec<(u64, u64)> {
    let lines = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    let core = |line: &str| {
        // The guests' times are counted in the others already.
        let times: Vec<u64> = line.split_ascii_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
        let all = times.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let idle = times.iter().skip(3).take(2).fold(0_u64, |sum, n| sum.saturating_add(*n));
        let ns = |ticks: u64| ticks.saturating_mul(1_000_000_000 / TICKS_A_SECOND);
        (ns(all - idle.min(all)), ns(all))
    };
    lines.take(MAX_CORES).map(core).collect()
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(cpu_ns(stat), Some(("a) b (c", 3_000_000_000)));
        assert_eq!(cpu_ns("nonsense"), None);
    }

    #[test]
    fn cores_work_or_wait() {
        let stat = "cpu  9 9 9 9 9 9 9 9\ncpu0 10 0 20 60 10 0 0 0 5 5\nintr 5";
        assert_eq!(cores(stat), [(300_000_000, 1_000_000_000)]);
    }

    #[test]
    fn sizes_are_in_bytes() {
        assert_eq!(kibibytes("MemFree: 1 kB\nMemTotal:    8 kB\n", "MemTotal:"), 8192);
        assert_eq!(kibibytes("", "MemTotal:"), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_threads() {
        let load = read();
        assert!(load.process_bytes > 1 << 20 && !load.cores.is_empty() && !load.threads.is_empty(), "{load:?}");
        assert!(load.memory_bytes > load.available_bytes);
    }
}
