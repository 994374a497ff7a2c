//! The case machine: which states there are, what moves a case, when a request joins one. Pure functions.
//!
//! Never: does I/O, reads a clock, sends or words anything.

use std::time::Duration;

use crate::domain::UtcMillis;

/// A request joins a case that moved within this span.
pub const JOIN_WITHIN: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Where a case stands, in the order of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Requested,
    Reminded,
    Posted,
    EscrowClaimed,
    EscrowConfirmed,
    Working,
    Delivered,
    Accepted,
    Paid,
    Dismissed,
    Withdrawn,
}

impl State {
    const ALL: [Self; 11] = [
        Self::Requested,
        Self::Reminded,
        Self::Posted,
        Self::EscrowClaimed,
        Self::EscrowConfirmed,
        Self::Working,
        Self::Delivered,
        Self::Accepted,
        Self::Paid,
        Self::Dismissed,
        Self::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Reminded => "reminded",
            Self::Posted => "posted",
            Self::EscrowClaimed => "escrow_claimed",
            Self::EscrowConfirmed => "escrow_confirmed",
            Self::Working => "working",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Dismissed => "dismissed",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Neither closed nor confirmed to be in escrow: the case that a further request belongs to.
    pub fn before_escrow(self) -> bool {
        matches!(self, Self::Requested | Self::Reminded | Self::Posted | Self::EscrowClaimed)
    }
}

/// What happened. Messages move a case as far as *claimed*; only the owner confirms escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The reminder is in the room, or may be.
    Reminded,
    /// Somebody says that the job was posted on CrowdWorks.
    PostedClaimed,
    /// Somebody says that the escrow was paid.
    EscrowClaimed,
}

/// The state after a fact; `None` when it changes nothing. A case never goes back by what a message says.
pub fn step(state: State, fact: Fact) -> Option<State> {
    let next = match fact {
        Fact::Reminded => State::Reminded,
        Fact::PostedClaimed => State::Posted,
        Fact::EscrowClaimed => State::EscrowClaimed,
    };
    (state.before_escrow() && next > state).then_some(next)
}

/// Whether a request at `now` belongs to a case in `state` that last moved at `moved_at`.
pub fn joins(state: State, moved_at: UtcMillis, now: UtcMillis) -> bool {
    state.before_escrow() && now.since(moved_at) <= JOIN_WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_fact() {
        use Fact::{EscrowClaimed, PostedClaimed, Reminded};
        for (state, expected) in [
            (State::Requested, [Some(State::Reminded), Some(State::Posted), Some(State::EscrowClaimed)]),
            (State::Reminded, [None, Some(State::Posted), Some(State::EscrowClaimed)]),
            (State::Posted, [None, None, Some(State::EscrowClaimed)]),
            (State::EscrowClaimed, [None, None, None]),
            (State::EscrowConfirmed, [None, None, None]),
            (State::Working, [None, None, None]),
            (State::Delivered, [None, None, None]),
            (State::Accepted, [None, None, None]),
            (State::Paid, [None, None, None]),
            (State::Dismissed, [None, None, None]),
            (State::Withdrawn, [None, None, None]),
        ] {
            assert_eq!(
                [Reminded, PostedClaimed, EscrowClaimed].map(|fact| step(state, fact)),
                expected,
                "{state:?}"
            );
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_request_joins_for_fourteen_days_and_never_a_case_in_escrow() {
        let moved = UtcMillis(0);
        let day = |days: i64| UtcMillis(days * 24 * 60 * 60 * 1000);
        assert!(joins(State::Reminded, moved, day(14)));
        assert!(!joins(State::Reminded, moved, day(15)));
        assert!(!joins(State::EscrowConfirmed, moved, day(1)));
        assert!(!joins(State::Dismissed, moved, day(1)));
    }
}
