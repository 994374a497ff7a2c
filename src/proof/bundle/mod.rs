//! The evidence package: its container, its manifest, its lines of entries, and how they lead to a signed head.
//!
//! Never: opens a file by itself, knows what a message is, words anything for people.

mod container;
mod cover;
mod line;
mod manifest;

pub use container::{Container, ContainerError, MAX_BYTES, MAX_MEMBERS, Packed, Packer, is_ours, is_stored};
pub use cover::{Cover, CoverError, Rebuilt, Subtree};
pub use line::{EntryLine, LineError};
pub use manifest::{
    Chain, Counts, Exposure, FORMAT, Filter, Gap, Manifest, ManifestError, Member, Person, VERSION, Withhold,
    is_safe_path,
};

#[cfg(test)]
mod tests;
