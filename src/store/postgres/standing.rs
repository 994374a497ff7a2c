//! Contracts, declarations, notes, drafts, messages of cases.

use tokio_postgres::Row;

use crate::domain::{AccountId, CaseId, ContractId, RoomId, UtcMillis};
use crate::store::tables::{CONTRACT, DRAFT, DRAFTS, ITSELF};
use crate::store::values::integer;
use crate::store::{
    BookChange, CaseMessageRow, ContractRow, CountRow, DeclaredRoom, DraftRow, DraftState, NoteRow,
    OutboxState, Purpose, RequestRef, StandingStore, StoreError, StoreResult, Switches,
};

use super::convert::{Columns as _, maybe_text, text};
use super::{PostgresStore, Work, cases, erase};

impl StandingStore for PostgresStore {
    async fn contracts(&self) -> StoreResult<Vec<ContractRow>> {
        let rows = self.rows(&format!("SELECT {CONTRACT} FROM contracts ORDER BY id"), &[]).await?;
        rows.iter().map(contract_row).collect()
    }

    async fn next_contract(&self) -> StoreResult<ContractId> {
        let row = self.row("SELECT max(id) FROM contracts", &[]).await?;
        let last = row.map(|row| row.maybe_number(0)).transpose()?.flatten();
        Ok(ContractId(last.map_or(1, |last| last + 1)))
    }

    async fn counts(&self, contract: ContractId) -> StoreResult<Vec<CountRow>> {
        let sql = "SELECT n, count, room, message, at FROM contract_counts WHERE contract = $1 ORDER BY n";
        let rows = self.rows(sql, &[&integer(contract.0)]).await?;
        let found = rows.iter().map(|row| {
            Ok(CountRow {
                n: row.index(0)?,
                contract,
                count: row.raw(1)?,
                room: row.room(2)?,
                message: row.message(3)?,
                at: row.time(4)?,
            })
        });
        found.collect()
    }

    async fn notes(&self, case: CaseId) -> StoreResult<Vec<NoteRow>> {
        let sql = "SELECT n, at, text FROM case_notes WHERE case_id = $1 ORDER BY n";
        let rows = self.rows(sql, &[&integer(case.0)]).await?;
        let found = rows
            .iter()
            .map(|row| Ok(NoteRow { n: row.index(0)?, case, at: row.time(1)?, text: row.text(2)? }));
        found.collect()
    }

    async fn case_messages(&self, case: CaseId) -> StoreResult<Vec<CaseMessageRow>> {
        let sql = "SELECT room, message, part, n FROM case_messages WHERE case_id = $1 ORDER BY n, part";
        let rows = self.rows(sql, &[&integer(case.0)]).await?;
        let found = rows.iter().map(|row| {
            Ok(CaseMessageRow {
                case,
                room: row.room(0)?,
                message: row.message(1)?,
                part: row.text(2)?,
                n: row.index(3)?,
            })
        });
        found.collect()
    }

    async fn draft(&self, case: CaseId) -> StoreResult<Option<DraftRow>> {
        let sql = format!(
            "SELECT {DRAFT} FROM {DRAFTS} WHERE drafts.case_id = $1 ORDER BY drafts.drafted_n DESC LIMIT 1"
        );
        self.row(&sql, &[&integer(case.0)]).await?.as_ref().map(draft_row).transpose()
    }

    async fn open_drafts(&self) -> StoreResult<Vec<DraftRow>> {
        let sql = format!(
            "SELECT {DRAFT} FROM {DRAFTS} WHERE drafts.state = 'open' AND drafts.drafted_n =
                 (SELECT max(newest.drafted_n) FROM drafts newest WHERE newest.case_id = drafts.case_id)
             ORDER BY drafts.drafted_n"
        );
        self.rows(&sql, &[]).await?.iter().map(draft_row).collect()
    }

    async fn switches(&self) -> StoreResult<Switches> {
        let values = self.declared(ITSELF).await?;
        let value =
            |what: &str| values.iter().find(|(name, _)| name == what).map(|(_, value)| value.as_str());
        Ok(Switches {
            stopped: value("stopped") == Some("true"),
            quiet_until: value("quiet_until").and_then(|it| it.parse().ok()).map(UtcMillis),
        })
    }

    async fn rooms_declared(&self, what: &'static str, value: &'static str) -> StoreResult<Vec<RoomId>> {
        let sql = "SELECT room FROM declared WHERE what = $1 AND value = $2 AND room <> $3 ORDER BY room";
        let rows = self.rows(sql, &[&what, &value, &ITSELF]).await?;
        rows.iter().map(|row| row.room(0)).collect()
    }

    async fn declared_room(&self, room: RoomId) -> StoreResult<DeclaredRoom> {
        Ok(DeclaredRoom::of(self.declared(integer(room.0)).await?))
    }
}

