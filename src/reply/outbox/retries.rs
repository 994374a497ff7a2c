//! Rows that wait for another attempt, and since when calls for them have been failing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{EntryIndex, UtcMillis};

/// Wait after a call that failed, doubled with each further one up to [`MAX_BACKOFF`].
const BACKOFF: Duration = Duration::from_secs(2);
/// Whoever asked is still in the conversation a minute after Chatwork is back; in five minutes, less surely.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// A post whose calls have been failing for so long is stuck. Shorter troubles of the platform mend themselves.
const STUCK: Duration = Duration::from_secs(1800);

/// What the sender remembers of rows that it put off.
#[derive(Default)]
pub struct Retries {
    rows: Mutex<HashMap<EntryIndex, Retry>>,
    /// All open rows were looked at in this run.
    looked: AtomicBool,
}

#[derive(Default)]
struct Retry {
    at: Option<UtcMillis>,
    /// Calls for it that failed one after the other: waiting for another reason lengthens no pause.
    failures: u32,
    /// Chatwork's calls for it fail since then, without a pause for another reason.
    failing_since: Option<UtcMillis>,
    /// The last look at it ended with a call that failed.
    failed_now: bool,
}

/// Whether posts are stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing fails.
    Free,
    /// Something fails, not for long; or nothing was tried yet.
    Halting,
    /// So many rows have been failing for long.
    Stuck(usize),
}

impl Retries {
    /// Not before this time.
    pub(super) fn at(&self, row: EntryIndex) -> Option<UtcMillis> {
        self.rows().get(&row).and_then(|it| it.at)
    }

    /// How many calls for it failed one after the other.
    fn failures(&self, row: EntryIndex) -> u32 {
        self.rows().get(&row).map_or(0, |it| it.failures)
    }

    /// How long to wait after the call that failed last.
    pub(super) fn pause(&self, row: EntryIndex) -> Duration {
        let before = self.failures(row).saturating_sub(1);
        BACKOFF.saturating_mul(1 << before.min(8)).min(MAX_BACKOFF)
    }

    pub(super) fn put_off(&self, row: EntryIndex, at: UtcMillis) {
        let mut rows = self.rows();
        let retry = rows.entry(row).or_default();
        retry.at = Some(at);
        if !std::mem::take(&mut retry.failed_now) {
            retry.failing_since = None;
            retry.failures = 0;
        }
    }

    /// A call for it failed.
    pub(super) fn failed(&self, row: EntryIndex, now: UtcMillis) {
        let mut rows = self.rows();
        let retry = rows.entry(row).or_default();
        retry.failing_since.get_or_insert(now);
        retry.failures = retry.failures.saturating_add(1);
        retry.failed_now = true;
    }

    /// All open rows were looked at: before that nothing is known of them.
    pub(super) fn looked(&self) {
        self.looked.store(true, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, row: EntryIndex) {
        self.rows().remove(&row);
    }

    /// How it goes, on the whole.
    pub fn flow(&self, now: UtcMillis) -> Flow {
        let rows = self.rows();
        let failing: Vec<UtcMillis> = rows.values().filter_map(|it| it.failing_since).collect();
        match failing.iter().filter(|since| now.since(**since) >= STUCK).count() {
            0 if failing.is_empty() && self.looked.load(Ordering::Relaxed) => Flow::Free,
            0 => Flow::Halting,
            stuck => Flow::Stuck(stuck),
        }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<EntryIndex, Retry>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: EntryIndex = EntryIndex(7);

    fn at(minutes: i64) -> UtcMillis {
        UtcMillis(minutes * 60_000)
    }

    #[test]
    fn what_waits_for_its_time_is_not_stuck_and_what_fails_for_long_is() {
        let retries = Retries::default();
        assert_eq!(retries.flow(at(0)), Flow::Halting, "after a start nothing is known");
        retries.looked();
        retries.put_off(ROW, at(600));
        assert_eq!(retries.flow(at(599)), Flow::Free, "quiet hours");
        retries.failed(ROW, at(600));
        retries.put_off(ROW, at(601));
        retries.failed(ROW, at(601));
        retries.put_off(ROW, at(605));
        assert_eq!(retries.flow(at(629)), Flow::Halting);
        assert_eq!(retries.flow(at(630)), Flow::Stuck(1));
        retries.put_off(ROW, at(900));
        assert_eq!(retries.flow(at(800)), Flow::Free, "it waits for another reason now");
        retries.failed(ROW, at(900));
        retries.ended(ROW);
        assert_eq!((retries.flow(at(2000)), retries.failures(ROW)), (Flow::Free, 0));
    }

    #[test]
    fn waiting_for_a_claim_or_a_turn_lengthens_no_pause() {
        let retries = Retries::default();
        for _ in 0..10 {
            retries.put_off(ROW, at(1));
        }
        assert_eq!(retries.failures(ROW), 0);
        for times in 1..4 {
            retries.failed(ROW, at(times));
            assert_eq!(i64::from(retries.failures(ROW)), times);
            assert_eq!(retries.pause(ROW), Duration::from_secs(1 << times));
            retries.put_off(ROW, at(times));
        }
        retries.put_off(ROW, at(5));
        retries.failed(ROW, at(6));
        assert_eq!(retries.failures(ROW), 1, "it waited for another reason in between");
    }
}
