//! Whose turn it is to work: one of the processes that share a database follows, reads rooms and posts.

use std::future::Future;
use std::time::Duration;

use super::StoreResult;

/// A turn that was had. Each has a greater number than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(pub u64);

/// Turns by lease. A file of SQLite belongs to one machine, where a lock on a file says the same and ends with the
/// process: there every call has its turn.
pub trait TurnStore {
    /// Takes the turn where nobody has it, or keeps `held`, for `lease` from now on by the database's own clock: those of
    /// several machines differ. `None`: another has it.
    fn take_turn(
        &self,
        held: Option<Turn>,
        lease: Duration,
    ) -> impl Future<Output = StoreResult<Option<Turn>>> + Send;
    /// Gives it back before its lease ends.
    fn end_turn(&self, held: Turn) -> impl Future<Output = StoreResult<()>> + Send;
}
