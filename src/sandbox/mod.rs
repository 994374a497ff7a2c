//! A Chatwork that behaves: the API v2, its webhooks and, on request, its bad days. Tests, `demo` and
//! `karibarai sandbox` run on it.
//!
//! It has its own state, its own JSON shapes and its own signing, so that it can disagree with the bot: a shared mistake
//! would otherwise pass every test. What is documented of Chatwork is followed; where the documentation is silent, the
//! choice that hurts a careless client more was taken, and [`Rules`] can turn it. `docs/sandbox.md` lists these choices.
//!
//! Never: imports another module of this crate, reads a clock by itself, sends a webhook beyond loopback unless told,
//! keeps anything on disk, prints.

mod api;
mod change;
mod config;
mod control;
mod deliver;
mod dice;
mod download;
mod error;
mod facts;
mod fault;
mod files;
mod handle;
mod hooks;
mod line;
mod members;
mod messages;
mod notation;
mod params;
mod quota;
mod room;
mod rooms;
mod server;
mod state;
mod tasks;
mod wire;
mod world;

pub use config::{Limits, Now, Rules, SandboxConfig, WebhookOrder};
pub use error::SandboxError;
pub use facts::{
    AccountInfo, ApiCalls, Change, ChangeKind, Delivery, Outcome, Post, Role, RoomKind, WebhookInfo,
    WebhookKind,
};
pub use fault::{Fault, FaultKind, RedirectTo};
pub use handle::SandboxHandle;
pub use server::Sandbox;
pub use world::World;

#[cfg(test)]
mod tests;
