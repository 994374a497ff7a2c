//! The loop that looks for what keeps the bot from its work, and has the owner told.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::doctor::{self, Foreign, Silence};
use crate::domain::{Clock, RoomId, Sign, Trouble};
use crate::follow::{FollowError, Troubles};
use crate::metrics::Metrics;
use crate::reconcile;
use crate::reply::outbox::{Flow, Outbox};
use crate::store::{LedgerStore as _, Store};

use super::objects;
use super::work::Workshop;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Name of the fact that is written to see whether writing works again.
const WRITTEN: &str = "written_at";

impl Workshop {
    pub(super) async fn trouble(
        &self,
        outbox: &Outbox,
        control_room: Option<RoomId>,
        send: &Notify,
        mut stop: watch::Receiver<bool>,
    ) {
        let clock = &self.outside.clock;
        let troubles = Troubles::new(
            self.ledger.clone(),
            self.store.clone(),
            self.templates.clone(),
            clock.clone(),
            control_room,
        );
        let mut foreign = Foreign::since(clock.now());
        let mut silence = Silence::default();
        while !*stop.borrow() {
            try_to_write(&self.metrics, &self.store, &**clock).await;
            match self.look(outbox, &mut foreign, &mut silence, &troubles).await {
                Ok(0) => {}
                Ok(_) => send.notify_one(),
                Err(error) => tracing::error!(error = %error, "what troubles the bot could not be recorded"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY.min(self.config.reconcile.interval)) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn look(
        &self,
        outbox: &Outbox,
        foreign: &mut Foreign,
        silence: &mut Silence,
        troubles: &Troubles,
    ) -> Result<usize, FollowError> {
        let now = self.outside.clock.now();
        let mut signs = doctor::disk(&self.config);
        signs.extend(self.api.token_refused().map(|refused| Sign::new(Trouble::TokenRefused, refused, 0)));
        signs.extend(foreign.look(self.metrics.mismatches(), now));
        signs.extend(match outbox.retries.flow(now) {
            Flow::Free => Some(Sign::new(Trouble::OutboxStuck, false, 0)),
            Flow::Halting => None,
            Flow::Stuck(rows) => Some(Sign::new(Trouble::OutboxStuck, true, rows as u64)),
        });
        signs.extend(self.stamps.lock().unwrap_or_else(PoisonError::into_inner).sign(now));
        signs.extend(objects::sign(*self.copying.lock().unwrap_or_else(PoisonError::into_inner), now));
        if self.receiver.expects_any() {
            silence.listen(&self.store).await?;
            for (room, missed) in silence.rooms() {
                troubles.recall(Trouble::WebhookSilent, room).await?;
                signs.extend(missed.map(|missed| {
                    let sign = Sign::new(Trouble::WebhookSilent, missed > 0, missed as u64);
                    Sign { room: Some(room), ..sign }
                }));
            }
        }
        let told = troubles.tick(&signs).await;
        let standing = troubles.standing();
        for trouble in Trouble::ALL {
            let stands = match trouble {
                Trouble::ClockOff => reconcile::clock_off(&self.store).await?,
                other => standing.contains(other),
            };
            self.metrics.trouble(trouble.as_str(), stands);
        }
        told
    }
}

/// After a delivery that could not be made durable: whoever asks is told that it can be done again as soon as it can.
pub(super) async fn try_to_write(metrics: &Metrics, store: &Store, clock: &dyn Clock) {
    if metrics.is_unwritable() {
        let now = u64::try_from(clock.now().0).unwrap_or(0);
        if store.put_fact(WRITTEN, now).await.is_ok() {
            metrics.unwritable(false);
        }
    }
}
