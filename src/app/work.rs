//! The work behind the listeners: followers, sender, reconciler. Of the processes that share a data folder or a database
//! one does it; the others take webhooks and stand by.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use crate::anchor::Schedule;
use crate::chatwork::api::{Api, Downloads};
use crate::config::Config;
use crate::desk::Desk;
use crate::detect::RuleSet;
use crate::domain::{RoomId, Trouble};
use crate::follow::{
    Agreements, Annex, Archive, Asks, Casebook, Control, Decider, Detector, Driver, Index, Mirror, Nudges,
    Progress, Tiles, Watchman,
};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::receive::Receiver;
use crate::reconcile::Reconciler;
use crate::reply::outbox::{Me, Outbox, Retries, Settled};
use crate::reply::template::Templates;
use crate::review::Review;
use crate::store::Store;

use super::{Outside, identity, objects, packages, turns};

/// How often a process that stands by looks whether it may work.
const STAND_BY: Duration = Duration::from_millis(500);
/// First wait after the platform did not say who we are, doubled up to a minute.
const IDENTITY_WAIT: Duration = Duration::from_secs(1);
/// How soon after a 503 the room is tried, again and again until it could be read and written.
const MISSED_WAIT: Duration = Duration::from_secs(1);
/// The control room is looked at at least this often, and sooner where a webhook tells of it.
const CONTROL_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked whether a webhook has told of it.
const CONTROL_LOOK: Duration = Duration::from_millis(500);
/// How often it is looked at what was agreed and what stands still.
const ATTEND_EVERY: Duration = Duration::from_secs(5);
/// The sender looks again at least this often.
const SEND_POLL: Duration = Duration::from_secs(1);

/// Everything that the work needs.
pub(super) struct Workshop {
    pub(super) config: Arc<Config>,
    pub(super) outside: Outside,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) api: Api,
    pub(super) downloads: Downloads,
    pub(super) rules: Arc<RuleSet>,
    pub(super) templates: Arc<Templates>,
    pub(super) metrics: Metrics,
    pub(super) receiver: Receiver,
    pub(super) review: Review,
    pub(super) wake: Arc<Notify>,
    /// Nothing is posted in a client's room.
    pub(super) rehearsal: bool,
    /// How the authorities answered last.
    pub(super) stamps: Mutex<Schedule>,
    /// How the object storage did.
    pub(super) copying: Mutex<objects::Failing>,
}

impl Workshop {
    /// Waits for its turn and works, until `stop` turns true. Whoever loses the turn stands by again.
    pub(super) async fn run(self, stop: watch::Receiver<bool>) {
        // Held until the end; the system lets go of it when the process dies, however it dies.
        let Some(_lock) = self.lock(stop.clone()).await else { return };
        while let Some(turn) = turns::wait(&self.store, stop.clone()).await {
            turns::work(&self.store, turn, stop.clone(), |is_over| self.work(is_over)).await;
        }
    }

    /// Finds out who it is, and works until `stop` turns true.
    async fn work(&self, stop: watch::Receiver<bool>) {
        let Some(me) = self.who(stop.clone()).await else { return };
        self.review.working(&me.owners, me.control_room);
        let send = Arc::new(Notify::new());
        let (fetch, around) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let rings = (Arc::clone(&send), Arc::clone(&fetch), Arc::clone(&around));
        let driver = self.driver(me.clone(), rings);
        let (ask, asked) = mpsc::channel(packages::WAITING);
        let desk = Desk { packages: Some(ask), ..self.desk(&me) };
        let packer = self.packer(&me);
        let control = self.control(desk.clone(), me.clone());
        let agreements = Agreements {
            desk: desk.clone(),
            rules: Arc::clone(&self.rules),
            clock: Arc::clone(&self.outside.clock),
            me: me.clone(),
        };
        let asks = Asks { api: self.api.clone(), desk: desk.clone(), control_room: me.control_room };
        let nudges = Nudges { desk, clock: Arc::clone(&self.outside.clock), control_room: me.control_room };
        let control_room = me.control_room;
        let outbox = self.outbox(me);
        let reconciler = Reconciler::new(
            self.api.clone(),
            self.ledger.clone(),
            self.store.clone(),
            Arc::clone(&self.config),
            Arc::clone(&self.outside.clock),
            self.metrics.clone(),
        );
        reconciler.begins_watch();
        tokio::join!(
            driver.run(stop.clone()),
            self.send(&outbox, &send, stop.clone()),
            self.fetch(&fetch, stop.clone()),
            self.around(&around, stop.clone()),
            self.listen(&control, &send, stop.clone()),
            self.attend(&agreements, &nudges, &asks, &send, stop.clone()),
            self.reconcile(&reconciler, stop.clone()),
            packer.run(asked, &send, stop.clone()),
            self.trouble(&outbox, control_room, &send, stop.clone()),
            self.anchor(stop.clone()),
            self.copy(stop),
        );
    }

