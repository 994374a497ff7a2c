//! All that a stranger needs to check us: the Merkle tree, signed notes, checkpoints, and the walk over a whole ledger.
//!
//! Never: opens a file, a database or a socket, reads a clock, words anything for people (it returns codes).

pub mod bundle;
pub mod checkpoint;
pub mod note;
pub mod timestamp;
pub mod tlog_proof;
pub mod tree;
pub mod verify;

#[cfg(test)]
mod tests;
