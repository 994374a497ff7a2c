//! The record: intact, confirmed from outside, and whether webhooks still come.

use crate::anchor;
use crate::config::Config;
use crate::domain::UtcMillis;
use crate::store::Store;
use crate::upkeep;

use super::Finding;
use super::silence::Silence;

/// A stamp is due daily; a week without one is worth a word.
const STALE_DAYS: u64 = 7;
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(super) async fn examine(config: &Config, store: &Store, now: UtcMillis, found: &mut Vec<Finding>) {
    match upkeep::check(store, &config.storage.data_dir, None).await {
        Ok(checked) if checked.intact() => found.push(Finding::RecordGood(checked.report.size)),
        Ok(_) => found.push(Finding::RecordDamaged),
        Err(upkeep::CheckError::Empty) => found.push(Finding::NoRecordYet),
        Err(_) => found.push(Finding::RecordUnreadable),
    }
    found.push(match anchor::arrived(&config.storage.data_dir) {
        Some(at) => {
            let days = u64::try_from((now.0 - at.0) / DAY).unwrap_or(0);
            if days > STALE_DAYS { Finding::AnchorStale(days) } else { Finding::AnchorGood(days) }
        }
        None => Finding::AnchorNone,
    });
    if !config.chatwork.webhook_tokens.is_empty() {
        let mut silence = Silence::default();
        if silence.listen(store).await.is_ok() {
            let silent =
                silence.rooms().filter_map(|(room, missed)| Some((room, missed.filter(|it| *it > 0)?)));
            found.extend(silent.map(|(room, missed)| Finding::WebhookSilent(room, missed)));
        }
    }
}
