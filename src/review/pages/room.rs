//! A room's timeline: reads like the chat it mirrors, with versions, tombstones, cases and what is new.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::chatwork::notation;
use crate::domain::{CaseId, EntryIndex, MessageId, RoomId, UtcMillis};
use crate::store::{
    ArchiveStore as _, CaseStore as _, LedgerStore as _, OutboxState, ReviewStore as _, RoomRow, Told,
};

use super::file::{self, FileLine};
use super::{Broken, Frame, Login, Review, absent, page, viewed};
use crate::review::show::{self, Names, Version};
use crate::review::words;

/// Messages of a page.
const PAGE: usize = 50;
/// Name of the fact that says how far the owner has looked.
pub(super) const SEEN: &str = "review_seen";

#[derive(Template)]
#[template(path = "room.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    name: String,
    room: RoomId,
    since: String,
    /// There are older copies of this room, brought by the owner.
    imports: bool,
    days: Vec<Day>,
    older: Option<u64>,
    newer: Option<u64>,
}

struct Day {
    name: String,
    said: Vec<Said>,
}

/// A message as the pages show it.
pub(super) struct Said {
    pub(super) id: MessageId,
    pub(super) room: RoomId,
    pub(super) who: String,
    pub(super) initial: String,
    pub(super) shade: u64,
    pub(super) when: String,
    pub(super) full: String,
    pub(super) iso: String,
    pub(super) html: String,
    pub(super) reply: Option<String>,
    pub(super) gone: bool,
    pub(super) gone_word: &'static str,
    pub(super) marks: Vec<String>,
    pub(super) versions: Vec<Version>,
    pub(super) bot: bool,
    pub(super) hit: bool,
    pub(super) first_new: bool,
    pub(super) case: Option<CaseBand>,
    pub(super) files: Vec<FileLine>,
}

impl Said {
    /// Few messages show files; only those that do are asked for.
    pub(super) async fn add_files(&mut self, review: &Review, told: &Told) -> Result<(), Broken> {
        if told.versions.iter().any(|it| !notation::parse(&it.body).downloads().is_empty()) {
            self.files = file::lines(review, self.room, &self.id).await?;
        }
        Ok(())
    }
}

pub(super) struct CaseBand {
    id: CaseId,
    part: &'static str,
}

/// What it takes to show messages of one room.
pub(super) struct Shown {
    pub(super) names: Names,
    now: UtcMillis,
    posted: HashSet<MessageId>,
    cases: HashMap<MessageId, (CaseId, String)>,
}

impl Shown {
    pub(super) async fn of(review: &Review, room: RoomId) -> Result<Self, Broken> {
        let store = &review.0.store;
        let outbox = store.outbox().await?.into_iter();
        let parts = store.parts(room).await?.into_iter();
        Ok(Self {
            names: Names::new(store.members(room).await?),
            now: review.0.ledger.now(),
            posted: outbox
                .filter(|it| it.room == room && it.state == OutboxState::Sent)
                .filter_map(|it| it.posted)
                .collect(),
            cases: parts.map(|(message, case, part)| (message, (case, part))).collect(),
        })
    }

