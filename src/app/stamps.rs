//! Has the ledger's head stamped by others from time to time, where the configuration names some.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;

use crate::anchor::{self, Anchors, Authorities};

use super::work::Workshop;

/// Between two looks whether a time stamp is due.
const ANCHOR_POLL: Duration = Duration::from_secs(60);

impl Workshop {
    pub(super) async fn anchor(&self, mut stop: watch::Receiver<bool>) {
        let config = &self.config.anchor;
        if config.authorities.is_empty() {
            return;
        }
        let (authorities, roots) = match (Authorities::new(), anchor::roots(&config.ca_files)) {
            (Ok(authorities), Ok(roots)) => (authorities, roots),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(error = %error, "no time stamps are asked for");
                return;
            }
        };
        let plan = anchor::Plan { urls: config.authorities.clone(), every: config.every };
        let mut schedule = anchor::Schedule::default();
        let poll = ANCHOR_POLL.min(self.config.reconcile.interval);
        let anchors = Anchors {
            ledger: &self.ledger,
            store: &self.store,
            data_dir: &self.config.storage.data_dir,
            entropy: &*self.outside.entropy,
            authorities: &authorities,
            roots: &roots,
        };
        while !*stop.borrow() {
            match anchors.round(&plan, &mut schedule, self.outside.clock.now()).await {
                Ok(got) if got.is_empty() => {}
                Ok(_) => self.wake.notify_one(),
                Err(error) => tracing::error!(error = %error, "time stamps cannot be asked for"),
            }
            *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = schedule.clone();
            tokio::select! {
                () = tokio::time::sleep(poll) => {}
                _ = stop.changed() => {}
            }
        }
    }
}
