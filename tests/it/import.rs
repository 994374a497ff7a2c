//! Older copies: brought in by command, kept apart from captures for ever (row 35).

use std::fs;
use std::path::Path;
use std::process::Output;

use karibarai::domain::{MessageId, RoomId, Source};
use karibarai::store::ArchiveStore as _;
use serde_json::Value;

use crate::review::Visitor;
use crate::support::Bot;

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn import(bot: &Bot, path: &Path, extra: &[&str]) -> String {
    let mut arguments = vec!["import", "--lang", "en", path.to_str().unwrap()];
    arguments.extend(extra);
    let output = bot.command(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    told(&output)
}

fn log(bot: &Bot) -> Vec<Value> {
    let output = bot.command(&["log", "--json"]);
    rows(&output)
}

fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", told(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_imported_once_and_never_mixed_with_what_was_captured() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room;
    let request = bot.client_says("追加で記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.looked().await;
    let id = MessageId::new(request.as_str()).unwrap();
    let captured = bot.store.versions(RoomId(room), &id).await.unwrap().len();
    // The export knows another text of the captured message, an older request, a deletion and another room.
    let client = bot.world.client;
    let rows = format!(
        "ルームID,メッセージID,アカウントID,名前,送信日時,メッセージ,組織名\r\n\
         {room},{request},{client},山田,2026/11/22 09:00,追加で記事を30本お願いできますか？,株式会社A\r\n\
         {room},1780000000000000001,{client},山田,2026/10/01 09:00,\"追加でバナーを2枚お願いします。\n1枚5,000円です\",\r\n\
         {room},1780000000000000002,{client},山田,2026/10/01 09:01,[delete],\r\n\
         99,1780000000000000003,1,鈴木,2026/10/01 09:02,別の部屋,\r\n"
    );
    let (bytes, _, unmappable) = encoding_rs::SHIFT_JIS.encode(&rows);
    assert!(!unmappable);
    let path = bot.folder.path().join("export.csv");
    fs::write(&path, &bytes).unwrap();
    let room_text = room.to_string();
    let brought = || async {
        let records = bot.records().await;
        records.iter().filter(|it| it.entry().unwrap().source == Source::Import).count()
    };
    let dry = import(&bot, &path, &["--room", &room_text, "--dry-run"]);
    assert!(dry.contains("3 records read: nothing was written"), "{dry}");
    assert!(dry.contains("Shift_JIS") && dry.contains("1 are of other rooms"), "{dry}");
    assert_eq!(brought().await, 0);
    let first = import(&bot, &path, &["--room", &room_text]);
    assert!(first.contains("3 newly imported") && first.contains("1 are shown as deleted"), "{first}");
    assert_eq!(brought().await, 4);
    let again = import(&bot, &path, &["--room", &room_text]);
    assert!(again.contains("0 newly imported, 3 had been imported before"), "{again}");
    assert_eq!(brought().await, 4, "the same file adds nothing");
    bot.settled().await;

    let lines = log(&bot);
    let imported: Vec<_> = lines.iter().filter(|it| it["source"] == "import").collect();
    assert_eq!(imported.len(), 4, "three messages and the end of the import");
    let body = "追加でバナーを2枚お願いします。\n1枚5,000円です";
    let banner = imported.iter().find(|it| it["body"] == body).unwrap();
    assert_eq!(banner["kind"], "message.imported");
    assert_eq!((&banner["room_id"], &banner["account_id"]), (&room.into(), &client.into()));
    assert_eq!(banner["message_id"], "1780000000000000001");
    assert_eq!(banner["source_time"], "2026-10-01T00:00:00.000Z");
    assert!(banner["version"].is_null());
    assert_eq!(banner["detail"]["record"]["名前"], "山田");
    assert_eq!(banner["detail"]["import"].as_str().unwrap().len(), 64);
    // Neither a version of the capture, nor a request that is answered.
    assert_eq!(bot.store.versions(RoomId(room), &id).await.unwrap().len(), captured);
    assert_eq!((bot.posts(), bot.cases().await.len()), (1, 1));
    let deep = bot.command(&["verify", "--deep"]);
    assert!(deep.status.success(), "{}", told(&deep));
    let human = String::from_utf8(bot.command(&["log", "--room", &room_text]).stdout).unwrap();
    let line = human.lines().find(|it| it.contains("バナー")).unwrap();
    assert!(line.contains("message.imported") && line.contains("山田"), "{line}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_text_pages_and_pictures_come_in_too_and_bad_files_are_one_line() {
    let bot = Bot::start().await;
    bot.client_says("はじめまして");
    bot.settled().await;
    let room = bot.world.direct_room.to_string();
    let file = |name: &str, content: &[u8]| {
        let path = bot.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let lines = bot.command(&["log", "--json"]).stdout;
    let lines = import(&bot, &file("log.jsonl", &lines), &["--room", &room]);
    assert!(lines.contains("jsonl") && lines.contains("newly imported"), "{lines}");
    let pasted = file("pasted.txt", "山田 太郎\n11月1日 10:15\n追加で3本お願いします。\n".as_bytes());
    let text = import(&bot, &pasted, &["--room", &room]);
    assert!(text.contains("1 newly imported") && text.contains("do not say the year"), "{text}");
    let page = file(
        "page.html",
        b"<!DOCTYPE html><div data-mid=\"17\"><i data-tm=\"1700000000\"></i><pre>hello</pre></div>",
    );
    assert!(import(&bot, &page, &["--room", &room]).contains("1 newly imported"));
    let png = b"\x89PNG\r\n\x1a\n\0\0picture of a screen";
    let picture = file("screen.png", png);
    assert!(import(&bot, &picture, &["--room", &room]).contains("1 newly imported"));
    assert!(import(&bot, &picture, &["--room", &room]).contains("0 newly imported"));
    bot.settled().await;
    let imported = log(&bot).into_iter().find(|it| it["kind"] == "file.imported").unwrap();
    let sha256 = imported["detail"]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(imported["detail"]["media_type"], "image/png");
    let stored = bot.data_dir().join("files").join(&sha256[..2]).join(&sha256);
    assert_eq!(fs::read(&stored).unwrap(), png);
    assert!(bot.command(&["verify", "--deep"]).status.success());
    fs::write(&stored, "altered").unwrap();
    assert_eq!(bot.command(&["verify"]).status.code(), Some(1));
    fs::write(&stored, png).unwrap();

    let brought = || async {
        let records = bot.records().await;
        records.iter().filter(|it| it.entry().unwrap().source == Source::Import).count()
    };
    let size = brought().await;
    for (path, needed) in [
        (file("empty.csv", b""), "is empty"),
        (file("no-room.csv", b"body,name\nx,y\n"), "--room"),
        (file("no-body.csv", b"room_id,name\n1,y\n"), "本文"),
        (file("bad.jsonl", b"{\"body\":\"a\",\"room_id\":5}\nnot json\n"), "line 2"),
        (file("broken.csv", b"body,room_id\nfine,5\nx,not-a-number\n"), "line 3"),
        (file("noise.bin", &[0xff, 0xfe, 0xfd, 0x00, 0x81]), "no message"),
        (file("half.txt", b"\x81"), "Shift_JIS"),
        (file("prose.txt", "何もありません".as_bytes()), "no message"),
        (bot.folder.path().join("absent.csv"), "cannot read"),
        (bot.folder.path().to_owned(), "not a file"),
    ] {
        let output = bot.command(&["import", path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(needed) && told.trim_end().lines().count() == 1, "{needed}: {told}");
    }
    assert_eq!(brought().await, size, "nothing of a bad file is imported");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_are_found_and_shown_as_what_they_are_until_they_are_erased() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room;
    let client = bot.world.client.to_string();
    let said = bot.client_says("バナーの件、検収いたしました。");
    bot.recorded(&said, 1).await;
    let path = bot.folder.path().join("export.csv");
    let table = format!(
        "ルームID,メッセージID,アカウントID,名前,送信日時,メッセージ\r\n\
         {room},1780000000000000001,{client},山田<b>,2026/10/01 09:00,ﾊﾞﾅｰを2枚お願いします。\r\n\
         {room},1780000000000000002,{client},山田<b>,2026/10/02 09:01,[deleted]\r\n\
         99,1780000000000000003,1,鈴木,2026/10/03 09:02,別の部屋のバナーです\r\n"
    );
    fs::write(&path, table).unwrap();
    import(&bot, &path, &[]);
    bot.settled().await;

    let search = |arguments: &[&str]| rows(&bot.command(&[&["search", "--json"], arguments].concat()));
    let sources = |rows: &[Value]| rows.iter().map(|it| it["source"] == "import").collect::<Vec<_>>();
    let found = search(&["バナー"]);
    assert_eq!(sources(&found), [true, true, false], "newest entry first: {found:?}");
    // The same object as in the log.
    let logged = log(&bot).into_iter().find(|it| it["message_id"] == "1780000000000000001");
    assert_eq!((Some(&found[1]), &found[1]["kind"]), (logged.as_ref(), &"message.imported".into()));
    let room_text = room.to_string();
    assert_eq!(search(&["--imported", "--room", &room_text, "バナー"]), found[1..2]);
    assert_eq!(search(&["--imported", "--from", "2026-10-03", "--to", "2026-10-03", ""]), found[..1]);
    assert_eq!(search(&["--sender", &client, "--to", "2026-10-31", "お願い"]), found[1..2]);
    assert_eq!(search(&["--deleted", ""]).len(), 1, "the copy shows one as deleted");
    assert!(search(&["--imported", "--edited", ""]).is_empty());
    let human = bot.command(&["search", "--lang", "en", "2枚"]);
    let human = String::from_utf8(human.stdout).unwrap();
    assert!(human.starts_with("2026-10-01 09:00:00 JST") && human.contains("山田<b>  [import "), "{human}");

    let visitor = Visitor::by_link(&bot).await;
    let page = visitor.text("/search?q=%E3%83%90%E3%83%8A%E3%83%BC").await;
    assert_eq!(page.matches("取り込み</span>").count(), 2, "{page}");
    let href = format!("/imports?room={room}&at={0}#n{0}", found[1]["n"]);
    assert!(page.contains(&href.replace('&', "&#38;")), "{page}");
    let page = visitor.text("/search?imported=1").await;
    assert!(!page.contains("検収いたしました") && page.contains("別の部屋"), "{page}");
    let page = visitor.text(&href).await;
    assert!(page.contains("取り込み</span>") && page.contains("ﾊﾞﾅｰを2枚"), "{page}");
    assert!(page.contains("2026年10月1日") && page.contains("山田&#60;b&#62;"), "{page}");
    assert!(!page.contains("別の部屋") && page.contains("すでに削除"), "{page}");
    assert!(visitor.text("/imports").await.contains("別の部屋"));
    assert!(visitor.text("/imports?room=99&from=0").await.contains("鈴木"), "a room that is not watched");
    let timeline = visitor.text(&format!("/rooms/{room}")).await;
    assert!(timeline.contains(&format!("/imports?room={room}")) && !timeline.contains("2枚"), "{timeline}");

    let erase = ["erase", "--message", "1780000000000000001", "--reason", "a wish", "--yes"];
    let erased = bot.command(&erase);
    assert!(erased.status.success(), "{}", told(&erased));
    bot.settled().await;
    assert!(search(&["2枚"]).is_empty());
    assert!(!visitor.text(&href).await.contains("2枚"));
    let deep = bot.command(&["verify", "--deep"]);
    assert!(deep.status.success(), "{}", told(&deep));
    bot.finish().await;
}
