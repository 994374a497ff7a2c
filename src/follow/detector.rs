//! Turns recorded messages into signals.

use std::sync::Arc;

use crate::config::Config;
use crate::detect::RuleSet;
use crate::domain::{AccountId, ContextMessage, EntryIndex, EntryKind, RoomType, SignalInput, Tier};
use crate::ledger::Ledger;
use crate::store::{ArchiveStore, FollowStore, Record, SignalRow, Store};

use super::archive::Archive;
use super::capture::{Capture, capture};
use super::{BATCH, FollowError, Progress};

/// Earlier messages that detection looks at.
const CONTEXT: usize = 6;

/// Derives signals; keeps only those that say something.
pub struct Detector {
    ledger: Ledger,
    store: Store,
    config: Arc<Config>,
    rules: Arc<RuleSet>,
    owners: Vec<AccountId>,
    until: Option<EntryIndex>,
}

impl Detector {
    pub const NAME: &'static str = "detector";

    pub fn new(
        ledger: Ledger,
        store: Store,
        config: Arc<Config>,
        rules: Arc<RuleSet>,
        owners: Vec<AccountId>,
    ) -> Self {
        Self { ledger, store, config, rules, owners, until: None }
    }

    /// Never beyond this entry: a comparison stops where the original had come to.
    pub fn until(mut self, until: EntryIndex) -> Self {
        self.until = Some(until);
        self
    }

    /// Handles one batch, never beyond what the archive has filed: the context comes from there.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?;
        let filed = self.store.cursor(Archive::NAME).await?;
        let filed = self.until.map_or(filed, |until| filed.min(until));
        let room_for = usize::try_from(filed.0.saturating_sub(from.0)).unwrap_or(BATCH).min(BATCH);
        if room_for == 0 {
            return Ok(Progress::Idle);
        }
        let records = self.ledger.records(from, room_for).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let rooms = self.store.rooms().await?;
        let seen: Vec<_> = records.iter().filter_map(message).collect();
        let places = seen.iter().map(|(n, it)| (it.room, *n)).collect();
        let contexts = self.store.contexts(places, CONTEXT).await?;
        let mut signals = Vec::new();
        for ((n, it), context) in seen.into_iter().zip(contexts) {
            let room_type = rooms.iter().find(|row| row.room == it.room).and_then(|row| row.room_type);
            let role = |account| self.config.role_of(it.room, room_type, account, &self.owners);
            let context: Vec<ContextMessage> = context
                .into_iter()
                // An edit is read against what stood before the message, not against its own older text.
                .filter(|row| row.message != it.message)
                .map(|row| ContextMessage { sender_role: role(row.account), body: row.body })
                .collect();
            let signal = self.rules.read(&SignalInput {
                room_type: room_type.unwrap_or(RoomType::Group),
                sender_role: role(it.account),
                body: &it.body,
                context: &context,
            });
            if signal.labels.any() || signal.tier != Tier::No {
                signals.push(SignalRow { n, rules: self.rules.version().to_owned(), signal });
            }
        }
        self.store.put_signals(next, signals).await?;
        Ok(Progress::Moved)
    }
}

/// What a record shows, if it is a message or an edit.
fn message(record: &Record) -> Option<(EntryIndex, Capture)> {
    let entry = record.entry().ok()?;
    let message = matches!(entry.kind, EntryKind::MessageCreated | EntryKind::MessageUpdated);
    message.then(|| capture(&entry, record)).flatten().map(|it| (entry.n, it))
}
