//! What the record covers, room by room: since when, how closely, what is missing, and until when it can still be saved.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Config, MirrorRooms};
use crate::domain::{RoomId, UtcMillis};
use crate::store::{ArchiveStore as _, CoverageStore as _, Exposure, GapRow, RoomRead, Store, StoreResult};

use super::gaps::{BEFORE_WATCH, OVERFLOW, Pace};
use super::rota;

/// For so long Chatwork's free plan shows a message.
const FREE_PLAN: Duration = Duration::from_secs(40 * 86_400);

/// Of one room.
#[derive(Clone, Debug)]
pub struct RoomCoverage {
    pub room: RoomId,
    /// First complete read.
    pub since: Option<UtcMillis>,
    /// Newest complete read.
    pub read_at: Option<UtcMillis>,
    /// The room cannot be read since then.
    pub lost_at: Option<UtcMillis>,
    /// Chatwork's plan hides part of the room from the bot.
    pub limited: bool,
    /// The longest time between two complete reads, holes apart, and when it began: the exposure window.
    pub exposure: Option<(Duration, UtcMillis)>,
    /// Beyond this a hole is recorded.
    pub declared: Duration,
    /// How long a round over the messages older than the newest 100 took: their edits are seen within it. `None`: none
    /// was ended yet, or there are no older messages.
    pub older: Option<Duration>,
    /// By entry.
    pub gaps: Vec<GapRow>,
    /// Time that lies in holes, each moment once.
    pub in_gaps: Duration,
    /// Until then messages that the record lacks can still be seen in Chatwork on its free plan, and saved by hand.
    pub fuse: Option<UtcMillis>,
}

/// Rooms that are watched or were, by number; of holes and exposure what lies after `since`.
pub async fn coverage(
    store: &Store,
    config: &Config,
    now: UtcMillis,
    room: Option<RoomId>,
    since: UtcMillis,
) -> StoreResult<Vec<RoomCoverage>> {
    let mut reads: BTreeMap<RoomId, RoomRead> =
        store.room_reads().await?.into_iter().map(|it| (it.room, it)).collect();
    if config.mirror.rooms == MirrorRooms::Listed {
        for it in &config.rooms {
            reads.entry(it.id).or_insert_with(|| RoomRead::none(it.id));
        }
    }
    let interval = config.reconcile.interval;
    let declared = Pace { interval, window: rota::planned_window(reads.len(), interval) }.declared();
    let mut gaps: BTreeMap<RoomId, Vec<GapRow>> = BTreeMap::new();
    for gap in store.gaps(room, since).await? {
        gaps.entry(gap.room).or_default().push(gap);
    }
    let mut exposures: BTreeMap<RoomId, Exposure> = BTreeMap::new();
    for it in store.exposures(room, since.japan_day()).await? {
        match exposures.get(&it.room) {
            Some(longest) if longest.longest >= it.longest => {}
            _ => _ = exposures.insert(it.room, it),
        }
    }
    let wanted = reads.into_values().filter(|it| room.is_none_or(|room| room == it.room));
    Ok(wanted
        .map(|read| {
            let gaps = gaps.remove(&read.room).unwrap_or_default();
            RoomCoverage {
                room: read.room,
                since: read.first_at,
                read_at: read.read_at,
                lost_at: read.lost_at,
                limited: read.limited,
                exposure: exposures.remove(&read.room).map(|it| (it.longest, it.began)),
                declared,
                older: read.deep.lap,
                in_gaps: union(&gaps, since, now),
                fuse: fuse(&read, &gaps, now, declared),
                gaps,
            }
        })
        .collect())
}

/// What a room is called, where that is known.
pub async fn room_names(store: &Store) -> StoreResult<BTreeMap<RoomId, String>> {
    let rooms = store.rooms().await?;
    Ok(rooms.into_iter().filter_map(|it| Some((it.room, it.name?))).collect())
}

/// Time between `since` and `until` that lies in one of the holes. Those that hide only the older messages of a moment
/// are not spans in which nobody looked.
fn union(gaps: &[GapRow], since: UtcMillis, until: UtcMillis) -> Duration {
    let spans = gaps.iter().filter(|it| it.kind != OVERFLOW).filter_map(|it| Some((it.from?, it.to)));
    let mut spans: Vec<(UtcMillis, UtcMillis)> = spans.collect();
    spans.sort_unstable();
    let (mut total, mut at) = (Duration::ZERO, since);
    for (from, to) in spans {
        let (from, to) = (from.max(at), to.min(until));
        total += to.since(from);
        at = at.max(to);
    }
    total
}

/// Messages that an answer did not hold are still in the room; and so is what comes while nobody looks.
fn fuse(read: &RoomRead, gaps: &[GapRow], now: UtcMillis, declared: Duration) -> Option<UtcMillis> {
    let beyond =
        gaps.iter().filter(|it| [OVERFLOW, BEFORE_WATCH].contains(&it.kind.as_str())).map(|it| it.to);
    let unread = read.read_at.filter(|at| now.since(*at) > declared);
    beyond.chain(unread).map(|at| at.plus(FREE_PLAN)).filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntryIndex;

    const HOUR: i64 = 3_600_000;

    fn gap(kind: &str, from: Option<i64>, to: i64) -> GapRow {
        let hours = |it: i64| UtcMillis(it * HOUR);
        GapRow {
            n: EntryIndex(0),
            room: RoomId(1),
            kind: kind.to_owned(),
            from: from.map(hours),
            to: hours(to),
        }
    }

    #[test]
    fn each_moment_counts_once_and_only_within_the_span() {
        let gaps = [
            gap("downtime", Some(0), 10),
            gap("sleep", Some(5), 12),
            gap("access_lost", Some(20), 40),
            gap("overflow", Some(13), 15),
            gap("before_watch", None, 3),
        ];
        assert_eq!(union(&gaps, UtcMillis(2 * HOUR), UtcMillis(30 * HOUR)), Duration::from_secs(20 * 3600));
    }

    #[test]
    fn the_fuse_burns_from_what_is_not_in_the_record() {
        let declared = Duration::from_secs(135);
        let day = 24;
        let read = RoomRead { read_at: Some(UtcMillis(50 * day * HOUR)), ..RoomRead::none(RoomId(1)) };
        let now = UtcMillis(50 * day * HOUR + 60_000);
        assert_eq!(fuse(&read, &[gap("downtime", Some(0), 40 * day)], now, declared), None);
        let burning = [gap("overflow", Some(0), 30 * day), gap("before_watch", None, 5 * day)];
        assert_eq!(fuse(&read, &burning, now, declared), Some(UtcMillis(70 * day * HOUR)));
        let late = now.plus(Duration::from_secs(86_400));
        assert_eq!(fuse(&read, &[], late, declared), Some(UtcMillis(90 * day * HOUR)));
    }
}
