//! Keeps what troubles the bot in the record, from when to when, and tells the owner once for each.
//!
//! What stands is known by the entries' own keys: the first time that something happens has the number 0, the next one,
//! after it was over, the number 1. So a restart repeats nothing, and forgets nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::domain::{Clock, EntryIndex, EntryKind, RoomId, Sign, Trouble, UtcMillis};
use crate::ledger::{Ledger, Observation};
use crate::reply::record::{self, Decision};
use crate::reply::template::{Templates, TroubleNote};
use crate::store::{ArchiveStore as _, Purpose, Store};

use super::FollowError;

/// What must last so long before it is called a trouble.
fn patience(trouble: Trouble) -> Duration {
    match trouble {
        // A reader of the room may be quicker than a webhook now and then; Chatwork's answers may err for a moment.
        Trouble::WebhookSilent | Trouble::TokenRefused => Duration::from_secs(60),
        Trouble::SignaturesRefused
        | Trouble::DiskLow
        | Trouble::DiskFull
        | Trouble::ClockOff
        | Trouble::AnchorRefused
        | Trouble::OutboxStuck
        | Trouble::ObjectsStuck => Duration::ZERO,
    }
}

/// Of what, and of which room.
type Subject = (Trouble, Option<RoomId>);

/// Follows the signs of trouble.
pub struct Troubles {
    ledger: Ledger,
    store: Store,
    templates: Arc<Templates>,
    clock: Arc<dyn Clock>,
    /// Where the owner is told; without it nobody is.
    control_room: Option<RoomId>,
    known: Mutex<BTreeMap<Subject, Known>>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// How often it was over.
    turn: u64,
    /// The entry that says that it stands.
    began: Option<EntryIndex>,
    /// It shows since then, and is not yet said.
    shows: Option<UtcMillis>,
}

impl Troubles {
    pub fn new(
        ledger: Ledger,
        store: Store,
        templates: Arc<Templates>,
        clock: Arc<dyn Clock>,
        control_room: Option<RoomId>,
    ) -> Self {
        Self { ledger, store, templates, clock, control_room, known: Mutex::default() }
    }

    /// One look. Returns how many notes were written.
    pub async fn tick(&self, signs: &[Sign]) -> Result<usize, FollowError> {
        for trouble in Trouble::ALL {
            self.known((*trouble, None)).await?;
        }
        let mut told = 0;
        for sign in signs {
            told += usize::from(self.see(sign).await?);
        }
        Ok(told)
    }

    /// Looks up what the record says of a room.
    pub async fn recall(&self, trouble: Trouble, room: RoomId) -> Result<(), FollowError> {
        self.known((trouble, Some(room))).await.map(drop)
    }

    /// Kinds that stand.
    pub fn standing(&self) -> Vec<Trouble> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = |kind: &Trouble| known.iter().any(|((of, _), it)| of == kind && it.began.is_some());
        Trouble::ALL.iter().copied().filter(standing).collect()
    }

    async fn see(&self, sign: &Sign) -> Result<bool, FollowError> {
        let subject = (sign.trouble, sign.room);
        let mut known = self.known(subject).await?;
        let now = self.clock.now();
        let told = match (sign.stands, known.began) {
            (true, None) => {
                let since = *known.shows.get_or_insert(now);
                if now.since(since) < patience(sign.trouble) {
                    false
                } else {
                    let note = self.note(sign, since, now).await?;
                    // What stops posting itself is told when it is over.
                    let note = note.filter(|_| sign.trouble != Trouble::TokenRefused);
                    known.began = self.say(sign, known.turn, note).await?;
                    known.shows = None;
                    self.control_room.is_some() && sign.trouble != Trouble::TokenRefused
                }
            }
            (false, Some(began)) => {
                let records = self.ledger.records(began, 1).await?;
                let since = records.first().and_then(|it| it.entry().ok()).map_or(now, |it| it.observed_at);
                let over = sign.trouble == Trouble::TokenRefused;
                let note = if over { self.note(sign, since, now).await? } else { None };
                let told = note.is_some();
                self.say(sign, known.turn, note).await?;
                known = Known { turn: known.turn + 1, ..Known::default() };
                told
            }
            (true, Some(_)) => false,
            (false, None) => {
                known.shows = None;
                false
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, known);
        Ok(told)
    }

    /// The entry, with the note where there is one; its index.
    async fn say(
        &self,
        sign: &Sign,
        turn: u64,
        note: Option<Observation>,
    ) -> Result<Option<EntryIndex>, FollowError> {
        let key = key((sign.trouble, sign.room), turn, sign.stands);
        let content = json!({ "trouble": sign.trouble.as_str(), "on": sign.stands, "figure": sign.figure });
        let mut changed = Observation::system(EntryKind::TroubleChanged, &content).once(key.clone());
        changed.room = sign.room;
        let note = note.map(|it| it.once(format!("{key}:note")));
        let observations = std::iter::once(changed).chain(note).collect();
        record::append_and_apply(&self.ledger, &self.store, observations, None).await?;
        tracing::warn!(kind = sign.trouble.as_str(), stands = sign.stands, figure = sign.figure, "trouble");
        Ok(self.ledger.find_once(&key).await?)
    }

    async fn note(
        &self,
        sign: &Sign,
        since: UtcMillis,
        until: UtcMillis,
    ) -> Result<Option<Observation>, FollowError> {
        let Some(control_room) = self.control_room else { return Ok(None) };
        let rooms = self.store.rooms().await?;
        let room_name = sign.room.and_then(|room| rooms.into_iter().find(|it| it.room == room)?.name);
        let note = TroubleNote {
            trouble: sign.trouble,
            room: sign.room,
            room_name: room_name.as_deref(),
            figure: sign.figure,
            since,
            until,
        };
        let decision = Decision {
            purpose: Purpose::Note.as_str().to_owned(),
            post_room: Some(control_room),
            why: sign.trouble.as_str().to_owned(),
            templates: self.templates.version().to_owned(),
            text: self.templates.render_trouble(note),
            due_at: Some(self.clock.now().0),
            ..Decision::default()
        };
        let told = decision.text.is_some();
        Ok(told.then(|| record::decision(EntryKind::ReplyDecided, &decision)))
    }

    /// As the record has it.
    async fn known(&self, subject: Subject) -> Result<Known, FollowError> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&subject) {
            return Ok(*known);
        }
        let mut known = Known::default();
        while let Some(began) = self.ledger.find_once(&key(subject, known.turn, true)).await? {
            if self.ledger.find_once(&key(subject, known.turn, false)).await?.is_none() {
                known.began = Some(began);
                break;
            }
            known.turn += 1;
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, known);
        Ok(known)
    }
}

fn key((trouble, room): Subject, turn: u64, stands: bool) -> String {
    let room = room.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!("trouble:{}:{room}:{turn}:{}", trouble.as_str(), if stands { "on" } else { "off" })
}
