//! What the casebook asks of the outbox and of the labels of a message. Pure.

use crate::domain::{CaseId, EntryIndex, Label, Labels, MessageId, Tier};
use crate::reply::template::{NoteKind, OffPlatform};
use crate::store::{OutboxRow, OutboxState, Purpose};

/// A reminder of the case is in the room, may be, or is on its way; one that waits for an older text of `message` is
/// taken over by what is decided now. Read after the case itself: the sender may move both in between, but a row never
/// leaves this list.
pub(super) fn has_reminder(replies: &[OutboxRow], case: CaseId, message: &MessageId) -> bool {
    reminders(replies).any(|row| row.case == Some(case) && !is_taken_over(row, message))
}

/// This very message was answered, or may have been.
pub(super) fn answered(replies: &[OutboxRow], message: &MessageId) -> bool {
    reminders(replies).any(|row| {
        row.request.as_ref().is_some_and(|request| request.message == *message)
            && !is_taken_over(row, message)
    })
}

fn reminders(replies: &[OutboxRow]) -> impl Iterator<Item = &OutboxRow> {
    replies.iter().filter(|row| row.purpose == Purpose::Reminder && row.state != OutboxState::Suppressed)
}

fn is_taken_over(row: &OutboxRow, message: &MessageId) -> bool {
    row.state == OutboxState::Waiting && row.request.as_ref().is_some_and(|it| it.message == *message)
}

pub(super) fn decision_key(n: EntryIndex, position: usize) -> String {
    format!("decide:{n}:{position}")
}

pub(super) fn tier_text(tier: Tier) -> &'static str {
    match tier {
        Tier::No => "no",
        Tier::Unsure => "unsure",
        Tier::Certain => "certain",
    }
}

/// Labels that the owner is told of, each with its own explanation.
pub(super) fn notable(labels: Labels, case: Option<CaseId>) -> Vec<(Label, NoteKind<'static>)> {
    let kind = |label| match label {
        Label::NewRequest => None,
        Label::StartBeforeEscrow => Some(NoteKind::StartBeforeEscrow),
        Label::OffPlatformPayment => Some(NoteKind::OffPlatform(OffPlatform::Payment)),
        Label::ContactExchange => Some(NoteKind::OffPlatform(OffPlatform::Contact)),
        Label::OffPlatformDelivery => Some(NoteKind::OffPlatform(OffPlatform::Delivery)),
        Label::ContractPosted => Some(NoteKind::ContractPosted),
        Label::EscrowClaimed => Some(NoteKind::EscrowClaimed { case }),
    };
    let set = Label::ALL.into_iter().filter(|label| labels.get(*label));
    set.filter_map(|label| Some((label, kind(label)?))).collect()
}
