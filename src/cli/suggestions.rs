//! How the suggestions of `backtest --suggest` are printed.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::backtest::{Advice, Suggestion};
use crate::detect::RuleSet;
use crate::domain::RoomId;
use crate::store::RoomRow;

use super::terminal::{Terminal, until_closed};
use super::{Exit, Language};

/// Messages that are named.
const NAMED: usize = 5;

pub(super) fn show(
    found: &[Suggestion],
    rules: &RuleSet,
    rooms: &[RoomRow],
    as_json: bool,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let mut out = terminal.data();
    for it in found {
        let text = if as_json { json(it).to_string() } else { human(it, rules, rooms, terminal) };
        if !until_closed(writeln!(out, "{text}"))? {
            return Ok(Exit::Done);
        }
    }
    until_closed(out.flush())?;
    if !as_json {
        terminal.talk(&match (found.len(), terminal.language) {
            (0, Language::Ja) => "ご本人の判定（正解・誤り・取消・却下・承認・確認）に、3件以上に共通するところは見つかりませんでした。".to_owned(),
            (0, Language::En) => "Nothing that three or more of your judgements have in common.".to_owned(),
            (n, Language::Ja) => format!("提案は{n}件です。何も変えていません。設定ファイルに書いて karibarai を起動し直すと有効になり、その前に karibarai backtest で確かめられます。"),
            (n, Language::En) => format!("{n} suggestions. Nothing was changed: what you write into the configuration holds after a restart, and `karibarai backtest` shows its effect before."),
        });
    }
    Ok(Exit::Done)
}

fn json(it: &Suggestion) -> Value {
    let (kind, value, client) = match &it.advice {
        Advice::Deny(phrase) => ("deny", json!(phrase), None),
        Advice::ClientDeny(client, phrase) => ("client_deny", json!(phrase), Some(client)),
        Advice::Allow(phrase) => ("allow", json!(phrase), None),
        Advice::Certain(percent) => ("certain_percent", json!(percent), None),
        Advice::Rule(rule) => ("rule", json!(rule), None),
    };
    let messages = it.messages.iter().map(|(room, id)| json!({ "room_id": room, "message_id": id }));
    json!({
        "kind": kind,
        "room_id": it.room,
        "account_id": client,
        "value": value,
        "messages": messages.collect::<Vec<_>>(),
        "others": it.others,
    })
}

fn human(it: &Suggestion, rules: &RuleSet, rooms: &[RoomRow], terminal: &Terminal) -> String {
    let japanese = terminal.language == Language::Ja;
    let n = it.messages.len();
    let room = it.room.map(|room| name(rooms, room)).unwrap_or_default();
    let id = it.room.map(|it| it.to_string()).unwrap_or_default();
    let others = match (it.others, japanese) {
        (0, _) => String::new(),
        (n, true) => format!("（ほかに判定のない{n}件の発言にもあてはまります）"),
        (n, false) => format!(" ({n} further messages that you did not judge hold it too)"),
    };
    let (says, line) = match &it.advice {
        Advice::Deny(phrase) => (
            wrong(&room, n, phrase, japanese) + &others,
            format!("[[room]] id = {id}: detect.deny = [{}]", quoted(phrase)),
        ),
        Advice::ClientDeny(client, phrase) => (
            wrong(&room, n, phrase, japanese) + &others,
            format!("[[room]] id = {id}: detect.client_deny = [{}]", quoted(&format!("{client}={phrase}"))),
        ),
        Advice::Allow(phrase) => (
            match japanese {
                true => {
                    format!("{room}：確認をお願いした{n}件はどれも依頼で、「{phrase}」が共通しています。")
                }
                false => format!(
                    "{room}: {n} messages that you were asked about were requests and share \"{phrase}\"."
                ),
            },
            format!("[[room]] id = {id}: detect.allow = [{}]", quoted(phrase)),
        ),
        Advice::Certain(percent) => (
            match japanese {
                true => format!(
                    "{room}：依頼ではなかった{n}件の確からしさは、どれも{percent}%未満でした。正しかったものは、どれもそれ以上です。"
                ),
                false => format!(
                    "{room}: {n} messages that were no requests were all below {percent} percent, the right ones all above."
                ),
            },
            format!("[[room]] id = {id}: detect.certain_percent = {percent}"),
        ),
        Advice::Rule(rule) => {
            let reason = rules.explain(rule).unwrap_or_default();
            match japanese {
                true => (
                    format!("規則 {rule}（{reason}）が働いた{n}件は、どれも依頼ではありませんでした。"),
                    "規則を直した写しを karibarai backtest --rules フォルダー で比べられます".to_owned(),
                ),
                false => (
                    format!("{n} messages in which the rule {rule} ({reason}) fired were no requests."),
                    "compare a corrected copy of the rules by karibarai backtest --rules DIR".to_owned(),
                ),
            }
        }
    };
    let links = it.messages.iter().take(NAMED);
    let links: Vec<String> =
        links.map(|(room, id)| format!("  https://www.chatwork.com/#!rid{room}-{id}")).collect();
    harmless(&format!("{says}\n  → {line}\n{}", links.join("\n")))
}

fn wrong(room: &str, n: usize, phrase: &str, japanese: bool) -> String {
    match japanese {
        true => format!("{room}：依頼ではなかった{n}件に「{phrase}」が共通しています。"),
        false => format!("{room}: {n} messages that were no requests share \"{phrase}\"."),
    }
}

/// As a text in a configuration file.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn name(rooms: &[RoomRow], room: RoomId) -> String {
    let name = rooms.iter().find(|it| it.room == room).and_then(|it| it.name.clone());
    name.unwrap_or_else(|| room.to_string())
}

/// Control characters of a message must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|it| if it.is_control() && it != '\n' { ' ' } else { it }).collect()
}
