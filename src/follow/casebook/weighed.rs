//! A message with everything that is known when it is weighed.

use crate::cases::{self, Fact, Links, OutsideContact, RoomContract, State};
use crate::chatwork::notation;
use crate::config::ReplyConfig;
use crate::domain::{CaseId, Entry, Role, RoomType, Signal, Tier, UtcMillis};
use crate::ledger::Observation;
use crate::reply::record::{self, Change, Decision, Part};
use crate::reply::said;
use crate::store::{
    ArchiveStore, CaseRow, CaseStore, DeclaredRoom, OutboxRow, Purpose, RequestRef, SignalRow, StandingStore,
};

use super::{Casebook, Decider, FollowError};
use crate::follow::capture::Capture;
use crate::follow::weighing::tier_text;

pub(super) struct Weighed<'a> {
    pub(super) entry: &'a Entry,
    pub(super) seen: Capture,
    pub(super) signal: SignalRow,
    pub(super) role: Role,
    pub(super) room_type: Option<RoomType>,
    pub(super) room_name: Option<String>,
    /// From when the text was written to when it was first seen.
    pub(super) age: std::time::Duration,
    /// Older than the bot's watch over the room.
    pub(super) before_watch: bool,
    pub(super) now: UtcMillis,
    pub(super) settings: ReplyConfig,
    pub(super) listed: bool,
    pub(super) declared: DeclaredRoom,
    /// Of the sender in this room, oldest first; as they stand after what was decided so far.
    pub(super) cases: Vec<CaseRow>,
    /// Rows of the outbox that concern the room, oldest first.
    pub(super) replies: Vec<OutboxRow>,
}

impl Casebook {
    pub(super) async fn weighed<'a>(
        &self,
        decider: &Decider,
        entry: &'a Entry,
        seen: Capture,
        signal: SignalRow,
    ) -> Result<Weighed<'a>, FollowError> {
        let config = &decider.config;
        let room = self.store.rooms().await?.into_iter().find(|it| it.room == seen.room);
        let room_type = room.as_ref().and_then(|it| it.room_type);
        let watched_since = room.as_ref().map_or(entry.observed_at, |it| it.watched_since);
        let filed = self.store.message(seen.room, &seen.message).await?;
        let first_seen = match seen.update_time {
            Some(_) => entry.observed_at,
            None => filed.map_or(entry.observed_at, |it| it.first_seen),
        };
        let written = seen.update_time.unwrap_or(seen.send_time);
        // Cases before replies: a reply may move its case in between, but never leaves the list.
        let cases = self.store.client_cases(seen.room, seen.account).await?;
        let replies = self.store.outbox_of_room(seen.room).await?;
        let declared = self.store.declared_room(seen.room).await?;
        Ok(Weighed {
            role: config.role_of(seen.room, room_type, seen.account, &decider.me.owners),
            settings: config.reply_to_said(seen.room, room_type, seen.account, said::read(&declared)),
            listed: config.room(seen.room).is_some(),
            declared,
            room_name: room.and_then(|it| it.name),
            age: first_seen.since(written),
            // Times of the platform are whole seconds.
            before_watch: entry.source != crate::domain::Source::Webhook
                && written.0 + 1000 <= watched_since.0,
            now: decider.clock.now(),
            entry,
            seen,
            signal,
            room_type,
            cases,
            replies,
        })
    }
}

