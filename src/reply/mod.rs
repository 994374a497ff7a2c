//! What the bot says: whether (`decide`), in which words (`template`), and how it gets into the room at most once
//! (`outbox`). `record` is the form in which all of it stands in the ledger.
//!
//! Never: posts without reading the message again, holds a transaction open across a call, repeats a post blindly.

pub mod acts;
pub mod decide;
pub mod outbox;
pub mod record;
mod room_check;
pub mod said;
pub mod template;
