//! Ledgers before the present one, and the step from one to the next.

use crate::store::continued::Bases;
use crate::store::values::integer;
use crate::store::{ContinueStore, Predecessor, StoreError, StoreResult, Takeover};

use super::convert::Columns as _;
use super::{PostgresStore, Work, append};

/// What stood for the ended ledger alone, or has to be made anew.
const FORGET: &[&str] =
    &["DELETE FROM room_chains", "DELETE FROM tree_nodes", "DELETE FROM cursors WHERE name = 'tiles'"];
/// The sender looks through the room before a post for a client in any case; what is for the owner is looked for from
/// now on, too.
const FORGET_COPY: &[&str] = &[
    "DELETE FROM mirror_files",
    "DELETE FROM cursors WHERE name = 'mirror'",
    "INSERT INTO claims (decided_n, until, attempts)
         SELECT decided_n, 0, 1 FROM outbox WHERE state = 'waiting' AND purpose IN ('note', 'answer', 'task')
         ON CONFLICT (decided_n) DO UPDATE SET attempts = greatest(claims.attempts, 1)",
];

/// The first rows of all ledgers.
pub(super) async fn bases(work: &Work<'_>) -> StoreResult<Bases> {
    let sql = "SELECT base FROM predecessors UNION SELECT base FROM head ORDER BY base";
    let rows = work.rows(sql, &[]).await?;
    Ok(Bases(rows.iter().map(|row| row.number(0)).collect::<StoreResult<_>>()?))
}

impl ContinueStore for PostgresStore {
    async fn predecessors(&self) -> StoreResult<Vec<Predecessor>> {
        let sql = "SELECT base, ledger_id, size, root, key FROM predecessors ORDER BY base";
        let rows = self.rows(sql, &[]).await?;
        let found = rows.iter().map(|row| {
            Ok(Predecessor {
                base: row.number(0)?,
                ledger_id: row.text(1)?,
                size: row.number(2)?,
                root: row.digest(3)?,
                key: row.text(4)?,
            })
        });
        found.collect()
    }

    async fn past_checkpoints(&self, base: u64) -> StoreResult<Vec<(u64, String)>> {
        let sql = "SELECT size, note FROM past_checkpoints WHERE base = $1 ORDER BY size";
        let rows = self.rows(sql, &[&integer(base)]).await?;
        rows.iter().map(|row| Ok((row.number(0)?, row.text(1)?))).collect()
    }

    async fn continue_as(&self, takeover: Takeover) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, true).await?;
        let sql = "SELECT ledger_id, base, size, frontier FROM head WHERE id = 1 FOR UPDATE";
        let row = work.row(sql, &[]).await?;
        let row = row.ok_or(StoreError::Corrupt("there is no ledger to continue"))?;
        let head = append::head_row(&row)?;
        let (base, size, root) =
            (integer(head.base), integer(head.frontier.size()), head.frontier.root().to_vec());
        let sql = "INSERT INTO predecessors (base, ledger_id, size, root, key) VALUES ($1, $2, $3, $4, $5)";
        work.run(sql, &[&base, &head.ledger_id, &size, &root, &takeover.old_key]).await?;
        let sql =
            "INSERT INTO past_checkpoints (base, size, note) SELECT $1::bigint, size, note FROM checkpoints";
        work.run(sql, &[&base]).await?;
        work.run("DELETE FROM checkpoints", &[]).await?;
        let sql = "UPDATE head SET ledger_id = $1, base = $2, size = 0, frontier = '' WHERE id = 1";
        work.run(sql, &[&takeover.ledger_id, &integer(head.end())]).await?;
        let copy = FORGET_COPY.iter().filter(|_| takeover.from_copy);
        for sql in FORGET.iter().chain(copy) {
            work.run(sql, &[]).await?;
        }
        work.commit().await
    }
}