impl Weighed<'_> {
    pub(super) fn request(&self) -> RequestRef {
        RequestRef {
            room: self.seen.room,
            message: self.seen.message,
            account: self.seen.account,
            n: self.entry.n,
        }
    }

    pub(super) fn signal(&self) -> &Signal {
        &self.signal.signal
    }

    /// The sender's own words, without quotations and frames.
    pub(super) fn own_words(&self) -> String {
        let parsed = notation::parse(&self.seen.body);
        parsed.own_words().into_iter().map(|span| &self.seen.body[span]).collect()
    }

    /// A certain request of a client.
    pub(super) fn asks(&self) -> bool {
        self.signal().tier == Tier::Certain && self.role == Role::Client
    }

    /// Not of now: it says nothing about what to do.
    pub(super) fn is_past(&self) -> bool {
        self.before_watch || self.age > self.settings.max_age
    }

    /// Nothing about this room is to be heard anywhere.
    pub(super) fn is_observed(&self) -> bool {
        self.listed && self.settings.mode == crate::config::Mode::Observe
    }

    /// The case that a request of this moment belongs to.
    pub(super) fn joined(&self) -> Option<&CaseRow> {
        self.cases.iter().rfind(|case| {
            State::parse(&case.state).is_some_and(|state| cases::joins(state, case.moved_at, self.now))
        })
    }

    /// The newest case that is not closed.
    pub(super) fn open_case(&self) -> Option<&CaseRow> {
        self.cases.iter().rfind(|case| State::parse(&case.state).is_some_and(|state| !state.closed()))
    }

    /// Owner's word first, then the configuration.
    pub(super) fn room_contract(&self, decider: &Decider) -> RoomContract {
        let declared = self.declared.contract.as_deref().and_then(RoomContract::parse);
        let configured = || decider.config.room(self.seen.room).map(|it| it.contract);
        declared.or_else(configured).unwrap_or_default()
    }

    /// There is no contract behind the room, and CrowdWorks has not agreed to the talk.
    pub(super) fn first_contact(&self, decider: &Decider) -> bool {
        let declared = self.declared.outside_contact.as_deref().and_then(OutsideContact::parse);
        let configured = || decider.config.room(self.seen.room).map(|it| it.outside_contact);
        let outside = declared.or_else(configured).unwrap_or_default();
        self.room_contract(decider) == RoomContract::None && outside != OutsideContact::Approved
    }

    pub(super) fn opted_out(&self, decider: &Decider) -> bool {
        let configured =
            decider.config.room(self.seen.room).is_some_and(|it| it.opted_out.contains(&self.seen.account));
        match self.declared.opted_out.iter().find(|(account, _)| *account == self.seen.account) {
            Some((_, value)) => *value,
            None => configured,
        }
    }

    /// A decision about this message; the caller adds what is decided.
    pub(super) fn decision(
        &self,
        decider: &Decider,
        purpose: Purpose,
        case: Option<CaseId>,
        why: &str,
    ) -> Decision {
        Decision {
            purpose: purpose.as_str().to_owned(),
            case,
            request: Some(self.request()),
            why: why.to_owned(),
            rules: self.signal.rules.clone(),
            templates: decider.templates.version().to_owned(),
            tier: tier_text(self.signal().tier).to_owned(),
            confidence: self.signal().confidence,
            reasons: self.signal().reasons.iter().map(|reason| reason.rule.clone()).collect(),
            ..Decision::default()
        }
    }

    pub(super) fn part(&self, part: &str) -> Part {
        Part { message: self.seen.message, n: self.entry.n, part: part.to_owned() }
    }

    /// Moves or changes one of the cases, here and by an entry. `None` where nothing changes.
    pub(super) fn change(
        &mut self,
        case: CaseId,
        fact: Option<Fact>,
        links: Links,
        why: &str,
        part: &str,
    ) -> Option<Observation> {
        let part = self.part(part);
        let row = self.cases.iter_mut().find(|it| it.id == case)?;
        let from = State::parse(&row.state)?;
        let next = fact.and_then(|fact| cases::step(from, fact));
        let known = Links { job: row.job_link.clone(), contract: row.contract_link.clone() };
        let links = known.clone().or(links);
        if next.is_none() && links == known {
            return None;
        }
        row.state = next.unwrap_or(from).as_str().to_owned();
        (row.job_link, row.contract_link) = (links.job, links.contract);
        let moved_at = next.is_none().then_some(row.moved_at);
        let change = Change { from: Some(from), why, messages: vec![part], moved_at, by: None };
        Some(record::case_changed(row, change))
    }
}
