//! Hands out settings by key and gathers what is wrong with them; what nobody asked for is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::{Layer, Place, Raw, Setting};
use super::problem::{Problem, Wording};
use super::value::Value;

/// Keys of a `[[room]]` block, which has no defaults of its own.
const ROOM_KEYS: &[&str] =
    &["id", "clients", "others", "bots", "client_modes", "opted_out", "contract", "outside_contact"];

/// Keys of `[reply]` that a room can set for itself; the others hold for all rooms together.
pub(super) const ROOM_REPLY_KEYS: &[&str] = &[
    "mode",
    "delay_seconds",
    "max_per_room_per_day",
    "max_age",
    "follow_ups",
    "owner_active",
    "quiet_hours",
    "automatic_line",
    "quiet_days",
    "notice",
    "witness",
    "on_withdrawal",
];

/// What counts as a request, in a room and for a client of it.
pub(super) const ROOM_DETECT_KEYS: &[&str] = &[
    "certain_percent",
    "unsure_percent",
    "allow",
    "deny",
    "client_certain_percent",
    "client_unsure_percent",
    "client_allow",
    "client_deny",
];

/// Hands out settings by key and gathers what is wrong with them.
pub(super) struct Reader {
    defaults: Layer,
    given: Layer,
    known: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(defaults: Layer, given: Layer, problems: Vec<Problem>) -> Self {
        let known = defaults.keys().map(str::to_owned).collect();
        Self { defaults, given, known, problems }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Where each `[[room]]` begins, by its number.
    pub(super) fn take_rooms(&mut self) -> BTreeMap<usize, Place> {
        std::mem::take(&mut self.given.rooms)
    }

    /// Whether file or environment say anything of it, right or wrong.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains(key)
    }

    pub(super) fn problem(&mut self, place: &Place, what: impl Into<Wording>, hint: impl Into<Wording>) {
        self.problems.push(Problem::new(place, what, hint));
    }

    /// Keeps the problem and goes on.
    pub(super) fn note<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// A setting that has no default, unread.
    pub(super) fn take_raw(&mut self, key: &str) -> Option<Setting> {
        self.given.take(key)
    }

    /// The value in force and where it stands; after a fault the default, so that reading can go on.
    pub(super) fn take_at<T: Value>(&mut self, key: &str) -> Option<(T, Place)> {
        let default = self.defaults.take(key);
        if let Some(found) = self.given_at(key) {
            return Some(found);
        }
        let value = default.as_ref().and_then(|it| T::read(&it.raw));
        if value.is_none() {
            let what =
                (format!("`{key}` に使える既定値がありません"), format!("`{key}` has no usable default"));
            let hint = ("プログラムの不具合です。お知らせください", "report this as a fault");
            self.problem(&Place::Default, what, hint);
        }
        value.map(|it| (it, Place::Default))
    }

