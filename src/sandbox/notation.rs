//! The little of Chatwork's notation that the platform itself acts on: mentions, replies, and the bodies it writes.

use std::collections::BTreeSet;

/// Whom a body mentions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    pub(crate) accounts: BTreeSet<u64>,
    pub(crate) all: bool,
}

/// `[To:…]`, `[rp aid=…]` and `[toall]` outside `[code]…[/code]`, in which nothing is interpreted.
pub(crate) fn mentions(body: &str) -> Mentions {
    let mut found = Mentions::default();
    for text in outside_code(body) {
        found.accounts.extend(tags(text, "[To:").filter_map(|inner| inner.parse::<u64>().ok()));
        found.accounts.extend(
            tags(text, "[rp aid=")
                .filter_map(|inner| inner.split(' ').next().and_then(|id| id.parse::<u64>().ok())),
        );
        found.all |= text.contains("[toall]");
    }
    found
}

/// True when the body replies to that message.
pub(crate) fn replies_to(body: &str, room: u64, message: u64) -> bool {
    let wanted = format!("to={room}-{message}");
    outside_code(body)
        .into_iter()
        .flat_map(|text| tags(text, "[rp aid="))
        .any(|inner| inner.split(' ').any(|word| word == wanted))
}

/// What stands between `opening` and the next `]`, for each occurrence.
fn tags<'a>(text: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(opening).skip(1).filter_map(|rest| rest.split_once(']').map(|(inner, _)| inner))
}

/// The parts of a body outside closed `[code]` blocks; an unclosed one is text.
fn outside_code(body: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("[code]") {
        let Some((_, after)) = after.split_once("[/code]") else { break };
        parts.push(before);
        rest = after;
    }
    parts.push(rest);
    parts
}

pub(crate) fn member_added(account: u64) -> String {
    format!(
        "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:{account}][dtext:chatroom_added][/info]"
    )
}

pub(crate) fn member_removed(account: u64) -> String {
    format!(
        "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:{account}][dtext:chatroom_deleted][/info]"
    )
}

pub(crate) fn member_left(account: u64) -> String {
    format!("[info][dtext:chatroom_member_is][piconname:{account}][dtext:chatroom_leaved][/info]")
}

pub(crate) fn member_role_changed(account: u64) -> String {
    format!(
        "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:{account}][dtext:chatroom_priv_changed][/info]"
    )
}

pub(crate) fn room_renamed(name: &str) -> String {
    format!(
        "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_chatname_is]{name}[dtext:chatroom_changed][/info]"
    )
}

pub(crate) fn room_described(description: &str) -> String {
    format!(
        "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_description_is]{description}[dtext:chatroom_changed][/info]"
    )
}

/// `event` is the key of the heading: `task_added`, `task_edited`, `task_done` or `task_reverted`.
pub(crate) fn task(
    event: &str,
    assignee: u64,
    status: &str,
    limit: i64,
    limit_type: &str,
    body: &str,
) -> String {
    format!(
        "[info][title][dtext:{event}][/title][task aid={assignee} st={status} lt={limit} ltype={limit_type}]{body}[/task][/info]"
    )
}

/// A caption typed with the upload precedes the frame.
pub(crate) fn file_uploaded(file: u64, name: &str, n_bytes: usize, caption: &str) -> String {
    let size = size_text(n_bytes);
    let line_feed = if caption.is_empty() { "" } else { "\n" };
    format!(
        "{caption}{line_feed}[info][title][dtext:file_uploaded][/title][download:{file}]{name} ({size})[/download][/info]"
    )
}

fn size_text(n_bytes: usize) -> String {
    let n_bytes = n_bytes as f64;
    if n_bytes < 1_024.0 {
        format!("{n_bytes} B")
    } else if n_bytes < 1_024.0 * 1_024.0 {
        format!("{:.1} KB", n_bytes / 1_024.0)
    } else {
        format!("{:.1} MB", n_bytes / (1_024.0 * 1_024.0))
    }
}
