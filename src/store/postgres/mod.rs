//! PostgreSQL: each batch of appends takes the next indices under a lock on the head, reads come from a bounded pool.

mod annex;
mod append;
mod archive;
mod cases;
mod connect;
mod continued;
mod convert;
mod coverage;
mod derived;
mod desk;
mod door;
mod erase;
mod evidence;
mod ledger;
mod moving;
mod review;
mod schema;
mod search;
mod standing;
mod transfer;
mod turn;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use deadpool_postgres::{Object, Pool, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

use crate::store::{StoreError, StoreResult};

use self::writer::Writer;

pub use self::connect::PlaceError;
pub use self::moving::Moved;

/// A value of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Which database, and which of its schemas.
#[derive(Clone)]
pub struct PostgresPlace {
    /// `postgres://…`: it may hold a password.
    pub url: String,
    /// Wins over the one in the address.
    pub password: Option<String>,
    /// All tables stand in this schema; another owner's stand in another.
    pub schema: String,
    /// Connections that this process opens at most, one of which appends.
    pub connections: usize,
    /// Certificates (PEM) of the authorities that vouch for the server; empty: those that browsers trust.
    pub ca_files: Vec<PathBuf>,
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPlace").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The store in one schema of a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    writer: Option<Writer>,
    /// Key of the lock that changes of derived rows take: one for each schema.
    lock: i64,
}

impl PostgresStore {
    /// Opens the schema for writing, creates it where it is missing, and brings its tables up to date.
    pub async fn open(place: &PostgresPlace) -> StoreResult<Self> {
        Self::open_as(place, false).await
    }

    async fn open_as(place: &PostgresPlace, moving: bool) -> StoreResult<Self> {
        let (pool, appender) = connect::pools(place, true)?;
        schema::migrate(&mut pool.get().await?, &place.schema, moving).await?;
        let lock = schema::lock_key(&place.schema, schema::Lock::Change);
        let writer = Some(Writer::start(appender, lock));
        Ok(Self { inner: Arc::new(Inner { pool, writer, lock }) })
    }

    /// Opens a schema for reading alone: nothing in it is changed. `None` where there are no tables of ours.
    pub async fn open_read_only(place: &PostgresPlace) -> StoreResult<Option<Self>> {
        let (pool, _) = connect::pools(place, false)?;
        if !schema::is_current(&pool.get().await?, &place.schema).await? {
            return Ok(None);
        }
        let lock = schema::lock_key(&place.schema, schema::Lock::Change);
        Ok(Some(Self { inner: Arc::new(Inner { pool, writer: None, lock }) }))
    }

    fn writer(&self) -> StoreResult<&Writer> {
        self.inner.writer.as_ref().ok_or(StoreError::Closed)
    }

    async fn client(&self) -> StoreResult<Object> {
        Ok(self.inner.pool.get().await?)
    }

    /// Rows of one statement, which sees one moment.
    async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<Vec<tokio_postgres::Row>> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, parameters).await?)
    }

    /// The first row.
    async fn row(&self, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<Option<tokio_postgres::Row>> {
        Ok(self.rows(sql, parameters).await?.into_iter().next())
    }

    /// One change of derived rows as one statement.
    async fn change(&self, durable: bool, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<u64> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, durable).await?;
        let changed = work.run(sql, parameters).await?;
        work.commit().await?;
        Ok(changed)
    }

    /// Begins a change. Changes come one after the other, as on one machine: what they read of each other is then the
    /// same for every engine. Appends do not wait for them.
    ///
    /// `durable`: the commit waits for the disk. Derived rows need not: what a crash takes back it takes back together
    /// with the cursor.
    async fn begin<'a>(&self, client: &'a mut Object, durable: bool) -> StoreResult<Work<'a>> {
        if self.inner.writer.is_none() {
            return Err(StoreError::Closed);
        }
        let work = Work(client.transaction().await?);
        let (commit, lock) = (if durable { "on" } else { "off" }, self.inner.lock);
        let sql = format!(
            "SET LOCAL synchronous_commit = {commit}; SET LOCAL idle_in_transaction_session_timeout = {};
             SELECT pg_advisory_xact_lock({lock})",
            connect::STALLED.as_millis()
        );
        work.0.batch_execute(&sql).await?;
        Ok(work)
    }

    /// Begins reads that all see the same moment.
    async fn snapshot<'a>(&self, client: &'a mut Object) -> StoreResult<Work<'a>> {
        let builder = client.build_transaction();
        Ok(Work(builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?))
    }
}

/// A transaction; dropped, it takes itself back.
struct Work<'a>(Transaction<'a>);

impl Work<'_> {
    async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<Vec<tokio_postgres::Row>> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, parameters).await?)
    }

    async fn row(&self, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<Option<tokio_postgres::Row>> {
        Ok(self.rows(sql, parameters).await?.into_iter().next())
    }

    async fn run(&self, sql: &str, parameters: &[Parameter<'_>]) -> StoreResult<u64> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, parameters).await?)
    }

    async fn commit(self) -> StoreResult<()> {
        Ok(self.0.commit().await?)
    }
}
