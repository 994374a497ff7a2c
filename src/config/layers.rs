//! Lays the environment over the file over the defaults: a flat list of settings, each with the place it came from.
//!
//! ## Why not serde's `deny_unknown_fields` (2026-11)
//! It stops at the first fault and cannot point at an environment variable. A flat list keeps the place of each value,
//! so that every fault is reported at once and with its line; keys that nobody asked for are the unknown ones.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// What to do where two say the same.
pub(super) const ONE_OF_TWO: (&str, &str) = ("どちらか一方だけにしてください", "keep one of the two");

/// More `[[room]]` blocks than this are no configuration.
const MAX_ROOMS: usize = 10_000;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Default,
    File { path: PathBuf, line: usize },
    Env(String),
}

impl Place {
    pub(super) fn is_env(&self) -> bool {
        matches!(self, Self::Env(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in defaults"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
        }
    }
}

/// A value before anybody knows its type.
#[derive(Clone)]
pub(super) enum Raw {
    /// From the environment: text that may stand for anything.
    Env(String),
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Raw>),
    /// `[section]` without any key.
    EmptyTable,
    /// A kind of TOML value that no setting has.
    Other((&'static str, &'static str)),
}

impl Raw {
    /// What it is, in Japanese and English, for a message that says what it should be.
    pub(super) fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Env(_) | Self::Text(_) | Self::List(_) => ("正しい値ではありません", "not valid"),
            Self::Integer(_) => ("数になっています", "a number"),
            Self::Bool(_) => ("true か false になっています", "true or false"),
            Self::EmptyTable => ("セクションになっています", "a section"),
            Self::Other(kind) => *kind,
        }
    }
}

#[derive(Clone)]
pub(super) struct Setting {
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// Settings by dotted key: `reply.mode`, `room.0.clients`.
#[derive(Default)]
pub(super) struct Layer {
    settings: BTreeMap<String, Setting>,
    /// Where each room begins, by its number.
    pub(super) rooms: BTreeMap<usize, Place>,
    /// Where each section of the file begins, by its name.
    pub(super) sections: BTreeMap<String, Place>,
}

impl Layer {
    /// The values of a TOML text. `path` is only named in messages; `None` is the compiled-in default file.
    pub(super) fn from_toml(text: &str, path: Option<&Path>, problems: &mut Vec<Problem>) -> Self {
        let source = Source { text, path };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = source.place(error.span().unwrap_or(0..0));
            let what = (
                format!("TOML として読めません（{}）", error.message()),
                format!("not TOML: {}", error.message()),
            );
            problems.push(Problem::new(place, what, ("この行を直してください", "correct this line")));
        }
        let mut layer = Self::default();
        layer.add_table(&source, "", table.get_ref(), problems);
        layer
    }

    /// Takes what the environment sets; it replaces what is there.
    pub(super) fn add_env(&mut self, env: &[(String, String)], problems: &mut Vec<Problem>) {
        for (name, value) in env {
            let Some(key) = env_key(name).filter(|_| !is_unset(name, value)) else { continue };
            let place = Place::Env(name.clone());
            if let Some(number) = key.strip_prefix("room.") {
                let number = number.split('.').next().unwrap_or_default();
                match number.parse().ok().filter(|n: &usize| *n < MAX_ROOMS && n.to_string() == number) {
                    Some(n) => _ = self.rooms.entry(n).or_insert_with(|| place.clone()),
                    None => {
                        let hint = (
                            "KARIBARAI_ROOM__0__ID、KARIBARAI_ROOM__1__ID … と書いてください",
                            "write KARIBARAI_ROOM__0__ID, KARIBARAI_ROOM__1__ID, …",
                        );
                        let what = ("ルームの番号がありません", "no room number");
                        problems.push(Problem::new(place, what, hint));
                        continue;
                    }
                }
            }
            self.add_env_value(key, value, place, problems);
        }
    }

    fn add_env_value(&mut self, key: String, value: &str, place: Place, problems: &mut Vec<Problem>) {
        let setting = Setting { raw: Raw::Env(value.to_owned()), place };
        if let Some(before) = self.settings.insert(key.clone(), setting)
            && let (Place::Env(first), Raw::Env(other)) = (&before.place, &before.raw)
            && other != value
            && let Some(now) = self.settings.get(&key)
        {
            let what = (
                format!("同じ項目を指定する {first} と内容が違います"),
                format!("says something else than {first}, which sets the same"),
            );
            problems.push(Problem::new(&now.place, what, ONE_OF_TWO));
        }
    }

