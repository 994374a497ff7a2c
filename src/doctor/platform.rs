//! Chatwork: whose token it is, the listed rooms and their people, the clock, the webhook's way in.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::chatwork::api::{Api, Error};
use crate::chatwork::signature::Tokens;
use crate::chatwork::wire::{MemberRole, Room};
use crate::config::{Config, Mode, RoomConfig};
use crate::domain::Clock;

use super::{Finding, api};

/// Rooms whose members are read in one run: the bot beside it needs calls too.
const MOST_ROOMS: usize = 50;
/// Milliseconds: signatures carry no time, but deadlines and days are reckoned by the clock.
const CLOCK_TOLERANCE: i64 = 30_000;
/// For the way in from outside.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn token_and_rooms(config: &Config, clock: Arc<dyn Clock>, found: &mut Vec<Finding>) {
    let Some(token) = &config.chatwork.api_token else {
        found.push(Finding::TokenMissing);
        return;
    };
    let Some(api) = api(config, clock) else {
        found.push(Finding::TokenRefused);
        return;
    };
    match api.me().await {
        Ok(_) => found.push(Finding::TokenGood),
        Err(Error::Unauthorized) => {
            // A webhook token is base64 of 32 bytes; an API token never is.
            let swapped = Tokens::new(vec![token.expose_secret().into()]).is_ok();
            found.push(if swapped { Finding::TokenLooksLikeWebhook } else { Finding::TokenRefused });
            return;
        }
        Err(Error::RateLimited { .. }) => {
            found.push(Finding::PlatformBusy);
            return;
        }
        Err(_) => {
            found.push(Finding::PlatformUnreachable);
            return;
        }
    }
    if let Some(ahead) = api.clock_ahead() {
        let good = ahead.abs() <= CLOCK_TOLERANCE;
        found.push(if good { Finding::ClockGood } else { Finding::ClockOff(ahead / 1000) });
    }
    if config.rooms.is_empty() {
        found.push(Finding::NoRooms);
        return;
    }
    let Ok(list) = api.rooms().await else {
        found.push(Finding::PlatformBusy);
        return;
    };
    for listed in config.rooms.iter().take(MOST_ROOMS) {
        let shown = list.rooms.iter().find(|it| it.value.room_id == listed.id).map(|it| &it.value);
        found.push(room(config, &api, listed, shown).await);
    }
    if config.rooms.len() > MOST_ROOMS {
        found.push(Finding::RoomsLeftOut(config.rooms.len() - MOST_ROOMS));
    }
}

async fn room(config: &Config, api: &Api, listed: &RoomConfig, shown: Option<&Room>) -> Finding {
    let Some(shown) = shown else { return Finding::RoomAbsent(listed.id) };
    let posts = config.reply_for(listed.id, None).mode >= Mode::Approve;
    if posts && shown.role == MemberRole::Readonly {
        return Finding::RoomReadOnly(listed.id);
    }
    let clients = listed.clients.as_deref().unwrap_or_default();
    if clients.is_empty() {
        return Finding::RoomGood(listed.id);
    }
    let Ok(members) = api.members(listed.id).await else { return Finding::PlatformBusy };
    let absent =
        clients.iter().filter(|it| !members.iter().any(|member| member.value.account_id == **it)).count();
    if absent > 0 { Finding::ClientsAbsent(listed.id, absent) } else { Finding::RoomGood(listed.id) }
}

/// From outside to the listener: a delivery without a signature must be refused by this program, with 401 and no word.
pub(super) async fn webhook(config: &Config, found: &mut Vec<Finding>) {
    let Some(url) = &config.server.public_url else {
        found.push(Finding::PollingAlone);
        return;
    };
    if config.chatwork.webhook_tokens.is_empty() {
        found.push(Finding::WebhookTokenMissing);
    }
    let Some(client) = client() else { return };
    found.push(match client.post(url).body("{}").send().await {
        Ok(answer) if answer.status() == 401 => Finding::WebhookReached,
        Ok(answer) => Finding::WebhookForeign(answer.status().as_u16()),
        Err(_) => Finding::WebhookUnreachable,
    });
}

/// As Chatwork is thought to: no redirect is followed, nothing waits long.
pub(super) fn client() -> Option<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(PATIENCE).build().ok()
}
