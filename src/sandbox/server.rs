//! Starts and stops: one listener for the API, the download addresses and the control surface.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::api::{self, Answer};
use super::config::SandboxConfig;
use super::control;
use super::deliver;
use super::download;
use super::handle::SandboxHandle;
use super::line::{Lines, Scissors};
use super::params::Params;
use super::state::State;

/// Room for 65,535 percent-encoded characters of four bytes, and for a file of 5 MB in base64.
const MAX_REQUEST_BYTES: usize = 8 << 20;
/// How long `stop` waits for answers under way.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A running sandbox. Dropping it ends listening and sending as well, without waiting for either.
pub struct Sandbox {
    handle: SandboxHandle,
    server: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Binds the address and serves, on the runtime that calls it.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let client = deliver::client(config.rules.webhook_timeout)?;
        let lines = Lines::new(listener, config.limits.connections);
        let state = State::new(config.rules, config.limits, config.seed);
        let handle = SandboxHandle::new(state, config.now, addr, client, Handle::current());
        let service = Router::new()
            .fallback(serve)
            .with_state(handle.clone())
            .into_make_service_with_connect_info::<Scissors>();
        let mut stopped = handle.stopped();
        let server = tokio::spawn(async move {
            let until_stopped = async move {
                // The sender's end is a stop too.
                let _ = stopped.wait_for(|it| *it).await;
            };
            // axum's server never returns an error.
            let _ = axum::serve(lines, service).with_graceful_shutdown(until_stopped).await;
        });
        Ok(Self { handle, server: Some(server) })
    }

    pub fn handle(&self) -> &SandboxHandle {
        &self.handle
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// The base address of the API, `http://ADDR/v2`.
    pub fn api_base(&self) -> String {
        self.handle.api_base()
    }

    /// Stops listening, gives answers under way two seconds, and loses webhooks that still wait.
    pub async fn stop(mut self) {
        self.handle.stop();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(STOP_WITHIN, &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

async fn serve(
    Shared(handle): Shared<SandboxHandle>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let answer = match to_bytes(body, MAX_REQUEST_BYTES).await {
        Err(_) => Some(Answer::error(413, "the request is too large")),
        Ok(body) => {
            if let Some(path) = below(path, "/v2") {
                let query = Params::from_query(&parts.uri);
                let request = api::Request {
                    // Documented for clients that lack PUT and DELETE.
                    method: query.get("method").unwrap_or(parts.method.as_str()).to_ascii_uppercase(),
                    path: path.to_owned(),
                    form: Params::from_form(header(&parts.headers, "content-type"), &body).await,
                    token: Some(header(&parts.headers, "x-chatworktoken").to_owned()),
                    query,
                };
                api::answer(&handle, request).await
            } else if let Some(path) = below(path, "/_sandbox") {
                // Web pages name their origin: none of them may steer the sandbox.
                if parts.headers.contains_key("origin") {
                    Some(Answer::error(403, "not for web pages"))
                } else {
                    Some(control::answer(&handle, parts.method.as_str(), path, &body).await)
                }
            } else if let Some(key) = path.strip_prefix("/_files/") {
                download::answer(&handle, key, header(&parts.headers, "x-chatworktoken")).await
            } else {
                Some(Answer::error(404, "nothing here; the API is below /v2, the controls below /_sandbox"))
            }
        }
    };
    let answer = answer.unwrap_or_else(|| {
        scissors.cut();
        Answer::empty(500)
    });
    respond(&handle, answer)
}

/// What follows a prefix of whole path segments.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
}

fn respond(handle: &SandboxHandle, answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    // Left out only when the clock is beyond the calendar; hyper then puts its own.
    if let Some(date) = http_date(handle.now_ms()) {
        headers.insert("date", date);
    }
    response
}

/// The sandbox' time as HTTP writes it.
fn http_date(now_ms: i64) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_millisecond(now_ms).ok()?;
    HeaderValue::from_str(&time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}
