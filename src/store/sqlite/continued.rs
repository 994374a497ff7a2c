//! Ledgers before the present one, and the step from one to the next.

use rusqlite::Connection;

use super::super::continued::Bases;
use super::super::values::integer;
use super::super::{ContinueStore, Predecessor, StoreError, StoreResult, Takeover};
use super::convert::digest;
use super::{SqliteStore, append, schema};

/// What stood for the ended ledger alone, or has to be made anew. The outbox is looked through by the sender in any case
/// before a post in a client's room; what is for the owner is looked for from now on, too.
const FORGET: &[&str] =
    &["DELETE FROM room_chains", "DELETE FROM tree_nodes", "DELETE FROM cursors WHERE name = 'tiles'"];
const FORGET_COPY: &[&str] = &[
    "DELETE FROM mirror_files",
    "DELETE FROM cursors WHERE name = 'mirror'",
    "INSERT INTO claims (decided_n, until, attempts)
         SELECT decided_n, 0, 1 FROM outbox WHERE state = 'waiting' AND purpose IN ('note', 'answer', 'task')
         ON CONFLICT (decided_n) DO UPDATE SET attempts = max(attempts, 1)",
];

/// The first rows of all ledgers.
pub(super) fn bases(connection: &Connection) -> StoreResult<Bases> {
    if !schema::knows_predecessors(connection)? {
        return Ok(Bases(vec![0]));
    }
    let mut statement = connection
        .prepare_cached("SELECT base FROM predecessors UNION SELECT base FROM head ORDER BY base")?;
    let rows = statement.query_map((), |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?;
    Ok(Bases(rows.collect::<Result<_, _>>()?))
}

impl ContinueStore for SqliteStore {
    async fn predecessors(&self) -> StoreResult<Vec<Predecessor>> {
        self.read(|connection| {
            if !schema::knows_predecessors(connection)? {
                return Ok(Vec::new());
            }
            let mut statement = connection
                .prepare_cached("SELECT base, ledger_id, size, root, key FROM predecessors ORDER BY base")?;
            let mut rows = statement.query(())?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(Predecessor {
                    base: row.get::<_, i64>(0)?.cast_unsigned(),
                    ledger_id: row.get(1)?,
                    size: row.get::<_, i64>(2)?.cast_unsigned(),
                    root: digest(&row.get::<_, Vec<u8>>(3)?)?,
                    key: row.get(4)?,
                });
            }
            Ok(found)
        })
        .await
    }

    async fn past_checkpoints(&self, base: u64) -> StoreResult<Vec<(u64, String)>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT size, note FROM past_checkpoints WHERE base = ?1 ORDER BY size")?;
            let rows = statement.query_map((integer(base),), |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn continue_as(&self, takeover: Takeover) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                let head = append::read_head(transaction)?
                    .ok_or(StoreError::Corrupt("there is no ledger to continue"))?;
                transaction.execute(
                    "INSERT INTO predecessors (base, ledger_id, size, root, key) VALUES (?1, ?2, ?3, ?4, ?5)",
                    (
                        integer(head.base),
                        &head.ledger_id,
                        integer(head.frontier.size()),
                        head.frontier.root(),
                        &takeover.old_key,
                    ),
                )?;
                transaction.execute(
                    "INSERT INTO past_checkpoints (base, size, note) SELECT ?1, size, note FROM checkpoints",
                    (integer(head.base),),
                )?;
                transaction.execute("DELETE FROM checkpoints", ())?;
                transaction.execute(
                    "UPDATE head SET ledger_id = ?1, base = ?2, size = 0, frontier = x'' WHERE id = 1",
                    (&takeover.ledger_id, integer(head.end())),
                )?;
                let copy = FORGET_COPY.iter().filter(|_| takeover.from_copy);
                for sql in FORGET.iter().chain(copy) {
                    transaction.execute(sql, ())?;
                }
                Ok(())
            })
            .await
    }
}
