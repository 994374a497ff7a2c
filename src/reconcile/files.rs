//! Files: what a message shows is fetched while its link lives, bounded, stored by hash, and told either way.

mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::chatwork::api::{Api, DownloadError, Downloads, Error as ApiError};
use crate::chatwork::wire::File;
use crate::config::{Config, MirrorRooms};
use crate::domain::{Clock, RoomId, UtcMillis};
use crate::files::{Shelf, Shelved};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{AnnexStore, FileWork, Store, StoreError};

use super::ReconcileError;

use self::told::{lost, stored, stored_key};

/// Calls of [`Fetcher::tick`] that should run side by side: a slow file must not keep the others from being fetched at once.
pub const AT_A_TIME: usize = 6;
/// From the link to the last byte, however slowly they come.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Calls of the present window that are left to the sender and to the reading of rooms.
const RESERVE: u64 = 40;
/// The same, for files that were shown longer ago than this many entries: they have waited already.
const RESERVE_OF_OLD: u64 = 150;
const NEW: u64 = 500;
/// Waits before the second, third … attempt; after the last one a file is given up.
const AGAIN: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
    Duration::from_secs(3 * 24 * 60 * 60),
];
/// What need not be looked at again, but for a change of the configuration or a restart after one.
const MUCH_LATER: Duration = Duration::from_secs(60 * 60);

/// Fetches the files that the ledger shows.
pub struct Fetcher {
    api: Api,
    downloads: Downloads,
    ledger: Ledger,
    store: Store,
    shelf: Shelf,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// What calls are at, and the bytes that each of them will take.
    taken: Mutex<BTreeMap<Key, u64>>,
}

type Key = (RoomId, u64);

/// What a call of [`Fetcher::tick`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    Tried,
    /// Nothing is due before then; `None`: nothing waits.
    Wait(Option<UtcMillis>),
}

/// Why an attempt brought no file.
enum Miss {
    /// Nothing was wrong with the file: the account has to wait, or its owner to act.
    Wait(UtcMillis),
    Lost(Reason, Option<Box<File>>),
    Store(StoreError),
}

impl From<StoreError> for Miss {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a file is lost, in the words of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// Larger than `[mirror] max_file_mb`, as announced or as it came.
    TooLarge,
    /// Beyond `[storage] files_quota_mb`.
    Quota,
    /// Chatwork knows no such file, or does not show it to this account.
    Gone,
    /// Chatwork's plan hides it.
    Hidden,
    /// The link was refused.
    LinkRefused,
    Unreachable,
    /// An answer that is not as documented.
    UnusableAnswer,
    NotHttps,
    NotPublic,
    Redirects,
    /// Other than announced, more than once and not twice the same.
    SizeDiffers,
    /// It could not be written here.
    Disk,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Quota => "quota",
            Self::Gone => "gone",
            Self::Hidden => "hidden",
            Self::LinkRefused => "link_refused",
            Self::Unreachable => "unreachable",
            Self::UnusableAnswer => "unusable_answer",
            Self::NotHttps => "not_https",
            Self::NotPublic => "not_public",
            Self::Redirects => "redirects",
            Self::SizeDiffers => "size_differs",
            Self::Disk => "disk",
        }
    }

    /// How many attempts can help.
    fn attempts(self) -> usize {
        match self {
            Self::TooLarge => 1,
            // Chatwork may show a message before its file.
            Self::Gone | Self::NotHttps | Self::NotPublic | Self::Redirects => 3,
            Self::Quota
            | Self::Hidden
            | Self::LinkRefused
            | Self::Unreachable
            | Self::UnusableAnswer
            | Self::SizeDiffers
            | Self::Disk => AGAIN.len() + 1,
        }
    }
}

impl Fetcher {
    pub fn new(
        api: Api,
        downloads: Downloads,
        ledger: Ledger,
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let shelf = Shelf::new(&config.storage.data_dir);
        Self { api, downloads, ledger, store, shelf, config, clock, metrics, taken: Mutex::default() }
    }

    /// Removes what a crash left half written; only before the first [`Fetcher::tick`].
    pub fn begin(&self) -> std::io::Result<()> {
        self.shelf.sweep()
    }

    /// Tries one file that is due and that no other call is at. Several calls may run side by side.
    pub async fn tick(&self) -> Result<Fetched, ReconcileError> {
        let now = self.clock.now();
        let limits = self.api.limits().filter(|it| it.reset > now);
        if let Some(limits) = limits.filter(|it| it.remaining <= RESERVE) {
            return Ok(Fetched::Wait(Some(limits.reset)));
        }
        let mut due = self.store.files_due(now, AT_A_TIME + 1).await?;
        if let Some(limits) = limits.filter(|it| it.remaining <= RESERVE_OF_OLD) {
            let size = self.ledger.head().await?.end();
            due.retain(|it| it.file.shown_n.0.saturating_add(NEW) > size);
            if due.is_empty() {
                return Ok(Fetched::Wait(Some(limits.reset)));
            }
        }
        let Some(work) = due.into_iter().find(|it| self.take(key(it))) else {
            return Ok(Fetched::Wait(self.store.next_file().await?));
        };
        let taken = key(&work);
        let result = self.still_due(work).await;
        self.taken().remove(&taken);
        result?;
        Ok(Fetched::Tried)
    }

    /// The list may be older than an attempt that another call has just ended, so who has the file asks once more.
    async fn still_due(&self, work: FileWork) -> Result<(), StoreError> {
        let due = self.store.files_due(self.clock.now(), AT_A_TIME + 1).await?;
        match due.into_iter().find(|it| key(it) == key(&work)) {
            Some(work) => self.one(work).await,
            None => Ok(()),
        }
    }

