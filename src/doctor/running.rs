//! The running `serve`, asked for its own word: light enough to be asked every few seconds.

use std::net::SocketAddr;

use crate::config::Config;
use crate::domain::Trouble;

use super::Finding;
use super::platform::client;

/// Words in which `/readyz` says that something does not work.
const WORDS: &[&str] = &["starting", "writing", "followers", "rooms", "ledger"];

/// Whether `serve` answers at both listeners, and what it says of itself. Reads no record and asks nobody else.
pub async fn running(config: &Config) -> Vec<Finding> {
    let Some(client) = client() else { return vec![Finding::ServeSilent] };
    let url = format!("http://{}/healthz", reached(config.server.listen));
    let healthy = client.get(url).send().await.is_ok_and(|it| it.status() == 200);
    if !healthy {
        return vec![Finding::ServeSilent];
    }
    readiness(config).await
}

pub(super) async fn readiness(config: &Config) -> Vec<Finding> {
    let Some(client) = client() else { return vec![Finding::ServeSilent] };
    let url = format!("http://{}/readyz", reached(config.server.review_listen));
    let Ok(answer) = client.get(url).send().await else { return vec![Finding::ServeSilent] };
    let status = answer.status().as_u16();
    let Ok(body) = answer.text().await else { return vec![Finding::ServeSilent] };
    let mut lines = body.lines();
    let word = lines.next().unwrap_or_default();
    let ready = match WORDS.iter().find(|it| **it == word) {
        Some(word) => Finding::ServeNotReady(word),
        None if status == 200 && word == "ready" => Finding::ServeReady,
        None => Finding::ServeSilent,
    };
    let named = |line: &str| {
        let name = line.strip_prefix("trouble: ")?;
        Trouble::ALL.iter().copied().find(|it| it.as_str() == name)
    };
    std::iter::once(ready).chain(lines.filter_map(named).map(Finding::ServeTroubled)).collect()
}

/// Where a listener of this machine is reached.
pub(super) fn reached(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}
