//! Signs of trouble that a running bot watches: what it takes to call it so, and to call it over.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Config;
use crate::domain::{Sign, Trouble, UtcMillis};

use super::machine::{self, FULL};

/// So many deliveries with a foreign signature within [`WITHIN`].
const MANY: usize = 5;
const WITHIN: Duration = Duration::from_secs(3600);
/// Without another one for so long it is over: a stranger who knocks now and then is one trouble.
const CALM: Duration = Duration::from_secs(24 * 3600);

/// Room on the disk of the data folder. Between too little and enough lies a quarter, so that nothing flutters.
pub fn disk(config: &Config) -> Vec<Sign> {
    let Some(free) = machine::free(&config.storage.data_dir) else { return Vec::new() };
    let signs = [(Trouble::DiskLow, config.storage.warn_free), (Trouble::DiskFull, FULL)];
    signs.into_iter().filter_map(|(trouble, bound)| below(trouble, free, bound)).collect()
}

fn below(trouble: Trouble, free: u64, bound: u64) -> Option<Sign> {
    let stands = match free {
        _ if free < bound => true,
        _ if free >= bound + bound / 4 => false,
        _ => return None,
    };
    Some(Sign::new(trouble, stands, free))
}

/// Deliveries with a foreign signature, counted over time.
#[derive(Debug)]
pub struct Foreign {
    seen: u64,
    recent: VecDeque<UtcMillis>,
    last: UtcMillis,
}

impl Foreign {
    /// From now on.
    pub fn since(now: UtcMillis) -> Self {
        Self { seen: 0, recent: VecDeque::new(), last: now }
    }

    /// `seen`: how many there were since the start of the program.
    pub fn look(&mut self, seen: u64, now: UtcMillis) -> Option<Sign> {
        for _ in self.seen..seen {
            self.last = now;
            self.recent.push_back(now);
            if self.recent.len() > MANY * 200 {
                self.recent.pop_front();
            }
        }
        self.seen = seen;
        while self.recent.front().is_some_and(|at| now.since(*at) > WITHIN) {
            self.recent.pop_front();
        }
        let many = self.recent.len() >= MANY;
        let calm = now.since(self.last) >= CALM;
        (many || calm).then(|| Sign::new(Trouble::SignaturesRefused, many, self.recent.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(sign: Option<Sign>) -> Option<bool> {
        sign.map(|it| it.stands)
    }

    #[test]
    fn between_too_little_and_enough_nothing_changes() {
        let low = |free| stands(below(Trouble::DiskLow, free, 1000));
        assert_eq!([low(999), low(1000), low(1249), low(1250)], [Some(true), None, None, Some(false)]);
        assert_eq!(stands(below(Trouble::DiskLow, 0, 0)), Some(false), "switched off");
    }

    #[test]
    fn foreign_signatures_are_many_at_once_and_over_after_a_quiet_day() {
        let at = |minutes: i64| UtcMillis(minutes * 60_000);
        let mut foreign = Foreign::since(at(0));
        assert_eq!(stands(foreign.look(4, at(1))), None, "fewer may be a mistake");
        assert_eq!(stands(foreign.look(4, at(70))), None);
        assert_eq!(stands(foreign.look(8, at(80))), None, "the first four were more than an hour before");
        assert_eq!(foreign.look(9, at(81)), Some(Sign::new(Trouble::SignaturesRefused, true, 5)));
        assert_eq!(stands(foreign.look(9, at(300))), None, "not yet over");
        assert_eq!(stands(foreign.look(10, at(1000))), None);
        assert_eq!(stands(foreign.look(10, at(81 + 24 * 60))), None, "one came in between");
        assert_eq!(stands(foreign.look(10, at(1000 + 24 * 60))), Some(false));
    }
}
