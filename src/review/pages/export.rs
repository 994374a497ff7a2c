//! Evidence packages: asked for here, made in the background, fetched from here.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use crate::chatwork::notation;
use crate::domain::{AccountId, CaseId, MessageId, RoomId};
use crate::export::{Audience, ExportError, Exporter, Found, Packages, Request, Withheld};
use crate::proof::bundle::Withhold;
use crate::search::{self, Query};
use crate::store::{CaseStore as _, ContinueStore as _, SearchFilter, Store};

use super::cases::line;
use super::{Broken, Frame, Login, Review, absent, page};
use crate::review::show;

/// Characters of a message that is left out, as it is shown before it is let in.
const EXCERPT: usize = 80;
/// Messages that are left out which the page lists.
const LISTED: usize = 200;

/// What is known of the package that was asked for last.
#[derive(Clone, Default)]
pub(in crate::review) enum PackageView {
    #[default]
    None,
    /// Since when.
    Running(String),
    Made(Made),
    Failed(String),
}

#[derive(Clone)]
pub(in crate::review) struct Made {
    name: String,
    sha256: String,
    words: String,
    anchor: Option<String>,
}

#[derive(Template)]
#[template(path = "export.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    ready: bool,
    asked: Asked,
    rooms: Vec<Choice>,
    cases: Vec<Choice>,
    ledgers: Vec<LedgerLine>,
    preview: Option<Preview>,
    problem: Option<String>,
    state: PackageView,
    packages: Vec<PackageLine>,
}

struct Choice {
    id: u64,
    name: String,
    chosen: bool,
}

/// A ledger that the present one continues.
struct LedgerLine {
    id: String,
    short: String,
    entries: u64,
    chosen: bool,
}

struct Preview {
    count: usize,
    lines: Vec<WithheldLine>,
}

struct WithheldLine {
    message: Option<MessageId>,
    reason: &'static str,
    text: String,
    released: bool,
}

struct PackageLine {
    name: String,
    made: String,
    size: String,
}

/// The form. `release` may stand in it many times, so it is read pair by pair.
#[derive(Clone, Default)]
struct Asked {
    room: Option<RoomId>,
    case: Option<CaseId>,
    from: String,
    to: String,
    words: String,
    ledger: String,
    audience: String,
    others: bool,
    secrets: bool,
    released: BTreeSet<String>,
    preview: bool,
}

