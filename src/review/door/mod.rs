//! Who may look: a link that works once, a password, a session in a cookie.

mod guard;
mod password;
mod sessions;
mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tower_sessions::{Expiry, Session, SessionManagerLayer, cookie};

use crate::config::Config;
use crate::domain::{self, Clock, Entropy, UtcMillis};
use crate::store::{DoorStore as _, Store, StoreError};

use super::{Broken, Review, STYLE_PATH};

pub(super) use guard::{known_host, logged_in, own_origin, public_host};
pub(super) use password::{MAX_BYTES, MIN_CHARS};

/// A link that nobody used ends with this.
const TICKET_LASTS: Duration = Duration::from_secs(24 * 3600);
/// A session that is not used ends with this.
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// The longest session, used or not.
const ABSOLUTE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How exactly the last use of a session is kept: not every page is a write.
const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);

const TICKET: &str = "ticket";
const PASSWORD: &str = "password";
/// Key of the session's data.
const LOGIN: &str = "login";

/// Tickets, passwords and sessions; all of them kept as hashes, so that who reads a backup cannot log in with them.
pub(super) struct Door {
    store: Store,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    throttle: throttle::Throttle,
    passwords: password::Passwords,
}

/// What a session holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Login {
    began: UtcMillisJson,
    seen: UtcMillisJson,
    /// Stands in every form; a page elsewhere cannot know it.
    pub(super) csrf: String,
}

type UtcMillisJson = i64;

impl Login {
    fn good(&self, now: UtcMillis) -> bool {
        now.since(UtcMillis(self.seen)) < IDLE && now.since(UtcMillis(self.began)) < ABSOLUTE
    }
}

impl Door {
    pub(super) fn new(store: Store, entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        let passwords = password::Passwords::default();
        Self { store, entropy, clock, throttle: throttle::Throttle::default(), passwords }
    }

    /// A link's secret; an earlier one that was not used stops working.
    pub(super) async fn new_ticket(&self) -> Result<String, StoreError> {
        let ticket = domain::hex(&self.entropy.bytes());
        let ends = self.clock.now().plus(TICKET_LASTS);
        self.store.put_door_secret(TICKET, hash(&ticket), Some(ends)).await?;
        Ok(ticket)
    }

    pub(super) async fn has_password(&self) -> Result<bool, StoreError> {
        Ok(self.store.door_secret(PASSWORD, self.clock.now()).await?.is_some())
    }

    /// Keeps the password's hash and ends every session.
    pub(super) async fn set_password(&self, text: &str) -> Result<(), Broken> {
        let hash = self.passwords.hash(text, self.entropy.bytes()).await?;
        self.store.put_door_secret(PASSWORD, hash, None).await?;
        self.store.end_sessions().await?;
        Ok(())
    }

    async fn password_fits(&self, text: &str) -> Result<bool, Broken> {
        match self.store.door_secret(PASSWORD, self.clock.now()).await? {
            Some(hash) => self.passwords.fits(text, hash).await,
            None => Ok(false),
        }
    }

    async fn begin(&self, session: &Session) -> Result<(), Broken> {
        let now = self.clock.now().0;
        let login = Login { began: now, seen: now, csrf: domain::hex(&self.entropy.bytes()) };
        // A key from before the login is worth nothing after it.
        session.cycle_id().await.map_err(|_| Broken)?;
        session.insert(LOGIN, login).await.map_err(|_| Broken)
    }

    /// The session's data while it is good; its last use is kept.
    async fn login(&self, session: &Session) -> Result<Option<Login>, Broken> {
        let now = self.clock.now();
        let login: Option<Login> = session.get(LOGIN).await.map_err(|_| Broken)?;
        let Some(mut login) = login else { return Ok(None) };
        if !login.good(now) {
            session.flush().await.map_err(|_| Broken)?;
            return Ok(None);
        }
        if now.since(UtcMillis(login.seen)) > SEEN_EVERY {
            login.seen = now.0;
            session.insert(LOGIN, login.clone()).await.map_err(|_| Broken)?;
        }
        Ok(Some(login))
    }
}

