//! How cases and figures are printed: JSON for programs, lines for people.

use serde::Serialize;
use serde_json::json;

use crate::cases::{Reading, Readings};
use crate::desk::{CaseView, Desk, Figures};
use crate::domain::{CaseId, MessageId, RoomId, Terms};
use crate::reply::template::{Answer, reading_en, reading_ja};
use crate::store::CaseRow;

use super::Language;
use super::terminal::Terminal;

/// The fields that scripts rely on, in this order; `show` has more behind them.
#[derive(Serialize)]
struct Line<'a> {
    case: CaseId,
    room_id: RoomId,
    state: &'a str,
    request_message_id: &'a MessageId,
    terms: &'a Terms,
    reminded: bool,
    client_account_id: crate::domain::AccountId,
    opened_at: String,
    moved_at: String,
    job_link: Option<&'a str>,
    contract_link: Option<&'a str>,
}

fn line(case: &CaseRow) -> Line<'_> {
    Line {
        case: case.id,
        room_id: case.room,
        state: &case.state,
        request_message_id: &case.request_message,
        terms: &case.terms,
        reminded: case.reminded,
        client_account_id: case.client,
        opened_at: case.opened_at.to_string(),
        moved_at: case.moved_at.to_string(),
        job_link: case.job_link.as_deref(),
        contract_link: case.contract_link.as_deref(),
    }
}

pub(super) fn list_json(case: &CaseRow) -> serde_json::Result<String> {
    serde_json::to_string(&line(case))
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    room_name: Option<&'a str>,
    client_name: Option<&'a str>,
    messages: Vec<serde_json::Value>,
    notes: Vec<serde_json::Value>,
    draft: Option<serde_json::Value>,
    conditions: Vec<serde_json::Value>,
    readings: &'a Readings,
}

pub(super) fn shown_json(view: &CaseView) -> serde_json::Result<String> {
    let messages =
        view.messages.iter().map(|it| json!({ "message_id": it.message, "part": it.part, "n": it.n }));
    let notes = view.notes.iter().map(|it| json!({ "at": it.at.to_string(), "text": it.text, "n": it.n }));
    let conditions = view.conditions.iter().map(|it| {
        let (message, words) = it.found.as_ref().map(|(message, words)| (message, words)).unzip();
        json!({ "item": it.item.as_str(), "message_id": message, "words": words, "reading": it.reading })
    });
    let draft = view.draft.as_ref().map(
        |it| json!({ "purpose": it.purpose.as_str(), "state": it.state.as_str(), "text": it.text, "n": it.drafted_n }),
    );
    serde_json::to_string(&Shown {
        line: line(&view.case),
        room_name: view.line.room_name.as_deref(),
        client_name: view.line.client.as_deref(),
        messages: messages.collect(),
        notes: notes.collect(),
        draft,
        conditions: conditions.collect(),
        readings: &view.readings,
    })
}

pub(super) fn figures_json(figures: &Figures) -> serde_json::Result<String> {
    let clients = figures.clients.iter().map(|it| {
        json!({
            "room_id": it.room,
            "account_id": it.account,
            "name": it.name,
            "open": it.open,
            "without_escrow": it.without_escrow,
            "without_escrow_yen": it.without_escrow_yen,
            "in_work_yen": it.in_work_yen,
        })
    });
    let months = figures.months.iter().map(|it| {
        json!({
            "month": it.month,
            "requests": it.requests,
            "confirmed": it.confirmed,
            "confirmed_yen": it.confirmed_yen,
        })
    });
    serde_json::to_string(&json!({
        "clients": clients.collect::<Vec<_>>(),
        "months": months.collect::<Vec<_>>(),
        "answer_seconds": figures.answer_time.map(|it| it.as_secs()),
    }))
}

pub(super) async fn human(desk: &Desk, case: &CaseRow, terminal: &Terminal) -> anyhow::Result<String> {
    let line = desk.line(case).await?;
    let reminded = match (terminal.language, case.reminded) {
        (Language::Ja, true) => "案内済み",
        (Language::Ja, false) => "案内なし",
        (Language::En, true) => "reminded",
        (Language::En, false) => "not reminded",
    };
    let state = match terminal.language {
        Language::Ja => desk.templates.state(line.state),
        Language::En => case.state.clone(),
    };
    let text = format!(
        "{}  #{}  {} {}  {state}  {reminded}  {}",
        case.opened_at.japan_text(),
        case.id,
        terminal.words("部屋", "room"),
        case.room,
        line.terms
    );
    Ok(harmless(&text))
}

