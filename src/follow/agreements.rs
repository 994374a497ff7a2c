//! What was agreed: warns the owner who is about to begin before escrow, offers to restate the terms that he accepted,
//! links the client's yes, and tells of terms that were edited afterwards. All of it goes to the owner alone.

use std::sync::Arc;

use crate::cases::{self, State};
use crate::chatwork::notation;
use crate::config::Mode;
use crate::desk::Desk;
use crate::detect::RuleSet;
use crate::domain::{Clock, Entry, EntryIndex, EntryKind, MessageId, Role, RoomId, Source, Terms, UtcMillis};
use crate::ledger::Observation;
use crate::reply::outbox::Me;
use crate::reply::record::{self, By, Change, Decision, Drafted, Part};
use crate::reply::said;
use crate::reply::template::{Alert, NoteKind, NoteSubject};
use crate::store::{
    ArchiveStore, CaseRow, CaseStore, DeskStore, DraftState, FollowStore, OutboxState, Purpose, RequestRef,
    StandingStore, StoreError,
};

use super::capture::{Capture, capture};
use super::casebook::Casebook;
use super::{BATCH, FollowError, Progress};

/// What was seen longer ago is not told any more: after an outage, or when the tables were made anew.
const NEWS: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Reads what owner and client say to each other about open cases.
pub struct Agreements {
    pub desk: Desk,
    pub rules: Arc<RuleSet>,
    pub clock: Arc<dyn Clock>,
    pub me: Me,
}

/// A message with everything that is asked of it.
struct Spoken<'a> {
    entry: &'a Entry,
    seen: Capture,
    own: String,
    now: UtcMillis,
}

impl Spoken<'_> {
    fn request(&self) -> RequestRef {
        RequestRef {
            room: self.seen.room,
            message: self.seen.message,
            account: self.seen.account,
            n: self.entry.n,
        }
    }
}

impl Agreements {
    pub const NAME: &'static str = "agreements";