impl Asked {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "room" => asked.room = value.parse().ok().map(RoomId),
                "case" => asked.case = value.parse().ok().map(CaseId),
                "from" => asked.from = value,
                "to" => asked.to = value,
                "q" => asked.words = value,
                "ledger" => asked.ledger = value,
                "for" => asked.audience = value,
                "others" => asked.others = true,
                "secrets" => asked.secrets = true,
                "release" => _ = asked.released.insert(value),
                "preview" => asked.preview = true,
                _ => {}
            }
        }
        asked
    }

    fn names_something(&self) -> bool {
        self.room.is_some() || self.case.is_some()
    }

    async fn request(&self, store: &Store) -> Result<Request, ExportError> {
        let mut request = self.plain();
        if request.case.is_none() && !self.words.trim().is_empty() {
            let (from, to) = request.times()?;
            let filter = SearchFilter { room: request.room, from, to, ..SearchFilter::default() };
            let messages = search::messages(store, &Query::parse(&self.words, false), &filter).await?;
            request.found = Some(Found { query: self.words.clone(), messages });
        }
        Ok(request)
    }

    /// Without what is searched for.
    fn plain(&self) -> Request {
        let day = |day: &String| (!day.is_empty() && self.case.is_none()).then(|| day.clone());
        let withhold = [(self.others, Withhold::Others), (self.secrets, Withhold::Secrets)];
        Request {
            found: None,
            ledger: (!self.ledger.is_empty()).then(|| self.ledger.clone()),
            // A case says itself which room and which days.
            room: self.room.filter(|_| self.case.is_none()),
            from: day(&self.from),
            to: day(&self.to),
            case: self.case,
            withhold: withhold.into_iter().filter(|(shown, _)| !shown).map(|(_, it)| it).collect(),
            released: self.released.iter().filter_map(|it| MessageId::new(it.clone())).collect(),
            audience: self.case.and(match self.audience.as_str() {
                "court" => Some(Audience::Court),
                "lawyer" => Some(Audience::Lawyer),
                "crowdworks" => Some(Audience::CrowdWorks),
                _ => None,
            }),
            known: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
pub(in crate::review) struct Pairs(Vec<(String, String)>);

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Parameters(pairs): Parameters<Pairs>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "proof").await?;
    let asked = Asked::of(pairs.0);
    let (preview, problem) = match (asked.preview, asked.names_something()) {
        (true, true) => match preview(&review, &asked).await {
            Ok(preview) => (preview, None),
            Err(error) => (None, Some(words(&error)?)),
        },
        (true, false) => (None, Some("ルームか案件を選んでください。".to_owned())),
        (false, _) => (None, None),
    };
    let rooms = review.rooms().await?;
    let cases = review.0.store.cases().await?;
    let case = |it: &crate::store::CaseRow| {
        let shown = line(it, &rooms);
        Choice {
            id: it.id.0,
            name: format!("案件 {}：{}（{}）", it.id, shown.terms, shown.room),
            chosen: asked.case == Some(it.id),
        }
    };
    let room = |it: &crate::store::RoomRow| Choice {
        id: it.room.0,
        name: show::room_name(&rooms, it.room),
        chosen: asked.room == Some(it.room),
    };
    let earlier = review.0.store.predecessors().await?.into_iter().map(|it| LedgerLine {
        short: it.ledger_id.chars().take(8).collect(),
        entries: it.size,
        chosen: asked.ledger == it.ledger_id,
        id: it.ledger_id,
    });
    page(&Page {
        frame,
        ledgers: earlier.collect(),
        ready: review.0.is_working(),
        rooms: rooms.iter().map(room).collect(),
        cases: cases.iter().rev().map(case).collect(),
        preview,
        problem,
        state: review.0.package(),
        packages: packages(&review)?,
        asked,
    })
}

fn packages(review: &Review) -> Result<Vec<PackageLine>, Broken> {
    let found = Packages::new(&review.0.config.storage.data_dir).list().map_err(|error| {
        tracing::error!(error = %error, "the folder of packages cannot be read");
        Broken
    })?;
    let line = |it: crate::export::Package| PackageLine {
        name: it.name,
        made: it.made.japan_long(),
        size: show::size(it.bytes),
    };
    Ok(found.into_iter().map(line).collect())
}

async fn preview(review: &Review, asked: &Asked) -> Result<Option<Preview>, ExportError> {
    let Some(owners) = review.0.owners() else { return Ok(None) };
    let role = |room: RoomId, account: AccountId| review.0.config.role_of(room, None, account, owners);
    let exporter = exporter(review, &role);
    let mut request = asked.request(&review.0.store).await?;
    // Shown are those that are let in one by one too, so that each can be taken out again.
    request.released.clear();
    let withheld = exporter.preview(&request).await?;
    let line = |it: &Withheld| WithheldLine {
        reason: match it.reason {
            Withhold::Others => "ほかの人の発言",
            Withhold::Secrets => "パスワードやカード番号らしきもの",
            Withhold::Unfound => "検索で見つからなかったもの",
        },
        text: it.body.as_deref().map(excerpt).unwrap_or_default(),
        released: it.message.as_ref().is_some_and(|it| asked.released.contains(it.as_str())),
        message: it.message,
    };
    Ok(Some(Preview { count: withheld.len(), lines: withheld.iter().take(LISTED).map(line).collect() }))
}

fn excerpt(body: &str) -> String {
    let text = notation::parse(body).plain_text();
    let mut chars = text.trim().chars();
    let mut start: String = chars.by_ref().take(EXCERPT).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    show::visible(&start)
}

fn exporter<'a>(review: &'a Review, role: &'a crate::export::Roles<'a>) -> Exporter<'a> {
    let parts = &review.0;
    Exporter { store: &parts.store, ledger: &parts.ledger, data_dir: &parts.config.storage.data_dir, role }
}

