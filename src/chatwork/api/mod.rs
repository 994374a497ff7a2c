//! The client of Chatwork's API v2: one attempt for each call, typed errors, the announced rate limit.
//!
//! Never: retries, sleeps, follows a redirect, uses the system's proxy, fetches with `force=0` (a cursor on the server
//! that loses messages at a crash), deletes or leaves a room, touches members, invitation links or contacts.

mod address;
mod download;
mod error;
mod exchange;
mod limits;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Url, redirect, retry};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::chatwork::wire::{ApiMessage, File, Me, Member, Room, Task};
use crate::domain::{AccountId, Clock, MessageId, RoomId, UtcMillis};

pub use download::{Download, DownloadError, Downloads};
pub use error::{BuildError, Cause, Error};
use exchange::Intent;
pub use exchange::{MAX_ANSWER, MAX_PAGE};
pub use limits::Limits;
use limits::Told;

/// Connections idle for longer are not used again: a server may just be closing them, which would make the outcome of
/// a post uncertain.
const IDLE: Duration = Duration::from_secs(15);

/// Time limits of a call, from the first byte of the connection to the last of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub read: Duration,
    /// Of a post of a message. A claim on the outbox must be held for longer than this.
    pub post: Duration,
    /// Of any other write.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(2500),
            read: Duration::from_secs(20),
            post: Duration::from_secs(3),
            write: Duration::from_secs(10),
        }
    }
}

/// The client. Clones share connections and what is known of the rate limit.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: Arc<Url>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    told: Arc<Mutex<Told>>,
}

/// A message, a room or a member with the JSON text that it was read from, byte for byte: evidence is what was received.
#[derive(Clone, PartialEq, Eq)]
pub struct Read<T> {
    pub value: T,
    pub raw: String,
}

impl<T: std::fmt::Debug> std::fmt::Debug for Read<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: DeserializeOwned> Read<T> {
    fn parse(raw: Box<RawValue>) -> Result<Self, (String, serde_json::Error)> {
        let raw = String::from(Box::<str>::from(raw));
        match serde_json::from_str(&raw) {
            Ok(value) => Ok(Self { value, raw }),
            Err(error) => Err((raw, error)),
        }
    }
}

/// The newest messages of a room, at most 100.
#[derive(Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// By time, then by id.
    pub messages: Vec<Read<ApiMessage>>,
    /// JSON texts of elements that are not messages as documented: one of them must not hide the others.
    pub unreadable: Vec<String>,
    /// Part or all of the window is hidden by the plan of the token's account.
    pub limited: bool,
}

/// What `GET /rooms` showed.
#[derive(Default)]
pub struct RoomList {
    pub rooms: Vec<Read<Room>>,
    /// Elements that are not rooms as documented: one of them must not hide the others.
    pub unreadable: u64,
}

impl std::fmt::Debug for MessagePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessagePage")
            .field("messages", &self.messages.len())
            .field("unreadable", &self.unreadable.len())
            .field("limited", &self.limited)
            .finish()
    }
}

/// A file with the address of its content.
#[derive(Clone)]
pub struct FileLink {
    pub file: File,
    /// Dead after 30 seconds; whoever knows it can fetch the file, without the token.
    pub url: SecretString,
}

#[derive(Deserialize)]
struct Posted {
    message_id: String,
}

#[derive(Deserialize)]
struct PostedTasks {
    task_ids: Vec<u64>,
}

impl Api {
    /// `base` as in `https://api.chatwork.com/v2`. The process must have installed its TLS provider.
    pub fn new(base: &str, token: SecretString, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        Self::with_timeouts(base, token, clock, Timeouts::default())
    }

