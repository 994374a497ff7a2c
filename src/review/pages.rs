//! The pages: overview, and a room's timeline with all versions.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use crate::chatwork::notation;
use crate::domain::{AccountId, EntryIndex, RoomId};
use crate::store::{ArchiveStore as _, CaseRow, CaseStore as _, MemberRow, MessageRow, StoreError};

use super::{Broken, Review};

const PAGE: usize = 50;
/// Changes with the text of the stylesheet, so that it may be cached.
pub(super) const STYLE_PATH: &str = "/style-1.css";
const STYLE: &str = include_str!("templates/style.css");

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, "a page could not be made");
        Self
    }
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/review/askama.toml")]
struct Overview<'a> {
    style: &'a str,
    entries: u64,
    rooms: Vec<RoomLine>,
    cases: Vec<CaseLine>,
}

struct RoomLine {
    id: RoomId,
    name: String,
    since: String,
}

struct CaseLine {
    id: u64,
    room: RoomId,
    state: &'static str,
    opened: String,
    terms: String,
}

pub(super) async fn overview(State(review): State<Review>) -> Result<Html<String>, Broken> {
    let store = &review.0.store;
    let rooms = store.rooms().await?.into_iter().map(|it| RoomLine {
        id: it.room,
        name: it.name.unwrap_or_else(|| format!("部屋 {}", it.room)),
        since: it.watched_since.japan_long(),
    });
    let cases = store.cases().await?;
    let page = Overview {
        style: STYLE_PATH,
        entries: review.0.ledger.head().await?.frontier.size(),
        rooms: rooms.collect(),
        cases: cases.iter().rev().map(case_line).collect(),
    };
    page.render().map(Html).map_err(|_| Broken)
}

fn case_line(case: &CaseRow) -> CaseLine {
    let terms = [&case.terms.deliverable, &case.terms.quantity, &case.terms.amount, &case.terms.deadline];
    let terms: Vec<&str> = terms.into_iter().filter_map(|it| it.as_deref()).collect();
    CaseLine {
        id: case.id.0,
        room: case.room,
        state: state_words(&case.state),
        opened: case.opened_at.japan_long(),
        terms: terms.join("・"),
    }
}

fn state_words(state: &str) -> &'static str {
    match state {
        "requested" => "依頼あり（案内はまだです）",
        "reminded" => "案内済み（CrowdWorksでのご依頼待ち）",
        "posted" => "掲載の連絡あり",
        "escrow_claimed" => "仮払いの連絡あり（CrowdWorksの画面でご確認ください）",
        "escrow_confirmed" => "仮払い確認済み",
        "working" => "作業中",
        "delivered" => "納品済み",
        "accepted" => "検収済み",
        "paid" => "支払い済み",
        "dismissed" => "取消",
        "withdrawn" => "取り下げ",
        _ => "不明",
    }
}

#[derive(Template)]
#[template(path = "room.html", config = "src/review/askama.toml")]
struct Room<'a> {
    style: &'a str,
    name: String,
    room: RoomId,
    messages: Vec<MessageLine>,
    older: Option<u64>,
}

struct MessageLine {
    id: String,
    who: String,
    at: String,
    html: String,
    deleted: bool,
    edited: bool,
    versions: Vec<VersionLine>,
}

struct VersionLine {
    number: u64,
    seen: String,
    html: String,
    deleted: bool,
}

#[derive(Deserialize)]
pub(super) struct Cursor {
    before: Option<u64>,
}

pub(super) async fn room(
    State(review): State<Review>,
    Path(room): Path<u64>,
    Query(cursor): Query<Cursor>,
) -> Result<Response, Broken> {
    let store = &review.0.store;
    let room = RoomId(room);
    let Some(row) = store.rooms().await?.into_iter().find(|it| it.room == room) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let members = store.members(room).await?;
    let mut rows = store.room_messages(room, cursor.before.map(EntryIndex), PAGE + 1).await?;
    let older = (rows.len() > PAGE).then(|| rows[PAGE - 1].first_n.0);
    rows.truncate(PAGE);
    let mut messages = Vec::new();
    for row in rows {
        let versions = store.versions(room, &row.message).await?;
        let versions = versions
            .iter()
            .map(|it| VersionLine {
                number: it.version,
                seen: it.observed_at.japan_long(),
                html: notation::parse(&it.body).to_html(),
                deleted: it.kind == crate::domain::EntryKind::MessageDeletedReported,
            })
            .collect();
        messages.push(message_line(&row, &members, versions));
    }
    messages.reverse();
    let name = row.name.unwrap_or_else(|| format!("部屋 {room}"));
    let page = Room { style: STYLE_PATH, name, room, messages, older };
    Ok(page.render().map(Html).map_err(|_| Broken)?.into_response())
}

fn message_line(row: &MessageRow, members: &[MemberRow], versions: Vec<VersionLine>) -> MessageLine {
    MessageLine {
        id: row.message.to_string(),
        who: name(row.account, members),
        at: row.send_time.japan_long(),
        html: notation::parse(&row.current.body).to_html(),
        deleted: row.deleted,
        edited: versions.len() > 1,
        versions,
    }
}

fn name(account: AccountId, members: &[MemberRow]) -> String {
    members
        .iter()
        .find(|it| it.account == account)
        .map_or_else(|| format!("アカウント {account}"), |it| it.name.clone())
}

pub(super) async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (headers, STYLE).into_response()
}
