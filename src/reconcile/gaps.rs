//! Holes: spans in which messages could have come, changed and gone unseen. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{EntryKind, MessageId, RoomId, UtcMillis};
use crate::ledger::Observation;

use super::compare::Span;

/// Why nobody looked; the first that applies names the hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The room could not be read: removed from it, or it is gone.
    AccessLost,
    /// The wall clock moved on and the machine did not.
    Sleep,
    /// The program did not run.
    Downtime,
    /// Chatwork's rate limit.
    RateLimited,
    /// Chatwork could not be reached.
    Unreachable,
    /// Chatwork's answer could not be read.
    Unreadable,
}

impl Cause {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AccessLost => "access_lost",
            Self::Sleep => "sleep",
            Self::Downtime => "downtime",
            Self::RateLimited => "rate_limited",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
        }
    }

    /// A span of these is a hole as soon as it is longer than the ordinary time between two passes: something is known
    /// to have kept the program from looking.
    fn stops_the_watch(self) -> bool {
        matches!(self, Self::AccessLost | Self::Sleep | Self::Downtime)
    }
}

/// Kinds of holes that no cause names.
pub(super) const OVERFLOW: &str = "overflow";
pub(super) const BEFORE_WATCH: &str = "before_watch";
const LATE: &str = "late";

/// When each cause was last at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes(BTreeMap<Cause, UtcMillis>);

impl Causes {
    pub(super) fn note(&mut self, cause: Cause, at: UtcMillis) {
        let last = self.0.entry(cause).or_insert(at);
        *last = (*last).max(at);
    }

    /// These and those of one room.
    pub(super) fn with(&self, own: &Self) -> Self {
        let mut all = self.clone();
        own.0.iter().for_each(|(cause, at)| all.note(*cause, *at));
        all
    }

    /// Those at work after `since`.
    fn since(&self, since: UtcMillis) -> impl Iterator<Item = Cause> {
        self.0.iter().filter(move |(_, at)| **at > since).map(|(cause, _)| *cause)
    }
}

/// Spans of the ordinary watch over one room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two passes.
    pub(super) interval: Duration,
    /// Between two complete reads of one room, as planned.
    pub(super) window: Duration,
}

impl Pace {
    /// Longer than this between two complete reads is a hole whatever the reason: the declared window.
    pub(super) fn declared(self) -> Duration {
        self.window * 2 + Duration::from_secs(15)
    }
}

/// Content of `gap.found`.
#[derive(Serialize)]
struct Gap<'a> {
    kind: &'static str,
    /// Absent: from before the room was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    to: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'static str>,
    /// The hole lies between these two messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_message: Option<&'a MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_message: Option<&'a MessageId>,
}

/// What kept the room from being read between two reads, if the time was too long.
pub(super) fn too_long(
    causes: &Causes,
    read_at: UtcMillis,
    elapsed: Duration,
    pace: Pace,
) -> Option<Vec<Cause>> {
    let causes: Vec<Cause> = causes.since(read_at).collect();
    let bound = match causes.first() {
        Some(Cause::AccessLost) => Duration::ZERO,
        Some(it) if it.stops_the_watch() => pace.interval,
        Some(_) => pace.window,
        None => pace.declared(),
    };
    (elapsed > bound).then_some(causes)
}

/// The hole between two complete reads.
pub(super) fn between(room: RoomId, causes: &[Cause], from: UtcMillis, to: UtcMillis) -> Observation {
    let kind = causes.first().map_or(LATE, |it| it.as_str());
    let causes = causes.iter().map(|it| it.as_str()).collect();
    gap(
        room,
        Gap {
            kind,
            from: Some(from.to_string()),
            to: to.to_string(),
            causes,
            after_message: None,
            before_message: None,
        },
    )
}

/// More messages came between two reads than one read shows.
pub(super) fn overflow(
    room: RoomId,
    read_at: UtcMillis,
    reached: Option<&MessageId>,
    span: &Span,
) -> Observation {
    let to = span.oldest.as_ref().map_or(read_at, |(at, _)| (*at).max(read_at));
    gap(
        room,
        Gap {
            kind: OVERFLOW,
            from: Some(read_at.to_string()),
            to: to.to_string(),
            causes: Vec::new(),
            after_message: reached,
            before_message: span.oldest.as_ref().map(|(_, id)| id),
        },
    )
}

/// At first contact: older messages of the room that the first read does not show.
pub(super) fn before_watch(room: RoomId, now: UtcMillis, span: &Span) -> Observation {
    let to = span.oldest.as_ref().map_or(now, |(at, _)| *at);
    let before_message = span.oldest.as_ref().map(|(_, id)| id);
    gap(
        room,
        Gap {
            kind: BEFORE_WATCH,
            from: None,
            to: to.to_string(),
            causes: Vec::new(),
            after_message: None,
            before_message,
        },
    )
}

fn gap(room: RoomId, content: Gap<'_>) -> Observation {
    let from = content.from.as_deref().unwrap_or("-");
    let key = format!("gap:{room}:{}:{from}:{}", content.kind, content.to);
    // Our own struct of strings always serialises.
    let value = serde_json::to_value(&content).unwrap_or_default();
    Observation::system(EntryKind::GapFound, &value).about(room, None).once(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UtcMillis = UtcMillis(1_795_395_600_000);
    const PACE: Pace = Pace { interval: Duration::from_secs(30), window: Duration::from_secs(60) };

    fn after(seconds: u64, causes: &[(Cause, u64)]) -> Option<Vec<Cause>> {
        let mut noted = Causes::default();
        for (cause, at) in causes {
            noted.note(*cause, AT.plus(Duration::from_secs(*at)));
        }
        too_long(&noted, AT, Duration::from_secs(seconds), PACE)
    }

    #[test]
    fn the_bound_depends_on_what_is_known_of_the_reason() {
        assert_eq!(after(135, &[]), None);
        assert_eq!(after(136, &[]), Some(vec![]));
        assert_eq!(after(60, &[(Cause::RateLimited, 20)]), None);
        assert_eq!(after(61, &[(Cause::RateLimited, 20)]), Some(vec![Cause::RateLimited]));
        assert_eq!(after(30, &[(Cause::Downtime, 20)]), None);
        assert_eq!(after(31, &[(Cause::Downtime, 20)]), Some(vec![Cause::Downtime]));
        assert_eq!(after(1, &[(Cause::AccessLost, 1)]), Some(vec![Cause::AccessLost]));
        // The gravest names the hole, the others stand beside it.
        let both = after(4000, &[(Cause::Unreachable, 9), (Cause::Sleep, 3600)]);
        assert_eq!(both, Some(vec![Cause::Sleep, Cause::Unreachable]));
    }

    #[test]
    fn what_was_over_before_the_last_read_is_no_reason() {
        let mut causes = Causes::default();
        causes.note(Cause::Downtime, UtcMillis(AT.0 - 1));
        assert_eq!(too_long(&causes, AT, Duration::from_secs(61), PACE), None);
    }
}
