//! The play: requests, answers, edits, deletions; and two plays beside each other.

use std::collections::BTreeMap;

use crate::config::{Config, LoadArgs};
use crate::detect::RuleSet;
use crate::domain::{AccountId, EntryIndex, MessageId, RoomId, RoomType, UtcMillis};
use crate::reply::decide::Why;

use super::{Act, Advice, Change, Judged, Play, Said, Setting, compare, play, suggest};

const OWNER: u64 = 1;
const CLIENT: u64 = 2;
const START: i64 = 1_795_000_000_000;
const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";

fn said(n: u64, account: u64, minutes: i64, text: &str) -> Said {
    Said {
        n: Some(EntryIndex(n)),
        room: RoomId(7),
        message: MessageId::new((100 + n).to_string()).unwrap(),
        account: AccountId(account),
        at: UtcMillis(START + minutes * 60_000),
        change: Change::Text(text.to_owned()),
    }
}

fn played(rules: &RuleSet, said: &[Said], since: i64) -> Play {
    let env = [("KARIBARAI_ROOM__0__ID", "7"), ("KARIBARAI_ROOM__0__CLIENTS", "2")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(&LoadArgs { path: None, env, cwd: folder.path().to_owned() }).unwrap();
    let setting = Setting {
        config: &config,
        owners: &[AccountId(OWNER)],
        names: &BTreeMap::new(),
        room_types: &BTreeMap::from([(RoomId(7), RoomType::Direct)]),
        roles: &BTreeMap::new(),
        since: UtcMillis(START + since * 60_000),
    };
    play(rules, &setting, said)
}

fn acts(play: &Play) -> Vec<(u64, Act)> {
    play.lines.iter().map(|it| (it.said.n.unwrap().0, it.act)).collect()
}

#[test]
fn a_request_is_reminded_once_and_anew_after_its_escrow() {
    let rules = RuleSet::builtin().unwrap();
    let said = [
        said(0, CLIENT, 0, "お世話になっております。先日の記事、とても好評でした。"),
        said(1, CLIENT, 10, REQUEST),
        said(2, CLIENT, 20, "追加でバナーを2枚お願いできますか？1枚3,000円です。"),
        said(3, OWNER, 200, "ありがとうございます。"),
        said(4, CLIENT, 300, "仮払いしました。"),
        said(5, CLIENT, 20 * 24 * 60, REQUEST),
    ];
    let play = played(&rules, &said, 0);
    assert_eq!(play.looked_at, 6);
    assert_eq!(acts(&play), [(1, Act::Remind), (2, Act::Silent(Why::CaseReminded)), (5, Act::Remind)]);
}

#[test]
fn the_owner_s_own_answer_an_edit_and_a_deletion_count() {
    let rules = RuleSet::builtin().unwrap();
    let mut answered = [said(1, CLIENT, 10, REQUEST), said(2, OWNER, 10, "はい")];
    answered[1].at = UtcMillis(answered[0].at.0 + 5_000);
    assert_eq!(acts(&played(&rules, &answered, 0)), [(1, Act::Draft(Why::OwnerAnswered))]);
    let active = [said(1, OWNER, 8, "こちらこそ"), said(2, CLIENT, 10, REQUEST)];
    assert_eq!(acts(&played(&rules, &active, 0)), [(2, Act::Draft(Why::OwnerActive))]);
    let mut edit = said(2, CLIENT, 12, &REQUEST.replace("3本", "4本"));
    edit.message = MessageId::new("101").unwrap();
    let edited = [said(1, CLIENT, 10, REQUEST), edit];
    assert_eq!(acts(&played(&rules, &edited, 0)), [(1, Act::Remind), (2, Act::Silent(Why::DecidedBefore))]);
    let gone = Said { change: Change::Gone, ..said(1, CLIENT, 30, "") };
    let play = played(&rules, &[said(1, CLIENT, 10, REQUEST), gone], 0);
    assert_eq!((play.looked_at, play.lines.len()), (1, 1));
}

#[test]
fn what_lies_before_the_span_counts_and_is_not_told() {
    let rules = RuleSet::builtin().unwrap();
    let said = [said(1, CLIENT, 0, REQUEST), said(2, CLIENT, 60, REQUEST)];
    let play = played(&rules, &said, 30);
    assert_eq!(play.looked_at, 1);
    assert_eq!(acts(&play), [(2, Act::Silent(Why::CaseReminded))]);
}

#[test]
fn two_rule_sets_differ_where_they_act_differently() {
    let rules = RuleSet::builtin().unwrap();
    let said = [said(1, CLIENT, 0, REQUEST), said(2, CLIENT, 60, "ありがとうございます。")];
    let (before, after) = (played(&rules, &said, 0), played(&rules, &said[1..], 0));
    let differences = compare(&before, &after);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].before.unwrap().act, Act::Remind);
    assert!(differences[0].after.is_none());
    assert!(compare(&before, &before).is_empty());
}

fn advice(said: &[Said], judgements: &[(u64, bool)]) -> Vec<Advice> {
    let rules = RuleSet::builtin().unwrap();
    let play = played(&rules, said, 0);
    let judged: Judged = judgements
        .iter()
        .map(|(n, right)| ((RoomId(7), MessageId::new((100 + n).to_string()).unwrap()), *right))
        .collect();
    suggest(&play, &judged, said).into_iter().map(|it| it.advice).collect()
}

#[test]
fn judgements_become_suggestions_and_only_from_three_on() {
    let week = 7 * 24 * 60;
    let meeting = |n: u64, what: &str| {
        said(
            n,
            CLIENT,
            i64::try_from(n).unwrap() * 3 * week,
            &format!("社内ﾃｽﾄ用です。追加で{what}お願いできますか？"),
        )
    };
    let said = [
        meeting(1, "記事を3本"),
        meeting(2, "バナーを2枚"),
        meeting(3, "ロゴを1点"),
        said(4, CLIENT, 15 * week, REQUEST),
        said(5, CLIENT, 18 * week, "社内テスト用です。追加で動画を2本お願いできますか？"),
    ];
    assert_eq!(advice(&said, &[(1, false), (2, false)]), []);
    let found = advice(&said, &[(1, false), (2, false), (3, false), (4, true)]);
    // What the right one says too (お願いできますか) is not suggested.
    let phrases: Vec<&str> = found
        .iter()
        .filter_map(|it| if let Advice::Deny(it) = it { Some(it.as_str()) } else { None })
        .collect();
    assert_eq!(phrases, ["社内テスト用です"], "{found:?}");
    // A rule that is a reason of right ones as well is not blamed.
    assert!(!found.iter().any(|it| matches!(it, Advice::Rule(_))), "{found:?}");
    let blamed = advice(&said, &[(1, false), (2, false), (3, false)]);
    assert!(blamed.iter().any(|it| matches!(it, Advice::Rule(_))), "{blamed:?}");
    // A right one with the same words: nothing to refuse by them.
    let mixed = advice(&said, &[(1, false), (2, false), (3, false), (5, true)]);
    assert!(!mixed.iter().any(|it| matches!(it, Advice::Deny(it) if it.contains("テスト"))), "{mixed:?}");
}
