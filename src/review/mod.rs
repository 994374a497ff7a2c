//! The private listener: pages for the owner, `/metrics`, `/readyz`.
//!
//! Never: writes (the owner's acts will go through one module of their own), shows anything but numbers without a login,
//! loads anything from elsewhere.

mod door;
mod pages;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::config::Config;
use crate::domain::{Clock, Entropy};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{FollowStore as _, Store};

use self::door::Door;

/// A follower that is behind by more than this, while nothing moves, is no longer ready.
const MAX_LAG: u64 = 10_000;

/// What the private listener works with. Cheap to clone.
#[derive(Clone)]
pub struct Review(Arc<Parts>);

struct Parts {
    store: Store,
    ledger: Ledger,
    config: Arc<Config>,
    metrics: Metrics,
    door: Door,
    working: AtomicBool,
}

impl Review {
    pub fn new(
        store: Store,
        ledger: Ledger,
        config: Arc<Config>,
        metrics: Metrics,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let door = Door::new(entropy, clock, Duration::from_secs(12 * 3600));
        Self(Arc::new(Parts { store, ledger, config, metrics, door, working: AtomicBool::new(false) }))
    }

    /// Path of a link that logs in once; an earlier one that was not used stops working.
    pub fn one_time_path(&self) -> String {
        format!("/login/{}", self.0.door.new_ticket())
    }

    /// Followers and sender have begun.
    pub fn working(&self) {
        self.0.working.store(true, Ordering::Relaxed);
    }

    pub fn router(&self) -> Router {
        let pages = Router::new()
            .route("/", get(pages::overview))
            .route("/rooms/{room}", get(pages::room))
            .layer(middleware::from_fn_with_state(self.clone(), door::logged_in));
        let header = |name: HeaderName, value: &'static str| {
            SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
        };
        Router::new()
            .merge(pages)
            .route("/login/{ticket}", get(door::show).post(door::enter))
            .route("/metrics", get(metrics))
            .route("/readyz", get(ready))
            .route(pages::STYLE_PATH, get(pages::style))
            .layer(header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'",
            ))
            .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(header(header::REFERRER_POLICY, "no-referrer"))
            .layer(header(header::CACHE_CONTROL, "no-store"))
            .layer(middleware::from_fn_with_state(self.clone(), door::known_host))
            .with_state(self.clone())
    }
}

/// Numbers for a monitoring system on this machine.
async fn metrics(State(review): State<Review>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, review.0.metrics.render()).into_response()
}

/// 200 when the ledger can be read and the followers keep up; 503 with the reason as one word otherwise.
async fn ready(State(review): State<Review>) -> Response {
    let reason = match review.0.ledger.head().await {
        Err(_) => Some("ledger"),
        Ok(_) if !review.0.working.load(Ordering::Relaxed) => Some("starting"),
        Ok(_) if review.0.metrics.rooms_late() => Some("rooms"),
        Ok(head) => match review.0.store.cursor("casebook").await {
            Ok(cursor) if head.frontier.size().saturating_sub(cursor.0) > MAX_LAG => Some("followers"),
            Ok(_) => None,
            Err(_) => Some("ledger"),
        },
    };
    match reason {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// A page could not be made; the reason is in the log.
pub(crate) struct Broken;

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        let text = "表示できませんでした。記録は失われていません。しばらくしてからもう一度お試しください。\n\
                    The page could not be made. Nothing was lost; please try again.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
