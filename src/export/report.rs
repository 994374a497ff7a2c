//! The report for people, as a page and on paper: what is said of each entry is decided once, here. Its first page declares
//! what is there and what is not.

mod html;
mod pdf;

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use crate::domain::{AccountId, EntryKind, MessageId, UtcMillis};
use crate::proof::bundle::{Gap, Manifest, Withhold};

use self::html::Page;
use self::pdf::Volumes;
use super::ExportError;
use super::rows::{self, People};
use super::spool::{Later, Shown, State};

pub(super) use self::html::STYLE;

/// What the first page declares.
struct Cover<'a> {
    manifest: &'a Manifest,
    room_name: &'a str,
    /// Days; empty where there is no limit.
    from: &'a str,
    to: &'a str,
    /// The first digits of the checkpoint's root.
    root: &'a str,
    people: Vec<PersonRow>,
    gaps: Vec<GapRow>,
    others_withheld: bool,
    secrets_withheld: bool,
}

struct PersonRow {
    name: String,
    account: AccountId,
    role: &'static str,
}

struct GapRow {
    n: u64,
    kind: &'static str,
    from: String,
    to: String,
}

/// A message with everything that happened to it.
struct Article<'a> {
    /// Where a new day begins.
    day: Option<String>,
    recorded: UtcMillis,
    first: VersionView,
    later: Vec<VersionView>,
    gone: Vec<GoneView>,
    name: String,
    role: &'a str,
    sent: String,
    automatic: bool,
    begins_before: bool,
    link: String,
}

struct VersionView {
    n: u64,
    at: String,
    observed: String,
    body: Body,
    state: &'static str,
}

enum Body {
    /// In Chatwork's notation.
    Text(String),
    /// What stands there instead.
    Instead(&'static str),
}

struct GoneView {
    n: u64,
    words: &'static str,
    at: String,
}

/// Anything else that the room showed.
struct Event<'a> {
    day: Option<String>,
    recorded: UtcMillis,
    n: u64,
    kind: &'a str,
    at: String,
    words: String,
    /// Of a file: its number among the exhibits, of which the report itself is the first.
    exhibit: Option<u64>,
}

/// The report on its way to the files.
pub(super) struct Report<'a, W: Write> {
    page: Page<'a, W>,
    volumes: Volumes<'a>,
    people: &'a People<'a>,
    room: &'a Manifest,
    /// Messages with later versions that have been shown.
    done: HashSet<MessageId>,
    day: String,
    /// Exhibits so far.
    exhibits: u64,
}

impl<'a, W: Write> Report<'a, W> {
    /// Writes the page to `page` and the papers into `folder`. `root` is the first digits of the checkpoint's root.
    pub(super) fn begin(
        page: W,
        folder: &Path,
        manifest: &'a Manifest,
        people: &'a People<'a>,
        root: &'a str,
    ) -> Result<Self, ExportError> {
        let withheld = |it| manifest.filter.withhold.contains(&it);
        let cover = Cover {
            manifest,
            room_name: manifest.room_name.as_deref().unwrap_or("（名称の記録なし）"),
            from: manifest.filter.from.as_deref().unwrap_or_default(),
            to: manifest.filter.to.as_deref().unwrap_or_default(),
            root,
            people: manifest
                .people
                .iter()
                .map(|it| PersonRow {
                    name: people.name_of(it.account),
                    account: it.account,
                    role: rows::role_words(&it.role),
                })
                .collect(),
            gaps: manifest.gaps.iter().map(gap_row).collect(),
            others_withheld: withheld(Withhold::Others),
            secrets_withheld: withheld(Withhold::Secrets),
        };
        Ok(Self {
            page: Page::begin(page, people, &cover)?,
            volumes: Volumes::begin(folder, people, &cover)?,
            people,
            room: manifest,
            done: HashSet::new(),
            day: String::new(),
            exhibits: 1,
        })
    }

