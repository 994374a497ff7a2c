//! Who the bot is on the platform: whose token, whom it serves, where it talks with its owner.

use crate::chatwork::api::{Api, Error as ApiError};
use crate::config::{Config, ControlRoom};
use crate::domain::{AccountId, RoomId};
use crate::reply::outbox::Me;
use crate::store::{LedgerStore, Store, StoreError};

/// Names of the facts kept for starts without the platform.
const ACCOUNT: &str = "account";
const MY_ROOM: &str = "my_room";

#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Chatwork did not say whose token this is")]
    Api(#[from] ApiError),
}

/// Asks the platform, and falls back on what it said before.
pub(crate) async fn resolve(api: &Api, store: &Store, config: &Config) -> Result<Me, IdentityError> {
    let (account, my_room) = match api.me().await {
        Ok(me) => {
            store.put_fact(ACCOUNT, me.account_id.0).await?;
            store.put_fact(MY_ROOM, me.room_id.0).await?;
            (me.account_id, me.room_id)
        }
        Err(error) => match known(store).await? {
            Some(known) => known,
            None => return Err(error.into()),
        },
    };
    let owners = owners(config, account);
    let control_room = match config.owner.control_room {
        ControlRoom::My => Some(my_room),
        ControlRoom::Room(room) => {
            let allowed = |it: AccountId| it == account || owners.contains(&it);
            let members = api.members(room).await?;
            let alone = members.iter().all(|it| allowed(it.value.account_id));
            if !alone {
                tracing::error!(room = room.0, "the control room has other members; nothing is posted there");
            }
            alone.then_some(room)
        }
    };
    Ok(Me { account, owners, control_room })
}

/// What the platform said at an earlier start.
pub(crate) async fn known(store: &Store) -> Result<Option<(AccountId, RoomId)>, StoreError> {
    let (account, room) = (store.fact(ACCOUNT).await?, store.fact(MY_ROOM).await?);
    Ok(account.zip(room).map(|(account, room)| (AccountId(account), RoomId(room))))
}

/// Whom the bot serves: the configured accounts, else the token's own.
pub(crate) fn owners(config: &Config, account: AccountId) -> Vec<AccountId> {
    if config.owner.account_ids.is_empty() { vec![account] } else { config.owner.account_ids.clone() }
}
