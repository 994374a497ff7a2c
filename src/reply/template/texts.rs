//! The closed list of texts: key in the file, kind, and the placeholders that have a value there.

use super::lint::Kind;
use super::slot::Slot;

/// Longest text in a client's room, in characters.
const MAX_ROOM_CHARS: usize = 600;

/// Longest text for the owner, in characters.
const MAX_NOTE_CHARS: usize = 800;

/// Longest title, word or reason, in characters; no line break.
const MAX_LINE_CHARS: usize = 100;

/// Of the message that a note is about.
const SUBJECT: &[Slot] = &[Slot::Room, Slot::Link, Slot::Sender, Slot::Quote];

/// Of a case.
const CASE_LINE: &[Slot] = &[Slot::Case, Slot::State, Slot::Room, Slot::Sender, Slot::Terms];

/// Of a case and the day that matters.
const NUDGE: &[Slot] = &[Slot::Case, Slot::State, Slot::Room, Slot::Sender, Slot::Terms, Slot::Until];

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

            pub(super) fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                }
            }

            pub(super) fn slots(self) -> &'static [Slot] {
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
    WitnessText = "witness.text", Notice, &[Slot::Head];
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
    WeekRoom = "week.room", Note, &[Slot::Room, Slot::Span];
    WeekAdvice = "week.advice", Note, &[];
    WeekAdviceUnread = "week.advice_unread", Note, &[];
    RoomLostTitle = "room_lost.title", Line, &[];
    RoomLostBody = "room_lost.body", Note, &[Slot::Room];
    ClockTitle = "clock.title", Line, &[];
    ClockFast = "clock.fast", Note, &[Slot::Span];
    ClockSlow = "clock.slow", Note, &[Slot::Span];
    WebhookSilentTitle = "webhook_silent.title", Line, &[];
    WebhookSilentBody = "webhook_silent.body", Note, &[Slot::Room, Slot::Count];
    TokenRefusedTitle = "token_refused.title", Line, &[];
    TokenRefusedBody = "token_refused.body", Note, &[Slot::Before, Slot::After];
    SignaturesTitle = "signatures_refused.title", Line, &[];
    SignaturesBody = "signatures_refused.body", Note, &[Slot::Count];
    DiskLowTitle = "disk_low.title", Line, &[];
    DiskLowBody = "disk_low.body", Note, &[Slot::Count];
    DiskFullTitle = "disk_full.title", Line, &[];
    DiskFullBody = "disk_full.body", Note, &[Slot::Count];
    AnchorRefusedTitle = "anchor_refused.title", Line, &[];
    AnchorRefusedBody = "anchor_refused.body", Note, &[Slot::Span];
    OutboxStuckTitle = "outbox_stuck.title", Line, &[];
    OutboxStuckBody = "outbox_stuck.body", Note, &[Slot::Until, Slot::Count];
    ObjectsStuckTitle = "objects_stuck.title", Line, &[];
    ObjectsStuckBody = "objects_stuck.body", Note, &[Slot::Span];
    ListTitle = "list.title", Line, &[];
    ListLine = "list.line", Line, CASE_LINE;
    ListEmpty = "list.empty", Line, &[];
    ListMore = "list.more", Line, &[Slot::Count];
    ListClosed = "list.closed", Line, &[Slot::Count];
    StatusTitle = "status.title", Line, &[];
    StatusBody = "status.body", Note, &[Slot::State, Slot::Open, Slot::Count, Slot::Yen, Slot::Work, Slot::Drafts];
    RunningOn = "running.on", Line, &[];
    RunningStopped = "running.stopped", Line, &[];
    RunningQuiet = "running.quiet", Line, &[Slot::Until];
    FiguresTitle = "figures.title", Line, &[];
    FiguresClients = "figures.clients", Line, &[];
    FiguresClient = "figures.client", Line, &[Slot::Sender, Slot::Open, Slot::Yen, Slot::Work];
    FiguresMonths = "figures.months", Line, &[];
    FiguresMonth = "figures.month", Line, &[Slot::Until, Slot::Count, Slot::Open, Slot::Yen];
    FiguresAnswer = "figures.answer_time", Line, &[Slot::Until];
    HelpTitle = "help.title", Line, &[];
    HelpBody = "help.body", Note, &[];
    StopTitle = "stop.title", Line, &[];
    StopBody = "stop.body", Note, &[];
    StopAlready = "stop.already", Note, &[];
    ResumeTitle = "resume.title", Line, &[];
    ResumeBody = "resume.body", Note, &[];
    ResumeAlready = "resume.already", Note, &[];
    QuietTitle = "quiet.title", Line, &[];
    QuietBody = "quiet.body", Note, &[Slot::Until];
    DoneTitle = "done.title", Line, &[];
    Approved = "done.approved", Note, &[Slot::Case];
    Retracted = "done.retracted", Note, &[Slot::Case];
    Rejected = "done.rejected", Note, &[Slot::Case];
    Moved = "done.moved", Note, &[Slot::Case, Slot::State];
    Noted = "done.noted", Note, &[Slot::Case];
    MarkedRight = "done.marked_right", Note, &[Slot::Case];
    MarkedWrong = "done.marked_wrong", Note, &[Slot::Case];
    NotDoneTitle = "not_done.title", Line, &[];
    NoSuchCase = "not_done.no_such_case", Note, &[Slot::Case];
    NumberMissing = "not_done.number_missing", Note, &[Slot::Word];
    SpanMissing = "not_done.span_missing", Note, &[];
    NoDraft = "not_done.no_draft", Note, &[Slot::Case];
    AlreadySaid = "not_done.already_said", Note, &[Slot::Case];
    AlreadyReminded = "not_done.already_reminded", Note, &[Slot::Case];
    NothingToRetract = "not_done.nothing_to_retract", Note, &[Slot::Case];
    AlreadyRetracted = "not_done.already_retracted", Note, &[Slot::Case];
    NotWhileStopped = "not_done.stopped", Note, &[Slot::Case];
    NotInThisRoom = "not_done.not_in_this_room", Note, &[Slot::Case];
    NotMoved = "not_done.not_moved", Note, &[Slot::Case, Slot::State];
    RoomUnknown = "not_done.room_unknown", Note, &[Slot::Room];
    RoomUnclear = "not_done.room_unclear", Note, &[Slot::Lines];
    ContractUnclear = "not_done.contract_unclear", Note, &[Slot::Room];
    WordTooOld = "not_done.too_old", Note, &[Slot::Quote];
    ShowAgainTitle = "show_again.title", Line, &[];
    ShowAgain = "show_again.body", Note, &[Slot::Case];
    EvidenceTitle = "evidence.title", Line, &[];
    EvidenceMaking = "evidence.making", Note, &[Slot::Case, Slot::Count];
    EvidenceMadeTitle = "evidence.made_title", Line, &[];
    EvidenceMade = "evidence.made", Note, &[Slot::Case, Slot::Place, Slot::Hash, Slot::Count];
    EvidenceFailed = "evidence.failed", Note, &[Slot::Case];
    EvidenceBody = "evidence.body", Note, &[Slot::Case, Slot::RoomId, Slot::Count];
    ShowTitle = "show.title", Line, &[Slot::Case];
    ShowBody = "show.body", Note, &[Slot::Case, Slot::State, Slot::Room, Slot::Sender, Slot::Terms, Slot::Until, Slot::Link, Slot::Reason];
    ShowReminded = "show.reminded", Line, &[];
    ShowNotReminded = "show.not_reminded", Line, &[];
    ShowNote = "show.note", Line, &[Slot::Quote];
    ConditionsTitle = "conditions.title", Line, &[Slot::Case];
    ConditionsBody = "conditions.body", Note, &[Slot::Case, Slot::Lines, Slot::Count];
    ConditionFound = "conditions.found", Line, &[Slot::Term, Slot::Quote];
    ConditionRead = "conditions.read", Line, &[Slot::Term, Slot::Quote, Slot::Reading];
    ConditionFoundBare = "conditions.found_bare", Line, &[Slot::Term];
    ConditionMissing = "conditions.missing", Line, &[Slot::Term];
    ContractKeptTitle = "contract_kept.title", Line, &[];
    ContractKept = "contract_kept.body", Note, &[Slot::Room, Slot::Terms];
    ContractUntil = "contract_kept.until", Line, &[Slot::Until];
    RoomDeclared = "contract_kept.declared", Note, &[Slot::Room];
    RoomNone = "contract_kept.none", Note, &[Slot::Room];
    NudgeTitle = "nudge.title", Line, &[];
    NudgeEscrow = "nudge.escrow_pending", Note, NUDGE;
    NudgeClaim = "nudge.claim_pending", Note, NUDGE;
    NudgeInspection = "nudge.inspection_week", Note, NUDGE;
    NudgeSilence = "nudge.silence", Note, NUDGE;
    NudgeDeadline = "nudge.deadline_near", Note, NUDGE;
    TermsChangedTitle = "terms_changed.title", Line, &[];
    TermsChangedBody = "terms_changed.body", Note, &[Slot::Case, Slot::State, Slot::Room, Slot::Sender, Slot::Terms, Slot::Link, Slot::Lines];
    TermChange = "terms_changed.line", Line, &[Slot::Term, Slot::Before, Slot::After];
    TermAbsent = "terms_changed.absent", Line, &[];
    AgreedTitle = "agreed.title", Line, &[];
    AgreedBody = "agreed.body", Note, CASE_LINE;
    AssentedTitle = "assented.title", Line, &[];
    AssentedBody = "assented.body", Note, &[Slot::Case, Slot::State, Slot::Room, Slot::Sender, Slot::Terms, Slot::Link];
    TaskDraft = "task.draft", Line, &[Slot::Case];
    TaskClaim = "task.claim", Line, &[Slot::Case];
    Restate = "room.restate", Room, &[Slot::Lines];
    ConfirmOld = "room.confirm_old", Room, &[Slot::Lines];
    AskMissing = "room.ask_missing", Room, &[Slot::Items];
    TermLine = "room.term_line", Line, &[Slot::Term, Slot::After];
    TermOpen = "room.term_open", Line, &[];
    TermDeliverable = "term.deliverable", Line, &[];
    TermQuantity = "term.quantity", Line, &[];
    TermAmount = "term.amount", Line, &[];
    TermDeadline = "term.deadline", Line, &[];
    StateRequested = "state.requested", Line, &[];
    StateReminded = "state.reminded", Line, &[];
    StatePosted = "state.posted", Line, &[];
    StateEscrowClaimed = "state.escrow_claimed", Line, &[];
    StateEscrowConfirmed = "state.escrow_confirmed", Line, &[];
    StateWorking = "state.working", Line, &[];
    StateDelivered = "state.delivered", Line, &[];
    StateAccepted = "state.accepted", Line, &[];
    StatePaid = "state.paid", Line, &[];
    StateDismissed = "state.dismissed", Line, &[];
    StateWithdrawn = "state.withdrawn", Line, &[];
    ItemClientName = "item.client_name", Line, &[];
    ItemClientAddress = "item.client_address", Line, &[];
    ItemCommissionDay = "item.commission_day", Line, &[];
    ItemDeliverable = "item.deliverable", Line, &[];
    ItemDueDay = "item.due_day", Line, &[];
    ItemPlace = "item.place", Line, &[];
    ItemInspectionDay = "item.inspection_day", Line, &[];
    ItemReward = "item.reward", Line, &[];
    ItemPaymentDay = "item.payment_day", Line, &[];
    ItemPaymentWay = "item.payment_way", Line, &[];
}

impl TextId {
    /// May appear in a client's room.
    pub(super) fn is_room_text(self) -> bool {
        matches!(self.kind(), Kind::Reminder | Kind::Room)
    }

    pub(super) fn max_chars(self) -> usize {
        match self.kind() {
            Kind::Reminder | Kind::Room | Kind::Notice => MAX_ROOM_CHARS,
            Kind::Note => MAX_NOTE_CHARS,
            Kind::Line => MAX_LINE_CHARS,
        }
    }
}
