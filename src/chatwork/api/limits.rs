//! What every answer tells beside its content: the rate limit, the server's time, whether the token is accepted.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::domain::UtcMillis;

use super::Api;

/// The window of the limit: no announced wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The limit of posts for each room, which no header describes, is counted over this span.
const ROOM_WAIT: Duration = Duration::from_secs(10);

/// The shortest wait after a refusal, so that a clock that differs by a second makes no storm.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What the last answers told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) limits: Option<Limits>,
    pub(super) ahead: Option<i64>,
    pub(super) refused: Option<bool>,
}

impl Api {
    /// What the last answer said of the rate limit; `None` before the first.
    pub fn limits(&self) -> Option<Limits> {
        self.told().limits
    }

    /// Milliseconds by which the program's clock was surely ahead of Chatwork's at the last answer that told its time.
    pub fn clock_ahead(&self) -> Option<i64> {
        self.told().ahead
    }

    /// Whether Chatwork refused the token at the last answer that tells; `None` before the first.
    pub fn token_refused(&self) -> Option<bool> {
        self.told().refused
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Told)) {
        what(&mut self.told());
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limit of all requests of the token's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in 5 minutes.
    pub limit: u64,
    /// Requests left until `reset`.
    pub remaining: u64,
    /// By the program's own clock.
    pub reset: UtcMillis,
}

impl Limits {
    /// From the headers of an answer that came in at `now`. The reset is a time of the server's clock, so it is
    /// measured against the `date` of the same answer.
    pub(super) fn read(headers: &HeaderMap, now: UtcMillis) -> Option<Self> {
        let number = |name| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        let reset = UtcMillis::from_seconds(i64::try_from(number("x-ratelimit-reset")?).ok()?);
        let server_now = server_time(headers).unwrap_or(now);
        Some(Self {
            limit: number("x-ratelimit-limit")?,
            remaining: number("x-ratelimit-remaining")?,
            reset: now.plus(reset.since(server_now).min(LONGEST_WAIT)),
        })
    }

    /// When to come back after a refusal for the rate. With requests left it was the limit of posts for one room.
    pub(super) fn until(limits: Option<Self>, now: UtcMillis) -> UtcMillis {
        match limits {
            Some(Self { remaining: 0, reset, .. }) => reset.max(now.plus(SHORTEST_WAIT)),
            Some(_) | None => now.plus(ROOM_WAIT),
        }
    }
}

/// The server's clock, to the second.
pub(super) fn server_time(headers: &HeaderMap) -> Option<UtcMillis> {
    http_date(headers.get("date")?.as_bytes())
}

/// Milliseconds by which the program's clock is surely ahead of the server's: the server named its time, to the second, some
/// time between question and answer. A machine that slept in between is not off.
pub(super) fn ahead(asked: UtcMillis, server: UtcMillis, answered: UtcMillis) -> i64 {
    const SECOND: i64 = 1000;
    match (asked.0 - server.0, answered.0 - server.0) {
        (least, _) if least >= SECOND => least,
        (_, most) if most < 0 => most,
        _ => 0,
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &[u8]) -> Option<UtcMillis> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(UtcMillis(parsed.as_millisecond()))
}