pub(super) fn shown(desk: &Desk, view: &CaseView, terminal: &Terminal) -> String {
    let case = &view.case;
    let state = match terminal.language {
        Language::Ja => desk.templates.state(view.line.state),
        Language::En => case.state.clone(),
    };
    let name = |it: &Option<String>| it.clone().unwrap_or_default();
    let mut out = vec![
        format!("#{}  {state}", case.id),
        format!(
            "{}: {} {} / {} {}",
            terminal.words("部屋とお客様", "room and client"),
            case.room,
            name(&view.line.room_name),
            case.client,
            name(&view.line.client)
        ),
        format!("{}: {}", terminal.words("条件", "terms"), view.line.terms),
    ];
    for (reading, ja, en) in [
        (view.readings.amount.clone().map(Reading::Amount), "金額の読み", "amount read as"),
        (view.readings.deadline.map(Reading::Deadline), "期日の読み", "deadline read as"),
    ] {
        let words = reading.map(|it| reading_words(&it, terminal));
        out.extend(words.map(|it| format!("{}: {it}", terminal.words(ja, en))));
    }
    out.extend([
        format!("{}: {}", terminal.words("受け付け", "opened"), case.opened_at.japan_text()),
        format!("{}: {}", terminal.words("最後の動き", "moved"), case.moved_at.japan_text()),
    ]);
    for link in [&case.job_link, &case.contract_link].into_iter().flatten() {
        out.push(format!("CrowdWorks: {link}"));
    }
    out.push(terminal.words("メッセージ:", "messages:").to_owned());
    out.extend(
        view.messages
            .iter()
            .map(|it| format!("  {}  https://www.chatwork.com/#!rid{}-{}", it.part, it.room, it.message)),
    );
    out.push(
        terminal
            .words("発注条件（フリーランス法 第3条）:", "conditions (Article 3 of the Freelance Act):")
            .to_owned(),
    );
    for it in &view.conditions {
        let what = match terminal.language {
            Language::Ja => desk.templates.item(it.item),
            Language::En => it.item.as_str().to_owned(),
        };
        out.push(match &it.found {
            Some((message, words)) => {
                let read = it.reading.as_ref().map(|it| format!(" = {}", reading_words(it, terminal)));
                format!("  ○ {what}  {words}{}  ({message})", read.unwrap_or_default())
            }
            None => format!("  － {what}"),
        });
    }
    if let Some(draft) = &view.draft {
        out.push(format!("{} ({}):", terminal.words("文案", "draft"), draft.state.as_str()));
        out.extend(draft.text.lines().map(|it| format!("  │ {it}")));
    }
    if !view.notes.is_empty() {
        out.push(terminal.words("メモ:", "notes:").to_owned());
        out.extend(view.notes.iter().map(|it| format!("  {}  {}", it.at.japan_text(), it.text)));
    }
    out.iter().map(|it| harmless(it)).collect::<Vec<_>>().join("\n")
}

pub(super) fn figures(desk: &Desk, figures: &Figures, terminal: &Terminal) -> String {
    if terminal.language == Language::Ja {
        return desk.templates.answer(&figures.answer()).1;
    }
    let mut out = vec!["by client (sums of the cases whose amount could be read):".to_owned()];
    out.extend(figures.clients.iter().map(|it| {
        let name = it.name.clone().unwrap_or_else(|| it.account.to_string());
        format!(
            "  {}  open {}  without escrow {} ({} yen)  in escrow, unpaid {} yen",
            harmless(&name),
            it.open,
            it.without_escrow,
            it.without_escrow_yen,
            it.in_work_yen
        )
    }));
    out.push("by month:".to_owned());
    out.extend(figures.months.iter().map(|it| {
        format!(
            "  {}  requests {}  confirmed {} ({} yen)",
            it.month, it.requests, it.confirmed, it.confirmed_yen
        )
    }));
    if let Some(time) = figures.answer_time {
        out.push(format!("from a request to your own answer, median: {} min", time.as_secs() / 60));
    }
    out.join("\n")
}

/// What became of an act, in English.
pub(super) fn worded(answer: &Answer) -> String {
    match answer {
        Answer::Moved { case, state } => format!("case {case} is now {}", state.as_str()),
        Answer::NotMoved { case, state } => {
            format!("case {case} is {}: nothing was changed", state.as_str())
        }
        Answer::Noted(case) => format!("the note is kept with case {case}"),
        Answer::Marked { case, right: true } => {
            format!("kept: case {case} was rightly seen as a request")
        }
        Answer::Marked { case, right: false } => {
            format!("kept: case {case} is no request; `karibarai case dismiss {case}` closes it")
        }
        // The other answers belong to the control room.
        _ => String::new(),
    }
}

pub(super) fn reading_words(reading: &Reading, terminal: &Terminal) -> String {
    match terminal.language {
        Language::Ja => reading_ja(reading),
        Language::En => reading_en(reading),
    }
}

/// Control characters of a message must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}