    /// Handles one batch, never beyond what the casebook has filed.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let store = &self.desk.store;
        let from = store.cursor(Self::NAME).await?;
        let end = store.cursor(Casebook::NAME).await?;
        let room_for = usize::try_from(end.0.saturating_sub(from.0)).unwrap_or(BATCH).min(BATCH);
        if room_for == 0 {
            return Ok(Progress::Idle);
        }
        let records = self.desk.ledger.records(from, room_for).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let now = self.clock.now();
        for record in &records {
            let Ok(entry) = record.entry() else { continue };
            let version = matches!(entry.kind, EntryKind::MessageCreated | EntryKind::MessageUpdated);
            if !version || entry.source == Source::Import || now.since(entry.observed_at) > NEWS {
                continue;
            }
            let Some(seen) = capture(&entry, record).filter(|it| !notation::is_deleted(&it.body)) else {
                continue;
            };
            let parsed = notation::parse(&seen.body);
            let own: String = parsed.own_words().iter().map(|span| parsed.source(span)).collect();
            let observations = self.weigh(&Spoken { entry: &entry, own, now, seen }).await?;
            record::append_and_apply(&self.desk.ledger, store, observations, None).await?;
        }
        store.put_cursor(Self::NAME, next).await?;
        Ok(Progress::Moved)
    }

    async fn weigh(&self, it: &Spoken<'_>) -> Result<Vec<Observation>, StoreError> {
        if Some(it.seen.room) == self.me.control_room || !self.watched(it.seen.room).await? {
            return Ok(Vec::new());
        }
        let rooms = self.desk.store.rooms().await?;
        let room_type = rooms.into_iter().find(|row| row.room == it.seen.room).and_then(|row| row.room_type);
        let role = self.desk.config.role_of(it.seen.room, room_type, it.seen.account, &self.me.owners);
        let created = it.entry.kind == EntryKind::MessageCreated;
        match role {
            Role::Worker if created => self.of_owner(it).await,
            Role::Client if created => self.of_client(it).await,
            Role::Client => self.edited(it).await,
            Role::Worker | Role::Other | Role::Bot => Ok(Vec::new()),
        }
    }

    /// Listed, and more than observed.
    async fn watched(&self, room: RoomId) -> Result<bool, StoreError> {
        let rooms = self.desk.store.rooms().await?;
        let room_type = rooms.into_iter().find(|it| it.room == room).and_then(|it| it.room_type);
        let listed = self.desk.config.room(room).is_some();
        let said = said::of(&self.desk.store, room).await?;
        Ok(listed && self.desk.config.reply_said(room, room_type, said).mode > Mode::Observe)
    }

    /// The owner accepts, or is about to begin.
    async fn of_owner(&self, it: &Spoken<'_>) -> Result<Vec<Observation>, StoreError> {
        let (begins, accepts) = (cases::begins(&it.own), cases::accepts(&it.own));
        if !(begins || accepts) || self.is_own_post(it).await? {
            return Ok(Vec::new());
        }
        let open = self.open_cases(it.seen.room).await?;
        // The newest one is what people speak of.
        let Some(case) = open.last() else { return Ok(Vec::new()) };
        let mut observations = Vec::new();
        if begins && State::parse(&case.state).is_some_and(State::before_escrow) {
            let key = format!("guard:{}:{}", case.id, it.seen.send_time.japan_day());
            let line = self.desk.line(case).await?;
            let subject = NoteSubject {
                room: it.seen.room,
                room_name: line.room_name.as_deref(),
                message: &it.seen.message,
                sender_name: None,
                quote: "",
            };
            let kind = NoteKind::OwnerStart { case: Some(case.id) };
            let text = self.desk.templates.render_note(&subject, kind);
            observations.extend(self.note(it, case, "owner_start", text, None).map(|note| note.once(key)));
        }
        if accepts && let Some(draft) = self.restated(case).await? {
            let key = agreed_key(case);
            let alert = Alert::Agreed { line: self.desk.line(case).await?, draft: draft.text.clone() };
            let text = self.desk.templates.render_alert(&alert);
            observations.extend(self.note(it, case, "agreed", text, Some(draft)).map(|note| note.once(key)));
        }
        Ok(observations)
    }

    /// The draft that restates what was agreed, where there is something to restate and nothing else waits for a word.
    async fn restated(&self, case: &CaseRow) -> Result<Option<Drafted>, StoreError> {
        let draft = self.desk.store.draft(case.id).await?;
        let waits = draft.is_some_and(|it| it.state == DraftState::Open);
        if waits || case.terms == Terms::default() {
            return Ok(None);
        }
        let text = self.desk.templates.render_restated(&case.terms, false);
        Ok(Some(self.desk.drafted(case, &text).await?))
    }

    /// A yes behind the restated terms.
    async fn of_client(&self, it: &Spoken<'_>) -> Result<Vec<Observation>, StoreError> {
        if !cases::assents(&it.own) {
            return Ok(Vec::new());
        }
        let open = self.open_cases(it.seen.room).await?;
        for case in open.iter().rev().filter(|case| case.client == it.seen.account) {
            let Some(restated) = self.posted_restatement(case).await? else { continue };
            if restated >= it.seen.message {
                continue;
            }
            let part = Part { message: it.seen.message, n: it.entry.n, part: "assent".to_owned() };
            let change = Change {
                from: State::parse(&case.state),
                why: "assent",
                messages: vec![part],
                by: Some(By::Client(it.seen.message)),
                moved_at: Some(case.moved_at),
            };
            let alert = Alert::Assented {
                line: self.desk.line(case).await?,
                link: link(it.seen.room, &it.seen.message),
            };
            let text = self.desk.templates.render_alert(&alert);
            let mut observations =
                vec![record::case_changed(case, change).once(format!("assent:{}", case.id))];
            let note = self.note(it, case, "assented", text, None);
            observations.extend(note.map(|note| note.once(format!("assented:{}", case.id))));
            return Ok(observations);
        }
        Ok(Vec::new())
    }

    /// Where the restated terms of a case stand in its room, if they were posted.
    async fn posted_restatement(&self, case: &CaseRow) -> Result<Option<MessageId>, StoreError> {
        let Some(n) = self.desk.ledger.find_once(&agreed_key(case)).await? else { return Ok(None) };
        let record = self.desk.ledger.records(n, 1).await?;
        let content = record.first().and_then(|it| it.content_bytes());
        let decision: Option<Decision> = content.and_then(|it| serde_json::from_slice(it).ok());
        let Some(draft) = decision.and_then(|it| it.draft) else { return Ok(None) };
        let rows = self.desk.store.outbox().await?;
        let sent = rows.into_iter().find(|row| {
            row.case == Some(case.id) && row.state == OutboxState::Sent && row.text == draft.text
        });
        Ok(sent.and_then(|it| it.posted))
    }

    /// Price, deadline, quantity or deliverable of a message changed after the owner had accepted.
    async fn edited(&self, it: &Spoken<'_>) -> Result<Vec<Observation>, StoreError> {
        let store = &self.desk.store;
        let versions = store.versions(it.seen.room, &it.seen.message).await?;
        let Some(before) = versions.iter().filter(|row| row.n < it.entry.n).max_by_key(|row| row.n) else {
            return Ok(Vec::new());
        };
        let old = self.rules.terms_in(&before.body);
        let changes = cases::changes(&old, &self.rules.terms_in(&it.seen.body));
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let Some(case) = self.case_of(it).await? else { return Ok(Vec::new()) };
        if !self.accepted(it, &case).await? {
            return Ok(Vec::new());
        }
        let known = case.terms.clone();
        let terms = Terms {
            deliverable: old.deliverable.or(known.deliverable),
            quantity: old.quantity.or(known.quantity),
            amount: old.amount.or(known.amount),
            deadline: old.deadline.or(known.deadline),
        };
        let draft = Desk::drafted_to(it.request(), &self.desk.templates.render_restated(&terms, true));
        let alert = Alert::TermsChanged {
            line: self.desk.line(&case).await?,
            link: link(it.seen.room, &it.seen.message),
            changes: changes.into_iter().map(|it| (it.term, it.before, it.after)).collect(),
            draft: Some(draft.text.clone()),
        };
        let text = self.desk.templates.render_alert(&alert);
        let note = self.note(it, &case, "terms_changed", text, Some(draft));
        Ok(note.map(|note| note.once(format!("terms:{}", it.entry.n))).into_iter().collect())
    }

    /// The case that the edited message belongs to: named by it, else the newest open one of its author.
    async fn case_of(&self, it: &Spoken<'_>) -> Result<Option<CaseRow>, StoreError> {
        let open = self.open_cases(it.seen.room).await?;
        for case in open.iter().rev() {
            let named = self.desk.store.case_messages(case.id).await?;
            if case.request_message == it.seen.message
                || named.iter().any(|row| row.message == it.seen.message)
            {
                return Ok(Some(case.clone()));
            }
        }
        Ok(open.into_iter().rev().find(|case| case.client == it.seen.account))
    }

    /// By words after the message, or by having confirmed its escrow.
    async fn accepted(&self, it: &Spoken<'_>, case: &CaseRow) -> Result<bool, StoreError> {
        if State::parse(&case.state).is_some_and(State::in_escrow) {
            return Ok(true);
        }
        let owners = self.me.owners.clone();
        let written = self.desk.store.written_since(it.seen.room, owners, it.seen.send_time).await?;
        let posts = self.desk.store.outbox().await?;
        Ok(written.into_iter().any(|row| {
            let parsed = notation::parse(&row.current.body);
            let own: String = parsed.own_words().iter().map(|span| parsed.source(span)).collect();
            let bots = posts
                .iter()
                .any(|post| post.posted.as_ref() == Some(&row.message) || post.text == row.current.body);
            // What he wrote after the edit was written about the new words.
            let after_edit = it.seen.update_time.is_some_and(|edited| row.send_time > edited);
            row.message > it.seen.message && !bots && !after_edit && cases::accepts(&own)
        }))
    }

    async fn open_cases(&self, room: RoomId) -> Result<Vec<CaseRow>, StoreError> {
        let cases = self.desk.store.cases().await?.into_iter();
        let open = |it: &CaseRow| State::parse(&it.state).is_some_and(|state| !state.closed());
        Ok(cases.filter(|it| it.room == room && open(it)).collect())
    }

    /// The bot posts with the owner's account; its posts are not his words.
    async fn is_own_post(&self, it: &Spoken<'_>) -> Result<bool, StoreError> {
        let rows = self.desk.store.outbox().await?;
        Ok(rows.iter().any(|row| row.posted.as_ref() == Some(&it.seen.message) || row.text == it.seen.body))
    }

    fn note(
        &self,
        it: &Spoken<'_>,
        case: &CaseRow,
        why: &str,
        text: String,
        draft: Option<Drafted>,
    ) -> Option<Observation> {
        let content = Decision {
            purpose: Purpose::Note.as_str().to_owned(),
            case: Some(case.id),
            post_room: Some(self.me.control_room?),
            request: Some(it.request()),
            why: why.to_owned(),
            rules: self.rules.version().to_owned(),
            templates: self.desk.templates.version().to_owned(),
            text: Some(text),
            due_at: Some(it.now.0),
            draft,
            ..Decision::default()
        };
        Some(record::decision(EntryKind::ReplyDecided, &content))
    }
}

fn agreed_key(case: &CaseRow) -> String {
    format!("agreed:{}", case.id)
}

fn link(room: RoomId, message: &MessageId) -> String {
    format!("https://www.chatwork.com/#!rid{room}-{message}")
}
