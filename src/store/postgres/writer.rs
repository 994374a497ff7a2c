//! The one appender of a process: takes everything queued and commits it in one transaction (group commit). Replicas
//! take turns by the lock on the head.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::sync::{mpsc, oneshot};

use crate::domain::EntryIndex;
use crate::store::{Appended, NewEntry, StoreError, StoreResult};

use super::{Work, append, connect, erase};

/// Calls that may wait; beyond it the caller is told [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// Entries committed together at most.
const BATCH: usize = 1024;
/// A batch that takes longer is given up: its callers answer 503, and the rooms are read again when writing works.
const PATIENCE: Duration = Duration::from_secs(15);

type Answer = oneshot::Sender<StoreResult<Vec<Appended>>>;

enum Job {
    Append(Vec<NewEntry>, Answer),
    /// An entry that declares an erasure, and the entries whose content goes with it.
    Erase(Box<NewEntry>, Vec<EntryIndex>, Answer),
}

/// Handle to the task; it ends when the last handle is dropped, after what is queued.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Entries handed in since the start.
    arrived: AtomicU64,
}

impl Writer {
    pub(super) fn start(pool: Pool, lock: i64) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool, lock, queue));
        Self { jobs, arrived: AtomicU64::new(0) }
    }

    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Queues entries; a full queue is refused at once, so that the webhook can answer 503.
    pub(super) async fn append(&self, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
        let (answer, result) = oneshot::channel();
        self.arrived.fetch_add(entries.len() as u64, Ordering::Relaxed);
        self.jobs.try_send(Job::Append(entries, answer)).map_err(|error| match error {
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
        let job = Job::Erase(Box::new(declaration), entries, answer);
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        let mut appended = result.await.unwrap_or(Err(StoreError::Closed))?;
        appended.pop().map(Appended::index).ok_or(StoreError::Closed)
    }
}

async fn run(pool: Pool, lock: i64, mut queue: mpsc::Receiver<Job>) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match queue.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        match first {
            Job::Append(entries, answer) => {
                let mut calls = vec![(entries.len(), answer)];
                let mut all = entries;
                while all.len() < BATCH && next.is_none() {
                    match queue.try_recv() {
                        Ok(Job::Append(entries, answer)) => {
                            calls.push((entries.len(), answer));
                            all.extend(entries);
                        }
                        Ok(other) => next = Some(other),
                        Err(_) => break,
                    }
                }
                let result = within(&pool, commit(&pool, all)).await;
                tell(result, calls);
            }
            Job::Erase(declaration, entries, answer) => {
                let result = within(&pool, erase_now(&pool, lock, *declaration, &entries)).await;
                let _ = answer.send(result);
            }
        }
    }
}

/// Bounded in time. A connection whose transaction failed or was given up is closed, not used again: what it believes
/// may differ from what the server has.
async fn within<T>(pool: &Pool, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    let late = || StoreError::Unavailable("PostgreSQL: it did not answer in time".to_owned());
    let result = tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()));
    if let Err(error) = &result {
        pool.retain(|_, _| false);
        tracing::error!(error = %error, "a transaction of the store failed");
    }
    result
}

fn tell(result: StoreResult<Vec<Appended>>, calls: Vec<(usize, Answer)>) {
    match result {
        Ok(all) => {
            let mut rest = all.into_iter();
            for (count, answer) in calls {
                let _ = answer.send(Ok(rest.by_ref().take(count).collect()));
            }
        }
        Err(error) => {
            for (_, answer) in calls {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

async fn begin(client: &mut Object) -> StoreResult<Work<'_>> {
    let work = Work(client.transaction().await?);
    // Whatever the server's default is: what is answered 200 waits for the disk.
    let sql = format!(
        "SET LOCAL synchronous_commit = on; SET LOCAL idle_in_transaction_session_timeout = {}",
        connect::STALLED.as_millis()
    );
    work.0.batch_execute(&sql).await?;
    Ok(work)
}

async fn commit(pool: &Pool, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
    let mut client = pool.get().await?;
    let work = begin(&mut client).await?;
    let done = append::append(&work, entries).await?;
    work.commit().await?;
    Ok(done)
}

async fn erase_now(
    pool: &Pool,
    lock: i64,
    declaration: NewEntry,
    entries: &[EntryIndex],
) -> StoreResult<Vec<Appended>> {
    let mut client = pool.get().await?;
    let work = begin(&mut client).await?;
    // Before the head, as every change that takes both.
    work.run("SELECT pg_advisory_xact_lock($1)", &[&lock]).await?;
    let done = append::append(&work, vec![declaration]).await?;
    erase::forget(&work, entries).await?;
    work.commit().await?;
    Ok(done)
}
