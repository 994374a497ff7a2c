//! What may be wrong with this installation: token, rooms, clock, ways in, folder and disk, record, anchors.
//!
//! Never: changes anything, posts, appends; words what it found (the command line does), repeats what people wrote.

mod machine;
mod platform;
mod record;
mod running;
mod signs;
mod silence;

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::chatwork::api::Api;
use crate::config::{Config, StorageUrl};
use crate::domain::{Clock, RoomId, Trouble};
use crate::store::{PostgresPlace, Store};

pub use running::running;
pub use signs::{Foreign, disk};
pub use silence::Silence;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Fine,
    /// It works, and something deserves a look.
    Notice,
    /// Something that the bot is there for does not work.
    Fault,
}

/// One result of one check. Numbers alone, so that the words may be in either language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    TokenMissing,
    TokenGood,
    TokenRefused,
    /// The webhook token stands where the API token belongs, or the reverse.
    TokenLooksLikeWebhook,
    PlatformUnreachable,
    PlatformBusy,
    /// More rooms than are looked at in one run were left out.
    RoomsLeftOut(usize),
    NoRooms,
    RoomGood(RoomId),
    /// The token's account is not in the room, or the number is of another room.
    RoomAbsent(RoomId),
    /// The bot may read but not write, though its mode there is to post.
    RoomReadOnly(RoomId),
    /// So many of the room's `clients` are not among its members.
    ClientsAbsent(RoomId, usize),
    ClockGood,
    /// Seconds ahead of Chatwork (negative: behind).
    ClockOff(i64),
    PollingAlone,
    /// `public_url` is set and no webhook token is.
    WebhookTokenMissing,
    WebhookReached,
    /// Nothing answers there, or not over this address.
    WebhookUnreachable,
    /// Something else than this program answers there, with this status.
    WebhookForeign(u16),
    /// The rooms show newer messages than webhooks brought: so many since the last delivery.
    WebhookSilent(RoomId, usize),
    Listening,
    PortFree,
    /// Another program holds it.
    PortTaken(u16),
    FolderGood,
    /// Who else may read it cannot be told on this system.
    FolderWritable,
    FolderMissing,
    FolderReadOnly,
    /// Others on this machine can read so many of the private files.
    FilesOpen(usize),
    /// MiB that are left.
    DiskGood(u64),
    DiskLow(u64),
    DiskFull(u64),
    /// `serve` says that it records and evaluates.
    ServeReady,
    /// It says that it does not, in this word.
    ServeNotReady(&'static str),
    /// Nothing of ours answers at the two listeners.
    ServeSilent,
    /// It works, and something keeps it from a part of its work.
    ServeTroubled(Trouble),
    NoRecordYet,
    /// Entries.
    RecordGood(u64),
    RecordDamaged,
    RecordUnreadable,
    /// Days since the newest time stamp from outside.
    AnchorGood(u64),
    AnchorStale(u64),
    AnchorNone,
}

impl Finding {
    pub fn severity(&self) -> Severity {
        match self {
            Self::TokenGood
            | Self::RoomGood(_)
            | Self::ClockGood
            | Self::PollingAlone
            | Self::WebhookReached
            | Self::Listening
            | Self::PortFree
            | Self::FolderGood
            | Self::FolderWritable
            | Self::DiskGood(_)
            | Self::RecordGood(_)
            | Self::AnchorGood(_)
            | Self::RoomsLeftOut(_)
            | Self::FolderMissing
            | Self::ServeReady
            | Self::NoRecordYet => Severity::Fine,
            Self::PlatformBusy
            | Self::NoRooms
            | Self::ClientsAbsent(..)
            | Self::FilesOpen(_)
            | Self::DiskLow(_)
            | Self::AnchorStale(_)
            | Self::ServeTroubled(_)
            | Self::AnchorNone => Severity::Notice,
            Self::TokenMissing
            | Self::TokenRefused
            | Self::TokenLooksLikeWebhook
            | Self::PlatformUnreachable
            | Self::RoomAbsent(_)
            | Self::RoomReadOnly(_)
            | Self::ClockOff(_)
            | Self::WebhookTokenMissing
            | Self::WebhookUnreachable
            | Self::WebhookForeign(_)
            | Self::WebhookSilent(..)
            | Self::PortTaken(_)
            | Self::FolderReadOnly
            | Self::DiskFull(_)
            | Self::ServeNotReady(_)
            | Self::ServeSilent
            | Self::RecordDamaged
            | Self::RecordUnreadable => Severity::Fault,
        }
    }

    /// The check that it belongs to, for machines.
    pub fn check(&self) -> &'static str {
        match self {
            Self::TokenMissing
            | Self::TokenGood
            | Self::TokenRefused
            | Self::TokenLooksLikeWebhook
            | Self::PlatformUnreachable
            | Self::PlatformBusy => "token",
            Self::RoomsLeftOut(_)
            | Self::NoRooms
            | Self::RoomGood(_)
            | Self::RoomAbsent(_)
            | Self::RoomReadOnly(_)
            | Self::ClientsAbsent(..) => "rooms",
            Self::ClockGood | Self::ClockOff(_) => "clock",
            Self::PollingAlone
            | Self::WebhookTokenMissing
            | Self::WebhookReached
            | Self::WebhookUnreachable
            | Self::WebhookForeign(_)
            | Self::WebhookSilent(..) => "webhook",
            Self::Listening | Self::PortFree | Self::PortTaken(_) => "port",
            Self::ServeReady | Self::ServeNotReady(_) | Self::ServeSilent | Self::ServeTroubled(_) => "serve",
            Self::FolderWritable
            | Self::FolderGood
            | Self::FolderMissing
            | Self::FolderReadOnly
            | Self::FilesOpen(_) => "folder",
            Self::DiskGood(_) | Self::DiskLow(_) | Self::DiskFull(_) => "disk",
            Self::NoRecordYet | Self::RecordGood(_) | Self::RecordDamaged | Self::RecordUnreadable => {
                "ledger"
            }
            Self::AnchorGood(_) | Self::AnchorStale(_) | Self::AnchorNone => "anchor",
        }
    }
}

/// All checks, in the order in which one would mend what they find.
pub async fn examine(config: &Config, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let mut found = Vec::new();
    machine::folder(config, &mut found);
    machine::room_on_disk(config, &mut found);
    machine::ports(config, &mut found).await;
    platform::token_and_rooms(config, Arc::clone(&clock), &mut found).await;
    platform::webhook(config, &mut found).await;
    let store = match &config.storage.url {
        StorageUrl::Sqlite(path) if !path.exists() => Ok(None),
        StorageUrl::Sqlite(path) => Store::open_read_only(path).await.map(Some),
        StorageUrl::Postgres(it) => {
            let place = PostgresPlace {
                url: it.url.expose_secret().to_owned(),
                password: it.password.as_ref().map(|it| it.expose_secret().to_owned()),
                schema: it.schema.clone(),
                connections: it.connections,
                ca_files: it.ca_files.clone(),
            };
            Store::connect_read_only(&place).await
        }
    };
    match store {
        Ok(Some(store)) => record::examine(config, &store, clock.now(), &mut found).await,
        Ok(None) => found.push(Finding::NoRecordYet),
        Err(_) => found.push(Finding::RecordUnreadable),
    }
    found
}

/// The client for the configured account; `None` where the token is missing or cannot be one.
fn api(config: &Config, clock: Arc<dyn Clock>) -> Option<Api> {
    Api::new(&config.chatwork.api_base, config.chatwork.api_token.clone()?, clock).ok()
}
