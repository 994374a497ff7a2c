//! Files: uploading by hand, listing, and addresses that die after 30 seconds.

use std::collections::VecDeque;

use super::api::{Answer, Call};
use super::error::SandboxError;
use super::facts::Role;
use super::notation;
use super::state::{Draft, State, check_name};
use super::wire::{FileJson, Person};

const FIRST_FILE: u64 = 1_300_000_000;
/// As documented: 5 MB.
const MAX_FILE_BYTES: usize = 5 << 20;
const MAX_LISTED: usize = 100;
/// As documented: 30 seconds.
const GRANT_MS: i64 = 30_000;
/// More live addresses are not kept: the oldest dies early.
const MAX_GRANTS: usize = 1_000;

pub(crate) struct StoredFile {
    pub(crate) id: u64,
    pub(crate) account: u64,
    pub(crate) message: u64,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    pub(crate) upload_time: i64,
}

/// Download addresses that are still alive.
#[derive(Default)]
pub(crate) struct Grants(VecDeque<Grant>);

struct Grant {
    key: String,
    room: u64,
    file: u64,
    given_ms: i64,
}

impl State {
    /// Uploads, and the room says so.
    pub(crate) fn add_file(
        &mut self,
        by: u64,
        room: u64,
        name: &str,
        content: &[u8],
        caption: &str,
    ) -> Result<u64, SandboxError> {
        check_name(name)?;
        let the_room = self.room_of(by, room)?;
        if the_room.members.get(&by).is_none_or(|it| it.role == Role::Readonly) {
            return Err(SandboxError::Forbidden);
        }
        if content.len() > MAX_FILE_BYTES {
            return Err(SandboxError::Invalid("a file has 5 MB at most"));
        }
        if the_room.files.len() >= self.limits.files_per_room
            || self.file_bytes + content.len() > self.limits.file_bytes
        {
            return Err(SandboxError::Full("files"));
        }
        let id = FIRST_FILE + self.next_minor();
        let body = notation::file_uploaded(id, name, content.len(), caption);
        let draft = Draft { account: by, room, body: &body, by_api: false, self_unread: false, system: true };
        let message = self.post(&draft)?;
        let upload_time = self.now_s();
        self.file_bytes += content.len();
        let file = StoredFile {
            id,
            account: by,
            message,
            name: name.to_owned(),
            content: content.to_vec(),
            upload_time,
        };
        self.room_of_mut(by, room)?.files.insert(id, file);
        Ok(id)
    }

    pub(crate) fn delete_file(&mut self, room: u64, file: u64) -> Result<(), SandboxError> {
        let room = self.rooms.get_mut(&room).ok_or(SandboxError::UnknownRoom)?;
        let file = room.files.remove(&file).ok_or(SandboxError::UnknownFile)?;
        self.file_bytes -= file.content.len();
        Ok(())
    }

    /// What a download address leads to; nothing once it has died.
    pub(crate) fn download(&self, key: &str) -> Option<Vec<u8>> {
        let grant = self.grants.0.iter().find(|it| it.key == key)?;
        if !(0..GRANT_MS).contains(&self.now_ms.saturating_sub(grant.given_ms)) {
            return None;
        }
        let room = self.rooms.get(&grant.room)?;
        room.files.get(&grant.file).map(|it| it.content.clone())
    }

    fn grant(&mut self, room: u64, file: u64) -> String {
        let key = self.dice.hex_token();
        while self.grants.0.len() >= MAX_GRANTS {
            self.grants.0.pop_front();
        }
        self.grants.0.push_back(Grant { key: key.clone(), room, file, given_ms: self.now_ms });
        key
    }
}

impl StoredFile {
    fn json(&self, state: &State) -> Result<FileJson, SandboxError> {
        Ok(FileJson {
            file_id: self.id,
            account: Person::of(state.account(self.account)?),
            message_id: self.message.to_string(),
            filename: self.name.clone(),
            filesize: self.content.len(),
            upload_time: self.upload_time,
            download_url: None,
        })
    }
}

/// GET `/rooms/{room_id}/files`
pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let uploader: Option<u64> = call.query.number("account_id")?;
    let room = state.room_of(call.account, call.ids[0])?;
    let found: Vec<&StoredFile> =
        room.files.values().filter(|it| uploader.is_none_or(|wanted| wanted == it.account)).collect();
    let n_skipped = found.len().saturating_sub(MAX_LISTED);
    let files = found.into_iter().skip(n_skipped).map(|it| it.json(state));
    Ok(Answer::list(&files.collect::<Result<Vec<_>, _>>()?))
}

/// GET `/rooms/{room_id}/files/{file_id}`
pub(crate) fn one(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let [room, id] = call.ids;
    let wants_url = call.query.flag("create_download_url")?;
    let file = state.room_of(call.account, room)?.files.get(&id).ok_or(SandboxError::UnknownFile)?;
    let mut json = file.json(state)?;
    if wants_url {
        json.download_url = Some(format!("{}/_files/{}", call.origin, state.grant(room, id)));
    }
    Ok(Answer::json(200, &json))
}
