//! The words of the control room, from a page: 契約 …, 静か 3時間, 一覧. The answer is the one that the control room would give.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::{Extension, Form};
use serde::Deserialize;

use crate::chatwork::notation;
use crate::desk::words::{self, Reading};
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::template::Answer;

use super::{Broken, Frame, Login, Review, page};
use crate::review::show;

#[derive(Template)]
#[template(path = "say.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    text: String,
    answer: Option<String>,
    unknown: bool,
}

#[derive(Deserialize)]
pub(in crate::review) struct Said {
    #[serde(default)]
    text: String,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(said): Query<Said>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "settings").await?;
    page(&Page { frame, text: said.text, answer: None, unknown: false })
}

pub(in crate::review) async fn obey(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Form(said): Form<Said>,
) -> Result<Response, Broken> {
    let desk = review.0.desk();
    let answer = match words::read(&said.text) {
        Reading::Nothing => None,
        Reading::NumberMissing(word) => Some(Answer::NumberMissing { word: word.spelling() }),
        Reading::SpanMissing => Some(Answer::SpanMissing),
        Reading::Word(word) => desk.obey(&word, &Seen::Newest, &By::Page).await?.map(|it| it.answer),
    };
    review.0.wake.notify_one();
    let text = answer.map(|it| {
        let told = desk.templates.render_answer(&it);
        show::visible(notation::parse(&told).plain_text().trim())
    });
    let frame = Frame::new(&review, &login, "settings").await?;
    page(&Page { frame, unknown: text.is_none(), text: said.text, answer: text })
}
