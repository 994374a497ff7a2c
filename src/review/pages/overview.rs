//! The first page: what happened, what to do, which rooms there are, whether all is well.

use askama::Template;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use crate::domain::{EntryKind, RoomId};
use crate::store::{CaseStore as _, LedgerStore as _, ReviewStore as _};

use super::cases::{CaseLine, line};
use super::health::{Finding, coverage_words, findings, room_coverage};
use super::room::SEEN;
use super::{Broken, Frame, Login, Review, page};
use crate::review::{show, words};

/// Versions that are counted as new at most.
const MOST: usize = 100_000;

#[derive(Template)]
#[template(path = "overview.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    no_password: bool,
    entries: u64,
    fresh: Vec<Fresh>,
    cases: Vec<CaseLine>,
    rooms: Vec<RoomLine>,
    health: Vec<Finding>,
}

struct Fresh {
    count: u64,
    what: &'static str,
    href: &'static str,
}

struct RoomLine {
    id: RoomId,
    name: String,
    last: String,
    since: String,
    coverage: String,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
) -> Result<Response, Broken> {
    let store = &review.0.store;
    let rooms = review.rooms().await?;
    let newest = store.newest().await?;
    let now = review.0.ledger.now();
    let seen = store.fact(SEEN).await?.unwrap_or(0);
    let counts = store.counts_since(crate::domain::EntryIndex(seen), MOST).await?;
    let fresh = counts.into_iter().filter_map(|(kind, count)| {
        let (what, href) = match kind {
            EntryKind::MessageCreated => ("新しいメッセージ", "#rooms"),
            EntryKind::MessageUpdated => ("編集", "/changes"),
            EntryKind::MessageDeletedReported => ("削除", "/changes"),
            _ => return None,
        };
        Some(Fresh { count, what, href })
    });
    let fresh = fresh.collect();
    let coverage = room_coverage(&review).await?;
    let mut lines: Vec<RoomLine> = Vec::new();
    let mut order: Vec<i64> = Vec::new();
    for it in &rooms {
        let last = newest.iter().find(|row| row.room == it.room);
        order.push(last.map_or(0, |row| row.first_seen.0));
        lines.push(RoomLine {
            id: it.room,
            name: show::room_name(&rooms, it.room),
            last: last
                .map(|row| format!("最後のメッセージ：{}", show::when(row.send_time, now)))
                .unwrap_or_default(),
            since: it.watched_since.japan_long(),
            coverage: coverage
                .iter()
                .find(|line| line.room == it.room)
                .map(coverage_words)
                .unwrap_or_default(),
        });
    }
    let mut rooms_by_time: Vec<(i64, RoomLine)> = order.into_iter().zip(lines).collect();
    rooms_by_time.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let cases = store.cases().await?;
    let cases = cases.iter().rev().filter(|it| !words::is_closed(&it.state)).map(|it| line(it, &rooms));
    page(&Page {
        frame: Frame::new(&review, &login, "overview").await?,
        no_password: !review.0.door.has_password().await?,
        entries: review.0.ledger.head().await?.end(),
        fresh,
        cases: cases.collect(),
        rooms: rooms_by_time.into_iter().map(|it| it.1).collect(),
        health: findings(&review).await?,
    })
}

#[derive(Deserialize)]
pub(in crate::review) struct Seen {
    n: u64,
}

/// What came until then is no longer new.
pub(in crate::review) async fn seen(
    State(review): State<Review>,
    Form(seen): Form<Seen>,
) -> Result<Redirect, Broken> {
    let size = review.0.ledger.head().await?.end();
    review.0.store.put_fact(SEEN, seen.n.min(size)).await?;
    Ok(Redirect::to("/"))
}
