//! The private listener: pages for the owner, `/metrics`, `/readyz`.
//!
//! Never: writes but through the owner's acts (and what concerns the login itself), shows anything but numbers without
//! a login, loads anything from elsewhere, talks to Chatwork.

mod diff;
mod door;
mod pages;
mod show;
mod strip;
mod words;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Notify, watch};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::config::Config;
use crate::desk::Desk;
use crate::detect::RuleSet;
use crate::domain::{AccountId, Clock, Entropy, RoomId};
use crate::export::Request;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::reply::template::Templates;
use crate::store::{ArchiveStore as _, FollowStore as _, RoomRow, Store, StoreError};

use self::door::Door;
use self::pages::export::PackageView;
use self::pages::proof::CheckView;
use self::show::STYLE_PATH;

/// A follower that is behind by more than this, while nothing moves, is no longer ready.
const MAX_LAG: u64 = 10_000;

const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; \
                   base-uri 'none'; frame-ancestors 'none'";

/// What the private listener works with. Cheap to clone.
#[derive(Clone)]
pub struct Review(Arc<Parts>);

/// What it is made of.
pub struct Ports {
    pub store: Store,
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub templates: Arc<Templates>,
    pub rules: Arc<RuleSet>,
    pub metrics: Metrics,
    pub entropy: Arc<dyn Entropy>,
    pub clock: Arc<dyn Clock>,
    /// Rung when the ledger has grown.
    pub wake: Arc<Notify>,
}

/// Whom the bot serves, and where it talks with its owner alone.
struct Serving {
    owners: Vec<AccountId>,
    control_room: Option<RoomId>,
}

struct Parts {
    store: Store,
    ledger: Ledger,
    config: Arc<Config>,
    templates: Arc<Templates>,
    rules: Arc<RuleSet>,
    metrics: Metrics,
    door: Door,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    /// Known from the moment when followers and sender have begun.
    serving: OnceLock<Serving>,
    /// The day on which each room was last looked at, as far as it is recorded.
    viewed: Mutex<HashMap<RoomId, String>>,
    check: Mutex<CheckView>,
    check_wanted: Notify,
    package: Mutex<PackageView>,
    package_wanted: Mutex<Option<Request>>,
    package_bell: Notify,
}

impl Parts {
    /// The owner's acts and questions, the same as in the control room.
    fn desk(&self) -> Desk {
        Desk::new(
            self.store.clone(),
            self.ledger.clone(),
            Arc::clone(&self.config),
            Arc::clone(&self.templates),
            Arc::clone(&self.clock),
            self.owners().unwrap_or_default().to_vec(),
        )
    }

    fn is_working(&self) -> bool {
        self.serving.get().is_some()
    }

    fn owners(&self) -> Option<&[AccountId]> {
        self.serving.get().map(|it| it.owners.as_slice())
    }

    /// True the first time on that day.
    fn viewed_today(&self, room: RoomId, day: &str) -> bool {
        let mut viewed = self.viewed.lock().unwrap_or_else(PoisonError::into_inner);
        viewed.insert(room, day.to_owned()).is_none_or(|last| last != day)
    }

