//! Who may look: a link that works once, a session in a cookie, known host names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use sha2::{Digest as _, Sha256};

use crate::domain::{self, Clock, Digest, Entropy, UtcMillis};

use super::{Broken, Review};

const COOKIE: &str = "karibarai_session";
/// Sessions at a time; the oldest ends for a new one.
const MAX_SESSIONS: usize = 64;

/// Tickets and sessions, as hashes: who reads the memory of a backup cannot log in with them.
pub(super) struct Door {
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    lasts: Duration,
    ticket: Mutex<Option<Digest>>,
    sessions: Mutex<HashMap<Digest, UtcMillis>>,
}

impl Door {
    pub(super) fn new(entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>, lasts: Duration) -> Self {
        Self { entropy, clock, lasts, ticket: Mutex::default(), sessions: Mutex::default() }
    }

    pub(super) fn new_ticket(&self) -> String {
        let ticket = domain::hex(&self.entropy.bytes());
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash(&ticket));
        ticket
    }

    fn ticket_is_good(&self, ticket: &str) -> bool {
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) == Some(hash(ticket))
    }

    /// Uses the ticket up and begins a session.
    fn enter(&self, ticket: &str) -> Option<String> {
        let mut held = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        if *held != Some(hash(ticket)) {
            return None;
        }
        *held = None;
        let session = domain::hex(&self.entropy.bytes());
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = sessions.iter().min_by_key(|(_, ends)| **ends).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hash(&session), self.clock.now().plus(self.lasts));
        Some(session)
    }

    fn session_is_good(&self, session: &str) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&hash(session)).is_some_and(|ends| self.clock.now() < *ends)
    }
}

/// Looked up by hash, so that the comparison tells nothing of the secret.
fn hash(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

#[derive(Template)]
#[template(path = "login.html", config = "src/review/askama.toml")]
struct Login<'a> {
    style: &'a str,
    good: bool,
}

/// The link shows a button: a preview of the link by some program does not use it up.
pub(super) async fn show(
    State(review): State<Review>,
    Path(ticket): Path<String>,
) -> Result<Html<String>, Broken> {
    let good = review.0.door.ticket_is_good(&ticket);
    Login { style: super::pages::STYLE_PATH, good }.render().map(Html).map_err(|_| Broken)
}

pub(super) async fn enter(State(review): State<Review>, Path(ticket): Path<String>) -> Response {
    match review.0.door.enter(&ticket) {
        Some(session) => {
            let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

/// Lets only sessions through.
pub(super) async fn logged_in(State(review): State<Review>, request: Request, next: Next) -> Response {
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let good = cookies
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .any(|(name, value)| name == COOKIE && review.0.door.session_is_good(value));
    if good {
        return next.run(request).await;
    }
    let login = Login { style: super::pages::STYLE_PATH, good: false };
    match login.render() {
        Ok(page) => (StatusCode::UNAUTHORIZED, Html(page)).into_response(),
        Err(_) => Broken.into_response(),
    }
}

/// Answers only names that this listener is known by: a page elsewhere cannot reach it under a name of its own.
pub(super) async fn known_host(State(review): State<Review>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
        .map_or(host, |it| it.0);
    let configured = review.0.config.server.review_listen.ip().to_string();
    let known =
        ["localhost", "127.0.0.1", "[::1]"].contains(&name) || name.trim_matches(['[', ']']) == configured;
    if known { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}
