//! What else a message says: claims of posting and escrow, addresses, what is taken back, what is for the owner's eyes.

use std::time::Duration;

use crate::cases::{self, Fact, FollowUp, Links, State};
use crate::config::{Mode, OnWithdrawal};
use crate::domain::{CaseId, EntryKind, Label, Role, Tier, UtcMillis};
use crate::ledger::Observation;
use crate::proof::checkpoint::Checkpoint;
use crate::reply::record::{self, By, Decision, Declared};
use crate::reply::template::{CaseNote, DraftReason, NoteKind, OwnReminder};
use crate::store::{
    ArchiveStore, CaseStore, LedgerStore as _, OutboxRow, OutboxState, Purpose, StandingStore,
};

use super::request::{FIRST_CONTACT, due};
use super::weighed::Weighed;
use super::words::{Saying, drafted, earlier};
use super::{Casebook, Decider, FollowError};
use crate::follow::phrases::{opts_out, takes_back};
use crate::follow::weighing::notable;

/// Between two heads that a room gets.
const WITNESS_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);

impl Casebook {
    pub(super) async fn weigh_claims(
        &self,
        decider: &Decider,
        it: &mut Weighed<'_>,
    ) -> Result<Vec<Observation>, FollowError> {
        if it.is_past() {
            return Ok(Vec::new());
        }
        let links = cases::crowdworks_links(&it.seen.body);
        if it.role == Role::Worker {
            return self.owners_links(it, links).await;
        }
        let labels = it.signal().labels;
        let mut observations = Vec::new();
        let posted = labels.contract_posted || (it.role == Role::Client && links.job.is_some());
        let fact = match (labels.escrow_claimed, posted) {
            (true, _) => Some(Fact::EscrowClaimed),
            (false, true) => Some(Fact::PostedClaimed),
            (false, false) => None,
        };
        let case = it.joined().or_else(|| it.open_case().filter(|_| links.any())).map(|case| case.id);
        let mut claimed = false;
        if let Some(case) = case {
            let (why, part) = if fact.is_some() { ("said_in_room", "claim") } else { ("link", "link") };
            let changed = it.change(case, fact, links, why, part);
            claimed = changed.is_some() && fact == Some(Fact::EscrowClaimed);
            observations.extend(changed);
        }
        if self.is_taken_back(it) {
            observations.extend(self.withdraw(decider, it).await?);
            return Ok(observations);
        }
        if it.is_observed() {
            return Ok(observations);
        }
        let open = it.open_case().map(|case| case.id);
        for (label, kind) in notable(labels, open) {
            let follow_up = match label {
                Label::StartBeforeEscrow if !it.asks() && !self.followed_up(it) => {
                    Some(FollowUp::StartBeforeEscrow)
                }
                Label::EscrowClaimed if claimed => Some(FollowUp::EscrowClaimed),
                _ => None,
            };
            let case = it.joined().map(|case| case.id);
            observations.extend(self.tell(decider, it, case, label.as_str(), kind, follow_up).await?);
        }
        Ok(observations)
    }

    /// A reply after the reminder is in the room, or on its way: each step is spoken of once.
    fn followed_up(&self, it: &Weighed<'_>) -> bool {
        let case = it.joined().map(|case| case.id);
        it.replies.iter().any(|row| {
            row.purpose == Purpose::FollowUp && row.case == case && row.state != OutboxState::Suppressed
        })
    }