    fn take(&self, key: Key) -> bool {
        let mut taken = self.taken();
        let free = !taken.contains_key(&key);
        if free {
            taken.insert(key, 0);
        }
        free
    }

    /// Room for a file beside what is stored and what other calls are at; `None` where it would be too much.
    fn reserve(&self, key: Key, size: u64, stored: u64) -> Option<u64> {
        let mut taken = self.taken();
        let others: u64 = taken.iter().filter(|(it, _)| **it != key).map(|(_, size)| size).sum();
        let left = self.config.storage.files_quota.saturating_sub(stored).saturating_sub(others);
        taken.insert(key, size);
        (size <= left).then_some(left)
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Key, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn one(&self, work: FileWork) -> Result<(), StoreError> {
        let (room, file) = (work.file.room, work.file.file);
        let now = self.clock.now();
        let known = self.ledger.find_once(&stored_key(room, file)).await?.is_some();
        // Known: stored, and either not yet filed or erased since. An unlisted room is not read.
        if known || !self.watched(room) {
            return self.store.file_tried(room, file, work.attempts, now.plus(MUCH_LATER)).await;
        }
        let attempts = work.attempts + 1;
        let again = AGAIN.get(work.attempts as usize).or(AGAIN.last()).copied().unwrap_or(MUCH_LATER);
        // Before the call: what brings the program down is not tried again at once.
        self.store.file_tried(room, file, attempts, now.plus(again)).await?;
        match self.attempt(&work).await {
            Ok((told, shelved)) => {
                self.metrics.file_tried("stored");
                self.ledger.append_one(stored(&work, &told, &shelved)).await?;
                self.store.file_tried(room, file, attempts, now.plus(MUCH_LATER)).await
            }
            Err(Miss::Wait(until)) => self.store.file_tried(room, file, work.attempts, until).await,
            Err(Miss::Lost(reason, told)) => {
                self.metrics.file_tried(reason.as_str());
                let last = attempts as usize >= reason.attempts();
                self.ledger.append_one(lost(&work, reason, told.as_deref(), attempts, last)).await?;
                Ok(())
            }
            Err(Miss::Store(error)) => Err(error),
        }
    }

    async fn attempt(&self, work: &FileWork) -> Result<(File, Shelved), Miss> {
        let now = self.clock.now();
        let link = match self.api.file_download_url(work.file.room, work.file.file).await {
            Ok(link) => link,
            Err(error) => {
                self.metrics.api_failed(error.kind());
                return Err(match error {
                    ApiError::RateLimited { until } => Miss::Wait(until),
                    ApiError::Unauthorized => Miss::Wait(now.plus(MUCH_LATER)),
                    ApiError::NoAccess { limited: true, .. } => Miss::Lost(Reason::Hidden, None),
                    ApiError::NoAccess { .. } | ApiError::Rejected { .. } => Miss::Lost(Reason::Gone, None),
                    ApiError::Unreachable(_) => Miss::Lost(Reason::Unreachable, None),
                    ApiError::Answer(_) | ApiError::MaybeSent(_) => Miss::Lost(Reason::UnusableAnswer, None),
                });
            }
        };
        let told = link.file;
        let lost = |reason| Miss::Lost(reason, Some(Box::new(told.clone())));
        if told.filesize > self.config.mirror.max_file {
            return Err(lost(Reason::TooLarge));
        }
        let stored = self.store.stored_bytes().await?;
        let Some(room_left) = self.reserve(key(work), told.filesize, stored) else {
            return Err(lost(Reason::Quota));
        };
        let max = self.config.mirror.max_file.min(room_left);
        let fetched = tokio::time::timeout(
            LONGEST,
            self.download(secrecy::ExposeSecret::expose_secret(&link.url), max),
        );
        let shelved = match fetched.await {
            Ok(Ok(shelved)) => shelved,
            Ok(Err(reason)) => return Err(lost(reason)),
            Err(_) => return Err(lost(Reason::Unreachable)),
        };
        // The announced size may be wrong, or the content cut short: the same again is taken for what it is.
        if shelved.size != told.filesize && work.attempts < 2 {
            return Err(lost(Reason::SizeDiffers));
        }
        Ok((told, shelved))
    }

    async fn download(&self, link: &str, max: u64) -> Result<Shelved, Reason> {
        let mut download = self.downloads.open(link).await.map_err(reason)?;
        if download.declared().is_some_and(|it| it > max) {
            return Err(Reason::TooLarge);
        }
        let disk = |_| Reason::Disk;
        let mut incoming = self.shelf.begin().map_err(disk)?;
        while let Some(part) = download.chunk().await.map_err(reason)? {
            if incoming.size() + part.len() as u64 > max {
                return Err(Reason::TooLarge);
            }
            // Into the system's memory; what waits for the disk is the end.
            incoming.write(&part).map_err(disk)?;
        }
        let shelf = self.shelf.clone();
        let finished = tokio::task::spawn_blocking(move || incoming.finish(&shelf)).await;
        finished.map_err(|_| Reason::Disk)?.map_err(disk)
    }

    fn watched(&self, room: RoomId) -> bool {
        self.config.mirror.rooms == MirrorRooms::All || self.config.room(room).is_some()
    }
}

fn reason(error: DownloadError) -> Reason {
    match error {
        DownloadError::NotHttps => Reason::NotHttps,
        DownloadError::NotPublic => Reason::NotPublic,
        DownloadError::Redirects => Reason::Redirects,
        DownloadError::Status(500..) => Reason::Unreachable,
        DownloadError::Status(_) => Reason::LinkRefused,
        DownloadError::Unreachable(_) => Reason::Unreachable,
    }
}

fn key(work: &FileWork) -> Key {
    (work.file.room, work.file.file)
}
