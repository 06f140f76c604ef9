//! Numbers as people read them.

/// Three digits and a unit, for where there is little room: `812`, `9.41k`, `46.2k`, `1.25M`.
pub fn compact(value: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    // Just below a unit, rounding would give a fourth digit.
    match units.iter().find(|(unit, _)| value >= unit * 0.9995) {
        Some((unit, name)) => format!("{}{name}", three_digits(value / unit)),
        None if value >= 9.95 || value == value.round() => format!("{value:.0}"),
        None => format!("{value:.1}"),
    }
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// All digits in groups, for sentences: `1,400,000`. Large ones are rounded, since a measurement has no seven digits.
pub fn grouped(value: f64) -> String {
    let rounded = if value >= 1e4 {
        let step = 10_f64.powf(value.log10().floor() - 2.0);
        (value / step).round() * step
    } else {
        value
    };
    group(&format!("{rounded:.0}"))
}

/// A count in groups, exact: `2,352`.
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

fn group(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share of one: `98 %`, `0.4 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if (0.05..0.95).contains(&value) { format!("{value:.1} %") } else { format!("{value:.0} %") }
}

/// Bytes in decimal units: `3.07 kB`.
pub fn bytes(value: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(unit, _)| value >= unit * 0.9995) {
        Some((unit, name)) => format!("{} {name}", three_digits(value / unit)),
        None => format!("{value:.0} B"),
    }
}

/// A short time in seconds: `850 ns`, `12.3 µs`, `4.56 ms`, `2.72 s`.
pub fn duration(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    match units.iter().find(|(unit, _)| seconds >= unit * 0.9995) {
        Some((unit, name)) => format!("{} {name}", three_digits(seconds / unit)),
        None => format!("{:.0} ns", seconds * 1e9),
    }
}

/// A time of a run: `0:07`, `12:30`, `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole / 3600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

/// How long something will take: `40 s`, `12 min`, `3 h 20 min`.
pub fn about(seconds: f64) -> String {
    match seconds.max(0.0) {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{} h {:02.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_where_room_is_short() {
        let shown = [0.0, 7.25, 188.4, 999.7, 9_410.0, 46_200.0, 812_000.0, 1_250_000.0].map(compact);
        assert_eq!(shown, ["0", "7.2", "188", "1.00k", "9.41k", "46.2k", "812k", "1.25M"]);
    }

    #[test]
    fn numbers_in_sentences_have_groups_and_no_false_precision() {
        assert_eq!(grouped(188.4), "188");
        assert_eq!(grouped(9_876.4), "9,876");
        assert_eq!(grouped(1_403_219.0), "1,400,000");
        assert_eq!(count(2_352), "2,352");
        assert_eq!(count(100), "100");
    }

    #[test]
    fn times() {
        assert_eq!(
            [8.5e-7, 1.23e-5, 4.56e-3, 2.72, 264.0].map(duration),
            ["850 ns", "12.3 µs", "4.56 ms", "2.72 s", "264 s"]
        );
        assert_eq!([7.2, 750.0, 3723.0].map(clock), ["0:07", "12:30", "1:02:03"]);
        assert_eq!([40.0, 720.0, 12_000.0].map(about), ["40 s", "12 min", "3 h 20 min"]);
    }

    #[test]
    fn shares_and_sizes() {
        assert_eq!([0.0001, 0.004, 0.98].map(percent), ["0 %", "0.4 %", "98 %"]);
        assert_eq!([12.0, 3_072.0, 4.3e9].map(bytes), ["12 B", "3.07 kB", "4.30 GB"]);
    }
}