    /// The owner's note on a label, with a draft of the answer where there is one to give.
    async fn tell(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        case: Option<CaseId>,
        why: &str,
        kind: NoteKind<'_>,
        follow_up: Option<FollowUp>,
    ) -> Result<Vec<Observation>, FollowError> {
        let decision = it.decision(decider, Purpose::Note, case, why);
        let (Some(case), Some(follow_up)) = (case, follow_up) else {
            return Ok(self.note(decider, it, Saying::Plain(kind), decision).await?.into_iter().collect());
        };
        let usable = it.role == Role::Client && it.listed && it.settings.mode > Mode::Observe;
        if !usable {
            return Ok(self.note(decider, it, Saying::Plain(kind), decision).await?.into_iter().collect());
        }
        let before = earlier(&it.cases, Some(case));
        let request = it.request();
        let switches = self.store.switches().await?;
        let automatic = it.settings.follow_ups
            && it.settings.mode == Mode::Auto
            && !it.settings.dry_run
            && !switches.stopped
            && !it.opted_out(decider)
            && !it.first_contact(decider);
        if automatic {
            let line = it.settings.automatic_line;
            let text = self.follow_up_text(decider, follow_up, &request, before, line).await?;
            let at = due(it.now, it.settings.next_open(it.now.plus(it.settings.delay)), switches);
            let post = Decision {
                post_room: Some(it.seen.room),
                text: Some(text),
                due_at: Some(at.0),
                ..it.decision(decider, Purpose::FollowUp, Some(case), follow_up.as_str())
            };
            let note = self.note(decider, it, Saying::Plain(kind), decision).await?;
            let post = record::decision(EntryKind::ReplyDecided, &post);
            return Ok([post].into_iter().chain(note).collect());
        }
        let text = self.follow_up_text(decider, follow_up, &request, before, false).await?;
        let approve = (it.settings.mode >= Mode::Approve).then_some(case);
        let saying = Saying::WithDraft { kind, draft: &text, approve };
        let decision = Decision { draft: Some(drafted(Purpose::FollowUp, &request, &text)), ..decision };
        Ok(self.note(decider, it, saying, decision).await?.into_iter().collect())
    }

    /// Addresses in the owner's own words belong to the one open case of the room.
    async fn owners_links(
        &self,
        it: &mut Weighed<'_>,
        links: Links,
    ) -> Result<Vec<Observation>, FollowError> {
        if !links.any() {
            return Ok(Vec::new());
        }
        let open = |state: &str| State::parse(state).is_some_and(|state| !state.closed());
        let all = self.store.cases().await?;
        it.cases = all.into_iter().filter(|case| case.room == it.seen.room && open(&case.state)).collect();
        let [case] = it.cases.as_slice() else { return Ok(Vec::new()) };
        let case = case.id;
        Ok(it.change(case, None, links, "link", "link").into_iter().collect())
    }

    /// The client takes back the request of a case that is not yet in escrow: by another version of it, or in words.
    fn is_taken_back(&self, it: &Weighed<'_>) -> bool {
        if it.role != Role::Client || it.signal().tier != Tier::No {
            return false;
        }
        let own = it.own_words();
        it.joined().is_some_and(|case| takes_back(&own, case.request_message == it.seen.message))
    }

    async fn withdraw(
        &self,
        decider: &Decider,
        it: &mut Weighed<'_>,
    ) -> Result<Vec<Observation>, FollowError> {
        let Some(case) = it.joined().map(|case| case.id) else { return Ok(Vec::new()) };
        let mut observations = self.give_back(it).await?;
        let fact = Some(Fact::WithdrawalSaid);
        observations.extend(it.change(case, fact, Links::default(), "withdrawal_said", "withdrawal"));
        let posted = it.replies.iter().rfind(|row| {
            row.case == Some(case) && row.purpose == Purpose::Reminder && row.state == OutboxState::Sent
        });
        let may_amend = it.listed && it.settings.mode == Mode::Auto && !self.store.switches().await?.stopped;
        let reminder = match (posted, it.settings.on_withdrawal) {
            (None, _) => OwnReminder::None,
            (Some(_), OnWithdrawal::Edit) if may_amend => OwnReminder::Edited,
            (Some(_), OnWithdrawal::Delete) if may_amend => OwnReminder::Deleted,
            (Some(_), OnWithdrawal::Leave | OnWithdrawal::Edit | OnWithdrawal::Delete) => OwnReminder::Left,
        };
        if let Some(row) = posted
            && matches!(reminder, OwnReminder::Edited | OwnReminder::Deleted)
        {
            observations.extend(self.amend(decider, it, row, reminder == OwnReminder::Edited).await?);
        }
        if !it.is_observed() {
            let decision = it.decision(decider, Purpose::Note, Some(case), "withdrawal_said");
            let saying = Saying::OfCase(CaseNote::Withdrawn { case, reminder });
            observations.extend(self.note(decider, it, saying, decision).await?);
        }
        Ok(observations)
    }

