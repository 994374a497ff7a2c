//! The case machine: which states there are, what moves a case, when a request joins one. Pure functions.
//!
//! Never: does I/O, reads a clock, sends or words anything.

mod agreement;
mod article3;
mod contract;
mod deadline;
mod links;
mod price;
mod quantity;
mod readings;
mod standing;
#[cfg(test)]
mod tests;
mod timers;

use std::time::Duration;

use crate::domain::UtcMillis;

pub use agreement::{Term, TermChange, accepts, assents, begins, changes, worth};
pub use article3::{Checked, Item, Said, Shown, check as check_article3, missing};
pub use contract::{Contract, Cover, Form, cover};
pub use deadline::{Clock, DueBy, Way, deadline, read_due};
pub use links::{Links, crowdworks_links};
pub use price::{Basis, Price, Sen, Tax, read_price};
pub use quantity::{Quantity, read_quantity};
pub use readings::{Reading, Readings, readings};
pub use standing::{OutsideContact, RoomContract};
pub use timers::{Due, Nudge, Patience, Standing, due, upcoming};

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
    pub const ALL: [Self; 11] = [
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

    /// Confirmed to be in escrow, and not yet paid out.
    pub fn in_escrow(self) -> bool {
        matches!(self, Self::EscrowConfirmed | Self::Working | Self::Delivered | Self::Accepted)
    }

    /// Nothing moves it any more.
    pub fn closed(self) -> bool {
        matches!(self, Self::Paid | Self::Dismissed | Self::Withdrawn)
    }
}

/// What happened. What was said in a room moves a case as far as *claimed*; the rest is the owner's word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The reminder is in the room, or may be.
    Reminded,
    /// Somebody says that the job was posted on CrowdWorks.
    PostedClaimed,
    /// Somebody says that the escrow was paid.
    EscrowClaimed,
    /// The client took the request back.
    WithdrawalSaid,
    /// Another request of the client opened a case, and this one had not moved for long.
    Superseded,
    /// The owner has seen the escrow on CrowdWorks.
    EscrowConfirmed,
    /// The owner has begun.
    WorkBegun,
    /// The owner has delivered on CrowdWorks.
    Delivered,
    /// The client has accepted on CrowdWorks (検収).
    Accepted,
    /// The reward is fixed and paid out.
    Paid,
    /// The owner says that it is no case, or that nothing comes of it.
    Dismissed,
    /// The owner says that the client took it back.
    Withdrawn,
}

impl Fact {
    pub const ALL: [Self; 12] = [
        Self::Reminded,
        Self::PostedClaimed,
        Self::EscrowClaimed,
        Self::WithdrawalSaid,
        Self::Superseded,
        Self::EscrowConfirmed,
        Self::WorkBegun,
        Self::Delivered,
        Self::Accepted,
        Self::Paid,
        Self::Dismissed,
        Self::Withdrawn,
    ];

    /// The word that stands in `why` of an entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reminded => "reminded",
            Self::PostedClaimed => "posted_claimed",
            Self::EscrowClaimed => "escrow_claimed",
            Self::WithdrawalSaid => "withdrawal_said",
            Self::Superseded => "superseded",
            Self::EscrowConfirmed => "escrow_confirmed",
            Self::WorkBegun => "work_begun",
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

    /// Only the owner can say it.
    pub fn owners(self) -> bool {
        matches!(
            self,
            Self::EscrowConfirmed
                | Self::WorkBegun
                | Self::Delivered
                | Self::Accepted
                | Self::Paid
                | Self::Dismissed
                | Self::Withdrawn
        )
    }

    /// Where it leads, if it leads anywhere.
    fn target(self) -> State {
        match self {
            Self::Reminded => State::Reminded,
            Self::PostedClaimed => State::Posted,
            Self::EscrowClaimed => State::EscrowClaimed,
            Self::WithdrawalSaid | Self::Withdrawn => State::Withdrawn,
            Self::Superseded | Self::Dismissed => State::Dismissed,
            Self::EscrowConfirmed => State::EscrowConfirmed,
            Self::WorkBegun => State::Working,
            Self::Delivered => State::Delivered,
            Self::Accepted => State::Accepted,
            Self::Paid => State::Paid,
        }
    }
}

/// The state after a fact; `None` when it changes nothing. A case never goes back. What was said in the room moves it
/// only before escrow is confirmed; the owner's word moves it as far as he says, as long as it is not closed.
pub fn step(state: State, fact: Fact) -> Option<State> {
    let next = fact.target();
    let may_move = if fact.owners() { !state.closed() } else { state.before_escrow() };
    (may_move && next > state).then_some(next)
}

/// Two accounts of where one case stands, joined: the later state on its way, in whatever order they are read.
pub fn further(a: State, b: State) -> State {
    a.max(b)
}

/// Whether a request at `now` belongs to a case in `state` that last moved at `moved_at`.
pub fn joins(state: State, moved_at: UtcMillis, now: UtcMillis) -> bool {
    state.before_escrow() && now.since(moved_at) <= JOIN_WITHIN
}

/// What may be said to the client about a step, beside the reminder. Each has its own template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FollowUp {
    /// He proposes to begin before escrow: it begins when escrow is confirmed.
    StartBeforeEscrow,
    /// He says that escrow is paid: thanks, it is being looked at.
    EscrowClaimed,
    /// The owner has confirmed escrow: the work begins.
    EscrowConfirmed,
    /// The owner has delivered: on CrowdWorks too.
    Delivered,
}

impl FollowUp {
    pub const ALL: [Self; 4] =
        [Self::StartBeforeEscrow, Self::EscrowClaimed, Self::EscrowConfirmed, Self::Delivered];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartBeforeEscrow => "start_before_escrow",
            Self::EscrowClaimed => "escrow_claimed",
            Self::EscrowConfirmed => "escrow_confirmed",
            Self::Delivered => "delivered",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What there is to say to the client when a case has come to `state`.
pub fn follow_up(state: State) -> Option<FollowUp> {
    match state {
        State::EscrowClaimed => Some(FollowUp::EscrowClaimed),
        State::EscrowConfirmed => Some(FollowUp::EscrowConfirmed),
        State::Delivered => Some(FollowUp::Delivered),
        State::Requested
        | State::Reminded
        | State::Posted
        | State::Working
        | State::Accepted
        | State::Paid
        | State::Dismissed
        | State::Withdrawn => None,
    }
}
