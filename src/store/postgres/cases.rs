//! Cases and the outbox.

use tokio_postgres::Row;

use crate::domain::{AccountId, CaseId, EntryIndex, MessageId, RoomId, UtcMillis};
use crate::store::tables::{CASE, OUTBOX, WAY};
use crate::store::values::integer;
use crate::store::{
    CaseRow, CaseStore, OutboxChange, OutboxRow, OutboxState, Purpose, RequestRef, StoreError, StoreResult,
};

use super::convert::{Columns as _, maybe_text, text};
use super::{PostgresStore, Work};

impl CaseStore for PostgresStore {
    async fn cases(&self) -> StoreResult<Vec<CaseRow>> {
        let rows = self.rows(&format!("SELECT {CASE} FROM cases ORDER BY id"), &[]).await?;
        rows.iter().map(case_row).collect()
    }

    async fn case(&self, id: CaseId) -> StoreResult<Option<CaseRow>> {
        let row = self.row(&format!("SELECT {CASE} FROM cases WHERE id = $1"), &[&integer(id.0)]).await?;
        row.as_ref().map(case_row).transpose()
    }

    async fn client_cases(&self, room: RoomId, client: AccountId) -> StoreResult<Vec<CaseRow>> {
        let sql = format!("SELECT {CASE} FROM cases WHERE room = $1 AND client = $2 ORDER BY id");
        let rows = self.rows(&sql, &[&integer(room.0), &integer(client.0)]).await?;
        rows.iter().map(case_row).collect()
    }

    async fn next_case(&self) -> StoreResult<CaseId> {
        let sql =
            "SELECT max(id) FROM (SELECT id FROM cases UNION ALL SELECT case_id FROM drafts) AS numbers";
        let last = self.row(sql, &[]).await?.map(|row| row.maybe_number(0)).transpose()?.flatten();
        Ok(CaseId(last.map_or(1, |last| last + 1)))
    }

    async fn open_outbox(&self) -> StoreResult<Vec<OutboxRow>> {
        let sql = format!(
            "SELECT {OUTBOX} FROM outbox WHERE state = 'waiting' ORDER BY due_at, decided_n LIMIT 256"
        );
        self.rows(&sql, &[]).await?.iter().map(outbox_row).collect()
    }

    async fn outbox_of_room(&self, room: RoomId) -> StoreResult<Vec<OutboxRow>> {
        let sql =
            format!("SELECT {OUTBOX} FROM outbox WHERE room = $1 OR request_room = $1 ORDER BY decided_n");
        self.rows(&sql, &[&integer(room.0)]).await?.iter().map(outbox_row).collect()
    }

    async fn outbox(&self) -> StoreResult<Vec<OutboxRow>> {
        let sql = format!("SELECT {OUTBOX} FROM outbox ORDER BY decided_n");
        self.rows(&sql, &[]).await?.iter().map(outbox_row).collect()
    }

    async fn claim(&self, decided_n: EntryIndex, now: UtcMillis, until: UtcMillis) -> StoreResult<bool> {
        let sql = "INSERT INTO claims AS c (decided_n, until, attempts)
                   SELECT decided_n, $3, 1 FROM outbox WHERE decided_n = $1 AND state = 'waiting'
                   ON CONFLICT (decided_n) DO UPDATE SET until = $3, attempts = c.attempts + 1 WHERE c.until <= $2";
        Ok(self.change(true, sql, &[&integer(decided_n.0), &now.0, &until.0]).await? == 1)
    }

    async fn claim_over(&self, decided_n: EntryIndex, now: UtcMillis) -> StoreResult<bool> {
        let sql = "SELECT 1 FROM claims WHERE decided_n = $1 AND until > $2";
        Ok(self.row(sql, &[&integer(decided_n.0), &now.0]).await?.is_none())
    }

    async fn attempts(&self, decided_n: EntryIndex) -> StoreResult<u32> {
        let sql = "SELECT attempts FROM claims WHERE decided_n = $1";
        let row = self.row(sql, &[&integer(decided_n.0)]).await?;
        Ok(row.map(|row| row.small(0)).transpose()?.unwrap_or(0))
    }

    async fn release(&self, decided_n: EntryIndex, not_before: UtcMillis) -> StoreResult<()> {
        let sql = "UPDATE claims SET until = $2, attempts = greatest(attempts - 1, 0) WHERE decided_n = $1";
        self.change(true, sql, &[&integer(decided_n.0), &not_before.0]).await?;
        Ok(())
    }

    async fn posts_since(
        &self,
        purposes: &'static [Purpose],
        room: Option<RoomId>,
        since: UtcMillis,
    ) -> StoreResult<u32> {
        let sql = "SELECT count(*) FROM outbox WHERE purpose = ANY($1) AND state IN ('sent', 'uncertain')
                   AND ended_at >= $2 AND ($3::bigint IS NULL OR room = $3)";
        let purposes: Vec<&str> = purposes.iter().map(|it| it.as_str()).collect();
        let row = self.row(sql, &[&purposes, &since.0, &room.map(|it| integer(it.0))]).await?;
        row.map_or(Ok(0), |row| row.small(0))
    }
}

