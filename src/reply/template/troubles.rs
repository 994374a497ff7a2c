//! What the bot tells its owner of its own trouble, once for each.

use std::time::Duration;

use crate::domain::{RoomId, Trouble, UtcMillis};

use super::Templates;
use super::slot::Slot;
use super::texts::TextId;
use super::watch::{room_text, span_text};

/// A note about something that keeps the bot from its work.
#[derive(Clone, Copy)]
pub struct TroubleNote<'a> {
    pub trouble: Trouble,
    pub room: Option<RoomId>,
    pub room_name: Option<&'a str>,
    /// MiB, messages, deliveries, posts or seconds, as the trouble has it.
    pub figure: u64,
    /// When it was found.
    pub since: UtcMillis,
    /// Now, or when it was over.
    pub until: UtcMillis,
}

impl Templates {
    /// For the control room; `None` for what is told in another way.
    pub fn render_trouble(&self, note: TroubleNote<'_>) -> Option<String> {
        let count = (Slot::Count, note.figure.to_string());
        let (title, body, values) = match note.trouble {
            Trouble::WebhookSilent => {
                let room = note.room.map(|it| room_text(it, note.room_name)).unwrap_or_default();
                (TextId::WebhookSilentTitle, TextId::WebhookSilentBody, vec![(Slot::Room, room), count])
            }
            Trouble::TokenRefused => {
                let span =
                    vec![(Slot::Before, note.since.japan_long()), (Slot::After, note.until.japan_long())];
                (TextId::TokenRefusedTitle, TextId::TokenRefusedBody, span)
            }
            Trouble::SignaturesRefused => (TextId::SignaturesTitle, TextId::SignaturesBody, vec![count]),
            Trouble::DiskLow => (TextId::DiskLowTitle, TextId::DiskLowBody, vec![count]),
            Trouble::DiskFull => (TextId::DiskFullTitle, TextId::DiskFullBody, vec![count]),
            Trouble::AnchorRefused => {
                let span = vec![(Slot::Span, span_text(Duration::from_secs(note.figure)))];
                (TextId::AnchorRefusedTitle, TextId::AnchorRefusedBody, span)
            }
            Trouble::OutboxStuck => {
                let values = vec![(Slot::Until, note.until.japan_long()), count];
                (TextId::OutboxStuckTitle, TextId::OutboxStuckBody, values)
            }
            Trouble::ObjectsStuck => {
                let span = vec![(Slot::Span, span_text(Duration::from_secs(note.figure)))];
                (TextId::ObjectsStuckTitle, TextId::ObjectsStuckBody, span)
            }
            // The watchman tells of it from the record of the comparison.
            Trouble::ClockOff => return None,
        };
        let (title, body) = (self.fill(title, &[]), self.fill(body, &values));
        Some(format!("[info][title]karibarai {title}[/title]{body}[/info]"))
    }
}
