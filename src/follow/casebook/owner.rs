//! What follows from the owner's word about a case: a reply to the client, or its draft.

use crate::cases::{self, State};
use crate::config::Mode;
use crate::domain::{Entry, EntryKind};
use crate::ledger::Observation;
use crate::reply::record::{self, ChangedCase, Decision};
use crate::reply::said;
use crate::reply::template::{CaseNote, NoteSubject};
use crate::store::{ArchiveStore, CaseStore, Purpose, RequestRef, StandingStore};

use super::request::due;
use super::words::{Saying, drafted, earlier, note_in, say};
use super::{Casebook, Decider, FollowError};

impl Casebook {
    pub(super) async fn weigh_owners_fact(
        &self,
        decider: &Decider,
        entry: &Entry,
        changed: &ChangedCase,
    ) -> Result<Vec<Observation>, FollowError> {
        let moved = changed.from.as_deref() != Some(changed.state.as_str());
        let state = State::parse(&changed.state).filter(|_| moved);
        let Some(follow_up) = state.and_then(cases::follow_up) else { return Ok(Vec::new()) };
        let (room, case) = (changed.room, changed.case);
        let row = self.store.rooms().await?.into_iter().find(|it| it.room == room);
        let declared = self.store.declared_room(room).await?;
        let room_type = row.as_ref().and_then(|it| it.room_type);
        let settings = decider.config.reply_to_said(room, room_type, changed.client, said::read(&declared));
        if decider.config.room(room).is_none() || settings.mode == Mode::Observe {
            return Ok(Vec::new());
        }
        let request = RequestRef {
            room,
            message: changed.request_message,
            account: changed.client,
            n: changed.request_n,
        };
        let before = earlier(&self.store.client_cases(room, changed.client).await?, Some(case));
        let now = decider.clock.now();
        let switches = self.store.switches().await?;
        let opted_out =
            declared.opted_out.iter().any(|(account, value)| *account == changed.client && *value);
        let decision = |purpose: Purpose| Decision {
            purpose: purpose.as_str().to_owned(),
            case: Some(case),
            request: Some(request.clone()),
            why: follow_up.as_str().to_owned(),
            templates: decider.templates.version().to_owned(),
            ..Decision::default()
        };
        let automatic = settings.follow_ups
            && settings.mode == Mode::Auto
            && !settings.dry_run
            && !switches.stopped
            && !opted_out;
        if automatic {
            let line = settings.automatic_line;
            let text = self.follow_up_text(decider, follow_up, &request, before, line).await?;
            let at = due(now, settings.next_open(now.plus(settings.delay)), switches);
            let post = Decision {
                post_room: Some(room),
                text: Some(text),
                due_at: Some(at.0),
                ..decision(Purpose::FollowUp)
            };
            return Ok(vec![record::decision(EntryKind::ReplyDecided, &post)]);
        }
        let Some(control_room) = decider.me.control_room else { return Ok(Vec::new()) };
        let text = self.follow_up_text(decider, follow_up, &request, before, false).await?;
        let name = self.store.name_at(room, changed.client, entry.n).await?;
        let subject = NoteSubject {
            room,
            room_name: row.as_ref().and_then(|it| it.name.as_deref()),
            message: &request.message,
            sender_name: name.as_deref(),
            quote: "",
        };
        let reason = Self::follow_up_reason(settings.mode, opted_out, switches.stopped, settings.dry_run);
        let approve = settings.mode >= Mode::Approve;
        let saying = Saying::OfCase(CaseNote::FollowUpDraft { case, reason, draft: &text, approve });
        let note = say(decider, &subject, saying);
        // Of this note nothing is read again: the owner himself made it due.
        let decision = Decision {
            draft: Some(drafted(Purpose::FollowUp, &request, &text)),
            request: None,
            ..decision(Purpose::Note)
        };
        Ok(vec![note_in(control_room, now, note, decision)])
    }
}
