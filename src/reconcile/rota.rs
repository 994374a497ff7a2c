//! Which rooms are read in a pass, and how soon the next one comes: the budget, the order, the speed of rooms. Pure.

use std::time::Duration;

use crate::chatwork::api::Limits;
use crate::domain::{RoomId, UtcMillis};

/// Chatwork's window of its rate limit.
const RATE_WINDOW: Duration = Duration::from_secs(300);
/// Requests in a window where no answer has said it yet.
const USUAL_LIMIT: u64 = 300;
/// Requests of a pass that are not reads of messages: the list of rooms.
const OVERHEAD: u64 = 1;
/// Passes never follow each other faster than this, however fast a room is.
const FASTEST: Duration = Duration::from_secs(2);
/// A room is read again before so many new messages can have come: half of what one read shows.
const COMFORTABLE: u64 = 50;
/// A room that cannot be read is tried again after so many intervals, or at once when the list shows it.
const LOST_INTERVALS: u32 = 10;

/// What may be spent in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// All that may be used before a quarter of the limit is left: that quarter belongs to the sender and to whatever else
    /// uses the token.
    pub(super) usable: u64,
    /// The reads of rooms that nothing calls for, so that the whole takes half of the limit.
    pub(super) calm: u64,
}

/// The budget by what the last answer said of the limit.
pub(super) fn budget(limits: Option<Limits>, now: UtcMillis, interval: Duration) -> Budget {
    let limit = limits.map_or(USUAL_LIMIT, |it| it.limit);
    let remaining = limits.filter(|it| it.reset > now).map_or(limit, |it| it.remaining);
    let usable = remaining.saturating_sub(limit / 4);
    Budget { usable, calm: calm_share(limit, interval).min(usable.saturating_sub(OVERHEAD)) }
}

/// Reads of calm rooms in one pass: half of the limit, spread over its window, without the pass' own request.
fn calm_share(limit: u64, interval: Duration) -> u64 {
    let share = u128::from(limit / 2) * interval.as_millis() / RATE_WINDOW.as_millis();
    u64::try_from(share).unwrap_or(u64::MAX).saturating_sub(OVERHEAD).max(1)
}

/// How far complete reads of one room are apart at most, as planned for so many rooms.
pub(super) fn planned_window(rooms: usize, interval: Duration) -> Duration {
    let share = calm_share(USUAL_LIMIT, interval);
    let passes = (rooms.max(1) as u64).div_ceil(share) + 1;
    pace(interval).saturating_mul(u32::try_from(passes).unwrap_or(u32::MAX))
}

/// Half of the limit, a list and a read each time, allows no faster passes for long.
fn pace(interval: Duration) -> Duration {
    interval.max(RATE_WINDOW * 2 / u32::try_from(USUAL_LIMIT / 2).unwrap_or(u32::MAX))
}

/// A room that could be read now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) room: RoomId,
    /// Asked for: a delivery was answered 503, or somebody wants to know.
    pub(super) asked: bool,
    /// `GET /rooms` shows a difference, or the room was never read.
    pub(super) moved: bool,
    /// Since its last complete read; the longest of all where there was none.
    pub(super) stale: Duration,
    /// Requests that reading it takes.
    pub(super) cost: u64,
}

/// The rooms to read, in order. What is called for comes first, as far as the budget goes; calm rooms share what is left
/// of their part, at least a quarter of it, so that no busy room keeps a quiet one from being looked at.
/// In a pass that comes early, for a fast room, only those of them are read that have waited for a whole interval.
pub(super) fn plan(
    mut candidates: Vec<Candidate>,
    budget: Budget,
    interval: Duration,
    window: Duration,
    early: bool,
) -> Vec<RoomId> {
    candidates.sort_by(|a, b| b.asked.cmp(&a.asked).then(b.stale.cmp(&a.stale)).then(a.room.cmp(&b.room)));
    let urgent = |it: &Candidate| it.asked || it.moved || it.stale >= window;
    let mut left = budget.usable;
    let mut order = Vec::new();
    let mut spent = 0;
    let reserved = budget.calm.div_ceil(4);
    let calm_waits = candidates.iter().any(|it| !urgent(it));
    for it in candidates.iter().filter(|it| urgent(it)) {
        if left < it.cost + if calm_waits { reserved } else { 0 } {
            break;
        }
        left -= it.cost;
        spent += it.cost;
        order.push(it.room);
    }
    let mut calm = budget.calm.saturating_sub(spent).max(reserved).min(left);
    let due = |it: &&Candidate| !urgent(it) && (!early || it.stale >= interval);
    for it in candidates.iter().filter(due) {
        if calm < it.cost {
            break;
        }
        calm -= it.cost;
        order.push(it.room);
    }
    order
}

/// A room whose access was lost is worth a request.
pub(super) fn try_again(lost_for: Duration, listed: bool, interval: Duration) -> bool {
    listed || lost_for >= interval.saturating_mul(LOST_INTERVALS)
}

