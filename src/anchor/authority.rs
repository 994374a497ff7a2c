//! One question to an authority over HTTP, bounded in time and size.

use std::time::Duration;

use reqwest::{Certificate, Client, Url, redirect};

use super::AnchorError;
use crate::proof::timestamp::MAX_RESPONSE;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);

/// The client for all authorities.
pub struct Authorities(Client);

impl Authorities {
    pub fn new() -> Result<Self, AnchorError> {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|it| Certificate::from_der(it));
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(AnchorError::Client)?;
        let client = Client::builder()
            .user_agent(concat!("karibarai/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(roots)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(AnchorError::Client)?;
        Ok(Self(client))
    }

    /// Sends the request and gives the raw answer. Authorities answer over plain http as well: the answer is signed.
    pub(super) async fn ask(&self, url: &str, request: Vec<u8>) -> Result<Vec<u8>, AnchorError> {
        let unreachable = |source: reqwest::Error| AnchorError::Unreachable {
            host: host(url),
            source: source.without_url(),
        };
        let mut response = self
            .0
            .post(url)
            .header("content-type", "application/timestamp-query")
            .header("accept", "application/timestamp-reply")
            .body(request)
            .send()
            .await
            .map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(AnchorError::Status { host: host(url), status: response.status().as_u16() });
        }
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + part.len() > MAX_RESPONSE {
                return Err(AnchorError::Status { host: host(url), status: 413 });
            }
            answer.extend_from_slice(&part);
        }
        Ok(answer)
    }
}

/// The host of an address, in characters that a file name may have.
pub(super) fn host(url: &str) -> String {
    let host = Url::parse(url).ok().and_then(|it| it.host_str().map(str::to_owned)).unwrap_or_default();
    let safe = host.chars().map(|it| if it.is_ascii_alphanumeric() || it == '.' { it } else { '_' });
    let safe: String = safe.take(100).collect();
    if safe.is_empty() { "authority".to_owned() } else { safe }
}