    pub(super) fn said(&self, told: &Told) -> Said {
        let message = &told.message;
        let who = self.names.of(message.account);
        let reply = notation::parse(&message.current.body)
            .reply()
            .map(|to| format!("/rooms/{}?at={}#m{}", to.room, to.message, to.message));
        // What is gone is shown as it was, even if it never changed.
        let edits = told.versions.len() > 1 || message.missing;
        let versions = told.versions.iter().enumerate().filter(|_| edits);
        let versions = versions.map(|(at, it)| {
            Version::new(it, at.checked_sub(1).and_then(|at| told.versions.get(at)), &self.names)
        });
        Said {
            id: message.message,
            room: message.room,
            initial: show::initial(&who),
            shade: show::shade(message.account),
            who,
            when: show::when(message.send_time, self.now),
            full: message.send_time.japan_long(),
            iso: message.send_time.to_string(),
            html: self.names.html(&message.current.body),
            reply,
            gone: message.deleted || message.missing,
            gone_word: if message.deleted { "削除" } else { "所在不明" },
            marks: Vec::new(),
            versions: versions.collect(),
            bot: self.posted.contains(&message.message),
            hit: false,
            first_new: false,
            case: self
                .cases
                .get(&message.message)
                .map(|(id, part)| CaseBand { id: *id, part: words::part(part) }),
            files: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
pub(in crate::review) struct Place {
    before: Option<u64>,
    from: Option<u64>,
    /// A message to be shown with what was said around it.
    at: Option<String>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Path(room): Path<u64>,
    Query(place): Query<Place>,
) -> Result<Response, Broken> {
    let store = &review.0.store;
    let room = RoomId(room);
    let frame = Frame::new(&review, &login, "overview").await?;
    let rooms = review.rooms().await?;
    let Some(row) = rooms.iter().find(|it| it.room == room) else { return absent(frame) };
    viewed(&review, room).await;
    let (told, older, newer) = page_of(&review, room, &place).await?;
    let shown = Shown::of(&review, room).await?;
    let seen = store.fact(SEEN).await?;
    let days = days(&review, &told, &shown, &place, seen).await?;
    let since = row.watched_since.japan_long();
    let imports = !store.imports_from(Some(room), EntryIndex(0), 1).await?.is_empty();
    page(&Page { frame, name: name(row), room, since, imports, days, older, newer })
}

fn name(row: &RoomRow) -> String {
    row.name.as_deref().map_or_else(|| format!("ルーム {}", row.room), show::visible)
}

/// The messages of a page, and from where the pages beside it go.
async fn page_of(
    review: &Review,
    room: RoomId,
    place: &Place,
) -> Result<(Vec<Told>, Option<u64>, Option<u64>), Broken> {
    let store = &review.0.store;
    let at = match place.at.as_deref().and_then(MessageId::new) {
        Some(message) => store.message(room, &message).await?.map(|it| it.first_n),
        None => None,
    };
    let (mut told, cut_before, newer) = if let Some(at) = at {
        let mut told = store.told_before(room, at, PAGE / 2 + 1).await?;
        let cut_before = told.len() > PAGE / 2;
        if cut_before {
            told.remove(0);
        }
        let mut after = store.told_from(room, at, PAGE / 2 + 1).await?;
        let newer = (after.len() > PAGE / 2).then(|| after.pop()).flatten();
        told.append(&mut after);
        (told, cut_before, newer)
    } else if let Some(from) = place.from {
        let mut told = store.told_from(room, EntryIndex(from), PAGE + 1).await?;
        let newer = (told.len() > PAGE).then(|| told.pop()).flatten();
        let first = told.first().map_or(from, |it| it.message.first_n.0);
        let cut_before = !store.told_before(room, EntryIndex(first), 1).await?.is_empty();
        (told, cut_before, newer)
    } else {
        let before = EntryIndex(place.before.unwrap_or(u64::MAX));
        let mut told = store.told_before(room, before, PAGE + 1).await?;
        let cut_before = told.len() > PAGE;
        if cut_before {
            told.remove(0);
        }
        let newer = match place.before {
            Some(before) => store.told_from(room, EntryIndex(before), 1).await?.pop(),
            None => None,
        };
        (told, cut_before, newer)
    };
    told.truncate(PAGE + 1);
    let older = told.first().filter(|_| cut_before).map(|it| it.message.first_n.0);
    Ok((told, older, newer.map(|it| it.message.first_n.0)))
}

async fn days(
    review: &Review,
    told: &[Told],
    shown: &Shown,
    place: &Place,
    seen: Option<u64>,
) -> Result<Vec<Day>, Broken> {
    let mut days: Vec<Day> = Vec::new();
    let mut new_begun = false;
    for it in told {
        let mut said = shown.said(it);
        said.add_files(review, it).await?;
        said.hit = place.at.as_deref() == Some(said.id.as_str());
        let new = seen.is_some_and(|seen| it.message.first_n.0 >= seen);
        said.first_new = new && !new_begun;
        new_begun |= new;
        let name = show::day(it.message.send_time, shown.now);
        match days.last_mut() {
            Some(day) if day.name == name => day.said.push(said),
            _ => days.push(Day { name, said: vec![said] }),
        }
    }
    Ok(days)
}
