//! What the owner can ask: the cases, one case, its conditions, how things stand.

use crate::cases::{self, Item, Price, Reading, Readings, Said, Standing, State};
use crate::chatwork::notation;
use crate::domain::{CaseId, MessageId, RoomId, UtcMillis};
use crate::reply::record::Drafted;
use crate::reply::template::{Answer, CaseLine, ItemLine, Running};
use crate::store::{
    ArchiveStore, CaseMessageRow, CaseRow, CaseStore, DeskStore, DraftRow, MessageRow, NoteRow, Purpose,
    RequestRef, RoomRow, StandingStore, StoreError,
};

use super::{Desk, Reply, state_of};

/// Everything that is known of one case.
#[derive(Clone, Debug)]
pub struct CaseView {
    pub case: CaseRow,
    pub line: CaseLine,
    pub messages: Vec<CaseMessageRow>,
    pub notes: Vec<NoteRow>,
    /// The newest draft, whatever became of it.
    pub draft: Option<DraftRow>,
    pub conditions: Vec<ItemLine>,
    pub readings: Readings,
}

impl Desk {
    /// Open cases, newest first.
    pub async fn list(&self) -> Result<Answer, StoreError> {
        let rooms = self.store.rooms().await?;
        let (closed, open): (Vec<_>, Vec<_>) =
            self.store.cases().await?.into_iter().partition(|it| state_of(it).closed());
        let mut lines = Vec::with_capacity(open.len());
        for case in open.iter().rev() {
            lines.push(self.line_in(case, &rooms).await?);
        }
        Ok(Answer::List { lines, closed: closed.len() })
    }

    /// What is known of a case by the clock.
    pub async fn standing(&self, case: &CaseRow, state: State) -> Result<Standing, StoreError> {
        let written = self.written(case).await?;
        Ok(Standing {
            state,
            moved_at: case.moved_at,
            last_said: self.store.last_written(case.room).await?,
            deadline: case.terms.deadline.as_deref().and_then(|it| cases::deadline(it, written)),
        })
    }

    /// When the request was written; the days that it names are seen from there, also after an edit.
    async fn written(&self, case: &CaseRow) -> Result<UtcMillis, StoreError> {
        let asked = self.store.message(case.room, &case.request_message).await?;
        Ok(asked.map_or(case.opened_at, |it| it.send_time))
    }

    /// Whether the bot posts, and what is open.
    pub async fn status(&self) -> Result<Answer, StoreError> {
        let switches = self.store.switches().await?;
        let now = self.clock.now();
        let running = match (switches.stopped, switches.quiet_until) {
            (true, _) => Running::Stopped,
            (false, Some(until)) if until > now => Running::QuietUntil(until),
            (false, _) => Running::On,
        };
        Ok(Answer::Status { running, sums: self.sums().await? })
    }

    pub(super) async fn show(&self, case: CaseId) -> Result<Answer, StoreError> {
        let Some(view) = self.view(case).await? else {
            return Ok(Answer::NoSuchCase(case));
        };
        Ok(Answer::Show {
            opened_at: view.case.opened_at,
            reminded: view.case.reminded,
            link: link(view.case.room, &view.case.request_message),
            notes: view.notes.into_iter().map(|it| it.text).collect(),
            line: view.line,
        })
    }

    pub(super) async fn evidence(&self, case: CaseId) -> Result<Answer, StoreError> {
        let Some(row) = self.store.case(case).await? else {
            return Ok(Answer::NoSuchCase(case));
        };
        let messages = self.store.case_messages(case).await?.len();
        Ok(match &self.packages {
            // A queue that is full is told as if there were none.
            Some(packages) if packages.try_send(case).is_ok() => Answer::EvidenceMaking { case, messages },
            _ => Answer::Evidence { case, room: row.room, messages },
        })
    }

    /// The items of Article 3, with a draft that asks for those that are missing.
    pub(super) async fn conditions(&self, case: CaseId) -> Result<Reply, StoreError> {
        let Some(row) = self.store.case(case).await? else {
            return Ok(Answer::NoSuchCase(case).into());
        };
        let items = self.checked(&row).await?;
        let missing: Vec<Item> = items.iter().filter(|it| it.found.is_none()).map(|it| it.item).collect();
        let draft = match missing.is_empty() || state_of(&row).closed() {
            true => None,
            false => Some(self.drafted(&row, &self.templates.render_ask(&missing)).await?),
        };
        let answer = Answer::Conditions { case, items, draft: draft.as_ref().map(|it| it.text.clone()) };
        Ok(Reply { answer, draft: draft.map(|it| (case, it)) })
    }

