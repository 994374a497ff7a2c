//! The settings: what the bot may do where, its texts, the switch that stops it, who is logged in.

use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use tower_sessions::Session;
use unicode_normalization::UnicodeNormalization as _;

use crate::config::{Mode, QuietHours, Said};
use crate::desk::words::Word;
use crate::domain::{AccountId, MessageId, RoomId};
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::said;
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
    id: RoomId,
    name: String,
    /// Value, words, chosen.
    modes: Vec<(&'static str, &'static str, bool)>,
    max: u32,
    quiet: String,
    /// The owner has said something that is not in the configuration.
    said: bool,
    /// Chosen, but nobody said who the clients of this group are.
    bounded: bool,
}

#[derive(Deserialize)]
pub(in crate::review) struct Told {
    said: Option<String>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(told): Query<Told>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "settings").await?;
    let parts = &review.0;
    let rooms = review.rooms().await?;
    let switches = parts.store.switches().await?;
    let quiet = switches.quiet_until.filter(|it| *it > parts.ledger.now());
    let mut lines = Vec::new();
    for it in &parts.config.rooms {
        let known = rooms.iter().find(|row| row.room == it.id);
        let said = said::of(&parts.store, it.id).await?;
        let settings = parts.config.reply_said(it.id, known.and_then(|row| row.room_type), said);
        let chosen = said.mode.unwrap_or(settings.mode);
        lines.push(RoomLine {
            id: it.id,
            name: show::room_name(&rooms, it.id),
            modes: Mode::ALL.map(|it| (it.as_str(), words::mode(it), it == chosen)).to_vec(),
            max: settings.max_per_room_per_day,
            quiet: settings.quiet_hours.map(|it| it.text()).unwrap_or_default(),
            said: said != Said::default(),
            bounded: chosen > settings.mode,
        });
    }
    page(&Page {
        frame,
        said: told.said.as_deref().and_then(words::said),
        working: !switches.stopped && quiet.is_none(),
        switch_words: match (switches.stopped, quiet) {
            (true, _) => "停止中です。記録は続けています。".to_owned(),
            (false, Some(until)) => format!("{}まで、投稿を控えています。", until.japan_long()),
            (false, None) => "動いています。止めても、記録は続きます。".to_owned(),
        },
        file: parts.config.origin.as_ref().map(|it| it.display().to_string()),
        rooms: lines,
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
    room: Option<RoomId>,
    mode: Option<String>,
    quiet: Option<String>,
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
        "speak" | "as_file" => return speak(&review, &asked).await,
        _ => return Ok(Redirect::to("/settings")),
    };
    review.0.desk().obey(&word, &Seen::Newest, &By::Page).await?;
    review.0.wake.notify_one();
    Ok(Redirect::to("/settings?said=done"))
}

/// How the bot speaks in one room: as chosen, or as the configuration has it again.
async fn speak(review: &Review, asked: &Asked) -> Result<Redirect, Broken> {
    let parts = &review.0;
    let Some(room) = asked.room.filter(|it| parts.config.room(*it).is_some()) else {
        return Ok(Redirect::to("/settings"));
    };
    let said = match asked.act.as_str() {
        "as_file" => Some(Said::default()),
        _ => chosen(asked),
    };
    let Some(said) = said else { return Ok(Redirect::to("/settings?said=not_read")) };
    let changed = parts.desk().speak(room, said, &By::Page).await?;
    parts.wake.notify_one();
    Ok(Redirect::to(if changed { "/settings?said=done" } else { "/settings?said=same" }))
}

/// `None` where it cannot be read: nothing is changed then.
fn chosen(asked: &Asked) -> Option<Said> {
    let mode = Mode::parse(asked.mode.as_deref()?)?;
    let quiet: String = asked.quiet.as_deref()?.nfkc().filter(|it| !it.is_whitespace()).collect();
    let quiet = quiet.replace(['~', '〜', '–', 'ー', '−'], "-");
    let quiet_hours = if quiet.is_empty() { None } else { Some(QuietHours::parse(&quiet)?) };
    Some(Said { mode: Some(mode), quiet_hours: Some(quiet_hours) })
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
