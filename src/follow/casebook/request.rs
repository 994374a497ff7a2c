//! The request for new work: case, reminder, draft or silence, count-down of a contract.

use crate::cases::{self, Cover, Fact, State};
use crate::chatwork::notation;
use crate::config::{Config, Mode};
use crate::domain::{CaseId, EntryKind, RoomId, Tier, UtcMillis};
use crate::ledger::Observation;
use crate::reply::decide::{self, Facts, JoinedCase, Verdict, Why};
use crate::reply::outbox;
use crate::reply::record::{self, Change, Decision};
use crate::reply::template::{CaseNote, NoteKind};
use crate::store::{CaseRow, CaseStore, Purpose, StandingStore, Switches};

use super::covering::Covering;
use super::weighed::Weighed;
use super::words::{Saying, drafted};
use super::{Casebook, Decider, FollowError};
use crate::follow::phrases::calls_everybody;
use crate::follow::weighing::{answered, has_reminder};

impl Casebook {
    pub(super) async fn weigh_request(
        &self,
        decider: &Decider,
        it: &mut Weighed<'_>,
    ) -> Result<Vec<Observation>, FollowError> {
        let mut observations = Vec::new();
        if it.signal().tier == Tier::No {
            observations.extend(self.give_back(it).await?);
            return Ok(observations);
        }
        let switches = self.store.switches().await?;
        let covering = self.covering(decider, it).await?;
        let facts = self.facts(decider, it, &covering, switches).await?;
        let verdict = decide::decide(&facts);
        let case = match it.joined().map(|case| case.id) {
            Some(case) => {
                observations.extend(self.join(it, case, verdict));
                Some(case)
            }
            None if it.asks() && opens(verdict) => {
                let (case, opened) = self.open(it).await?;
                observations.extend(opened);
                Some(case)
            }
            None => None,
        };
        let silent = |it: &Weighed<'_>, why: Why| {
            let content = it.decision(decider, Purpose::Reminder, case, why.as_str());
            record::decision(EntryKind::ReplySuppressed, &content)
        };
        match verdict {
            Verdict::Nothing => {}
            Verdict::Remind => {
                let form = self.form(it, &covering);
                let text = self.reminder(decider, it, it.settings.automatic_line, form).await?;
                let due = due(it.now, it.settings.next_open(it.now.plus(it.settings.delay)), switches);
                observations.push(record::decision(
                    EntryKind::ReplyDecided,
                    &Decision {
                        post_room: Some(it.seen.room),
                        text: Some(text),
                        due_at: Some(due.0),
                        ..it.decision(decider, Purpose::Reminder, case, "request")
                    },
                ));
            }
            Verdict::Silent(why) => {
                observations.push(silent(it, why));
                if why == Why::Covered {
                    observations.extend(self.counted_down(decider, it, &covering).await?);
                }
            }
            Verdict::Draft(why) => {
                observations.push(silent(it, why));
                observations.extend(self.draft(decider, it, &covering, case, why, facts.mode).await?);
            }
        }
        Ok(observations)
    }

    /// Count and note; an edit that changes nothing is neither.
    async fn counted_down(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        covering: &Covering,
    ) -> Result<Vec<Observation>, FollowError> {
        let (Some(counted), Some(by)) = (self.count(it, covering), &covering.by) else {
            return Ok(Vec::new());
        };
        let mut observations = vec![counted];
        if let Cover::Inside { left, .. } = covering.cover
            && !it.is_observed()
        {
            let left = format!("{left}{}", by.row.unit);
            let saying = Saying::OfCase(CaseNote::Covered { left: &left });
            let decision = it.decision(decider, Purpose::Note, None, Why::Covered.as_str());
            observations.extend(self.note(decider, it, saying, decision).await?);
        }
        Ok(observations)
    }

    async fn draft(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        covering: &Covering,
        case: Option<CaseId>,
        why: Why,
        mode: Mode,
    ) -> Result<Vec<Observation>, FollowError> {
        if why == Why::FirstContact {
            let decision = it.decision(decider, Purpose::Note, case, why.as_str());
            let saying = Saying::OfCase(CaseNote::FirstContact);
            let note = self.note(decider, it, saying, decision).await?;
            return Ok(note.into_iter().chain([record::told(it.seen.room, FIRST_CONTACT)]).collect());
        }
        let Some(reason) = why.draft_reason(mode) else { return Ok(Vec::new()) };
        let text = self.reminder(decider, it, false, self.form(it, covering)).await?;
        // A draft has a number, so that the owner can speak of it; it becomes that case when he approves.
        let number = match case {
            Some(case) => Some(case),
            None if it.listed && why != Why::NotClient => Some(self.store.next_case().await?),
            None => None,
        };
        let sendable = it.listed && mode >= Mode::Approve && why != Why::NotClient;
        let decision = Decision {
            draft: number
                .filter(|_| it.listed && why != Why::NotClient)
                .map(|_| drafted(Purpose::Reminder, &it.request(), &text)),
            ..it.decision(decider, Purpose::Note, number, why.as_str())
        };
        let approve = number.filter(|_| sendable);
        let saying = Saying::Plain(NoteKind::Draft { reason, draft: Some(&text), approve });
        Ok(self.note(decider, it, saying, decision).await?.into_iter().collect())
    }

    /// A further request, or another version of the request, in a case that is there.
    fn join(&self, it: &mut Weighed<'_>, case: CaseId, verdict: Verdict) -> Option<Observation> {
        if !it.asks()
            || matches!(verdict, Verdict::Nothing | Verdict::Silent(Why::BeforeWatch | Why::Covered))
        {
            return None;
        }
        let part = it.part("request");
        let (message, terms) = (it.seen.message, it.signal().terms.clone());
        let row = it.cases.iter_mut().find(|row| row.id == case)?;
        let from = State::parse(&row.state);
        let (why, part) = if row.request_message == message {
            if row.terms == terms {
                return None;
            }
            row.terms = terms;
            ("request_edited", part)
        } else {
            ("request_joined", record::Part { part: "joined".to_owned(), ..part })
        };
        Some(record::case_changed(row, Change { from, why, messages: vec![part], ..Change::default() }))
    }

    /// A new case; older ones of the client that never came to escrow are over.
    async fn open(&self, it: &mut Weighed<'_>) -> Result<(CaseId, Vec<Observation>), FollowError> {
        let mut observations = Vec::new();
        let stale: Vec<CaseId> = it
            .cases
            .iter()
            .filter(|case| State::parse(&case.state).is_some_and(State::before_escrow))
            .map(|case| case.id)
            .collect();
        for case in stale {
            let fact = Some(Fact::Superseded);
            observations.extend(it.change(
                case,
                fact,
                cases::Links::default(),
                "superseded",
                "superseded_by",
            ));
        }
        let labels = it.signal().labels;
        let said = match (labels.escrow_claimed, labels.contract_posted) {
            (true, _) => State::EscrowClaimed,
            (false, true) => State::Posted,
            (false, false) => State::Requested,
        };
        let case = CaseRow {
            id: self.store.next_case().await?,
            room: it.seen.room,
            client: it.seen.account,
            state: said.as_str().to_owned(),
            request_message: it.seen.message,
            request_n: it.entry.n,
            opened_at: it.now,
            moved_at: it.now,
            terms: it.signal().terms.clone(),
            reminded: false,
            job_link: None,
            contract_link: None,
            contract: None,
            // Given by the entry that records it.
            changed_n: it.entry.n,
        };
        let change = Change { why: "request", messages: vec![it.part("request")], ..Change::default() };
        observations.push(record::case_changed(&case, change));
        let id = case.id;
        it.cases.push(case);
        Ok((id, observations))
    }

    async fn facts(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        covering: &Covering,
        switches: Switches,
    ) -> Result<Facts, FollowError> {
        let room = it.seen.room;
        let owners = &decider.me.owners;
        let day = outbox::start_of_day(it.now);
        let span = it.settings.owner_active.as_millis() as i64;
        let recent = UtcMillis(it.seen.send_time.0.saturating_sub(span));
        let written = outbox::owner_messages(&self.store, room, owners, recent).await?;
        let message = &it.seen.message;
        let parsed = notation::parse(&it.seen.body);
        // The request of a case that is over, or in escrow, asks for nothing new when it is edited.
        let settled = it.cases.iter().any(|case| {
            case.request_message == *message
                && State::parse(&case.state).is_some_and(|state| !state.before_escrow())
        });
        let waiting_here = self.waiting(Some(room)).await?;
        let posted_here = self.store.posts_since(&outbox::IN_ROOM, Some(room), day).await?;
        let waiting = self.waiting(None).await?;
        let posted = self.store.posts_since(&outbox::IN_ROOM, None, day).await?;
        Ok(Facts {
            tier: it.signal().tier,
            labels: it.signal().labels,
            role: it.role,
            listed: it.listed,
            mode: it.settings.mode,
            room_type: it.room_type,
            calls_everybody: parsed.to_all() || calls_everybody(&parsed.plain_text()),
            age: it.age,
            max_age: it.settings.max_age,
            before_watch: it.before_watch,
            owner_answered: written.iter().any(|row| row.message > *message),
            owner_active: written.iter().any(|row| row.message < *message),
            decided_before: settled || answered(&it.replies, message),
            case: it.joined().map(|case| JoinedCase {
                reminded: case.reminded || has_reminder(&it.replies, case.id, message),
                posted: State::parse(&case.state).is_some_and(|state| state > State::Reminded),
            }),
            cover: covering.cover,
            monthly: self.is_monthly(covering),
            first_contact: it.first_contact(decider),
            opted_out: it.opted_out(decider),
            stopped: switches.stopped,
            dry_run: it.settings.dry_run,
            room_budget_left: posted_here + waiting_here < it.settings.max_per_room_per_day,
            budget_left: posted + waiting < max_per_day(&decider.config),
        })
    }

    /// Posts decided and not yet ended count against the budgets.
    async fn waiting(&self, room: Option<RoomId>) -> Result<u32, FollowError> {
        let rows = self.store.open_outbox().await?;
        let here = rows.iter().filter(|row| row.purpose.in_client_room());
        let count = here.filter(|row| room.is_none_or(|room| row.room == room)).count();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// What was said once of a room and is not said again.
pub(super) const FIRST_CONTACT: &str = "first_contact";

fn max_per_day(config: &Config) -> u32 {
    config.reply.max_per_day
}

/// When a post goes out: after the delay, outside quiet times.
pub(super) fn due(now: UtcMillis, open: UtcMillis, switches: Switches) -> UtcMillis {
    switches.quiet_until.map_or(open, |until| open.max(until)).max(now)
}

/// Whether a certain request opens a case although nothing may be posted.
fn opens(verdict: Verdict) -> bool {
    !matches!(
        verdict,
        Verdict::Nothing
            | Verdict::Silent(Why::BeforeWatch | Why::Covered | Why::Hourly | Why::DecidedBefore)
    )
}
