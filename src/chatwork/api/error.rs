//! What can go wrong with a call, by what the caller does next. No text holds anything that people wrote.

use crate::domain::UtcMillis;

/// The outcome of a call that brought no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was done. Come back at `until`, by the program's own clock.
    #[error("Chatwork's rate limit is used up until {until}")]
    RateLimited { until: UtcMillis },
    /// Nothing was done. The owner has to look at the API token.
    #[error("Chatwork does not accept the API token")]
    Unauthorized,
    /// Nothing was done: no such thing, no right to it, or (`limited`) hidden by the plan of the token's account.
    #[error("no access (status {status}{})", if *limited { ", hidden by the plan" } else { "" })]
    NoAccess { status: u16, limited: bool },
    /// Nothing was done. The same request would be refused again.
    #[error("Chatwork refused the request (status {status})")]
    Rejected { status: u16 },
    /// A write that may or may not have happened. Look before writing again.
    #[error("it is not known whether Chatwork carried the request out")]
    MaybeSent(#[source] Cause),
    /// A read failed, or a write provably never left. Try again later.
    #[error("Chatwork could not be reached")]
    Unreachable(#[source] Cause),
    /// A read was answered with something else than the documented answer.
    #[error("Chatwork's answer could not be read")]
    Answer(#[source] Cause),
}

impl Error {
    /// Short name for a metric's label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::NoAccess { .. } => "no_access",
            Self::Rejected { .. } => "rejected",
            Self::MaybeSent(_) => "maybe_sent",
            Self::Unreachable(_) => "unreachable",
            Self::Answer(_) => "answer",
        }
    }
}

/// What lies under an [`Error`].
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Without the address.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
    #[error("status {0}")]
    Status(u16),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The parser's own message would repeat parts of the answer.
    #[error("not the documented JSON, at line {line} column {column}")]
    Shape { line: usize, column: usize },
    #[error("the answer lacks `{0}`")]
    Lacks(&'static str),
}

impl Cause {
    pub(super) fn transport(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url())
    }

    pub(super) fn shape(error: &serde_json::Error) -> Self {
        Self::Shape { line: error.line(), column: error.column() }
    }
}

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the API address must be http or https with a host, without user, query or fragment")]
    Base,
    #[error("the API token is empty or holds characters that a header cannot carry")]
    Token,
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}
