//! Text to signal: what one message asks for, by rules that are data, with the words each answer rests on.
//!
//! Never: does I/O, reads a clock, keeps state between messages, looks at anything but the message and its context.
//!
//! The way of a message: [`own`](self) words only (quotes, code and system frames are cut away) → `normal`
//! (one spelling, with a map back to the body) → sentences → `mask` (courtesies and references to the past are
//! blanked) → marks of each sentence → gates and verdicts over the marks → `sketch` (features: the marks and verdicts,
//! alone and in pairs, and letter sequences) → `model` (a linear score of each sentence; the best one counts) → terms.
//! Gates come before any score. A rule set without a model file decides by its verdicts alone.
//!
//! To add a rule: put it into a file of `config/rules/` with an id, a reason in Japanese, `match` and `not`
//! examples; `cargo test detect` runs the examples and holds the floors of the corpus. Then learn the model anew
//! (`docs/detection.md` says how): it knows the marks by their names.

mod address;
mod condition;
pub mod corpus;
mod examples;
mod explain;
pub(crate) mod features;
mod fit;
mod letters;
mod model;
mod normal;
mod own;
mod pick;
mod read;
mod rules;
mod schema;
mod sketch;
mod sparse;
mod stretch;
mod table;
pub mod tally;
mod terms;
pub(crate) mod train;
mod tuning;

pub use fit::Corpus;
pub use read::Heard;
pub use rules::{RuleError, RuleSet};

#[cfg(test)]
mod tests;
