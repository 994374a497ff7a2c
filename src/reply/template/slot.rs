//! The closed list of placeholders.

/// Declares the list once: variant and name.
macro_rules! slots {
    ($($variant:ident = $name:literal;)*) => {
        /// What can stand in a template as `{name}`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Slot {
            $($variant,)*
        }

        impl Slot {
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

slots! {
    Room = "room";
    Link = "link";
    Sender = "sender";
    Quote = "quote";
    Reason = "reason";
    Draft = "draft";
    Case = "case";
    Status = "status";
    Left = "left";
    Span = "span";
    Word = "word";
    State = "state";
    Until = "until";
    Count = "count";
    Open = "open";
    Drafts = "drafts";
    Yen = "yen";
    Work = "work";
    Terms = "terms";
    Term = "term";
    Before = "before";
    After = "after";
    Lines = "lines";
    Items = "items";
    Reading = "reading";
    RoomId = "room_id";
    Place = "place";
    Hash = "hash";
    Head = "head";
}
