//! Cases and replies: weighs what was seen and what the owner said, and files what is recorded.

mod claims;
mod covering;
mod owner;
mod request;
mod weighed;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::cases::RoomContract;
use crate::config::Config;
use crate::domain::{Clock, Entry, EntryIndex, EntryKind, RoomId, Signal, Tier};
use crate::ledger::{Ledger, Observation};
use crate::reply::outbox::Me;
use crate::reply::record;
use crate::reply::template::Templates;
use crate::store::{ArchiveStore, FollowStore, Record, SignalRow, StandingStore, Store};

use super::capture::{Capture, capture};
use super::detector::Detector;
use super::phrases::may_matter;
use super::weighing::decision_key;
use super::{BATCH, FollowError, Progress};

/// Derives cases and outbox. With `decider` it also decides; a rebuild runs without.
pub struct Casebook {
    pub ledger: Ledger,
    pub store: Store,
    pub decider: Option<Decider>,
    /// Not beyond this entry (a rebuild stops where deciding had come to).
    pub until: Option<EntryIndex>,
}

/// What it takes to decide.
pub struct Decider {
    pub config: Arc<Config>,
    pub templates: Arc<Templates>,
    pub clock: Arc<dyn Clock>,
    pub me: Me,
}

/// What an entry gives to decide about.
enum Matter {
    /// A version of a message, with what detection had to say of it, if anything.
    Message(Capture, SignalRow),
    Deleted(Capture),
    /// The owner moved a case.
    OwnersFact(record::ChangedCase),
}

impl Casebook {
    pub const NAME: &'static str = "casebook";

    /// Handles one batch, never beyond what detection has read.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?;
        let mut end = self.store.cursor(Detector::NAME).await?;
        if let Some(until) = self.until {
            end = end.min(until);
        }
        let room_for = usize::try_from(end.0.saturating_sub(from.0)).unwrap_or(BATCH).min(BATCH);
        if room_for == 0 {
            return Ok(Progress::Idle);
        }
        let records = self.ledger.records(from, room_for).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let mut signals: HashMap<EntryIndex, SignalRow> = match &self.decider {
            Some(_) => self.store.signals(from, next).await?.into_iter().map(|it| (it.n, it)).collect(),
            None => HashMap::new(),
        };
        let watched = match &self.decider {
            Some(decider) => self.rooms_where_all_talk_matters(decider).await?,
            None => HashSet::new(),
        };
        let mut changes = Vec::new();
        for record in &records {
            changes.append(&mut record::apply(record));
            let Some(decider) = &self.decider else { continue };
            let Ok(entry) = record.entry() else { continue };
            let Some(matter) = matter(&entry, record, signals.remove(&record.n), &watched) else { continue };
            // What was read so far stands in the tables before anything is weighed against them.
            self.store.put_casebook(Some(record.n), std::mem::take(&mut changes)).await?;
            let indices = match self.recorded(record.n).await? {
                found if !found.is_empty() => found,
                _ => self.decide(decider, &entry, matter).await?,
            };
            record::apply_at(&self.ledger, &self.store, indices, Some(EntryIndex(record.n.0 + 1))).await?;
        }
        self.store.put_casebook(Some(next), changes).await?;
        Ok(Progress::Moved)
    }

    /// Where a message without any signal is to be weighed too: first contact, a notice, a head for the others to keep.
    async fn rooms_where_all_talk_matters(&self, decider: &Decider) -> Result<HashSet<RoomId>, FollowError> {
        let rooms = decider.config.rooms.iter();
        let mut watched: HashSet<RoomId> = rooms
            .filter(|it| {
                let settings = decider.config.reply_for(it.id, None);
                it.contract == RoomContract::None || settings.notice || settings.witness
            })
            .map(|it| it.id)
            .collect();
        let declared = self.store.rooms_declared("contract", RoomContract::None.as_str()).await?;
        watched.extend(declared);
        Ok(watched)
    }

    /// The entries of a decision that was taken before a crash; it is not taken anew.
    async fn recorded(&self, n: EntryIndex) -> Result<Vec<EntryIndex>, FollowError> {
        let mut found = Vec::new();
        while let Some(index) = self.ledger.find_once(&decision_key(n, found.len())).await? {
            found.push(index);
        }
        Ok(found)
    }

    async fn decide(
        &self,
        decider: &Decider,
        entry: &Entry,
        matter: Matter,
    ) -> Result<Vec<EntryIndex>, FollowError> {
        let observations: Vec<Observation> = match matter {
            Matter::Message(seen, signal) => {
                let mut it = self.weighed(decider, entry, seen, signal).await?;
                let mut observations = self.weigh_request(decider, &mut it).await?;
                observations.extend(self.weigh_claims(decider, &mut it).await?);
                observations.extend(self.weigh_talk(decider, &mut it).await?);
                observations
            }
            Matter::Deleted(seen) => {
                let signal = nothing(entry.n);
                let mut it = self.weighed(decider, entry, seen, signal).await?;
                self.weigh_deletion(decider, &mut it).await?
            }
            Matter::OwnersFact(changed) => self.weigh_owners_fact(decider, entry, &changed).await?,
        };
        let observations = observations
            .into_iter()
            .enumerate()
            .map(|(position, it)| it.once(decision_key(entry.n, position)))
            .collect();
        let appended = self.ledger.append(observations).await?;
        Ok(appended.into_iter().map(|it| it.index()).collect())
    }
}

fn matter(
    entry: &Entry,
    record: &Record,
    signal: Option<SignalRow>,
    watched: &HashSet<RoomId>,
) -> Option<Matter> {
    match entry.kind {
        EntryKind::MessageCreated | EntryKind::MessageUpdated => {
            let seen = capture(entry, record)?;
            let worth =
                signal.is_some() || watched.contains(&seen.room) || may_matter(&seen.body) || counted(entry);
            worth.then(|| Matter::Message(seen, signal.unwrap_or_else(|| nothing(entry.n))))
        }
        EntryKind::MessageDeletedReported => capture(entry, record).map(Matter::Deleted),
        EntryKind::CaseChanged => {
            let changed: record::ChangedCase = serde_json::from_slice(record.content_bytes()?).ok()?;
            changed.by.is_some().then_some(Matter::OwnersFact(changed))
        }
        _ => None,
    }
}

/// An edit may take back what an earlier version asked for.
fn counted(entry: &Entry) -> bool {
    entry.kind == EntryKind::MessageUpdated
}

/// Detection had nothing to say.
fn nothing(n: EntryIndex) -> SignalRow {
    SignalRow { n, rules: String::new(), signal: Signal { tier: Tier::No, ..Signal::default() } }
}
