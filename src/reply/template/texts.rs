//! The closed list of texts, their placeholders, and how a template file becomes them.

use std::collections::BTreeMap;

use super::lint;
use super::{TemplateProblem, lint::Kind};

/// Longest text in a client's room, in characters.
const MAX_ROOM_CHARS: usize = 600;

/// Longest text for the owner, in characters.
const MAX_NOTE_CHARS: usize = 800;

/// Longest title, word or reason, in characters; no line break.
const MAX_LINE_CHARS: usize = 100;

/// What can stand in a template as `{name}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Room,
    Link,
    Sender,
    Quote,
    Reason,
    Draft,
    Case,
    Status,
    Left,
    Count,
    Span,
}

impl Slot {
    const ALL: [Self; 11] = [
        Self::Room,
        Self::Link,
        Self::Sender,
        Self::Quote,
        Self::Reason,
        Self::Draft,
        Self::Case,
        Self::Status,
        Self::Left,
        Self::Count,
        Self::Span,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Link => "link",
            Self::Sender => "sender",
            Self::Quote => "quote",
            Self::Reason => "reason",
            Self::Draft => "draft",
            Self::Case => "case",
            Self::Status => "status",
            Self::Left => "left",
            Self::Count => "count",
            Self::Span => "span",
        }
    }
}

/// Of the message that a note is about.
const SUBJECT: &[Slot] = &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote];

/// Declares the list once: variant, key in the file, kind, placeholders that have a value there.
macro_rules! texts {
    ($($variant:ident = $key:literal, $kind:ident, $slots:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum TextId {
            $($variant,)*
        }

        impl TextId {
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// `section.key` in the file.
            pub(super) fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                }
            }

            fn slots(self) -> &'static [Slot] {
                match self {
                    $(Self::$variant => $slots,)*
                }
            }
        }
    };
}

