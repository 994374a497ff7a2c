//! Everything the sandbox knows, behind one lock, and what can happen to accounts, rooms and messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::{Limits, Rules};
use super::dice::Dice;
use super::error::SandboxError;
use super::facts::{ApiCalls, ChangeKind, Role, RoomKind};
use super::fault::Faults;
use super::files::Grants;
use super::hooks::{Event, Hooks};
use super::notation;
use super::quota::{RecentPosts, Window};
use super::room::{DELETED, Member, Message, Room, Version};

/// In characters, as documented.
const MAX_BODY_CHARS: usize = 65_535;
const MAX_NAME_CHARS: usize = 255;
/// The first ids of each kind: of the length that Chatwork's have, and never equal to each other.
const FIRST_ACCOUNT: u64 = 2_000_001;
const FIRST_ROOM: u64 = 300_000_001;
const FIRST_MESSAGE: u64 = 1_790_000_000_000_000_000;
/// Ids are not consecutive, and exceed what a float can tell apart.
const MESSAGE_STEP: u64 = 4_099;

pub(crate) struct State {
    /// Unix milliseconds; set anew each time the lock is taken.
    pub(crate) now_ms: i64,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    pub(crate) accounts: BTreeMap<u64, Account>,
    pub(crate) tokens: HashMap<String, u64>,
    pub(crate) rooms: BTreeMap<u64, Room>,
    pub(crate) body_bytes: usize,
    pub(crate) file_bytes: usize,
    pub(crate) grants: Grants,
    pub(crate) hooks: Hooks,
    pub(crate) faults: Faults,
    pub(crate) calls: ApiCalls,
    /// For tokens and keys; faults throw their own dice, so that they change no token.
    pub(crate) dice: Dice,
    n_messages: u64,
    n_minor: u64,
}

pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) api_token: String,
    pub(crate) my_room: u64,
    /// Sees only the last 40 days.
    pub(crate) free_plan: bool,
    pub(crate) window: Window,
}

/// A message about to be posted.
pub(crate) struct Draft<'a> {
    pub(crate) account: u64,
    pub(crate) room: u64,
    pub(crate) body: &'a str,
    pub(crate) by_api: bool,
    pub(crate) self_unread: bool,
    /// Written by the platform in the account's name: a readonly member may cause it, and it mentions nobody.
    pub(crate) system: bool,
}

