//! Random histories: whatever people do, the bot posts at most once for each step, never over budget, never in observe.

use karibarai::domain::UtcMillis;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::MORNING;

use super::language::{Act, Scenario, Step};
use super::setting;
use super::stage::{Stage, Way};

/// Rooms of one history, all on one bot.
const ROOMS: usize = 6;

/// What may be said: requests, claims, withdrawals, talk.
const WORDS: [&str; 14] = [
    "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。",
    "追加でバナーを2枚お願いできますか？",
    "新しくLPのデザインを1件お願いしたいのですが、いかがでしょうか。",
    "来月分も同じ感じでいけますか",
    "CrowdWorksのほうに契約リクエストを送りましたので、ご確認と承認をお願いいたします。",
    "仮払いしました。",
    "すみません、先ほどの依頼は取り消します。",
    "仮払いは後でしますので、先に作業を始めてもらえますか？",
    "次から手数料もったいないので直接お振込みでもいいですか?その分少し上乗せします",
    "こちらです。 https://crowdworks.jp/public/jobs/1234567",
    "ありがとうございました。",
    "自動送信のメッセージは控えていただけますか。",
    "3段落目をもう少し柔らかくしてほしいです。",
    "お世話になっております。",
];

const OWNER: [&str; 12] = [
    "confirms 1",
    "confirms 2",
    "begins 1",
    "delivers 1",
    "dismisses 1",
    "dismisses 2",
    "approves 1",
    "approves 2",
    "approves 3",
    "rejects 1",
    "registers fixed 4本 escrowed",
    "declares contract none",
];

#[derive(Clone, Debug)]
enum Move {
    Says { who: usize, word: usize },
    Edits { who: usize, n: usize, word: usize },
    Deletes { who: usize, n: usize },
    Owner(usize),
}

fn moves() -> impl Strategy<Value = (i64, usize, Move)> {
    let act = prop_oneof![
        6 => (0..3_usize, 0..WORDS.len()).prop_map(|(who, word)| Move::Says { who, word }),
        2 => (0..2_usize, 0..4_usize, 0..WORDS.len()).prop_map(|(who, n, word)| Move::Edits { who, n, word }),
        1 => (0..2_usize, 0..4_usize).prop_map(|(who, n)| Move::Deletes { who, n }),
        3 => (0..OWNER.len()).prop_map(Move::Owner),
    ];
    let gap =
        prop_oneof![4 => 0..30_i64, 3 => 30..4000_i64, 1 => 4000..400_000_i64, 1 => Just(15 * 24 * 3600)];
    (gap, 0..ROOMS, act)
}

fn history() -> impl Strategy<Value = Vec<(i64, usize, Move)>> {
    vec(moves(), 20..60)
}

/// The rooms, each with its own people and settings.
fn rooms() -> Vec<Scenario> {
    let settings: [&[(&str, &str)]; ROOMS] = [
        &[],
        &[("reply.mode", "observe")],
        &[("reply.mode", "approve")],
        &[("reply.follow_ups", "true"), ("reply.max_per_room_per_day", "2"), ("reply.witness", "true")],
        &[("reply.quiet_hours", "22:00-07:00"), ("reply.on_withdrawal", "delete")],
        &[("reply.mode", "suggest"), ("reply.notice", "true")],
    ];
    let room = |(number, settings): (usize, &&[(&str, &str)])| Scenario {
        name: format!("random{number}"),
        people: if number % 2 == 0 {
            vec!["client".to_owned()]
        } else {
            vec!["client".to_owned(), "client2".to_owned()]
        },
        settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        all: Vec::new(),
        steps: Vec::new(),
    };
    settings.iter().enumerate().map(room).collect()
}

fn script(history: &[(i64, usize, Move)]) -> Vec<Scenario> {
    let mut rooms = rooms();
    let mut said = [[0_usize; 2]; ROOMS];
    let mut at = MORNING.0;
    for (line, (gap, room, act)) in (1..).zip(history) {
        at += gap * 1000;
        let people = rooms[*room].people.clone();
        let name = |who: usize| people[who % people.len()].clone();
        let act = match act {
            Move::Says { who: 2, word } => {
                Act::Says { who: "owner".to_owned(), text: WORDS[*word].to_owned() }
            }
            Move::Says { who, word } => {
                said[*room][who % people.len()] += 1;
                Act::Says { who: name(*who), text: WORDS[*word].to_owned() }
            }
            Move::Edits { who, n, word } if said[*room][who % people.len()] > 0 => Act::Edits {
                who: name(*who),
                n: n % said[*room][who % people.len()] + 1,
                text: WORDS[*word].to_owned(),
            },
            Move::Deletes { who, n } if said[*room][who % people.len()] > 0 => {
                Act::Deletes { who: name(*who), n: n % said[*room][who % people.len()] + 1 }
            }
            Move::Edits { .. } | Move::Deletes { .. } => continue,
            Move::Owner(word) => Act::Owner(OWNER[*word].split(' ').map(str::to_owned).collect()),
        };
        rooms[*room].steps.push(Step { at: UtcMillis(at), line, act });
    }
    rooms
}

#[test]
fn random_histories_keep_the_rules() {
    let long = setting("KARIBARAI_TESTS_LONG").is_some();
    let config = Config {
        cases: if long { 400 } else { 3 },
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(config);
    let played = runner.run(&history(), |history| {
        // The stage holds the rules; a broken one panics, and proptest looks for a shorter history.
        runtime.block_on(async { Stage::set(script(&history), Way::Once).await.play().await });
        Ok(())
    });
    played.unwrap();
}
