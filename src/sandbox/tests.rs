//! Drives the sandbox from outside, over HTTP, as a bot and its scripts do.

mod api;
mod bounds;
mod control;
mod faults;
mod support;
mod webhooks;
