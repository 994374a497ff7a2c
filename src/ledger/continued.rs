//! The step from a ledger to the one that continues it: a new key, a new id, and an entry 0 that commits to the old head.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Clock, Entropy, EntryIndex, EntryKind, UtcMillis, hex};
use crate::proof::checkpoint;
use crate::proof::note;
use crate::store::{ArchiveStore as _, ContinueStore as _, LedgerStore as _, Store, StoreError, Takeover};

use super::{KEY, Ledger, LedgerError, Observation, PUBLIC_KEY, checkpoints, keys};

/// Where the ledgers before the present one have what was kept outside the database: `ledgers/<id>/` under the data folder.
pub const LEDGERS: &str = "ledgers";
/// The kind of hole between a copy and its restoration.
pub const RESTORED: &str = "restored";

/// Why a ledger is continued by another.
#[derive(Clone, Debug)]
pub enum Why {
    /// A copy was put back; its SHA-256.
    Restore { backup: String },
    /// The key was lost, or given up.
    NewKey,
}

/// Content of `ledger.continued`, which is always entry 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Continued {
    /// The ledger that ended, its size and its root: what this one commits to.
    pub ledger: String,
    pub size: u64,
    pub root: String,
    /// Its newest signed head that is at hand; its last entries may be behind it.
    pub checkpoint: Option<String>,
    /// Its public key.
    pub key: String,
    /// Entries of all ledgers before.
    pub base: u64,
    /// `restore` or `new_key`.
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Until when it had recorded.
    pub until: Option<String>,
}

/// Ends the ledger in `store` and begins the next one. What lies outside the database for the
/// old one moves to `ledgers/<its id>/`, its secret key with it: packages of that ledger are signed with it, heads never again.
/// Not to be called where it could be cut off half-way and be used.
pub async fn continue_ledger(
    store: Store,
    data_dir: &Path,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    why: &Why,
) -> Result<Ledger, LedgerError> {
    let head = store.head().await?.ok_or(StoreError::Corrupt("there is no ledger to continue"))?;
    let last = match head.end().checked_sub(1) {
        Some(last) => store.records(EntryIndex(last), 1).await?.pop(),
        None => None,
    };
    let until = last.and_then(|it| it.entry().ok()).map(|it| it.observed_at);
    let old_key = keys::published(&data_dir.join(PUBLIC_KEY))?.map(|it| it.to_string()).unwrap_or_default();
    let newest = store.checkpoints().await?.pop().map(|(_, note)| note);
    let rooms = store.rooms().await?;

    let aside = data_dir.join(LEDGERS).join(&head.ledger_id);
    set_aside(data_dir, &aside).map_err(|source| LedgerError::File { path: aside.clone(), source })?;
    let key = keys::create(&data_dir.join(KEY), &*entropy)?;
    let ledger_id = checkpoint::ledger_id(&note::public_key(&key));
    let from_copy = matches!(why, Why::Restore { .. });
    store.continue_as(Takeover { ledger_id, old_key: old_key.clone(), from_copy }).await?;
    let ledger = Ledger::open(store, data_dir, Arc::clone(&clock), entropy).await?;

    let (reason, backup) = match why {
        Why::Restore { backup } => ("restore", Some(backup.clone())),
        Why::NewKey => ("new_key", None),
    };
    let continued = Continued {
        ledger: head.ledger_id.clone(),
        size: head.frontier.size(),
        root: hex(&head.frontier.root()),
        checkpoint: newest,
        key: old_key,
        base: head.end(),
        reason: reason.to_owned(),
        backup,
        until: until.map(|it| it.to_string()),
    };
    let content = serde_json::to_value(&continued).map_err(|_| StoreError::Corrupt("a continuation"))?;
    let mut entries = vec![Observation::system(EntryKind::LedgerContinued, &content)];
    let now = clock.now();
    if let (true, Some(until)) = (from_copy, until) {
        entries.extend(rooms.iter().map(|it| gap(until, now).about(it.room, None)));
    }
    ledger.append(entries).await?;
    ledger.checkpoint().await?;
    Ok(ledger)
}

fn gap(from: UtcMillis, to: UtcMillis) -> Observation {
    let content = serde_json::json!({
        "kind": RESTORED,
        "from": from.to_string(),
        "to": to.to_string(),
        "causes": [RESTORED],
    });
    Observation::system(EntryKind::GapFound, &content)
}

/// Heads and time stamps are over the old ledger: by their sizes nobody could tell them from those of the new one.
fn set_aside(data_dir: &Path, aside: &Path) -> io::Result<()> {
    fs::create_dir_all(aside)?;
    for (from, name) in [
        ("checkpoints", "checkpoints"),
        ("anchors", "anchors"),
        (PUBLIC_KEY, "ledger.pub"),
        (KEY, "ledger.key"),
    ] {
        match fs::rename(data_dir.join(from), aside.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    checkpoints::sync_folder(&aside.join("x"))?;
    checkpoints::sync_folder(aside)
}
