//! What the casebook asks of a message or of the outbox. Pure.

use crate::domain::{CaseId, EntryIndex, Label, Labels, Tier};
use crate::reply::template::{NoteKind, OffPlatform};
use crate::store::{OutboxRow, OutboxState, Purpose};

/// A reminder of the case is in the room, may be, or is on its way. Read after the case itself: the sender may move both
/// in between, but a row never leaves this list.
pub(super) fn has_reminder(replies: &[OutboxRow], case: CaseId) -> bool {
    replies.iter().any(|row| {
        row.case == Some(case) && row.purpose == Purpose::Reminder && row.state != OutboxState::Suppressed
    })
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
pub(super) fn notable(labels: Labels) -> impl Iterator<Item = (Label, NoteKind<'static>)> {
    Label::ALL.into_iter().filter(move |label| labels.get(*label)).filter_map(|label| {
        let kind = match label {
            Label::NewRequest => return None,
            Label::StartBeforeEscrow => NoteKind::StartBeforeEscrow,
            Label::OffPlatformPayment => NoteKind::OffPlatform(OffPlatform::Payment),
            Label::ContactExchange => NoteKind::OffPlatform(OffPlatform::Contact),
            Label::OffPlatformDelivery => NoteKind::OffPlatform(OffPlatform::Delivery),
            Label::ContractPosted => NoteKind::ContractPosted,
            // The control room takes no commands yet, so none is offered.
            Label::EscrowClaimed => NoteKind::EscrowClaimed { case: None },
        };
        Some((label, kind))
    })
}

/// Words to everybody in a group: nobody in particular was asked.
pub(super) fn calls_everybody(text: &str) -> bool {
    const CALLS: [&str; 8] = [
        "どなたか",
        "どなたでも",
        "どなたが",
        "方いますか",
        "方いませんか",
        "方いらっしゃいますか",
        "方はいますか",
        "募ります",
    ];
    CALLS.iter().any(|call| text.contains(call))
}
