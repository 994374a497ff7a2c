//! When the owner is nudged about a case that stands still. Pure; the client is never nudged.

use std::time::Duration;

use crate::domain::UtcMillis;

use super::State;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a case may stand still before its owner is told; a span of zero: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After a reminder or a posted job, without news of escrow.
    pub escrow: Duration,
    /// After somebody said that escrow is paid, without the owner's look.
    pub claim: Duration,
    /// After delivery; CrowdWorks' guide value for 検収 is a week.
    pub inspection: Duration,
    /// Without a word of anybody about an open case.
    pub silence: Duration,
    /// Before a deadline.
    pub deadline: Duration,
}

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
pub fn due(case: &Standing, patience: &Patience, now: UtcMillis) -> Vec<Due> {
    let over = |span: Duration, patience: Duration| !patience.is_zero() && span >= patience;
    let stands = now.since(case.moved_at);
    let state = case.state;
    let mut found = Vec::new();
    let mut add = |nudge, mark: String, day| found.push(Due { nudge, mark, day });
    match state {
        State::Reminded | State::Posted if over(stands, patience.escrow) => {
            add(Nudge::EscrowPending, state.as_str().to_owned(), case.moved_at);
        }
        State::EscrowClaimed if over(stands, patience.claim) => {
            add(Nudge::ClaimPending, case.moved_at.japan_day(), case.moved_at);
        }
        State::Delivered if over(stands, patience.inspection) => {
            add(Nudge::InspectionWeek, case.moved_at.japan_day(), case.moved_at);
        }
        _ => {}
    }
    let waits_for_words = state.before_escrow() || matches!(state, State::EscrowConfirmed | State::Working);
    let last = case.last_said.map_or(case.moved_at, |said| said.max(case.moved_at));
    if waits_for_words && over(now.since(last), patience.silence) {
        add(Nudge::Silence, last.japan_day(), last);
    }
    let to_be_delivered = state.before_escrow() || matches!(state, State::EscrowConfirmed | State::Working);
    if let Some(deadline) = case.deadline
        && to_be_delivered
        && !patience.deadline.is_zero()
        && deadline.since(now) <= patience.deadline
        && now.since(deadline) <= PAST
    {
        add(Nudge::DeadlineNear, deadline.japan_day(), deadline);
    }
    found
}

/// When the owner will be told of what, if nothing happens until then; the soonest first.
pub fn upcoming(case: &Standing, patience: &Patience, now: UtcMillis) -> Vec<(Nudge, UtcMillis)> {
    let last = case.last_said.map_or(case.moved_at, |said| said.max(case.moved_at));
    let deadline = case.deadline.map(|at| {
        let before = i64::try_from(patience.deadline.as_millis()).unwrap_or(i64::MAX);
        UtcMillis(at.0.saturating_sub(before))
    });
    let moments = [
        case.moved_at.plus(patience.escrow),
        case.moved_at.plus(patience.claim),
        case.moved_at.plus(patience.inspection),
        last.plus(patience.silence),
        deadline.unwrap_or(now),
    ];
    let mut found: Vec<(Nudge, UtcMillis)> = Vec::new();
    for at in moments.into_iter().filter(|at| *at > now) {
        for due in due(case, patience, at) {
            if !found.iter().any(|(nudge, _)| *nudge == due.nudge) && !is_due(case, patience, now, due.nudge)
            {
                found.push((due.nudge, at));
            }
        }
    }
    found.sort_by_key(|(nudge, at)| (*at, *nudge));
    found
}

fn is_due(case: &Standing, patience: &Patience, now: UtcMillis, nudge: Nudge) -> bool {
    due(case, patience, now).iter().any(|it| it.nudge == nudge)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UtcMillis = UtcMillis(1_795_395_600_000);

    /// As the default configuration has it.
    const USUAL: Patience = Patience {
        escrow: DAY.saturating_mul(3),
        claim: DAY,
        inspection: DAY.saturating_mul(7),
        silence: DAY.saturating_mul(7),
        deadline: DAY.saturating_mul(2),
    };

    fn due(case: &Standing, now: UtcMillis) -> Vec<Due> {
        super::due(case, &USUAL, now)
    }

    #[test]
    fn what_will_be_told_is_known_before() {
        let case = Standing { deadline: Some(after(10)), ..standing(State::Reminded) };
        assert_eq!(
            upcoming(&case, &USUAL, after(1)),
            [(Nudge::EscrowPending, after(3)), (Nudge::Silence, after(7)), (Nudge::DeadlineNear, after(8))]
        );
        // What is due already was told.
        assert_eq!(upcoming(&standing(State::Reminded), &USUAL, after(4)), [(Nudge::Silence, after(7))]);
        assert!(upcoming(&standing(State::Paid), &USUAL, after(1)).is_empty());
    }

    #[test]
    fn a_patience_of_zero_never_ends() {
        let never = Patience {
            escrow: Duration::ZERO,
            claim: Duration::ZERO,
            inspection: Duration::ZERO,
            silence: Duration::ZERO,
            deadline: Duration::ZERO,
        };
        for state in [State::Reminded, State::EscrowClaimed, State::Delivered, State::Working] {
            let case = Standing { deadline: Some(after(30)), ..standing(state) };
            assert!(super::due(&case, &never, after(30)).is_empty(), "{state:?}");
        }
        let short = Patience { escrow: DAY, ..USUAL };
        assert_eq!(super::due(&standing(State::Reminded), &short, after(1))[0].nudge, Nudge::EscrowPending);
    }

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