    /// The bot's own reminder gets another text, or goes.
    async fn amend(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        row: &OutboxRow,
        edit: bool,
    ) -> Result<Option<Observation>, FollowError> {
        let (Some(target), Some(request)) = (&row.posted, &row.request) else { return Ok(None) };
        let text = if edit {
            let name = self.store.name_at(request.room, request.account, request.n).await?;
            decider.templates.render_amended(request.room, &request.message, request.account, name.as_deref())
        } else {
            String::new()
        };
        let decision = Decision {
            post_room: Some(row.room),
            text: Some(text),
            due_at: Some(it.now.0),
            target: Some(*target),
            // What is read again is the bot's own post.
            request: None,
            ..it.decision(decider, Purpose::Amend, row.case, "withdrawal_said")
        };
        Ok(Some(record::decision(EntryKind::ReplyDecided, &decision)))
    }

    /// The request of an open case is gone from the room. Who deletes may be about to write it anew, so the case stays.
    pub(super) async fn weigh_deletion(
        &self,
        decider: &Decider,
        it: &mut Weighed<'_>,
    ) -> Result<Vec<Observation>, FollowError> {
        let mut observations = self.give_back(it).await?;
        // The message is the sender's whose cases were loaded; its text is that of the last version.
        let versions = self.store.versions(it.seen.room, &it.seen.message).await?;
        let last = versions.into_iter().rfind(|row| row.kind != EntryKind::MessageDeletedReported);
        let case = it.cases.iter().find(|case| {
            case.request_message == it.seen.message
                && State::parse(&case.state).is_some_and(State::before_escrow)
        });
        let (Some(case), Some(last)) = (case.map(|case| case.id), last) else { return Ok(observations) };
        if it.is_observed() || it.before_watch {
            return Ok(observations);
        }
        it.seen.body = last.body;
        let decision =
            Decision { request: None, ..it.decision(decider, Purpose::Note, Some(case), "request_deleted") };
        let saying = Saying::OfCase(CaseNote::RequestDeleted { case });
        observations.extend(self.note(decider, it, saying, decision).await?);
        Ok(observations)
    }

    /// What any message of a client may bring: first contact, the notice, the wish for no automatic messages.
    pub(super) async fn weigh_talk(
        &self,
        decider: &Decider,
        it: &mut Weighed<'_>,
    ) -> Result<Vec<Observation>, FollowError> {
        let mut observations = Vec::new();
        if it.role != Role::Client || it.is_past() {
            return Ok(observations);
        }
        let spoken = it.replies.iter().any(|row| row.room == it.seen.room && row.posted.is_some());
        if spoken && !it.opted_out(decider) && opts_out(&it.own_words()) {
            let what = Declared { opted_out: Some((it.seen.account, true)), ..Declared::default() };
            observations.push(record::declared(it.seen.room, &what, &By::Client(it.seen.message)));
            let decision = it.decision(decider, Purpose::Note, None, "opted_out");
            observations.extend(self.note(decider, it, Saying::OfCase(CaseNote::OptedOut), decision).await?);
            return Ok(observations);
        }
        let requested = it.signal().tier != Tier::No;
        let told = it.declared.told.iter().any(|it| it == FIRST_CONTACT);
        if it.first_contact(decider) && !requested && !told && !it.is_observed() {
            let decision = it.decision(decider, Purpose::Note, None, FIRST_CONTACT);
            observations
                .extend(self.note(decider, it, Saying::OfCase(CaseNote::FirstContact), decision).await?);
            observations.push(record::told(it.seen.room, FIRST_CONTACT));
        }
        let notice = self.notice(decider, it).await?;
        // One post for one message.
        let witness = if notice.is_none() { self.witness(decider, it).await? } else { None };
        observations.extend(notice.or(witness));
        Ok(observations)
    }

