//! What the bot would have said of late, had every room been in the mode `auto`: nothing is posted.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::backtest::{self, Act, Change, Setting};
use crate::chatwork::notation;
use crate::domain::{MessageId, RoomId, UtcMillis};

use super::{Broken, Frame, Login, Review, page};
use crate::review::show;
use crate::review::words;

const DAYS: u64 = 30;
/// Lines that are listed, newest first.
const LISTED: usize = 200;
/// Characters of a message in the list.
const EXCERPT: usize = 80;

#[derive(Template)]
#[template(path = "rehearsal.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    room: Option<String>,
    days: u64,
    looked_at: u64,
    reminders: usize,
    drafts: usize,
    lines: Vec<Row>,
}

struct Row {
    at: String,
    room: String,
    room_id: RoomId,
    id: MessageId,
    act: &'static str,
    class: &'static str,
    why: &'static str,
    text: String,
}

#[derive(Deserialize)]
pub(in crate::review) struct Asked {
    room: Option<u64>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(asked): Query<Asked>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "settings").await?;
    let parts = &review.0;
    let rooms = review.rooms().await?;
    let room = asked.room.map(RoomId);
    let since = UtcMillis(parts.ledger.now().0 - Duration::from_secs(DAYS * 86_400).as_millis() as i64);
    let room_types: BTreeMap<_, _> = rooms.iter().filter_map(|it| Some((it.room, it.room_type?))).collect();
    let owners = parts.owners().unwrap_or_default();
    let setting = Setting {
        config: &parts.config,
        owners,
        names: &backtest::names(&parts.store, &rooms, owners).await?,
        room_types: &room_types,
        roles: &BTreeMap::new(),
        since,
    };
    let said = backtest::from_archive(&parts.store, room, since).await?;
    let play = backtest::play(&parts.rules, &setting, &said);
    let lines = play.lines.iter().rev().take(LISTED).map(|it| {
        let (act, class, why) = act(it.act);
        let Change::Text(body) = &it.said.change else { return None };
        let text: String = notation::parse(body).plain_text().trim().chars().take(EXCERPT).collect();
        Some(Row {
            at: it.said.at.japan_long(),
            room: show::room_name(&rooms, it.said.room),
            room_id: it.said.room,
            id: it.said.message,
            act,
            class,
            why,
            text: show::visible(&text),
        })
    });
    page(&Page {
        frame,
        room: room.map(|it| show::room_name(&rooms, it)),
        days: DAYS,
        looked_at: play.looked_at,
        reminders: play.count(|it| it == Act::Remind),
        drafts: play.count(|it| matches!(it, Act::Draft(_))),
        lines: lines.flatten().collect(),
    })
}

fn act(act: Act) -> (&'static str, &'static str, &'static str) {
    match act {
        Act::Remind => ("案内を投稿", "info", ""),
        Act::Draft(why) => ("文案", "warn", words::verdict(why)),
        Act::Silent(why) => ("何もしない", "off", words::verdict(why)),
        Act::Note => ("お知らせ", "off", "CrowdWorksの外でのやりとりの話です。"),
    }
}
