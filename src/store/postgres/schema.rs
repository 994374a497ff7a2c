//! Numbered migrations, forward only, each applied once in its own transaction, under a lock that replicas share.

use deadpool_postgres::Object;
use sha2::{Digest as _, Sha256};

use crate::store::values::sum;
use crate::store::{StoreError, StoreResult};

use super::Work;
use super::convert::Columns as _;

/// Position + 1 is the schema number. Never edit or remove one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_derived.sql"),
    include_str!("migrations/0003_beside.sql"),
    include_str!("migrations/0004_turns.sql"),
    include_str!("migrations/0005_room_types.sql"),
];

/// What the locks of a schema are for.
#[derive(Clone, Copy)]
pub(super) enum Lock {
    Migrate,
    Change,
}

/// Advisory locks hold for the whole database: each schema has its own keys.
pub(super) fn lock_key(schema: &str, lock: Lock) -> i64 {
    let purpose = match lock {
        Lock::Migrate => "migrate",
        Lock::Change => "change",
    };
    let hash = Sha256::digest(format!("karibarai {purpose} {schema}"));
    let (first, _) = hash.split_at(8);
    first.iter().fold(0, |key, byte| key << 8 | i64::from(*byte))
}

/// Brings the schema up to date; replicas that start together do it one after the other.
///
/// `moving`: also where a move into the schema has not come to its end.
pub(super) async fn migrate(client: &mut Object, schema: &str, moving: bool) -> StoreResult<()> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.text(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::Unavailable("PostgreSQL: the database is not encoded in UTF8".to_owned()));
    }
    let work = Work(client.transaction().await?);
    // A long migration of the one is no failure of the others.
    work.0.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    work.run("SELECT pg_advisory_xact_lock($1)", &[&lock_key(schema, Lock::Migrate)]).await?;
    // Only where it is missing: a role that owns its schema need not be allowed to make one.
    if work.row("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&schema]).await?.is_none() {
        work.0.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    if !has_table(&work, schema, "migrations").await? {
        if has_table(&work, schema, "entries").await? {
            return Err(StoreError::Corrupt("the schema holds tables that are not karibarai's"));
        }
        work.0
            .batch_execute("CREATE TABLE migrations (number BIGINT PRIMARY KEY, sha256 TEXT NOT NULL)")
            .await?;
    }
    if !moving && has_table(&work, schema, MOVING).await? {
        return Err(StoreError::Unavailable(UNFINISHED.to_owned()));
    }
    let applied = applied(&work.rows(LIST, &[]).await?)?;
    for (number, sql) in (1i64..).zip(MIGRATIONS).skip(applied) {
        work.0.batch_execute(sql).await?;
        let sum = sum(sql);
        work.run("INSERT INTO migrations (number, sha256) VALUES ($1, $2)", &[&number, &sum]).await?;
    }
    work.commit().await
}

/// Stands in the schema while a store is being moved into it.
pub(super) const MOVING: &str = "moving";
const UNFINISHED: &str =
    "PostgreSQL: a move into this schema was cut off; run `karibarai migrate-store` again";

const LIST: &str = "SELECT number, sha256 FROM migrations ORDER BY number";

async fn has_table(work: &Work<'_>, schema: &str, table: &str) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2";
    Ok(work.row(sql, &[&schema, &table]).await?.is_some())
}

/// Whether our tables stand in the schema; refuses what is newer than this program or not yet up to date.
pub(super) async fn is_current(client: &Object, schema: &str) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2";
    if client.query_opt(sql, &[&schema, &"migrations"]).await?.is_none() {
        return Ok(false);
    }
    if client.query_opt(sql, &[&schema, &MOVING]).await?.is_some() {
        return Err(StoreError::Unavailable(UNFINISHED.to_owned()));
    }
    if applied(&client.query(LIST, &[]).await?)? < MIGRATIONS.len() {
        return Err(StoreError::Unavailable(
            "PostgreSQL: the tables are of an older version; start `karibarai serve` once".to_owned(),
        ));
    }
    Ok(true)
}

fn applied(rows: &[tokio_postgres::Row]) -> StoreResult<usize> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    for row in rows {
        let found: i64 = row.raw(0)?;
        let text = usize::try_from(found - 1).ok().and_then(|at| MIGRATIONS.get(at));
        match text {
            None => return Err(StoreError::Newer { found, known }),
            Some(text) if row.text(1)? != sum(text) => {
                return Err(StoreError::ForeignMigration(found));
            }
            Some(_) => {}
        }
    }
    Ok(rows.len())
}