    /// The setting, if any, and forgets it: what remains at the end was asked for by nobody.
    pub(super) fn take(&mut self, key: &str) -> Option<Setting> {
        self.settings.remove(key)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// What nobody asked for.
    pub(super) fn into_rest(self) -> impl Iterator<Item = (String, Setting)> {
        self.settings.into_iter()
    }

    fn add_table(
        &mut self,
        source: &Source<'_>,
        prefix: &str,
        table: &DeTable<'_>,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in table {
            let place = source.place(name.span());
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.get_ref().is_empty() || !name.get_ref().chars().all(plain) {
                let what = ("キーに使えない文字があります", "a key with unusual characters");
                problems.push(Problem::new(place, what, ("消してください", "remove it")));
                continue;
            }
            let key = format!("{prefix}{}", name.get_ref());
            if prefix.is_empty() && value.get_ref().is_table() {
                self.sections.insert(key.clone(), place.clone());
            }
            match value.get_ref() {
                DeValue::Table(inner) if inner.is_empty() => {
                    self.settings.insert(key, Setting { raw: Raw::EmptyTable, place });
                }
                DeValue::Table(inner) => self.add_table(source, &format!("{key}."), inner, problems),
                DeValue::Array(items) if key == "room" && items.iter().all(|it| it.get_ref().is_table()) => {
                    if items.len() > MAX_ROOMS {
                        let hint = (
                            format!("{MAX_ROOMS} 件までにしてください"),
                            format!("list at most {MAX_ROOMS} rooms"),
                        );
                        let what = ("ルームが多すぎます", "too many rooms");
                        problems.push(Problem::new(&place, what, hint));
                    }
                    for (n, item) in items.iter().enumerate().take(MAX_ROOMS) {
                        self.rooms.insert(n, source.place(item.span()));
                        if let Some(room) = item.get_ref().as_table() {
                            self.add_table(source, &format!("room.{n}."), room, problems);
                        }
                    }
                }
                other => _ = self.settings.insert(key, Setting { raw: raw(other), place }),
            }
        }
    }
}

/// `KARIBARAI_REPLY__MAX_AGE` → `reply.max_age`; the three short names; `None` for what is no setting.
fn env_key(name: &str) -> Option<String> {
    match name {
        "CHATWORK_API_TOKEN" => Some("chatwork.api_token".to_owned()),
        "CHATWORK_WEBHOOK_TOKEN" => Some("chatwork.webhook_tokens".to_owned()),
        "CHATWORK_API_BASE" => Some("chatwork.api_base".to_owned()),
        _ => {
            let path = name.strip_prefix("KARIBARAI_").filter(|it| it.contains("__"))?;
            // Lower case is kept apart, so that a key has one spelling.
            let lower = path.to_ascii_lowercase().replace("__", ".");
            Some(if path == path.to_ascii_uppercase() { lower } else { format!("{lower} (lower case)") })
        }
    }
}

/// The short names that count as not set when empty, since compose files pass unset variables on so.
fn is_unset(name: &str, value: &str) -> bool {
    matches!(name, "CHATWORK_API_TOKEN" | "CHATWORK_WEBHOOK_TOKEN" | "CHATWORK_API_BASE")
        && value.trim().is_empty()
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Integer(number),
            Err(_) => Raw::Other(("大きすぎる数になっています", "a number that is too large")),
        },
        DeValue::Boolean(it) => Raw::Bool(*it),
        DeValue::Array(items) => Raw::List(items.iter().map(|it| raw(it.get_ref())).collect()),
        DeValue::Float(_) => Raw::Other(("小数になっています", "a number with a decimal point")),
        DeValue::Datetime(_) => Raw::Other(("日付か時刻になっています", "a date or time")),
        DeValue::Table(_) => Raw::Other(("表になっています", "a table")),
    }
}

/// A text whose bytes have line numbers.
struct Source<'a> {
    text: &'a str,
    path: Option<&'a Path>,
}

impl Source<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let Some(path) = self.path else { return Place::Default };
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Place::File { path: path.to_owned(), line }
    }
}
