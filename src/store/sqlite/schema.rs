//! Numbered migrations, forward only, each applied once in its own transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::super::values::sum;
use super::super::{StoreError, StoreResult};

/// Position + 1 is the schema number. Never edit or remove one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_derived.sql"),
    include_str!("migrations/0003_cases.sql"),
    include_str!("migrations/0004_search.sql"),
    include_str!("migrations/0005_tree.sql"),
    include_str!("migrations/0006_annex.sql"),
    include_str!("migrations/0007_coverage.sql"),
    include_str!("migrations/0008_door.sql"),
    include_str!("migrations/0009_continued.sql"),
    include_str!("migrations/0010_room_types.sql"),
];

/// The migration since which a ledger may continue another. A file that is only read may be older.
const CONTINUED: i64 = 9;

/// Marks the file as ours (`PRAGMA application_id`): "krbr".
const APPLICATION_ID: i64 = 0x6b72_6272;

/// Brings the schema up to date.
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    let empty = number(connection, "schema_version")? == 0;
    if empty {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL)",
        )?;
    }
    let applied = check(connection)?;
    for (number, sql) in (1i64..).zip(MIGRATIONS).skip(applied) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.execute("INSERT INTO migrations (number, sha256) VALUES (?1, ?2)", (number, sum(sql)))?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses files that are not ours, newer than this program, or migrated by other text; returns how many are applied.
pub(super) fn check(connection: &Connection) -> StoreResult<usize> {
    if number(connection, "application_id")? != APPLICATION_ID {
        return Err(StoreError::Corrupt("the file is not a database of karibarai"));
    }
    let found = number(connection, "user_version")?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let mut statement = connection.prepare("SELECT number, sha256 FROM migrations ORDER BY number")?;
    let rows = statement.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut applied = 0;
    for (row, sql) in rows.zip(MIGRATIONS) {
        let (number, sha256) = row?;
        if sha256 != sum(sql) {
            return Err(StoreError::ForeignMigration(number));
        }
        applied += 1;
    }
    Ok(applied)
}

/// The file knows of ledgers before the present one.
pub(super) fn knows_predecessors(connection: &Connection) -> StoreResult<bool> {
    let mut statement = connection.prepare_cached("PRAGMA user_version")?;
    Ok(statement.query_row((), |row| row.get::<_, i64>(0))? >= CONTINUED)
}

fn number(connection: &Connection, pragma: &str) -> StoreResult<i64> {
    Ok(connection.pragma_query_value(None, pragma, |row| row.get(0))?)
}