    pub fn with_timeouts(
        base: &str,
        token: SecretString,
        clock: Arc<dyn Clock>,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        let base = Url::parse(base).map_err(|_| BuildError::Base)?;
        let plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !plain {
            return Err(BuildError::Base);
        }
        let mut token = HeaderValue::from_str(token.expose_secret()).map_err(|_| BuildError::Token)?;
        if token.is_empty() {
            return Err(BuildError::Token);
        }
        token.set_sensitive(true);
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(BuildError::NoTlsProvider);
        }
        let client = client_builder(timeouts)?
            .default_headers(HeaderMap::from_iter([(TOKEN_HEADER, token)]))
            .timeout(timeouts.read)
            .build()
            .map_err(BuildError::Client)?;
        Ok(Self { client, base: Arc::new(base), clock, timeouts, told: Arc::default() })
    }

    /// Host and scheme of the API: files may also be fetched from there.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The client for the links of [`Api::file_download_url`]: it shares nothing with this one, least of all the token.
    pub fn downloads(&self) -> Result<Downloads, BuildError> {
        Downloads::new(&self.base, self.timeouts)
    }

    pub async fn me(&self) -> Result<Me, Error> {
        self.read(&["me"], &[]).await?.json()
    }

    /// All rooms of the account, without their descriptions.
    pub async fn rooms(&self) -> Result<RoomList, Error> {
        let raws: Vec<Box<RawValue>> = self.read(&["rooms"], &[]).await?.list()?;
        let mut list = RoomList::default();
        for raw in raws {
            match Read::parse(raw) {
                Ok(read) => list.rooms.push(read),
                Err(_) => list.unreadable += 1,
            }
        }
        Ok(list)
    }

    /// A room with its description.
    pub async fn room(&self, room: RoomId) -> Result<Read<Room>, Error> {
        self.read_one(&["rooms", &room.to_string()]).await
    }

    pub async fn members(&self, room: RoomId) -> Result<Vec<Read<Member>>, Error> {
        self.read_list(&["rooms", &room.to_string(), "members"], &[]).await
    }

    /// The newest messages, whatever was fetched before.
    pub async fn messages(&self, room: RoomId) -> Result<MessagePage, Error> {
        let url = self.url(&["rooms", &room.to_string(), "messages"]);
        let request = self.client.get(url).query(&[("force", "1")]);
        let answer = self.exchange(request, Intent::Read, MAX_PAGE).await?;
        let raws: Vec<Box<RawValue>> = answer.list()?;
        let mut page = MessagePage { messages: Vec::new(), unreadable: Vec::new(), limited: answer.limited };
        for raw in raws {
            match Read::parse(raw) {
                Ok(read) => page.messages.push(read),
                Err((raw, _)) => page.unreadable.push(raw),
            }
        }
        // The order of the answer is not documented.
        page.messages.sort_by(|a, b| {
            let (a, b) = (&a.value, &b.value);
            a.send_time.cmp(&b.send_time).then_with(|| a.message_id.cmp(&b.message_id))
        });
        Ok(page)
    }

    pub async fn message(&self, room: RoomId, message: &MessageId) -> Result<Read<ApiMessage>, Error> {
        self.read_one(&["rooms", &room.to_string(), "messages", message.as_str()]).await
    }

    /// The open or the done tasks of a room, at most 100.
    pub async fn tasks(&self, room: RoomId, done: bool) -> Result<Vec<Read<Task>>, Error> {
        let status = if done { "done" } else { "open" };
        self.read_list(&["rooms", &room.to_string(), "tasks"], &[("status", status)]).await
    }

    /// The files of a room, at most 100.
    pub async fn files(&self, room: RoomId) -> Result<Vec<Read<File>>, Error> {
        self.read_list(&["rooms", &room.to_string(), "files"], &[]).await
    }

    /// A file and the address where its content can be fetched in the next 30 seconds.
    pub async fn file_download_url(&self, room: RoomId, file: u64) -> Result<FileLink, Error> {
        let path = ["rooms", &room.to_string(), "files", &file.to_string()];
        let answer = self.read(&path, &[("create_download_url", "1")]).await?;
        let mut file: File = answer.json()?;
        let url = file.download_url.take().ok_or_else(|| answer.unusable(Cause::Lacks("download_url")))?;
        Ok(FileLink { file, url: url.into() })
    }

    /// Posts a message. It stays unread for the account itself, since an own post that counts as read would make
    /// everything before it look read to the owner.
    pub async fn post_message(&self, room: RoomId, body: &str) -> Result<MessageId, Error> {
        let url = self.url(&["rooms", &room.to_string(), "messages"]);
        let request = self.client.post(url).timeout(self.timeouts.post);
        let request = request.form(&[("body", body), ("self_unread", "1")]);
        let answer = self.exchange(request, Intent::Write, MAX_ANSWER).await?;
        let posted: Posted = answer.json()?;
        MessageId::new(posted.message_id).ok_or_else(|| answer.unusable(Cause::Lacks("message_id")))
    }

    /// Replaces the text of one's own message.
    pub async fn edit_message(&self, room: RoomId, message: &MessageId, body: &str) -> Result<(), Error> {
        let url = self.url(&["rooms", &room.to_string(), "messages", message.as_str()]);
        self.write(self.client.put(url).form(&[("body", body)])).await
    }

    /// Deletes one's own message.
    pub async fn delete_message(&self, room: RoomId, message: &MessageId) -> Result<(), Error> {
        let url = self.url(&["rooms", &room.to_string(), "messages", message.as_str()]);
        self.write(self.client.delete(url)).await
    }

    /// Gives a task to each of `to`, with a limit to the second or none; returns the ids of the tasks.
    pub async fn post_task(
        &self,
        room: RoomId,
        body: &str,
        to: &[AccountId],
        limit: Option<UtcMillis>,
    ) -> Result<Vec<u64>, Error> {
        let to = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut form = vec![("body", body.to_owned()), ("to_ids", to)];
        match limit {
            Some(at) => {
                form.extend([("limit_type", "time".to_owned()), ("limit", (at.0 / 1000).to_string())])
            }
            None => form.push(("limit_type", "none".to_owned())),
        }
        let url = self.url(&["rooms", &room.to_string(), "tasks"]);
        let request = self.client.post(url).timeout(self.timeouts.write).form(&form);
        let posted: PostedTasks = self.exchange(request, Intent::Write, MAX_ANSWER).await?.json()?;
        Ok(posted.task_ids)
    }

    /// Marks a task as done.
    pub async fn finish_task(&self, room: RoomId, task: u64) -> Result<(), Error> {
        let path = ["rooms", &room.to_string(), "tasks", &task.to_string(), "status"];
        self.write(self.client.put(self.url(&path)).form(&[("body", "done")])).await
    }

    async fn read(&self, path: &[&str], query: &[(&str, &str)]) -> Result<exchange::Answer, Error> {
        self.exchange(self.client.get(self.url(path)).query(query), Intent::Read, MAX_ANSWER).await
    }

    async fn read_one<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Read<T>, Error> {
        let answer = self.read(path, &[]).await?;
        let raw = answer.json::<Box<RawValue>>()?;
        Read::parse(raw).map_err(|(_, error)| answer.unusable(Cause::shape(&error)))
    }

    async fn read_list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<Read<T>>, Error> {
        let answer = self.read(path, query).await?;
        let raws: Vec<Box<RawValue>> = answer.list()?;
        let parsed = raws.into_iter().map(Read::parse).collect::<Result<_, _>>();
        parsed.map_err(|(_, error)| answer.unusable(Cause::shape(&error)))
    }

    /// A write whose answer holds nothing that is needed.
    async fn write(&self, request: RequestBuilder) -> Result<(), Error> {
        self.exchange(request.timeout(self.timeouts.write), Intent::Write, MAX_ANSWER).await.map(|_| ())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = Url::clone(&self.base);
        // Fails only for addresses that have no path at all, which `with_timeouts` refuses.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

/// What all clients have in common: no proxy, no redirect, no second attempt, no token.
fn client_builder(timeouts: Timeouts) -> Result<ClientBuilder, BuildError> {
    // The system's certificates with the bundled ones: some machines have none, some companies add their own.
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|it| Certificate::from_der(it))
        .collect::<Result<Vec<_>, _>>()
        .map_err(BuildError::Client)?;
    Ok(Client::builder()
        .user_agent(concat!("karibarai/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(roots)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(IDLE))
}

const TOKEN_HEADER: reqwest::header::HeaderName = reqwest::header::HeaderName::from_static("x-chatworktoken");

/// The address only.
impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
