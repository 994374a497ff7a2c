//! What a request must have before a page sees it: a known host, this site as its origin, a session, the form's token.

use axum::Form;
use axum::body::{self, Body};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tower_sessions::Session;

use crate::config::Config;

use super::{Login, LoginView, Review, login_page, login_view};

/// Of a form at most: notes are short.
const MAX_FORM: usize = 64 * 1024;

#[derive(Deserialize)]
struct Token {
    csrf: String,
}

/// Lets only sessions through, and forms only with the session's token.
pub(in crate::review) async fn logged_in(
    State(review): State<Review>,
    session: Session,
    request: Request,
    next: Next,
) -> Response {
    let login = match review.0.door.login(&session).await {
        Ok(Some(login)) => login,
        Ok(None) => return refused(&review).await,
        Err(broken) => return broken.into_response(),
    };
    let mut request = match signed(request, &login).await {
        Ok(request) => request,
        Err(status) => return status.into_response(),
    };
    request.extensions_mut().insert(login);
    next.run(request).await
}

async fn refused(review: &Review) -> Response {
    let page = match login_view(review).await {
        Ok(view) => login_page(view),
        Err(_) => login_page(LoginView::Password),
    };
    match page {
        Ok(page) => (StatusCode::UNAUTHORIZED, page).into_response(),
        Err(broken) => broken.into_response(),
    }
}

/// A request that may change something carries the token in its form.
async fn signed(request: Request, login: &Login) -> Result<Request, StatusCode> {
    if reads(request.method()) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = body::to_bytes(body, MAX_FORM).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let Form(token) = Form::<Token>::from_request(copy, &()).await.map_err(|_| StatusCode::FORBIDDEN)?;
    if !bool::from(token.csrf.as_bytes().ct_eq(login.csrf.as_bytes())) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A form that another site sends is refused before anything else is looked at.
pub(in crate::review) async fn own_origin(
    State(review): State<Review>,
    request: Request,
    next: Next,
) -> Response {
    if reads(request.method()) || is_own(request.headers(), &review.0.config) {
        return next.run(request).await;
    }
    StatusCode::FORBIDDEN.into_response()
}

fn is_own(headers: &HeaderMap, config: &Config) -> bool {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|it| it == "same-origin");
    // Not a browser: it sends no origin, and has no cookie that anybody else could use.
    let origin = match text("origin") {
        None => true,
        Some(origin) => Url::parse(origin).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map(|it| format!(":{it}")).unwrap_or_default();
            let same = headers.get(header::HOST).is_some_and(|it| *it == format!("{host}{port}"));
            same && is_known(host, config)
        }),
    };
    site && origin
}

/// Answers only names that this listener is known by: a page elsewhere cannot reach it under a name of its own.
pub(in crate::review) async fn known_host(
    State(review): State<Review>,
    request: Request,
    next: Next,
) -> Response {
    if is_known(host_name(request.headers()), &review.0.config) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

/// Whether the request came by the declared address, through a proxy.
pub(in crate::review) fn public_host(headers: &HeaderMap, config: &Config) -> bool {
    declared(config).is_some_and(|it| it == host_name(headers))
}

fn host_name(headers: &HeaderMap) -> &str {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
        .map_or(host, |it| it.0)
}

fn declared(config: &Config) -> Option<String> {
    let url = Url::parse(config.server.review_url.as_deref()?).ok()?;
    url.host_str().map(str::to_owned)
}

fn is_known(name: &str, config: &Config) -> bool {
    let listen = config.server.review_listen.ip();
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        || (!listen.is_unspecified() && name.trim_matches(['[', ']']) == listen.to_string())
        || declared(config).is_some_and(|it| it == name)
}