/// The layer that reads and writes the cookie.
pub(super) fn session_layer(store: Store, config: &Config) -> SessionManagerLayer<sessions::Sessions> {
    // Behind TLS the name itself binds the cookie to this host alone.
    let secure = config.server.review_url.as_deref().is_some_and(|it| it.starts_with("https:"));
    let name = if secure { "__Host-karibarai" } else { "karibarai_session" };
    let idle = cookie::time::Duration::seconds(i64::try_from(IDLE.as_secs()).unwrap_or(i64::MAX));
    SessionManagerLayer::new(sessions::Sessions::new(store))
        .with_name(name)
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(cookie::SameSite::Strict)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(idle))
}

/// Looked up by hash, so that the comparison tells nothing of the secret.
fn hash(secret: &str) -> String {
    domain::hex(&Sha256::digest(secret.as_bytes()))
}

#[derive(Template)]
#[template(path = "login.html", config = "src/review/askama.toml")]
struct LoginPage<'a> {
    style: &'a str,
    view: LoginView,
}

/// What the login page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginView {
    /// The link is good.
    Ticket,
    /// The link was used or is old.
    UsedTicket,
    Password,
    WrongPassword,
    TooOften,
    /// Nobody has set a password yet.
    NoPassword,
}

fn login_page(view: LoginView) -> Result<Html<String>, Broken> {
    LoginPage { style: STYLE_PATH.as_str(), view }.render().map(Html).map_err(|_| Broken)
}

/// The link shows a button: a preview of the link by some program does not use it up.
pub(super) async fn show_ticket(
    State(review): State<Review>,
    Path(ticket): Path<String>,
) -> Result<Html<String>, Broken> {
    let door = &review.0.door;
    let held = door.store.door_secret(TICKET, door.clock.now()).await?;
    let good = held.is_some_and(|held| held == hash(&ticket));
    login_page(if good { LoginView::Ticket } else { LoginView::UsedTicket })
}

/// Uses the link up and begins a session.
pub(super) async fn enter(
    State(review): State<Review>,
    Path(ticket): Path<String>,
    session: Session,
) -> Result<Response, Broken> {
    let door = &review.0.door;
    if !door.store.take_door_secret(TICKET, hash(&ticket), door.clock.now()).await? {
        return Ok((StatusCode::FORBIDDEN, login_page(LoginView::UsedTicket)?).into_response());
    }
    door.begin(&session).await?;
    let next = if door.has_password().await? { "/" } else { "/password" };
    Ok(Redirect::to(next).into_response())
}

pub(super) async fn show_login(State(review): State<Review>) -> Result<Html<String>, Broken> {
    login_page(login_view(&review).await?)
}

async fn login_view(review: &Review) -> Result<LoginView, Broken> {
    Ok(if review.0.door.has_password().await? { LoginView::Password } else { LoginView::NoPassword })
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    password: String,
}

pub(super) async fn log_in(
    State(review): State<Review>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    session: Session,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Broken> {
    let door = &review.0.door;
    if let Err(wait) = door.throttle.try_from(peer.ip()) {
        let wait = [(header::RETRY_AFTER, wait.as_secs().max(1).to_string())];
        return Ok((StatusCode::TOO_MANY_REQUESTS, wait, login_page(LoginView::TooOften)?).into_response());
    }
    if !door.password_fits(&form.password).await? {
        tracing::warn!("a login with a wrong password was refused");
        return Ok((StatusCode::FORBIDDEN, login_page(LoginView::WrongPassword)?).into_response());
    }
    door.begin(&session).await?;
    Ok(Redirect::to("/").into_response())
}

/// Ends this session.
pub(super) async fn log_out(session: Session) -> Result<Redirect, Broken> {
    session.flush().await.map_err(|_| Broken)?;
    Ok(Redirect::to("/login"))
}

/// Ends all sessions, this one too.
pub(super) async fn log_out_everywhere(
    State(review): State<Review>,
    session: Session,
) -> Result<Redirect, Broken> {
    review.0.door.store.end_sessions().await?;
    log_out(session).await
}

/// Sets the password, ends all sessions and begins a new one.
pub(super) async fn set_password(review: &Review, session: &Session, text: &str) -> Result<(), Broken> {
    review.0.door.set_password(text).await?;
    review.0.door.begin(session).await
}
