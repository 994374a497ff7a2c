//! What an entry is about, and where it came from.

/// Declares the closed list once: variant, wire name, and whether it stands in a room's chain.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, chained: $chained:literal;)*) => {
        /// The kinds of entries (`kind` in the entry format). Grow the list where needed; a name is never re-used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EntryKind {
            $($(#[$doc])* $variant,)*
        }

        impl EntryKind {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Part of its room's chain: what the room showed (captures, gaps, the bot's own posts). What the owner
            /// noted or decided is outside, so that a package for the other side need not contain it.
            pub fn in_room_chain(self) -> bool {
                match self {
                    $(Self::$variant => $chained,)*
                }
            }
        }
    };
}

kinds! {
    /// First sight of a message, whatever its `update_time`.
    MessageCreated = "message.created", chained: true;
    /// Another version of a known message.
    MessageUpdated = "message.updated", chained: true;
    /// A known version, from another source or webhook setting.
    MessageSeen = "message.seen", chained: true;
    /// Chatwork shows the message as deleted.
    MessageDeletedReported = "message.deleted_reported", chained: true;
    /// A known message is absent from two consecutive complete reads.
    MessageMissingAtRecheck = "message.missing_at_recheck", chained: true;
    /// A file stands in the room's list of files, and no captured message showed it.
    FileFound = "file.found", chained: true;
    FileStored = "file.stored", chained: true;
    FileLost = "file.lost", chained: true;
    TaskCreated = "task.created", chained: true;
    TaskUpdated = "task.updated", chained: true;
    MemberJoined = "member.joined", chained: true;
    MemberLeft = "member.left", chained: true;
    MemberRenamed = "member.renamed", chained: true;
    /// A member may do more or less than before.
    MemberChanged = "member.changed", chained: true;
    RoomFound = "room.found", chained: true;
    RoomChanged = "room.changed", chained: true;
    RoomAccessLost = "room.access_lost", chained: true;
    /// A span in which messages could have come and gone unseen.
    GapFound = "gap.found", chained: true;
    ReplyDecided = "reply.decided", chained: false;
    /// The bot's post is in the room.
    ReplySent = "reply.sent", chained: true;
    /// A deliberate silence, with its reason.
    ReplySuppressed = "reply.suppressed", chained: false;
    /// The post may or may not be in the room, and reading the room did not tell.
    ReplyUncertain = "reply.uncertain", chained: false;
    /// The bot's own post was edited or deleted by the bot.
    ReplyAmended = "reply.amended", chained: true;
    CaseChanged = "case.changed", chained: false;
    /// What the owner noted about a case.
    CaseNoted = "case.noted", chained: false;
    /// A contract on CrowdWorks was registered, changed or ended by the owner.
    ContractChanged = "contract.changed", chained: false;
    /// Pieces of a registered contract were asked for, or given back.
    ContractCounted = "contract.counted", chained: false;
    /// What the owner says of a room or of a client in it.
    RoomDeclared = "room.declared", chained: false;
    /// The bot was stopped, let go on, or told to be quiet for a while.
    BotSwitched = "bot.switched", chained: false;
    /// Many changes in a short time, or a text blanked and then deleted.
    AlarmRaised = "alarm.raised", chained: false;
    /// The owner said that detection was right or wrong.
    DetectionMarked = "detection.marked", chained: false;
    /// A task that the bot gave to its owner was marked as done by the bot.
    TaskClosed = "task.closed", chained: false;
    ContentErased = "content.erased", chained: false;
    EvidenceViewed = "evidence.viewed", chained: false;
    EvidenceExported = "evidence.exported", chained: false;
    LedgerContinued = "ledger.continued", chained: false;
    /// This machine's clock was found off beside Chatwork's, or right again.
    ClockCompared = "clock.compared", chained: false;
    /// Something keeps the bot from its work, or does so no more.
    TroubleChanged = "trouble.changed", chained: false;
    /// A copy of everything was made and verified.
    BackupMade = "backup.made", chained: false;
    SystemStarted = "system.started", chained: false;
    SystemStopped = "system.stopped", chained: false;
    CheckpointAnchored = "checkpoint.anchored", chained: false;
    /// A message as an older copy shows it, brought by the owner: no capture, and no version of one.
    MessageImported = "message.imported", chained: false;
    /// A picture or document that the owner brought; its bytes are stored by hash.
    FileImported = "file.imported", chained: false;
    /// The end of an import: what was read, by its hash, and how much of it.
    ImportMade = "import.made", chained: false;
    /// Correctly signed, well-formed, of a type that this version does not know.
    UnknownEvent = "unknown_event", chained: true;
    /// Correctly signed, but not an event.
    Undecodable = "undecodable", chained: false;
}

impl EntryKind {
    /// Carries a version of a message: a capture with a body.
    pub fn is_message_version(self) -> bool {
        matches!(self, Self::MessageCreated | Self::MessageUpdated | Self::MessageDeletedReported)
    }

    /// Its content may name a file that lies beside the ledger.
    pub fn names_a_file(self) -> bool {
        matches!(
            self,
            Self::FileFound
                | Self::FileStored
                | Self::FileLost
                | Self::FileImported
                | Self::CheckpointAnchored
        )
    }
}

/// Where an observation came from (`source` in the entry format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Webhook,
    Poll,
    Sent,
    Import,
    System,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Sent => "sent",
            Self::Import => "import",
            Self::System => "system",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Webhook, Self::Poll, Self::Sent, Self::Import, Self::System]
            .into_iter()
            .find(|it| it.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for kind in EntryKind::ALL {
            assert_eq!(EntryKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(EntryKind::parse("message"), None);
    }
}