/// What was wrong with the form, in words; what is wrong with the bot is no answer.
fn words(error: &ExportError) -> Result<String, Broken> {
    Ok(match error {
        ExportError::Day(day) => {
            format!("「{}」は日付として読めません。2026-11-23 のように書いてください。", show::visible(day))
        }
        ExportError::NoCase(_) => "その案件はありません。".to_owned(),
        ExportError::OtherRoom { .. } => "その案件は、選んだルームのものではありません。".to_owned(),
        ExportError::NothingFound => {
            "そのことばを含むメッセージが、このルームと期間にありません。".to_owned()
        }
        ExportError::NoLedger(_) => "その復元前の記録はありません。".to_owned(),
        ExportError::Unsigned(_) => {
            "その記録の最後のほうには署名がなく、資料にできません。「いつまで」を早めてお試しください。"
                .to_owned()
        }
        ExportError::Nothing(_) => "その期間の記録がありません。日付を広げてお試しください。".to_owned(),
        ExportError::NotIntact(_) | ExportError::Entry(_) => {
            "記録に一致しないところがあり、資料は作りませんでした。「証拠」のページで検証してください。"
                .to_owned()
        }
        error => {
            tracing::error!(error = %error, "a package could not be made");
            return Err(Broken);
        }
    })
}

/// Asks for a package; while one is being made, no other is begun.
pub(in crate::review) async fn ask(
    State(review): State<Review>,
    Form(pairs): Form<Pairs>,
) -> Result<Redirect, Broken> {
    let asked = Asked::of(pairs.0);
    if !asked.names_something() {
        return Ok(Redirect::to("/export?preview=1"));
    }
    let since = review.0.ledger.now().japan_long();
    if !matches!(review.0.package(), PackageView::Running(_)) {
        match asked.request(&review.0.store).await {
            Ok(request) => {
                review.0.set_package(PackageView::Running(since));
                review.0.want_package(request);
            }
            Err(error) => review.0.set_package(PackageView::Failed(words(&error)?)),
        }
    }
    Ok(Redirect::to("/export#state"))
}

/// Makes one package.
pub(in crate::review) async fn make(review: &Review, request: &Request) -> PackageView {
    match made(review, request).await {
        Ok(made) => PackageView::Made(made),
        Err(error) => PackageView::Failed(words(&error).unwrap_or_else(|_| {
            "資料を作れませんでした。記録は失われていません。ディスクの空きを確かめて、もう一度お試しください。".to_owned()
        })),
    }
}

async fn made(review: &Review, request: &Request) -> Result<Made, ExportError> {
    let parts = &review.0;
    let owners = parts.owners().unwrap_or_default();
    let role = |room: RoomId, account: AccountId| parts.config.role_of(room, None, account, owners);
    let place = Packages::new(&parts.config.storage.data_dir).place(
        request.room,
        request.case,
        parts.ledger.now(),
    )?;
    let exported = exporter(review, &role).export(request, &place).await?;
    let counts = &exported.manifest.counts;
    let mut words = format!(
        "メッセージ{}件、編集{}回、削除・所在不明{}件、記録の抜け{}件。",
        counts.messages,
        counts.edits,
        counts.gone,
        exported.manifest.gaps.len()
    );
    if counts.withheld > 0 {
        words.push_str(&format!("{}件の内容は開示していません。", counts.withheld));
    }
    Ok(Made {
        name: place.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default(),
        sha256: exported.sha256,
        words,
        anchor: exported.anchors.first().map(|it| it.at.japan_long()),
    })
}

/// The bytes of a package.
pub(in crate::review) async fn download(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Path(name): Path<String>,
) -> Result<Response, Broken> {
    let opened = Packages::new(&review.0.config.storage.data_dir).open(&name).map_err(|error| {
        tracing::error!(error = %error, "a package cannot be read");
        Broken
    })?;
    let Some(file) = opened else { return absent(Frame::new(&review, &login, "proof").await?) };
    let length = file.metadata().map_err(|_| Broken)?.len();
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        // Names of ours are letters, digits and hyphens.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, show::stream(file)).into_response())
}
