//! Cases and the outbox.

use rusqlite::{OptionalExtension, Row, Transaction};

use crate::domain::{AccountId, CaseId, ContractId, EntryIndex, MessageId, RoomId, UtcMillis};

use super::super::tables::{CASE, OUTBOX, WAY};
use super::super::values::{integer, message_id};
use super::super::{
    CaseRow, CaseStore, OutboxChange, OutboxRow, OutboxState, Purpose, RequestRef, StoreError, StoreResult,
};
use super::SqliteStore;
use super::convert::index;

impl CaseStore for SqliteStore {
    async fn cases(&self) -> StoreResult<Vec<CaseRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {CASE} FROM cases ORDER BY id"))?;
            let rows = statement.query_map((), |row| Ok(case_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn case(&self, id: CaseId) -> StoreResult<Option<CaseRow>> {
        self.read(move |connection| {
            connection
                .prepare_cached(&format!("SELECT {CASE} FROM cases WHERE id = ?1"))?
                .query_row((integer(id.0),), |row| Ok(case_row(row)))
                .optional()?
                .transpose()
        })
        .await
    }

    async fn client_cases(&self, room: RoomId, client: AccountId) -> StoreResult<Vec<CaseRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CASE} FROM cases WHERE room = ?1 AND client = ?2 ORDER BY id"
            ))?;
            let rows = statement.query_map((integer(room.0), integer(client.0)), |row| Ok(case_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn next_case(&self) -> StoreResult<CaseId> {
        self.read(|connection| {
            let last: Option<i64> = connection.query_row(
                "SELECT max(id) FROM (SELECT id FROM cases UNION ALL SELECT case_id FROM drafts)",
                (),
                |row| row.get(0),
            )?;
            Ok(CaseId(last.map_or(1, |last| last.cast_unsigned() + 1)))
        })
        .await
    }

    async fn open_outbox(&self) -> StoreResult<Vec<OutboxRow>> {
        self.outbox_where("state = 'waiting' ORDER BY due_at, decided_n LIMIT 256").await
    }

    async fn outbox_of_room(&self, room: RoomId) -> StoreResult<Vec<OutboxRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {OUTBOX} FROM outbox WHERE room = ?1 OR request_room = ?1 ORDER BY decided_n"
            ))?;
            let rows = statement.query_map((integer(room.0),), |row| Ok(outbox_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn outbox(&self) -> StoreResult<Vec<OutboxRow>> {
        self.outbox_where("1 ORDER BY decided_n").await
    }

    async fn claim(&self, decided_n: EntryIndex, now: UtcMillis, until: UtcMillis) -> StoreResult<bool> {
        self.writer()?
            .change(true, move |transaction| {
                let open = transaction
                    .prepare_cached("SELECT 1 FROM outbox WHERE decided_n = ?1 AND state = 'waiting'")?
                    .exists((integer(decided_n.0),))?;
                let taken = open
                    && transaction
                        .prepare_cached(
                            "INSERT INTO claims (decided_n, until, attempts) VALUES (?1, ?3, 1)
                             ON CONFLICT (decided_n) DO UPDATE SET until = ?3, attempts = attempts + 1
                             WHERE until <= ?2",
                        )?
                        .execute((integer(decided_n.0), now.0, until.0))?
                        == 1;
                Ok(taken)
            })
            .await
    }

    async fn claim_over(&self, decided_n: EntryIndex, now: UtcMillis) -> StoreResult<bool> {
        self.read(move |connection| {
            Ok(!connection
                .prepare_cached("SELECT 1 FROM claims WHERE decided_n = ?1 AND until > ?2")?
                .exists((integer(decided_n.0), now.0))?)
        })
        .await
    }

    async fn attempts(&self, decided_n: EntryIndex) -> StoreResult<u32> {
        self.read(move |connection| {
            let attempts = connection
                .prepare_cached("SELECT attempts FROM claims WHERE decided_n = ?1")?
                .query_row((integer(decided_n.0),), |row| row.get(0))
                .optional()?;
            Ok(attempts.unwrap_or(0))
        })
        .await
    }

    async fn release(&self, decided_n: EntryIndex, not_before: UtcMillis) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction
                    .prepare_cached(
                        "UPDATE claims SET until = ?2, attempts = max(attempts - 1, 0) WHERE decided_n = ?1",
                    )?
                    .execute((integer(decided_n.0), not_before.0))?;
                Ok(())
            })
            .await
    }

    async fn posts_since(
        &self,
        purposes: &'static [Purpose],
        room: Option<RoomId>,
        since: UtcMillis,
    ) -> StoreResult<u32> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) FROM outbox WHERE purpose = ?1 AND state IN ('sent', 'uncertain')
                 AND ended_at >= ?2 AND (?3 IS NULL OR room = ?3)",
            )?;
            let mut posts = 0;
            for purpose in purposes {
                posts += statement
                    .query_row((purpose.as_str(), since.0, room.map(|it| integer(it.0))), |row| {
                        row.get::<_, u32>(0)
                    })?;
            }
            Ok(posts)
        })
        .await
    }
}

