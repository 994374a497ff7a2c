//! What a fresh read of the room says about a reply that is about to be posted. Pure.

use crate::chatwork::notation;
use crate::chatwork::wire::ApiMessage;
use crate::domain::{AccountId, MessageId};
use crate::store::RequestRef;

/// The read of a room holds this many messages at most.
const WINDOW: usize = 100;

/// What stands in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Our own text is there already.
    Ours(MessageId),
    /// Somebody answered the request with such a reminder.
    AnotherReminder,
    /// The owner wrote after the request.
    OwnerWrote,
    /// Nothing of the kind, and the read reaches back to the request: it is provably absent.
    Absent,
    /// Nothing of the kind, but the read does not reach back to the request.
    Unknown,
}

/// Whose posts are whose.
pub(super) struct Look<'a> {
    pub(super) owners: &'a [AccountId],
    /// The bot's earlier posts, which are not the owner's words.
    pub(super) ours: &'a [MessageId],
    /// The owner said that it shall be sent: that he wrote in between is no reason against it.
    pub(super) approved: bool,
}

/// Looks for an answer to `request`.
pub(super) fn look(
    messages: &[&ApiMessage],
    limited: bool,
    request: &RequestRef,
    text: &str,
    look: &Look<'_>,
) -> Found {
    let Look { owners, ours, approved } = *look;
    let after = || messages.iter().filter(|it| it.message_id > request.message);
    let by_owner = |it: &&&ApiMessage| owners.contains(&it.account.account_id);
    if let Some(it) = after().filter(by_owner).find(|it| same_text(&it.body, text)) {
        return Found::Ours(it.message_id);
    }
    if after().any(|it| is_reminder_for(it, request)) {
        return Found::AnotherReminder;
    }
    if !approved
        && after()
            .filter(by_owner)
            .any(|it| !ours.contains(&it.message_id) && !notation::is_deleted(&it.body))
    {
        return Found::OwnerWrote;
    }
    absent_or_unknown(messages, limited, request)
}

/// Looks for a further reply to `request`, which says nothing that another could have said in our place.
pub(super) fn look_after(messages: &[&ApiMessage], limited: bool, request: &RequestRef, text: &str) -> Found {
    match messages.iter().find(|it| it.message_id > request.message && same_text(&it.body, text)) {
        Some(it) => Found::Ours(it.message_id),
        None => absent_or_unknown(messages, limited, request),
    }
}

fn absent_or_unknown(messages: &[&ApiMessage], limited: bool, request: &RequestRef) -> Found {
    let whole = messages.len() < WINDOW && !limited;
    let reaches = messages.iter().any(|it| it.message_id <= request.message);
    if whole || reaches { Found::Absent } else { Found::Unknown }
}

/// Looks for a text that carries no reply tag (a note in the control room).
pub(super) fn look_for_text(messages: &[&ApiMessage], limited: bool, text: &str) -> Found {
    match messages.iter().find(|it| same_text(&it.body, text)) {
        Some(it) => Found::Ours(it.message_id),
        None if messages.len() < WINDOW && !limited => Found::Absent,
        None => Found::Unknown,
    }
}

/// The platform may trim the ends of a post and change its line feeds.
pub(super) fn same_text(a: &str, b: &str) -> bool {
    let lines = |text: &str| text.trim().replace("\r\n", "\n");
    lines(a) == lines(b)
}

/// An answer that says what a reminder says. After a restore nothing else tells the program's own post from the owner's words.
pub(super) fn reads_as_reminder(body: &str) -> bool {
    notation::parse(body).reply().is_some() && names_escrow(body)
}

fn names_escrow(body: &str) -> bool {
    let platform = ["クラウドワークス", "CrowdWorks", "crowdworks"].iter().any(|name| body.contains(name));
    platform && body.contains("仮払い")
}

/// A post by somebody else than the client that answers the request, or stands after it and answers nobody, and that
/// names the platform, its escrow and the asking for it: several writers of one room may each run a bot.
fn is_reminder_for(it: &ApiMessage, request: &RequestRef) -> bool {
    if it.account.account_id == request.account || notation::is_deleted(&it.body) {
        return false;
    }
    let parsed = notation::parse(&it.body);
    let answers = match parsed.reply() {
        Some(reply) => reply.room == request.room && reply.message == request.message,
        None => it.body.contains("お願い") && it.message_id > request.message,
    };
    answers && names_escrow(&it.body)
}
