//! Dates as people read them, and seconds as programs do.

use chrono::{DateTime, Local, SecondsFormat};

/// Now, here: `2026-08-01T14:03:22+02:00`.
pub fn now() -> String {
    Local::now().to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// Now, as a part of a folder's name: `20260801-140322`.
pub(super) fn now_in_a_name() -> String {
    Local::now().format("%Y%m%d-%H%M%S").to_string()
}

/// Seconds since 1970.
pub(super) fn unix() -> f64 {
    Local::now().timestamp_millis() as f64 / 1000.0
}

/// A date that [`now`] wrote, for a table: `2026-08-01 14:03`.
pub(super) fn short(date: &str) -> String {
    DateTime::parse_from_rfc3339(date).map_or_else(|_| date.to_owned(), |d| d.format("%Y-%m-%d %H:%M").to_string())
}
