//! What the owner may do, and what he can ask: the same functions behind the words in the control room, the commands and
//! the pages. Each act is an entry in the ledger; a question makes none.
//!
//! Never: posts anything itself, takes a word from anybody but through a caller that has checked who wrote it.

mod contract;
mod figures;
mod views;
pub mod words;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cases::{Fact, State};
use crate::config::{Config, Said};
use crate::domain::{CaseId, Clock, EntryKind, RoomId};
use crate::ledger::{Ledger, Observation};
use crate::reply::acts::{Acted, Acts, Approval, Retraction, Seen};
use crate::reply::record::{By, Declared, Drafted, Switch};
use crate::reply::said;
use crate::reply::template::{Answer, Templates};
use crate::store::{CaseRow, CaseStore, DraftRow, StandingStore, Store, StoreError};

use self::words::{CaseWord, Word};

pub use figures::{ClientFigures, Figures, MonthFigures};
pub use views::CaseView;

/// The owner's desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub acts: Acts,
    pub store: Store,
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub templates: Arc<Templates>,
    pub clock: Arc<dyn Clock>,
    /// Accounts of the owner.
    pub owners: Vec<crate::domain::AccountId>,
    /// Where packages are asked for; without it the owner is told how to make one.
    pub packages: Option<mpsc::Sender<CaseId>>,
}

/// An answer, and the draft that it shows, which the next 承認 may send.
#[derive(Clone, Debug)]
pub struct Reply {
    pub answer: Answer,
    pub draft: Option<(CaseId, Drafted)>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, draft: None }
    }
}

impl Desk {
    pub fn new(
        store: Store,
        ledger: Ledger,
        config: Arc<Config>,
        templates: Arc<Templates>,
        clock: Arc<dyn Clock>,
        owners: Vec<crate::domain::AccountId>,
    ) -> Self {
        let acts = Acts { ledger: ledger.clone(), store: store.clone(), config: Arc::clone(&config) };
        Self { acts, store, ledger, config, templates, clock, owners, packages: None }
    }

    /// Does what a word says, or answers what it asks. `None` where it turns out to be nothing for the bot.
    pub async fn obey(&self, word: &Word, seen: &Seen, by: &By) -> Result<Option<Reply>, StoreError> {
        Ok(Some(match word {
            Word::List => self.list().await?.into(),
            Word::Status => self.status().await?.into(),
            Word::Figures => self.figures().await?.answer().into(),
            Word::Help => Answer::Help.into(),
            Word::Stop => self.stop(by).await?.into(),
            Word::Resume => self.resume(by).await?.into(),
            Word::Quiet(span) => self.quiet(*span, by).await?.into(),
            Word::Case(word, case) => self.of_case(*word, *case, seen, by).await?,
            Word::Note(case, text) => match self.acts.note(*case, text, by).await? {
                true => Answer::Noted(*case).into(),
                false => Answer::NoSuchCase(*case).into(),
            },
            Word::Contract(word) => return Ok(self.contract(word, by).await?.map(Reply::from)),
        }))
    }

    async fn of_case(&self, word: CaseWord, case: CaseId, seen: &Seen, by: &By) -> Result<Reply, StoreError> {
        let fact = match word {
            CaseWord::Approve => {
                let approval = self.acts.approve(case, seen, by, self.clock.now()).await?;
                return Ok(approved(case, approval));
            }
            CaseWord::Reject => return Ok(approved(case, self.acts.reject(case, seen, by).await?)),
            CaseWord::Retract => {
                let retraction = self.acts.retract(case, by, self.clock.now()).await?;
                return Ok(retracted(case, retraction).into());
            }
            CaseWord::Evidence => return Ok(self.evidence(case).await?.into()),
            CaseWord::Conditions => return self.conditions(case).await,
            CaseWord::Show => return Ok(self.show(case).await?.into()),
            CaseWord::Right => return Ok(self.mark(case, true, by).await?.into()),
            CaseWord::Wrong => return Ok(self.mark(case, false, by).await?.into()),
            CaseWord::Confirm => Fact::EscrowConfirmed,
            CaseWord::Dismiss => Fact::Dismissed,
            CaseWord::Begin => Fact::WorkBegun,
            CaseWord::Deliver => Fact::Delivered,
            CaseWord::Accept => Fact::Accepted,
            CaseWord::Paid => Fact::Paid,
            CaseWord::Withdraw => Fact::Withdrawn,
        };
        Ok(self.fact(case, fact, by).await?.into())
    }

