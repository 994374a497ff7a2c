//! Search over all versions, with filters and the words marked.

use askama::Template;
use axum::Extension;
use axum::extract::{Query as Parameters, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, EntryIndex, Label, RoomId, UtcMillis};
use crate::search::{self, Hit, Query};
use crate::store::{
    ArchiveStore as _, CaseRow, CaseStore as _, ImportedMessage, ReviewStore as _, RoomRow, SearchFilter,
    SearchRow, VersionRow,
};

use super::{Broken, Frame, Login, Review, imports, page};
use crate::review::show::{self, Part};
use crate::review::words;

const PAGE: usize = 50;
/// People to choose from at most.
const PEOPLE: usize = 500;
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The form as it comes in the address; a page of results can be kept and sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(in crate::review) struct Form {
    #[serde(default)]
    q: String,
    #[serde(default)]
    room: String,
    #[serde(default)]
    sender: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    case: String,
    #[serde(default)]
    flag: String,
    edited: Option<String>,
    deleted: Option<String>,
    file: Option<String>,
    imported: Option<String>,
    exact: Option<String>,
    before: Option<u64>,
}

impl Form {
    fn edited(&self) -> bool {
        self.edited.is_some()
    }

    fn deleted(&self) -> bool {
        self.deleted.is_some()
    }

    fn file(&self) -> bool {
        self.file.is_some()
    }

    fn imported(&self) -> bool {
        self.imported.is_some()
    }

    fn exact(&self) -> bool {
        self.exact.is_some()
    }

    /// A value that cannot be read narrows nothing.
    fn filter(&self, cases: &[CaseRow]) -> SearchFilter {
        SearchFilter {
            room: self.room.parse().ok().map(RoomId),
            sender: self.sender.parse().ok().map(AccountId),
            from: UtcMillis::parse_japan_day(&self.from),
            to: UtcMillis::parse_japan_day(&self.to).map(|it| it.plus(DAY)),
            edited: self.edited(),
            deleted: self.deleted(),
            has_file: self.file(),
            case: cases.iter().find(|it| it.id.0.to_string() == self.case).map(search::of_case),
            flag: match self.flag.as_str() {
                "" => None,
                "any" => Some(None),
                name => Label::ALL.into_iter().find(|it| it.as_str() == name).map(Some),
            },
            imported: self.imported(),
        }
    }

    fn narrowed(&self) -> bool {
        let texts = [&self.room, &self.sender, &self.from, &self.to, &self.case, &self.flag];
        texts.iter().any(|it| !it.is_empty())
            || self.edited()
            || self.deleted()
            || self.file()
            || self.imported()
            || self.exact()
    }
}

#[derive(Template)]
#[template(path = "search.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    form: Form,
    narrowed: bool,
    rooms: Vec<Choice>,
    people: Vec<Choice>,
    cases: Vec<Choice>,
    flags: Vec<Choice>,
    asked: bool,
    hits: Vec<Found>,
    next: Option<String>,
    package: Option<String>,
}

struct Choice {
    id: String,
    name: String,
    chosen: bool,
}

impl Choice {
    fn new(id: impl ToString, name: String, chosen: &str) -> Self {
        let id = id.to_string();
        Self { chosen: id == chosen, id, name }
    }
}

struct Found {
    /// Where it stands among what was said around it.
    href: String,
    room: String,
    who: String,
    at: String,
    marks: Vec<Chip>,
    pieces: Vec<Part>,
}

struct Chip {
    class: &'static str,
    words: &'static str,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Parameters(form): Parameters<Form>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "search").await?;
    let store = &review.0.store;
    let (rooms, cases) = (review.rooms().await?, store.cases().await?);
    let people = store.people(PEOPLE).await?;
    let asked = !form.q.trim().is_empty() || form.narrowed();
    let (mut hits, mut next) = (Vec::new(), None);
    if asked {
        let query = Query::parse(&form.q, form.exact());
        let before = form.before.map(EntryIndex);
        let found = search::search(store, &query, &form.filter(&cases), before, PAGE).await?;
        for hit in &found.hits {
            hits.push(result(&review, hit, &rooms).await?);
        }
        next = found.next.map(|it| address(&form, it));
    }
    let flags = [Choice::new("any", "どれか".to_owned(), &form.flag)].into_iter();
    let labels = Label::ALL.map(|it| Choice::new(it.as_str(), words::label(it).to_owned(), &form.flag));
    page(&Page {
        frame,
        narrowed: form.narrowed(),
        rooms: rooms
            .iter()
            .map(|it| Choice::new(it.room, show::room_name(&rooms, it.room), &form.room))
            .collect(),
        people: people
            .into_iter()
            .map(|(id, name)| Choice::new(id, show::visible(&name), &form.sender))
            .collect(),
        cases: cases
            .iter()
            .rev()
            .map(|it| Choice::new(it.id, format!("案件 {}", it.id), &form.case))
            .collect(),
        flags: flags.chain(labels).collect(),
        asked,
        hits,
        next,
        package: package(&form),
        form,
    })
}

