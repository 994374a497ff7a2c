//! Who is who in a room, and what the bot may do there.

use crate::domain::{AccountId, Role, RoomId, RoomType, Tuning};

use super::settings::{Config, Mode, ReplyConfig, RoomConfig, Said};

impl Config {
    /// The block of a listed room.
    pub fn room(&self, id: RoomId) -> Option<&RoomConfig> {
        self.rooms.iter().find(|it| it.id == id)
    }

    /// What holds for replies in a room: `[reply]` with the room's own changes. An unlisted room is only observed. Where
    /// nobody said who the clients of a group are, the mode is at most *suggest*; an unknown type counts as a group.
    pub fn reply_for(&self, id: RoomId, room_type: Option<RoomType>) -> ReplyConfig {
        self.reply_said(id, room_type, Said::default())
    }

    /// [`Config::reply_for`] with what the owner has said of the room since. It lifts no bound.
    pub fn reply_said(&self, id: RoomId, room_type: Option<RoomType>, said: Said) -> ReplyConfig {
        let mut reply = self.reply.clone();
        let Some(room) = self.room(id) else {
            reply.mode = Mode::Observe;
            return reply;
        };
        let own = &room.reply;
        reply.mode = said.mode.or(own.mode).unwrap_or(reply.mode);
        reply.delay = own.delay.unwrap_or(reply.delay);
        reply.max_per_room_per_day = own.max_per_room_per_day.unwrap_or(reply.max_per_room_per_day);
        reply.max_age = own.max_age.unwrap_or(reply.max_age);
        reply.follow_ups = own.follow_ups.unwrap_or(reply.follow_ups);
        reply.owner_active = own.owner_active.unwrap_or(reply.owner_active);
        reply.quiet_hours = said.quiet_hours.or(own.quiet_hours).unwrap_or(reply.quiet_hours);
        reply.automatic_line = own.automatic_line.unwrap_or(reply.automatic_line);
        reply.quiet_days = own.quiet_days.unwrap_or(reply.quiet_days);
        reply.notice = own.notice.unwrap_or(reply.notice);
        reply.witness = own.witness.unwrap_or(reply.witness);
        reply.on_withdrawal = own.on_withdrawal.unwrap_or(reply.on_withdrawal);
        if room.clients.is_none() && room_type != Some(RoomType::Direct) {
            reply.mode = reply.mode.min(Mode::Suggest);
        }
        reply
    }

    /// [`Config::reply_for`] with what is set for one client: never more than the room allows.
    pub fn reply_to(&self, id: RoomId, room_type: Option<RoomType>, client: AccountId) -> ReplyConfig {
        self.reply_to_said(id, room_type, client, Said::default())
    }

    /// The same with what the owner has said of the room since.
    pub fn reply_to_said(
        &self,
        id: RoomId,
        room_type: Option<RoomType>,
        client: AccountId,
        said: Said,
    ) -> ReplyConfig {
        let mut reply = self.reply_said(id, room_type, said);
        let own =
            self.room(id).and_then(|room| room.client_modes.iter().find(|(account, _)| *account == client));
        if let Some((_, mode)) = own {
            reply.mode = reply.mode.min(*mode);
        }
        reply
    }

    /// What is set for detection in a room, for one of its people: his own thresholds before the room's, both lists of phrases.
    pub fn tuning_for(&self, id: RoomId, account: AccountId) -> Tuning {
        let Some(room) = self.room(id) else { return Tuning::default() };
        let mut tuning = room.detect.clone();
        if let Some((_, own)) = room.client_detect.iter().find(|(client, _)| *client == account) {
            tuning.certain = own.certain.or(tuning.certain);
            tuning.unsure = own.unsure.or(tuning.unsure);
            tuning.allow.extend_from_slice(&own.allow);
            tuning.deny.extend_from_slice(&own.deny);
        }
        tuning
    }

    /// What an account is in a room. `owner_ids` are the accounts known to be the owner's at run time (the token's own),
    /// beside those of `[owner]`. Without a list of clients everybody else may be one: in a direct chat there is only
    /// one, in a group and in an unlisted room the mode keeps the bot from speaking. So the type changes nothing yet.
    pub fn role_of(
        &self,
        id: RoomId,
        _room_type: Option<RoomType>,
        account: AccountId,
        owner_ids: &[AccountId],
    ) -> Role {
        if owner_ids.contains(&account) || self.owner.account_ids.contains(&account) {
            return Role::Worker;
        }
        let Some(room) = self.room(id) else { return Role::Client };
        if room.bots.contains(&account) {
            return Role::Bot;
        }
        if room.others.contains(&account) {
            return Role::Other;
        }
        match &room.clients {
            Some(clients) if !clients.contains(&account) => Role::Other,
            _ => Role::Client,
        }
    }
}
