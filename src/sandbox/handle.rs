//! The control surface for code in the same process: people's hands, webhook settings, bad days, and what can be asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::config::Now;
use super::deliver;
use super::error::SandboxError;
use super::facts::{AccountInfo, ApiCalls, Change, Delivery, Post, Role, RoomKind, WebhookInfo, WebhookKind};
use super::fault::Fault;
use super::notation;
use super::room::Room;
use super::state::{Draft, State};
use super::tasks::NewTask;

/// Steers a running sandbox; cheap to clone. After the sandbox has stopped it still answers questions.
#[derive(Clone)]
pub struct SandboxHandle(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    now: Now,
    /// Milliseconds by which the sandbox is ahead of its clock.
    ahead_ms: AtomicI64,
    addr: SocketAddr,
    client: Client,
    runtime: Handle,
    pending: watch::Sender<usize>,
    stopped: watch::Sender<bool>,
}

impl SandboxHandle {
    pub(crate) fn new(state: State, now: Now, addr: SocketAddr, client: Client, runtime: Handle) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            now,
            ahead_ms: AtomicI64::new(0),
            addr,
            client,
            runtime,
            pending: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        }))
    }

    /// Works on the state under the lock, then starts whatever deliveries became due.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let inner = &self.0;
        let (result, pumps) = {
            // A panic in a test's thread must not hide the state from the other assertions.
            let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.now_ms = self.now_ms();
            let result = work(&mut state);
            if *inner.stopped.borrow() {
                state.drop_webhooks();
            }
            let pumps = state.take_pumps();
            let n_pending = state.hooks.n_pending;
            // Inside the lock, so that the numbers arrive in the order in which they were true.
            inner.pending.send_if_modified(|it| std::mem::replace(it, n_pending) != n_pending);
            (result, pumps)
        };
        for setting in pumps {
            inner.runtime.spawn(deliver::pump(self.clone(), setting));
        }
        result
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.0.stopped.subscribe()
    }

    /// Ends listening and sending.
    pub(crate) fn stop(&self) {
        self.0.stopped.send_replace(true);
        self.with(|_| ());
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// The base address of the API, `http://ADDR/v2`.
    pub fn api_base(&self) -> String {
        format!("http://{}/v2", self.0.addr)
    }

    /// The sandbox' time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.0.now)().saturating_add(self.0.ahead_ms.load(Ordering::SeqCst))
    }

    /// Puts the sandbox' time forward (or back), on top of its clock. Returns the new time.
    pub fn advance(&self, ms: i64) -> i64 {
        let ahead_ms = self.0.ahead_ms.load(Ordering::SeqCst).saturating_add(ms);
        self.0.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        self.now_ms()
    }

    // People and rooms.

    /// A new account with its API token and its My Chat.
    pub fn create_account(&self, name: &str) -> Result<AccountInfo, SandboxError> {
        self.with(|state| {
            let id = state.create_account(name)?;
            let account = state.account(id)?;
            Ok(AccountInfo {
                account_id: id,
                api_token: account.api_token.clone(),
                my_room_id: account.my_room,
                name: account.name.clone(),
            })
        })
    }

    /// On the free plan an account sees only the last 40 days, and the API says so in headers.
    pub fn set_free_plan(&self, account_id: u64, free: bool) -> Result<(), SandboxError> {
        self.with(|state| {
            state
                .accounts
                .get_mut(&account_id)
                .map(|it| it.free_plan = free)
                .ok_or(SandboxError::UnknownAccount)
        })
    }

    /// A room without any message. A direct room has two members.
    pub fn create_room(
        &self,
        kind: RoomKind,
        name: &str,
        members: &[(u64, Role)],
    ) -> Result<u64, SandboxError> {
        if kind == RoomKind::My {
            return Err(SandboxError::Invalid("every account has its My Chat already"));
        }
        self.with(|state| state.create_room(kind, name, members))
    }

    pub fn add_member(&self, room_id: u64, account_id: u64, role: Role) -> Result<(), SandboxError> {
        self.with(|state| state.add_member(room_id, account_id, role))
    }

    /// The account leaves by itself (`by` is `None`) or an administrator puts it out.
    pub fn remove_member(&self, room_id: u64, account_id: u64, by: Option<u64>) -> Result<(), SandboxError> {
        self.with(|state| state.remove_member(room_id, account_id, by))
    }

    /// Deletes the room with all that is in it; no message and no webhook tells of it.
    pub fn delete_room(&self, room_id: u64) -> Result<(), SandboxError> {
        self.with(|state| state.delete_room(room_id))
    }

    /// An account gets another name; no room is told.
    pub fn rename_account(&self, account_id: u64, name: &str) -> Result<(), SandboxError> {
        self.with(|state| state.rename_account(account_id, name))
    }

    /// A group room gets another name, and says so.
    pub fn rename_room(&self, room_id: u64, name: &str) -> Result<(), SandboxError> {
        self.with(|state| state.rename_room(room_id, name))
    }

    /// A group room gets another description, and says so.
    pub fn describe_room(&self, room_id: u64, description: &str) -> Result<(), SandboxError> {
        self.with(|state| state.describe_room(room_id, description))
    }

    /// A member of a group room may do more or less, and the room says so.
    pub fn set_role(&self, room_id: u64, account_id: u64, role: Role) -> Result<(), SandboxError> {
        self.with(|state| state.set_role(room_id, account_id, role))
    }

    // What people write.

    /// Posts by hand, outside the API's limits. Returns the message id, about 19 digits.
    pub fn post(&self, account_id: u64, room_id: u64, body: &str) -> Result<String, SandboxError> {
        let draft = Draft {
            account: account_id,
            room: room_id,
            body,
            by_api: false,
            self_unread: false,
            system: false,
        };
        self.with(|state| state.post(&draft)).map(|id| id.to_string())
    }

    /// The author changes a message.
    pub fn edit(&self, room_id: u64, message_id: &str, body: &str) -> Result<(), SandboxError> {
        self.with(|state| {
            let (account, id) = author(state, room_id, message_id)?;
            state.edit(account, room_id, id, body)
        })
    }

    /// The author deletes a message.
    pub fn delete(&self, room_id: u64, message_id: &str) -> Result<(), SandboxError> {
        self.with(|state| {
            let (account, id) = author(state, room_id, message_id)?;
            state.delete(account, room_id, id)
        })
    }

    /// The message is gone without a trace: neither its author nor a documented call does that.
    pub fn vanish(&self, room_id: u64, message_id: &str) -> Result<(), SandboxError> {
        let id = parse_message_id(message_id)?;
        self.with(|state| state.vanish(room_id, id))
    }

    /// From now on the API shows the message with a field of the wrong type.
    pub fn break_message(&self, room_id: u64, message_id: &str) -> Result<(), SandboxError> {
        let id = parse_message_id(message_id)?;
        self.with(|state| {
            let room = state.rooms.get_mut(&room_id).ok_or(SandboxError::UnknownRoom)?;
            room.message_mut(id).map(|it| it.broken = true).ok_or(SandboxError::UnknownMessage)
        })
    }

    /// From now on the API shows the room in a form that is not the documented one.
    pub fn break_room(&self, room_id: u64) -> Result<(), SandboxError> {
        self.with(|state| {
            state.rooms.get_mut(&room_id).map(|it| it.broken = true).ok_or(SandboxError::UnknownRoom)
        })
    }

    /// `by` gives tasks to others, and the room says so; `limit` is Unix seconds. Returns the task ids.
    pub fn add_task(
        &self,
        by: u64,
        room_id: u64,
        assignees: &[u64],
        body: &str,
        limit: Option<i64>,
    ) -> Result<Vec<u64>, SandboxError> {
        let limit_type = if limit.is_some() { "date" } else { "none" };
        let task = NewTask { by, room: room_id, assignees, body, limit: limit.unwrap_or(0), limit_type };
        self.with(|state| state.add_tasks(&task))
    }

    pub fn set_task_done(&self, by: u64, room_id: u64, task_id: u64, done: bool) -> Result<(), SandboxError> {
        self.with(|state| state.set_task_done(by, room_id, task_id, done))
    }

    /// Whoever gave a task changes its text, and the room says so.
    pub fn edit_task(&self, by: u64, room_id: u64, task_id: u64, body: &str) -> Result<(), SandboxError> {
        self.with(|state| state.edit_task(by, room_id, task_id, body))
    }

    /// Uploads a file, with a caption or "". Returns the file id.
    pub fn add_file(
        &self,
        by: u64,
        room_id: u64,
        filename: &str,
        content: &[u8],
        caption: &str,
    ) -> Result<u64, SandboxError> {
        self.with(|state| state.add_file(by, room_id, filename, content, caption))
    }

    /// The uploader deletes a file; the message that announced it stays.
    pub fn delete_file(&self, room_id: u64, file_id: u64) -> Result<(), SandboxError> {
        self.with(|state| state.delete_file(room_id, file_id))
    }

    // Webhooks and bad days.

    /// A new webhook setting; `token` is base64 of 32 bytes, or chosen by the sandbox.
    pub fn add_webhook(
        &self,
        account_id: u64,
        url: &str,
        watches: WebhookKind,
        token: Option<&str>,
    ) -> Result<WebhookInfo, SandboxError> {
        self.with(|state| state.add_webhook(account_id, url, watches, token))
    }

    pub fn webhooks(&self) -> Vec<WebhookInfo> {
        self.with(|state| state.hooks.infos())
    }

    /// What a person does on the setting's edit page: 有効 or 無効.
    pub fn set_webhook_valid(&self, setting_id: &str, valid: bool) -> Result<(), SandboxError> {
        self.with(|state| state.hooks.set_valid(setting_id, valid))
    }

    pub fn set_fault(&self, fault: Fault) -> Result<(), SandboxError> {
        if let Some(flaw) = fault.flaw() {
            return Err(SandboxError::Invalid(flaw));
        }
        self.with(|state| {
            if state.faults.list().len() >= state.limits.faults {
                return Err(SandboxError::Full("faults"));
            }
            state.faults.add(fault);
            Ok(())
        })
    }

    /// Faults that can still strike, with what is left of their counts.
    pub fn faults(&self) -> Vec<Fault> {
        self.with(|state| state.faults.list().to_vec())
    }

    /// Ends all faults. Webhooks held back stay held until [`Self::release_webhooks`].
    pub fn clear_faults(&self) {
        self.with(|state| state.faults.clear());
    }

    /// Sends what a fault held back or was gathering; returns how many.
    pub fn release_webhooks(&self) -> usize {
        self.with(State::release_webhooks)
    }

    /// How many webhooks a fault holds back.
    pub fn held_webhooks(&self) -> usize {
        self.with(|state| state.hooks.n_held())
    }

    /// Waits until every webhook is delivered, failed or lost; those held back by a fault do not count.
    pub async fn idle(&self) {
        let mut pending = self.0.pending.subscribe();
        // The sender lives as long as `self`.
        let _ = pending.wait_for(|n| *n == 0).await;
    }

    // Questions.

    /// The messages of a room as they stand, oldest first; also of a deleted room.
    pub fn posts_in(&self, room_id: u64) -> Result<Vec<Post>, SandboxError> {
        self.in_room(room_id, Room::posts)
    }

    /// Every creation, edit and deletion in a room, in order; also of a deleted room.
    pub fn history(&self, room_id: u64) -> Result<Vec<Change>, SandboxError> {
        self.in_room(room_id, Room::history)
    }

    /// The messages that answer this one with `[rp …]`.
    pub fn replies_to(&self, room_id: u64, message_id: &str) -> Result<Vec<Post>, SandboxError> {
        let id = parse_message_id(message_id)?;
        let posts = self.posts_in(room_id)?;
        Ok(posts.into_iter().filter(|it| notation::replies_to(&it.body, room_id, id)).collect())
    }

    /// What became of the webhooks, oldest first, as far back as the log reaches.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.with(|state| state.hooks.deliveries())
    }

    pub fn api_calls(&self) -> ApiCalls {
        self.with(|state| state.calls.clone())
    }

    fn in_room<T>(&self, room_id: u64, ask: impl FnOnce(&Room) -> T) -> Result<T, SandboxError> {
        self.with(|state| state.rooms.get(&room_id).map(ask).ok_or(SandboxError::UnknownRoom))
    }
}

/// Who wrote a message, and its id as a number.
fn author(state: &State, room_id: u64, message_id: &str) -> Result<(u64, u64), SandboxError> {
    let id = parse_message_id(message_id)?;
    let room = state.rooms.get(&room_id).ok_or(SandboxError::UnknownRoom)?;
    let message = room.message(id).ok_or(SandboxError::UnknownMessage)?;
    Ok((message.account, id))
}

fn parse_message_id(text: &str) -> Result<u64, SandboxError> {
    text.parse().map_err(|_| SandboxError::UnknownMessage)
}
