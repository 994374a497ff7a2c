//! This machine's clock beside Chatwork's: every time in the record is only as good as it.

use std::time::Duration;

use crate::domain::EntryKind;
use crate::ledger::Observation;
use crate::store::{LedgerStore as _, Store, StoreResult};

use super::{ReconcileError, Reconciler};

/// Off by more than this is said. Chatwork's own time comes in whole seconds, and an answer takes a while.
const OFF: Duration = Duration::from_secs(60);
/// Within this it is right again.
const RIGHT: Duration = Duration::from_secs(10);
/// Name of the fact that says whether the last word was "off", over restarts.
const SAID: &str = "clock_off";

/// The last comparison found this machine's clock off.
pub async fn clock_off(store: &Store) -> StoreResult<bool> {
    Ok(store.fact(SAID).await?.is_some_and(|it| it == 1))
}

impl Reconciler {
    /// Says once that the clock is off, and once that it is right again.
    pub(super) async fn compare_clocks(&self) -> Result<(), ReconcileError> {
        let Some(ahead) = self.api.clock_ahead() else { return Ok(()) };
        let said = clock_off(&self.store).await?;
        let apart = Duration::from_millis(ahead.unsigned_abs());
        let off = if said { apart > RIGHT } else { apart > OFF };
        if off == said {
            return Ok(());
        }
        let content = serde_json::json!({ "ahead_ms": ahead, "off": off });
        self.ledger.append_one(Observation::system(EntryKind::ClockCompared, &content)).await?;
        self.store.put_fact(SAID, u64::from(off)).await?;
        tracing::warn!(ahead_seconds = ahead / 1000, off, "this machine's clock and Chatwork's");
        Ok(())
    }
}
