//! Reads one value of each type that a setting can have.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::cases::{OutsideContact, RoomContract};
use crate::domain::{AccountId, RoomId};

use super::layers::Raw;
use super::settings::{ControlRoom, LogFormat, MirrorRooms, Mode, OnWithdrawal, QuietDays, QuietHours};

/// Longest span of time that a setting may have: ten years.
const MAX_SPAN: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// Completes 「…を書いてください」 and "make it …".
    const EXPECTED: (&'static str, &'static str);

    fn read(raw: &Raw) -> Option<Self>;
}

fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Env(text) | Raw::Text(text) => Some(text.trim()),
        _ => None,
    }
}

impl Value for String {
    const EXPECTED: (&'static str, &'static str) = ("引用符で囲んだ文字列", "a text in quotes");

    fn read(raw: &Raw) -> Option<Self> {
        text(raw).map(str::to_owned)
    }
}

impl Value for bool {
    const EXPECTED: (&'static str, &'static str) = ("true か false", "true or false");

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Bool(it) => Some(*it),
            Raw::Env(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Value for u64 {
    const EXPECTED: (&'static str, &'static str) = ("0 以上の整数", "a whole number, 0 or more");

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Integer(it) => (*it).try_into().ok(),
            Raw::Env(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// Items of a list; a text from the environment is split at its commas.
fn items(raw: &Raw) -> Option<Vec<Raw>> {
    match raw {
        Raw::List(items) => Some(items.clone()),
        Raw::Env(text) if text.trim().is_empty() => Some(Vec::new()),
        Raw::Env(text) => Some(text.split(',').map(|it| Raw::Env(it.trim().to_owned())).collect()),
        _ => None,
    }
}

impl Value for Vec<String> {
    const EXPECTED: (&'static str, &'static str) = ("文字列のリスト", "a list of texts");

    fn read(raw: &Raw) -> Option<Self> {
        items(raw)?.iter().map(|it| String::read(it).filter(|it| !it.is_empty())).collect()
    }
}

impl Value for AccountId {
    const EXPECTED: (&'static str, &'static str) = ("アカウントID（数字）", "an account id (a number)");

    fn read(raw: &Raw) -> Option<Self> {
        u64::read(raw).filter(|it| *it > 0).map(Self)
    }
}

impl Value for Vec<AccountId> {
    const EXPECTED: (&'static str, &'static str) = (
        "アカウントID（数字）のリスト（例: [111, 222]）",
        "a list of account ids (numbers), e.g. [111, 222]",
    );

    fn read(raw: &Raw) -> Option<Self> {
        items(raw)?.iter().map(AccountId::read).collect()
    }
}

impl Value for RoomId {
    const EXPECTED: (&'static str, &'static str) = (
        "ルームID（ルームのURLの #!rid の後の数字）",
        "a room id (the number after #!rid in the room's address)",
    );

    fn read(raw: &Raw) -> Option<Self> {
        u64::read(raw).filter(|it| *it > 0).map(Self)
    }
}

impl Value for Duration {
    const EXPECTED: (&'static str, &'static str) = (
        "単位つきの時間（例: \"90s\"、\"5m\"、\"12h\"、\"2d\"）",
        "a span of time with its unit, e.g. \"90s\", \"5m\", \"12h\", \"2d\"",
    );

    fn read(raw: &Raw) -> Option<Self> {
        let text = text(raw)?;
        // Months and years have no fixed length; "0" alone has no unit.
        let span: Span = text.parse().ok()?;
        let span: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        Self::try_from(span).ok().filter(|it| *it <= MAX_SPAN)
    }
}

impl Value for SocketAddr {
    const EXPECTED: (&'static str, &'static str) =
        ("ポートつきのアドレス（例: \"127.0.0.1:8787\"）", "an address with a port, e.g. \"127.0.0.1:8787\"");

    fn read(raw: &Raw) -> Option<Self> {
        text(raw)?.parse().ok()
    }
}

impl Value for Mode {
    const EXPECTED: (&'static str, &'static str) = (
        "\"observe\"、\"suggest\"、\"approve\"、\"auto\" のどれか",
        "one of \"observe\", \"suggest\", \"approve\", \"auto\"",
    );

    fn read(raw: &Raw) -> Option<Self> {
        match text(raw)? {
            "observe" => Some(Self::Observe),
            "suggest" => Some(Self::Suggest),
            "approve" => Some(Self::Approve),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
}

impl Value for MirrorRooms {
    const EXPECTED: (&'static str, &'static str) = ("\"listed\" か \"all\"", "\"listed\" or \"all\"");

    fn read(raw: &Raw) -> Option<Self> {
        match text(raw)? {
            "listed" => Some(Self::Listed),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

impl Value for LogFormat {
    const EXPECTED: (&'static str, &'static str) = ("\"human\" か \"json\"", "\"human\" or \"json\"");

    fn read(raw: &Raw) -> Option<Self> {
        match text(raw)? {
            "human" => Some(Self::Human),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl Value for ControlRoom {
    const EXPECTED: (&'static str, &'static str) = ("\"my\" かルームID", "\"my\" or a room id");

    fn read(raw: &Raw) -> Option<Self> {
        if text(raw) == Some("my") {
            return Some(Self::My);
        }
        RoomId::read(raw).map(Self::Room)
    }
}

impl Value for Option<QuietHours> {
    const EXPECTED: (&'static str, &'static str) = (
        "2つの時刻（例: \"22:00-07:00\"）か、なしなら \"\" ",
        "two times of day, e.g. \"22:00-07:00\", or \"\" for none",
    );

    fn read(raw: &Raw) -> Option<Self> {
        let text = text(raw)?;
        if text.is_empty() { Some(None) } else { QuietHours::parse(text).map(Some) }
    }
}

impl Value for QuietDays {
    const EXPECTED: (&'static str, &'static str) = (
        "\"weekends\" と \"holidays\" のリストか、なしなら [] ",
        "a list of \"weekends\" and \"holidays\", or [] for none",
    );

    fn read(raw: &Raw) -> Option<Self> {
        let mut days = Self::default();
        for name in Vec::<String>::read(raw)? {
            match name.as_str() {
                "weekends" => days.weekends = true,
                "holidays" => days.holidays = true,
                _ => return None,
            }
        }
        Some(days)
    }
}

impl Value for OnWithdrawal {
    const EXPECTED: (&'static str, &'static str) =
        ("\"leave\"、\"edit\"、\"delete\" のどれか", "one of \"leave\", \"edit\", \"delete\"");

    fn read(raw: &Raw) -> Option<Self> {
        match text(raw)? {
            "leave" => Some(Self::Leave),
            "edit" => Some(Self::Edit),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

impl Value for RoomContract {
    const EXPECTED: (&'static str, &'static str) = (
        "\"unknown\"、\"none\"、\"contracted\"、\"escrowed\"、\"ended\" のどれか",
        "one of \"unknown\", \"none\", \"contracted\", \"escrowed\", \"ended\"",
    );

    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(text(raw)?)
    }
}

impl Value for OutsideContact {
    const EXPECTED: (&'static str, &'static str) = (
        "\"unknown\"、\"applied\"、\"approved\"、\"refused\" のどれか",
        "one of \"unknown\", \"applied\", \"approved\", \"refused\"",
    );

    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(text(raw)?)
    }
}

/// Something that holds for one client.
fn of_client<T: Value>(text: &str) -> Option<(AccountId, T)> {
    let (account, value) = text.split_once('=')?;
    let raw = |text: &str| Raw::Env(text.trim().to_owned());
    Some((AccountId::read(&raw(account))?, T::read(&raw(value))?))
}

impl Value for Vec<(AccountId, u64)> {
    const EXPECTED: (&'static str, &'static str) =
        ("アカウントと数のリスト（例: [\"111=97\"]）", "a list of accounts with a number, e.g. [\"111=97\"]");

    fn read(raw: &Raw) -> Option<Self> {
        Vec::<String>::read(raw)?.iter().map(|it| of_client(it)).collect()
    }
}

impl Value for Vec<(AccountId, String)> {
    const EXPECTED: (&'static str, &'static str) = (
        "アカウントと言い回しのリスト（例: [\"111=いつもの件\"]）",
        "a list of accounts with a phrase, e.g. [\"111=いつもの件\"]",
    );

    fn read(raw: &Raw) -> Option<Self> {
        Vec::<String>::read(raw)?.iter().map(|it| of_client(it)).collect()
    }
}

/// A client with the mode that holds for him.
impl Value for Vec<(AccountId, Mode)> {
    const EXPECTED: (&'static str, &'static str) = (
        "アカウントとモードのリスト（例: [\"111=observe\", \"222=approve\"]）",
        "a list of accounts with a mode, e.g. [\"111=observe\", \"222=approve\"]",
    );

    fn read(raw: &Raw) -> Option<Self> {
        Vec::<String>::read(raw)?.iter().map(|it| of_client(it)).collect()
    }
}
