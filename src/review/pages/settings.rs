//! The settings: what the bot may do where, its texts, the switch that stops it, who is logged in.

use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use tower_sessions::Session;

use crate::desk::words::Word;
use crate::domain::{AccountId, MessageId, RoomId};
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::template::{ReminderContext, ReminderForm};
use crate::store::StandingStore as _;

use super::{Broken, Frame, Login, Review, page};
use crate::review::door;
use crate::review::show::{self, Names};
use crate::review::words;

#[derive(Template)]
#[template(path = "settings.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    said: Option<&'static str>,
    working: bool,
    switch_words: String,
    file: Option<String>,
    rooms: Vec<RoomLine>,
    preview: String,
    version: String,
}

struct RoomLine {
    name: String,
    mode: &'static str,
    max: u32,
    quiet: &'static str,
}

#[derive(Deserialize)]
pub(in crate::review) struct Said {
    said: Option<String>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(said): Query<Said>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "settings").await?;
    let parts = &review.0;
    let rooms = review.rooms().await?;
    let switches = parts.store.switches().await?;
    let quiet = switches.quiet_until.filter(|it| *it > parts.ledger.now());
    let lines = parts.config.rooms.iter().map(|it| {
        let known = rooms.iter().find(|row| row.room == it.id);
        let settings = parts.config.reply_for(it.id, known.and_then(|row| row.room_type));
        RoomLine {
            name: show::room_name(&rooms, it.id),
            mode: words::mode(settings.mode),
            max: settings.max_per_room_per_day,
            quiet: if settings.quiet_hours.is_some() { "あり" } else { "なし" },
        }
    });
    page(&Page {
        frame,
        said: said.said.as_deref().and_then(words::said),
        working: !switches.stopped && quiet.is_none(),
        switch_words: match (switches.stopped, quiet) {
            (true, _) => "停止中です。記録は続けています。".to_owned(),
            (false, Some(until)) => format!("{}まで、投稿を控えています。", until.japan_long()),
            (false, None) => "動いています。止めても、記録は続きます。".to_owned(),
        },
        file: parts.config.origin.as_ref().map(|it| it.display().to_string()),
        rooms: lines.collect(),
        preview: preview(&review),
        version: parts.templates.version().to_owned(),
    })
}

fn preview(review: &Review) -> String {
    let Some(message) = MessageId::new("1") else { return String::new() };
    let text = review.0.templates.render_reminder(&ReminderContext {
        account: AccountId(1),
        room: RoomId(1),
        message: &message,
        sender_name: Some("山田 太郎"),
        start_before_escrow: false,
        form: ReminderForm::NewJob,
        automatic_line: review.0.config.reply.automatic_line,
    });
    Names::new(Vec::new()).html(&text)
}

#[derive(Deserialize)]
pub(in crate::review) struct Asked {
    act: String,
}

pub(in crate::review) async fn act(
    State(review): State<Review>,
    Form(asked): Form<Asked>,
) -> Result<Redirect, Broken> {
    const HOUR: Duration = Duration::from_secs(3600);
    let word = match asked.act.as_str() {
        "stop" => Word::Stop,
        "go" => Word::Resume,
        "quiet3" => Word::Quiet(3 * HOUR),
        "quiet12" => Word::Quiet(12 * HOUR),
        _ => return Ok(Redirect::to("/settings")),
    };
    review.0.desk().obey(&word, &Seen::Newest, &By::Page).await?;
    review.0.wake.notify_one();
    Ok(Redirect::to("/settings?said=done"))
}

#[derive(Template)]
#[template(path = "password.html", config = "src/review/askama.toml")]
struct Password {
    frame: Frame,
    min: usize,
    short: bool,
}

pub(in crate::review) async fn password(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "settings").await?;
    page(&Password { frame, min: door::MIN_CHARS, short: false })
}

#[derive(Deserialize)]
pub(in crate::review) struct NewPassword {
    password: String,
}

pub(in crate::review) async fn set_password(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    session: Session,
    Form(form): Form<NewPassword>,
) -> Result<Response, Broken> {
    if form.password.chars().count() < door::MIN_CHARS || form.password.len() > door::MAX_BYTES {
        let frame = Frame::new(&review, &login, "settings").await?;
        return page(&Password { frame, min: door::MIN_CHARS, short: true });
    }
    door::set_password(&review, &session, &form.password).await?;
    Ok(Redirect::to("/settings?said=password").into_response())
}
