//! Work on a whole ledger: checking it, making the derived tables anew, erasing, copying and putting a copy back.
//!
//! Never: takes a new decision, posts, changes an entry.

mod backup;
mod check;
mod erase;
mod erasures;
mod rebuild;
mod restore;
mod stored;

pub use backup::{
    Backup, BackupError, ContainerError, Contents, backup, looks_like_backup, open as open_backup,
};
pub use check::{CheckError, Checked, Key, check, check_trusting};
pub use erase::{EraseError, Erased, Plan, Target, copied, erase, plan as plan_erasure};
pub use rebuild::{Rebuild, decided_up_to};
pub use restore::{
    DataPlace, RestoreError, Staged, StagedBackup, finish_restore, stage_backup, stage_new_key,
};
pub use stored::{BadFile, StoredFiles};
