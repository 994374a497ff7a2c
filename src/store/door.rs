//! What the pages keep of who may look: the password's hash, the link that works once, sessions.

use std::future::Future;

use crate::domain::{Digest, UtcMillis};

use super::StoreResult;

/// Secrets as hashes, and sessions by the hash of their key. A rebuild does not touch them.
pub trait DoorStore {
    /// What was kept under the name, if it has not ended by `now`.
    fn door_secret(
        &self,
        name: &'static str,
        now: UtcMillis,
    ) -> impl Future<Output = StoreResult<Option<String>>> + Send;
    /// Durable. Replaces what was kept under the name; `None` as `ends` keeps it for good.
    fn put_door_secret(
        &self,
        name: &'static str,
        value: String,
        ends: Option<UtcMillis>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Durable: removes it if it is this one and has not ended; true for one caller at most.
    fn take_door_secret(
        &self,
        name: &'static str,
        value: String,
        now: UtcMillis,
    ) -> impl Future<Output = StoreResult<bool>> + Send;
    fn session(&self, key: Digest) -> impl Future<Output = StoreResult<Option<String>>> + Send;
    /// Puts a session, and removes those that have ended by `now`; beyond `max` sessions the one that ends first goes.
    fn put_session(
        &self,
        key: Digest,
        record: String,
        ends: UtcMillis,
        now: UtcMillis,
        max: u32,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    fn end_session(&self, key: Digest) -> impl Future<Output = StoreResult<()>> + Send;
    /// Logs everybody out, everywhere.
    fn end_sessions(&self) -> impl Future<Output = StoreResult<()>> + Send;
}
