//! When the owner is nudged about a case that stands still. Pure; the client is never nudged.

use std::time::Duration;

use crate::domain::UtcMillis;

use super::State;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// After a reminder or a posted job: so long without news of escrow.
const ESCROW_PENDING: Duration = DAY.saturating_mul(3);
/// After somebody said that escrow is paid: so long without the owner's look.
const CLAIM_PENDING: Duration = DAY;
/// CrowdWorks' guide value for 検収.
const INSPECTION: Duration = DAY.saturating_mul(7);
/// So long without a word of anybody about an open case.
const SILENCE: Duration = DAY.saturating_mul(7);
/// How long before a deadline it is near.
const NEAR: Duration = DAY.saturating_mul(2);
/// A deadline that passed so long ago is no news.
const PAST: Duration = DAY;

/// What the owner is reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nudge {
    /// Reminded or posted, and no escrow yet.
    EscrowPending,
    /// Said to be paid, and nobody looked.
    ClaimPending,
    /// Delivered a week ago, and not accepted.
    InspectionWeek,
    /// Nobody has said anything for long.
    Silence,
    /// Work is due soon.
    DeadlineNear,
}

impl Nudge {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EscrowPending => "escrow_pending",
            Self::ClaimPending => "claim_pending",
            Self::InspectionWeek => "inspection_week",
            Self::Silence => "silence",
            Self::DeadlineNear => "deadline_near",
        }
    }
}

/// What is known of a case by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    /// When it came to this state.
    pub moved_at: UtcMillis,
    /// The last message of anybody in its room.
    pub last_said: Option<UtcMillis>,
    pub deadline: Option<UtcMillis>,
}

/// A nudge that is due, with what makes it this one: the same nudge with the same mark is given once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub nudge: Nudge,
    pub mark: String,
    /// The day that matters: the deadline, or since when it stands like this.
    pub day: UtcMillis,
}

/// What is due at `now`. A clock that jumps forward makes each of these due once; one that jumps back makes none.
pub fn due(case: &Standing, now: UtcMillis) -> Vec<Due> {
    let stands = now.since(case.moved_at);
    let state = case.state;
    let mut found = Vec::new();
    let mut add = |nudge, mark: String, day| found.push(Due { nudge, mark, day });
    match state {
        State::Reminded | State::Posted if stands >= ESCROW_PENDING => {
            add(Nudge::EscrowPending, state.as_str().to_owned(), case.moved_at);
        }
        State::EscrowClaimed if stands >= CLAIM_PENDING => {
            add(Nudge::ClaimPending, case.moved_at.japan_day(), case.moved_at);
        }
        State::Delivered if stands >= INSPECTION => {
            add(Nudge::InspectionWeek, case.moved_at.japan_day(), case.moved_at);
        }
        _ => {}
    }
    let waits_for_words = state.before_escrow() || matches!(state, State::EscrowConfirmed | State::Working);
    let last = case.last_said.map_or(case.moved_at, |said| said.max(case.moved_at));
    if waits_for_words && now.since(last) >= SILENCE {
        add(Nudge::Silence, last.japan_day(), last);
    }
    let to_be_delivered = state.before_escrow() || matches!(state, State::EscrowConfirmed | State::Working);
    if let Some(deadline) = case.deadline
        && to_be_delivered
        && deadline.since(now) <= NEAR
        && now.since(deadline) <= PAST
    {
        add(Nudge::DeadlineNear, deadline.japan_day(), deadline);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UtcMillis = UtcMillis(1_795_395_600_000);

    fn after(days: u64) -> UtcMillis {
        START.plus(DAY * u32::try_from(days).unwrap())
    }

    fn standing(state: State) -> Standing {
        Standing { state, moved_at: START, last_said: None, deadline: None }
    }

    #[test]
    fn each_state_has_its_own_patience() {
        use Nudge::{ClaimPending, EscrowPending, InspectionWeek, Silence};
        // State; nudges after 0, 1, 3 and 7 days.
        type Row<'a> = (State, [&'a [Nudge]; 4]);
        let table: [Row<'_>; 11] = [
            (State::Requested, [&[], &[], &[], &[Silence]]),
            (State::Reminded, [&[], &[], &[EscrowPending], &[EscrowPending, Silence]]),
            (State::Posted, [&[], &[], &[EscrowPending], &[EscrowPending, Silence]]),
            (State::EscrowClaimed, [&[], &[ClaimPending], &[ClaimPending], &[ClaimPending, Silence]]),
            (State::EscrowConfirmed, [&[], &[], &[], &[Silence]]),
            (State::Working, [&[], &[], &[], &[Silence]]),
            (State::Delivered, [&[], &[], &[], &[InspectionWeek]]),
            (State::Accepted, [&[], &[], &[], &[]]),
            (State::Paid, [&[], &[], &[], &[]]),
            (State::Dismissed, [&[], &[], &[], &[]]),
            (State::Withdrawn, [&[], &[], &[], &[]]),
        ];
        for (state, expected) in table {
            for (days, expected) in [0, 1, 3, 7].into_iter().zip(expected) {
                let found: Vec<Nudge> =
                    due(&standing(state), after(days)).into_iter().map(|it| it.nudge).collect();
                assert_eq!(found, expected, "{state:?} after {days} days");
            }
        }
    }

    #[test]
    fn words_in_the_room_end_the_silence() {
        let case = Standing { last_said: Some(after(5)), ..standing(State::Working) };
        assert!(due(&case, after(11)).is_empty());
        assert_eq!(due(&case, after(12))[0].nudge, Nudge::Silence);
    }

    #[test]
    fn a_deadline_is_near_for_two_days_before_and_one_after() {
        let case =
            Standing { deadline: Some(after(10)), last_said: Some(after(9)), ..standing(State::Working) };
        for (days, near) in [(7, false), (8, true), (10, true), (11, true), (12, false)] {
            let case = Standing { last_said: Some(after(days)), ..case };
            assert_eq!(!due(&case, after(days)).is_empty(), near, "{days}");
        }
        let delivered = Standing { state: State::Accepted, ..case };
        assert!(due(&delivered, after(10)).is_empty());
    }

    #[test]
    fn a_clock_that_steps_back_makes_nothing_due_and_marks_stay_the_same() {
        let case = standing(State::Reminded);
        assert!(due(&case, UtcMillis(START.0 - 1_000_000_000)).is_empty());
        assert_eq!(due(&case, after(3)), due(&case, after(4)));
        let far = due(&case, after(4000));
        assert_eq!(far[0], due(&case, after(3))[0]);
    }
}
