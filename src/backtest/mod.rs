//! What the bot would have said, over messages that are already there, and what another rule set would change.
//!
//! It plays the messages in order as if each had just come in and every room were in the mode `auto`, with the same
//! detection and the same decision as the bot. What only the owner knows is not there: registered contracts, confirmed
//! escrow, stops. A case in which somebody said that the job is posted or paid counts as answered for.
//!
//! Never: writes, posts, words anything for people.

mod archive;
mod judged;
mod play;
mod suggest;

pub use archive::{from_archive, names};
pub use judged::{Judged, judged};
pub use play::{Act, Change, Difference, Line, Play, Said, Setting, compare, play};
pub use suggest::{Advice, Suggestion, suggest};

#[cfg(test)]
mod tests;
