//! The play: requests, answers, edits, deletions; and two plays beside each other.

use std::collections::BTreeMap;

use crate::config::{Config, LoadArgs};
use crate::detect::RuleSet;
use crate::domain::{AccountId, EntryIndex, MessageId, RoomId, RoomType, UtcMillis};
use crate::reply::decide::Why;

use super::{Act, Change, Play, Said, Setting, compare, play};

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
