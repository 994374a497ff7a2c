//! The usual world in one call: a freelancer, a client, someone else, two rooms, and webhooks to one address.

use std::fmt;

use serde::Serialize;

use super::error::SandboxError;
use super::facts::{AccountInfo, Role, RoomKind, WebhookInfo, WebhookKind};
use super::handle::SandboxHandle;

/// Who and what there is; everything a bot's configuration needs.
#[derive(Clone, Serialize)]
pub struct World {
    pub api_base: String,
    /// The freelancer, whose token the bot uses.
    pub owner: AccountInfo,
    pub client: AccountInfo,
    /// Takes part in the group room only.
    pub other: AccountInfo,
    /// Owner and client.
    pub direct_room_id: u64,
    /// All three; the client is its administrator too.
    pub group_room_id: u64,
    /// All of the owner: direct room, group room, mentions; none without an address.
    pub webhooks: Vec<WebhookInfo>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("direct_room_id", &self.direct_room_id)
            .field("group_room_id", &self.group_room_id)
            .finish_non_exhaustive()
    }
}

impl SandboxHandle {
    /// Sets up a [`World`]. Called again, it makes another one beside the first.
    pub fn world(&self, webhook_url: Option<&str>) -> Result<World, SandboxError> {
        let owner = self.create_account("佐藤 花子")?;
        let client = self.create_account("山田 太郎")?;
        let other = self.create_account("鈴木 一郎")?;
        let pair = [(owner.account_id, Role::Admin), (client.account_id, Role::Admin)];
        let direct_room_id = self.create_room(RoomKind::Direct, "direct", &pair)?;
        let all = [pair[0], pair[1], (other.account_id, Role::Member)];
        let group_room_id = self.create_room(RoomKind::Group, "バナー制作", &all)?;
        let mut webhooks = Vec::new();
        if let Some(url) = webhook_url {
            let room = |room_id| WebhookKind::Room { room_id, created: true, updated: true };
            for watches in [room(direct_room_id), room(group_room_id), WebhookKind::Account] {
                webhooks.push(self.add_webhook(owner.account_id, url, watches, None)?);
            }
        }
        Ok(World { api_base: self.api_base(), owner, client, other, direct_room_id, group_room_id, webhooks })
    }
}
