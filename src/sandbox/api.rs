//! The API v2: from a request to an answer, with token, limits, faults and counters on the way.

use std::time::Duration;

use serde::Serialize;

use super::error::SandboxError;
use super::fault::FaultKind;
use super::handle::SandboxHandle;
use super::params::Params;
use super::quota::{Quota, WINDOW_MS, reset_after};
use super::state::State;
use super::wire::{ErrorsJson, to_json};
use super::{files, messages, rooms, tasks};

/// The most that a slow answer waits.
const MAX_WAIT: Duration = Duration::from_secs(60);
const JSON: &str = "application/json; charset=utf-8";
const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Sandbox</title></head><body>Please wait.</body></html>\n";
/// In the counters: calls that are no endpoint.
const UNKNOWN: &str = "(unknown)";

/// A request as far as the API cares.
pub(crate) struct Request {
    /// After a `method` parameter was honoured.
    pub(crate) method: String,
    /// After `/v2`.
    pub(crate) path: String,
    pub(crate) query: Params,
    pub(crate) form: Params,
    pub(crate) token: Option<String>,
}

/// An authenticated call of an endpoint.
pub(crate) struct Call {
    pub(crate) account: u64,
    /// From the path: the room, and what is in it; 0 where the path has none.
    pub(crate) ids: [u64; 2],
    pub(crate) query: Params,
    pub(crate) form: Params,
    /// `http://ADDR`, for download addresses.
    pub(crate) origin: String,
}

/// What goes back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: Serialize>(status: u16, value: &T) -> Self {
        Self { status, headers: vec![("content-type", JSON.to_owned())], body: to_json(value).into_bytes() }
    }

    /// An empty list is a 204.
    pub(crate) fn list<T: Serialize>(items: &[T]) -> Self {
        if items.is_empty() { Self::empty(204) } else { Self::json(200, &items) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn refusal(error: SandboxError) -> Self {
        Self::error(error.status(), &error.to_string())
    }

    pub(crate) fn error(status: u16, text: &str) -> Self {
        Self::json(status, &ErrorsJson { errors: [text] })
    }

    /// What stands in front of a service that is down.
    pub(crate) fn page(status: u16) -> Self {
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Self { status, headers, body: PAGE.as_bytes().to_vec() }
    }

    fn with_quota(mut self, quota: Quota) -> Self {
        self.headers.extend([
            ("x-ratelimit-limit", quota.limit.to_string()),
            ("x-ratelimit-remaining", quota.remaining.to_string()),
            ("x-ratelimit-reset", quota.reset.to_string()),
        ]);
        self
    }
}

type Run = fn(&mut State, &Call) -> Result<Answer, SandboxError>;

/// Words before patterns: `messages/read` is not a message id.
const ENDPOINTS: &[(&str, Run)] = &[
    ("GET /me", rooms::me),
    ("GET /my/status", rooms::status),
    ("GET /my/tasks", tasks::mine),
    ("GET /contacts", rooms::contacts),
    ("GET /rooms", rooms::list),
    ("POST /rooms", not_built),
    ("GET /rooms/{room_id}", rooms::one),
    ("PUT /rooms/{room_id}", not_built),
    ("DELETE /rooms/{room_id}", not_built),
    ("GET /rooms/{room_id}/members", rooms::members),
    ("PUT /rooms/{room_id}/members", not_built),
    ("GET /rooms/{room_id}/messages", messages::list),
    ("POST /rooms/{room_id}/messages", messages::create),
    ("PUT /rooms/{room_id}/messages/read", messages::read),
    ("PUT /rooms/{room_id}/messages/unread", messages::unread_from),
    ("GET /rooms/{room_id}/messages/{message_id}", messages::one),
    ("PUT /rooms/{room_id}/messages/{message_id}", messages::edit),
    ("DELETE /rooms/{room_id}/messages/{message_id}", messages::delete),
    ("GET /rooms/{room_id}/tasks", tasks::list),
    ("POST /rooms/{room_id}/tasks", tasks::create),
    ("GET /rooms/{room_id}/tasks/{task_id}", tasks::one),
    ("PUT /rooms/{room_id}/tasks/{task_id}/status", tasks::set_status),
    ("GET /rooms/{room_id}/files", files::list),
    ("POST /rooms/{room_id}/files", not_built),
    ("GET /rooms/{room_id}/files/{file_id}", files::one),
    ("GET /rooms/{room_id}/link", not_built),
    ("POST /rooms/{room_id}/link", not_built),
    ("PUT /rooms/{room_id}/link", not_built),
    ("DELETE /rooms/{room_id}/link", not_built),
    ("GET /incoming_requests", not_built),
    ("PUT /incoming_requests/{request_id}", not_built),
    ("DELETE /incoming_requests/{request_id}", not_built),
];

fn not_built(_: &mut State, _: &Call) -> Result<Answer, SandboxError> {
    Err(SandboxError::NotBuilt)
}

#[derive(Clone, Copy)]
struct Route {
    label: &'static str,
    run: Run,
    ids: [u64; 2],
}

fn find(method: &str, path: &str) -> Option<Route> {
    ENDPOINTS.iter().find_map(|(label, run)| {
        let (its_method, template) = label.split_once(' ')?;
        let ids = (its_method == method).then(|| match_path(template, path))??;
        Some(Route { label, run: *run, ids })
    })
}

/// Placeholders take decimal numbers only.
fn match_path(template: &str, path: &str) -> Option<[u64; 2]> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut ids = [0; 2];
    let mut n_ids = 0;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(ids),
            (Some(word), Some(text)) if word.starts_with('{') => {
                if !text.bytes().all(|it| it.is_ascii_digit()) {
                    return None;
                }
                *ids.get_mut(n_ids)? = text.parse().ok()?;
                n_ids += 1;
            }
            (Some(word), Some(text)) if word == text => {}
            _ => return None,
        }
    }
}