async fn result(review: &Review, hit: &Hit, rooms: &[RoomRow]) -> Result<Found, Broken> {
    let pieces = show::excerpt(hit);
    match &hit.row {
        SearchRow::Imported(message) => Ok(brought(message, rooms, pieces)),
        SearchRow::Captured { version, send_time, deleted, current } => {
            let who = review.0.store.name_at(version.room, version.account, version.n).await?;
            Ok(Found {
                href: format!("/rooms/{}?at={}#m{}", version.room, version.message, version.message),
                room: show::room_name(rooms, version.room),
                who: who.map_or_else(|| format!("アカウント {}", version.account), |it| show::visible(&it)),
                at: version.update_time.unwrap_or(*send_time).japan_long(),
                marks: marks(version, *deleted, *current),
                pieces,
            })
        }
    }
}

fn marks(version: &VersionRow, deleted: bool, current: bool) -> Vec<Chip> {
    let mut marks = Vec::new();
    if deleted {
        marks.push(Chip { class: "deleted", words: "削除" });
    }
    if !current && !deleted {
        marks.push(Chip { class: "edited", words: "編集前の文" });
    } else if version.version > 1 {
        marks.push(Chip { class: "edited", words: "編集" });
    }
    marks
}

/// A message of an import: it stands on a page of its own, beside what the bot itself saw.
fn brought(message: &ImportedMessage, rooms: &[RoomRow], pieces: Vec<Part>) -> Found {
    let mut marks = vec![Chip { class: "info", words: "取り込み" }];
    if message.deleted {
        marks.push(Chip { class: "deleted", words: "削除" });
    }
    let room = message.room.unwrap_or(RoomId(0));
    Found {
        href: format!("/imports?room={room}&at={}#n{}", message.n, message.n),
        room: show::room_name(rooms, room),
        who: imports::author(message),
        at: imports::written(message),
        marks,
        pieces,
    }
}

/// Where a package of these hits is asked for: one is of a room, and finds by words and days alone.
fn package(form: &Form) -> Option<String> {
    let others = [&form.sender, &form.case, &form.flag];
    let checks = [form.edited(), form.deleted(), form.file(), form.imported(), form.exact()];
    if form.room.is_empty()
        || form.q.trim().is_empty()
        || others.iter().any(|it| !it.is_empty())
        || checks.contains(&true)
    {
        return None;
    }
    let pairs = [("room", &form.room), ("q", &form.q), ("from", &form.from), ("to", &form.to)];
    let mut url = reqwest::Url::parse("http://localhost/").expect("a fixed address");
    url.query_pairs_mut()
        .append_pair("preview", "1")
        .extend_pairs(pairs.iter().filter(|it| !it.1.is_empty()));
    url.query().map(str::to_owned)
}

/// The address of the next page.
fn address(form: &Form, before: EntryIndex) -> String {
    let mut url = reqwest::Url::parse("http://localhost/").expect("a fixed address");
    {
        let mut pairs = url.query_pairs_mut();
        let texts = [
            ("q", &form.q),
            ("room", &form.room),
            ("sender", &form.sender),
            ("from", &form.from),
            ("to", &form.to),
            ("case", &form.case),
            ("flag", &form.flag),
        ];
        for (name, value) in texts.into_iter().filter(|it| !it.1.is_empty()) {
            pairs.append_pair(name, value);
        }
        let checks = [
            ("edited", form.edited()),
            ("deleted", form.deleted()),
            ("file", form.file()),
            ("imported", form.imported()),
            ("exact", form.exact()),
        ];
        for (name, _) in checks.into_iter().filter(|it| it.1) {
            pairs.append_pair(name, "1");
        }
        pairs.append_pair("before", &before.0.to_string());
    }
    url.query().unwrap_or_default().to_owned()
}
