//! The two rate limits of the API, on the sandbox' own time.

use std::collections::VecDeque;

/// 5 minutes.
pub(crate) const WINDOW_MS: i64 = 300_000;
/// 10 seconds.
const POSTS_MS: i64 = 10_000;

/// What the `x-ratelimit-*` headers say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Unix seconds.
    pub(crate) reset: i64,
}

/// Requests of one token: a window opens with its first request and closes five minutes later.
#[derive(Debug, Default)]
pub(crate) struct Window {
    opened_ms: Option<i64>,
    used: u32,
}

impl Window {
    /// Counts one request; the flag is false when it is one too many.
    pub(crate) fn take(&mut self, now_ms: i64, limit: u32) -> (Quota, bool) {
        let opened_ms = match self.opened_ms {
            // A clock set back must not keep a token locked for ever.
            Some(opened_ms) if (0..WINDOW_MS).contains(&now_ms.saturating_sub(opened_ms)) => opened_ms,
            _ => {
                self.used = 0;
                *self.opened_ms.insert(now_ms)
            }
        };
        let allowed = self.used < limit;
        self.used = self.used.saturating_add(1).min(limit);
        let quota = Quota { limit, remaining: limit - self.used, reset: reset_after(opened_ms, WINDOW_MS) };
        (quota, allowed)
    }
}

/// The first whole second at which `span_ms` after `from_ms` have passed.
pub(crate) fn reset_after(from_ms: i64, span_ms: i64) -> i64 {
    from_ms.saturating_add(span_ms).saturating_add(999).div_euclid(1_000)
}

/// Posts into one room within the last ten seconds.
#[derive(Debug, Default)]
pub(crate) struct RecentPosts(VecDeque<i64>);

impl RecentPosts {
    pub(crate) fn is_full(&mut self, now_ms: i64, limit: u32) -> bool {
        self.0.retain(|at_ms| (0..POSTS_MS).contains(&now_ms.saturating_sub(*at_ms)));
        self.0.len() >= limit as usize
    }

    pub(crate) fn add(&mut self, now_ms: i64) {
        self.0.push_back(now_ms);
    }
}