impl PostgresStore {
    async fn declared(&self, room: i64) -> StoreResult<Vec<(String, String)>> {
        let sql = "SELECT what, value FROM declared WHERE room = $1 ORDER BY what";
        let rows = self.rows(sql, &[&room]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }
}

/// Whatever is applied twice, or ahead of its turn, leaves the same rows.
pub(super) async fn put(work: &Work<'_>, change: &BookChange) -> StoreResult<()> {
    match change {
        BookChange::Case(case) => cases::put_case(work, case).await?,
        BookChange::Outbox(change) => cases::put_outbox(work, change).await?,
        BookChange::Message(row) => {
            let sql =
                "INSERT INTO case_messages AS m (case_id, room, message, part, n) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (case_id, room, message, part) DO UPDATE SET n = least(m.n, excluded.n)";
            let (case, room, n) = (integer(row.case.0), integer(row.room.0), integer(row.n.0));
            work.run(sql, &[&case, &room, &row.message.as_str(), &text(&row.part), &n]).await?;
        }
        BookChange::Note(row) => {
            let sql = "INSERT INTO case_notes (n, case_id, at, text) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (n) DO UPDATE SET
                           case_id = excluded.case_id, at = excluded.at, text = excluded.text";
            work.run(sql, &[&integer(row.n.0), &integer(row.case.0), &row.at.0, &text(&row.text)]).await?;
        }
        BookChange::Contract(row) => put_contract(work, row).await?,
        BookChange::Count(row) => {
            let sql = "INSERT INTO contract_counts (n, contract, count, room, message, at)
                       VALUES ($1, $2, $3, $4, $5, $6)
                       ON CONFLICT (n) DO UPDATE SET contract = excluded.contract, count = excluded.count,
                           room = excluded.room, message = excluded.message, at = excluded.at";
            let (n, contract, room) = (integer(row.n.0), integer(row.contract.0), integer(row.room.0));
            work.run(sql, &[&n, &contract, &row.count, &room, &row.message.as_str(), &row.at.0]).await?;
        }
        BookChange::Declared(row) => {
            let sql = "INSERT INTO declared AS d (room, what, value, n) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (room, what) DO UPDATE SET value = excluded.value, n = excluded.n
                       WHERE excluded.n > d.n";
            let room = row.room.map_or(ITSELF, |room| integer(room.0));
            work.run(sql, &[&room, &text(&row.what), &text(&row.value), &integer(row.n.0)]).await?;
        }
        BookChange::Erased { entries, cases } => {
            erase::forget(work, entries).await?;
            erase::forget_terms(work, cases).await?;
        }
        BookChange::Draft(row) => put_draft(work, row).await?,
        BookChange::DraftEnded { drafted_n, state } => {
            let sql = "UPDATE drafts SET state = $2 WHERE drafted_n = $1 AND state = 'open'";
            work.run(sql, &[&integer(drafted_n.0), &state.as_str()]).await?;
        }
    }
    Ok(())
}

async fn put_contract(work: &Work<'_>, row: &ContractRow) -> StoreResult<()> {
    let sql = format!(
        "INSERT INTO contracts AS c ({CONTRACT})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET
             room = excluded.room, client = excluded.client, form = excluded.form,
             quantity = excluded.quantity, unit = excluded.unit, yen = excluded.yen, until = excluded.until,
             escrowed = excluded.escrowed, ended = excluded.ended, remind = excluded.remind,
             link = excluded.link, changed_n = excluded.changed_n
         WHERE excluded.changed_n > c.changed_n"
    );
    work.run(
        &sql,
        &[
            &integer(row.id.0),
            &integer(row.room.0),
            &row.client.map(|it| integer(it.0)),
            &text(&row.form),
            &row.quantity.map(i64::from),
            &text(&row.unit),
            &row.yen.map(integer),
            &row.until.map(|it| it.0),
            &row.escrowed,
            &row.ended,
            &row.remind,
            &maybe_text(row.link.as_ref()),
            &row.registered_at.0,
            &integer(row.changed_n.0),
        ],
    )
    .await?;
    Ok(())
}

async fn put_draft(work: &Work<'_>, row: &DraftRow) -> StoreResult<()> {
    let sql = "INSERT INTO drafts (drafted_n, case_id, purpose, room, request_room, request_message,
                                   request_account, request_n, text, why, state)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (drafted_n) DO NOTHING";
    work.run(
        sql,
        &[
            &integer(row.drafted_n.0),
            &integer(row.case.0),
            &row.purpose.as_str(),
            &integer(row.room.0),
            &integer(row.request.room.0),
            &row.request.message.as_str(),
            &integer(row.request.account.0),
            &integer(row.request.n.0),
            &text(&row.text),
            &text(&row.why),
            &row.state.as_str(),
        ],
    )
    .await?;
    Ok(())
}

fn contract_row(row: &Row) -> StoreResult<ContractRow> {
    let quantity = row.maybe_number(4)?.map(u32::try_from).transpose();
    Ok(ContractRow {
        id: row.contract(0)?,
        room: row.room(1)?,
        client: row.maybe_number(2)?.map(AccountId),
        form: row.text(3)?,
        quantity: quantity.map_err(|_| StoreError::Corrupt("a number is too large"))?,
        unit: row.text(5)?,
        yen: row.maybe_number(6)?,
        until: row.maybe_time(7)?,
        escrowed: row.flag(8)?,
        ended: row.flag(9)?,
        remind: row.flag(10)?,
        link: row.maybe_text(11)?,
        registered_at: row.time(12)?,
        changed_n: row.index(13)?,
    })
}

fn draft_row(row: &Row) -> StoreResult<DraftRow> {
    let shown = match row.raw::<Option<&str>>(11)? {
        Some(state) => Some((
            OutboxState::parse(state).ok_or(StoreError::Corrupt("a state of the outbox"))?,
            row.maybe_message(12)?,
        )),
        None => None,
    };
    Ok(DraftRow {
        drafted_n: row.index(0)?,
        case: row.case(1)?,
        purpose: Purpose::parse(row.raw(2)?).ok_or(StoreError::Corrupt("a purpose"))?,
        room: row.room(3)?,
        request: RequestRef {
            room: row.room(4)?,
            message: row.message(5)?,
            account: row.account(6)?,
            n: row.index(7)?,
        },
        text: row.text(8)?,
        why: row.text(9)?,
        state: DraftState::parse(row.raw(10)?).ok_or(StoreError::Corrupt("a state of a draft"))?,
        shown,
    })
}
