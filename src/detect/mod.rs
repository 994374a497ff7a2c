//! Text to signal: what one message asks for, by rules that are data, with the words each answer rests on.
//!
//! Never: does I/O, reads a clock, keeps state between messages, looks at anything but the message and its context.
//!
//! The way of a message: [`own`](self) words only (quotes, code and system frames are cut away) → `normal`
//! (one spelling, with a map back to the body) → sentences → `mask` (courtesies and references to the past are
//! blanked) → marks of each sentence → gates and verdicts over the marks → terms.
//!
//! To add a rule: put it into a file of `config/rules/` with an id, a reason in Japanese, `match` and `not`
//! examples; `cargo test detect` runs the examples and holds the floors of the corpus.

mod address;
mod condition;
pub mod corpus;
mod examples;
mod normal;
mod own;
mod read;
mod rules;
mod schema;
mod table;
mod terms;

pub use rules::{RuleError, RuleSet};

#[cfg(test)]
mod tests;
