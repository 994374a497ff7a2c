//! The words that every other module shares: ids, time, entries and their kinds, signals.
//!
//! Never: does I/O, reads a clock by itself, knows how Chatwork or SQL spell anything.

mod clock;
mod entropy;
mod entry;
mod fold;
mod holidays;
mod ids;
mod kind;
mod signal;
mod time;
mod trouble;

pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{CountingEntropy, Entropy, SystemEntropy};
pub use entry::{Digest, Entry, EntryError, FORMAT_VERSION, commitment, hex, unhex};
pub use fold::{FOLD_VERSION, Folded, fold};
pub use holidays::is_holiday_in_japan;
pub use ids::{AccountId, CaseId, ContractId, EntryIndex, MessageId, RoomId};
pub use kind::{EntryKind, Source};
pub use signal::{
    ContextMessage, Label, Labels, Reason, Role, RoomType, Signal, SignalInput, Terms, Tier, Tuning,
};
pub use time::{JAPAN, UtcMillis};
pub use trouble::{Sign, Trouble};