/// Answers one request; `None` means that the connection is to be cut.
pub(crate) async fn answer(handle: &SandboxHandle, request: Request) -> Option<Answer> {
    let route = find(&request.method, &request.path);
    let mishap = handle.with(|state| {
        *state.calls.by_endpoint.entry(route.map_or(UNKNOWN, |it| it.label)).or_default() += 1;
        state.faults.for_call(&request.method, &request.path)
    });
    wait(handle, mishap.wait_ms).await;
    let origin = format!("http://{}", handle.addr());
    handle.with(|state| {
        let answer = match mishap.kind {
            None | Some(FaultKind::AnswerCut | FaultKind::AnswerReplaced { .. }) => {
                let answer = perform(state, request, route, origin);
                match mishap.kind {
                    Some(FaultKind::AnswerCut) => None,
                    Some(FaultKind::AnswerReplaced { status }) => Some(failure(status)),
                    _ => Some(answer),
                }
            }
            Some(FaultKind::RateLimited { reset_in_s }) => Some(rate_limited(state, reset_in_s)),
            Some(FaultKind::Status { status }) => Some(failure(status)),
            Some(FaultKind::WrongContent) => Some(Answer::page(200)),
            // The others strike webhooks or were waited for.
            Some(_) => None,
        };
        *state.calls.by_status.entry(answer.as_ref().map_or(0, |it| it.status)).or_default() += 1;
        answer
    })
}

/// Real time, since the one who waits is a real client. The end of the sandbox ends it.
pub(crate) async fn wait(handle: &SandboxHandle, ms: u32) {
    if ms == 0 {
        return;
    }
    let mut stopped = handle.stopped();
    let span = Duration::from_millis(ms.into()).min(MAX_WAIT);
    // Either way the wait is over.
    let _ = tokio::time::timeout(span, stopped.wait_for(|it| *it)).await;
}

fn perform(state: &mut State, request: Request, route: Option<Route>, origin: String) -> Answer {
    let (now_ms, limit) = (state.now_ms, state.rules.requests_per_window);
    let account = request.token.and_then(|it| state.tokens.get(&it).copied());
    let Some(account) = account.and_then(|it| state.accounts.get_mut(&it)) else {
        let quota = Quota { limit, remaining: limit, reset: reset_after(now_ms, WINDOW_MS) };
        return Answer::error(401, "Invalid API token").with_quota(quota);
    };
    let id = account.id;
    let (quota, allowed) = account.window.take(now_ms, limit);
    if !allowed {
        return Answer::error(429, "Rate limit exceeded").with_quota(quota);
    }
    let answer = match route {
        None => Answer::error(404, "Endpoint not found"),
        Some(Route { run, ids, .. }) => {
            let call = Call { account: id, ids, query: request.query, form: request.form, origin };
            run(state, &call).unwrap_or_else(Answer::refusal)
        }
    };
    answer.with_quota(quota)
}

fn rate_limited(state: &State, reset_in_s: u32) -> Answer {
    let reset = reset_after(state.now_ms, i64::from(reset_in_s) * 1_000);
    let quota = Quota { limit: state.rules.requests_per_window, remaining: 0, reset };
    Answer::error(429, "Rate limit exceeded").with_quota(quota)
}

/// During an outage the body need not be JSON.
pub(crate) fn failure(status: u16) -> Answer {
    if (400..500).contains(&status) {
        Answer::error(status, "Fault on request")
    } else {
        Answer::page(status)
    }
}
