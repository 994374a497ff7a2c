//! Cases and replies: weighs each message that detection had something to say about, and files what is recorded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cases::{self, Fact, State};
use crate::chatwork::notation;
use crate::config::Config;
use crate::domain::{
    CaseId, Clock, Entry, EntryIndex, EntryKind, Role, RoomId, RoomType, Signal, Source, Tier, UtcMillis,
};
use crate::ledger::{Ledger, Observation};
use crate::reply::decide::{self, Facts, JoinedCase, Verdict, Why};
use crate::reply::outbox::{self, Me};
use crate::reply::record::{self, Change, Decision};
use crate::reply::template::{NoteKind, NoteSubject, ReminderContext, Templates};
use crate::store::{ArchiveStore, CaseRow, CaseStore, FollowStore, Purpose, RequestRef, SignalRow, Store};

use super::capture::{Capture, capture};
use super::detector::Detector;
use super::weighing::{calls_everybody, decision_key, has_reminder, notable, tier_text};
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

/// A message that detection had something to say about.
struct Weighed<'a> {
    entry: &'a Entry,
    seen: Capture,
    signal: SignalRow,
    role: Role,
    room_type: Option<RoomType>,
    first_seen: UtcMillis,
}

impl Weighed<'_> {
    fn request(&self) -> RequestRef {
        RequestRef {
            room: self.seen.room,
            message: self.seen.message.clone(),
            account: self.seen.account,
            n: self.entry.n,
        }
    }

    fn signal(&self) -> &Signal {
        &self.signal.signal
    }
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
        let mut changes = Vec::new();
        for record in &records {
            changes.append(&mut record::apply(record));
            let Some(decider) = &self.decider else { continue };
            let Some(signal) = signals.remove(&record.n) else { continue };
            let Ok(entry) = record.entry() else { continue };
            let Some(seen) = capture(&entry, record) else { continue };
            // What was read so far stands in the tables before anything is weighed against them.
            self.store.put_casebook(Some(record.n), std::mem::take(&mut changes)).await?;
            let indices = match self.recorded(record.n).await? {
                found if !found.is_empty() => found,
                _ => self.decide(decider, &entry, seen, signal).await?,
            };
            record::apply_at(&self.ledger, &self.store, indices, Some(EntryIndex(record.n.0 + 1))).await?;
        }
        self.store.put_casebook(Some(next), changes).await?;
        Ok(Progress::Moved)
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
        seen: Capture,
        signal: SignalRow,
    ) -> Result<Vec<EntryIndex>, FollowError> {
        let room = self.store.rooms().await?.into_iter().find(|it| it.room == seen.room);
        let room_type = room.as_ref().and_then(|it| it.room_type);
        let role = decider.config.role_of(seen.room, room_type, seen.account, &decider.me.owners);
        let filed = self.store.message(seen.room, &seen.message).await?;
        let first_seen = filed.map_or(entry.observed_at, |it| it.first_seen);
        let weighed = Weighed { entry, seen, signal, role, room_type, first_seen };
        let watched_since = room.map_or(entry.observed_at, |it| it.watched_since);
        let mut observations = self.weigh_request(decider, &weighed, watched_since).await?;
        observations.extend(self.weigh_claims(decider, &weighed, &observations).await?);
        let observations = observations
            .into_iter()
            .enumerate()
            .map(|(position, it)| it.once(decision_key(entry.n, position)))
            .collect();
        let appended = self.ledger.append(observations).await?;
        Ok(appended.into_iter().map(|it| it.index()).collect())
    }

    /// The request for new work: case, reminder, draft or silence.
    async fn weigh_request(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        watched_since: UtcMillis,
    ) -> Result<Vec<Observation>, FollowError> {
        let now = decider.clock.now();
        let joined = self.joined_case(it, now).await?;
        let facts = self.facts(decider, it, watched_since, joined.as_ref(), now).await?;
        let verdict = decide::decide(&facts);
        let request = it.request();
        let mut observations = Vec::new();
        let opens = it.signal().tier == Tier::Certain && it.role == Role::Client && joined.is_none();
        let case = match &joined {
            Some(case) => Some(case.clone()),
            None if opens && !matches!(verdict, Verdict::Nothing | Verdict::Silent(Why::BeforeWatch)) => {
                let case = self.open_case(it, now).await?;
                observations
                    .push(record::case_changed(&case, Change { why: "request", ..Change::default() }));
                Some(case)
            }
            None => None,
        };
        let decided = |purpose: Purpose, why: &str| Decision {
            purpose: purpose.as_str().to_owned(),
            case: case.as_ref().map(|case| case.id),
            post_room: None,
            request: Some(request.clone()),
            why: why.to_owned(),
            rules: it.signal.rules.clone(),
            templates: decider.templates.version().to_owned(),
            tier: tier_text(it.signal().tier).to_owned(),
            confidence: it.signal().confidence,
            reasons: it.signal().reasons.iter().map(|reason| reason.rule.clone()).collect(),
            ..Decision::default()
        };
        match verdict {
            Verdict::Nothing => {}
            Verdict::Remind => {
                let settings = decider.config.reply_for(it.seen.room, it.room_type);
                let text = self.reminder(decider, it, settings.automatic_line).await?;
                observations.push(record::decision(
                    EntryKind::ReplyDecided,
                    &Decision {
                        post_room: Some(it.seen.room),
                        text: Some(text),
                        due_at: Some(now.plus(settings.delay).0),
                        ..decided(Purpose::Reminder, "request")
                    },
                ));
            }
            Verdict::Silent(why) => {
                observations.push(record::decision(
                    EntryKind::ReplySuppressed,
                    &decided(Purpose::Reminder, why.as_str()),
                ));
            }
            Verdict::Draft(why) => {
                observations.push(record::decision(
                    EntryKind::ReplySuppressed,
                    &decided(Purpose::Reminder, why.as_str()),
                ));
                if let Some(reason) = why.draft_reason(facts.mode) {
                    let draft = self.reminder(decider, it, false).await?;
                    let kind = NoteKind::Draft { reason, draft: Some(&draft), approve: None };
                    let note = self.words(decider, it, kind).await?;
                    observations.extend(self.note(decider, note, now, decided(Purpose::Note, why.as_str())));
                }
            }
        }
        Ok(observations)
    }

    /// What else the message says: claims of posting and escrow, and what is for the owner's eyes.
    async fn weigh_claims(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        before: &[Observation],
    ) -> Result<Vec<Observation>, FollowError> {
        let now = decider.clock.now();
        let labels = it.signal().labels;
        let mut observations = Vec::new();
        if it.role == Role::Worker || it.first_seen.since(it.seen.send_time) > decider.config.reply.max_age {
            return Ok(observations);
        }
        let opened_now = before.iter().any(|it| it.kind == EntryKind::CaseChanged);
        if !opened_now && let Some(case) = self.joined_case(it, now).await? {
            let fact = match (labels.escrow_claimed, labels.contract_posted) {
                (true, _) => Some(Fact::EscrowClaimed),
                (false, true) => Some(Fact::PostedClaimed),
                (false, false) => None,
            };
            if let (Some(fact), Some(state)) = (fact, State::parse(&case.state))
                && let Some(state_after) = cases::step(state, fact)
            {
                let moved = CaseRow { state: state_after.as_str().to_owned(), ..case };
                observations.push(record::case_changed(
                    &moved,
                    Change { from: Some(state), why: "said_in_room", ..Change::default() },
                ));
            }
        }
        let request = it.request();
        for (label, kind) in notable(labels) {
            let note = self.words(decider, it, kind).await?;
            let decision = Decision {
                purpose: Purpose::Note.as_str().to_owned(),
                case: None,
                post_room: None,
                request: Some(request.clone()),
                why: label.as_str().to_owned(),
                rules: it.signal.rules.clone(),
                templates: decider.templates.version().to_owned(),
                tier: tier_text(it.signal().tier).to_owned(),
                confidence: it.signal().confidence,
                reasons: it.signal().reasons.iter().map(|reason| reason.rule.clone()).collect(),
                ..Decision::default()
            };
            observations.extend(self.note(decider, note, now, decision));
        }
        Ok(observations)
    }

    async fn words(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        kind: NoteKind<'_>,
    ) -> Result<String, FollowError> {
        let name = self.store.name_at(it.seen.room, it.seen.account, it.entry.n).await?;
        let room = self.store.rooms().await?.into_iter().find(|row| row.room == it.seen.room);
        let said = notation::parse(&it.seen.body);
        let own: String = said.own_words().into_iter().map(|span| &it.seen.body[span]).collect();
        let subject = NoteSubject {
            room: it.seen.room,
            room_name: room.as_ref().and_then(|row| row.name.as_deref()),
            message: &it.seen.message,
            sender_name: name.as_deref(),
            quote: &own,
        };
        Ok(decider.templates.render_note(&subject, kind))
    }

    fn note(
        &self,
        decider: &Decider,
        text: String,
        now: UtcMillis,
        decision: Decision,
    ) -> Option<Observation> {
        let room = decider.me.control_room?;
        let decision = Decision { post_room: Some(room), text: Some(text), due_at: Some(now.0), ..decision };
        Some(record::decision(EntryKind::ReplyDecided, &decision))
    }

    async fn facts(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        watched_since: UtcMillis,
        case: Option<&CaseRow>,
        now: UtcMillis,
    ) -> Result<Facts, FollowError> {
        let room = it.seen.room;
        let settings = decider.config.reply_for(room, it.room_type);
        let owners = &decider.me.owners;
        let day = outbox::start_of_day(now);
        let recent = UtcMillis(it.seen.send_time.0.saturating_sub(settings.owner_active.as_millis() as i64));
        let written = outbox::owner_messages(&self.store, room, owners, recent).await?;
        let (waiting_here, waiting) = self.waiting(room).await?;
        let parsed = notation::parse(&it.seen.body);
        let replies = self.store.outbox().await?;
        let decided_before = replies
            .iter()
            .filter(|row| row.purpose == Purpose::Reminder)
            .filter_map(|row| row.request.as_ref())
            .any(|request| request.room == room && request.message == it.seen.message);
        let posted_here = self.store.posts_since(&outbox::IN_ROOM, Some(room), day).await?;
        let posted = self.store.posts_since(&outbox::IN_ROOM, None, day).await?;
        Ok(Facts {
            tier: it.signal().tier,
            labels: it.signal().labels,
            role: it.role,
            listed: decider.config.room(room).is_some(),
            mode: settings.mode,
            room_type: it.room_type,
            calls_everybody: parsed.to_all() || calls_everybody(&parsed.plain_text()),
            age: it.first_seen.since(it.seen.send_time),
            max_age: settings.max_age,
            // Times of the platform are whole seconds.
            before_watch: it.entry.source != Source::Webhook && it.seen.send_time.0 + 1000 <= watched_since.0,
            owner_answered: written.iter().any(|row| row.message > it.seen.message),
            owner_active: written.iter().any(|row| row.message < it.seen.message),
            decided_before,
            case: case.map(|case| JoinedCase {
                reminded: case.reminded || has_reminder(&replies, case.id),
                posted: State::parse(&case.state).is_some_and(|state| state > State::Reminded),
            }),
            room_budget_left: posted_here + waiting_here < settings.max_per_room_per_day,
            budget_left: posted + u32::try_from(waiting.len()).unwrap_or(u32::MAX)
                < decider.config.reply.max_per_day,
        })
    }

    /// Reminders decided and not yet ended: they count against the budgets, and their cases count as reminded.
    async fn waiting(&self, room: RoomId) -> Result<(u32, Vec<CaseId>), FollowError> {
        let rows = self.store.open_outbox().await?;
        let reminders = rows.iter().filter(|row| row.purpose == Purpose::Reminder);
        let here = reminders.clone().filter(|row| row.room == room).count();
        Ok((u32::try_from(here).unwrap_or(u32::MAX), reminders.filter_map(|row| row.case).collect()))
    }

    async fn joined_case(&self, it: &Weighed<'_>, now: UtcMillis) -> Result<Option<CaseRow>, FollowError> {
        let cases = self.store.client_cases(it.seen.room, it.seen.account).await?;
        Ok(cases.into_iter().rfind(|case| {
            State::parse(&case.state).is_some_and(|state| cases::joins(state, case.moved_at, now))
        }))
    }

    async fn open_case(&self, it: &Weighed<'_>, now: UtcMillis) -> Result<CaseRow, FollowError> {
        Ok(CaseRow {
            id: self.store.next_case().await?,
            room: it.seen.room,
            client: it.seen.account,
            state: State::Requested.as_str().to_owned(),
            request_message: it.seen.message.clone(),
            request_n: it.entry.n,
            opened_at: now,
            moved_at: now,
            terms: it.signal().terms.clone(),
            reminded: false,
            job_link: None,
            contract_link: None,
            contract: None,
            // Given by the entry that records it.
            changed_n: it.entry.n,
        })
    }

    async fn reminder(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        automatic_line: bool,
    ) -> Result<String, FollowError> {
        let name = self.store.name_at(it.seen.room, it.seen.account, it.entry.n).await?;
        Ok(decider.templates.render_reminder(&ReminderContext {
            room: it.seen.room,
            message: &it.seen.message,
            account: it.seen.account,
            sender_name: name.as_deref(),
            automatic_line,
            start_before_escrow: it.signal().labels.start_before_escrow,
        }))
    }
}
