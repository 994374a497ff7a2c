//! SQLite: one writer thread that commits everything queued in one transaction, a few read-only connections.

mod annex;
mod append;
mod archive;
mod cases;
mod continued;
mod convert;
mod coverage;
mod derived;
mod desk;
mod door;
mod erase;
mod evidence;
mod ledger;
mod review;
mod schema;
mod search;
mod standing;
mod transfer;
mod turn;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::writer::Writer;
use super::{StoreError, StoreResult};

/// Read-only connections kept open; more readers wait for nothing, they open one of their own.
const IDLE_READERS: usize = 4;
/// For somebody else's transaction. A delivery may come while the one before it waits already, so it waits twice; both
/// together stay well below the ten seconds after which a sender gives up, that it be answered 503 and not nothing.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// The store on one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    // Before the writer, which is dropped after them: the last connection carries the log into the database and removes
    // it, and one that only reads could not.
    readers: Mutex<Vec<Connection>>,
    writer: Option<Writer>,
}

impl SqliteStore {
    /// Opens the file for writing, creates it (mode 0600) where it is missing, and brings its schema up to date.
    pub async fn open(path: &Path) -> StoreResult<Self> {
        let path = path.to_owned();
        blocking(move || {
            let writer = Writer::start(&path)?;
            Ok(Self { inner: Arc::new(Inner { path, writer: Some(writer), readers: Mutex::default() }) })
        })
        .await
    }

    /// Opens an existing file for reading alone: nothing in it is changed, not even its schema.
    pub async fn open_read_only(path: &Path) -> StoreResult<Self> {
        let path = path.to_owned();
        blocking(move || {
            let connection = open_reader(&path)?;
            schema::check(&connection)?;
            Ok(Self { inner: Arc::new(Inner { path, writer: None, readers: Mutex::new(vec![connection]) }) })
        })
        .await
    }

    /// A complete, consistent copy in a new file.
    pub async fn copy_to(&self, path: &Path) -> StoreResult<()> {
        let (from, to) = (self.inner.path.clone(), path.to_owned());
        blocking(move || {
            let source = open_reader(&from)?;
            let mut target = Connection::open(to)?;
            // All pages in one step: a writer in between would make it begin again.
            rusqlite::backup::Backup::new(&source, &mut target)?.run_to_completion(
                i32::MAX,
                Duration::ZERO,
                None,
            )?;
            Ok(())
        })
        .await
    }

    fn path(&self) -> PathBuf {
        self.inner.path.clone()
    }

    fn writer(&self) -> StoreResult<&Writer> {
        self.inner.writer.as_ref().ok_or(StoreError::Closed)
    }

    /// Runs `read` in one read transaction on a thread where it may block.
    async fn read<T, F>(&self, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.read(read)).await
    }
}

impl Inner {
    /// Runs `read` in one read transaction, here.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        let pooled = self.readers.lock().ok().and_then(|mut it| it.pop());
        let connection = match pooled {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        let snapshot = connection.unchecked_transaction()?;
        let result = read(&snapshot);
        drop(snapshot);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS
        {
            readers.push(connection);
        }
        result
    }
}

async fn blocking<T, F>(work: F) -> StoreResult<T>
where
    T: Send + 'static,
    F: FnOnce() -> StoreResult<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

fn open_reader(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Settings that every connection gets.
fn configure(connection: &Connection) -> StoreResult<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What a statement would take back if it failed half-way: in a file it costs four writes for each row.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise a statement whose parameters might have changed its plan is compiled anew for each row.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Content never stands in SQLite's messages: values are always bound, never part of the SQL.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => {
                Self::Corrupt("a column has an unexpected type")
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}
