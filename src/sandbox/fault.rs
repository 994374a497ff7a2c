//! Bad days on request: which webhooks and which API calls go wrong, how, and how often.

use serde::{Deserialize, Serialize};

use super::dice::Dice;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The webhook is never sent.
    WebhookLost,
    /// The webhook is sent twice.
    WebhookDoubled,
    /// The webhook waits until `release_webhooks`.
    WebhookHeld,
    /// The next `next` webhooks are gathered and then sent last first.
    WebhookReordered,
    /// The API answers 429 without doing anything; the window is said to open again after so many seconds.
    RateLimited { reset_in_s: u32 },
    /// The API answers this status without doing anything; from 500 on with a page instead of JSON.
    Status { status: u16 },
    /// The API waits for so many milliseconds of real time (at most a minute), then goes on.
    Slow { ms: u32 },
    /// The API cuts the connection without doing anything.
    Refused,
    /// The API does what was asked, then cuts the connection.
    AnswerCut,
    /// The API does what was asked, then answers this status.
    AnswerReplaced { status: u16 },
    /// The API answers 200 with a page instead of JSON, without doing anything.
    WrongContent,
    /// A download has so many bytes: the content is cut off, or zeros follow it.
    FileSized { bytes: u32 },
    /// A download is sent elsewhere first.
    FileRedirected { to: RedirectTo },
}

/// Where a download is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTo {
    /// To the same content by another address of the sandbox.
    Moved,
    /// To itself, without end.
    Itself,
    /// To `https://10.0.0.1/`, an address of a private network.
    Private,
    /// To `http://192.0.2.1/`, which is not https.
    Plain,
}

impl FaultKind {
    fn is_file(self) -> bool {
        matches!(self, Self::FileSized { .. } | Self::FileRedirected { .. })
    }

    fn is_webhook(self) -> bool {
        matches!(self, Self::WebhookLost | Self::WebhookDoubled | Self::WebhookHeld | Self::WebhookReordered)
    }
}

/// A fault with its conditions; without any it strikes always, until `clear_faults`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Strikes so many times, then never again.
    #[serde(default)]
    pub next: Option<u32>,
    /// Strikes with this probability, from 0 to 1, thrown with the sandbox' seed.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Only API calls of this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only API calls whose path (after `/v2`) contains this.
    #[serde(default)]
    pub path: Option<String>,
    /// Only webhooks of this setting.
    #[serde(default)]
    pub setting_id: Option<String>,
}

impl Fault {
    /// Strikes always.
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, next: None, probability: None, method: None, path: None, setting_id: None }
    }

    /// Strikes `n` times.
    pub fn next(n: u32, kind: FaultKind) -> Self {
        Self { next: Some(n), ..Self::always(kind) }
    }

    /// Strikes with probability `p`, from 0 to 1.
    pub fn sometimes(p: f64, kind: FaultKind) -> Self {
        Self { probability: Some(p), ..Self::always(kind) }
    }

    /// Limits it to API calls of `method` whose path contains `path`.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Limits it to the webhooks of one setting.
    pub fn of_setting(mut self, setting_id: &str) -> Self {
        self.setting_id = Some(setting_id.to_owned());
        self
    }

    /// Why it makes no sense, if it does not.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        const FILTER_BYTES: usize = 200;
        let filters = [&self.method, &self.path, &self.setting_id];
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Some("'probability' must be from 0 to 1");
        }
        if filters.into_iter().flatten().any(|text| text.len() > FILTER_BYTES) {
            return Some("a filter is too long");
        }
        const DOWNLOAD_BYTES: u32 = 64 << 20;
        match self.kind {
            FaultKind::FileSized { bytes } if bytes > DOWNLOAD_BYTES => {
                Some("'bytes' must be 67108864 or less")
            }
            FaultKind::Status { status } | FaultKind::AnswerReplaced { status }
                if !(200..=599).contains(&status) =>
            {
                Some("'status' must be from 200 to 599")
            }
            FaultKind::WebhookReordered if self.next.is_none_or(|n| n < 2) => {
                Some("reordering needs 'next' of 2 or more")
            }
            _ => None,
        }
    }

    fn strikes(&mut self, dice: &mut Dice) -> bool {
        if self.next == Some(0) || self.probability.is_some_and(|p| !dice.chance(p)) {
            return false;
        }
        if let Some(next) = &mut self.next {
            *next -= 1;
        }
        true
    }

    fn is_over(&self) -> bool {
        self.next == Some(0)
    }
}

/// What befalls one API call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ApiMishap {
    /// Milliseconds of waiting before anything else.
    pub(crate) wait_ms: u32,
    pub(crate) kind: Option<FaultKind>,
}

/// What befalls one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookFate {
    Sent,
    Lost,
    Doubled,
    Held,
    /// Gathered for reordering; the flag says that it was the last of its group.
    Gathered(bool),
}

/// All faults in force, in the order in which they were set: the first that strikes decides, and waiting adds up.
#[derive(Debug)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    dice: Dice,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { list: Vec::new(), dice: Dice::new(seed) }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.list.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.list
    }

    pub(crate) fn for_call(&mut self, method: &str, path: &str) -> ApiMishap {
        let mut mishap = ApiMishap::default();
        for fault in &mut self.list {
            let fits = !fault.kind.is_webhook()
                && !fault.kind.is_file()
                && fault.method.as_deref().is_none_or(|it| it.eq_ignore_ascii_case(method))
                && fault.path.as_deref().is_none_or(|it| path.contains(it));
            let waits = matches!(fault.kind, FaultKind::Slow { .. });
            if !fits || (mishap.kind.is_some() && !waits) || !fault.strikes(&mut self.dice) {
                continue;
            }
            match fault.kind {
                FaultKind::Slow { ms } => mishap.wait_ms = mishap.wait_ms.saturating_add(ms),
                kind => mishap.kind = Some(kind),
            }
        }
        self.list.retain(|fault| !fault.is_over());
        mishap
    }

    /// Of a download: its own kinds, and those of the API whose path filter names `_files`.
    pub(crate) fn for_download(&mut self, path: &str) -> ApiMishap {
        let mut mishap = ApiMishap::default();
        for fault in &mut self.list {
            let named = fault.path.as_deref().is_some_and(|it| it.contains("_files") && path.contains(it));
            let fits = fault.kind.is_file() || (!fault.kind.is_webhook() && named);
            let waits = matches!(fault.kind, FaultKind::Slow { .. });
            if !fits || (mishap.kind.is_some() && !waits) || !fault.strikes(&mut self.dice) {
                continue;
            }
            match fault.kind {
                FaultKind::Slow { ms } => mishap.wait_ms = mishap.wait_ms.saturating_add(ms),
                kind => mishap.kind = Some(kind),
            }
        }
        self.list.retain(|fault| !fault.is_over());
        mishap
    }

    pub(crate) fn for_webhook(&mut self, setting_id: &str) -> WebhookFate {
        let mut fate = WebhookFate::Sent;
        for fault in &mut self.list {
            let fits =
                fault.kind.is_webhook() && fault.setting_id.as_deref().is_none_or(|it| it == setting_id);
            if !fits || !fault.strikes(&mut self.dice) {
                continue;
            }
            fate = match fault.kind {
                FaultKind::WebhookDoubled => WebhookFate::Doubled,
                FaultKind::WebhookHeld => WebhookFate::Held,
                FaultKind::WebhookReordered => WebhookFate::Gathered(fault.is_over()),
                _ => WebhookFate::Lost,
            };
            break;
        }
        self.list.retain(|fault| !fault.is_over());
        fate
    }
}
