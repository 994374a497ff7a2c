//! Chatwork's JSON: what a webhook delivers and what the API answers. Unknown fields are passed over.
//!
//! Field types are those of the official API description. Whoever needs the bytes as received keeps them beside.
//!
//! Never: guesses at a value of the wrong type, prints a body or a name.

mod event;
mod object;

pub use event::{Decoded, EventType, MessageEvent, decode};
pub use object::{
    Account, ApiMessage, File, LimitType, Me, Member, MemberRole, Room, RoomKind, Task, TaskStatus,
};

use serde::{Deserialize, Deserializer};

use crate::domain::{MessageId, UtcMillis};

/// `Debug` that shows only the named fields: ids and numbers, never what people wrote.
macro_rules! debug_only {
    ($name:ident, $($field:ident),+) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))+.finish_non_exhaustive()
            }
        }
    };
}
use debug_only;

/// A message id is text of digits; anything else is refused here, since the type itself would take any text.
fn message_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MessageId, D::Error> {
    let text = String::deserialize(deserializer)?;
    MessageId::new(text).ok_or_else(|| serde::de::Error::custom("not a message id"))
}

/// Seconds since 1970; negative ones do not occur.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UtcMillis, D::Error> {
    let value = u64::deserialize(deserializer)?;
    Ok(UtcMillis::from_seconds(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// Seconds since 1970, where 0 says that there is no such time.
fn seconds_or_never<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UtcMillis>, D::Error> {
    Ok(Some(seconds(deserializer)?).filter(|it| it.0 != 0))
}

#[cfg(test)]
mod tests;
