//! Rooms whose webhook fell silent: it used to bring messages, and the newer ones were all found by reading.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::{EntryIndex, EntryKind, RoomId, Source, UtcMillis};
use crate::store::{LedgerStore as _, Record, Store, StoreResult};

/// Entries that are looked at, newest first, at the first look and after many have come at once.
const LOOK_BACK: u64 = 2000;
/// Messages that only a reader of the room brought after its last delivery: fewer may be the order of things.
const SILENT: usize = 3;

/// What is known of the rooms' webhooks, from one look to the next.
#[derive(Default)]
pub struct Silence {
    next: u64,
    /// What was written before this was written while nobody listened: no webhook could have brought it.
    deaf_until: Option<UtcMillis>,
    rooms: BTreeMap<RoomId, Heard>,
}

#[derive(Default)]
struct Heard {
    delivered: bool,
    /// Since then something came by reading alone, whenever it was written.
    read_since: bool,
    /// What of that was written while the program listened.
    missed: Vec<UtcMillis>,
}

/// Content of `gap.found`.
#[derive(Deserialize)]
struct Gap {
    kind: String,
}

impl Silence {
    /// Reads on in the record.
    pub async fn listen(&mut self, store: &Store) -> StoreResult<()> {
        let Some(head) = store.head().await? else { return Ok(()) };
        let from = self.next.max(head.end().saturating_sub(LOOK_BACK));
        if from == head.end() {
            return Ok(());
        }
        let limit = usize::try_from(LOOK_BACK).unwrap_or(usize::MAX);
        for record in store.records(EntryIndex(from), limit).await? {
            self.next = record.n.0 + 1;
            self.hear(&record);
        }
        Ok(())
    }

    fn hear(&mut self, record: &Record) {
        let Ok(entry) = record.entry() else { return };
        let slept = || {
            let gap = record.content_bytes().and_then(|it| serde_json::from_slice::<Gap>(it).ok());
            gap.is_some_and(|it| it.kind == "sleep")
        };
        match entry.kind {
            EntryKind::SystemStarted => return self.deaf_until(entry.observed_at),
            EntryKind::GapFound if slept() => return self.deaf_until(entry.observed_at),
            _ => {}
        }
        let Some(room) = entry.room else { return };
        let heard = self.rooms.entry(room).or_default();
        match (entry.source, entry.kind) {
            (Source::Webhook, _) => *heard = Heard { delivered: true, ..Heard::default() },
            (Source::Poll, EntryKind::MessageCreated) if heard.delivered => {
                heard.read_since = true;
                let written = entry.source_time.unwrap_or(entry.observed_at);
                if self.deaf_until.is_none_or(|it| written >= it) && heard.missed.len() < LOOK_BACK as usize {
                    heard.missed.push(written);
                }
            }
            _ => {}
        }
    }

    fn deaf_until(&mut self, at: UtcMillis) {
        self.deaf_until = self.deaf_until.max(Some(at));
        for heard in self.rooms.values_mut() {
            heard.missed.retain(|written| *written >= at);
        }
    }

    /// Rooms whose webhook has ever spoken, and how many messages reading alone has brought since: none, where it speaks;
    /// nothing where it cannot be told.
    pub fn rooms(&self) -> impl Iterator<Item = (RoomId, Option<usize>)> + '_ {
        self.rooms.iter().filter(|(_, it)| it.delivered).map(|(room, it)| {
            let missed = match it.missed.len() {
                _ if !it.read_since => Some(0),
                missed if missed >= SILENT => Some(missed),
                _ => None,
            };
            (*room, missed)
        })
    }
}
