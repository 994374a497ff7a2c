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
    /// How long in the past week the program did not run, how long it ran and could read nothing, and which single rooms
    /// it could not read beside that.
    Week {
        stopped: Duration,
        unread: Duration,
        rooms: &'a [Unread<'a>],
    },
    /// The room cannot be read any more.
    RoomLost {
        room: RoomId,
        room_name: Option<&'a str>,
    },
    /// Milliseconds by which this machine's clock is ahead of Chatwork's.
    ClockOff {
        ahead: i64,
    },
}

/// A room that could not be read for a time.
#[derive(Clone, Copy)]
pub struct Unread<'a> {
    pub room: RoomId,
    pub room_name: Option<&'a str>,
    pub span: Duration,
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
            WatchNote::Week { stopped, unread, rooms } => {
                let line = |id, span: Duration| {
                    (!span.is_zero()).then(|| self.fill(id, &[(Slot::Span, span_text(span))]))
                };
                let room = |it: &Unread<'_>| {
                    let name = (Slot::Room, room_text(it.room, it.room_name));
                    self.fill(TextId::WeekRoom, &[name, (Slot::Span, span_text(it.span))])
                };
                let advice = if stopped.is_zero() { TextId::WeekAdviceUnread } else { TextId::WeekAdvice };
                let lines = [line(TextId::WeekStopped, stopped), line(TextId::WeekUnread, unread)];
                let lines = lines.into_iter().flatten().chain(rooms.iter().map(room));
                let lines: Vec<_> = lines.chain([self.fill(advice, &[])]).collect();
                (TextId::WeekTitle, lines.join("\n\n"))
            }
            WatchNote::RoomLost { room, room_name } => {
                let name = [(Slot::Room, room_text(room, room_name))];
                (TextId::RoomLostTitle, self.fill(TextId::RoomLostBody, &name))
            }
            WatchNote::ClockOff { ahead } => {
                let text = if ahead > 0 { TextId::ClockFast } else { TextId::ClockSlow };
                let span = [(Slot::Span, span_text(Duration::from_millis(ahead.unsigned_abs())))];
                (TextId::ClockTitle, self.fill(text, &span))
            }
        };
        format!("[info][title]karibarai {}[/title]{body}[/info]", self.fill(title, &[]))
    }
}

impl Crowd<'_> {
    fn values(&self) -> [(Slot, String); 3] {
        [
            (Slot::Room, room_text(self.room, self.room_name)),
            (Slot::Count, self.count.to_string()),
            (Slot::Span, span_text(self.within)),
        ]
    }
}

pub(super) fn room_text(room: RoomId, name: Option<&str>) -> String {
    let name = name.map(|it| inert_line(it, MAX_NAME_CHARS)).filter(|it| !it.is_empty());
    name.map_or_else(|| format!("ルーム{room}"), |it| format!("「{it}」"))
}

/// `62時間`, `3時間20分`, `45分`: below a minute it counts as one.
pub(super) fn span_text(span: Duration) -> String {
    let minutes = span.as_secs().div_ceil(60).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}分"),
        // Beyond half a day the minutes say nothing.
        (hours, minutes) if minutes == 0 || hours >= 12 => format!("{hours}時間"),
        (hours, minutes) => format!("{hours}時間{minutes}分"),
    }
}
