//! What keeps the bot from its work and does not mend itself: the owner has to know.

use super::ids::RoomId;

/// Declares the closed list once: variant and wire name.
macro_rules! troubles {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// The kinds of trouble (`trouble.changed` in the entry format, `/readyz`, `karibarai_trouble`). A name is never re-used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Trouble {
            $($(#[$doc])* $variant,)*
        }

        impl Trouble {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

troubles! {
    /// A room's messages come by reading alone, though its webhook used to bring them.
    WebhookSilent = "webhook_silent";
    /// Chatwork does not accept the API token.
    TokenRefused = "token_refused";
    /// Deliveries come whose signature fits none of the configured tokens.
    SignaturesRefused = "signatures_refused";
    DiskLow = "disk_low";
    /// Soon nothing can be written any more.
    DiskFull = "disk_full";
    /// This machine's clock is off beside Chatwork's.
    ClockOff = "clock_off";
    /// A configured authority gives no time stamp.
    AnchorRefused = "anchor_refused";
    /// Something that is to be posted has been failing for long.
    OutboxStuck = "outbox_stuck";
    /// The copy in the object storage has not gone on for long.
    ObjectsStuck = "objects_stuck";
}

/// What a look shows of one trouble. Where it cannot be told there is no sign, and what was known stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    pub trouble: Trouble,
    pub room: Option<RoomId>,
    pub stands: bool,
    /// A number for the owner's note: MiB, messages, deliveries, posts, seconds.
    pub figure: u64,
}

impl Sign {
    pub fn new(trouble: Trouble, stands: bool, figure: u64) -> Self {
        Self { trouble, room: None, stands, figure }
    }
}