    pub(super) fn entry(
        &mut self,
        shown: &Shown,
        later: &HashMap<MessageId, Vec<Later>>,
        automatic: &HashSet<MessageId>,
        read: impl Fn(&Later) -> Result<Shown, ExportError>,
    ) -> Result<(), ExportError> {
        let entry = &shown.entry;
        let Some(message) = entry.message.as_ref().filter(|_| rows::is_listed(entry.kind)) else {
            return self.event(shown);
        };
        let more = later.get(message).map(Vec::as_slice).unwrap_or_default();
        if !more.is_empty() && !self.done.insert(*message) {
            // Stands beside its first version already.
            return Ok(());
        }
        let (mut versions, mut gone) = (Vec::new(), Vec::new());
        for it in more {
            let next = read(it)?;
            if next.entry.n == entry.n {
                continue;
            }
            if it.kind == EntryKind::MessageUpdated {
                versions.push(version(&next));
            } else {
                gone.push(gone_view(&next));
            }
        }
        if !matches!(entry.kind, EntryKind::MessageCreated | EntryKind::MessageUpdated) {
            gone.insert(0, gone_view(shown));
        }
        let sent = shown.capture.as_ref().map_or(entry.observed_at, |it| it.send_time);
        let article = Article {
            day: self.new_day(sent),
            recorded: entry.observed_at,
            first: version(shown),
            later: versions,
            gone,
            name: self.people.name(shown).unwrap_or_else(|| "（開示していない送信者）".to_owned()),
            role: self.people.role(shown).map(rows::role_words).unwrap_or_default(),
            sent: sent.japan_long(),
            automatic: automatic.contains(message),
            begins_before: entry.version.is_some_and(|it| it > 1),
            link: rows::message_link(self.room.room, message),
        };
        self.page.article(&article)?;
        self.volumes.article(&article)
    }

    /// Everything else that the room showed, in one line; repeated sights of the same are not told.
    fn event(&mut self, shown: &Shown) -> Result<(), ExportError> {
        let entry = &shown.entry;
        if matches!(entry.kind, EntryKind::MessageSeen | EntryKind::ReplySent | EntryKind::ContentErased) {
            return Ok(());
        }
        let day = self.new_day(entry.observed_at);
        let exhibit = (entry.kind == EntryKind::FileStored).then(|| {
            self.exhibits += 1;
            self.exhibits
        });
        let event = Event {
            day,
            recorded: entry.observed_at,
            n: entry.n.0,
            kind: rows::kind_words(entry.kind),
            at: entry.observed_at.japan_long(),
            words: event_words(shown),
            exhibit,
        };
        self.page.event(&event)?;
        self.volumes.event(&event)
    }

    fn new_day(&mut self, at: UtcMillis) -> Option<String> {
        let long = at.japan_long();
        let day = long.split('）').next().map(|it| format!("{it}）")).unwrap_or(long);
        (day != self.day).then(|| {
            self.day.clone_from(&day);
            day
        })
    }

    /// Paths of the papers, in order.
    pub(super) fn finish(self) -> Result<Vec<String>, ExportError> {
        self.page.finish()?;
        self.volumes.finish()
    }
}

fn event_words(shown: &Shown) -> String {
    /// What contents of events say to people; which parts there are depends on the kind.
    #[derive(Deserialize)]
    struct Words {
        name: Option<String>,
        sha256: Option<String>,
        size: Option<u64>,
        body: Option<String>,
        reason: Option<String>,
    }
    match shown.state {
        State::Withheld => return "（この資料では開示していません）".to_owned(),
        State::Erased => return "（内容は消去されています）".to_owned(),
        State::Shown => {}
    }
    let Some(it) = shown.content::<Words>() else { return String::new() };
    let size = it.size.map(|it| format!("{it}バイト"));
    let hash = it.sha256.map(|it| format!("SHA-256 {it}"));
    let parts = [it.name, size, hash, it.body, it.reason];
    parts.into_iter().flatten().collect::<Vec<_>>().join("　")
}

fn version(shown: &Shown) -> VersionView {
    let entry = &shown.entry;
    let body = match (&shown.capture, shown.state) {
        (Some(it), _) => Body::Text(it.body.clone()),
        (None, State::Withheld) => Body::Instead("この資料では開示していません。"),
        (None, State::Erased) => Body::Instead("内容は消去されています。消去したことの記録があります。"),
        (None, State::Shown) => Body::Text(String::new()),
    };
    VersionView {
        n: entry.n.0,
        at: entry.source_time.unwrap_or(entry.observed_at).japan_text(),
        observed: entry.observed_at.japan_text(),
        body,
        state: shown.state.as_str(),
    }
}

fn gone_view(shown: &Shown) -> GoneView {
    let words = match shown.entry.kind {
        EntryKind::MessageDeletedReported => "このメッセージは、後から削除されました",
        _ => "このメッセージは、後から見えなくなりました（所在不明）",
    };
    GoneView { n: shown.entry.n.0, words, at: shown.entry.observed_at.japan_long() }
}

fn gap_row(gap: &Gap) -> GapRow {
    let time = |it: &Option<String>| {
        it.as_deref().and_then(UtcMillis::parse).map_or_else(|| "不明".to_owned(), UtcMillis::japan_long)
    };
    let kind = EntryKind::parse(&gap.kind).map(rows::kind_words).unwrap_or_default();
    GapRow { n: gap.n.0, kind, from: time(&gap.from), to: time(&gap.to) }
}
