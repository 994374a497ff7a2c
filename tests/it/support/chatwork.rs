//! The simulator in the words of the tests: people who write, edit and delete.

use karibarai::sandbox::{Fault, Post, SandboxHandle};

/// Ids and secrets of the usual world, flat.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) owner: u64,
    pub(crate) owner_token: String,
    pub(crate) owner_my_room: u64,
    pub(crate) client: u64,
    pub(crate) colleague: u64,
    pub(crate) direct_room: u64,
    pub(crate) group_room: u64,
    pub(crate) webhook_tokens: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Chatwork(pub(crate) SandboxHandle);

impl Chatwork {
    /// An owner, a client and a colleague; webhooks go to `url`, an address where nobody need listen.
    pub(crate) fn world(&self, url: &str) -> World {
        let world = self.0.world(Some(url)).unwrap();
        World {
            owner: world.owner.account_id,
            owner_token: world.owner.api_token,
            owner_my_room: world.owner.my_room_id,
            client: world.client.account_id,
            colleague: world.other.account_id,
            direct_room: world.direct_room_id,
            group_room: world.group_room_id,
            webhook_tokens: world.webhooks.into_iter().map(|it| it.token).collect(),
        }
    }

    pub(crate) fn post(&self, account: u64, room: u64, body: &str) -> String {
        self.0.post(account, room, body).unwrap()
    }

    pub(crate) fn edit(&self, room: u64, message: &str, body: &str) {
        self.0.edit(room, message, body).unwrap();
    }

    pub(crate) fn delete(&self, room: u64, message: &str) {
        self.0.delete(room, message).unwrap();
    }

    /// Somebody uploads a file without a caption; returns its id.
    pub(crate) fn upload(&self, account: u64, room: u64, name: &str, content: &[u8]) -> u64 {
        self.0.add_file(account, room, name, content, "").unwrap()
    }

    /// How often an endpoint was called.
    pub(crate) fn calls(&self, endpoint: &str) -> u64 {
        self.0.api_calls().by_endpoint.get(endpoint).copied().unwrap_or(0)
    }

    pub(crate) fn posts_by(&self, account: u64, room: u64) -> Vec<Post> {
        let posts = self.0.posts_in(room).unwrap();
        posts.into_iter().filter(|it| it.account_id == account).collect()
    }

    pub(crate) fn replies_to(&self, room: u64, message: &str) -> Vec<Post> {
        self.0.replies_to(room, message).unwrap()
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.0.set_fault(fault).unwrap();
    }

    /// Honest again; what was held back goes out.
    pub(crate) fn behave(&self) {
        self.0.clear_faults();
        self.0.release_webhooks();
    }

    pub(crate) async fn idle(&self) {
        self.0.idle().await;
    }

    /// Statuses with which deliveries were answered, oldest first.
    pub(crate) fn answers(&self) -> Vec<Option<u16>> {
        self.0.deliveries().into_iter().map(|it| it.status).collect()
    }
}
