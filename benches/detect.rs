//! Detection on one core: records a second over the own corpus, start-up, and the worst bodies that Chatwork allows.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{CharsCount, ItemsCount};
use karibarai::cases::readings;
use karibarai::detect::RuleSet;
use karibarai::detect::corpus::respond;
use karibarai::domain::{Role, RoomType, SignalInput};

/// The longest body that Chatwork takes, in characters.
const BODY_MAX: usize = 65_535;

fn main() {
    divan::main();
}

fn corpus() -> Vec<&'static str> {
    include_str!("../tests/data/detection/own.jsonl").lines().collect()
}

/// `detect --jsonl`: parse, read, print.
#[divan::bench(sample_count = 40)]
fn jsonl(bencher: Bencher<'_, '_>) {
    let rules = RuleSet::builtin().expect("the built-in rules compile");
    let lines = corpus();
    bencher.counter(ItemsCount::new(lines.len())).bench_local(|| {
        for line in &lines {
            black_box(respond(&rules, black_box(line.as_bytes()), |terms, written| {
                Some(readings(terms, written))
            }));
        }
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn start() -> RuleSet {
    RuleSet::builtin().expect("the built-in rules compile")
}

/// Bodies made to cost much: no sentence ends, near misses of many rules, tags, numbers, quotation marks.
#[divan::bench(sample_count = 5, args = ["あ", "お願い", "追加であと", "1,", "「", "[qt]", "仮払いの契約を", "バナーも", "ｱﾞ", "…もう1", "お願いできますか。", "はい!", "3本、5,000円\n"])]
fn worst(bencher: Bencher<'_, '_>, piece: &str) {
    let rules = RuleSet::builtin().expect("the built-in rules compile");
    let body: String = piece.chars().cycle().take(BODY_MAX).collect();
    let input = SignalInput {
        room_type: RoomType::Direct,
        sender_role: Role::Client,
        body: &body,
        context: &[],
        workers: &[],
        worker_names: &[],
    };
    bencher.counter(CharsCount::new(BODY_MAX)).bench_local(|| black_box(rules.read(black_box(&input))));
}