texts! {
    ReminderText = "reminder.text", Reminder, &[];
    ReminderStartBeforeEscrow = "reminder.start_before_escrow", Reminder, &[];
    ReminderClosingAutomatic = "reminder.closing_automatic", Room, &[];
    ReminderClosingPlain = "reminder.closing_plain", Room, &[];
    UnknownSender = "words.sender", Line, &[];
    DraftTitle = "draft.title", Line, &[];
    DraftBody = "draft.body", Note, &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote, Slot::Reason];
    DraftText = "draft.text", Note, &[Slot::Draft];
    DraftApprove = "draft.approve", Note, &[Slot::Case];
    ReasonObserve = "reason.observe", Line, &[];
    ReasonSuggest = "reason.suggest", Line, &[];
    ReasonNotClient = "reason.not_client", Line, &[];
    ReasonCallsEverybody = "reason.calls_everybody", Line, &[];
    ReasonApprove = "reason.approve", Line, &[];
    ReasonUnsure = "reason.unsure", Line, &[];
    ReasonOwnerActive = "reason.owner_active", Line, &[];
    ReasonOwnerAnswered = "reason.owner_answered", Line, &[];
    ReasonRoomBudget = "reason.room_budget", Line, &[];
    ReasonDayBudget = "reason.day_budget", Line, &[];
    ReasonQuietHours = "reason.quiet_hours", Line, &[];
    ReasonUnlistedRoom = "reason.unlisted_room", Line, &[];
    ReasonTooOld = "reason.too_old", Line, &[];
    ReasonSettling = "reason.settling", Line, &[];
    ReasonPaused = "reason.paused", Line, &[];
    PaymentTitle = "off_platform_payment.title", Line, &[];
    PaymentBody = "off_platform_payment.body", Note, SUBJECT;
    PaymentSuggestion = "off_platform_payment.suggestion", Room, &[];
    ContactTitle = "contact_exchange.title", Line, &[];
    ContactBody = "contact_exchange.body", Note, SUBJECT;
    ContactSuggestion = "contact_exchange.suggestion", Room, &[];
    DeliveryTitle = "off_platform_delivery.title", Line, &[];
    DeliveryBody = "off_platform_delivery.body", Note, SUBJECT;
    DeliverySuggestion = "off_platform_delivery.suggestion", Room, &[];
    SuggestionLead = "suggestion.lead", Line, &[];
    StartTitle = "start_before_escrow.title", Line, &[];
    StartBody = "start_before_escrow.body", Note, SUBJECT;
    OwnerStartTitle = "owner_start.title", Line, &[];
    OwnerStartBody = "owner_start.body", Note, SUBJECT;
    ContractTitle = "contract_posted.title", Line, &[];
    ContractBody = "contract_posted.body", Note, SUBJECT;
    EscrowTitle = "escrow_claimed.title", Line, &[];
    EscrowBody = "escrow_claimed.body", Note, SUBJECT;
    ConfirmText = "confirm.text", Note, &[Slot::Case];
    UncertainTitle = "reply_uncertain.title", Line, &[];
    UncertainBody = "reply_uncertain.body", Note, SUBJECT;
    RefusedTitle = "post_refused.title", Line, &[];
    RefusedBody = "post_refused.body", Note, &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote, Slot::Status];
    RefusedForbidden = "post_refused.forbidden", Note, &[];
    RefusedOther = "post_refused.other", Note, &[];
    ReminderText2 = "reminder.text_2", Reminder, &[];
    ReminderText3 = "reminder.text_3", Reminder, &[];
    ReminderMilestones = "reminder.milestones", Reminder, &[];
    ReminderExtraScope = "reminder.extra_scope", Reminder, &[];
    ReminderMonthlyShort = "reminder.monthly_short", Reminder, &[];
    FollowStart1 = "follow_up.start_before_escrow_1", Room, &[];
    FollowStart2 = "follow_up.start_before_escrow_2", Room, &[];
    FollowStart3 = "follow_up.start_before_escrow_3", Room, &[];
    FollowClaimed1 = "follow_up.escrow_claimed_1", Room, &[];
    FollowClaimed2 = "follow_up.escrow_claimed_2", Room, &[];
    FollowClaimed3 = "follow_up.escrow_claimed_3", Room, &[];
    FollowConfirmed1 = "follow_up.escrow_confirmed_1", Room, &[];
    FollowConfirmed2 = "follow_up.escrow_confirmed_2", Room, &[];
    FollowConfirmed3 = "follow_up.escrow_confirmed_3", Room, &[];
    FollowDelivered1 = "follow_up.delivered_1", Room, &[];
    FollowDelivered2 = "follow_up.delivered_2", Room, &[];
    FollowDelivered3 = "follow_up.delivered_3", Room, &[];
    FollowAutomatic = "follow_up.automatic", Room, &[];
    NoticeText = "notice.text", Notice, &[];
    AmendWithdrawn = "amend.withdrawn", Room, &[];
    ReasonFollowUp = "reason.follow_up", Line, &[];
    ReasonUnderContract = "reason.under_contract", Line, &[];
    ReasonMonthly = "reason.monthly", Line, &[];
    ReasonOptedOut = "reason.opted_out", Line, &[];
    ReasonDryRun = "reason.dry_run", Line, &[];
    ReasonChanged = "reason.changed", Line, &[];
    ReasonAlreadyReminded = "reason.already_reminded", Line, &[];
    CoveredTitle = "covered.title", Line, &[];
    CoveredBody = "covered.body", Note, &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote, Slot::Left];
    FirstContactTitle = "first_contact.title", Line, &[];
    FirstContactBody = "first_contact.body", Note, SUBJECT;
    FirstContactSuggestion = "first_contact.suggestion", Room, &[];
    WithdrawnTitle = "withdrawn.title", Line, &[];
    WithdrawnBody = "withdrawn.body", Note, &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote, Slot::Case];
    WithdrawnLeft = "withdrawn.left", Note, &[];
    WithdrawnEdited = "withdrawn.edited", Note, &[];
    WithdrawnDeleted = "withdrawn.deleted", Note, &[];
    RequestDeletedTitle = "request_deleted.title", Line, &[];
    RequestDeletedBody = "request_deleted.body", Note, &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote, Slot::Case];
    OptedOutTitle = "opted_out.title", Line, &[];
    OptedOutBody = "opted_out.body", Note, SUBJECT;
    FollowUpDraftTitle = "follow_up_draft.title", Line, &[];
    FollowUpDraftBody = "follow_up_draft.body", Note, &[Slot::Room, Slot::Link, Slot::Case, Slot::Reason];
    ManyDeletionsTitle = "many_deletions.title", Line, &[];
    ManyDeletionsBody = "many_deletions.body", Note, &[Slot::Room, Slot::Count, Slot::Span];
    ManyEditsTitle = "many_edits.title", Line, &[];
    ManyEditsBody = "many_edits.body", Note, &[Slot::Room, Slot::Count, Slot::Span];
    BlankedTitle = "blanked.title", Line, &[];
    BlankedBody = "blanked.body", Note, SUBJECT;
    WeekTitle = "week.title", Line, &[];
    WeekStopped = "week.stopped", Note, &[Slot::Span];
    WeekUnread = "week.unread", Note, &[Slot::Span];
    WeekAdvice = "week.advice", Note, &[];
    WeekAdviceUnread = "week.advice_unread", Note, &[];
}

