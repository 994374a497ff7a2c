//! What the world does to a program, done on purpose: failing system calls, power cuts, a full disk, hostile networks and
//! answers, rubbish in every reader, clocks that step. Each battery has a short form, which is a sample by a seed that is
//! printed, and a long form (`KARIBARAI_TESTS_LONG=1`). The figures of the long forms are in `docs/reliability.md`.

#![expect(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]
#![expect(clippy::print_stdout, reason = "each battery says what it tried")]

mod answers;
mod clock;
mod cuts;
mod fuzz;
mod gate;
mod network;
mod power;
mod program;
mod soak;
mod space;
mod supply;
mod syscalls;
mod trace;
mod upgrades;

#[path = "../it/support/cluster.rs"]
#[expect(dead_code, reason = "the same cluster as that of the other tests, which use more of it")]
mod cluster;

use std::sync::OnceLock;

/// A variable that steers the tests.
fn environment(name: &str) -> Option<String> {
    let all = karibarai::config::process_env();
    all.into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
}

/// Everything is tried, not a sample.
fn long() -> bool {
    environment("KARIBARAI_TESTS_LONG").as_deref() == Some("1")
}

/// `KARIBARAI_TESTS_SEED` repeats a run; without it each day tries another sample.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let day = karibarai::domain::Clock::now(&karibarai::domain::SystemClock).0 / 86_400_000;
        let seed = environment("KARIBARAI_TESTS_SEED").and_then(|it| it.parse().ok());
        let seed = seed.unwrap_or(day.unsigned_abs());
        println!("KARIBARAI_TESTS_SEED={seed}");
        seed
    })
}

/// Numbers that a seed decides (splitmix64).
struct Dice(u64);

impl Dice {
    /// Another row of numbers for each battery.
    fn new(battery: &str) -> Self {
        Self(battery.bytes().fold(seed(), |sum, byte| sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// About `count` of `all`, in their order; all of them in the long form.
    fn sample<T>(&mut self, mut all: Vec<T>, count: usize) -> Vec<T> {
        while !long() && all.len() > count {
            let gone = self.below(all.len());
            all.remove(gone);
        }
        all
    }
}
