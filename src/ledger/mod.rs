//! Observation → entry bytes → durable append; ordered reads, checkpoints, verification of the live ledger.
//!
//! Never: parses what Chatwork sent, derives anything, talks to a network.

mod checkpoints;
mod continued;
mod erasure;
mod keys;
mod observation;
mod proofs;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::{Clock, Entropy, EntryIndex, UtcMillis};
use crate::proof::bundle::{Manifest, ManifestError};
use crate::proof::checkpoint::{self, Checkpoint, CheckpointError};
use crate::proof::note::{self, NoteError, Signer, Verifier};
use crate::store::{Appended, Head, LedgerStore, Record, Store, StoreError};

pub use continued::{Continued, LEDGERS, RESTORED, Why, continue_ledger};
pub use erasure::{Earlier, Erasure, Kept, MAX_ENTRIES, Reason, ReasonKind};
pub use observation::{Identity, Observation};
pub use proofs::proof_of;
pub use source::{Heads, StoreSource, heads, past_heads};

/// Why the ledger cannot be opened or added to.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot use {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error(transparent)]
    Sign(#[from] CheckpointError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{path} is not a key file of karibarai")]
    Key { path: PathBuf },
    #[error(
        "the key in {path} is not the one that began this ledger: put the right one back, or the right database"
    )]
    WrongKey { path: PathBuf },
    #[error(
        "the key {path} is missing, though the ledger is there: put it back; if it is lost, `karibarai restore --new-key` \
         continues the ledger under a new one, and everything recorded stays"
    )]
    NoKey { path: PathBuf },
    #[error(
        "a package of that ledger is signed with its key, and {path} is missing: put it there (as it lay in `keys/`), or hand \
         on the backup itself, which anybody can verify"
    )]
    PastKey { path: PathBuf },
    #[error("{path} is not a checkpoint of this ledger")]
    Checkpoint { path: PathBuf },
    /// The database is older than what was signed: a copy was put back, or the file was lost.
    #[error(
        "the database holds {found} entries, but {path} was signed over {signed}: an older copy was put back by hand, or the \
         end was lost; put the newer database back, or use a backup: `karibarai restore FILE`"
    )]
    RolledBack { found: u64, signed: u64, path: PathBuf },
    #[error("the first {signed} entries of the database are not those that {path} was signed over")]
    Forked { signed: u64, path: PathBuf },
}

/// The secret key under the data folder.
pub const KEY: &str = "keys/ledger.key";
/// The public key under the data folder, as a C2SP note verifier key.
const PUBLIC_KEY: &str = "keys/ledger.pub";

/// The public key that checks the ledger's checkpoints; `None` where the folder holds none.
pub fn verifier(data_dir: &Path) -> Result<Option<Verifier>, LedgerError> {
    keys::published(&data_dir.join(PUBLIC_KEY))
}

/// The file holds the secret key that began this ledger.
pub fn is_key_of(path: &Path, ledger_id: &str) -> bool {
    let key = keys::read(path).ok().flatten();
    key.is_some_and(|it| checkpoint::ledger_id(&note::public_key(&it)) == ledger_id)
}

/// The ledger of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    digests: Arc<observation::Digests>,
    signer: Arc<Signer>,
    origin: Arc<str>,
    checkpoints: PathBuf,
}

