//! Sends webhooks: signs, posts, and judges the answer as Chatwork does.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Url, redirect};
use sha2::Sha256;

use super::facts::Outcome;
use super::handle::SandboxHandle;
use super::hooks::Shipment;

const USER_AGENT: &str = "ChatWork-Webhook/1.0.0";
/// Longer answers count as errors.
const MAX_ANSWER_BYTES: usize = 2_048;

/// Base64 of HMAC-SHA256 over the body, keyed with the decoded token.
pub(crate) fn sign(token: &[u8; 32], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token).expect("HMAC takes keys of every length");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A client without proxies, without redirects and without a single trusted certificate.
pub(crate) fn client(timeout: Duration) -> std::io::Result<Client> {
    // Named explicitly: the program's own choice of provider is no concern of the sandbox.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .user_agent(USER_AGENT)
        .timeout(timeout)
        .pool_max_idle_per_host(1)
        .build()
        .map_err(std::io::Error::other)
}

/// Empties the queue of one setting, one webhook after the other.
pub(crate) async fn pump(handle: SandboxHandle, setting: u64) {
    while let Some(shipment) = handle.with(|state| state.next_shipment(setting)) {
        let (outcome, status) = send(handle.client(), &shipment).await;
        handle.with(|state| state.finish_shipment(&shipment.job, outcome, status));
    }
}

async fn send(client: &Client, shipment: &Shipment) -> (Outcome, Option<u16>) {
    let signature = sign(&shipment.token, shipment.job.body.as_bytes());
    let request = client
        .post(signed_url(&shipment.url, &signature))
        .header("content-type", "application/json")
        .header("x-chatworkwebhooksignature", signature)
        .body(shipment.job.body.to_string());
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return (failure(&error), None),
    };
    let status = response.status().as_u16();
    let mut n_bytes = 0;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => n_bytes += chunk.len(),
            Ok(None) => break,
            Err(error) => return (failure(&error), Some(status)),
        }
        if n_bytes > MAX_ANSWER_BYTES {
            return (Outcome::AnswerTooLong, Some(status));
        }
    }
    let outcome = if status == 200 { Outcome::Delivered } else { Outcome::BadStatus };
    (outcome, Some(status))
}

/// The signature once more, as a query parameter, percent-encoded.
fn signed_url(url: &Url, signature: &str) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("chatwork_webhook_signature", signature);
    url
}

fn failure(error: &reqwest::Error) -> Outcome {
    if error.is_timeout() { Outcome::TimedOut } else { Outcome::Unreachable }
}