impl TextId {
    /// May appear in a client's room.
    pub(super) fn is_room_text(self) -> bool {
        matches!(self.kind(), Kind::Reminder | Kind::Room)
    }

    fn max_chars(self) -> usize {
        match self.kind() {
            Kind::Reminder | Kind::Room | Kind::Notice => MAX_ROOM_CHARS,
            Kind::Note => MAX_NOTE_CHARS,
            Kind::Line => MAX_LINE_CHARS,
        }
    }
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Slot(Slot),
}

/// A template, cut at its placeholders.
#[derive(Clone, Debug)]
pub(super) struct Text {
    source: String,
    parts: Vec<Part>,
}

impl Text {
    fn parse(source: &str, id: TextId) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            parts.push(Part::Literal(before.to_owned()));
            let (name, after) = from
                .strip_prefix('{')
                .and_then(|it| it.split_once('}'))
                .ok_or("has a `{` or `}` that is no placeholder")?;
            let slot = Slot::ALL
                .into_iter()
                .find(|it| it.name() == name && id.slots().contains(it))
                .ok_or_else(|| unknown_slot(id))?;
            parts.push(Part::Slot(slot));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self { source: source.to_owned(), parts })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The text with its placeholders replaced. Values must have been made inert; one that is missing leaves nothing.
    pub(super) fn fill(&self, values: &[(Slot, String)]) -> String {
        let value =
            |slot: &Slot| values.iter().find(|(it, _)| it == slot).map_or("", |(_, text)| text.as_str());
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.as_str(),
                Part::Slot(slot) => value(slot),
            })
            .collect()
    }
}

fn unknown_slot(id: TextId) -> String {
    let names: Vec<String> = id.slots().iter().map(|it| format!("{{{}}}", it.name())).collect();
    if names.is_empty() {
        "has a placeholder, and there are none for this text".to_owned()
    } else {
        format!("has an unknown placeholder; there are {}", names.join(" "))
    }
}

/// Reads a template file over what is there.
pub(super) fn read_file(
    name: &str,
    content: &str,
    texts: &mut BTreeMap<TextId, Text>,
    problems: &mut Vec<TemplateProblem>,
) {
    let sections: BTreeMap<String, BTreeMap<String, String>> = match toml::from_str(content) {
        Ok(sections) => sections,
        Err(error) => {
            let start = error.span().map_or(0, |it| it.start);
            let line = content.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let place = format!("{name}:{line}");
            problems
                .push(TemplateProblem { place, what: format!("not a template file: {}", error.message()) });
            return;
        }
    };
    for (section, keys) in sections {
        for (key, text) in keys {
            let key = format!("{section}.{key}");
            let mut problem =
                |what: String| problems.push(TemplateProblem { place: format!("{name}: {key}"), what });
            let Some(id) = TextId::ALL.iter().copied().find(|it| it.key() == key) else {
                problem("is no text that the bot has".to_owned());
                continue;
            };
            let source = text.replace("\r\n", "\n").trim().to_owned();
            let found = lint::check(&source, id.kind(), id.max_chars());
            let clean = found.is_empty();
            found.into_iter().for_each(&mut problem);
            match Text::parse(&source, id) {
                Ok(text) if clean => _ = texts.insert(id, text),
                Ok(_) => {}
                Err(what) => problem(what),
            }
        }
    }
}
