//! The loop that reads what is beside the messages: woken when something tells of a change, and now and then.

use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::reconcile::Around;

use super::work::Workshop;

/// Looked at again at least this often; most looks find nothing due and ask nobody.
const POLL: Duration = Duration::from_secs(1);
/// After a failure that is not of one room.
const PAUSE: Duration = Duration::from_secs(30);

impl Workshop {
    /// Runs until `stop` turns true.
    pub(super) async fn around(&self, ring: &Notify, mut stop: watch::Receiver<bool>) {
        let around = Around {
            api: self.api.clone(),
            ledger: self.ledger.clone(),
            store: self.store.clone(),
            config: self.config.clone(),
            clock: self.outside.clock.clone(),
            metrics: self.metrics.clone(),
        };
        while !*stop.borrow() {
            let rung = ring.notified();
            let wait = match around.tick().await {
                Ok(read) => {
                    if read {
                        self.wake.notify_one();
                    }
                    POLL
                }
                Err(error) => {
                    tracing::error!(error = %error, "members and tasks could not be recorded; they are read again");
                    PAUSE
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
