//! Turns recorded messages into signals.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use crate::config::Config;
use crate::detect::{Heard, RuleSet};
use crate::domain::{
    AccountId, ContextMessage, EntryIndex, EntryKind, MessageId, Role, RoomId, RoomType, SignalInput, Tier,
    Tuning,
};
use crate::ledger::{Erasure, Ledger};
use crate::store::{
    ArchiveStore, EraseStore as _, FollowStore, Record, SignalRow, Store, StoreError, VersionRow,
};

use super::archive::Archive;
use super::capture::capture;
use super::{BATCH, FollowError, Progress};

/// Earlier messages that detection looks at.
const CONTEXT: usize = 6;

/// Messages behind an erased one that are read again without it: more than the context, since deleted ones do not count.
const READ_AGAIN: usize = 64;

/// Messages below which a further thread costs more than it saves.
const WORTH_A_THREAD: usize = 16;

/// Derives signals; keeps only those that say something.
pub struct Detector {
    ledger: Ledger,
    store: Store,
    config: Arc<Config>,
    rules: Arc<RuleSet>,
    owners: Arc<[AccountId]>,
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
        Self { ledger, store, config, rules, owners: owners.into(), until: None }
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

    /// Of what type the rooms were known to be by then: a replay, before which the archive is complete, must come to the same.
    async fn types(&self, seen: &[(EntryIndex, Seen)]) -> Result<Vec<Option<RoomType>>, FollowError> {
        let mut told = self.store.room_types().await?;
        told.sort_unstable_by_key(|row| (row.room, row.n));
        let by_then = |(n, it): &(EntryIndex, Seen)| {
            let until = told.partition_point(|row| (row.room, row.n) < (it.room, *n));
            let last = until.checked_sub(1).and_then(|at| told.get(at));
            last.filter(|row| row.room == it.room).map(|row| row.room_type)
        };
        Ok(seen.iter().map(by_then).collect())
    }

    async fn read(&self, seen: Vec<(EntryIndex, Seen)>) -> Result<Vec<SignalRow>, FollowError> {
        let types = self.types(&seen).await?;
        let places = seen.iter().map(|(n, it)| (it.room, *n)).collect();
        let contexts = self.store.contexts(places, CONTEXT).await?;
        // In a direct chat nobody need be called by name.
        let called = seen.iter().zip(&types).filter(|(_, room_type)| **room_type != Some(RoomType::Direct));
        let who = called.flat_map(|((n, it), _)| self.owners.iter().map(|owner| (it.room, *owner, *n)));
        let mut names = self.store.names_at(who.collect()).await?.into_iter();
        let questions = seen.into_iter().zip(contexts).zip(types).map(|(((n, it), context), room_type)| {
            let owners = if room_type == Some(RoomType::Direct) { 0 } else { self.owners.len() };
            let worker_names = names.by_ref().take(owners).flatten().collect();
            let role = |account| self.config.role_of(it.room, room_type, account, &self.owners);
            let context = context
                .into_iter()
                // An edit is read against what stood before the message, not against its own older text.
                .filter(|row| row.message != it.message)
                .map(|row| ContextMessage { sender_role: role(row.account), body: row.body })
                .collect();
            Question {
                n,
                room_type: room_type.unwrap_or(RoomType::Group),
                sender_role: role(it.account),
                context,
                tuning: self.config.tuning_for(it.room, it.account),
                worker_names,
                body: it.body,
            }
        });
        let (questions, rules, owners) =
            (questions.collect::<Vec<_>>(), Arc::clone(&self.rules), Arc::clone(&self.owners));
        let answering = tokio::task::spawn_blocking(move || answer_all(&rules, &owners, &questions));
        answering.await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => StoreError::Closed.into(),
        })
    }
}

/// A message with all that its signal depends on. No `Debug`: it holds other people's words.
struct Question {
    n: EntryIndex,
    room_type: RoomType,
    sender_role: Role,
    body: String,
    context: Vec<ContextMessage>,
    tuning: Tuning,
    worker_names: Vec<String>,
}

/// The signals that say something, in order, on as many cores as the messages are worth.
fn answer_all(rules: &RuleSet, owners: &[AccountId], questions: &[Question]) -> Vec<SignalRow> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let part = questions.len().div_ceil(cores).max(WORTH_A_THREAD);
    let mut parts = questions.chunks(part);
    let here = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || answer(rules, owners, part))).collect();
        let mut signals = answer(rules, owners, here);
        for other in others {
            signals.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        signals
    })
}

fn answer(rules: &RuleSet, owners: &[AccountId], questions: &[Question]) -> Vec<SignalRow> {
    let mut heard = Heard::default();
    let mut signals = Vec::new();
    for Question { n, room_type, sender_role, body, context, tuning, worker_names } in questions {
        let (room_type, sender_role) = (*room_type, *sender_role);
        let input = SignalInput { room_type, sender_role, body, context, workers: owners, worker_names };
        let signal = rules.read_among(&input, tuning, &mut heard);
        if signal.labels.any() || signal.tier != Tier::No {
            signals.push(SignalRow { n: *n, rules: rules.version_tuned(tuning), signal });
        }
    }
    signals
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
