//! What Chatwork looks like: its notation, its signatures, its JSON, its API.
//!
//! Never: decides anything about a message, stores anything, retries or sleeps; all but `api` do no I/O and read no
//! clock.

pub mod api;
pub mod notation;
pub mod signature;
pub mod wire;
