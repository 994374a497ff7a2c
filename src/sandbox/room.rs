//! What a room holds: members, messages with their true history, tasks, files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::{Change, ChangeKind, Post, Role, RoomKind};
use super::files::StoredFile;
use super::quota::RecentPosts;
use super::tasks::Task;

/// The body of every deleted message.
pub(crate) const DELETED: &str = "[deleted]";

pub(crate) struct Room {
    pub(crate) id: u64,
    pub(crate) kind: RoomKind,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) members: BTreeMap<u64, Member>,
    /// Ascending by id.
    pub(crate) messages: Vec<Message>,
    pub(crate) versions: Vec<Version>,
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) files: BTreeMap<u64, StoredFile>,
    /// Unix seconds.
    pub(crate) last_update_time: i64,
    pub(crate) recent_posts: RecentPosts,
    /// Gone for everybody; only the history stays.
    pub(crate) deleted: bool,
    /// The list of rooms shows it in a form that is not the documented one.
    pub(crate) broken: bool,
}

pub(crate) struct Member {
    pub(crate) role: Role,
    /// Everything up to this message is read.
    pub(crate) read_upto: u64,
    /// The server-side cursor of `force=0`.
    pub(crate) fetched_upto: u64,
}

pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) account: u64,
    pub(crate) body: Arc<str>,
    pub(crate) send_time: i64,
    pub(crate) update_time: i64,
    pub(crate) deleted: bool,
    pub(crate) by_api: bool,
    /// An own post that its author wanted to see as unread.
    pub(crate) self_unread: bool,
    /// The API shows it in a form that is not the documented one.
    pub(crate) broken: bool,
    /// Members that the body mentions.
    pub(crate) mentions: Vec<u64>,
}

/// One line of the true history.
pub(crate) struct Version {
    pub(crate) at_ms: i64,
    pub(crate) kind: ChangeKind,
    pub(crate) message: u64,
    pub(crate) account: u64,
    pub(crate) body: Arc<str>,
}

/// Unread messages of one account in one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) all: u64,
    pub(crate) mentions: u64,
}

impl Room {
    pub(crate) fn message(&self, id: u64) -> Option<&Message> {
        self.messages.binary_search_by_key(&id, |it| it.id).ok().map(|at| &self.messages[at])
    }

    pub(crate) fn message_mut(&mut self, id: u64) -> Option<&mut Message> {
        self.messages.binary_search_by_key(&id, |it| it.id).ok().map(|at| &mut self.messages[at])
    }

    /// Id of the newest message; 0 in an empty room.
    pub(crate) fn newest(&self) -> u64 {
        self.messages.last().map_or(0, |it| it.id)
    }

    pub(crate) fn unread(&self, account: u64) -> Unread {
        let read_upto = self.members.get(&account).map_or(u64::MAX, |it| it.read_upto);
        let mut unread = Unread::default();
        for message in self.messages.iter().rev().take_while(|it| it.id > read_upto) {
            if message.account == account && !message.self_unread {
                continue;
            }
            unread.all += 1;
            unread.mentions += u64::from(message.mentions.contains(&account));
        }
        unread
    }

    /// Open tasks of one account.
    pub(crate) fn open_tasks(&self, account: u64) -> u64 {
        self.tasks.values().filter(|it| it.assignee == account && !it.done).count() as u64
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.messages.iter().map(Message::post).collect()
    }

    pub(crate) fn history(&self) -> Vec<Change> {
        self.versions
            .iter()
            .map(|it| Change {
                at_ms: it.at_ms,
                kind: it.kind,
                message_id: it.message.to_string(),
                account_id: it.account,
                body: it.body.to_string(),
            })
            .collect()
    }
}

impl Message {
    pub(crate) fn post(&self) -> Post {
        Post {
            message_id: self.id.to_string(),
            account_id: self.account,
            body: self.body.to_string(),
            send_time: self.send_time,
            update_time: self.update_time,
            deleted: self.deleted,
            by_api: self.by_api,
        }
    }
}
