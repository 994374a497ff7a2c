//! Keeps the copy in the object storage up to date, where the configuration names one.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::{Config, ObjectsUrl};
use crate::domain::{Sign, Trouble, UtcMillis};
use crate::files::Shelf;
use crate::ledger::Ledger;
use crate::objects::{Bucket, Objects, ObjectsError, Place, Shipper};
use crate::store::Store;

use super::work::Workshop;

/// Between two looks whether there is something to copy.
const POLL: Duration = Duration::from_secs(1);
/// After failures in a row the waits double up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The owner is told of failures that have lasted so long.
const STUCK: Duration = Duration::from_secs(3600);

/// Since when nothing could be copied; `None` before the first try.
pub(super) type Failing = Option<Option<UtcMillis>>;

/// The storage that the configuration names; `None` where it names none.
pub fn open(config: &Config) -> Result<Option<Objects>, ObjectsError> {
    config.storage.objects.as_ref().map(|it| Objects::open(&place(it))).transpose()
}

/// What copies to it.
pub fn shipper(config: &Config, ledger: &Ledger, store: &Store) -> Result<Option<Shipper>, ObjectsError> {
    let shelf = Shelf::new(&config.storage.data_dir);
    Ok(open(config)?.map(|it| Shipper::new(it, ledger.clone(), store.clone(), shelf)))
}

fn place(url: &ObjectsUrl) -> Place {
    match url {
        ObjectsUrl::Folder(path) => Place::Folder(path.clone()),
        ObjectsUrl::Bucket(it) => Place::Bucket(Bucket {
            bucket: it.bucket.clone(),
            prefix: it.prefix.clone(),
            endpoint: it.endpoint.clone(),
            region: it.region.clone(),
            key_id: it.key_id.clone(),
            secret_key: it.secret_key.clone(),
        }),
    }
}

/// Whether the copy has been failing for long; nothing where it cannot be told yet.
pub(super) fn sign(failing: Failing, now: UtcMillis) -> Option<Sign> {
    match failing? {
        None => Some(Sign::new(Trouble::ObjectsStuck, false, 0)),
        Some(since) if now.since(since) >= STUCK => {
            Some(Sign::new(Trouble::ObjectsStuck, true, now.since(since).as_secs()))
        }
        Some(_) => None,
    }
}

impl Workshop {
    pub(super) async fn copy(&self, mut stop: watch::Receiver<bool>) {
        if self.config.storage.objects.is_none() {
            return;
        }
        let mut shipper = None;
        let mut wait = POLL;
        while !*stop.borrow() {
            let tried = tokio::select! {
                tried = self.copy_on(&mut shipper) => tried,
                // What was under way is done anew: the cursor stands before it.
                _ = stop.changed() => return,
            };
            wait = match self.account(&tried) {
                true if tried.is_ok_and(|moved| moved) => continue,
                true => POLL,
                false => (wait * 2).min(LONGEST_WAIT).min(self.config.reconcile.interval * 2),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Remembers since when it fails; whether it does not.
    fn account(&self, tried: &Result<bool, ObjectsError>) -> bool {
        let mut failing = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.flatten();
        // Said once, and again when it worked in between.
        match tried {
            Ok(_) if since.is_some() => tracing::info!("the object storage takes the copy again"),
            Err(error) if since.is_none() => {
                tracing::warn!(error = %error, "the copy in the object storage stands still; it is tried again");
            }
            _ => {}
        }
        *failing = Some(tried.as_ref().err().map(|_| since.unwrap_or_else(|| self.outside.clock.now())));
        tried.is_ok()
    }

    async fn copy_on(&self, shipper: &mut Option<Shipper>) -> Result<bool, ObjectsError> {
        if shipper.is_none() {
            *shipper = self::shipper(&self.config, &self.ledger, &self.store)?;
        }
        match shipper {
            Some(shipper) => shipper.tick().await,
            None => Ok(false),
        }
    }
}
