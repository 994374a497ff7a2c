//! Whom a message in a group is addressed to, as far as its words and the talk before show it.
//!
//! Where the worker's accounts are known that settles it; else this looks for signs of who the addressee is.

use crate::detect::own::{Own, own};
use crate::domain::{ContextMessage, Role, RoomType, SignalInput};

/// Titles, departments and kinds of company that an outside worker is not addressed by.
const INSIDE: [&str; 22] = [
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
    "社内",
    "工場",
];
/// What a name that is called ends with.
const CALLED: [&str; 12] =
    ["さん", "さま", "様", "くん", "君", "氏", "先生", "店長", "社長", "部長", "主任", "ちゃん"];
/// Letters of a name at most, with what stands before it and what it ends with: 「コーダーの白石さん」.
const NAME_MAX: usize = 14;
/// What follows a name that is spoken of, not called.
const PARTICLES: [&str; 15] =
    ["から", "の", "が", "は", "も", "と", "より", "って", "経由", "宛", "や", "を", "で", "か", "に"];

/// The addressee of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nobody by name, or the worker.
    Open,
    /// One person, and nothing tells whether it is the worker.
    Unknown,
    /// Several people, one of whom may be the worker.
    Many,
    /// Somebody else.
    Other,
}

/// `said`: the sender's own words from the first on.
pub(crate) fn address(input: &SignalInput<'_>, said: &str, own: &Own, context: &[ContextMessage]) -> Address {
    if input.room_type == RoomType::Direct || own.to_all {
        return Address::Open;
    }
    if own.to.is_empty() {
        return called(said, context, input.worker_names);
    }
    let known = !input.workers.is_empty();
    let is_worker = |id: u64| input.workers.iter().any(|it| it.0 == id);
    let elsewhere = own
        .to
        .iter()
        .filter(|(id, name)| if known { !is_worker(*id) } else { is_elsewhere(*id, name, context) })
        .count();
    match (elsewhere, own.to.len()) {
        (0, 1) if known || own.to.iter().any(|(id, _)| answers(*id, context)) => Address::Open,
        (0, 1) => Address::Unknown,
        (all, people) if all == people => Address::Other,
        _ => Address::Many,
    }
}

/// Who is called by name at the start, without a tag: 「戸崎さん、1/50も追加で1台お願いできますか」.
fn called(said: &str, context: &[ContextMessage], names: &[String]) -> Address {
    let Some((name, plain)) = call(said.trim_start()) else { return Address::Open };
    let family = family_name(name);
    if names.iter().any(|it| is_part_of(&family, it)) {
        return Address::Open;
    }
    let (mut worker, mut other) = (false, INSIDE.iter().any(|it| name.ends_with(it)) && plain);
    for message in context {
        let introduced = introduces(&message.body, &family);
        match message.sender_role {
            Role::Worker if introduced => worker = true,
            // The worker does not call himself.
            Role::Worker => other |= plain && message.body.contains(name),
            Role::Client | Role::Other => other |= introduced,
            Role::Bot => {}
        }
    }
    match (worker, other) {
        (true, _) => Address::Open,
        (false, true) => Address::Other,
        (false, false) if plain => Address::Unknown,
        (false, false) => Address::Open,
    }
}

/// The name at the start, and whether a stop behind it makes it a call for certain: 「戸崎さん、」. Without one,
/// 「児玉先生ご無沙汰」 and 「堀さんにお願い」 are calls where that person is in the talk; 「戸崎さんから聞いた」 is none.
fn call(said: &str) -> Option<(&str, bool)> {
    let stop = |c: char| "、,，\n 　!！".contains(c);
    // 「穂積です。三田村様、」: who writes, and then the call.
    let said = match said.split_once("です。") {
        Some((who, rest)) if who.chars().count() < NAME_MAX => rest.trim_start(),
        _ => said,
    };
    let start = said.char_indices().nth(NAME_MAX).map_or(said, |(at, _)| &said[..at]);
    let end = |(at, title): (usize, &str)| (at > 0).then_some(at + title.len());
    let end = CALLED.iter().flat_map(|title| start.match_indices(title)).filter_map(end).min()?;
    let (name, rest) = said.split_at_checked(end)?;
    // 店長さん is one title, and 、 stands between two people.
    let further = CALLED.iter().any(|title| rest.starts_with(title));
    if further || name.contains(stop) {
        return None;
    }
    let named_only = PARTICLES.iter().any(|it| rest.starts_with(it)) && !rest.starts_with("にお願いし");
    (!named_only).then(|| (name, rest.starts_with(stop)))
}

/// The worker spoke last, or right after a message to this account: it is his.
fn answers(id: u64, context: &[ContextMessage]) -> bool {
    let worker = |message: &ContextMessage| message.sender_role == Role::Worker;
    context.last().is_some_and(worker)
        || context.windows(2).any(|pair| {
            worker(&pair[1])
                && own(&pair[0].body).to.iter().all(|(to, _)| *to == id)
                && !own(&pair[0].body).to.is_empty()
        })
}

fn is_elsewhere(id: u64, name: &str, context: &[ContextMessage]) -> bool {
    // 衣裳室 is one, 大室 is somebody's name.
    let is_room = |part: &str| part.ends_with('室') && part.chars().count() > 2;
    if INSIDE.iter().any(|inside| name.contains(inside)) || name.split([' ', '　']).any(is_room) {
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
    let name = CALLED.iter().fold(name, |name, end| name.strip_suffix(end).unwrap_or(name).trim_end());
    // 白石 of 「コーダーの白石」; 一の瀬 is a name.
    let name = match name.rsplit_once('の') {
        Some((what, who)) if what.chars().count() > 1 && who.chars().count() > 1 => who,
        _ => name,
    };
    name.rsplit([' ', '　']).next().unwrap_or_default().to_owned()
}

/// 中村 in 「中村花子@ライター」 or 「ライター 中村」, not in 「田中村子」; 花子 in 「中村 花子」. One letter has to stand alone: 中 is
/// not 中村.
fn is_part_of(called: &str, name: &str) -> bool {
    let apart = |next: Option<char>| next.is_none_or(|c| !c.is_alphanumeric());
    let longer = called.chars().count() > 1;
    !called.is_empty()
        && name.match_indices(called).any(|(at, _)| {
            apart(name[..at].chars().next_back())
                && (longer || apart(name[at + called.len()..].chars().next()))
        })
}

/// 「江口です」 at the start of a sentence.
fn introduces(body: &str, family: &str) -> bool {
    body.match_indices(family).any(|(at, _)| {
        let rest = &body[at + family.len()..];
        ["です", "と申します", "でございます"].iter().any(|end| rest.starts_with(end))
    })
}
