//! Figures over all cases: exposure in yen for each client, requests without escrow, answer times, months.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cases::{self, State};
use crate::domain::{AccountId, RoomId};
use crate::reply::template::{Answer, ClientLine, MonthLine, Sums};
use crate::store::{ArchiveStore, CaseRow, CaseStore, DeskStore, StandingStore, StoreError};

use super::{Desk, state_of};

/// All figures. Sums hold the cases whose terms name an amount, and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    pub clients: Vec<ClientFigures>,
    /// Oldest first.
    pub months: Vec<MonthFigures>,
    /// From a request to the owner's own answer, median.
    pub answer_time: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFigures {
    pub room: RoomId,
    pub account: AccountId,
    pub name: Option<String>,
    /// Cases that are not closed.
    pub open: usize,
    /// Of these, before the owner confirmed escrow: what would be lost if it were worked on.
    pub without_escrow: usize,
    pub without_escrow_yen: u64,
    /// In escrow, not yet paid.
    pub in_work_yen: u64,
}

/// By the month in Japan in which the case was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthFigures {
    /// `2026-11`
    pub month: String,
    pub requests: usize,
    /// Of these, in escrow by the owner's word, whatever came later.
    pub confirmed: usize,
    pub confirmed_yen: u64,
}

impl Figures {
    pub fn answer(&self) -> Answer {
        Answer::Figures {
            clients: self
                .clients
                .iter()
                .map(|it| ClientLine {
                    client: it.name.clone().unwrap_or_else(|| it.account.to_string()),
                    open: it.open,
                    without_escrow_yen: it.without_escrow_yen,
                    in_work_yen: it.in_work_yen,
                })
                .collect(),
            months: self
                .months
                .iter()
                .map(|it| MonthLine {
                    month: it.month.clone(),
                    requests: it.requests,
                    confirmed: it.confirmed,
                    yen: it.confirmed_yen,
                })
                .collect(),
            answer_time: self.answer_time,
        }
    }
}

impl Desk {
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let rows = self.store.cases().await?;
        let mut clients: BTreeMap<(RoomId, AccountId), ClientFigures> = BTreeMap::new();
        for row in rows.iter().filter(|it| !state_of(it).closed()) {
            let name = self.store.name_at(row.room, row.client, row.changed_n).await?;
            let it = clients.entry((row.room, row.client)).or_insert(ClientFigures {
                room: row.room,
                account: row.client,
                name: None,
                open: 0,
                without_escrow: 0,
                without_escrow_yen: 0,
                in_work_yen: 0,
            });
            it.name = name.or(it.name.take());
            it.open += 1;
            let worth = cases::worth(&row.terms).unwrap_or(0);
            if state_of(row).before_escrow() {
                it.without_escrow += 1;
                it.without_escrow_yen = it.without_escrow_yen.saturating_add(worth);
            } else {
                it.in_work_yen = it.in_work_yen.saturating_add(worth);
            }
        }
        let mut clients: Vec<_> = clients.into_values().collect();
        clients.sort_by_key(|it| std::cmp::Reverse((it.without_escrow_yen, it.open)));
        Ok(Figures { clients, months: months(&rows), answer_time: self.answer_time(&rows).await? })
    }

    pub(super) async fn sums(&self) -> Result<Sums, StoreError> {
        let figures = self.figures().await?;
        let sum = |of: fn(&ClientFigures) -> u64| figures.clients.iter().map(of).fold(0, u64::saturating_add);
        Ok(Sums {
            open: figures.clients.iter().map(|it| it.open).sum(),
            without_escrow: figures.clients.iter().map(|it| it.without_escrow).sum(),
            without_escrow_yen: sum(|it| it.without_escrow_yen),
            in_work_yen: sum(|it| it.in_work_yen),
            drafts: self.store.open_drafts().await?.len(),
        })
    }

    async fn answer_time(&self, rows: &[CaseRow]) -> Result<Option<Duration>, StoreError> {
        let mut times = Vec::new();
        for row in rows {
            let Some(asked) = self.store.message(row.room, &row.request_message).await? else { continue };
            let answered = self.store.first_written(row.room, self.owners.clone(), asked.send_time).await?;
            times.extend(answered.map(|at| at.since(asked.send_time)));
        }
        times.sort_unstable();
        Ok(times.get(times.len() / 2).copied())
    }
}

fn months(rows: &[CaseRow]) -> Vec<MonthFigures> {
    let mut months: BTreeMap<String, MonthFigures> = BTreeMap::new();
    for row in rows {
        let month = row.opened_at.japan_month();
        let it = months.entry(month.clone()).or_insert(MonthFigures {
            month,
            requests: 0,
            confirmed: 0,
            confirmed_yen: 0,
        });
        it.requests += 1;
        let state = state_of(row);
        if state.in_escrow() || state == State::Paid {
            it.confirmed += 1;
            it.confirmed_yen = it.confirmed_yen.saturating_add(cases::worth(&row.terms).unwrap_or(0));
        }
    }
    months.into_values().collect()
}
