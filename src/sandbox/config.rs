//! How a sandbox is set up: its address, its clock, its seed, what it allows and what it holds at most.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Where the sandbox gets the time from: Unix milliseconds.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Everything that [`crate::sandbox::Sandbox::start`] needs.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The sandbox' clock. All windows, time stamps and life spans run on it.
    pub now: Now,
    /// Fixes tokens, keys and every throw of a fault's dice.
    pub seed: u64,
    pub rules: Rules,
    pub limits: Limits,
}

impl SandboxConfig {
    /// A sandbox on a loopback port that the system chooses, behaving as documented.
    pub fn new(now: Now) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now,
            seed: 1,
            rules: Rules::default(),
            limits: Limits::default(),
        }
    }
}

/// In which order the webhooks of one setting go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOrder {
    /// One after the other, in the order of the events.
    Fifo,
    /// Several at once: whoever is faster arrives first.
    Unordered,
}

/// What the platform's documentation leaves open, or what a test wants otherwise.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A deletion sends `message_updated` with the body `[deleted]`. Documented: there is no event; default `false`.
    pub webhook_on_delete: bool,
    /// A deletion sets `update_time`. Undocumented; default `false`, so that only comparing bodies finds it.
    pub deletion_moves_update_time: bool,
    /// `[toall]` counts as a mention of every member. Undocumented; default `false`.
    pub toall_mentions: bool,
    pub webhook_order: WebhookOrder,
    /// A setting becomes invalid after this many failed deliveries in a row (Chatwork does not publish its threshold).
    pub webhook_errors_to_invalid: Option<u32>,
    /// How long a receiver may take for its answer, in real time.
    pub webhook_timeout: Duration,
    /// Lets webhook addresses leave loopback.
    pub allow_remote_webhooks: bool,
    /// Requests for each token in five minutes.
    pub requests_per_window: u32,
    /// Posts (messages and tasks) by API for each room in ten seconds.
    pub posts_per_room: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            webhook_on_delete: false,
            deletion_moves_update_time: false,
            toall_mentions: false,
            webhook_order: WebhookOrder::Fifo,
            webhook_errors_to_invalid: Some(20),
            webhook_timeout: Duration::from_secs(10),
            allow_remote_webhooks: false,
            requests_per_window: 300,
            posts_per_room: 10,
        }
    }
}

/// The most that a sandbox holds. What goes beyond is refused, or the oldest line of a log gives way.
#[derive(Clone, Debug)]
pub struct Limits {
    pub accounts: usize,
    /// Deleted rooms count, since their history stays.
    pub rooms: usize,
    pub members_per_room: usize,
    pub messages_per_room: usize,
    pub tasks_per_room: usize,
    pub files_per_room: usize,
    /// Of all bodies of all versions in all rooms.
    pub body_bytes: usize,
    /// Of all stored files.
    pub file_bytes: usize,
    /// Webhooks waiting or held, over all settings; more are lost.
    pub pending_webhooks: usize,
    /// Lines of the delivery log.
    pub deliveries: usize,
    pub faults: usize,
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            accounts: 1_000,
            rooms: 3_000,
            members_per_room: 500,
            messages_per_room: 100_000,
            tasks_per_room: 10_000,
            files_per_room: 10_000,
            body_bytes: 256 << 20,
            file_bytes: 64 << 20,
            pending_webhooks: 100_000,
            deliveries: 20_000,
            faults: 100,
            connections: 1_024,
        }
    }
}
