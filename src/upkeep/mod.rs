//! Work on a whole ledger: checking it, making the derived tables anew, erasing.
//!
//! Never: takes a new decision, posts, changes an entry.

mod check;
mod erase;
mod rebuild;
mod stored;

pub use check::{CheckError, Checked, Key, check, check_trusting};
pub use erase::{EraseError, Erased, Plan, Target, erase, plan as plan_erasure};
pub use rebuild::{Rebuild, decided_up_to};
pub use stored::{BadFile, StoredFiles};
