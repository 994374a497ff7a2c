//! Turns of the processes that share a database: waiting for one, and keeping it.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::store::{Store, Turn, TurnStore as _};

/// A process that is gone is followed by another after this time at most, and [`STAND_BY`].
const LEASE: Duration = Duration::from_secs(10);
/// How often the lease is taken anew.
const RENEW: Duration = Duration::from_secs(2);
/// Without an answer of the database for so long the work ends: before the lease does, so that no two work.
const SILENCE: Duration = Duration::from_secs(7);
/// What is under way when another process has taken the turn may come to its end for so long.
const WIND_DOWN: Duration = Duration::from_secs(2);
/// How often a process that stands by asks whether it may work.
const STAND_BY: Duration = Duration::from_millis(500);

/// Waits until it is this process's turn; `None` when it has to stop before.
pub(super) async fn wait(store: &Store, mut stop: watch::Receiver<bool>) -> Option<Turn> {
    let mut told = false;
    while !*stop.borrow() {
        match store.take_turn(None, LEASE).await {
            Ok(Some(turn)) => return Some(turn),
            Ok(None) if !told => {
                told = true;
                tracing::warn!(
                    "another karibarai works on this database; this one takes webhooks and stands by"
                );
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %error, "it cannot be asked whose turn it is"),
        }
        tokio::select! {
            () = tokio::time::sleep(STAND_BY) => {}
            _ = stop.changed() => {}
        }
    }
    None
}

/// Works as long as the turn is kept, and gives it back. `work` ends when its receiver turns true.
pub(super) async fn work<F>(
    store: &Store,
    turn: Turn,
    stop: watch::Receiver<bool>,
    work: impl FnOnce(watch::Receiver<bool>) -> F,
) where
    F: Future<Output = ()>,
{
    let (over, is_over) = watch::channel(false);
    let mut work = pin!(work(is_over));
    tokio::select! {
        () = &mut work => {}
        () = keep(store, turn, stop.clone(), over) => {
            if *stop.borrow() {
                work.await;
            } else {
                // Another works now. A pass over many rooms takes minutes: who waited for its end would not stand by
                // meanwhile. What is dropped is left as a kill would leave it.
                let _ = tokio::time::timeout(WIND_DOWN, work).await;
            }
        }
    }
    if let Err(error) = store.end_turn(turn).await {
        tracing::warn!(error = %error, "the turn could not be given back; its lease ends it");
    }
}

/// Keeps the turn until `stop` turns true or it is lost, and then says that it is over.
async fn keep(store: &Store, turn: Turn, mut stop: watch::Receiver<bool>, over: watch::Sender<bool>) {
    let mut heard = Instant::now();
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(RENEW) => {}
            _ = stop.changed() => continue,
        }
        let asked = Instant::now();
        let kept = tokio::time::timeout(SILENCE, store.take_turn(Some(turn), LEASE)).await;
        match kept {
            Ok(Ok(Some(_))) => heard = asked,
            Ok(Ok(None)) => {
                tracing::warn!("another karibarai has taken the turn; this one stands by");
                break;
            }
            Ok(Err(_)) | Err(_) if heard.elapsed() < SILENCE => {}
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the database was silent for too long to keep the turn");
                break;
            }
        }
    }
    let _ = over.send(true);
}
