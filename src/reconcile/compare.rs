//! A read beside what the archive has: what it shows becomes observations. Pure.

use crate::chatwork::api::Read;
use crate::chatwork::notation;
use crate::chatwork::wire::ApiMessage;
use crate::domain::{EntryKind, RoomId};
use crate::ledger::{Identity, Observation};

use super::as_read;

/// A message as it was read; whether it is new, another version or known, the append finds out.
pub(super) fn observation(room: RoomId, read: &Read<ApiMessage>) -> Observation {
    let message = &read.value;
    let deleted = notation::is_deleted(&message.body);
    let kind = if deleted { EntryKind::MessageDeletedReported } else { EntryKind::MessageCreated };
    Observation {
        message: Some(message.message_id.clone()),
        source_time: Some(message.update_time.unwrap_or(message.send_time)),
        identity: Some(Identity {
            update_time: message.update_time,
            body: message.body.clone(),
            channel: "poll".to_owned(),
        }),
        ..as_read(kind, room, read.raw.as_bytes())
    }
}
