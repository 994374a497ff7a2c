//! May the bot answer, and with what? One pure function over what is known when the request is read.
//!
//! Never: does I/O, reads a clock, words anything. The rules are those of DESIGN section 4, numbers 3 and 4.

use std::time::Duration;

use crate::cases::Cover;
use crate::config::Mode;
use crate::domain::{Labels, Role, RoomType, Tier};

use super::template::DraftReason;

/// What is known about one message when the decision is taken.
#[derive(Clone, Debug)]
pub struct Facts {
    pub tier: Tier,
    pub labels: Labels,
    pub role: Role,
    /// The room stands in the configuration.
    pub listed: bool,
    pub mode: Mode,
    pub room_type: Option<RoomType>,
    /// `[toall]`, or words to everybody.
    pub calls_everybody: bool,
    /// From sending to first sight.
    pub age: Duration,
    pub max_age: Duration,
    /// The message is older than the bot's watch over the room.
    pub before_watch: bool,
    /// The owner has written after the request.
    pub owner_answered: bool,
    /// The owner wrote within `owner_active` before it.
    pub owner_active: bool,
    /// This very message (an earlier version of it) was decided on.
    pub decided_before: bool,
    /// The case that the request joins.
    pub case: Option<JoinedCase>,
    /// What the registered contracts say of it; [`Cover::NotSure`] too where the room is declared to be in escrow.
    pub cover: Cover,
    /// A monthly order beyond what is covered: the owner is told first.
    pub monthly: bool,
    /// The room is declared to have no contract at all.
    pub first_contact: bool,
    /// The client wants no automatic messages.
    pub opted_out: bool,
    /// The owner has stopped the bot.
    pub stopped: bool,
    pub dry_run: bool,
    pub room_budget_left: bool,
    pub budget_left: bool,
}

/// What matters of a case that a request joins.
#[derive(Clone, Copy, Debug)]
pub struct JoinedCase {
    /// It has its reminder, in the room or on the way.
    pub reminded: bool,
    /// Somebody said that the job is posted or paid into escrow.
    pub posted: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An ordinary message: not even a silence worth recording.
    Nothing,
    /// The reminder goes into the room.
    Remind,
    /// Nothing in the room; the owner gets a draft in the control room.
    Draft(Why),
    /// Nothing anywhere, on purpose.
    Silent(Why),
}

/// Why a reminder is not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    NotClient,
    Unsure,
    Unlisted,
    Observe,
    Suggest,
    CaseReminded,
    CasePosted,
    SaysPosted,
    DecidedBefore,
    BeforeWatch,
    TooOld,
    OwnerAnswered,
    OwnerActive,
    CallsEverybody,
    RoomBudget,
    Budget,
    Covered,
    Hourly,
    UnderContract,
    Monthly,
    FirstContact,
    OptedOut,
    Stopped,
    DryRun,
}

impl Why {
    /// The word that stands in entries and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotClient => "not_client",
            Self::Unsure => "unsure",
            Self::Unlisted => "unlisted",
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::CaseReminded => "case_reminded",
            Self::CasePosted => "case_posted",
            Self::SaysPosted => "says_posted",
            Self::DecidedBefore => "decided_before",
            Self::BeforeWatch => "before_watch",
            Self::TooOld => "too_old",
            Self::OwnerAnswered => "owner_answered",
            Self::OwnerActive => "owner_active",
            Self::CallsEverybody => "calls_everybody",
            Self::RoomBudget => "room_budget",
            Self::Budget => "budget",
            Self::Covered => "covered",
            Self::Hourly => "hourly",
            Self::UnderContract => "under_contract",
            Self::Monthly => "monthly",
            Self::FirstContact => "first_contact",
            Self::OptedOut => "opted_out",
            Self::Stopped => "stopped",
            Self::DryRun => "dry_run",
        }
    }
}

