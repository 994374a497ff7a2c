//! What the owner brought from older copies: shown as such, apart from what the bot itself saw.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::{EntryIndex, RoomId};
use crate::store::{ArchiveStore as _, ImportedMessage, ReviewStore as _};

use super::{Broken, Frame, Login, Review, page, viewed};
use crate::review::show::{self, Names};

const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "imports.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    room: Option<Of>,
    brought: Vec<Brought>,
    earlier: Option<u64>,
    later: Option<u64>,
    suffix: String,
}

struct Of {
    id: RoomId,
    name: String,
    /// It has a timeline of its own.
    watched: bool,
}

struct Brought {
    n: EntryIndex,
    room: String,
    who: String,
    at: String,
    html: String,
    deleted: bool,
    hit: bool,
}

#[derive(Deserialize)]
pub(in crate::review) struct Place {
    room: Option<u64>,
    from: Option<u64>,
    /// An entry to be shown with those around it.
    at: Option<u64>,
}

/// Who wrote it, as the copy says.
pub(super) fn author(message: &ImportedMessage) -> String {
    match (&message.name, message.account) {
        (Some(name), _) => show::visible(name),
        (None, Some(account)) => format!("アカウント {account}"),
        (None, None) => "名前なし".to_owned(),
    }
}

/// When it was written, as the copy says.
pub(super) fn written(message: &ImportedMessage) -> String {
    message.sent_at.map_or_else(|| "日時なし".to_owned(), |it| it.japan_long())
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(place): Query<Place>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "search").await?;
    let store = &review.0.store;
    let rooms = review.rooms().await?;
    let room = place.room.map(RoomId);
    let from = match place.at {
        Some(at) => {
            let before = store.imports_before(room, EntryIndex(at), PAGE / 2).await?;
            before.first().map_or(EntryIndex(at), |it| it.n)
        }
        None => EntryIndex(place.from.unwrap_or_default()),
    };
    let mut rows = store.imports_from(room, from, PAGE + 1).await?;
    let later = (rows.len() > PAGE).then(|| rows.pop()).flatten().map(|it| it.n.0);
    let first = rows.first().map_or(from, |it| it.n);
    let earlier = store.imports_before(room, first, PAGE).await?.first().map(|it| it.n.0);
    let mut names: HashMap<RoomId, Names> = HashMap::new();
    let mut brought = Vec::new();
    for row in rows {
        let room = row.room.unwrap_or(RoomId(0));
        let names = match names.entry(room) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                viewed(&review, room).await;
                place.insert(Names::new(store.members(room).await?))
            }
        };
        brought.push(Brought {
            n: row.n,
            room: show::room_name(&rooms, room),
            who: author(&row),
            at: written(&row),
            html: names.html(&row.body),
            deleted: row.deleted,
            hit: place.at == Some(row.n.0),
        });
    }
    let of = room.map(|id| Of {
        id,
        name: show::room_name(&rooms, id),
        watched: rooms.iter().any(|it| it.room == id),
    });
    let suffix = room.map(|it| format!("&room={it}")).unwrap_or_default();
    page(&Page { frame, room: of, brought, earlier, later, suffix })
}
