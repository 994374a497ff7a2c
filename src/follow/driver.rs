//! Wakes the followers, in the order in which they build on each other, and keeps one that fails from stopping the rest.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{FollowStore, LedgerStore, Store};

use super::{Annex, Archive, Casebook, Detector, FollowError, Index, Mirror, Progress, Tiles, Watchman};

/// A lost wake-up costs this much at most; another process may append as well.
const POLL: Duration = Duration::from_secs(1);

/// Between two batches of the mirror files while the bot runs.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// Between two looks of the search index, which finds without itself what it has not read yet.
const INDEX_EVERY: Duration = Duration::from_millis(200);

/// Arrivals a second beyond which deliveries go first: they have to be acknowledged now, what is derived from them can
/// wait. Far above what any set of rooms brings but after an outage.
const BURST: f64 = 1000.0;
/// During a burst a follower rests so many times as long as it worked, and never longer than the second figure: it goes
/// on, and `readyz` tells how far it is behind. A batch of a full ledger takes a tenth of a second and more.
const REST: u32 = 10;
const LONGEST_REST: Duration = Duration::from_secs(2);

/// Between two looks at how far the followers are; each look reads the store five times.
const MEASURE_EVERY: Duration = Duration::from_millis(200);

/// All followers of one installation.
pub struct Driver {
    pub archive: Archive,
    pub annex: Annex,
    pub detector: Detector,
    pub casebook: Casebook,
    pub mirror: Mirror,
    pub index: Index,
    pub tiles: Tiles,
    pub watchman: Watchman,
    pub ledger: Ledger,
    pub store: Store,
    pub metrics: Metrics,
    /// Rung when the ledger has grown.
    pub wake: Arc<Notify>,
    /// Rung when there may be something to send.
    pub send: Arc<Notify>,
    /// Rung when there may be a file to fetch.
    pub fetch: Arc<Notify>,
    /// Rung when members, tasks or the name of a room may have changed.
    pub around: Arc<Notify>,
}

impl Driver {
    /// Runs until `stop` turns true; a batch that was begun is finished.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        tokio::join!(
            self.derive_all(stop.clone()),
            self.write_all(stop.clone()),
            self.index_all(stop.clone()),
            self.watch_all(stop)
        );
    }

    async fn derive_all(&self, mut stop: watch::Receiver<bool>) {
        let mut measured: Option<Instant> = None;
        while !*stop.borrow() {
            // Registered before looking: an append in between is not missed.
            let woken = self.wake.notified();
            let load = Load::begin(&self.store);
            let progress = self.derive().await;
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            if progress == Progress::Moved {
                load.yield_to_deliveries(&self.store, &mut stop).await;
                continue;
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// The files wait for the disk at every batch, so they are written in few; nobody waits for them.
    async fn write_all(&self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.mirror.settle().await {
            tracing::error!(error = %error, "a mirror file whose rewriting was cut off could not be settled");
        }
        while !*stop.borrow() {
            let load = Load::begin(&self.store);
            let written = self.write().await;
            self.rest(&load, written, WRITE_EVERY, &mut stop).await;
        }
    }

    /// Beside the others: nobody waits for the index either, and catching up with a long ledger takes it a while.
    async fn index_all(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let load = Load::begin(&self.store);
            let progress = self.guarded(Index::NAME, self.index.tick()).await;
            self.rest(&load, progress, INDEX_EVERY, &mut stop).await;
        }
    }

    /// Behind the archive; what it has to tell is filed by the others.
    async fn watch_all(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let load = Load::begin(&self.store);
            let progress = self.guarded(Watchman::NAME, self.watchman.tick()).await;
            if progress == Progress::Moved {
                self.wake.notify_one();
            }
            self.rest(&load, progress, POLL, &mut stop).await;
        }
    }

    /// After a tick: on at once where there is more and deliveries do not press, else after `every`.
    async fn rest(&self, load: &Load, progress: Progress, every: Duration, stop: &mut watch::Receiver<bool>) {
        if progress == Progress::Moved {
            load.yield_to_deliveries(&self.store, stop).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }

    /// One tick of each, the search index apart. A follower that fails is counted and tried again at the next wake-up or poll.
    pub async fn round(&self) -> Progress {
        let (derived, written) = tokio::join!(self.derive(), self.write());
        self.measure().await;
        any_moved(&[derived, written])
    }

    async fn write(&self) -> Progress {
        let proofs = self.guarded(Tiles::NAME, self.tiles.tick()).await;
        let mirrored = self.guarded(Mirror::NAME, self.mirror.tick()).await;
        let beside = self.beside().await;
        any_moved(&[proofs, mirrored, beside])
    }

    async fn derive(&self) -> Progress {
        let moved = [
            self.guarded(Archive::NAME, self.archive.tick()).await,
            self.guarded(Detector::NAME, self.detector.tick()).await,
            self.guarded(Casebook::NAME, self.casebook.tick()).await,
        ];
        if moved[2] == Progress::Moved {
            self.send.notify_one();
        }
        any_moved(&moved)
    }

    /// What is beside the messages; whoever fetches it is rung.
    async fn beside(&self) -> Progress {
        let progress = self.guarded(Annex::NAME, self.annex.tick()).await;
        if progress == Progress::Moved {
            self.fetch.notify_one();
            self.around.notify_one();
        }
        progress
    }

    async fn guarded(
        &self,
        name: &'static str,
        tick: impl Future<Output = Result<Progress, FollowError>>,
    ) -> Progress {
        let error = match AssertUnwindSafe(tick).catch_unwind().await {
            Ok(Ok(progress)) => {
                self.metrics.follower_went_on(name);
                return progress;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let in_a_row = self.metrics.follower_failed(name);
        // The first, second, fourth, eighth … failure is told: one that is stuck for days must not fill the disk.
        if in_a_row.is_power_of_two() {
            match error {
                Some(error) => {
                    tracing::error!(follower = name, in_a_row, error = %error, "a follower could not go on; it will try again");
                }
                None => tracing::error!(follower = name, in_a_row, "a follower panicked; it will try again"),
            }
        }
        Progress::Idle
    }

    async fn measure(&self) {
        let Ok(Some(head)) = self.store.head().await else { return };
        let size = head.end();
        self.metrics.ledger_size(size);
        for name in [
            Archive::NAME,
            Detector::NAME,
            Casebook::NAME,
            Annex::NAME,
            Mirror::NAME,
            Index::NAME,
            Tiles::NAME,
        ] {
            if let Ok(cursor) = self.store.cursor(name).await {
                // The tree is that of the present ledger alone.
                let end = if name == Tiles::NAME { head.frontier.size() } else { size };
                self.metrics.follower_lag(name, end.saturating_sub(cursor.0));
            }
        }
    }
}

fn any_moved(ticks: &[Progress]) -> Progress {
    if ticks.contains(&Progress::Moved) { Progress::Moved } else { Progress::Idle }
}

/// What arrived while a follower worked.
struct Load {
    began: Instant,
    arrived: u64,
}

impl Load {
    fn begin(store: &Store) -> Self {
        Self { began: Instant::now(), arrived: store.arrived() }
    }

    /// Rests if deliveries came in a burst meanwhile.
    async fn yield_to_deliveries(&self, store: &Store, stop: &mut watch::Receiver<bool>) {
        let worked = self.began.elapsed();
        let arrived = store.arrived() - self.arrived;
        if arrived as f64 <= BURST * worked.as_secs_f64() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep((worked * REST).min(LONGEST_REST)) => {}
            _ = stop.changed() => {}
        }
    }
}