impl Why {
    /// What the owner is told beside the draft; the silent ones come with none.
    pub fn draft_reason(self, mode: Mode) -> Option<DraftReason> {
        match self {
            Self::NotClient => Some(DraftReason::NotClient),
            Self::Unsure => Some(DraftReason::Unsure),
            Self::Unlisted => Some(DraftReason::UnlistedRoom),
            Self::Suggest if mode == Mode::Approve => Some(DraftReason::Approve),
            Self::Suggest => Some(DraftReason::Suggest),
            Self::TooOld => Some(DraftReason::TooOld),
            Self::OwnerAnswered => Some(DraftReason::OwnerAnswered),
            Self::OwnerActive => Some(DraftReason::OwnerActive),
            Self::CallsEverybody => Some(DraftReason::CallsEverybody),
            Self::RoomBudget => Some(DraftReason::RoomBudget),
            Self::Budget => Some(DraftReason::DayBudget),
            Self::UnderContract => Some(DraftReason::UnderContract),
            Self::Monthly => Some(DraftReason::Monthly),
            Self::OptedOut => Some(DraftReason::OptedOut),
            Self::Stopped => Some(DraftReason::Paused),
            Self::DryRun => Some(DraftReason::DryRun),
            // The note on first contact has words of its own.
            Self::FirstContact
            | Self::Covered
            | Self::Hourly
            | Self::Observe
            | Self::CaseReminded
            | Self::CasePosted
            | Self::SaysPosted
            | Self::DecidedBefore
            | Self::BeforeWatch => None,
        }
    }
}