    pub(super) fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        self.take_at(key).map(|(value, _)| value)
    }

    /// What file or environment say, if they say anything.
    pub(super) fn given_at<T: Value>(&mut self, key: &str) -> Option<(T, Place)> {
        let Setting { raw, place } = self.given.take(key)?;
        match T::read(&raw) {
            Some(value) => Some((value, place)),
            None => {
                let (name, (ja, en), (ja_expected, en_expected)) = (shown(key), raw.kind(), T::EXPECTED);
                let what = (format!("`{name}` が{ja}"), format!("`{name}` is {en}"));
                let hint = (format!("{ja_expected}を書いてください"), format!("make it {en_expected}"));
                self.problem(&place, what, hint);
                None
            }
        }
    }

    pub(super) fn given<T: Value>(&mut self, key: &str) -> Option<T> {
        self.given_at(key).map(|(value, _)| value)
    }

    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let (value, place) = self.take_at(key)?;
        self.check_range(key, value, &place, &range);
        Some(value)
    }

    pub(super) fn given_number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let (value, place) = self.given_at(key)?;
        self.check_range(key, value, &place, &range);
        Some(value)
    }

    fn check_range(&mut self, key: &str, value: u64, place: &Place, range: &RangeInclusive<u64>) {
        if !range.contains(&value) {
            let name = shown(key);
            let what = (format!("`{name}` が範囲の外です"), format!("`{name}` is out of range"));
            self.problem(place, what, within(range));
        }
    }

    pub(super) fn count(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u32> {
        // Out of range is noted already; the clamp only lets reading go on.
        self.number(key, range).map(|it| u32::try_from(it).unwrap_or(u32::MAX))
    }

    pub(super) fn seconds(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number(key, range).map(Duration::from_secs)
    }

    /// What is left was asked for by nobody.
    pub(super) fn refuse_rest(&mut self) {
        let begins = std::mem::take(&mut self.given.sections);
        let mut unknown = BTreeSet::new();
        for (key, Setting { raw, place }) in std::mem::take(&mut self.given).into_rest() {
            let section = key.split('.').next().unwrap_or_default().to_owned();
            let is_section = |it: &str| self.known.iter().any(|known| known.starts_with(&format!("{it}.")));
            if let Raw::EmptyTable = raw
                && (is_section(&key) || key == "room")
            {
                continue;
            }
            if section == "room" {
                if matches!(&raw, Raw::List(items) if items.is_empty()) && key == "room" {
                    continue;
                }
                let (what, hint) = unknown_in_room(&key);
                self.problem(&place, what, hint);
            } else if is_section(&key) {
                let what = (format!("`{key}` はセクションです"), format!("`{key}` is a section"));
                let hint = (format!("[{key}] の行で始めてください"), format!("begin it with a line [{key}]"));
                self.problem(&place, what, hint);
            } else if is_section(&section) {
                let keys = self.known.iter().filter_map(|it| it.strip_prefix(&format!("{section}.")));
                let keys = keys.collect::<Vec<_>>().join(", ");
                let hint =
                    (format!("[{section}] で使えるのは {keys} です"), format!("[{section}] has {keys}"));
                let what = (format!("`{key}` という設定はありません"), format!("unknown key `{key}`"));
                self.problem(&place, what, hint);
            } else if unknown.insert(section.clone()) {
                let all: BTreeSet<_> = self.known.iter().filter_map(|it| it.split('.').next()).collect();
                let all = all.into_iter().collect::<Vec<_>>().join(", ");
                let hint = (format!("使えるのは {all}, room です"), format!("there are {all}, room"));
                let place = begins.get(&section).unwrap_or(&place);
                let what = (
                    format!("`{section}` というセクションはありません"),
                    format!("unknown section `{section}`"),
                );
                self.problem(place, what, hint);
            }
        }
    }
}

/// `room.0.reply.mode` as it stands in the block: `reply.mode`.
fn shown(key: &str) -> &str {
    match key.strip_prefix("room.").and_then(|it| it.split_once('.')) {
        Some((_, name)) => name,
        None => key,
    }
}

/// What to do with a number outside its range.
pub(super) fn within<T: Display>(range: &RangeInclusive<T>) -> (String, String) {
    let (least, most) = (range.start(), range.end());
    (format!("{least} から {most} の間にしてください"), format!("make it {least} to {most}"))
}

fn unknown_in_room(key: &str) -> (Wording, Wording) {
    let numbered = key.split('.').nth(1).is_some_and(|it| it.bytes().all(|b| b.is_ascii_digit()));
    let name = shown(key);
    let own = name.strip_prefix("reply.");
    if !numbered {
        (
            ("`room` はブロックを並べて書きます", "`room` is a list of blocks").into(),
            ("ルームごとに [[room]] の行で始めてください", "begin each room with a line [[room]]").into(),
        )
    } else if matches!(own, Some("max_per_day" | "settle" | "dry_run")) {
        let what = (
            format!("`{name}` はすべてのルームに共通の設定です"),
            format!("`{name}` holds for all rooms together"),
        );
        (what.into(), ("[reply] の下に書いてください", "set it under [reply]").into())
    } else {
        let reply = ROOM_REPLY_KEYS.join(", reply.");
        let detect = ROOM_DETECT_KEYS.join(", detect.");
        let keys = format!("{}, reply.{reply}, detect.{detect}", ROOM_KEYS.join(", "));
        let what =
            (format!("ルームに `{name}` という設定はありません"), format!("unknown key `{name}` in a room"));
        (what.into(), (format!("ルームで使えるのは {keys} です"), format!("a room has {keys}")).into())
    }
}