    fn check(&self) -> CheckView {
        self.check.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_check(&self, check: CheckView) {
        *self.check.lock().unwrap_or_else(PoisonError::into_inner) = check;
    }

    fn package(&self) -> PackageView {
        self.package.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_package(&self, package: PackageView) {
        *self.package.lock().unwrap_or_else(PoisonError::into_inner) = package;
    }

    fn want_package(&self, request: Request) {
        *self.package_wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        self.package_bell.notify_one();
    }

    fn wanted_package(&self) -> Option<Request> {
        self.package_wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Path of a link that logs in once, made beside a running bot; an earlier one that was not used stops working.
pub async fn one_time_path(
    store: Store,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
) -> Result<String, StoreError> {
    Ok(format!("/login/{}", Door::new(store, entropy, clock).new_ticket().await?))
}

impl Review {
    pub fn new(ports: Ports) -> Self {
        let Ports { store, ledger, config, templates, rules, metrics, entropy, clock, wake } = ports;
        Self(Arc::new(Parts {
            door: Door::new(store.clone(), entropy, Arc::clone(&clock)),
            clock,
            store,
            ledger,
            config,
            templates,
            rules,
            metrics,
            wake,
            serving: OnceLock::new(),
            viewed: Mutex::default(),
            check: Mutex::default(),
            check_wanted: Notify::new(),
            package: Mutex::default(),
            package_wanted: Mutex::default(),
            package_bell: Notify::new(),
        }))
    }

    /// Path of a link that logs in once; an earlier one that was not used stops working.
    pub async fn one_time_path(&self) -> Result<String, StoreError> {
        Ok(format!("/login/{}", self.0.door.new_ticket().await?))
    }

    /// Somebody can log in without a link.
    pub async fn has_password(&self) -> Result<bool, StoreError> {
        self.0.door.has_password().await
    }

    /// Followers and sender have begun, and serve these accounts.
    pub fn working(&self, owners: &[AccountId], control_room: Option<RoomId>) {
        self.0.serving.get_or_init(|| Serving { owners: owners.to_vec(), control_room });
    }

    /// All rooms; the one where the bot talks with its owner has no name of its own in Chatwork's lists.
    async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut rooms = self.0.store.rooms().await?;
        let control = self.0.serving.get().and_then(|it| it.control_room);
        for row in rooms.iter_mut().filter(|it| Some(it.room) == control && it.name.is_none()) {
            row.name = Some(words::CONTROL_ROOM.to_owned());
        }
        Ok(rooms)
    }

    /// Does the long work that pages ask for, until `stop` turns true.
    pub async fn work(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = self.0.check_wanted.notified() => {
                    let outcome = pages::proof::check(&self).await;
                    self.0.set_check(CheckView::Done(outcome));
                }
                () = self.0.package_bell.notified() => {
                    if let Some(request) = self.0.wanted_package() {
                        let outcome = pages::export::make(&self, &request).await;
                        self.0.set_package(outcome);
                    }
                }
                _ = stop.changed() => {}
            }
        }
    }

    pub fn router(&self) -> Router {
        let pages = Router::new()
            .route("/", get(pages::overview::show))
            .route("/seen", post(pages::overview::seen))
            .route("/rooms/{room}", get(pages::room::show))
            .route("/rooms/{room}/messages/{message}", get(pages::message::show))
            .route("/rooms/{room}/messages/{message}/files/{file}", get(pages::file::show))
            .route("/changes", get(pages::changes::show))
            .route("/search", get(pages::search::show))
            .route("/imports", get(pages::imports::show))
            .route("/cases", get(pages::cases::list))
            .route("/cases/{case}", get(pages::cases::show).post(pages::cases::act))
            .route("/proof", get(pages::proof::show))
            .route("/proof/verify", post(pages::proof::verify))
            .route("/proof/{entry}", get(pages::proof::download))
            .route("/export", get(pages::export::show).post(pages::export::ask))
            .route("/export/{name}", get(pages::export::download))
            .route("/say", get(pages::say::show).post(pages::say::obey))
            .route("/rehearsal", get(pages::rehearsal::show))
            .route("/settings", get(pages::settings::show).post(pages::settings::act))
            .route("/password", get(pages::settings::password).post(pages::settings::set_password))
            .route("/health", get(pages::health::show))
            .route("/logout", post(door::log_out))
            .route("/logout/all", post(door::log_out_everywhere))
            .layer(middleware::from_fn_with_state(self.clone(), door::logged_in));
        let header = |name: HeaderName, value: &'static str| {
            SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
        };
        Router::new()
            .merge(pages)
            .route("/login", get(door::show_login).post(door::log_in))
            .route("/login/{ticket}", get(door::show_ticket).post(door::enter))
            .layer(door::session_layer(self.0.store.clone(), &self.0.config))
            .route("/metrics", get(metrics))
            .route("/readyz", get(ready))
            .route(STYLE_PATH.as_str(), get(style))
            .layer(header(header::CONTENT_SECURITY_POLICY, CSP))
            .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // A form of this site says where it comes from; nobody else is told.
            .layer(header(header::REFERRER_POLICY, "same-origin"))
            .layer(header(header::CACHE_CONTROL, "no-store"))
            .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
            .layer(middleware::from_fn_with_state(self.clone(), door::own_origin))
            .layer(middleware::from_fn_with_state(self.clone(), door::known_host))
            .with_state(self.clone())
    }
}

/// The stylesheet; its name changes with its text.
async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, show::STYLE.as_str()).into_response()
}

/// Numbers for a monitoring system on this machine; what comes through the proxy comes from elsewhere.
async fn metrics(
    State(review): State<Review>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !peer.ip().is_loopback() || door::public_host(&headers, &review.0.config) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, review.0.metrics.render()).into_response()
}

/// 200 when deliveries can be recorded, the rooms are read, and the followers go on and keep up; 503 with the reason as one
/// word otherwise. What else troubles the bot follows, a line each, and changes nothing of the status: a load balancer must
/// not take away the only process that records because a time stamp is late.
async fn ready(State(review): State<Review>) -> Response {
    let metrics = &review.0.metrics;
    let reason = match review.0.ledger.head().await {
        Err(_) => Some("ledger"),
        Ok(_) if metrics.is_unwritable() => Some("writing"),
        Ok(_) if !review.0.is_working() => Some("starting"),
        Ok(_) if !metrics.stuck_followers().is_empty() => Some("followers"),
        Ok(_) if metrics.rooms_late() => Some("rooms"),
        Ok(head) => match review.0.store.cursor("casebook").await {
            Ok(cursor) if head.end().saturating_sub(cursor.0) > MAX_LAG => Some("followers"),
            Ok(_) => None,
            Err(_) => Some("ledger"),
        },
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = format!("{}\n", reason.unwrap_or("ready"));
    for trouble in metrics.troubles() {
        body.push_str(&format!("trouble: {trouble}\n"));
    }
    (status, body).into_response()
}

/// A page could not be made; the reason is in the log.
pub(crate) struct Broken;

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, "a page could not be made");
        Self
    }
}

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        let text = "表示できませんでした。記録は失われていません。しばらくしてからもう一度お試しください。\n\
                    The page could not be made. Nothing was lost; please try again.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
