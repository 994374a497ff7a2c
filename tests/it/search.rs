//! `search`: every version, edited and deleted ones too, by words of any length; JSON rows are those of `log --json`.

use std::process::Output;

use serde_json::Value;

use crate::support::Bot;

fn rows(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn found(bot: &Bot, arguments: &[&str]) -> Vec<String> {
    let all = rows(&bot.command(&[&["search", "--json"], arguments].concat()));
    all.iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_are_found_in_every_version() {
    let bot = Bot::start().await;
    let plain = bot.client_says("検収は今週中に行います。");
    let edited = bot.client_says("ﾊﾞﾅｰの単価は５千円でお願いできればと思います。");
    bot.recorded(&edited, 1).await;
    bot.clock.advance(std::time::Duration::from_secs(60));
    bot.chatwork.edit(bot.world.direct_room, &edited, "バナーの単価は3千円でお願いできればと思います。");
    bot.recorded(&edited, 2).await;
    let deleted = bot.client_says("LINEの連絡先を送ります。");
    bot.recorded(&deleted, 1).await;
    bot.chatwork.delete(bot.world.direct_room, &deleted);
    bot.recorded(&deleted, 2).await;
    bot.settled().await;

    let old = "ﾊﾞﾅｰの単価は５千円でお願いできればと思います。";
    let new = "バナーの単価は3千円でお願いできればと思います。";
    assert_eq!(found(&bot, &["検"]), ["検収は今週中に行います。"]);
    assert_eq!(found(&bot, &["ばなー"]), [new, old]);
    assert_eq!(found(&bot, &["5千円"]), [old]);
    assert_eq!(found(&bot, &["--exact", "バナー"]), [new]);
    assert_eq!(found(&bot, &["line"]), ["LINEの連絡先を送ります。"]);
    assert_eq!(found(&bot, &["--deleted", ""]), ["LINEの連絡先を送ります。"]);
    assert_eq!(found(&bot, &["--edited", "単価 -5千円"]), [new]);
    assert_eq!(found(&bot, &["検収 OR 連絡先"]).len(), 2);
    assert_eq!(found(&bot, &["--from", "2026-11-23", "--to", "2026-11-23", "検収"]).len(), 1);
    assert_eq!(found(&bot, &["--from", "2026-11-24", "検収"]).len(), 0);
    assert_eq!(found(&bot, &["--to", "2026-11-22", "検収"]).len(), 0);
    let room = bot.world.direct_room.to_string();
    assert_eq!(found(&bot, &["--room", &room, "検収"]).len(), 1);
    assert_eq!(found(&bot, &["--room", "1", "検収"]).len(), 0);
    let (client, owner) = (bot.world.client.to_string(), bot.world.owner.to_string());
    assert_eq!(found(&bot, &["--sender", &client, "検収"]).len(), 1);
    assert_eq!(found(&bot, &["--sender", &owner, "検収"]).len(), 0);
    // The same object as in the log.
    let row = rows(&bot.command(&["search", "検収", "--json"])).remove(0);
    let log = rows(&bot.command(&["log", "--json"]));
    let logged = log.iter().find(|it| it["message_id"] == plain.as_str() && it["kind"] == "message.created");
    assert_eq!(Some(&row), logged);
    // Nothing found is an answer, not a failure.
    let nothing = bot.command(&["search", "どこにもない"]);
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));
    let people = bot.command(&["search", "検収"]);
    assert!(
        String::from_utf8_lossy(&people.stdout).contains("山田 太郎"),
        "{}",
        String::from_utf8_lossy(&people.stdout)
    );
    assert_eq!(bot.command(&["search", "検収", "--from", "x"]).status.code(), Some(2));
    bot.finish().await;
}
