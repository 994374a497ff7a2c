//! One message: all versions with what differs, every entry that speaks of it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::domain::{self, EntryIndex, MessageId, RoomId};
use crate::store::{ArchiveStore as _, LedgerStore as _, ReviewStore as _, Told, VersionRow};

use super::room::{Said, Shown};
use super::{Broken, Frame, Login, Review, absent, page, viewed};
use crate::review::show::{self, Version};
use crate::review::words;

#[derive(Template)]
#[template(path = "message.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    it: Said,
    room: String,
    versions: Vec<Version>,
    sources: Vec<Source>,
}

struct Source {
    n: u64,
    kind: &'static str,
    source: &'static str,
    at: String,
    leaf: String,
    proof: bool,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Path((room, message)): Path<(u64, String)>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "overview").await?;
    let room = RoomId(room);
    let store = &review.0.store;
    let Some(told) = told(&review, room, &message).await? else { return absent(frame) };
    viewed(&review, room).await;
    let shown = Shown::of(&review, room).await?;
    let versions = told.versions.iter().enumerate().map(|(at, it)| {
        Version::new(it, at.checked_sub(1).and_then(|at| told.versions.get(at)), &shown.names)
    });
    let versions = versions.collect();
    let base = review.0.ledger.head().await?.base;
    let signed = base + store.checkpoints().await?.last().map_or(0, |(size, _)| *size);
    let mut sources = Vec::new();
    for version in &told.versions {
        sources.extend(source(&review, version, signed).await?);
    }
    let room = show::room_name(&review.rooms().await?, room);
    let mut it = shown.said(&told);
    it.add_files(&review, &told).await?;
    page(&Page { frame, it, room, versions, sources })
}

async fn told(review: &Review, room: RoomId, message: &str) -> Result<Option<Told>, Broken> {
    let Some(message) = MessageId::new(message) else { return Ok(None) };
    let Some(row) = review.0.store.message(room, &message).await? else { return Ok(None) };
    Ok(review.0.store.told_from(room, EntryIndex(row.first_n.0), 1).await?.pop())
}

/// `signed`: entries that the newest signed head covers.
async fn source(review: &Review, version: &VersionRow, signed: u64) -> Result<Option<Source>, Broken> {
    let record = review.0.store.records(version.n, 1).await?.pop().filter(|it| it.n == version.n);
    let Some(record) = record else { return Ok(None) };
    let Ok(entry) = record.entry() else { return Ok(None) };
    Ok(Some(Source {
        n: entry.n.0,
        kind: words::kind(entry.kind),
        source: words::source(entry.source),
        at: entry.observed_at.japan_long(),
        leaf: domain::hex(&record.leaf),
        proof: entry.n.0 < signed,
    }))
}
