//! The other half of the mirror: reads rooms by the API and appends what no webhook brought.
//!
//! Never: reads an unlisted room, marks anything as read, uses the server-side read cursor (`force=0`).

mod around;
mod clocks;
mod compare;
mod coverage;
mod deep;
mod files;
mod gaps;
mod memory;
mod pass;
mod read;
mod room;
mod rota;

pub use around::Around;
pub use clocks::clock_off;
pub use coverage::{RoomCoverage, coverage, room_names};
pub use files::{AT_A_TIME, Fetched, Fetcher};
pub use pass::{Passed, Reconciler};

use crate::chatwork::api::Error as ApiError;
use crate::domain::{EntryKind, RoomId, Source};
use crate::ledger::Observation;
use crate::store::StoreError;

/// Why a pass ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Chatwork could not be read")]
    Api(#[from] ApiError),
}

/// An error that the next room would meet as well.
fn ends_the_pass(error: &ApiError) -> bool {
    matches!(error, ApiError::RateLimited { .. } | ApiError::Unauthorized | ApiError::Unreachable(_))
}

/// An object as the API gave it.
fn as_read(kind: EntryKind, room: RoomId, raw: &[u8]) -> Observation {
    Observation {
        kind,
        source: Source::Poll,
        source_time: None,
        room: Some(room),
        message: None,
        content: Some(raw.to_vec()),
        identity: None,
        once: None,
    }
}
