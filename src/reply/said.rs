//! What the owner has said of how the bot is to speak in a room, over what the configuration has.

use serde::{Deserialize, Serialize};

use crate::config::{Mode, QuietHours, Said};
use crate::domain::RoomId;
use crate::store::{DeclaredRoom, StandingStore as _, Store, StoreResult};

/// As it stands in `room.declared`. What is absent is as the configuration has it; empty quiet hours are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quiet_hours: Option<String>,
}

impl From<Said> for SaidReply {
    fn from(it: Said) -> Self {
        let hours = |it: Option<QuietHours>| it.map(|it| it.text()).unwrap_or_default();
        Self { mode: it.mode.map(|it| it.as_str().to_owned()), quiet_hours: it.quiet_hours.map(hours) }
    }
}

/// What cannot be read is as if it had not been said: a mode of a later version must not make the bot speak.
pub fn read(declared: &DeclaredRoom) -> Said {
    let said: SaidReply =
        declared.reply.as_deref().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    let hours = |it: String| if it.is_empty() { Some(None) } else { QuietHours::parse(&it).map(Some) };
    Said {
        mode: said.mode.map(|it| Mode::parse(&it).unwrap_or(Mode::Observe)),
        quiet_hours: said.quiet_hours.and_then(hours),
    }
}

/// What holds now in a room.
pub async fn of(store: &Store, room: RoomId) -> StoreResult<Said> {
    Ok(read(&store.declared_room(room).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back_and_nonsense_silences() {
        let declared = |text: &str| DeclaredRoom { reply: Some(text.to_owned()), ..DeclaredRoom::default() };
        let back = |said: Said| read(&declared(&serde_json::to_string(&SaidReply::from(said)).unwrap()));
        for mode in Mode::ALL.map(Some).into_iter().chain([None]) {
            for quiet_hours in [None, Some(None), Some(QuietHours::parse("22:05-7:00"))] {
                let said = Said { mode, quiet_hours };
                assert_eq!(back(said), said);
            }
        }
        assert_eq!(read(&DeclaredRoom::default()), Said::default());
        assert_eq!(read(&declared(r#"{"mode":"louder"}"#)).mode, Some(Mode::Observe));
        assert_eq!(read(&declared("{")), Said::default());
    }
}
