//! The cases: where each stands, what is known and what is missing, the draft, and what the owner may say.

use askama::Template;
use axum::extract::{self, Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use crate::cases::{self, Reading, Readings, State};
use crate::desk::words::{CaseWord, Word};
use crate::domain::{CaseId, EntryIndex, MessageId, RoomId};
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::template::{Answer, reading_ja};
use crate::store::{ArchiveStore as _, CaseRow, CaseStore as _, DraftState, RoomRow, StandingStore as _};

use super::{Broken, Frame, Login, Review, absent, page};
use crate::review::show::{self, Names};
use crate::review::words;

/// Characters of a message in a list.
const EXCERPT: usize = 60;

#[derive(Template)]
#[template(path = "cases.html", config = "src/review/askama.toml")]
struct List {
    frame: Frame,
    open: Vec<CaseLine>,
    closed: Vec<CaseLine>,
}

pub(super) struct CaseLine {
    pub(super) id: CaseId,
    pub(super) room: String,
    pub(super) terms: String,
    pub(super) state: &'static str,
    pub(super) next: &'static str,
    pub(super) class: &'static str,
}

pub(super) fn line(case: &CaseRow, rooms: &[RoomRow]) -> CaseLine {
    let terms = [&case.terms.deliverable, &case.terms.quantity, &case.terms.amount, &case.terms.deadline];
    let terms: Vec<String> = terms.into_iter().flatten().map(|it| show::visible(it)).collect();
    let (state, next, class) = words::state(&case.state);
    CaseLine {
        id: case.id,
        room: show::room_name(rooms, case.room),
        terms: if terms.is_empty() { "内容は未確認".to_owned() } else { terms.join("・") },
        state,
        next,
        class,
    }
}

pub(in crate::review) async fn list(
    extract::State(review): extract::State<Review>,
    Extension(login): Extension<Login>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "cases").await?;
    let rooms = review.rooms().await?;
    let cases = review.0.store.cases().await?;
    let (closed, open): (Vec<_>, Vec<_>) = cases.iter().rev().partition(|it| words::is_closed(&it.state));
    let lines = |cases: Vec<&CaseRow>| cases.into_iter().map(|it| line(it, &rooms)).collect();
    page(&List { frame, open: lines(open), closed: lines(closed) })
}

#[derive(Template)]
#[template(path = "case.html", config = "src/review/askama.toml")]
struct One {
    frame: Frame,
    it: CaseLine,
    room_id: RoomId,
    opened: String,
    said: Option<&'static str>,
    steps: Vec<Step>,
    draft: Option<Draft>,
    terms: Vec<Term>,
    messages: Vec<Line>,
    conditions: Vec<Condition>,
    soon: Vec<Soon>,
    acts: Vec<Act>,
    reminded: bool,
    notes: Vec<Note>,
}

/// An item of Article 3 of the Freelance Act, and the message that states it.
struct Condition {
    name: &'static str,
    found: Option<String>,
    words: String,
    reading: Option<String>,
}

/// What the owner will be told of, and when.
struct Soon {
    what: &'static str,
    at: String,
}

struct Step {
    name: &'static str,
    class: &'static str,
}

struct Draft {
    n: u64,
    html: String,
    why: &'static str,
    open: bool,
}

struct Term {
    name: &'static str,
    value: String,
    /// What the words mean, where a day or a sum could be read.
    reading: Option<String>,
}

struct Line {
    part: &'static str,
    room: RoomId,
    id: MessageId,
    text: String,
}

struct Act {
    value: &'static str,
    name: &'static str,
    class: &'static str,
}

struct Note {
    at: String,
    text: String,
}

#[derive(Deserialize)]
pub(in crate::review) struct Said {
    said: Option<String>,
}

pub(in crate::review) async fn show(
    extract::State(review): extract::State<Review>,
    Extension(login): Extension<Login>,
    Path(id): Path<u64>,
    Query(said): Query<Said>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "cases").await?;
    let store = &review.0.store;
    let Some(case) = store.case(CaseId(id)).await? else {
        return absent(frame);
    };
    let rooms = review.rooms().await?;
    let names = Names::new(store.members(case.room).await?);
    let draft = store.draft(case.id).await?.map(|it| Draft {
        n: it.drafted_n.0,
        html: names.html(&it.text),
        why: words::why(&it.why),
        open: it.state == DraftState::Open,
    });
    let desk = review.0.desk();
    let Some(view) = desk.view(case.id).await? else {
        return absent(frame);
    };
    let conditions = view.conditions.into_iter().map(|it| Condition {
        name: words::item(it.item),
        reading: it.reading.as_ref().map(reading_ja),
        words: it.found.as_ref().map(|(_, words)| show::visible(words)).unwrap_or_default(),
        found: it.found.map(|(message, _)| format!("/rooms/{0}?at={message}#m{message}", case.room)),
    });
    let mut soon = Vec::new();
    if let Some(state) = State::parse(&case.state) {
        let standing = desk.standing(&case, state).await?;
        let found = cases::upcoming(&standing, &review.0.config.patience, review.0.ledger.now());
        soon.extend(
            found.into_iter().map(|(nudge, at)| Soon { what: words::nudge(nudge), at: at.japan_long() }),
        );
    }
    let notes = view.notes;
    page(&One {
        frame,
        it: line(&case, &rooms),
        room_id: case.room,
        opened: case.opened_at.japan_long(),
        said: said.said.as_deref().and_then(words::said),
        steps: steps(&case.state),
        draft,
        terms: terms(&case, view.readings),
        messages: messages(&review, &case).await?,
        conditions: conditions.collect(),
        soon,
        acts: acts(&case.state),
        reminded: case.reminded,
        notes: notes
            .into_iter()
            .map(|it| Note { at: it.at.japan_long(), text: show::visible(&it.text) })
            .collect(),
    })
}

