//! What the bot tells its owner about the record itself: alarms, and once a week what was not seen.

use std::time::Duration;

use crate::domain::RoomId;

use super::slot::Slot;
use super::texts::TextId;
use super::{MAX_NAME_CHARS, NoteSubject, Templates, inert_line};

/// A note about the record.
#[derive(Clone, Copy)]
pub enum WatchNote<'a> {
    ManyDeletions(Crowd<'a>),
    ManyEdits(Crowd<'a>),
    /// The quotation is the text from before it was made blank.
    Blanked(NoteSubject<'a>),
    /// How long in the past week the program did not run, and how long it ran and could not read.
    Week {
        stopped: Duration,
        unread: Duration,
    },
}

/// Many changes in one room in a short time.
#[derive(Clone, Copy)]
pub struct Crowd<'a> {
    pub room: RoomId,
    pub room_name: Option<&'a str>,
    pub count: usize,
    pub within: Duration,
}

impl Templates {
    /// For the control room.
    pub fn render_watch(&self, note: WatchNote<'_>) -> String {
        let (title, body) = match note {
            WatchNote::ManyDeletions(crowd) => {
                (TextId::ManyDeletionsTitle, self.fill(TextId::ManyDeletionsBody, &crowd.values()))
            }
            WatchNote::ManyEdits(crowd) => {
                (TextId::ManyEditsTitle, self.fill(TextId::ManyEditsBody, &crowd.values()))
            }
            WatchNote::Blanked(subject) => {
                (TextId::BlankedTitle, self.fill(TextId::BlankedBody, &self.subject_values(&subject)))
            }
            WatchNote::Week { stopped, unread } => {
                let line = |id, span: Duration| {
                    (!span.is_zero()).then(|| self.fill(id, &[(Slot::Span, span_text(span))]))
                };
                let advice = if stopped.is_zero() { TextId::WeekAdviceUnread } else { TextId::WeekAdvice };
                let lines = [
                    line(TextId::WeekStopped, stopped),
                    line(TextId::WeekUnread, unread),
                    Some(self.fill(advice, &[])),
                ];
                (TextId::WeekTitle, lines.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))
            }
        };
        format!("[info][title]karibarai {}[/title]{body}[/info]", self.fill(title, &[]))
    }
}

impl Crowd<'_> {
    fn values(&self) -> [(Slot, String); 3] {
        let name = self.room_name.map(|it| inert_line(it, MAX_NAME_CHARS)).filter(|it| !it.is_empty());
        [
            (Slot::Room, name.map_or_else(|| format!("ルーム{}", self.room), |it| format!("「{it}」"))),
            (Slot::Count, self.count.to_string()),
            (Slot::Span, span_text(self.within)),
        ]
    }
}

/// `62時間`, `3時間20分`, `45分`: below a minute it counts as one.
fn span_text(span: Duration) -> String {
    let minutes = span.as_secs().div_ceil(60).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}分"),
        // Beyond half a day the minutes say nothing.
        (hours, minutes) if minutes == 0 || hours >= 12 => format!("{hours}時間"),
        (hours, minutes) => format!("{hours}時間{minutes}分"),
    }
}