    /// A text that the owner may send about a case with 承認: an answer to its request as it reads now.
    pub async fn drafted(&self, case: &CaseRow, body: &str) -> Result<Drafted, StoreError> {
        let current = self.store.message(case.room, &case.request_message).await?;
        let request = RequestRef {
            room: case.room,
            message: case.request_message,
            account: case.client,
            n: current.map_or(case.request_n, |it| it.current.n),
        };
        Ok(Self::drafted_to(request, body))
    }

    /// The same as an answer to another message.
    pub fn drafted_to(request: RequestRef, body: &str) -> Drafted {
        let head = notation::reply_tag(request.account, request.room, &request.message);
        Drafted {
            purpose: Purpose::FollowUp.as_str().to_owned(),
            room: request.room,
            text: format!("{head}\n{body}"),
            request,
        }
    }

    /// Everything about one case; `None` where there is none of that number.
    pub async fn view(&self, case: CaseId) -> Result<Option<CaseView>, StoreError> {
        let Some(row) = self.store.case(case).await? else {
            return Ok(None);
        };
        Ok(Some(CaseView {
            line: self.line(&row).await?,
            messages: self.store.case_messages(case).await?,
            notes: self.store.notes(case).await?,
            draft: self.store.draft(case).await?,
            conditions: self.checked(&row).await?,
            readings: cases::readings(&row.terms, Some(self.written(&row).await?)),
            case: row,
        }))
    }

    /// A case on one line.
    pub async fn line(&self, case: &CaseRow) -> Result<CaseLine, StoreError> {
        self.line_in(case, &self.store.rooms().await?).await
    }

    async fn line_in(&self, case: &CaseRow, rooms: &[RoomRow]) -> Result<CaseLine, StoreError> {
        let terms = [&case.terms.deliverable, &case.terms.quantity, &case.terms.amount, &case.terms.deadline];
        let terms: Vec<&str> = terms.into_iter().filter_map(|it| it.as_deref()).collect();
        Ok(CaseLine {
            case: case.id,
            state: state_of(case),
            room: case.room,
            room_name: rooms.iter().find(|it| it.room == case.room).and_then(|it| it.name.clone()),
            client: self.store.name_at(case.room, case.client, case.changed_n).await?,
            terms: terms.join(" "),
        })
    }

    /// Name and address may have been told at any time in the room; the rest belongs to this commission.
    async fn checked(&self, case: &CaseRow) -> Result<Vec<ItemLine>, StoreError> {
        let mut messages = self.store.written_since(case.room, vec![case.client], UtcMillis(0)).await?;
        messages.retain(|it| !it.deleted);
        messages.sort_by(|a, b| a.send_time.cmp(&b.send_time).then_with(|| a.message.cmp(&b.message)));
        let since = messages.iter().find(|it| it.message == case.request_message).map(|it| it.send_time);
        let words: Vec<String> = messages.iter().map(own_words).collect();
        let said = |from: Option<UtcMillis>| -> Vec<Said<'_, MessageId>> {
            messages
                .iter()
                .zip(&words)
                .filter(|(it, _)| from.is_none_or(|from| it.send_time >= from))
                .map(|(it, text)| Said { message: it.message, text })
                .collect()
        };
        let deliverable = case.terms.deliverable.as_deref();
        let amount = case.terms.amount.as_deref().and_then(cases::read_price);
        let whole = cases::check_article3(&case.request_message, deliverable, &said(None));
        let since = cases::check_article3(&case.request_message, deliverable, &said(since));
        Ok(whole
            .into_iter()
            .zip(since)
            .map(|(ever, since)| {
                let of_person = matches!(ever.item, Item::ClientName | Item::ClientAddress);
                let checked = if of_person { ever } else { since };
                let found = checked.found.map(|it| (it.message, it.words));
                let read = |(message, words): &(MessageId, String)| {
                    let written = messages.iter().find(|it| it.message == *message)?.send_time;
                    match checked.item {
                        Item::DueDay => cases::read_due(words, written).map(Reading::Deadline),
                        Item::Reward => {
                            let read = cases::read_price(words)?;
                            // The term of the request says more of the same sum: 1本 stands before 5,000円.
                            let same = |it: &Price| (it.least, it.most) == (read.least, read.most);
                            Some(Reading::Amount(amount.clone().filter(same).unwrap_or(read)))
                        }
                        _ => None,
                    }
                };
                ItemLine { item: checked.item, reading: found.as_ref().and_then(read), found }
            })
            .collect())
    }
}

/// What the sender wrote himself.
pub(crate) fn own_words(message: &MessageRow) -> String {
    let body = &message.current.body;
    notation::parse(body).own_words().into_iter().map(|span| &body[span]).collect()
}

/// Address of a message.
pub(crate) fn link(room: RoomId, message: &MessageId) -> String {
    format!("https://www.chatwork.com/#!rid{room}-{message}")
}
