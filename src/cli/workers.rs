//! The followers, run by a command where no bot runs them.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::app;
use crate::config::Config;
use crate::detect::RuleSet;
use crate::domain::EntryIndex;
use crate::follow::{Annex, Archive, Casebook, Detector, Index, Mirror, Progress};
use crate::ledger::Ledger;
use crate::objects::ObjectsError;
use crate::store::{ArchiveStore as _, FollowStore as _, Store, TurnStore as _};
use crate::upkeep::EraseError;

/// Following takes no longer.
const TURN: Duration = Duration::from_secs(3600);

/// The followers, where no bot runs them.
pub(super) struct Workers {
    /// Held while no bot works; `None` while one does.
    turn: Option<File>,
    store: Store,
    archive: Archive,
    annex: Annex,
    detector: Option<Detector>,
    mirror: Mirror,
    index: Index,
    ledger: Ledger,
}

impl Workers {
    pub(super) async fn new(config: &Arc<Config>, store: &Store, ledger: &Ledger) -> anyhow::Result<Self> {
        let data_dir = &config.storage.data_dir;
        let lock = File::create(data_dir.join("worker.lock")).context("cannot make the lock file")?;
        let turn = lock.try_lock().is_ok().then_some(lock);
        let (ledger, store) = (ledger.clone(), store.clone());
        let rules = Arc::new(RuleSet::builtin()?);
        let detector = app::known_owners(config, &store)
            .await?
            .map(|it| Detector::new(ledger.clone(), store.clone(), Arc::clone(config), rules, it));
        Ok(Self {
            turn,
            archive: Archive::new(ledger.clone(), store.clone()),
            annex: Annex::new(ledger.clone(), store.clone()),
            detector,
            mirror: Mirror::new(ledger.clone(), store.clone(), data_dir),
            index: Index::new(ledger.clone(), store.clone()),
            store,
            ledger,
        })
    }

    /// Brings everything that needs no decision to the end of the ledger.
    pub(super) async fn follow(&self, erased: EntryIndex) -> Result<(), EraseError> {
        if self.turn.is_none() {
            return Ok(());
        }
        let Some(turn) = self.store.take_turn(None, TURN).await? else { return Ok(()) };
        let followed = self.follow_now(erased).await;
        self.store.end_turn(turn).await?;
        followed
    }

    /// Brings the copy in the object storage to the end of the ledger.
    pub(super) async fn copy(&self, config: &Config) -> Result<(), ObjectsError> {
        if self.turn.is_none() {
            return Ok(());
        }
        let Some(shipper) = app::objects::shipper(config, &self.ledger, &self.store)? else { return Ok(()) };
        let Some(turn) = self.store.take_turn(None, TURN).await? else { return Ok(()) };
        let copied = async {
            while shipper.tick().await? {}
            Ok(())
        };
        let copied = copied.await;
        self.store.end_turn(turn).await?;
        copied
    }

    async fn follow_now(&self, erased: EntryIndex) -> Result<(), EraseError> {
        self.mirror.settle().await?;
        while self.archive.tick().await? == Progress::Moved {}
        while self.annex.tick().await? == Progress::Moved {}
        if let Some(detector) = &self.detector {
            while detector.tick().await? == Progress::Moved {}
        }
        while self.index.tick().await? == Progress::Moved {}
        while self.mirror.tick().await? == Progress::Moved {}
        // Cases are filed here only where nothing waits to be weighed: deciding is the bot's.
        let from = self.store.cursor(Casebook::NAME).await?;
        let end = EntryIndex(erased.0 + 1);
        if self.detector.is_some() && self.store.signals(from, end).await?.is_empty() {
            let (ledger, store) = (self.ledger.clone(), self.store.clone());
            let casebook = Casebook { ledger, store, decider: None, until: Some(end) };
            while casebook.tick().await? == Progress::Moved {}
        }
        Ok(())
    }
}