    /// Moves a case by the owner's word.
    pub async fn fact(&self, case: CaseId, fact: Fact, by: &By) -> Result<Answer, StoreError> {
        Ok(match self.acts.fact(case, fact, by).await? {
            Acted::Done(row) => Answer::Moved { case, state: state_of(&row) },
            Acted::Unchanged(row) => Answer::NotMoved { case, state: state_of(&row) },
            Acted::NoSuchCase => Answer::NoSuchCase(case),
        })
    }

    /// No more posts in clients' rooms.
    pub async fn stop(&self, by: &By) -> Result<Answer, StoreError> {
        let already = self.store.switches().await?.stopped;
        if !already {
            self.acts.switch(Switch::Stop, by).await?;
        }
        Ok(Answer::Stopped { already })
    }

    pub async fn resume(&self, by: &By) -> Result<Answer, StoreError> {
        let switches = self.store.switches().await?;
        let quiet = switches.quiet_until.is_some_and(|until| until > self.clock.now());
        let already = !switches.stopped && !quiet;
        if !already {
            self.acts.switch(Switch::Go, by).await?;
        }
        Ok(Answer::Resumed { already })
    }

    pub async fn quiet(&self, span: std::time::Duration, by: &By) -> Result<Answer, StoreError> {
        let until = self.clock.now().plus(span);
        self.acts.switch(Switch::QuietUntil(until), by).await?;
        Ok(Answer::Quiet { until })
    }

    /// How the bot is to speak in a listed room from now on, whatever its configuration says; nothing said is as the
    /// configuration has it. False where that is so already, or the room is not listed.
    pub async fn speak(&self, room: RoomId, said: Said, by: &By) -> Result<bool, StoreError> {
        if self.config.room(room).is_none() || said::of(&self.store, room).await? == said {
            return Ok(false);
        }
        let what = Declared { reply: Some(said), ..Declared::default() };
        self.acts.declare(room, &what, by).await?;
        Ok(true)
    }

    /// Keeps the owner's judgement of a detection, for whoever tunes the rules.
    pub async fn mark(&self, case: CaseId, right: bool, by: &By) -> Result<Answer, StoreError> {
        let Some(row) = self.store.case(case).await? else { return Ok(Answer::NoSuchCase(case)) };
        let n = row.request_n;
        let signals = self.store_signals(n).await?;
        let content = serde_json::json!({
            "case": case,
            "request": { "room": row.room, "message": row.request_message, "n": n },
            "right": right,
            "rules": signals.first().map(|it| it.rules.as_str()),
            "by": by,
        });
        let mut observation = Observation::system(EntryKind::DetectionMarked, &content)
            .about(row.room, Some(row.request_message));
        if let By::ControlRoom(message) = by {
            observation = observation.once(format!("said:{message}:mark"));
        }
        self.ledger.append_one(observation).await?;
        Ok(Answer::Marked { case, right })
    }

    async fn store_signals(
        &self,
        n: crate::domain::EntryIndex,
    ) -> Result<Vec<crate::store::SignalRow>, StoreError> {
        use crate::store::ArchiveStore as _;
        self.store.signals(n, crate::domain::EntryIndex(n.0 + 1)).await
    }
}

fn retracted(case: CaseId, retraction: Retraction) -> Answer {
    match retraction {
        Retraction::Queued => Answer::Retracted(case),
        Retraction::Already => Answer::AlreadyRetracted(case),
        Retraction::Stopped => Answer::NotWhileStopped(case),
        Retraction::Nothing => Answer::NothingToRetract(case),
    }
}

fn approved(case: CaseId, approval: Approval) -> Reply {
    match approval {
        Approval::Queued(_) => Answer::Approved(case).into(),
        Approval::Rejected(_) => Answer::Rejected(case).into(),
        Approval::ShowAgain(draft) => Reply {
            answer: Answer::ShowAgain { case, draft: draft.text.clone() },
            draft: Some((case, drafted(draft))),
        },
        Approval::AlreadySaid(_) => Answer::AlreadySaid(case).into(),
        Approval::AlreadyReminded => Answer::AlreadyReminded(case).into(),
        Approval::Stopped => Answer::NotWhileStopped(case).into(),
        Approval::NotInThisRoom => Answer::NotInThisRoom(case).into(),
        Approval::NoDraft => Answer::NoDraft(case).into(),
    }
}

fn drafted(it: DraftRow) -> Drafted {
    Drafted { purpose: it.purpose.as_str().to_owned(), room: it.room, request: it.request, text: it.text }
}

/// A state of a later version counts as the first one.
pub(crate) fn state_of(row: &CaseRow) -> State {
    State::parse(&row.state).unwrap_or(State::Requested)
}