/// The first rule that applies decides; what protects the relationship comes before what spares the owner.
pub fn decide(facts: &Facts) -> Verdict {
    if facts.tier == Tier::No || matches!(facts.role, Role::Worker | Role::Bot) {
        return Verdict::Nothing;
    }
    let certain = facts.tier == Tier::Certain && facts.role == Role::Client;
    let covered = matches!(facts.cover, Cover::Inside { .. });
    let rules: [(bool, Verdict); 24] = [
        (facts.before_watch, Verdict::Silent(Why::BeforeWatch)),
        (facts.decided_before, Verdict::Silent(Why::DecidedBefore)),
        (certain && covered, Verdict::Silent(Why::Covered)),
        (facts.cover == Cover::Hourly, Verdict::Silent(Why::Hourly)),
        (facts.case.is_some_and(|it| it.posted), Verdict::Silent(Why::CasePosted)),
        (facts.case.is_some_and(|it| it.reminded), Verdict::Silent(Why::CaseReminded)),
        (facts.labels.contract_posted || facts.labels.escrow_claimed, Verdict::Silent(Why::SaysPosted)),
        (!facts.listed, Verdict::Draft(Why::Unlisted)),
        (facts.mode == Mode::Observe, Verdict::Silent(Why::Observe)),
        (facts.first_contact, Verdict::Draft(Why::FirstContact)),
        (facts.role != Role::Client, Verdict::Draft(Why::NotClient)),
        (covered || facts.cover == Cover::NotSure, Verdict::Draft(Why::UnderContract)),
        (facts.tier == Tier::Unsure, Verdict::Draft(Why::Unsure)),
        (facts.opted_out, Verdict::Draft(Why::OptedOut)),
        (facts.monthly, Verdict::Draft(Why::Monthly)),
        (facts.mode != Mode::Auto, Verdict::Draft(Why::Suggest)),
        (facts.stopped, Verdict::Draft(Why::Stopped)),
        (facts.age > facts.max_age, Verdict::Draft(Why::TooOld)),
        (facts.owner_answered, Verdict::Draft(Why::OwnerAnswered)),
        (facts.owner_active, Verdict::Draft(Why::OwnerActive)),
        (
            facts.calls_everybody && facts.room_type != Some(RoomType::Direct),
            Verdict::Draft(Why::CallsEverybody),
        ),
        (!facts.room_budget_left, Verdict::Draft(Why::RoomBudget)),
        (!facts.budget_left, Verdict::Draft(Why::Budget)),
        // Last, so that a rehearsal shows what would have been posted and nothing else.
        (facts.dry_run, Verdict::Draft(Why::DryRun)),
    ];
    rules.into_iter().find_map(|(applies, verdict)| applies.then_some(verdict)).unwrap_or(Verdict::Remind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Facts {
        Facts {
            tier: Tier::Certain,
            labels: Labels { new_request: true, ..Labels::default() },
            role: Role::Client,
            listed: true,
            mode: Mode::Auto,
            room_type: Some(RoomType::Direct),
            calls_everybody: false,
            age: Duration::from_secs(1),
            max_age: Duration::from_secs(12 * 3600),
            before_watch: false,
            owner_answered: false,
            owner_active: false,
            decided_before: false,
            case: None,
            cover: Cover::No,
            monthly: false,
            first_contact: false,
            opted_out: false,
            stopped: false,
            dry_run: false,
            room_budget_left: true,
            budget_left: true,
        }
    }

    #[test]
    fn every_rule_alone_keeps_the_room_quiet() {
        assert_eq!(decide(&request()), Verdict::Remind);
        type Change = fn(&mut Facts);
        let cases: [(Change, Verdict); 30] = [
            (|it| it.tier = Tier::No, Verdict::Nothing),
            (|it| it.role = Role::Worker, Verdict::Nothing),
            (|it| it.role = Role::Bot, Verdict::Nothing),
            (|it| it.role = Role::Other, Verdict::Draft(Why::NotClient)),
            (|it| it.tier = Tier::Unsure, Verdict::Draft(Why::Unsure)),
            (|it| it.listed = false, Verdict::Draft(Why::Unlisted)),
            (|it| it.mode = Mode::Observe, Verdict::Silent(Why::Observe)),
            (|it| it.mode = Mode::Suggest, Verdict::Draft(Why::Suggest)),
            (|it| it.mode = Mode::Approve, Verdict::Draft(Why::Suggest)),
            (|it| it.before_watch = true, Verdict::Silent(Why::BeforeWatch)),
            (|it| it.decided_before = true, Verdict::Silent(Why::DecidedBefore)),
            (
                |it| it.case = Some(JoinedCase { reminded: true, posted: false }),
                Verdict::Silent(Why::CaseReminded),
            ),
            (
                |it| it.case = Some(JoinedCase { reminded: false, posted: true }),
                Verdict::Silent(Why::CasePosted),
            ),
            (|it| it.labels.contract_posted = true, Verdict::Silent(Why::SaysPosted)),
            (|it| it.age = Duration::from_secs(13 * 3600), Verdict::Draft(Why::TooOld)),
            (|it| it.owner_answered = true, Verdict::Draft(Why::OwnerAnswered)),
            (|it| it.owner_active = true, Verdict::Draft(Why::OwnerActive)),
            (
                |it| {
                    it.calls_everybody = true;
                    it.room_type = Some(RoomType::Group);
                },
                Verdict::Draft(Why::CallsEverybody),
            ),
            (|it| it.room_budget_left = false, Verdict::Draft(Why::RoomBudget)),
            (|it| it.budget_left = false, Verdict::Draft(Why::Budget)),
            (|it| it.cover = Cover::Inside { count: 3, left: 7 }, Verdict::Silent(Why::Covered)),
            (|it| it.cover = Cover::Hourly, Verdict::Silent(Why::Hourly)),
            (|it| it.cover = Cover::NotSure, Verdict::Draft(Why::UnderContract)),
            (
                |it| {
                    it.cover = Cover::Inside { count: 3, left: 7 };
                    it.tier = Tier::Unsure;
                },
                Verdict::Draft(Why::UnderContract),
            ),
            (|it| it.cover = Cover::Beyond { left: 2 }, Verdict::Remind),
            (|it| it.monthly = true, Verdict::Draft(Why::Monthly)),
            (|it| it.first_contact = true, Verdict::Draft(Why::FirstContact)),
            (|it| it.opted_out = true, Verdict::Draft(Why::OptedOut)),
            (|it| it.stopped = true, Verdict::Draft(Why::Stopped)),
            (|it| it.dry_run = true, Verdict::Draft(Why::DryRun)),
        ];
        for (change, expected) in cases {
            let mut facts = request();
            change(&mut facts);
            assert_eq!(decide(&facts), expected, "{facts:?}");
        }
    }
}
