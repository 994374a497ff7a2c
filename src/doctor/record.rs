//! The record: intact, confirmed from outside, and whether webhooks still come.

use std::collections::BTreeMap;

use crate::anchor;
use crate::config::Config;
use crate::domain::{EntryIndex, EntryKind, RoomId, Source, UtcMillis};
use crate::store::{LedgerStore as _, Store};
use crate::upkeep;

use super::Finding;

/// Entries that are looked at, newest first, for webhooks that ceased.
const LOOK_BACK: u64 = 2000;
/// Messages that only a reader of the room brought after the last delivery of that room: fewer may be the order of things.
const SILENT: usize = 3;
/// A stamp is due daily; a week without one is worth a word.
const STALE_DAYS: u64 = 7;
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(super) async fn examine(config: &Config, store: &Store, now: UtcMillis, found: &mut Vec<Finding>) {
    match upkeep::check(store, &config.storage.data_dir, None).await {
        Ok(checked) if checked.intact() => found.push(Finding::RecordGood(checked.report.size)),
        Ok(_) => found.push(Finding::RecordDamaged),
        Err(upkeep::CheckError::Empty) => found.push(Finding::NoRecordYet),
        Err(_) => found.push(Finding::RecordUnreadable),
    }
    found.push(match anchor::arrived(&config.storage.data_dir) {
        Some(at) => {
            let days = u64::try_from((now.0 - at.0) / DAY).unwrap_or(0);
            if days > STALE_DAYS { Finding::AnchorStale(days) } else { Finding::AnchorGood(days) }
        }
        None => Finding::AnchorNone,
    });
    if !config.chatwork.webhook_tokens.is_empty() {
        found.extend(silent(store).await);
    }
}

/// Rooms that had deliveries, and whose newer messages were all found by reading.
async fn silent(store: &Store) -> Vec<Finding> {
    let Ok(Some(head)) = store.head().await else { return Vec::new() };
    let from = head.end().saturating_sub(LOOK_BACK);
    let limit = usize::try_from(LOOK_BACK).unwrap_or(usize::MAX);
    let Ok(records) = store.records(EntryIndex(from), limit).await else { return Vec::new() };
    let mut rooms: BTreeMap<RoomId, Option<usize>> = BTreeMap::new();
    for entry in records.iter().filter_map(|it| it.entry().ok()) {
        let Some(room) = entry.room else { continue };
        let state = rooms.entry(room).or_default();
        match (entry.source, entry.kind) {
            (Source::Webhook, _) => *state = Some(0),
            (Source::Poll, EntryKind::MessageCreated) => *state = state.map(|it| it + 1),
            _ => {}
        }
    }
    let silent = rooms.into_iter().filter_map(|(room, missed)| Some((room, missed?)));
    silent.filter(|(_, it)| *it >= SILENT).map(|(room, it)| Finding::WebhookSilent(room, it)).collect()
}
