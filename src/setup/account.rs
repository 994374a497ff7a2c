//! What a token shows: whose it is, its rooms, who is in them.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::chatwork::api::{Api, Error};
use crate::chatwork::signature::Tokens;
use crate::chatwork::wire::{ApiMessage, Me, Member, MemberRole, Room, RoomKind};
use crate::domain::{AccountId, Clock, RoomId};

/// Rooms whose members are read at once, the liveliest first: an account may be in hundreds, and has 300 calls in five
/// minutes. Those of the others are read when the room is chosen.
const READ_AT_ONCE: usize = 40;

/// Why nothing could be seen, by what the owner does next.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("Chatwork does not accept this API token")]
    Refused,
    #[error("this is the token of a webhook, not the API token")]
    Webhook,
    #[error("Chatwork's rate limit is used up for the moment")]
    Busy,
    #[error("Chatwork could not be read at this address")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A room with those who are in it; empty where they were not read yet.
#[derive(Clone)]
pub struct SeenRoom {
    pub room: Room,
    pub members: Vec<Member>,
}

impl SeenRoom {
    /// Everybody but these.
    pub fn others(&self, owners: &[AccountId]) -> Vec<&Member> {
        self.members.iter().filter(|it| !owners.contains(&it.account_id)).collect()
    }

    /// The other side of a direct chat; in a group nobody can be guessed.
    pub fn likely_clients(&self, owners: &[AccountId]) -> Vec<AccountId> {
        match self.room.kind {
            RoomKind::Direct => self.others(owners).iter().map(|it| it.account_id).collect(),
            _ => Vec::new(),
        }
    }

    pub fn may_write(&self) -> bool {
        self.room.role != MemberRole::Readonly
    }
}

/// What a good token shows.
pub struct Account {
    pub me: Me,
    /// Without マイチャット, the liveliest first.
    pub rooms: Vec<SeenRoom>,
    api: Api,
}

impl Account {
    pub async fn look(base: &str, token: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, LookError> {
        let api = Api::new(base, token.clone(), clock).map_err(|it| LookError::Unreachable(Box::new(it)))?;
        let me = api.me().await.map_err(|error| match error {
            // A webhook's token is base64 of 32 bytes; an API token never is.
            Error::Unauthorized if Tokens::new(vec![token.expose_secret().into()]).is_ok() => {
                LookError::Webhook
            }
            other => failed(other),
        })?;
        let mut rooms: Vec<Room> =
            api.rooms().await.map_err(failed)?.rooms.into_iter().map(|it| it.value).collect();
        rooms.retain(|it| it.kind != RoomKind::My);
        rooms.sort_by_key(|it| std::cmp::Reverse((it.last_update_time, it.room_id)));
        let rooms = rooms.into_iter().map(|room| SeenRoom { room, members: Vec::new() }).collect();
        let mut account = Self { me, rooms, api };
        for n in 0..account.rooms.len().min(READ_AT_ONCE) {
            account.read_members(n).await?;
        }
        Ok(account)
    }

    pub fn position(&self, room: RoomId) -> Option<usize> {
        self.rooms.iter().position(|it| it.room.room_id == room)
    }

    /// The newest messages of a room, 100 at most, oldest first.
    pub async fn messages(&self, room: RoomId) -> Result<Vec<ApiMessage>, LookError> {
        let page = self.api.messages(room).await.map_err(failed)?;
        Ok(page.messages.into_iter().map(|it| it.value).collect())
    }

    /// Reads who is in a room, unless that is known.
    pub async fn read_members(&mut self, n: usize) -> Result<(), LookError> {
        let Some(seen) = self.rooms.get_mut(n).filter(|it| it.members.is_empty()) else { return Ok(()) };
        seen.members = match self.api.members(seen.room.room_id).await {
            Ok(members) => members.into_iter().map(|it| it.value).collect(),
            // The room vanished meanwhile, or is closed to this account: it is shown without people.
            Err(Error::NoAccess { .. }) => Vec::new(),
            Err(other) => return Err(failed(other)),
        };
        Ok(())
    }
}

fn failed(error: Error) -> LookError {
    match error {
        Error::Unauthorized => LookError::Refused,
        Error::RateLimited { .. } => LookError::Busy,
        other => LookError::Unreachable(Box::new(other)),
    }
}
