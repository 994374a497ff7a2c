//! How a room stands with CrowdWorks, by the owner's word.

/// Whether there is a contract on CrowdWorks behind a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomContract {
    /// Not said; counts as a running relation.
    #[default]
    Unknown,
    /// There never was one: talk outside CrowdWorks is then itself against its rules.
    None,
    /// Agreed on CrowdWorks, escrow not yet paid.
    Contracted,
    /// Escrow is paid.
    Escrowed,
    /// There was one, and it is over.
    Ended,
}

impl RoomContract {
    pub const ALL: [Self; 5] = [Self::Unknown, Self::None, Self::Contracted, Self::Escrowed, Self::Ended];

    /// As the configuration and the entries spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Contracted => "contracted",
            Self::Escrowed => "escrowed",
            Self::Ended => "ended",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Where the application for contact outside the site (サービス外連絡申請) stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutsideContact {
    /// Not said.
    #[default]
    Unknown,
    /// Sent to CrowdWorks, no answer yet.
    Applied,
    /// CrowdWorks has agreed.
    Approved,
    /// CrowdWorks has refused.
    Refused,
}

impl OutsideContact {
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Applied, Self::Approved, Self::Refused];

    /// As the configuration and the entries spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Applied => "applied",
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}
