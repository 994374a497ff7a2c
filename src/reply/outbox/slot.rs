//! Turns by the clock: members of one room who each run a bot never post in the same moment, without knowing of each other.

use std::time::Duration;

use crate::domain::{AccountId, UtcMillis};

/// One turn: longer than looking at the room and posting take.
const TURN: i64 = 3000;
/// A post begins in this part of it, so that it is over before the next turn.
const BEGIN: i64 = 1500;
/// More members share turns: nobody waits for minutes.
const MAX_TURNS: i64 = 20;

/// When `own` may post next; `None`: now.
pub(super) fn next(mut members: Vec<AccountId>, own: AccountId, now: UtcMillis) -> Option<UtcMillis> {
    members.sort_unstable();
    members.dedup();
    let place = i64::try_from(members.iter().position(|it| *it == own)?).ok()?;
    let turns = i64::try_from(members.len()).ok()?.min(MAX_TURNS);
    if turns == 1 {
        return None;
    }
    let round = turns * TURN;
    let begin = place % turns * TURN;
    let at = now.0.rem_euclid(round);
    if (begin..begin + BEGIN).contains(&at) {
        return None;
    }
    let wait = (begin - at).rem_euclid(round);
    Some(now.plus(Duration::from_millis(wait.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_and_nobody_shares_it() {
        let members: Vec<AccountId> = (1..=6).map(AccountId).collect();
        for now in (1_700_000_000_000..1_700_000_030_000).step_by(100) {
            let now = UtcMillis(now);
            let may = |own: u64| next(members.clone(), AccountId(own), now).is_none();
            assert!((1..=6).filter(|own| may(*own)).count() <= 1);
            for own in 1..=6 {
                let at = next(members.clone(), AccountId(own), now).unwrap_or(now);
                assert!(at.since(now) <= Duration::from_secs(18));
                assert!(next(members.clone(), AccountId(own), at).is_none());
            }
        }
        assert_eq!(next(members, AccountId(99), UtcMillis(0)), None, "not a member as far as is known");
    }
}