impl Ledger {
    /// Opens the ledger in `store`, founding it where there is none, and refuses a database that is older than, or
    /// another than, the newest head kept outside it (`data_dir/checkpoints`).
    pub async fn open(
        store: Store,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LedgerError> {
        let key_path = data_dir.join(KEY);
        let checkpoints = data_dir.join("checkpoints");
        let head = store.head().await?;
        let seed = match (&head, keys::read(&key_path)?) {
            (_, Some(seed)) => seed,
            (None, None) => keys::create(&key_path, &*entropy)?,
            (Some(_), None) => return Err(LedgerError::NoKey { path: key_path }),
        };
        let id = checkpoint::ledger_id(&note::public_key(&seed));
        let origin = checkpoint::origin(&id);
        let signer = Signer::from_seed(&origin, &seed)?;
        match &head {
            Some(head) if head.ledger_id != id => return Err(LedgerError::WrongKey { path: key_path }),
            _ => {}
        }
        checkpoints::check_outside(&store, &checkpoints, &origin, signer.verifier(), head.as_ref()).await?;
        // A change waits for others: a start of a ledger that is there makes none.
        if head.is_none() {
            store.found(id).await?;
        }
        keys::publish(&data_dir.join(PUBLIC_KEY), signer.verifier())?;
        let key_path = data_dir.join("keys/observation.key");
        let observation_key = match keys::read(&key_path)? {
            Some(key) => key,
            None => keys::create(&key_path, &*entropy)?,
        };
        Ok(Self {
            store,
            clock,
            entropy,
            digests: Arc::new(observation::Digests::new(&observation_key)),
            signer: Arc::new(signer),
            origin: origin.into(),
            checkpoints,
        })
    }

    /// A view for reading alone, over a copy: its key is of the moment, so nothing appended through it would count.
    pub fn read_only(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LedgerError> {
        let seed = entropy.bytes();
        let origin = checkpoint::origin(&checkpoint::ledger_id(&note::public_key(&seed)));
        Ok(Self {
            store,
            clock,
            digests: Arc::new(observation::Digests::new(&entropy.bytes())),
            signer: Arc::new(Signer::from_seed(&origin, &seed)?),
            entropy,
            origin: origin.into(),
            checkpoints: PathBuf::new(),
        })
    }

    /// The same store with the key of a ledger that has ended: to sign what is said of that one, and never a head.
    pub fn of_past(&self, data_dir: &Path, id: &str) -> Result<Self, LedgerError> {
        let path = data_dir.join(LEDGERS).join(id).join("ledger.key");
        let seed = keys::read(&path)?.ok_or(LedgerError::PastKey { path: path.clone() })?;
        if checkpoint::ledger_id(&note::public_key(&seed)) != id {
            return Err(LedgerError::WrongKey { path });
        }
        let origin = checkpoint::origin(id);
        let signer = Arc::new(Signer::from_seed(&origin, &seed)?);
        Ok(Self { signer, origin: origin.into(), ..self.clone() })
    }

    /// Durable when it returns. One result for each observation, in order; known ones make no entry.
    pub async fn append(&self, observations: Vec<Observation>) -> Result<Vec<Appended>, StoreError> {
        let now = self.clock.now();
        let entries =
            observations.into_iter().map(|it| self.digests.entry(it, now, self.entropy.bytes())).collect();
        self.store.append(entries).await
    }

    /// [`Ledger::append`] of a single observation.
    pub async fn append_one(&self, observation: Observation) -> Result<Appended, StoreError> {
        let mut appended = self.append(vec![observation]).await?;
        appended.pop().ok_or(StoreError::Closed)
    }

    /// Where an observation with this `once` text stands, if it was appended before.
    pub async fn find_once(&self, once: &str) -> Result<Option<EntryIndex>, StoreError> {
        self.store.once(self.digests.once(once.as_bytes())).await
    }

    /// Records from `from` on, oldest first.
    pub async fn records(&self, from: EntryIndex, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.store.records(from, limit).await
    }

    pub async fn head(&self) -> Result<Head, StoreError> {
        self.store.head().await?.ok_or(StoreError::Corrupt("the ledger was not founded"))
    }

    /// Signs the present size, keeps the note in the database and outside it, and returns it. An empty ledger has none.
    pub async fn checkpoint(&self) -> Result<Option<String>, LedgerError> {
        let head = self.head().await?;
        let size = head.frontier.size();
        if size == 0 {
            return Ok(None);
        }
        let checkpoint = Checkpoint { origin: self.origin.to_string(), size, root: head.frontier.root() };
        let note = checkpoint.sign(&self.signer)?;
        self.store.put_checkpoint(size, note.clone()).await?;
        checkpoints::keep_outside(&self.checkpoints, &note, self.clock.now())?;
        Ok(Some(note))
    }

    /// The note that signs a package's manifest: another kind of statement than a checkpoint, and never taken for one.
    pub fn sign_manifest(&self, manifest: &[u8]) -> Result<String, LedgerError> {
        Ok(Manifest::sign(manifest, &self.signer)?)
    }

    /// What checks this ledger's signatures.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// `karibarai/<ledger id>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn now(&self) -> UtcMillis {
        self.clock.now()
    }
}
