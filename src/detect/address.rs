//! Whom a message in a group is addressed to, as far as its words and the talk before show it.
//!
//! The worker's account is not part of the input, so this looks for signs that the addressee is somebody else.

use crate::detect::own::{Own, own};
use crate::domain::{ContextMessage, Role, RoomType};

/// Titles, departments and kinds of company that an outside worker is not addressed by.
const INSIDE: [&str; 20] = [
    "店長",
    "社長",
    "部長",
    "課長",
    "係長",
    "主任",
    "専務",
    "常務",
    "本部",
    "広報",
    "経理",
    "総務",
    "人事",
    "営業",
    "開発部",
    "事務所",
    "会社",
    "メーカー",
    "ちゃん",
    "チーム",
];

/// The addressee of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nobody by name, or the worker as far as can be seen.
    Open,
    /// Several people, one of whom may be the worker.
    Many,
    /// Somebody else.
    Other,
}

pub(crate) fn address(room: RoomType, own: &Own, context: &[ContextMessage]) -> Address {
    if room == RoomType::Direct || own.to_all || own.to.is_empty() {
        return Address::Open;
    }
    let elsewhere = own.to.iter().filter(|(id, name)| is_elsewhere(*id, name, context)).count();
    match (elsewhere, own.to.len()) {
        (0, 1) => Address::Open,
        (all, people) if all == people => Address::Other,
        _ => Address::Many,
    }
}

fn is_elsewhere(id: u64, name: &str, context: &[ContextMessage]) -> bool {
    if INSIDE.iter().any(|inside| name.contains(inside)) {
        return true;
    }
    let family: String = family_name(name);
    context.iter().any(|message| match message.sender_role {
        // The worker does not address himself.
        Role::Worker => own(&message.body).to.iter().any(|(to, _)| *to == id),
        Role::Other | Role::Client => !family.is_empty() && introduces(&message.body, &family),
        Role::Bot => false,
    })
}

/// The last word of what stands after the mention, without the honorific.
fn family_name(name: &str) -> String {
    let name = name.trim().trim_end_matches(|c: char| c.is_whitespace());
    let name = ["さん", "さま", "様", "くん", "君", "氏", "先生"]
        .iter()
        .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name).trim_end());
    name.rsplit([' ', '　']).next().unwrap_or_default().to_owned()
}

/// 「江口です」 at the start of a sentence.
fn introduces(body: &str, family: &str) -> bool {
    body.match_indices(family).any(|(at, _)| {
        let rest = &body[at + family.len()..];
        ["です", "と申します", "でございます"].iter().any(|end| rest.starts_with(end))
    })
}
