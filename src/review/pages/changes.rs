//! Edits and deletions, newest first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::{EntryIndex, MessageId, RoomId};
use crate::store::{ArchiveStore as _, ReviewStore as _};

use super::{Broken, Frame, Login, Review, page, viewed};
use crate::review::show::{self, Names, Version};

const PAGE: usize = 30;

#[derive(Template)]
#[template(path = "changes.html", config = "src/review/askama.toml")]
struct Page {
    frame: Frame,
    room: Option<String>,
    changes: Vec<Change>,
    older: Option<u64>,
    suffix: String,
}

struct Change {
    room_id: RoomId,
    room: String,
    id: MessageId,
    who: String,
    version: Version,
    before: String,
}

#[derive(Deserialize)]
pub(in crate::review) struct Place {
    room: Option<u64>,
    before: Option<u64>,
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Query(place): Query<Place>,
) -> Result<Response, Broken> {
    let frame = Frame::new(&review, &login, "changes").await?;
    let store = &review.0.store;
    let rooms = review.rooms().await?;
    let room = place.room.map(RoomId);
    let before = EntryIndex(place.before.unwrap_or(u64::MAX));
    let mut rows = store.changes(room, before, PAGE + 1).await?;
    let older = (rows.len() > PAGE).then(|| rows[PAGE - 1].0.n.0);
    rows.truncate(PAGE);
    let mut names: HashMap<RoomId, Names> = HashMap::new();
    let mut changes = Vec::new();
    for (row, before) in rows {
        let names = match names.entry(row.room) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                viewed(&review, row.room).await;
                place.insert(Names::new(store.members(row.room).await?))
            }
        };
        changes.push(Change {
            room_id: row.room,
            room: show::room_name(&rooms, row.room),
            who: names.of(row.account),
            version: Version::new(&row, before.as_ref(), names),
            before: before.map(|it| names.html(&it.body)).unwrap_or_default(),
            id: row.message,
        });
    }
    let suffix = room.map(|it| format!("&room={it}")).unwrap_or_default();
    page(&Page { frame, room: room.map(|it| show::room_name(&rooms, it)), changes, older, suffix })
}