pub(super) async fn put_case(work: &Work<'_>, case: &CaseRow) -> StoreResult<()> {
    let terms = serde_json::to_string(&case.terms).map_err(|_| StoreError::Corrupt("terms of a case"))?;
    // Two changes that were written side by side leave the same row in whatever order they are applied.
    let sql = format!(
        "INSERT INTO cases AS c ({CASE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET
             state = CASE WHEN strpos({WAY}, excluded.state) > strpos({WAY}, c.state)
                          THEN excluded.state ELSE c.state END,
             moved_at = greatest(c.moved_at, excluded.moved_at),
             terms = CASE WHEN excluded.changed_n > c.changed_n THEN excluded.terms ELSE c.terms END,
             reminded = c.reminded OR excluded.reminded,
             job_link = CASE WHEN excluded.changed_n > c.changed_n THEN coalesce(excluded.job_link, c.job_link)
                        ELSE coalesce(c.job_link, excluded.job_link) END,
             contract_link = CASE WHEN excluded.changed_n > c.changed_n
                                  THEN coalesce(excluded.contract_link, c.contract_link)
                                  ELSE coalesce(c.contract_link, excluded.contract_link) END,
             contract = CASE WHEN excluded.changed_n > c.changed_n THEN coalesce(excluded.contract, c.contract)
                        ELSE coalesce(c.contract, excluded.contract) END,
             changed_n = greatest(c.changed_n, excluded.changed_n)"
    );
    work.run(
        &sql,
        &[
            &integer(case.id.0),
            &integer(case.room.0),
            &integer(case.client.0),
            &case.state,
            &case.request_message.as_str(),
            &integer(case.request_n.0),
            &case.opened_at.0,
            &case.moved_at.0,
            &text(&terms),
            &case.reminded,
            &integer(case.changed_n.0),
            &maybe_text(case.job_link.as_ref()),
            &maybe_text(case.contract_link.as_ref()),
            &case.contract.map(|it| integer(it.0)),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn put_outbox(work: &Work<'_>, change: &OutboxChange) -> StoreResult<()> {
    match change {
        OutboxChange::Decided(row) => put_decided(work, row).await,
        OutboxChange::Ended { decided_n, state, by, at, posted } => {
            let sql = "UPDATE outbox SET state = $2, ended_n = $3, ended_at = $4, posted_message = $5
                       WHERE decided_n = $1";
            let posted = posted.as_ref().map(MessageId::as_str);
            work.run(sql, &[&integer(decided_n.0), &state.as_str(), &integer(by.0), &at.0, &posted]).await?;
            Ok(())
        }
    }
}

/// Applied ahead of its turn and once more in turn: the second time changes nothing.
async fn put_decided(work: &Work<'_>, row: &OutboxRow) -> StoreResult<()> {
    let sql = format!(
        "INSERT INTO outbox ({OUTBOX}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, $12, $13)
         ON CONFLICT (decided_n) DO NOTHING"
    );
    let request = row.request.as_ref();
    work.run(
        &sql,
        &[
            &integer(row.decided_n.0),
            &row.purpose.as_str(),
            &row.case.map(|it| integer(it.0)),
            &integer(row.room.0),
            &request.map(|it| integer(it.room.0)),
            &request.map(|it| it.message.as_str()),
            &request.map(|it| integer(it.account.0)),
            &request.map(|it| integer(it.n.0)),
            &text(&row.text),
            &row.due_at.0,
            &row.state.as_str(),
            &row.approved,
            &row.target.as_ref().map(MessageId::as_str),
        ],
    )
    .await?;
    Ok(())
}

fn case_row(row: &Row) -> StoreResult<CaseRow> {
    Ok(CaseRow {
        id: row.case(0)?,
        room: row.room(1)?,
        client: row.account(2)?,
        state: row.text(3)?,
        request_message: row.message(4)?,
        request_n: row.index(5)?,
        opened_at: row.time(6)?,
        moved_at: row.time(7)?,
        terms: serde_json::from_str(&row.text(8)?).map_err(|_| StoreError::Corrupt("terms of a case"))?,
        reminded: row.flag(9)?,
        changed_n: row.index(10)?,
        job_link: row.maybe_text(11)?,
        contract_link: row.maybe_text(12)?,
        contract: row.maybe_number(13)?.map(crate::domain::ContractId),
    })
}

fn outbox_row(row: &Row) -> StoreResult<OutboxRow> {
    let request = match row.maybe_number(4)? {
        Some(room) => Some(RequestRef {
            room: RoomId(room),
            message: row.message(5)?,
            account: row.account(6)?,
            n: row.index(7)?,
        }),
        None => None,
    };
    Ok(OutboxRow {
        decided_n: row.index(0)?,
        purpose: Purpose::parse(row.raw(1)?).ok_or(StoreError::Corrupt("a purpose"))?,
        case: row.maybe_number(2)?.map(CaseId),
        room: row.room(3)?,
        request,
        text: row.text(8)?,
        due_at: row.time(9)?,
        state: OutboxState::parse(row.raw(10)?).ok_or(StoreError::Corrupt("a state of the outbox"))?,
        posted: row.maybe_message(11)?,
        approved: row.flag(12)?,
        target: row.maybe_message(13)?,
    })
}
