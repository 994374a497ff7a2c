//! Thirty days of a room as a picture: when it was watched, and when nobody could look.

use std::time::Duration;

use crate::domain::UtcMillis;
use crate::reconcile::RoomCoverage;

/// Days that the picture shows.
const DAYS: u64 = 30;
/// Its width, in the units of the drawing: ten to a day.
pub(super) const WIDTH: u64 = DAYS * 10;
/// A hole is never drawn narrower than this, or it would not be seen.
const THIN: u64 = 2;

/// Marks along the time line, and the same in words.
pub(super) struct Strip {
    pub(super) watched: Option<Mark>,
    pub(super) holes: Vec<Mark>,
    pub(super) words: String,
}

pub(super) struct Mark {
    pub(super) x: u64,
    pub(super) width: u64,
}

impl Strip {
    pub(super) fn of(it: &RoomCoverage, now: UtcMillis) -> Self {
        let begin = UtcMillis(now.0 - day().as_millis() as i64 * DAYS as i64);
        let at = |time: UtcMillis| {
            let into = time.max(begin).min(now).since(begin).as_millis();
            u64::try_from(into * u128::from(WIDTH) / (day().as_millis() * u128::from(DAYS))).unwrap_or(WIDTH)
        };
        let mark = |from: UtcMillis, to: UtcMillis, thin: u64| {
            let width = at(to).saturating_sub(at(from)).max(thin).min(WIDTH);
            Mark { x: at(from).min(WIDTH - width), width }
        };
        let holes: Vec<_> = it.gaps.iter().filter(|it| it.to > begin).collect();
        let words = match (it.since, holes.len()) {
            (None, _) => "この30日の読み取りはまだありません".to_owned(),
            (Some(_), 0) => "この30日に記録の抜けはありません".to_owned(),
            (Some(_), n) => format!("この30日に記録の抜けが{n}回あります"),
        };
        Self {
            watched: it.since.map(|since| mark(since, it.lost_at.unwrap_or(now), 1)),
            holes: holes.iter().map(|it| mark(it.from.unwrap_or(it.to), it.to, THIN)).collect(),
            words,
        }
    }
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}
