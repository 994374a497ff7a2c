//! Files from the links that Chatwork hands out: https, public addresses, no token, redirects checked one by one.

use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url};

use super::address::{self, NotPublic, PublicOnly};
use super::error::Cause;
use super::{BuildError, Timeouts, client_builder};

/// More redirects than this lead nowhere.
const MAX_HOPS: usize = 5;

/// Why a link brought no content. No text holds the link: whoever knows it can fetch the file.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("the link is not an https address")]
    NotHttps,
    #[error("the link leads to an address that is not public")]
    NotPublic,
    #[error("the link was redirected more than {MAX_HOPS} times, or to nowhere")]
    Redirects,
    #[error("status {0}")]
    Status(u16),
    #[error("the content could not be read")]
    Unreachable(#[source] Cause),
}

/// Fetches what a link leads to. Clones share connections.
#[derive(Clone)]
pub struct Downloads {
    /// Resolves to public addresses alone.
    public: Client,
    /// For the host of the API itself, wherever that is: in a rehearsal on this machine.
    own: Client,
    scheme: String,
    host: String,
}

/// Content on its way.
pub struct Download {
    response: Response,
}

impl Downloads {
    /// `base` is the address of the API; its host is trusted as the API itself is.
    pub(super) fn new(base: &Url, timeouts: Timeouts) -> Result<Self, BuildError> {
        let finish = |builder: ClientBuilder| {
            // A file may be large: what is limited is the silence between two parts of it.
            builder.read_timeout(timeouts.read).build().map_err(BuildError::Client)
        };
        Ok(Self {
            public: finish(client_builder(timeouts)?.dns_resolver(PublicOnly))?,
            own: finish(client_builder(timeouts)?)?,
            scheme: base.scheme().to_owned(),
            host: base.host_str().unwrap_or_default().to_owned(),
        })
    }

    /// Follows the link to its content; every address on the way is held to the same rule.
    pub async fn open(&self, link: &str) -> Result<Download, DownloadError> {
        let mut url = Url::parse(link).map_err(|_| DownloadError::NotHttps)?;
        for _ in 0..=MAX_HOPS {
            let client = self.client_for(&url)?;
            let response = client.get(url.clone()).send().await.map_err(outcome)?;
            let status = response.status();
            if status.is_success() {
                return Ok(Download { response });
            }
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Err(DownloadError::Status(status.as_u16()));
            }
            let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            url = location.and_then(|it| url.join(it).ok()).ok_or(DownloadError::Redirects)?;
        }
        Err(DownloadError::Redirects)
    }

    fn client_for(&self, url: &Url) -> Result<&Client, DownloadError> {
        let host = url.host_str().unwrap_or_default();
        if host == self.host && (url.scheme() == self.scheme || url.scheme() == "https") {
            return Ok(&self.own);
        }
        if url.scheme() != "https" || host.is_empty() {
            return Err(DownloadError::NotHttps);
        }
        // An address that is written out is connected to without asking the resolver.
        if address::literal(host).is_some_and(|it| !address::is_public(it)) {
            return Err(DownloadError::NotPublic);
        }
        Ok(&self.public)
    }
}

impl Download {
    /// The length that the server announces, in bytes.
    pub fn declared(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next part; `None` at the end. An answer that is shorter than announced is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, DownloadError> {
        self.response.chunk().await.map_err(outcome)
    }
}

fn outcome(error: reqwest::Error) -> DownloadError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(it) = cause {
        if it.is::<NotPublic>() {
            return DownloadError::NotPublic;
        }
        cause = it.source();
    }
    DownloadError::Unreachable(Cause::transport(error))
}

/// Nothing: a client of foreign links has no part that may be shown.
impl std::fmt::Debug for Downloads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Downloads").finish_non_exhaustive()
    }
}