    /// The room is told once that it is recorded.
    async fn notice(&self, decider: &Decider, it: &Weighed<'_>) -> Result<Option<Observation>, FollowError> {
        let given = it.replies.iter().any(|row| {
            row.purpose == Purpose::Notice && row.room == it.seen.room && row.state != OutboxState::Suppressed
        });
        if given || !it.settings.notice {
            return Ok(None);
        }
        let Some(at) = self.due_alone(decider, it).await? else { return Ok(None) };
        Ok(Some(alone(decider, it, Purpose::Notice, decider.templates.render_notice(), at)))
    }

    /// The room gets the newest signed head, so that the other side's copy is a witness that the owner cannot change.
    async fn witness(&self, decider: &Decider, it: &Weighed<'_>) -> Result<Option<Observation>, FollowError> {
        let given = || {
            it.replies.iter().filter(|row| {
                row.purpose == Purpose::Witness
                    && row.room == it.seen.room
                    && row.state != OutboxState::Suppressed
            })
        };
        if !it.settings.witness || given().any(|row| it.now.since(row.due_at) < WITNESS_EVERY) {
            return Ok(None);
        }
        let Some(at) = self.due_alone(decider, it).await? else { return Ok(None) };
        let Some((_, note)) = self.store.checkpoints().await?.pop() else { return Ok(None) };
        let body = note.split_once("\n\n").map(|(body, _)| format!("{body}\n")).unwrap_or_default();
        let Ok(head) = Checkpoint::parse(&body) else { return Ok(None) };
        let text = decider.templates.render_witness(&head.to_line());
        // Where nothing was signed since, the room has this head.
        let news = given().all(|row| row.text != text);
        Ok(news.then(|| alone(decider, it, Purpose::Witness, text, at)))
    }

    /// When a post that answers no message may be made; `None` where something forbids it.
    async fn due_alone(&self, decider: &Decider, it: &Weighed<'_>) -> Result<Option<UtcMillis>, FollowError> {
        let switches = self.store.switches().await?;
        let may = it.listed
            && it.settings.mode == Mode::Auto
            && !it.settings.dry_run
            && !switches.stopped
            && !it.first_contact(decider)
            && !it.opted_out(decider);
        let at = || due(it.now, it.settings.next_open(it.now.plus(it.settings.delay)), switches);
        Ok(may.then(at))
    }

    /// Why a follow-up waits for the owner.
    pub(super) fn follow_up_reason(
        it_mode: Mode,
        opted_out: bool,
        stopped: bool,
        dry_run: bool,
    ) -> DraftReason {
        match (it_mode, opted_out, stopped, dry_run) {
            (_, true, _, _) => DraftReason::OptedOut,
            (_, _, true, _) => DraftReason::Paused,
            (Mode::Suggest, ..) => DraftReason::Suggest,
            (Mode::Approve, ..) => DraftReason::Approve,
            (_, _, _, true) => DraftReason::DryRun,
            _ => DraftReason::FollowUp,
        }
    }
}

/// A post that answers no message.
fn alone(decider: &Decider, it: &Weighed<'_>, purpose: Purpose, text: String, at: UtcMillis) -> Observation {
    let decision = Decision {
        post_room: Some(it.seen.room),
        text: Some(text),
        due_at: Some(at.0),
        ..it.decision(decider, purpose, None, purpose.as_str())
    };
    record::decision(EntryKind::ReplyDecided, &decision)
}
