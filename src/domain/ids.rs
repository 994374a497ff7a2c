//! Identifiers. Message ids are text because they exceed 2^53; all others are integers, as Chatwork gives them.

use std::fmt;

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize, Serializer};

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

integer_id!(
    /// A Chatwork room.
    RoomId
);
integer_id!(
    /// A Chatwork account.
    AccountId
);
integer_id!(
    /// A case (案件), numbered from 1 in the order of opening.
    CaseId
);
integer_id!(
    /// A contract on CrowdWorks that the owner registered, numbered from 1.
    ContractId
);
integer_id!(
    /// Position of an entry in the ledger: the leaf index of the Merkle tree, from 0.
    EntryIndex
);

/// A Chatwork message id: decimal digits, about 19 of them. Text in storage and JSON; compared as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageId(ArrayString<MESSAGE_ID_MAX>);

/// The longest id that is taken, in digits: room for twelve more than Chatwork uses.
const MESSAGE_ID_MAX: usize = 32;

/// A text that is no message id.
#[derive(Debug, thiserror::Error)]
#[error("not a message id: 1 to 32 digits are expected")]
pub struct NotAMessageId;

impl TryFrom<String> for MessageId {
    type Error = NotAMessageId;

    fn try_from(text: String) -> Result<Self, NotAMessageId> {
        Self::new(text).ok_or(NotAMessageId)
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl MessageId {
    /// Takes what the platform sent; anything but 1 to 32 ASCII digits is refused.
    pub fn new(text: impl AsRef<str>) -> Option<Self> {
        let text = ArrayString::from(text.as_ref()).ok()?;
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialOrd for MessageId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MessageId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (a, b) = (self.0.trim_start_matches('0'), other.0.trim_start_matches('0'));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b)).then_with(|| self.0.cmp(&other.0))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_order_as_numbers_beyond_2_pow_53() {
        let id = |text: &str| MessageId::new(text).unwrap();
        assert!(id("9") < id("10"));
        assert!(id("1789012345678901248") < id("1789012345678901249"));
        assert!(MessageId::new("").is_none());
        assert!(MessageId::new("12a").is_none());
        assert!(MessageId::new("１２").is_none());
    }
}