impl SqliteStore {
    async fn outbox_where(&self, rest: &'static str) -> StoreResult<Vec<OutboxRow>> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {OUTBOX} FROM outbox WHERE {rest}"))?;
            let rows = statement.query_map((), |row| Ok(outbox_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }
}

pub(super) fn put_case(transaction: &Transaction<'_>, case: &CaseRow) -> StoreResult<()> {
    let terms = serde_json::to_string(&case.terms).map_err(|_| StoreError::Corrupt("terms of a case"))?;
    // Two changes that were written side by side leave the same row in whatever order they are applied.
    transaction
        .prepare_cached(&format!(
            "INSERT INTO cases ({CASE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (id) DO UPDATE SET
                 state = CASE WHEN instr({WAY}, excluded.state) > instr({WAY}, state) THEN excluded.state ELSE state END,
                 moved_at = max(moved_at, excluded.moved_at),
                 terms = CASE WHEN excluded.changed_n > changed_n THEN excluded.terms ELSE terms END,
                 reminded = max(reminded, excluded.reminded),
                 job_link = CASE WHEN excluded.changed_n > changed_n THEN coalesce(excluded.job_link, job_link)
                            ELSE coalesce(job_link, excluded.job_link) END,
                 contract_link = CASE WHEN excluded.changed_n > changed_n
                                      THEN coalesce(excluded.contract_link, contract_link)
                                      ELSE coalesce(contract_link, excluded.contract_link) END,
                 contract = CASE WHEN excluded.changed_n > changed_n THEN coalesce(excluded.contract, contract)
                            ELSE coalesce(contract, excluded.contract) END,
                 changed_n = max(changed_n, excluded.changed_n)"
        ))?
        .execute(rusqlite::params![
            integer(case.id.0),
            integer(case.room.0),
            integer(case.client.0),
            case.state,
            case.request_message.as_str(),
            integer(case.request_n.0),
            case.opened_at.0,
            case.moved_at.0,
            terms,
            case.reminded,
            integer(case.changed_n.0),
            case.job_link,
            case.contract_link,
            case.contract.map(|it| integer(it.0)),
        ])?;
    Ok(())
}

pub(super) fn put_outbox(transaction: &Transaction<'_>, change: &OutboxChange) -> StoreResult<()> {
    match change {
        OutboxChange::Decided(row) => {
            let request = row.request.as_ref();
            // Applied ahead of its turn and once more in turn: the second time changes nothing.
            transaction
                .prepare_cached(&format!(
                    "INSERT INTO outbox ({OUTBOX}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, NULL, ?12, ?13)
                     ON CONFLICT (decided_n) DO NOTHING"
                ))?
                .execute(rusqlite::params![
                    integer(row.decided_n.0),
                    row.purpose.as_str(),
                    row.case.map(|it| integer(it.0)),
                    integer(row.room.0),
                    request.map(|it| integer(it.room.0)),
                    request.map(|it| it.message.as_str()),
                    request.map(|it| integer(it.account.0)),
                    request.map(|it| integer(it.n.0)),
                    row.text,
                    row.due_at.0,
                    row.state.as_str(),
                    row.approved,
                    row.target.as_ref().map(MessageId::as_str),
                ])?;
        }
        OutboxChange::Ended { decided_n, state, by, at, posted } => {
            transaction
                .prepare_cached(
                    "UPDATE outbox SET state = ?2, ended_n = ?3, ended_at = ?4, posted_message = ?5 WHERE decided_n = ?1",
                )?
                .execute((
                    integer(decided_n.0),
                    state.as_str(),
                    integer(by.0),
                    at.0,
                    posted.as_ref().map(MessageId::as_str),
                ))?;
        }
    }
    Ok(())
}

fn case_row(row: &Row<'_>) -> StoreResult<CaseRow> {
    let terms: String = row.get(8)?;
    Ok(CaseRow {
        id: CaseId(row.get::<_, i64>(0)?.cast_unsigned()),
        room: RoomId(row.get::<_, i64>(1)?.cast_unsigned()),
        client: AccountId(row.get::<_, i64>(2)?.cast_unsigned()),
        state: row.get(3)?,
        request_message: message_id(row.get(4)?)?,
        request_n: index(row.get(5)?),
        opened_at: UtcMillis(row.get(6)?),
        moved_at: UtcMillis(row.get(7)?),
        terms: serde_json::from_str(&terms).map_err(|_| StoreError::Corrupt("terms of a case"))?,
        reminded: row.get(9)?,
        changed_n: index(row.get(10)?),
        job_link: row.get(11)?,
        contract_link: row.get(12)?,
        contract: row.get::<_, Option<i64>>(13)?.map(|it| ContractId(it.cast_unsigned())),
    })
}

fn outbox_row(row: &Row<'_>) -> StoreResult<OutboxRow> {
    let request = match row.get::<_, Option<i64>>(4)? {
        Some(room) => Some(RequestRef {
            room: RoomId(room.cast_unsigned()),
            message: message_id(row.get(5)?)?,
            account: AccountId(row.get::<_, i64>(6)?.cast_unsigned()),
            n: index(row.get(7)?),
        }),
        None => None,
    };
    Ok(OutboxRow {
        decided_n: index(row.get(0)?),
        purpose: Purpose::parse(&row.get::<_, String>(1)?).ok_or(StoreError::Corrupt("a purpose"))?,
        case: row.get::<_, Option<i64>>(2)?.map(|it| CaseId(it.cast_unsigned())),
        room: RoomId(row.get::<_, i64>(3)?.cast_unsigned()),
        request,
        text: row.get(8)?,
        due_at: UtcMillis(row.get(9)?),
        state: OutboxState::parse(&row.get::<_, String>(10)?)
            .ok_or(StoreError::Corrupt("a state of the outbox"))?,
        posted: row.get::<_, Option<String>>(11)?.map(message_id).transpose()?,
        approved: row.get(12)?,
        target: row.get::<_, Option<String>>(13)?.map(message_id).transpose()?,
    })
}
