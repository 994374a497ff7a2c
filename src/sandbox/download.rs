//! Download addresses: no token, a content, and faults of their own.

use super::api::{self, Answer};
use super::fault::{FaultKind, RedirectTo};
use super::handle::SandboxHandle;

/// Said to a download that has been redirected already, so that it ends.
const MOVED: &str = "/moved";

/// `None` means that the connection is to be cut.
pub(crate) async fn answer(handle: &SandboxHandle, path: &str, token: &str) -> Option<Answer> {
    // The address may lead anywhere: a client that shows its token there has lost it.
    if !token.is_empty() {
        return Some(Answer::error(400, "a download takes no token"));
    }
    let (key, moved) = match path.strip_suffix(MOVED) {
        Some(key) => (key, true),
        None => (path, false),
    };
    let mishap = handle.with(|state| {
        *state.calls.by_endpoint.entry("GET /_files/{key}").or_default() += 1;
        if moved { Default::default() } else { state.faults.for_download(&format!("/_files/{key}")) }
    });
    api::wait(handle, mishap.wait_ms).await;
    let found = handle.with(|state| state.download(key));
    let content = |body| Answer {
        status: 200,
        headers: vec![("content-type", "application/octet-stream".to_owned())],
        body,
    };
    let to = |address: String| Answer { status: 302, headers: vec![("location", address)], body: Vec::new() };
    let Some(mut body) = found else { return Some(Answer::error(403, "the address has expired")) };
    Some(match mishap.kind {
        None => content(body),
        Some(FaultKind::FileSized { bytes }) => {
            body.resize(bytes as usize, 0);
            content(body)
        }
        Some(FaultKind::FileRedirected { to: place }) => to(match place {
            RedirectTo::Moved => format!("/_files/{key}{MOVED}"),
            RedirectTo::Itself => format!("/_files/{key}"),
            RedirectTo::Private => "https://10.0.0.1/".to_owned(),
            RedirectTo::Plain => "http://192.0.2.1/".to_owned(),
        }),
        Some(FaultKind::Status { status } | FaultKind::AnswerReplaced { status }) => api::failure(status),
        Some(FaultKind::WrongContent) => Answer::page(200),
        Some(FaultKind::RateLimited { .. }) => api::failure(429),
        // The others strike webhooks or were waited for.
        Some(_) => return None,
    })
}
