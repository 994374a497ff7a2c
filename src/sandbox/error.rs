//! Why the sandbox refused, for its API, its control surface and its handle alike.

/// One refusal. The API words it as Chatwork would; names and bodies never appear in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    #[error("no such account")]
    UnknownAccount,
    #[error("no such room, or the account is not a member of it")]
    UnknownRoom,
    #[error("no such message in this room")]
    UnknownMessage,
    #[error("no such task in this room")]
    UnknownTask,
    #[error("no such file in this room")]
    UnknownFile,
    #[error("no such webhook setting")]
    UnknownWebhook,
    /// Someone else's message, or a role without the right.
    #[error("the account has no right to do this")]
    Forbidden,
    /// Says which parameter is wrong and why.
    #[error("{0}")]
    Invalid(&'static str),
    #[error("Rate limit for message posting per room exceeded.")]
    PostLimit,
    /// A bound of [`crate::sandbox::Limits`].
    #[error("the sandbox is full: {0}")]
    Full(&'static str),
    /// A part of Chatwork that this sandbox does not have.
    #[error("not part of this sandbox")]
    NotBuilt,
}

impl SandboxError {
    /// The status with which Chatwork tells it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::UnknownAccount
            | Self::UnknownRoom
            | Self::UnknownMessage
            | Self::UnknownTask
            | Self::UnknownFile
            | Self::UnknownWebhook => 404,
            Self::Forbidden => 403,
            Self::Invalid(_) => 400,
            Self::PostLimit => 429,
            Self::NotBuilt => 501,
            Self::Full(_) => 503,
        }
    }
}
