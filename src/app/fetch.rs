//! The loop that fetches files: rung by what a message shows, woken by what is due.

use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::reconcile::{AT_A_TIME, Fetched, Fetcher};

use super::work::Workshop;

/// The list of files is looked at again at least this often.
const POLL: Duration = Duration::from_secs(1);

impl Workshop {
    /// Runs until `stop` turns true. A download under way is dropped then: it left nothing behind, and the list of files
    /// still names it at the next start.
    pub(super) async fn fetch(&self, ring: &Notify, stop: watch::Receiver<bool>) {
        let fetcher = Fetcher::new(
            self.api.clone(),
            self.downloads.clone(),
            self.ledger.clone(),
            self.store.clone(),
            self.config.clone(),
            self.outside.clock.clone(),
            self.metrics.clone(),
        );
        if let Err(error) = fetcher.begin() {
            tracing::warn!(error = %error, "half-written files of an earlier run could not be removed");
        }
        let work = (0..AT_A_TIME).map(|_| self.fetch_one_by_one(&fetcher, ring, stop.clone()));
        futures_util::future::join_all(work).await;
    }

    async fn fetch_one_by_one(&self, fetcher: &Fetcher, ring: &Notify, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let rung = ring.notified();
            let ended = tokio::select! {
                ended = fetcher.tick() => ended,
                _ = stop.changed() => return,
            };
            let wait = match ended {
                Ok(Fetched::Tried) => {
                    // What was recorded is for the followers to file.
                    self.wake.notify_one();
                    continue;
                }
                Ok(Fetched::Wait(Some(due))) => {
                    due.since(self.outside.clock.now()).clamp(Duration::from_millis(10), POLL)
                }
                Ok(Fetched::Wait(None)) => POLL,
                Err(error) => {
                    tracing::error!(error = %error, "files could not be fetched; they are tried again");
                    POLL
                }
            };
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }
}
