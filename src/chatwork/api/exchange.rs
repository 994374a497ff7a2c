//! One request, one answer: sends, bounds, classifies.

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::domain::UtcMillis;

use super::error::{Cause, Error};
use super::{Api, Limits, limits};

/// Largest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 8 << 20;

/// Largest page of messages, in bytes: 100 messages of 65,535 characters, each escaped as six bytes, with room for the
/// rest. Less would let anybody make a room unreadable by posting long texts.
pub const MAX_PAGE: usize = 40 << 20;

/// Whether repeating a request could do something twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Read,
    Write,
}

/// A successful answer.
pub(super) struct Answer {
    body: Vec<u8>,
    /// Chatwork hides something because of the plan of the token's account.
    pub(super) limited: bool,
    intent: Intent,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.unusable(Cause::shape(&error)))
    }

    /// A list; nothing at all (204) is the empty list.
    pub(super) fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        if self.body.is_empty() { Ok(Vec::new()) } else { self.json() }
    }

    /// A success that does not say what it must: of a write nobody knows whether Chatwork itself said it.
    pub(super) fn unusable(&self, cause: Cause) -> Error {
        match self.intent {
            Intent::Read => Error::Answer(cause),
            Intent::Write => Error::MaybeSent(cause),
        }
    }
}

impl Api {
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        intent: Intent,
        max: usize,
    ) -> Result<Answer, Error> {
        let asked = self.clock.now();
        let response = request.send().await.map_err(|error| {
            // Without a connection no byte of the request has left; a builder's error is before that.
            let unsent = error.is_connect() || error.is_builder();
            let cause = Cause::transport(error);
            if intent == Intent::Read || unsent { Error::Unreachable(cause) } else { Error::MaybeSent(cause) }
        })?;
        self.check(response.status(), response.headers(), intent, asked)?;
        let limited = is_limited(response.headers());
        let body = bounded(response, max).await.map_err(|cause| match (intent, &cause) {
            (Intent::Write, _) => Error::MaybeSent(cause),
            (Intent::Read, Cause::TooLarge(_)) => Error::Answer(cause),
            (Intent::Read, _) => Error::Unreachable(cause),
        })?;
        Ok(Answer { body, limited, intent })
    }

    /// Takes note of the rate limit and turns every status but success into its error.
    fn check(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        intent: Intent,
        asked: UtcMillis,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        if let Some(server) = limits::server_time(headers) {
            self.note(|told| told.ahead = Some(limits::ahead(asked, server, now)));
        }
        let limits = Limits::read(headers, now);
        if let Some(limits) = limits {
            self.note(|told| told.limits = Some(limits));
        }
        let code = status.as_u16();
        // Of another status it is not known whether the token was looked at.
        if matches!(code, 200..=299 | 401 | 403 | 404) {
            self.note(|told| told.refused = Some(code == 401));
        }
        let unclear = |read: fn(Cause) -> Error| match intent {
            Intent::Read => read(Cause::Status(code)),
            Intent::Write => Error::MaybeSent(Cause::Status(code)),
        };
        match code {
            200..=299 => Ok(()),
            401 => Err(Error::Unauthorized),
            403 | 404 => Err(Error::NoAccess { status: code, limited: is_limited(headers) }),
            // Somebody between us and Chatwork may have given up waiting.
            408 => Err(unclear(Error::Unreachable)),
            429 => Err(Error::RateLimited { until: Limits::until(limits, now) }),
            400..=499 => Err(Error::Rejected { status: code }),
            500..=599 => Err(unclear(Error::Unreachable)),
            _ => Err(unclear(Error::Answer)),
        }
    }
}

fn is_limited(headers: &HeaderMap) -> bool {
    headers.get("chatwork-message-limitation").is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"true"))
}

async fn bounded(mut response: Response, max: usize) -> Result<Vec<u8>, Cause> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Cause::transport)? {
        if body.len() + chunk.len() > max {
            return Err(Cause::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
