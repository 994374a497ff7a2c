//! Webhook settings: which event goes to which, what waits, what was held back, and the log of deliveries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use super::config::WebhookOrder;
use super::error::SandboxError;
use super::facts::{Delivery, Outcome, WebhookInfo, WebhookKind};
use super::fault::WebhookFate;
use super::state::State;
use super::wire;

/// As on Chatwork.
const SETTINGS_PER_ACCOUNT: usize = 5;
const MAX_URL_BYTES: usize = 2_000;
const FIRST_SETTING: u64 = 10_000;
/// Deliveries of one setting under way at once, when the order does not matter.
const UNORDERED_AT_ONCE: usize = 8;

/// What happened, as far as webhooks are concerned.
pub(crate) enum Event<'a> {
    Created { room: u64, message: u64, mentioned: &'a [u64] },
    Updated { room: u64, message: u64, mentioned: &'a [u64] },
}

pub(crate) struct Setting {
    id: String,
    account: u64,
    url: Url,
    token: [u8; 32],
    watches: WebhookKind,
    valid: bool,
    /// Failures since the last success.
    n_errors: u32,
    queue: VecDeque<Job>,
    /// Tasks that are emptying the queue.
    n_pumps: usize,
}

/// One webhook to be sent.
#[derive(Clone)]
pub(crate) struct Job {
    setting: u64,
    event_type: &'static str,
    room: u64,
    message: u64,
    pub(crate) body: Arc<str>,
}

/// A job with what its setting says at the moment of sending.
pub(crate) struct Shipment {
    pub(crate) job: Job,
    pub(crate) url: Url,
    pub(crate) token: [u8; 32],
}

#[derive(Default)]
pub(crate) struct Hooks {
    settings: BTreeMap<u64, Setting>,
    held: Vec<Job>,
    gathered: Vec<Job>,
    log: VecDeque<Delivery>,
    n_logged: u64,
    /// In a queue or under way.
    pub(crate) n_pending: usize,
}

impl State {
    /// `token`: 32 bytes in base64, or chosen by the sandbox.
    pub(crate) fn add_webhook(
        &mut self,
        account: u64,
        url: &str,
        watches: WebhookKind,
        token: Option<&str>,
    ) -> Result<WebhookInfo, SandboxError> {
        self.account(account)?;
        if let WebhookKind::Room { room_id, .. } = watches {
            self.room_of(account, room_id)?;
        }
        if self.hooks.settings.values().filter(|it| it.account == account).count() >= SETTINGS_PER_ACCOUNT {
            return Err(SandboxError::Full("5 webhook settings for each account"));
        }
        let url = check_url(url, self.rules.allow_remote_webhooks)?;
        let token = match token {
            Some(text) => STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .ok_or(SandboxError::Invalid("'token' must be base64 of 32 bytes"))?,
            None => self.dice.bytes32(),
        };
        let key = FIRST_SETTING + self.next_minor();
        let setting = Setting {
            id: key.to_string(),
            account,
            url,
            token,
            watches,
            valid: true,
            n_errors: 0,
            queue: VecDeque::new(),
            n_pumps: 0,
        };
        let info = setting.info();
        self.hooks.settings.insert(key, setting);
        Ok(info)
    }

    /// Writes the webhooks of an event and lets the faults have their way with them.
    pub(crate) fn announce(&mut self, event: &Event<'_>) {
        let (room, message, mentioned, updated) = match *event {
            Event::Created { room, message, mentioned } => (room, message, mentioned, false),
            Event::Updated { room, message, mentioned } => (room, message, mentioned, true),
        };
        let Some(the_room) = self.rooms.get(&room) else { return };
        let Some(the_message) = the_room.message(message) else { return };
        let mut jobs = Vec::new();
        for (key, setting) in &self.hooks.settings {
            // A webhook needs its owner to take part in the room.
            if !the_room.members.contains_key(&setting.account) {
                continue;
            }
            let event_type = match setting.watches {
                WebhookKind::Account => {
                    let heard =
                        mentioned.contains(&setting.account) && the_message.account != setting.account;
                    heard.then_some("mention_to_me")
                }
                WebhookKind::Room { room_id, created, updated: edits } if room_id == room => {
                    if updated {
                        edits.then_some("message_updated")
                    } else {
                        created.then_some("message_created")
                    }
                }
                WebhookKind::Room { .. } => None,
            };
            let Some(event_type) = event_type else { continue };
            let body =
                wire::webhook_body(&setting.id, event_type, self.now_s(), room, the_message, setting.account);
            jobs.push((
                setting.id.clone(),
                Job { setting: *key, event_type, room, message, body: body.into() },
            ));
        }
        for (id, job) in jobs {
            match self.faults.for_webhook(&id) {
                WebhookFate::Sent => self.enqueue(job),
                WebhookFate::Doubled => {
                    self.enqueue(job.clone());
                    self.enqueue(job);
                }
                WebhookFate::Lost => self.log_delivery(&job, Outcome::Lost, None),
                WebhookFate::Held if self.has_place() => self.hooks.held.push(job),
                WebhookFate::Gathered(last) if self.has_place() => {
                    self.hooks.gathered.push(job);
                    if last {
                        self.send_gathered();
                    }
                }
                WebhookFate::Held | WebhookFate::Gathered(_) => self.log_delivery(&job, Outcome::Lost, None),
            }
        }
    }

    /// Sends what was held back, in its order; returns how many.
    pub(crate) fn release_webhooks(&mut self) -> usize {
        let held = std::mem::take(&mut self.hooks.held);
        let n_released = held.len() + self.hooks.gathered.len();
        for job in held {
            self.enqueue(job);
        }
        self.send_gathered();
        n_released
    }

    /// Loses everything that waits: the sandbox is closing.
    pub(crate) fn drop_webhooks(&mut self) {
        let mut waiting: Vec<Job> = std::mem::take(&mut self.hooks.held);
        waiting.append(&mut self.hooks.gathered);
        for setting in self.hooks.settings.values_mut() {
            self.hooks.n_pending -= setting.queue.len();
            waiting.extend(setting.queue.drain(..));
        }
        for job in waiting {
            self.log_delivery(&job, Outcome::Lost, None);
        }
    }

    fn send_gathered(&mut self) {
        let gathered = std::mem::take(&mut self.hooks.gathered);
        for job in gathered.into_iter().rev() {
            self.enqueue(job);
        }
    }

    fn has_place(&self) -> bool {
        let hooks = &self.hooks;
        hooks.n_pending + hooks.held.len() + hooks.gathered.len() < self.limits.pending_webhooks
    }

    fn enqueue(&mut self, job: Job) {
        let has_place = self.has_place();
        let outcome = match self.hooks.settings.get_mut(&job.setting) {
            Some(setting) if !setting.valid => Outcome::SettingInvalid,
            Some(setting) if has_place => {
                setting.queue.push_back(job);
                self.hooks.n_pending += 1;
                return;
            }
            _ => Outcome::Lost,
        };
        self.log_delivery(&job, outcome, None);
    }

    /// Settings that need another task to empty their queue; each is counted as started.
    pub(crate) fn take_pumps(&mut self) -> Vec<u64> {
        let at_once = match self.rules.webhook_order {
            WebhookOrder::Fifo => 1,
            WebhookOrder::Unordered => UNORDERED_AT_ONCE,
        };
        let mut pumps = Vec::new();
        if self.hooks.n_pending == 0 {
            return pumps;
        }
        for (key, setting) in &mut self.hooks.settings {
            // Never more than there is to send; one too many only finds an empty queue.
            let n_more = at_once.saturating_sub(setting.n_pumps).min(setting.queue.len());
            setting.n_pumps += n_more;
            pumps.extend(std::iter::repeat_n(*key, n_more));
        }
        pumps
    }

    /// The next webhook of a setting; `None` ends the task that asks.
    pub(crate) fn next_shipment(&mut self, key: u64) -> Option<Shipment> {
        loop {
            let setting = self.hooks.settings.get_mut(&key)?;
            let Some(job) = setting.queue.pop_front() else {
                setting.n_pumps -= 1;
                return None;
            };
            if setting.valid {
                return Some(Shipment { job, url: setting.url.clone(), token: setting.token });
            }
            self.hooks.n_pending -= 1;
            self.log_delivery(&job, Outcome::SettingInvalid, None);
        }
    }

    /// Notes how a delivery ended, and makes the setting invalid after too many errors.
    pub(crate) fn finish_shipment(&mut self, job: &Job, outcome: Outcome, status: Option<u16>) {
        self.hooks.n_pending -= 1;
        let threshold = self.rules.webhook_errors_to_invalid;
        if let Some(setting) = self.hooks.settings.get_mut(&job.setting) {
            if outcome == Outcome::Delivered {
                setting.n_errors = 0;
            } else {
                setting.n_errors = setting.n_errors.saturating_add(1);
                setting.valid &= threshold.is_none_or(|it| setting.n_errors < it);
            }
        }
        self.log_delivery(job, outcome, status);
    }

    fn log_delivery(&mut self, job: &Job, outcome: Outcome, status: Option<u16>) {
        let hooks = &mut self.hooks;
        hooks.n_logged += 1;
        while hooks.log.len() >= self.limits.deliveries.max(1) {
            hooks.log.pop_front();
        }
        hooks.log.push_back(Delivery {
            n: hooks.n_logged,
            at_ms: self.now_ms,
            setting_id: job.setting.to_string(),
            event_type: job.event_type,
            room_id: job.room,
            message_id: job.message.to_string(),
            outcome,
            status,
        });
    }
}

impl Hooks {
    pub(crate) fn infos(&self) -> Vec<WebhookInfo> {
        self.settings.values().map(Setting::info).collect()
    }

    /// What a person does on the setting's edit page.
    pub(crate) fn set_valid(&mut self, setting_id: &str, valid: bool) -> Result<(), SandboxError> {
        let setting = setting_id.parse().ok().and_then(|key: u64| self.settings.get_mut(&key));
        let setting = setting.ok_or(SandboxError::UnknownWebhook)?;
        setting.valid = valid;
        setting.n_errors = 0;
        Ok(())
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.log.iter().cloned().collect()
    }

    /// Held back by a fault.
    pub(crate) fn n_held(&self) -> usize {
        self.held.len() + self.gathered.len()
    }
}

impl Setting {
    fn info(&self) -> WebhookInfo {
        WebhookInfo {
            setting_id: self.id.clone(),
            token: STANDARD.encode(self.token),
            account_id: self.account,
            watches: self.watches,
            url: self.url.as_str().to_owned(),
            valid: self.valid,
        }
    }
}

/// Real Chatwork wants https; here it is plain http, and by default only to this machine.
fn check_url(text: &str, remote_allowed: bool) -> Result<Url, SandboxError> {
    if text.len() > MAX_URL_BYTES {
        return Err(SandboxError::Invalid("'url' is too long"));
    }
    let url = Url::parse(text).map_err(|_| SandboxError::Invalid("'url' is not an address"))?;
    if url.scheme() != "http" {
        return Err(SandboxError::Invalid("'url' must begin with http://"));
    }
    // IPv6 addresses come in brackets.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_loopback && !remote_allowed {
        return Err(SandboxError::Invalid("'url' must point to this machine"));
    }
    Ok(url)
}
