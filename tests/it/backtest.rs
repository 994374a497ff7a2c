//! `backtest` through the command line: nothing is written, and two rule sets are compared.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::support::Bot;

const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";

fn rows(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observed_room_shows_what_would_have_been_said() {
    // The clock of the command is the machine's; the span reaches back over that of the bot.
    let bot = Bot::start_with(&[("KARIBARAI_ROOM__0__REPLY__MODE", "observe")]).await;
    let request = bot.client_says(REQUEST);
    bot.recorded(&request, 1).await;
    let thanks = bot.client_says("ありがとうございます。助かります。");
    bot.recorded(&thanks, 1).await;
    let further = bot.client_says("追加でバナーを2枚お願いできますか？1枚3,000円です。");
    bot.recorded(&further, 1).await;
    bot.settled().await;
    let before = bot.records().await.len();
    let found = rows(&bot.command(&["backtest", "--days", "36500", "--json"]));
    let acts: Vec<(&str, &str)> =
        found.iter().map(|it| (it["message_id"].as_str().unwrap(), it["act"].as_str().unwrap())).collect();
    assert_eq!(acts, [(request.as_str(), "remind"), (further.as_str(), "silent")]);
    assert_eq!(found[1]["why"], "case_reminded");
    assert!(!found[0]["reasons"].as_array().unwrap().is_empty());
    assert_eq!(bot.records().await.len(), before, "nothing is written");
    assert_eq!(bot.posts(), 0);

    let told = bot.command(&["backtest", "--days", "36500", "--lang", "ja"]);
    let (out, talk) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(out.contains("案内を投稿  追加でブログ記事を3本"), "{out}");
    assert!(talk.contains("案内の投稿1回") && talk.contains("reply.mode = \"auto\""), "{talk}");

    // Rules that find nothing: the reminder goes.
    let folder = bot.folder.path().join("rules");
    fs::create_dir(&folder).unwrap();
    let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules");
    for file in fs::read_dir(ours).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let rules = folder.display().to_string();
    let same = rows(&bot.command(&["backtest", "--days", "36500", "--json", "--rules", &rules]));
    assert!(same.is_empty(), "{same:?}");
    let outside = bot.command(&["backtest", "--days", "0"]);
    assert_eq!(outside.status.code(), Some(2));
    let nowhere = bot.command(&["backtest", "--rules", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("nowhere"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_dismissed_becomes_a_suggestion_and_nothing_more() {
    let bot = Bot::start().await;
    let mut messages = Vec::new();
    for (n, what) in (1..).zip(["記事を3本", "バナーを2枚", "ロゴを1点"]) {
        let message = bot.client_says(&format!("社内テスト用です。追加で{what}お願いできますか？"));
        bot.until("the case", || async { bot.cases().await.len() == n }).await;
        bot.settled().await;
        // One by the mark, the others by what was done with the case.
        let word = if n == 1 { "wrong" } else { "dismiss" };
        let number = n.to_string();
        assert_eq!(bot.command(&["case", word, &number]).status.code(), Some(0));
        if n == 1 {
            assert_eq!(bot.command(&["case", "withdraw", "1"]).status.code(), Some(0));
        }
        messages.push(message);
    }
    bot.settled().await;
    let before = bot.records().await.len();
    let found = rows(&bot.command(&["backtest", "--suggest", "--days", "36500", "--json"]));
    let deny = found.iter().find(|it| it["kind"] == "deny").unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(deny["room_id"], bot.world.direct_room);
    assert!(deny["value"].as_str().unwrap().contains("社内テスト用"), "{deny}");
    let ids: Vec<&str> =
        deny["messages"].as_array().unwrap().iter().map(|it| it["message_id"].as_str().unwrap()).collect();
    assert_eq!(ids, messages.iter().map(String::as_str).collect::<Vec<_>>());
    let told = bot.command(&["backtest", "--suggest", "--days", "36500", "--lang", "ja"]);
    let (out, talk) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(out.contains("detect.deny = [\"社内テスト用です"), "{out}");
    assert!(talk.contains("何も変えていません"), "{talk}");
    assert_eq!(bot.records().await.len(), before, "nothing is written");
    bot.finish().await;
}
