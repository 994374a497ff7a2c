//! The public listener: the only door that Chatwork knocks on.
//!
//! Never: looks at the JSON before the signature is verified, decides anything about a case, answers with a body.

mod accept;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::Notify;

use crate::chatwork::signature::{Presented, Rejection, SIGNATURE_HEADER, Tokens};
use crate::domain::RoomId;
use crate::ledger::Ledger;
use crate::metrics::Metrics;

/// A delivery's body at most; Chatwork's longest message with every character escaped is below it.
const MAX_BODY: usize = 1024 * 1024;
/// Where the signature stands (Chatwork's documentation of webhooks); header names are case-insensitive.
const SIGNATURE_QUERY: &str = "chatwork_webhook_signature";
/// Rooms remembered while nothing can be written.
const MAX_MISSED: usize = 4096;

/// What the public listener works with. Cheap to clone.
#[derive(Clone)]
pub struct Receiver(Arc<Parts>);

struct Parts {
    tokens: Tokens,
    ledger: Ledger,
    metrics: Metrics,
    /// Rung after each new entry.
    wake: Arc<Notify>,
    missed: Mutex<BTreeSet<RoomId>>,
    /// From the end of the head to the end of the body.
    body_time: Duration,
}

impl Receiver {
    pub fn new(
        tokens: Tokens,
        ledger: Ledger,
        metrics: Metrics,
        wake: Arc<Notify>,
        body_time: Duration,
    ) -> Self {
        let missed = Mutex::default();
        Self(Arc::new(Parts { tokens, ledger, metrics, wake, missed, body_time }))
    }

    /// Some webhook token is known: deliveries may come.
    pub fn expects_any(&self) -> bool {
        !self.0.tokens.is_empty()
    }

    /// Rooms whose deliveries were answered 503 since the last call: they are to be read again.
    pub fn take_missed(&self) -> BTreeSet<RoomId> {
        std::mem::take(&mut *self.0.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Some delivery was answered 503 since [`Receiver::take_missed`].
    pub fn has_missed(&self) -> bool {
        !self.0.missed.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn miss(&self, room: RoomId) {
        let mut missed = self.0.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < MAX_MISSED {
            missed.insert(room);
        }
    }

    /// `POST /webhook` and `GET /healthz`, nothing else.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/webhook", post(webhook))
            .route("/healthz", get(|| async { StatusCode::OK }))
            .with_state(self.clone())
    }
}

/// Why a delivery is not answered 200. The answer has no body; the reason raises a counter.
enum Refusal {
    Signature(Rejection),
    TooLarge,
    TooSlow,
    Unreadable,
    NotDurable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Signature(_) => StatusCode::UNAUTHORIZED.into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::Unreadable => StatusCode::BAD_REQUEST.into_response(),
            Self::NotDurable => {
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("5"))])
                    .into_response()
            }
        }
    }
}

async fn webhook(State(receiver): State<Receiver>, request: Request) -> Response {
    let answer = match take(&receiver, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => {
            if let Refusal::Signature(reason) = &refusal {
                receiver.0.metrics.webhook_rejected(reason.as_str());
            }
            refusal.into_response()
        }
    };
    receiver.0.metrics.webhook_answer(answer.status().as_u16());
    answer
}

async fn take(receiver: &Receiver, request: Request) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let body = read(body, receiver.0.body_time).await?;
    let header =
        Presented::from_all(head.headers.get_all(SIGNATURE_HEADER).iter().map(HeaderValue::as_bytes));
    let query = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
    let query = match &query {
        Ok(Query(pairs)) => Presented::from_all(
            pairs.iter().filter(|(name, _)| name == SIGNATURE_QUERY).map(|(_, value)| value.as_bytes()),
        ),
        Err(_) => Presented::Malformed,
    };
    let verified = receiver.0.tokens.verify(body, header, query).map_err(Refusal::Signature)?;
    let observation = accept::observation(&verified);
    let room = observation.room;
    match receiver.0.ledger.append_one(observation).await {
        Ok(appended) => {
            let outcome = accept::outcome(appended);
            receiver.0.metrics.observed(outcome);
            receiver.0.metrics.unwritable(false);
            receiver.0.wake.notify_one();
            Ok(())
        }
        Err(error) => {
            tracing::error!(error = %error, "a delivery could not be made durable; answered 503");
            receiver.0.metrics.unwritable(true);
            if let Some(room) = room {
                receiver.miss(room);
            }
            Err(Refusal::NotDurable)
        }
    }
}

async fn read(body: Body, within: Duration) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(within, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(_)) => Err(Refusal::Unreadable),
        Err(_) => Err(Refusal::TooSlow),
    }
}
