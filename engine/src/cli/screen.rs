//! What people and programs read: results on standard output, messages on standard error.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Prints a result and a line's end. A reader that has gone (`engine plan … | head`) is no error.
pub(crate) fn out(text: impl std::fmt::Display) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        if error.kind() == ErrorKind::BrokenPipe {
            engine::torch::exit_now(0);
        }
        note(&format!("cannot write to standard output: {error}"));
        engine::torch::exit_now(1);
    }
}

/// A message for people. Where standard error cannot be written to, nobody reads it.
pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

fn coloured(text: &str, colour: u8) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        return format!("\x1b[1;{colour}m{text}\x1b[0m");
    }
    text.to_owned()
}

/// Why a command failed.
pub(crate) fn error(text: &str) {
    note(&format!("{} {text}", coloured("error:", 31)));
}

/// Something that must not be missed.
pub(crate) fn warning(text: &str) {
    let bar = "─".repeat(100);
    note(&format!("{bar}\n{} {text}\n{bar}", coloured("WARNING:", 33)));
}

/// Something that went wrong and is mended, in a line.
pub(crate) fn warning_line(text: &str) {
    note(&format!("{} {text}", coloured("warning:", 33)));
}

/// What is allowed in a graph and yet is hardly meant.
pub(crate) fn graph_warnings(graph: &engine::graph::Graph) {
    for problem in &graph.warnings {
        warning_line(&problem.told(&graph.origin).to_string());
    }
}

/// A count with thousands set apart: 1,234,567.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) use engine::params::plural;

/// A time: 8.3 s, 4 min 12 s, 1 h 20 min.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A number of bytes: 512 bytes, 8 MiB, 1.5 GiB.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return plural(n, "byte");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024.0 is the next unit's 1.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = format!("{value:.1}");
    format!("{} {}", digits.strip_suffix(".0").unwrap_or(&digits), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([8.34, 59.96, 252.0, 4800.0].map(duration), ["8.3 s", "1 min 00 s", "4 min 12 s", "1 h 20 min"]);
        let sizes = [0, 1, 1023, 1024, 1536, (1 << 20) - 1, 8 << 20, 5 << 29];
        let expected = ["0 bytes", "1 byte", "1,023 bytes", "1 KiB", "1.5 KiB", "1 MiB", "8 MiB", "2.5 GiB"];
        assert_eq!(sizes.map(bytes), expected);
    }
}
