//! A read beside what the archive has: what it shows becomes observations, what it no longer shows is told apart. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::chatwork::api::{MessagePage, Read};
use crate::chatwork::notation;
use crate::chatwork::wire::ApiMessage;
use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId, UtcMillis};
use crate::ledger::{Identity, Observation};
use crate::store::KnownMessage;

use super::as_read;

/// Chatwork shows so many messages at most, the newest.
pub(super) const WINDOW: usize = 100;

/// Messages of the archive that one read is compared with at most, the newest of its span. An answer that shows far less
/// than the archive has is gone through in steps.
pub(super) const COMPARED: usize = 2 * WINDOW;

/// What is known of a room before it is read.
#[derive(Default)]
pub(super) struct Before {
    /// The archive's messages of the span that should still be there.
    pub(super) known: Vec<KnownMessage>,
    /// Messages that stand as missing, each with the entry that said so.
    pub(super) missing: BTreeMap<MessageId, EntryIndex>,
    /// Messages that were absent from the complete read before.
    pub(super) absent: BTreeSet<MessageId>,
}

/// What a read says.
pub(super) struct Compared {
    pub(super) observations: Vec<Observation>,
    /// Absent now; absent once more, they are missing.
    pub(super) absent: BTreeSet<MessageId>,
    /// Absent twice in a row.
    pub(super) missing: Vec<MessageId>,
}

/// The stretch of the room that an answer covers.
pub(super) struct Span {
    /// All messages of the room were shown.
    pub(super) whole: bool,
    /// As many as one answer holds.
    full: bool,
    pub(super) oldest: Option<(UtcMillis, MessageId)>,
    pub(super) newest: Option<MessageId>,
    /// Messages after the newest of the read before.
    pub(super) fresh: usize,
    /// Every element told its id, and the plan hid nothing: what is not there is absent.
    sure: bool,
    shown: BTreeSet<MessageId>,
}

/// An element that is not a message as documented may still say which one it is.
#[derive(Deserialize)]
struct OnlyId {
    message_id: MessageId,
}

impl Span {
    pub(super) fn of(page: &MessagePage, reached: Option<&MessageId>) -> Self {
        let broken: Vec<Option<MessageId>> = page
            .unreadable
            .iter()
            .map(|raw| serde_json::from_str::<OnlyId>(raw).ok().map(|it| it.message_id))
            .collect();
        let shown: BTreeSet<MessageId> = page
            .messages
            .iter()
            .map(|it| it.value.message_id)
            .chain(broken.iter().flatten().cloned())
            .collect();
        let oldest = page.messages.iter().min_by(|a, b| a.value.message_id.cmp(&b.value.message_id));
        let full = page.messages.len() + broken.len() >= WINDOW;
        Self {
            whole: !full && !page.limited,
            full,
            oldest: oldest.map(|it| (it.value.send_time, it.value.message_id)),
            newest: shown.last().cloned(),
            fresh: shown.iter().filter(|id| reached.is_none_or(|reached| *id > reached)).count(),
            sure: !page.limited && broken.iter().all(Option::is_some),
            shown,
        }
    }

    /// Nothing ties this read to the one before, which reached so far (`None`: the room was empty): a full answer, all of
    /// it newer.
    pub(super) fn overflows(&self, reached: Option<&MessageId>) -> bool {
        self.full && self.shown.first().is_some_and(|oldest| reached.is_none_or(|reached| oldest > reached))
    }

    /// The send time from which on the archive's messages are to be compared.
    pub(super) fn since(&self) -> UtcMillis {
        match &self.oldest {
            Some((at, _)) if !self.whole => *at,
            _ => UtcMillis(i64::MIN),
        }
    }

    fn covers(&self, message: &MessageId) -> bool {
        self.whole || self.oldest.as_ref().is_some_and(|(_, oldest)| message >= oldest)
    }
}

/// Messages that were first seen after `asked_at` may be too young for the answer.
pub(super) fn compare(
    room: RoomId,
    page: &MessagePage,
    span: &Span,
    before: &Before,
    asked_at: UtcMillis,
) -> Compared {
    let mut observations: Vec<Observation> = page
        .messages
        .iter()
        .map(|it| {
            // Known by reading already: only another channel makes its return an entry.
            let channel = match before.missing.get(&it.value.message_id) {
                Some(n) => format!("{CHANNEL}.again:{n}"),
                None => CHANNEL.to_owned(),
            };
            observation(room, it, channel)
        })
        .collect();
    observations.extend(page.unreadable.iter().map(|raw| unreadable(room, raw)));
    let absent: BTreeSet<MessageId> = before
        .known
        .iter()
        .filter(|it| span.sure && it.first_seen < asked_at)
        .filter(|it| span.covers(&it.message) && !span.shown.contains(&it.message))
        .map(|it| it.message)
        .collect();
    let missing = absent.intersection(&before.absent).cloned().collect();
    Compared { observations, absent, missing }
}

/// By reading: the source and way of an observation.
pub(super) const CHANNEL: &str = "poll";

/// A message as it was read; whether it is new, another version or known, the append finds out.
pub(super) fn observation(room: RoomId, read: &Read<ApiMessage>, channel: String) -> Observation {
    let message = &read.value;
    let deleted = notation::is_deleted(&message.body);
    let kind = if deleted { EntryKind::MessageDeletedReported } else { EntryKind::MessageCreated };
    Observation {
        message: Some(message.message_id),
        source_time: Some(message.update_time.unwrap_or(message.send_time)),
        identity: Some(Identity { update_time: message.update_time, body: message.body.clone(), channel }),
        ..as_read(kind, room, read.raw.as_bytes())
    }
}

/// Kept as it came, once: a later version may be able to read it.
fn unreadable(room: RoomId, raw: &str) -> Observation {
    as_read(EntryKind::Undecodable, room, raw.as_bytes()).once(format!("unreadable:{room}:{raw}"))
}

#[cfg(test)]
mod tests;