/// How long to wait after a pass that took `cost` requests. `fastest_room`: messages and the time in which they came.
pub(super) fn wait(
    limits: Option<Limits>,
    now: UtcMillis,
    interval: Duration,
    cost: u64,
    fastest_room: Option<(u64, Duration)>,
) -> Duration {
    let by_speed = match fastest_room {
        Some((messages, within)) if messages > 0 => {
            let seconds = within.as_secs_f64() * COMFORTABLE as f64 / messages as f64;
            Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)).max(FASTEST.min(interval))
        }
        _ => interval,
    };
    let wanted = interval.min(by_speed);
    let Some(limits) = limits.filter(|it| it.reset > now) else { return wanted };
    if limits.remaining >= limits.limit / 2 {
        return wanted;
    }
    // Little is left: it is spread over the rest of the window.
    let usable = limits.remaining.saturating_sub(limits.limit / 4);
    let rest = limits.reset.since(now);
    if usable < cost {
        return rest.max(wanted);
    }
    wanted.max(rest.mul_f64(cost.max(1) as f64 / usable as f64).min(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMillis = UtcMillis(1_795_395_600_000);
    const INTERVAL: Duration = Duration::from_secs(30);

    fn limits(remaining: u64, reset_in: u64) -> Option<Limits> {
        Some(Limits { limit: 300, remaining, reset: NOW.plus(Duration::from_secs(reset_in)) })
    }

    fn room(id: u64, stale: u64, moved: bool) -> Candidate {
        Candidate { room: RoomId(id), asked: false, moved, stale: Duration::from_secs(stale), cost: 1 }
    }

    fn ids(order: Vec<RoomId>) -> Vec<u64> {
        order.into_iter().map(|it| it.0).collect()
    }

    #[test]
    fn a_quarter_of_the_limit_is_left_for_the_sender() {
        assert_eq!(budget(None, NOW, INTERVAL), Budget { usable: 225, calm: 14 });
        assert_eq!(budget(limits(100, 60), NOW, INTERVAL), Budget { usable: 25, calm: 14 });
        assert_eq!(budget(limits(75, 60), NOW, INTERVAL), Budget { usable: 0, calm: 0 });
        // A window that is over says nothing any more.
        assert_eq!(budget(limits(0, 0), NOW, INTERVAL).usable, 225);
    }

    #[test]
    fn planned_windows_grow_with_the_number_of_rooms() {
        let window = |rooms| planned_window(rooms, INTERVAL).as_secs();
        assert_eq!([window(1), window(14), window(15), window(50), window(1000)], [60, 60, 90, 150, 2190]);
    }

    #[test]
    fn what_moved_comes_first_and_the_calm_are_not_starved() {
        let mut rooms: Vec<Candidate> = (1..=20).map(|id| room(id, 30 + id, false)).collect();
        rooms.extend((101..=130).map(|id| room(id, 30, true)));
        let budget = Budget { usable: 225, calm: 14 };
        let order = ids(plan(rooms.clone(), budget, INTERVAL, Duration::from_secs(600), false));
        assert_eq!(order[..30], (101..=130).collect::<Vec<u64>>()[..]);
        // The longest unread of the calm ones.
        assert_eq!(order[30..], [20, 19, 18, 17]);
        let tight = Budget { usable: 10, calm: 9 };
        let order = ids(plan(rooms, tight, INTERVAL, Duration::from_secs(600), false));
        assert_eq!(order, [101, 102, 103, 104, 105, 106, 107, 20, 19, 18]);
    }

    #[test]
    fn an_early_pass_is_for_the_fast_rooms_alone() {
        let rooms = vec![room(1, 5, false), room(2, 5, true), room(3, 30, false)];
        let budget = Budget { usable: 225, calm: 14 };
        let window = Duration::from_secs(60);
        assert_eq!(ids(plan(rooms.clone(), budget, INTERVAL, window, true)), [2, 3]);
        assert_eq!(ids(plan(rooms, budget, INTERVAL, window, false)), [2, 3, 1]);
    }

    #[test]
    fn a_fast_room_hastens_and_a_small_rest_slows() {
        let within = Duration::from_secs(30);
        assert_eq!(wait(limits(290, 200), NOW, INTERVAL, 3, None), INTERVAL);
        assert_eq!(wait(limits(290, 200), NOW, INTERVAL, 3, Some((10, within))), INTERVAL);
        assert_eq!(wait(limits(290, 200), NOW, INTERVAL, 3, Some((100, within))), Duration::from_secs(15));
        assert_eq!(wait(limits(290, 200), NOW, INTERVAL, 3, Some((9000, within))), FASTEST);
        assert_eq!(wait(limits(85, 200), NOW, INTERVAL, 3, None), Duration::from_secs(60));
        assert_eq!(wait(limits(75, 200), NOW, INTERVAL, 3, None), Duration::from_secs(200));
    }
}
