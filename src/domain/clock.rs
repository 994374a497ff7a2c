//! Time as an input, so that every test can set it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::time::UtcMillis;

/// Where the program gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time.
    fn now(&self) -> UtcMillis;

    /// Time since an arbitrary start that never steps backwards: for spans, and to notice that the wall clock jumped.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static START: OnceLock<Instant> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
impl Clock for SystemClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(jiff::Timestamp::now().as_millisecond())
    }

    fn monotonic(&self) -> Duration {
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that stands still until it is moved: for tests and rehearsals.
#[derive(Clone, Debug)]
pub struct ManualClock {
    wall: Arc<AtomicI64>,
    /// How far the wall clock is ahead of the other one.
    slept: Arc<AtomicI64>,
}

impl ManualClock {
    pub fn new(start: UtcMillis) -> Self {
        Self { wall: Arc::new(AtomicI64::new(start.0)), slept: Arc::default() }
    }

    pub fn advance(&self, by: Duration) {
        self.wall.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// The machine sleeps: the wall clock moves on alone.
    pub fn sleep(&self, by: Duration) {
        self.slept.fetch_add(millis(by), Ordering::SeqCst);
        self.wall.fetch_add(millis(by), Ordering::SeqCst);
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Clock for ManualClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let awake = self.wall.load(Ordering::SeqCst).saturating_sub(self.slept.load(Ordering::SeqCst));
        Duration::from_millis(u64::try_from(awake).unwrap_or(0))
    }
}
