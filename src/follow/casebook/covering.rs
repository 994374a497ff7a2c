//! What the registered contracts say of a request.

use crate::cases::{self, Contract, Cover, Form, RoomContract};
use crate::domain::{MessageId, UtcMillis};
use crate::ledger::Observation;
use crate::reply::record;
use crate::reply::template::ReminderForm;
use crate::store::{ContractRow, CountRow, OutboxState, Purpose, StandingStore};

use super::weighed::Weighed;
use super::words::earlier;
use super::{Casebook, Decider, FollowError};

/// A contract with what was asked of it.
pub(super) struct Registered {
    pub(super) row: ContractRow,
    contract: Contract,
    /// Pieces already counted for this very message; not part of `contract.used`.
    already: i64,
}

/// What the contracts of a room say of one request.
pub(super) struct Covering {
    pub(super) cover: Cover,
    pub(super) by: Option<Registered>,
}

impl Casebook {
    pub(super) async fn covering(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
    ) -> Result<Covering, FollowError> {
        let mut found: Option<Covering> = None;
        for registered in self.registered(it).await? {
            let cover = cases::cover(&registered.contract, &it.signal().terms, it.now);
            if found.as_ref().is_none_or(|before| weight(cover) >= weight(before.cover)) {
                found = Some(Covering { cover, by: Some(registered) });
            }
        }
        let declared = it.room_contract(decider) == RoomContract::Escrowed;
        Ok(match found {
            Some(found) => found,
            // Escrow is paid, by the owner's word, but nobody said for what.
            None if declared => Covering { cover: Cover::NotSure, by: None },
            None => Covering { cover: Cover::No, by: None },
        })
    }

    async fn registered(&self, it: &Weighed<'_>) -> Result<Vec<Registered>, FollowError> {
        let mut all = Vec::new();
        for row in self.store.contracts().await? {
            if row.room != it.seen.room || row.client.is_some_and(|client| client != it.seen.account) {
                continue;
            }
            let Some(form) = Form::parse(&row.form) else { continue };
            let counts = self.store.counts(row.id).await?;
            let already =
                counts.iter().filter(|count| count.message == it.seen.message).map(|it| it.count).sum();
            let contract = Contract {
                form,
                quantity: row.quantity,
                unit: row.unit.clone(),
                used: used(&counts, form, it.now, Some(&it.seen.message)),
                until: row.until,
                // What was paid into escrow for one month covers no other.
                escrowed: row.escrowed
                    && (form != Form::Monthly || row.registered_at.japan_month() == it.now.japan_month()),
                ended: row.ended,
                remind: row.remind,
            };
            all.push(Registered { row, contract, already });
        }
        Ok(all)
    }

    /// Counts the message's pieces, or gives back what an earlier version had asked for.
    pub(super) fn count(&self, it: &Weighed<'_>, covering: &Covering) -> Option<Observation> {
        let by = covering.by.as_ref()?;
        let asked = match covering.cover {
            Cover::Inside { count, .. } if it.asks() => i64::from(count),
            _ => 0,
        };
        let difference = asked - by.already;
        (difference != 0).then(|| record::counted(by.row.id, difference, None, &it.request()))
    }

    /// Gives back whatever this message had asked of a contract.
    pub(super) async fn give_back(&self, it: &Weighed<'_>) -> Result<Vec<Observation>, FollowError> {
        let registered = self.registered(it).await?;
        let counted = registered.into_iter().filter(|by| by.already != 0);
        Ok(counted.map(|by| record::counted(by.row.id, -by.already, None, &it.request())).collect())
    }

    /// The reminder that fits the contract and the client.
    pub(super) fn form(&self, it: &Weighed<'_>, covering: &Covering) -> ReminderForm {
        let before = earlier(&it.cases, it.joined().map(|it| it.id));
        let form = covering.by.as_ref().filter(|_| matches!(covering.cover, Cover::Beyond { .. }));
        match form.map(|by| by.contract.form) {
            Some(Form::Milestones) => ReminderForm::Milestones,
            Some(Form::ExtraScope) => ReminderForm::ExtraScope,
            _ if self.is_monthly(covering) && self.reminded(it) >= 2 => ReminderForm::MonthlyShort,
            Some(Form::Fixed | Form::Hourly | Form::Monthly) | None => {
                ReminderForm::Again { earlier: before }
            }
        }
    }

    /// An order under a monthly contract that it does not cover.
    pub(super) fn is_monthly(&self, covering: &Covering) -> bool {
        matches!(covering.cover, Cover::No | Cover::Beyond { .. })
            && covering.by.as_ref().is_some_and(|by| by.contract.form == Form::Monthly && !by.contract.ended)
    }

    /// Reminders that the client was sent in this room.
    fn reminded(&self, it: &Weighed<'_>) -> usize {
        it.replies
            .iter()
            .filter(|row| row.purpose == Purpose::Reminder && row.state == OutboxState::Sent)
            .filter(|row| row.request.as_ref().is_some_and(|request| request.account == it.seen.account))
            .count()
    }
}

/// Pieces asked for; of a monthly contract those of this month in Japan.
pub(super) fn used(counts: &[CountRow], form: Form, now: UtcMillis, without: Option<&MessageId>) -> u32 {
    let month = now.japan_month();
    let sum: i64 = counts
        .iter()
        .filter(|count| Some(&count.message) != without)
        .filter(|count| form != Form::Monthly || count.at.japan_month() == month)
        .map(|count| count.count)
        .sum();
    u32::try_from(sum.max(0)).unwrap_or(u32::MAX)
}

/// Of several contracts the one that says most.
fn weight(cover: Cover) -> u8 {
    match cover {
        Cover::No => 0,
        Cover::Hourly => 1,
        Cover::Beyond { .. } => 2,
        Cover::NotSure => 3,
        Cover::Inside { .. } => 4,
    }
}
