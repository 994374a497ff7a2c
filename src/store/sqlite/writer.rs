//! The one writer: a thread that takes everything queued and commits it in one transaction (group commit).

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::domain::EntryIndex;
use crate::platform;

use super::super::{Appended, NewEntry, StoreError, StoreResult};
use super::{append, configure, erase, schema};

/// Calls that may wait; beyond it the caller is told [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// Entries committed together at most.
const BATCH: usize = 1024;
/// SQLite's own is 2 MiB, which a day's burst outgrows: then each insert reads pages again. Taken only as it fills.
const CACHE_KIB: i64 = 16 * 1024;
/// Twice SQLite's own: whoever verifies reads every page, and each is a call to the system.
const PAGE_BYTES: i64 = 8192;
/// The log is carried into the database after 16 MiB. A page that changes often is then carried once for many
/// changes, and a start after a crash still reads the log within a tenth of a second.
const CHECKPOINT_PAGES: i64 = (16 << 20) / PAGE_BYTES;

type Change = Box<dyn FnOnce(&Transaction<'_>) -> StoreResult<Finish> + Send>;
/// Answers the caller once the commit is known.
type Finish = Box<dyn FnOnce(StoreResult<()>) + Send>;

enum Job {
    Append(Vec<NewEntry>, oneshot::Sender<StoreResult<Vec<Appended>>>),
    /// An entry that declares an erasure, and the entries whose content goes with it.
    Erase(Box<NewEntry>, Vec<EntryIndex>, oneshot::Sender<StoreResult<Vec<Appended>>>),
    /// `durable`: wait for the disk. Derived rows need not: a power cut takes rows and cursor back together.
    Change {
        durable: bool,
        change: Change,
    },
}

/// Handle to the thread; it ends when the last handle is dropped, after what is queued.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    /// Entries handed in since the start.
    arrived: AtomicU64,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: &Path) -> StoreResult<Self> {
        let connection = open(path)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let path = path.to_owned();
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&path, connection, queue))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), arrived: AtomicU64::new(0), thread: Some(thread) })
    }

    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Queues entries; a full queue is refused at once, so that the webhook can answer 503.
    pub(super) async fn append(&self, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
        let (answer, result) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        self.arrived.fetch_add(entries.len() as u64, Ordering::Relaxed);
        jobs.try_send(Job::Append(entries, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        result.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Appends the declaration and removes what it names, in one transaction.
    pub(super) async fn erase(
        &self,
        declaration: NewEntry,
        entries: Vec<EntryIndex>,
    ) -> StoreResult<EntryIndex> {
        let (answer, result) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(Job::Erase(Box::new(declaration), entries, answer))
            .await
            .map_err(|_| StoreError::Closed)?;
        let mut appended = result.await.unwrap_or(Err(StoreError::Closed))?;
        appended.pop().map(Appended::index).ok_or(StoreError::Closed)
    }

    /// Runs `change` in the next transaction.
    pub(super) async fn change<T, F>(&self, durable: bool, change: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let change: Change = Box::new(move |transaction| match change(transaction) {
            Ok(value) => Ok(Box::new(move |commit: StoreResult<()>| {
                let _ = answer.send(commit.map(|()| value));
            })),
            Err(error) => {
                let _ = answer.send(Err(error.clone()));
                Err(error)
            }
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(Job::Change { durable, change }).await.map_err(|_| StoreError::Closed)?;
        result.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread never panics on purpose; if it did, its callers have been told already.
            let _ = thread.join();
        }
    }
}

fn open(path: &Path) -> StoreResult<Connection> {
    let unavailable = |error: io::Error| StoreError::Unavailable(error.to_string());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unavailable)?;
    }
    // The file holds private talk: it is made readable for its owner alone before SQLite writes to it.
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    platform::private(&mut options).open(path).map_err(unavailable)?;
    let mut connection = Connection::open(path)?;
    configure(&connection)?;
    // Only a new file takes it.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // What is erased is overwritten, not only let go of.
    connection.pragma_update(None, "secure_delete", true)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn run(path: &Path, connection: Connection, mut queue: mpsc::Receiver<Job>) {
    let mut connection = Some(connection);
    let mut full_sync = true;
    while let Some(first) = queue.blocking_recv() {
        let jobs = drain(first, &mut queue);
        // After a failed commit the connection is closed: what it believes may differ from the disk.
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None => open(path).inspect(|_| full_sync = true),
        };
        match opened {
            Ok(mut opened) => {
                let durable = jobs.iter().any(|job| {
                    matches!(job, Job::Append(..) | Job::Erase(..) | Job::Change { durable: true, .. })
                });
                let level = if durable { "FULL" } else { "NORMAL" };
                let ready = full_sync == durable || opened.pragma_update(None, "synchronous", level).is_ok();
                full_sync = durable;
                if ready && commit(&mut opened, jobs) {
                    connection = Some(opened);
                }
            }
            Err(error) => {
                for job in jobs {
                    refuse(job, &error);
                }
            }
        }
    }
}

fn drain(first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let weight = |job: &Job| match job {
        Job::Append(entries, _) => entries.len(),
        Job::Erase(..) | Job::Change { .. } => BATCH / 4,
    };
    let mut total = weight(&first);
    let mut jobs = vec![first];
    while total < BATCH
        && let Ok(job) = queue.try_recv()
    {
        total += weight(&job);
        jobs.push(job);
    }
    jobs
}

fn refuse(job: Job, error: &StoreError) {
    match job {
        Job::Append(_, answer) | Job::Erase(_, _, answer) => {
            let _ = answer.send(Err(error.clone()));
        }
        // Dropping the closure drops its answer: the caller reads `Closed`, nothing was done.
        Job::Change { .. } => {}
    }
}

/// One transaction for all jobs. False when the connection must not be used again.
fn commit(connection: &mut Connection, jobs: Vec<Job>) -> bool {
    let mut appends = Vec::new();
    let mut finishes: Vec<Finish> = Vec::new();
    let result = (|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut batch = append::Batch::default();
        for job in jobs {
            match job {
                Job::Append(entries, answer) => match batch.add(&transaction, entries) {
                    Ok(done) => appends.push((done, answer)),
                    Err(error) => {
                        let _ = answer.send(Err(error.clone()));
                        return Err(error);
                    }
                },
                Job::Erase(declaration, entries, answer) => {
                    let done = batch
                        .add(&transaction, vec![*declaration])
                        .and_then(|done| erase::forget(&transaction, &entries).map(|()| done));
                    match done {
                        Ok(done) => appends.push((done, answer)),
                        Err(error) => {
                            let _ = answer.send(Err(error.clone()));
                            return Err(error);
                        }
                    }
                }
                Job::Change { change, .. } => {
                    // A change that fails takes only itself back.
                    transaction.execute_batch("SAVEPOINT change")?;
                    match change(&transaction) {
                        Ok(finish) => {
                            transaction.execute_batch("RELEASE change")?;
                            finishes.push(finish);
                        }
                        Err(_) => transaction.execute_batch("ROLLBACK TO change; RELEASE change")?,
                    }
                }
            }
        }
        batch.finish(&transaction)?;
        transaction.commit()?;
        Ok(())
    })();
    for (done, answer) in appends {
        let _ = answer.send(result.clone().map(|()| done));
    }
    for finish in finishes {
        finish(result.clone());
    }
    if let Err(error) = &result {
        tracing::error!(error = %error, "a transaction of the store failed");
    }
    result.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_has_our_pages_and_an_older_one_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("karibarai.db");
        let bytes =
            |it: &Connection| it.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(bytes(&open(&path).unwrap()), PAGE_BYTES);
        let older = Connection::open(&path).unwrap();
        older.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM").unwrap();
        drop(older);
        assert_eq!(bytes(&open(&path).unwrap()), 4096);
    }
}
