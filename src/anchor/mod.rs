//! Carries signed heads outside: time stamps of RFC 3161 authorities, and the place where they are kept.
//!
//! A stamp shows to anybody that the ledger's first entries existed at a time, by the word of somebody who is not its owner.
//!
//! Never: signs a stamp, keeps an answer that was not checked, stops the bot when an authority is away.

mod authority;
mod shelf;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, Entropy, EntryIndex, EntryKind, Sign, Trouble, UtcMillis, hex};
use crate::ledger::{Ledger, LedgerError, Observation};
use crate::proof::checkpoint::Checkpoint;
use crate::proof::timestamp::{self, Roots, Stamp, TimestampError};
use crate::store::{CaseStore as _, Store, StoreError};

pub use authority::Authorities;
pub use shelf::{Found, Stored, arrived, path, size_of, stored};

/// After a failure an authority is asked again so much later.
const RETRY: Duration = Duration::from_secs(600);
/// An authority that refuses for so long is told to the owner …
const REFUSED: Duration = Duration::from_secs(3600);
/// … and one that cannot be reached for so long: a daily stamp was missed.
const AWAY: Duration = Duration::from_secs(24 * 3600);
/// A case that moved brings a stamp forward, but not more often than this.
const MILESTONE: Duration = Duration::from_secs(600);

/// Why no stamp was got.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    #[error("{host} cannot be reached")]
    Unreachable {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{host} answered with status {status}")]
    Status { host: String, status: u16 },
    #[error("{host} gave no usable time stamp")]
    Refused {
        host: String,
        #[source]
        source: TimestampError,
    },
    #[error("cannot keep the time stamp in {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} holds no certificate in PEM form")]
    Certificate { path: PathBuf },
}

impl AnchorError {
    /// The authority, or what is configured of it, says no; asking again will hardly mend it.
    fn is_answer(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Certificate { .. } | Self::File { .. } => true,
            Self::Status { status, .. } => (400..500).contains(status),
            Self::Store(_) | Self::Ledger(_) | Self::Client(_) | Self::Unreachable { .. } => false,
        }
    }
}

/// What `[anchor]` says.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Addresses of the authorities.
    pub urls: Vec<String>,
    /// Between two stamps of one authority.
    pub every: Duration,
}

/// Asks the authorities in turn.
pub struct Anchors<'a> {
    pub ledger: &'a Ledger,
    pub store: &'a Store,
    pub data_dir: &'a Path,
    pub entropy: &'a dyn Entropy,
    pub authorities: &'a Authorities,
    pub roots: &'a Roots,
}

/// What was got from an authority now.
#[derive(Debug)]
pub struct Anchored {
    pub size: u64,
    pub stamp: Stamp,
}

/// When each authority is due, and which of them fail; kept between two rounds.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// By the order of the plan: after a failure.
    failures: Vec<Option<Failure>>,
}

/// An authority that gave no stamp when it was asked.
#[derive(Clone, Copy, Debug)]
struct Failure {
    since: UtcMillis,
    /// Not asked before.
    retry: UtcMillis,
    /// It answered, and not with a stamp that can be used.
    refused: bool,
}

impl Schedule {
    /// Whether an authority has been failing for long; nothing where it cannot be told yet.
    pub fn sign(&self, now: UtcMillis) -> Option<Sign> {
        let failing = self.failures.iter().flatten();
        let lasting = failing.clone().filter(|it| {
            let patience = if it.refused { REFUSED } else { AWAY };
            now.since(it.since) >= patience
        });
        let longest = lasting.map(|it| now.since(it.since).as_secs()).max();
        let failing = failing.count();
        match longest {
            Some(seconds) => Some(Sign::new(Trouble::AnchorRefused, true, seconds)),
            None if failing == 0 && !self.failures.is_empty() => {
                Some(Sign::new(Trouble::AnchorRefused, false, 0))
            }
            None => None,
        }
    }
}

impl Anchors<'_> {
    /// Gets a stamp from every authority that is due; failures are told, and tried again later.
    pub async fn round(
        &self,
        plan: &Plan,
        schedule: &mut Schedule,
        now: UtcMillis,
    ) -> Result<Vec<Anchored>, AnchorError> {
        schedule.failures.resize(plan.urls.len(), None);
        let mut got = Vec::new();
        let moved = self.store.cases().await?.iter().map(|it| it.changed_n).max();
        for (url, failure) in plan.urls.iter().zip(&mut schedule.failures) {
            if failure.is_some_and(|it| now < it.retry) || !self.due(url, plan.every, moved, now)? {
                continue;
            }
            match self.stamp(url).await {
                Ok(anchored) => {
                    *failure = None;
                    got.push(anchored);
                }
                Err(error) => {
                    let since = failure.map_or(now, |it| it.since);
                    *failure = Some(Failure { since, retry: now.plus(RETRY), refused: error.is_answer() });
                    tracing::warn!(error = %chain(&error), "no time stamp; it is asked for again later");
                }
            }
        }
        Ok(got)
    }

    /// Daily, and soon after a case has moved.
    fn due(
        &self,
        url: &str,
        every: Duration,
        moved: Option<EntryIndex>,
        now: UtcMillis,
    ) -> Result<bool, AnchorError> {
        let newest = shelf::newest(self.data_dir, &authority::host(url))
            .map_err(|source| AnchorError::File { path: shelf::folder(self.data_dir), source })?;
        Ok(newest.is_none_or(|(size, at)| {
            let age = now.since(at);
            age >= every || (age >= MILESTONE && moved.is_some_and(|n| n.0 >= size))
        }))
    }

    /// Signs the present head, has it stamped, checks the answer, keeps it, and records that it was done.
    pub async fn stamp(&self, url: &str) -> Result<Anchored, AnchorError> {
        let Some(note) = self.ledger.checkpoint().await? else {
            return Err(AnchorError::Store(StoreError::Corrupt("the ledger is still empty")));
        };
        let size = Checkpoint::open(&note, self.ledger.verifier()).map_err(LedgerError::Sign)?.size;
        let host = authority::host(url);
        let imprint: Digest = Sha256::digest(note.as_bytes()).into();
        let random = self.entropy.bytes();
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&random[..16]);
        let refused = |source| AnchorError::Refused { host: host.clone(), source };
        let request = timestamp::request(&imprint, &nonce).map_err(refused)?;
        let response = self.authorities.ask(url, request).await?;
        let stamp = timestamp::check(&response, &imprint, Some(&nonce), self.roots).map_err(refused)?;
        let chain = timestamp::chain_pem(&response).map_err(refused)?;
        shelf::keep(self.data_dir, size, &host, &response, &chain)?;
        let content = serde_json::json!({
            "size": size,
            "authority": stamp.authority,
            "host": host,
            "at": stamp.at.to_string(),
            "sha256": hex(&Sha256::digest(&response)),
        });
        self.ledger.append_one(Observation::system(EntryKind::CheckpointAnchored, &content)).await?;
        Ok(Anchored { size, stamp })
    }
}

/// An error with what lies behind it, on one line.
fn chain(error: &AnchorError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        text = format!("{text}: {it}");
        source = it.source();
    }
    text
}

/// The public roots, and the certificates of these files.
pub fn roots(files: &[PathBuf]) -> Result<Roots, AnchorError> {
    files.iter().try_fold(Roots::public(), |roots, path| {
        let pem = std::fs::read(path).map_err(|source| AnchorError::File { path: path.clone(), source })?;
        roots.with_pem(&pem).ok_or_else(|| AnchorError::Certificate { path: path.clone() })
    })
}
