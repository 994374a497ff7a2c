//! Turns recorded messages into signals.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::detect::RuleSet;
use crate::domain::{
    AccountId, ContextMessage, EntryIndex, EntryKind, MessageId, RoomId, RoomType, SignalInput, Tier,
};
use crate::ledger::{Erasure, Ledger};
use crate::store::{ArchiveStore, EraseStore as _, FollowStore, Record, SignalRow, Store, VersionRow};

use super::archive::Archive;
use super::capture::capture;
use super::{BATCH, FollowError, Progress};

/// Earlier messages that detection looks at.
const CONTEXT: usize = 6;

/// Messages behind an erased one that are read again without it: more than the context, since deleted ones do not count.
const READ_AGAIN: usize = 64;

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
        for erasure in records.iter().filter_map(Erasure::of) {
            self.forget(&erasure).await?;
        }
        let signals = self.read(records.iter().filter_map(message).collect()).await?;
        self.store.put_signals(next, signals).await?;
        Ok(Progress::Moved)
    }

    /// Signals of erased messages go, and what was read against them is read again without them: a replay would do so.
    async fn forget(&self, erasure: &Erasure) -> Result<(), FollowError> {
        let mut spans: HashMap<RoomId, (EntryIndex, EntryIndex)> = HashMap::new();
        for n in &erasure.entries {
            for record in self.ledger.records(*n, 1).await? {
                let Ok(entry) = record.entry() else { continue };
                let Some(room) = entry.room.filter(|_| entry.kind.is_message_version()) else { continue };
                let span = spans.entry(room).or_insert((*n, *n));
                *span = (span.0.min(*n), span.1.max(*n));
            }
        }
        self.store.forget_signals(erasure.entries.clone()).await?;
        let done = self.store.cursor(Self::NAME).await?;
        for (room, (first, last)) in spans {
            let again = self.store.read_against(room, first, last, READ_AGAIN).await?;
            // What this follower has not read yet it reads in its turn.
            let again: Vec<_> =
                again.into_iter().filter(|row| row.n < done).map(|row| (row.n, Seen::from(row))).collect();
            self.store.forget_signals(again.iter().map(|(n, _)| *n).collect()).await?;
            let signals = self.read(again).await?;
            self.store.put_signals(done, signals).await?;
        }
        Ok(())
    }

    async fn read(&self, seen: Vec<(EntryIndex, Seen)>) -> Result<Vec<SignalRow>, FollowError> {
        let rooms = self.store.rooms().await?;
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
            let input = SignalInput {
                room_type: room_type.unwrap_or(RoomType::Group),
                sender_role: role(it.account),
                body: &it.body,
                context: &context,
                workers: &self.owners,
            };
            let tuning = self.config.tuning_for(it.room, it.account);
            let signal = self.rules.read_tuned(&input, &tuning);
            if signal.labels.any() || signal.tier != Tier::No {
                signals.push(SignalRow { n, rules: self.rules.version_tuned(&tuning), signal });
            }
        }
        Ok(signals)
    }
}

/// What detection reads of a message.
struct Seen {
    room: RoomId,
    message: MessageId,
    account: AccountId,
    body: String,
}

impl From<VersionRow> for Seen {
    fn from(it: VersionRow) -> Self {
        Self { room: it.room, message: it.message, account: it.account, body: it.body }
    }
}

/// What a record shows, if it is a message or an edit.
fn message(record: &Record) -> Option<(EntryIndex, Seen)> {
    let entry = record.entry().ok()?;
    let message = matches!(entry.kind, EntryKind::MessageCreated | EntryKind::MessageUpdated);
    message
        .then(|| capture(&entry, record))
        .flatten()
        .map(|it| (entry.n, Seen { room: it.room, message: it.message, account: it.account, body: it.body }))
}