    async fn lock(&self, mut stop: watch::Receiver<bool>) -> Option<File> {
        let path = self.config.storage.data_dir.join("worker.lock");
        let file = match File::create(&path) {
            Ok(file) => file,
            Err(error) => {
                tracing::error!(error = %error, "the lock file cannot be made");
                return None;
            }
        };
        let mut told = false;
        while !*stop.borrow() {
            match file.try_lock() {
                Ok(()) => return Some(file),
                // There the turn decides: a process that was halted keeps its lock, and must not stop the others.
                Err(TryLockError::WouldBlock) if self.store.is_shared() => return Some(file),
                Err(TryLockError::WouldBlock) if !told => {
                    told = true;
                    tracing::warn!(
                        "another karibarai works on this data folder; this one takes webhooks and stands by"
                    );
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    tracing::error!(error = %error, "the lock file cannot be locked")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(STAND_BY) => {}
                _ = stop.changed() => {}
            }
        }
        None
    }

    async fn who(&self, mut stop: watch::Receiver<bool>) -> Option<Me> {
        let mut wait = IDENTITY_WAIT;
        while !*stop.borrow() {
            match identity::resolve(&self.api, &self.store, &self.config).await {
                Ok(me) => return Some(me),
                Err(error) => {
                    let refused = self.api.token_refused() == Some(true);
                    self.metrics.trouble(Trouble::TokenRefused.as_str(), refused);
                    tracing::warn!(error = %error, "webhooks are recorded; nothing is decided before this is known")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
            wait = (wait * 2).min(Duration::from_secs(60));
        }
        None
    }

    fn driver(&self, me: Me, (send, fetch, around): (Arc<Notify>, Arc<Notify>, Arc<Notify>)) -> Driver {
        let (ledger, store) = (self.ledger.clone(), self.store.clone());
        let data_dir = &self.config.storage.data_dir;
        Driver {
            watchman: Watchman::new(
                ledger.clone(),
                store.clone(),
                Arc::clone(&self.templates),
                Arc::clone(&self.outside.clock),
                me.clone(),
            ),
            archive: Archive::new(ledger.clone(), store.clone()),
            annex: Annex::new(ledger.clone(), store.clone()),
            detector: Detector::new(
                ledger.clone(),
                store.clone(),
                Arc::clone(&self.config),
                Arc::clone(&self.rules),
                me.owners.clone(),
            ),
            casebook: Casebook {
                ledger: ledger.clone(),
                store: store.clone(),
                decider: Some(Decider {
                    config: Arc::clone(&self.config),
                    templates: Arc::clone(&self.templates),
                    clock: Arc::clone(&self.outside.clock),
                    me,
                }),
                until: None,
            },
            mirror: Mirror::new(ledger.clone(), store.clone(), data_dir),
            index: Index::new(ledger.clone(), store.clone()),
            tiles: Tiles::new(store.clone()),
            ledger,
            store,
            metrics: self.metrics.clone(),
            wake: Arc::clone(&self.wake),
            send,
            fetch,
            around,
        }
    }

    fn desk(&self, me: &Me) -> Desk {
        Desk::new(
            self.store.clone(),
            self.ledger.clone(),
            Arc::clone(&self.config),
            Arc::clone(&self.templates),
            Arc::clone(&self.outside.clock),
            me.owners.clone(),
        )
    }

    fn control(&self, desk: Desk, me: Me) -> Control {
        Control {
            api: self.api.clone(),
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.outside.clock),
            desk,
            me,
            answered: Mutex::default(),
        }
    }

    /// Looks into the control room, and rings the sender where something was answered.
    async fn listen(&self, control: &Control, send: &Notify, mut stop: watch::Receiver<bool>) {
        let every = self.config.reconcile.interval.min(CONTROL_EVERY);
        let mut failing = false;
        while !*stop.borrow() {
            let told = control.newest().await.unwrap_or_default();
            let looked = control.tick().await;
            match &looked {
                Ok(0) => {}
                Ok(_) => {
                    self.wake.notify_one();
                    send.notify_one();
                }
                // Said once, and again when it could be read in between.
                Err(error) if !failing => {
                    tracing::warn!(error = %error, "the control room could not be read")
                }
                Err(_) => {}
            }
            failing = looked.is_err();
            let mut left = every;
            while left > Duration::ZERO && !*stop.borrow() {
                let part = left.min(CONTROL_LOOK);
                tokio::select! {
                    () = tokio::time::sleep(part) => left -= part,
                    _ = stop.changed() => {}
                }
                if control.newest().await.unwrap_or_default() != told {
                    break;
                }
            }
        }
    }

    /// What is for the owner's eyes and may take a moment: what was agreed, and what stands still.
    async fn attend(
        &self,
        agreements: &Agreements,
        nudges: &Nudges,
        asks: &Asks,
        send: &Notify,
        mut stop: watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            match agreements.tick().await {
                Ok(Progress::Moved) => {
                    send.notify_one();
                    continue;
                }
                Ok(Progress::Idle) => {}
                Err(error) => tracing::error!(error = %error, "what was agreed could not be read on"),
            }
            match nudges.tick().await {
                Ok(0) => {}
                Ok(_) => send.notify_one(),
                Err(error) => tracing::error!(error = %error, "the cases could not be looked through"),
            }
            match asks.tick().await {
                Ok(0) => {}
                Ok(_) => send.notify_one(),
                Err(error) => {
                    tracing::warn!(error = %error, "the owner's tasks could not be brought up to date")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ATTEND_EVERY.min(self.config.reconcile.interval)) => {}
                _ = stop.changed() => {}
            }
        }
    }

    fn outbox(&self, me: Me) -> Outbox {
        let clock = Arc::clone(&self.outside.clock);
        Outbox {
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            api: self.api.clone(),
            templates: Arc::clone(&self.templates),
            settled_at: Mutex::new(Settled {
                at: clock.now().plus(self.config.reply.settle),
                looked: clock.now(),
            }),
            rehearsal: self.rehearsal,
            config: Arc::clone(&self.config),
            clock,
            metrics: self.metrics.clone(),
            me,
            retries: Retries::default(),
        }
    }

    async fn send(&self, outbox: &Outbox, ring: &Notify, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let rung = ring.notified();
            let wait = match outbox.tick().await {
                Ok(Some(due)) => {
                    due.since(self.outside.clock.now()).clamp(Duration::from_millis(10), SEND_POLL)
                }
                Ok(None) => SEND_POLL,
                Err(error) => {
                    tracing::error!(error = %error, "the outbox could not go on; it will try again");
                    SEND_POLL
                }
            };
            // What was recorded of a sending is for the followers to file.
            self.wake.notify_one();
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn reconcile(&self, reconciler: &Reconciler, mut stop: watch::Receiver<bool>) {
        let mut again: BTreeSet<RoomId> = BTreeSet::new();
        while !*stop.borrow() {
            again.append(&mut self.receiver.take_missed());
            let mut wait = self.config.reconcile.interval;
            match reconciler.pass(&again).await {
                Ok(passed) => {
                    // A room that alone could not be read comes again by the rota.
                    if passed.read > 0 || passed.left == 0 {
                        again.clear();
                    }
                    wait = passed.wait;
                    self.wake.notify_one();
                }
                Err(error) => tracing::warn!(error = %error, "a pass over the rooms ended early"),
            }
            let mut left = if again.is_empty() { wait } else { MISSED_WAIT };
            // A room whose delivery was answered 503 does not wait for the next ordinary pass.
            while left > Duration::ZERO
                && !*stop.borrow()
                && !(again.is_empty() && self.receiver.has_missed())
            {
                let part = left.min(MISSED_WAIT);
                tokio::select! {
                    () = tokio::time::sleep(part) => left -= part,
                    _ = stop.changed() => {}
                }
            }
        }
    }
}
