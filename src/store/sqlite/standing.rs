//! Contracts, declarations, notes, drafts, messages of cases.

use rusqlite::{OptionalExtension, Row, Transaction};

use crate::domain::{AccountId, CaseId, ContractId, EntryIndex, RoomId, UtcMillis};

use super::super::tables::{CONTRACT, DRAFT, DRAFTS, ITSELF};
use super::super::values::{integer, message_id};
use super::super::{
    BookChange, CaseMessageRow, ContractRow, CountRow, DeclaredRoom, DraftRow, DraftState, NoteRow,
    OutboxState, Purpose, RequestRef, StandingStore, StoreError, StoreResult, Switches,
};
use super::convert::{index, millis};
use super::{SqliteStore, cases, erase};

impl StandingStore for SqliteStore {
    async fn contracts(&self) -> StoreResult<Vec<ContractRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {CONTRACT} FROM contracts ORDER BY id"))?;
            let rows = statement.query_map((), |row| Ok(contract_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn next_contract(&self) -> StoreResult<ContractId> {
        self.read(|connection| {
            let last: Option<i64> =
                connection.query_row("SELECT max(id) FROM contracts", (), |row| row.get(0))?;
            Ok(ContractId(last.map_or(1, |last| last.cast_unsigned() + 1)))
        })
        .await
    }

    async fn counts(&self, contract: ContractId) -> StoreResult<Vec<CountRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT n, count, room, message, at FROM contract_counts WHERE contract = ?1 ORDER BY n",
            )?;
            let rows = statement.query_map((integer(contract.0),), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?, row.get(4)?))
            })?;
            rows.map(|row| {
                let (n, count, room, message, at) = row?;
                Ok(CountRow {
                    n: index(n),
                    contract,
                    count,
                    room: RoomId(room.cast_unsigned()),
                    message: message_id(message)?,
                    at: UtcMillis(at),
                })
            })
            .collect()
        })
        .await
    }

    async fn notes(&self, case: CaseId) -> StoreResult<Vec<NoteRow>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT n, at, text FROM case_notes WHERE case_id = ?1 ORDER BY n")?;
            let rows = statement.query_map((integer(case.0),), |row| {
                Ok(NoteRow { n: index(row.get(0)?), case, at: UtcMillis(row.get(1)?), text: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn case_messages(&self, case: CaseId) -> StoreResult<Vec<CaseMessageRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT room, message, part, n FROM case_messages WHERE case_id = ?1 ORDER BY n, part",
            )?;
            let rows = statement.query_map((integer(case.0),), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.map(|row| {
                let (room, message, part, n) = row?;
                Ok(CaseMessageRow {
                    case,
                    room: RoomId(room.cast_unsigned()),
                    message: message_id(message)?,
                    part,
                    n: index(n),
                })
            })
            .collect()
        })
        .await
    }

    async fn draft(&self, case: CaseId) -> StoreResult<Option<DraftRow>> {
        self.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {DRAFT} FROM {DRAFTS} WHERE drafts.case_id = ?1 ORDER BY drafts.drafted_n DESC LIMIT 1"
                ))?
                .query_row((integer(case.0),), |row| Ok(draft_row(row)))
                .optional()?
                .transpose()
        })
        .await
    }

    async fn open_drafts(&self) -> StoreResult<Vec<DraftRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {DRAFT} FROM {DRAFTS} WHERE drafts.state = 'open' AND drafts.drafted_n =
                     (SELECT max(newest.drafted_n) FROM drafts newest WHERE newest.case_id = drafts.case_id)
                 ORDER BY drafts.drafted_n"
            ))?;
            let rows = statement.query_map((), |row| Ok(draft_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn switches(&self) -> StoreResult<Switches> {
        let values = self.declared(ITSELF).await?;
        let value =
            |what: &str| values.iter().find(|(name, _)| name == what).map(|(_, value)| value.as_str());
        Ok(Switches {
            stopped: value("stopped") == Some("true"),
            quiet_until: millis(value("quiet_until").and_then(|it| it.parse().ok())),
        })
    }

    async fn rooms_declared(&self, what: &'static str, value: &'static str) -> StoreResult<Vec<RoomId>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT room FROM declared WHERE what = ?1 AND value = ?2 AND room <> ?3 ORDER BY room",
            )?;
            let rows = statement
                .query_map((what, value, ITSELF), |row| Ok(RoomId(row.get::<_, i64>(0)?.cast_unsigned())))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn declared_room(&self, room: RoomId) -> StoreResult<DeclaredRoom> {
        Ok(DeclaredRoom::of(self.declared(integer(room.0)).await?))
    }
}

