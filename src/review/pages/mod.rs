//! The pages, one file each.

pub(super) mod cases;
pub(super) mod changes;
pub(super) mod export;
pub(super) mod file;
pub(super) mod health;
pub(super) mod imports;
pub(super) mod message;
pub(super) mod overview;
pub(super) mod proof;
pub(super) mod rehearsal;
pub(super) mod room;
pub(super) mod say;
pub(super) mod search;
pub(super) mod settings;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::domain::EntryKind;
use crate::domain::RoomId;
use crate::ledger::Observation;
use crate::store::StandingStore as _;

use super::door::Login;
use super::{Broken, Review, STYLE_PATH, show};

/// Rooms in the list beside a page; all of them are on the overview.
const SIDE: usize = 40;

/// What every page has.
pub(super) struct Frame {
    style: &'static str,
    csrf: String,
    here: &'static str,
    stopped: bool,
    /// For the list beside the page, where there is space for one.
    side: Vec<(RoomId, String)>,
}

impl Frame {
    pub(super) async fn new(review: &Review, login: &Login, here: &'static str) -> Result<Self, Broken> {
        let stopped = review.0.store.switches().await?.stopped;
        let rooms = review.rooms().await?;
        let side = rooms.iter().take(SIDE).map(|it| (it.room, show::room_name(&rooms, it.room))).collect();
        Ok(Self { style: STYLE_PATH.as_str(), csrf: login.csrf.clone(), here, stopped, side })
    }
}

pub(super) fn page(template: &impl Template) -> Result<Response, Broken> {
    Ok(template.render().map(Html).map_err(|_| Broken)?.into_response())
}

#[derive(Template)]
#[template(path = "absent.html", config = "src/review/askama.toml")]
struct Absent {
    frame: Frame,
}

pub(super) fn absent(frame: Frame) -> Result<Response, Broken> {
    Ok((StatusCode::NOT_FOUND, page(&Absent { frame })?).into_response())
}

/// One entry a day and room says that the evidence was looked at. That it could not be written keeps nobody from reading.
pub(super) async fn viewed(review: &Review, room: RoomId) {
    let day = review.0.ledger.now().japan_day();
    if !review.0.viewed_today(room, &day) {
        return;
    }
    let content = serde_json::json!({ "day": day, "by": "page" });
    let observation = Observation::system(EntryKind::EvidenceViewed, &content)
        .about(room, None)
        .once(format!("viewed:{room}:{day}"));
    if let Err(error) = review.0.ledger.append_one(observation).await {
        tracing::error!(error = %error, room = room.0, "a view could not be recorded");
    }
}
