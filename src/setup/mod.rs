//! From nothing to a working room: what the account shows, the configuration that the owner chose, one proven delivery.
//!
//! Never: asks or words anything (the command line does), posts outside the control room, leaves a configuration
//! half-written.

mod account;
mod draft;
mod files;
mod proof;
mod rehearsal;

pub use account::{Account, LookError, SeenRoom};
pub use draft::{Choices, DraftError, RoomChoice, Where, draft};
pub use files::{FilesError, Refused, Written, check, write};
pub use proof::{Proof, ProofError, Public, Way, prove};
pub use rehearsal::{Rehearsal, Shown, rehearse};