impl SqliteStore {
    async fn declared(&self, room: i64) -> StoreResult<Vec<(String, String)>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT what, value FROM declared WHERE room = ?1 ORDER BY what")?;
            let rows = statement.query_map((room,), |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Whatever is applied twice, or ahead of its turn, leaves the same rows.
pub(super) fn put(transaction: &Transaction<'_>, change: &BookChange) -> StoreResult<()> {
    match change {
        BookChange::Case(case) => cases::put_case(transaction, case)?,
        BookChange::Outbox(change) => cases::put_outbox(transaction, change)?,
        BookChange::Message(row) => {
            transaction
                .prepare_cached(
                    "INSERT INTO case_messages (case_id, room, message, part, n) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (case_id, room, message, part) DO UPDATE SET n = min(n, excluded.n)",
                )?
                .execute((
                    integer(row.case.0),
                    integer(row.room.0),
                    row.message.as_str(),
                    &row.part,
                    integer(row.n.0),
                ))?;
        }
        BookChange::Note(row) => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO case_notes (n, case_id, at, text) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((integer(row.n.0), integer(row.case.0), row.at.0, &row.text))?;
        }
        BookChange::Contract(row) => put_contract(transaction, row)?,
        BookChange::Count(row) => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO contract_counts (n, contract, count, room, message, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    integer(row.n.0),
                    integer(row.contract.0),
                    row.count,
                    integer(row.room.0),
                    row.message.as_str(),
                    row.at.0,
                ))?;
        }
        BookChange::Declared(row) => {
            transaction
                .prepare_cached(
                    "INSERT INTO declared (room, what, value, n) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (room, what) DO UPDATE SET value = excluded.value, n = excluded.n
                     WHERE excluded.n > n",
                )?
                .execute((
                    row.room.map_or(ITSELF, |room| integer(room.0)),
                    &row.what,
                    &row.value,
                    integer(row.n.0),
                ))?;
        }
        BookChange::Erased { entries, cases } => {
            erase::forget(transaction, entries)?;
            erase::forget_terms(transaction, cases)?;
        }
        BookChange::Draft(row) => put_draft(transaction, row)?,
        BookChange::DraftEnded { drafted_n, state } => {
            transaction
                .prepare_cached("UPDATE drafts SET state = ?2 WHERE drafted_n = ?1 AND state = 'open'")?
                .execute((integer(drafted_n.0), state.as_str()))?;
        }
    }
    Ok(())
}

fn put_contract(transaction: &Transaction<'_>, row: &ContractRow) -> StoreResult<()> {
    transaction
        .prepare_cached(&format!(
            "INSERT INTO contracts ({CONTRACT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (id) DO UPDATE SET
                 room = excluded.room, client = excluded.client, form = excluded.form,
                 quantity = excluded.quantity, unit = excluded.unit, yen = excluded.yen, until = excluded.until,
                 escrowed = excluded.escrowed, ended = excluded.ended, remind = excluded.remind,
                 link = excluded.link, changed_n = excluded.changed_n
             WHERE excluded.changed_n > changed_n"
        ))?
        .execute(rusqlite::params![
            integer(row.id.0),
            integer(row.room.0),
            row.client.map(|it| integer(it.0)),
            row.form,
            row.quantity,
            row.unit,
            row.yen.map(integer),
            row.until.map(|it| it.0),
            row.escrowed,
            row.ended,
            row.remind,
            row.link,
            row.registered_at.0,
            integer(row.changed_n.0),
        ])?;
    Ok(())
}

fn put_draft(transaction: &Transaction<'_>, row: &DraftRow) -> StoreResult<()> {
    transaction
        .prepare_cached(
            "INSERT INTO drafts (drafted_n, case_id, purpose, room, request_room, request_message,
                                 request_account, request_n, text, why, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (drafted_n) DO NOTHING",
        )?
        .execute(rusqlite::params![
            integer(row.drafted_n.0),
            integer(row.case.0),
            row.purpose.as_str(),
            integer(row.room.0),
            integer(row.request.room.0),
            row.request.message.as_str(),
            integer(row.request.account.0),
            integer(row.request.n.0),
            row.text,
            row.why,
            row.state.as_str(),
        ])?;
    Ok(())
}

fn contract_row(row: &Row<'_>) -> StoreResult<ContractRow> {
    Ok(ContractRow {
        id: ContractId(row.get::<_, i64>(0)?.cast_unsigned()),
        room: RoomId(row.get::<_, i64>(1)?.cast_unsigned()),
        client: row.get::<_, Option<i64>>(2)?.map(|it| AccountId(it.cast_unsigned())),
        form: row.get(3)?,
        quantity: row.get(4)?,
        unit: row.get(5)?,
        yen: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
        until: millis(row.get(7)?),
        escrowed: row.get(8)?,
        ended: row.get(9)?,
        remind: row.get(10)?,
        link: row.get(11)?,
        registered_at: UtcMillis(row.get(12)?),
        changed_n: index(row.get(13)?),
    })
}

fn draft_row(row: &Row<'_>) -> StoreResult<DraftRow> {
    let shown = match row.get::<_, Option<String>>(11)? {
        Some(state) => Some((
            OutboxState::parse(&state).ok_or(StoreError::Corrupt("a state of the outbox"))?,
            row.get::<_, Option<String>>(12)?.map(message_id).transpose()?,
        )),
        None => None,
    };
    Ok(DraftRow {
        drafted_n: EntryIndex(row.get::<_, i64>(0)?.cast_unsigned()),
        case: CaseId(row.get::<_, i64>(1)?.cast_unsigned()),
        purpose: Purpose::parse(&row.get::<_, String>(2)?).ok_or(StoreError::Corrupt("a purpose"))?,
        room: RoomId(row.get::<_, i64>(3)?.cast_unsigned()),
        request: RequestRef {
            room: RoomId(row.get::<_, i64>(4)?.cast_unsigned()),
            message: message_id(row.get(5)?)?,
            account: AccountId(row.get::<_, i64>(6)?.cast_unsigned()),
            n: index(row.get(7)?),
        },
        text: row.get(8)?,
        why: row.get(9)?,
        state: DraftState::parse(&row.get::<_, String>(10)?)
            .ok_or(StoreError::Corrupt("a state of a draft"))?,
        shown,
    })
}
