//! A week of the record: how long nobody looked, and how long single rooms could not be read. Pure.

use std::time::Duration;

use crate::domain::{RoomId, UtcMillis};
use crate::reply::outbox::start_of_day;
use crate::store::GapRow;

/// Less than this in a week is not worth a note.
const WORTH_A_NOTE: Duration = Duration::from_secs(600);
/// Rooms that are named; `log --coverage` has all of them.
const NAMED: usize = 3;

/// Kinds of holes in which the program did not run …
const STOPPED: &[&str] = &["downtime", "sleep"];
/// … in which Chatwork could not be read …
const UNREAD: &[&str] = &["rate_limited", "unreachable", "unreadable", "late"];
/// … and in which a room was closed to the bot.
const LOST: &str = "access_lost";

/// What a week lacks; less than is worth a note is nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Week {
    pub(super) stopped: Duration,
    /// No room could be read.
    pub(super) unread: Duration,
    /// Single rooms that could not be read while others could, the longest first.
    pub(super) rooms: Vec<(RoomId, Duration)>,
}

impl Week {
    /// `None`: nothing worth a note.
    pub(super) fn of(gaps: &[GapRow], watched: &[RoomId], start: UtcMillis, end: UtcMillis) -> Option<Self> {
        let spans =
            |kinds: &dyn Fn(&GapRow) -> bool| Spans::of(gaps.iter().filter(|it| kinds(it)), start, end);
        let stopped = spans(&|it| STOPPED.contains(&it.kind.as_str()));
        let unread_in = |room: RoomId| spans(&|it| it.room == room && UNREAD.contains(&it.kind.as_str()));
        let everywhere =
            watched.iter().map(|it| unread_in(*it)).reduce(|all, it| all.and(&it)).unwrap_or_default();
        let alone = |room: &RoomId| {
            let all =
                spans(&|it| it.room == *room && (it.kind == LOST || UNREAD.contains(&it.kind.as_str())));
            (*room, all.total().saturating_sub(all.and(&everywhere).total()))
        };
        let mut rooms: Vec<_> = watched.iter().map(alone).filter(|(_, span)| *span >= WORTH_A_NOTE).collect();
        rooms.sort_by_key(|(room, span)| (std::cmp::Reverse(*span), *room));
        rooms.truncate(NAMED);
        let worth = |span: Duration| if span < WORTH_A_NOTE { Duration::ZERO } else { span };
        let week = Self { stopped: worth(stopped.total()), unread: worth(everywhere.total()), rooms };
        let empty = week.stopped.is_zero() && week.unread.is_zero() && week.rooms.is_empty();
        (!empty).then_some(week)
    }
}

/// Spans of time in order, none touching another.
#[derive(Clone, Debug, Default)]
struct Spans(Vec<(UtcMillis, UtcMillis)>);

impl Spans {
    /// What lies of the holes between `start` and `end`, each moment once.
    fn of<'a>(gaps: impl Iterator<Item = &'a GapRow>, start: UtcMillis, end: UtcMillis) -> Self {
        let mut found: Vec<_> = gaps
            .filter_map(|it| Some((it.from?.max(start), it.to.min(end))))
            .filter(|(from, to)| from < to)
            .collect();
        found.sort_unstable();
        let mut spans: Vec<(UtcMillis, UtcMillis)> = Vec::new();
        for (from, to) in found {
            match spans.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => spans.push((from, to)),
            }
        }
        Self(spans)
    }

    /// What lies in both.
    fn and(&self, other: &Self) -> Self {
        let shared = self.0.iter().flat_map(|(from, to)| {
            other.0.iter().map(move |(other_from, other_to)| (*from.max(other_from), *to.min(other_to)))
        });
        Self(shared.filter(|(from, to)| from < to).collect())
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(from, to)| to.since(*from)).sum()
    }
}

/// Midnight of this week's Monday in Japan.
pub(super) fn start_of_week(now: UtcMillis) -> UtcMillis {
    let days = i64::from(now.japan().weekday().to_monday_zero_offset());
    UtcMillis(start_of_day(now).0 - days * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntryIndex;

    const HOUR: i64 = 3_600_000;

    fn gap(room: u64, kind: &str, from: i64, to: i64) -> GapRow {
        GapRow {
            n: EntryIndex(0),
            room: RoomId(room),
            kind: kind.to_owned(),
            from: Some(UtcMillis(from * HOUR)),
            to: UtcMillis(to * HOUR),
        }
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    fn week(gaps: &[GapRow], watched: &[u64]) -> Option<Week> {
        let watched: Vec<RoomId> = watched.iter().map(|it| RoomId(*it)).collect();
        Week::of(gaps, &watched, UtcMillis(0), UtcMillis(168 * HOUR))
    }

    #[test]
    fn a_week_begins_on_monday_in_japan() {
        // Tuesday, 24 November 2026, 00:30 in Japan.
        let now = UtcMillis::parse("2026-11-23T15:30:00.000Z").unwrap();
        assert_eq!(start_of_week(now).to_string(), "2026-11-22T15:00:00.000Z");
        // Sunday before, 23:59.
        let now = UtcMillis::parse("2026-11-22T14:59:00.000Z").unwrap();
        assert_eq!(start_of_week(now).to_string(), "2026-11-15T15:00:00.000Z");
    }

    #[test]
    fn only_the_week_counts_and_each_moment_once() {
        let gaps = [
            gap(1, "downtime", -5, 3),
            gap(2, "downtime", -5, 3),
            gap(1, "sleep", 2, 10),
            gap(2, "downtime", 2, 10),
            gap(1, "overflow", 20, 30),
            gap(1, "sleep", 160, 200),
        ];
        let found = week(&gaps, &[1, 2]).unwrap();
        assert_eq!(found, Week { stopped: hours(18), unread: Duration::ZERO, rooms: Vec::new() });
    }

    #[test]
    fn a_single_room_is_not_everything() {
        let gaps = [
            gap(1, "access_lost", 0, 168),
            gap(1, "unreachable", 10, 14),
            gap(2, "unreachable", 12, 16),
            gap(3, "unreachable", 11, 16),
        ];
        let found = week(&gaps, &[1, 2, 3]).unwrap();
        assert_eq!(found.unread, hours(2), "from 12 to 14 no room could be read");
        assert_eq!(found.rooms, [(RoomId(1), hours(166)), (RoomId(3), hours(3)), (RoomId(2), hours(2))]);
        assert_eq!(week(&[gap(1, "late", 0, 5)], &[1]).unwrap().unread, hours(5));
        assert_eq!(week(&[gap(1, "overflow", 0, 5)], &[1]), None);
        assert_eq!(week(&[], &[]), None);
    }
}