impl State {
    pub(crate) fn new(rules: Rules, limits: Limits, seed: u64) -> Self {
        Self {
            now_ms: 0,
            accounts: BTreeMap::new(),
            tokens: HashMap::new(),
            rooms: BTreeMap::new(),
            body_bytes: 0,
            file_bytes: 0,
            grants: Grants::default(),
            hooks: Hooks::default(),
            faults: Faults::new(seed ^ 0xfa17),
            calls: ApiCalls::default(),
            dice: Dice::new(seed),
            n_messages: 0,
            n_minor: 0,
            rules,
            limits,
        }
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1_000)
    }

    /// Numbers tasks, files and settings.
    pub(crate) fn next_minor(&mut self) -> u64 {
        self.n_minor += 1;
        self.n_minor
    }

    pub(crate) fn account(&self, id: u64) -> Result<&Account, SandboxError> {
        self.accounts.get(&id).ok_or(SandboxError::UnknownAccount)
    }

    /// The room, if it exists and the account takes part in it.
    pub(crate) fn room_of(&self, account: u64, room: u64) -> Result<&Room, SandboxError> {
        let room = self.rooms.get(&room).filter(|it| !it.deleted && it.members.contains_key(&account));
        room.ok_or(SandboxError::UnknownRoom)
    }

    pub(crate) fn room_of_mut(&mut self, account: u64, room: u64) -> Result<&mut Room, SandboxError> {
        let room = self.rooms.get_mut(&room).filter(|it| !it.deleted && it.members.contains_key(&account));
        room.ok_or(SandboxError::UnknownRoom)
    }

    /// The rooms that an account sees.
    pub(crate) fn rooms_of(&self, account: u64) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(move |it| !it.deleted && it.members.contains_key(&account))
    }

    pub(crate) fn create_account(&mut self, name: &str) -> Result<u64, SandboxError> {
        check_name(name)?;
        if self.accounts.len() >= self.limits.accounts {
            return Err(SandboxError::Full("accounts"));
        }
        let id = FIRST_ACCOUNT + self.accounts.len() as u64;
        let api_token = self.dice.hex_token();
        let account = Account {
            id,
            name: name.to_owned(),
            api_token: api_token.clone(),
            my_room: 0,
            free_plan: false,
            window: Window::default(),
        };
        self.accounts.insert(id, account);
        match self.create_room(RoomKind::My, "マイチャット", &[(id, Role::Admin)]) {
            Ok(room) => {
                self.tokens.insert(api_token, id);
                if let Some(account) = self.accounts.get_mut(&id) {
                    account.my_room = room;
                }
                Ok(id)
            }
            Err(error) => {
                self.accounts.remove(&id);
                Err(error)
            }
        }
    }

    pub(crate) fn create_room(
        &mut self,
        kind: RoomKind,
        name: &str,
        members: &[(u64, Role)],
    ) -> Result<u64, SandboxError> {
        check_name(name)?;
        for (account, _) in members {
            self.account(*account)?;
        }
        let members: BTreeMap<u64, Member> = members
            .iter()
            .map(|(id, role)| (*id, Member { role: *role, read_upto: 0, fetched_upto: 0 }))
            .collect();
        let fits = match kind {
            RoomKind::My => members.len() == 1,
            RoomKind::Direct => members.len() == 2,
            RoomKind::Group => members.values().any(|it| it.role == Role::Admin),
        };
        if !fits {
            return Err(SandboxError::Invalid(
                "a direct room has two members, a group room at least one administrator",
            ));
        }
        if members.len() > self.limits.members_per_room {
            return Err(SandboxError::Full("members"));
        }
        if self.rooms.len() >= self.limits.rooms {
            return Err(SandboxError::Full("rooms"));
        }
        let id = FIRST_ROOM + self.rooms.len() as u64;
        let room = Room {
            id,
            kind,
            name: name.to_owned(),
            description: String::new(),
            members,
            messages: Vec::new(),
            versions: Vec::new(),
            tasks: BTreeMap::new(),
            files: BTreeMap::new(),
            last_update_time: self.now_s(),
            recent_posts: RecentPosts::default(),
            deleted: false,
            broken: false,
        };
        self.rooms.insert(id, room);
        Ok(id)
    }

    /// Posts, and tells the webhooks. Returns the message id.
    pub(crate) fn post(&mut self, draft: &Draft<'_>) -> Result<u64, SandboxError> {
        let (now_ms, now_s) = (self.now_ms, self.now_s());
        let max_messages = self.limits.messages_per_room;
        check_body(draft.body)?;
        let room = self.room_of(draft.account, draft.room)?;
        if !draft.system && room.members.get(&draft.account).is_none_or(|it| it.role == Role::Readonly) {
            return Err(SandboxError::Forbidden);
        }
        if room.messages.len() >= max_messages {
            return Err(SandboxError::Full("messages"));
        }
        let mentions = if draft.system { Vec::new() } else { self.mentioned(room, draft.body) };
        self.add_body(draft.body)?;

        let id = FIRST_MESSAGE + self.n_messages * MESSAGE_STEP;
        self.n_messages += 1;
        let body: Arc<str> = draft.body.into();
        let room = self.room_of_mut(draft.account, draft.room)?;
        room.versions.push(Version {
            at_ms: now_ms,
            kind: ChangeKind::Created,
            message: id,
            account: draft.account,
            body: Arc::clone(&body),
        });
        room.messages.push(Message {
            id,
            account: draft.account,
            body,
            send_time: now_s,
            update_time: 0,
            deleted: false,
            by_api: draft.by_api,
            self_unread: draft.self_unread,
            broken: false,
            mentions: mentions.clone(),
        });
        room.last_update_time = now_s;
        if !draft.self_unread
            && let Some(author) = room.members.get_mut(&draft.account)
        {
            // The read pointer is "up to and including": an own post that counts as read hides what came before it.
            author.read_upto = id;
        }
        self.announce(&Event::Created { room: draft.room, message: id, mentioned: &mentions });
        Ok(id)
    }

    /// Changes one's own message, and tells the webhooks.
    pub(crate) fn edit(&mut self, account: u64, room: u64, id: u64, body: &str) -> Result<(), SandboxError> {
        let (now_ms, now_s) = (self.now_ms, self.now_s());
        check_body(body)?;
        self.check_own(account, room, id)?;
        let mentions = self.mentioned(self.room_of(account, room)?, body);
        self.add_body(body)?;

        let text: Arc<str> = body.into();
        let the_room = self.room_of_mut(account, room)?;
        let message = the_room.message_mut(id).ok_or(SandboxError::UnknownMessage)?;
        // Only who was not yet mentioned hears of it.
        let newly: Vec<u64> = mentions.iter().copied().filter(|it| !message.mentions.contains(it)).collect();
        message.body = Arc::clone(&text);
        message.update_time = now_s;
        message.mentions = mentions;
        the_room.versions.push(Version {
            at_ms: now_ms,
            kind: ChangeKind::Edited,
            message: id,
            account,
            body: text,
        });
        self.announce(&Event::Updated { room, message: id, mentioned: &newly });
        Ok(())
    }

    /// Deletes one's own message. No webhook tells of it, unless the rules say so.
    pub(crate) fn delete(&mut self, account: u64, room: u64, id: u64) -> Result<(), SandboxError> {
        let (now_ms, now_s) = (self.now_ms, self.now_s());
        let moves_time = self.rules.deletion_moves_update_time;
        self.check_own(account, room, id)?;
        let the_room = self.room_of_mut(account, room)?;
        let message = the_room.message_mut(id).ok_or(SandboxError::UnknownMessage)?;
        let lost = std::mem::replace(&mut message.body, DELETED.into());
        message.deleted = true;
        message.mentions.clear();
        if moves_time {
            message.update_time = now_s;
        }
        the_room.versions.push(Version {
            at_ms: now_ms,
            kind: ChangeKind::Deleted,
            message: id,
            account,
            body: lost,
        });
        if self.rules.webhook_on_delete {
            self.announce(&Event::Updated { room, message: id, mentioned: &[] });
        }
        Ok(())
    }

    /// The message is gone without a trace, as no documented way makes it.
    pub(crate) fn vanish(&mut self, room: u64, id: u64) -> Result<(), SandboxError> {
        let at_ms = self.now_ms;
        let room = self.rooms.get_mut(&room).ok_or(SandboxError::UnknownRoom)?;
        let place = room.messages.binary_search_by_key(&id, |it| it.id);
        let message = room.messages.remove(place.map_err(|_| SandboxError::UnknownMessage)?);
        room.versions.push(Version {
            at_ms,
            kind: ChangeKind::Deleted,
            message: id,
            account: message.account,
            body: message.body,
        });
        Ok(())
    }

    fn check_own(&self, account: u64, room: u64, id: u64) -> Result<(), SandboxError> {
        let message = self.room_of(account, room)?.message(id).ok_or(SandboxError::UnknownMessage)?;
        if message.account != account {
            return Err(SandboxError::Forbidden);
        }
        if message.deleted {
            return Err(SandboxError::Invalid("the message is deleted"));
        }
        Ok(())
    }

    /// Which members a body mentions.
    fn mentioned(&self, room: &Room, body: &str) -> Vec<u64> {
        let mentions = notation::mentions(body);
        let all = mentions.all && self.rules.toall_mentions;
        room.members.keys().copied().filter(|it| all || mentions.accounts.contains(it)).collect()
    }

    /// Counts a body against the bound of all of them.
    pub(crate) fn add_body(&mut self, body: &str) -> Result<(), SandboxError> {
        if self.body_bytes + body.len() > self.limits.body_bytes {
            return Err(SandboxError::Full("bodies"));
        }
        self.body_bytes += body.len();
        Ok(())
    }
}

/// 1 to 65,535 characters.
pub(crate) fn check_body(body: &str) -> Result<(), SandboxError> {
    if body.is_empty() {
        return Err(SandboxError::Invalid("Parameter 'body' is required"));
    }
    if body.chars().count() > MAX_BODY_CHARS {
        return Err(SandboxError::Invalid("Parameter 'body' is too long"));
    }
    Ok(())
}

/// 1 to 255 characters.
pub(crate) fn check_name(name: &str) -> Result<(), SandboxError> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(SandboxError::Invalid("a name has 1 to 255 characters"));
    }
    Ok(())
}
