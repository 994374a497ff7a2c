//! What the measurements share: the whole bot on a real disk, load from a thread of its own, medians.

pub(crate) mod bot;
pub(crate) mod load;

use std::io::Write as _;
use std::time::Duration;

/// One line for the person who measures.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The value below which the share `p` of the values lies; 0 where there are none. Sorts.
pub(crate) fn percentile(values: &mut [Duration], p: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get(((last as f64) * p).round() as usize).copied().unwrap_or_default()
}

/// The middle value; 0 where there are none. Sorts.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// In milliseconds, as the tables have it.
pub(crate) fn ms(it: Duration) -> String {
    format!("{:.2} ms", it.as_secs_f64() * 1000.0)
}