fn steps(state: &str) -> Vec<Step> {
    let now = words::STEPS.iter().position(|it| it.0 == state);
    let class = |at: usize| match now {
        Some(now) if at < now => "done",
        Some(now) if at == now => "now",
        _ => "",
    };
    words::STEPS.iter().enumerate().map(|(at, it)| Step { name: it.1, class: class(at) }).collect()
}

fn terms(case: &CaseRow, readings: Readings) -> Vec<Term> {
    let amount = readings.amount.map(Reading::Amount);
    let deadline = readings.deadline.map(Reading::Deadline);
    let terms = [
        ("つくるもの", &case.terms.deliverable, None),
        ("数量", &case.terms.quantity, None),
        ("金額", &case.terms.amount, amount),
        ("期日", &case.terms.deadline, deadline),
        ("依頼のページ", &case.job_link, None),
        ("契約のページ", &case.contract_link, None),
    ];
    let value = |it: &Option<String>| it.as_deref().map(show::visible).unwrap_or_default();
    let term = |(name, it, reading): (_, _, Option<Reading>)| Term {
        name,
        value: value(it),
        reading: reading.as_ref().map(reading_ja),
    };
    terms.into_iter().map(term).collect()
}

async fn messages(review: &Review, case: &CaseRow) -> Result<Vec<Line>, Broken> {
    let mut lines = Vec::new();
    for it in review.0.store.case_messages(case.id).await? {
        let Some(row) = review.0.store.message(it.room, &it.message).await? else {
            continue;
        };
        let text = crate::chatwork::notation::parse(&row.current.body).plain_text();
        let text: String = show::visible(text.trim()).chars().take(EXCERPT).collect();
        let text = if row.deleted { "（削除）".to_owned() } else { text };
        lines.push(Line { part: words::part(&it.part), room: it.room, id: it.message, text });
    }
    Ok(lines)
}

/// What can be said of a case in this state: the next step first, taking it out last.
fn acts(state: &str) -> Vec<Act> {
    let at = words::STEPS.iter().position(|it| it.0 == state);
    let Some(at) = at.filter(|_| !words::is_closed(state)) else {
        return Vec::new();
    };
    let steps = [
        (4, "escrow_confirmed", "仮払いを確認した"),
        (5, "working", "作業を始めた"),
        (6, "delivered", "納品した"),
        (7, "accepted", "検収された"),
        (8, "paid", "支払われた"),
    ];
    let mut acts: Vec<Act> = steps
        .into_iter()
        .filter(|(step, ..)| *step > at)
        .map(|(_, value, name)| Act { value, name, class: "quiet" })
        .take(2)
        .collect();
    if let Some(first) = acts.first_mut() {
        first.class = "";
    }
    acts.push(Act { value: "withdrawn", name: "クライアントが取り下げた", class: "quiet" });
    acts.push(Act { value: "dismissed", name: "案件ではない（取消）", class: "quiet" });
    acts
}

#[derive(Deserialize)]
pub(in crate::review) struct Asked {
    act: String,
    #[serde(default)]
    text: String,
    draft: Option<u64>,
}

pub(in crate::review) async fn act(
    extract::State(review): extract::State<Review>,
    Path(id): Path<u64>,
    Form(asked): Form<Asked>,
) -> Result<Response, Broken> {
    let code = done(&review, CaseId(id), &asked).await?;
    review.0.wake.notify_one();
    Ok(Redirect::to(&format!("/cases/{id}?said={code}")).into_response())
}

async fn done(review: &Review, case: CaseId, asked: &Asked) -> Result<&'static str, Broken> {
    let seen = asked.draft.map_or(Seen::Newest, |n| Seen::Draft(EntryIndex(n)));
    let word = match asked.act.as_str() {
        "note" if asked.text.trim().is_empty() => return Ok("same"),
        "note" => Word::Note(case, asked.text.clone()),
        act => match ACTS.iter().find(|(name, _)| *name == act) {
            Some((_, word)) => Word::Case(*word, case),
            None => return Ok("same"),
        },
    };
    let reply = review.0.desk().obey(&word, &seen, &By::Page).await?;
    Ok(reply.map_or("same", |it| said(&it.answer)))
}

/// Values of the buttons.
const ACTS: [(&str, CaseWord); 12] = [
    ("approve", CaseWord::Approve),
    ("reject", CaseWord::Reject),
    ("retract", CaseWord::Retract),
    ("escrow_confirmed", CaseWord::Confirm),
    ("working", CaseWord::Begin),
    ("delivered", CaseWord::Deliver),
    ("accepted", CaseWord::Accept),
    ("paid", CaseWord::Paid),
    ("withdrawn", CaseWord::Withdraw),
    ("dismissed", CaseWord::Dismiss),
    ("right", CaseWord::Right),
    ("wrong", CaseWord::Wrong),
];

fn said(answer: &Answer) -> &'static str {
    match answer {
        Answer::Approved(_) => "queued",
        Answer::Rejected(_) => "rejected",
        Answer::Retracted(_) => "retracted",
        Answer::ShowAgain { .. } => "again",
        Answer::AlreadySaid(_) => "already",
        Answer::AlreadyReminded(_) => "reminded",
        Answer::NotWhileStopped(_) => "stopped",
        Answer::NotInThisRoom(_) => "not_here",
        Answer::NoDraft(_) => "no_draft",
        Answer::Noted(_) => "noted",
        Answer::Moved { .. } | Answer::Marked { .. } => "done",
        _ => "same",
    }
}
