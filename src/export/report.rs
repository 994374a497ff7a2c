//! `report.html`: one file, no script, nothing from elsewhere. The first page declares what is there and what is not.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use askama::Template;
use serde::Deserialize;

use crate::chatwork::notation;
use crate::domain::{AccountId, EntryKind, MessageId, UtcMillis};
use crate::proof::bundle::{Gap, Manifest, Withhold};

use super::ExportError;
use super::rows::{self, People};
use super::spool::{Later, Shown, State};

pub(super) const STYLE: &str = include_str!("templates/report.css");

#[derive(Template)]
#[template(path = "report_head.html", config = "src/export/askama.toml", escape = "html")]
struct Head<'a> {
    style: &'a str,
    manifest: &'a Manifest,
    room_name: &'a str,
    from: String,
    to: String,
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

#[derive(Template)]
#[template(path = "report_message.html", config = "src/export/askama.toml", escape = "html")]
struct Article<'a> {
    day: Option<&'a str>,
    first: VersionView,
    later: Vec<VersionView>,
    gone: Vec<GoneView>,
    name: String,
    role: &'static str,
    sent: String,
    automatic: bool,
    begins_before: bool,
    link: String,
}

struct VersionView {
    n: u64,
    at: String,
    observed: String,
    /// Escaped already.
    html: String,
    state: &'static str,
}

struct GoneView {
    n: u64,
    words: &'static str,
    at: String,
}

#[derive(Template)]
#[template(path = "report_event.html", config = "src/export/askama.toml", escape = "html")]
struct Event<'a> {
    day: Option<&'a str>,
    n: u64,
    kind: &'static str,
    at: String,
    words: String,
    /// Of a file: its number among the exhibits, of which the report itself is the first.
    exhibit: Option<u64>,
}

/// The report on its way to the file.
pub(super) struct Report<'a, W: Write> {
    out: W,
    people: &'a People<'a>,
    room: &'a Manifest,
    /// Messages with later versions that have been shown.
    done: HashSet<MessageId>,
    day: String,
    /// Exhibits so far.
    exhibits: u64,
}

impl<'a, W: Write> Report<'a, W> {
    /// `root` is the first digits of the checkpoint's root.
    pub(super) fn begin(
        mut out: W,
        manifest: &'a Manifest,
        people: &'a People<'a>,
        root: &str,
    ) -> Result<Self, ExportError> {
        let day = |it: &Option<String>| it.clone().unwrap_or_default();
        let head = Head {
            style: STYLE,
            manifest,
            room_name: manifest.room_name.as_deref().unwrap_or("（名称の記録なし）"),
            from: day(&manifest.filter.from),
            to: day(&manifest.filter.to),
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
            others_withheld: manifest.filter.withhold.contains(&Withhold::Others),
            secrets_withheld: manifest.filter.withhold.contains(&Withhold::Secrets),
        };
        out.write_all(head.render()?.as_bytes())?;
        Ok(Self { out, people, room: manifest, done: HashSet::new(), day: String::new(), exhibits: 1 })
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
        if !more.is_empty() && !self.done.insert(message.clone()) {
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
                versions.push(self.version(&next));
            } else {
                gone.push(gone_view(&next));
            }
        }
        if !matches!(entry.kind, EntryKind::MessageCreated | EntryKind::MessageUpdated) {
            gone.insert(0, gone_view(shown));
        }
        let sent = shown.capture.as_ref().map_or(entry.observed_at, |it| it.send_time);
        let day = self.new_day(sent);
        let article = Article {
            day: day.as_deref(),
            first: self.version(shown),
            later: versions,
            gone,
            name: self.people.name(shown).unwrap_or_else(|| "（開示していない送信者）".to_owned()),
            role: self.people.role(shown).map(rows::role_words).unwrap_or_default(),
            sent: sent.japan_long(),
            automatic: automatic.contains(message),
            begins_before: entry.version.is_some_and(|it| it > 1),
            link: rows::message_link(self.room.room, message),
        };
        Ok(self.out.write_all(article.render()?.as_bytes())?)
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
            day: day.as_deref(),
            n: entry.n.0,
            kind: rows::kind_words(entry.kind),
            at: entry.observed_at.japan_long(),
            words: self.event_words(shown),
            exhibit,
        };
        Ok(self.out.write_all(event.render()?.as_bytes())?)
    }

    fn event_words(&self, shown: &Shown) -> String {
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

    fn version(&self, shown: &Shown) -> VersionView {
        let entry = &shown.entry;
        let names = |account| Some(self.people.name_of(account));
        let html = match (&shown.capture, shown.state) {
            (Some(it), _) => inert(&notation::parse(&it.body).to_html_with(&names)),
            (None, State::Withheld) => "<em>この資料では開示していません。</em>".to_owned(),
            (None, State::Erased) => {
                "<em>内容は消去されています。消去したことの記録があります。</em>".to_owned()
            }
            (None, State::Shown) => String::new(),
        };
        VersionView {
            n: entry.n.0,
            at: entry.source_time.unwrap_or(entry.observed_at).japan_text(),
            observed: entry.observed_at.japan_text(),
            html,
            state: shown.state.as_str(),
        }
    }

    fn new_day(&mut self, at: UtcMillis) -> Option<String> {
        let long = at.japan_long();
        let day = long.split('）').next().map(|it| format!("{it}）")).unwrap_or(long);
        (day != self.day).then(|| {
            self.day.clone_from(&day);
            day
        })
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.out.write_all(include_bytes!("templates/report_end.html"))?;
        Ok(self.out.flush()?)
    }
}

/// An address in a message is shown and leads nowhere: the report fetches nothing and opens nothing.
fn inert(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    // Text is escaped, so this tag is only ever the writer's own.
    while let Some(begin) = rest.find("<a class=\"cw-link\"") {
        out.push_str(&rest[..begin]);
        let Some(end) = rest[begin..].find('>') else { break };
        out.push_str("<span class=\"cw-link\">");
        rest = &rest[begin + end + 1..];
    }
    out.push_str(rest);
    out.replace("</a>", "</span>")
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
