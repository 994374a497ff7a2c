//! Hands out settings by key and gathers what is wrong with them; what nobody asked for is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::{Layer, Place, Raw, Setting};
use super::problem::Problem;
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

    pub(super) fn problem(&mut self, place: &Place, what: impl Into<String>, hint: impl Into<String>) {
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
            self.problem(&Place::Default, format!("`{key}` has no usable default"), "report this as a fault");
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
                let what = format!("`{}` is {}", shown(key), raw.kind());
                self.problem(&place, what, format!("make it {}", T::EXPECTED));
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
            let hint = format!("make it {} to {}", range.start(), range.end());
            self.problem(place, format!("`{}` is out of range", shown(key)), hint);
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
                let what = format!("`{key}` is a section");
                self.problem(&place, what, format!("begin it with a line [{key}]"));
            } else if is_section(&section) {
                let keys = self.known.iter().filter_map(|it| it.strip_prefix(&format!("{section}.")));
                let hint = format!("[{section}] has {}", keys.collect::<Vec<_>>().join(", "));
                self.problem(&place, format!("unknown key `{key}`"), hint);
            } else if unknown.insert(section.clone()) {
                let all: BTreeSet<_> = self.known.iter().filter_map(|it| it.split('.').next()).collect();
                let hint = format!("there are {}, room", all.into_iter().collect::<Vec<_>>().join(", "));
                let place = begins.get(&section).unwrap_or(&place);
                self.problem(place, format!("unknown section `{section}`"), hint);
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

fn unknown_in_room(key: &str) -> (String, String) {
    let numbered = key.split('.').nth(1).is_some_and(|it| it.bytes().all(|b| b.is_ascii_digit()));
    let name = shown(key);
    let own = name.strip_prefix("reply.");
    if !numbered {
        ("`room` is a list of blocks".to_owned(), "begin each room with a line [[room]]".to_owned())
    } else if matches!(own, Some("max_per_day" | "settle" | "dry_run")) {
        let what = format!("`{name}` holds for all rooms together");
        (what, "set it under [reply]".to_owned())
    } else {
        let reply = ROOM_REPLY_KEYS.join(", reply.");
        let detect = ROOM_DETECT_KEYS.join(", detect.");
        let hint = format!("a room has {}, reply.{reply}, detect.{detect}", ROOM_KEYS.join(", "));
        (format!("unknown key `{name}` in a room"), hint)
    }
}
