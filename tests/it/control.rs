//! The owner's words in the control room: obeyed once, answered there, recorded; and nobody else's.

use std::process::Output;
use std::time::Duration;

use karibarai::domain::CaseId;
use karibarai::store::{OutboxState, Purpose, StandingStore as _};
use serde_json::Value;

use crate::support::Bot;

const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";

/// What the bot wrote in the control room, oldest first.
fn frames(bot: &Bot) -> Vec<String> {
    bot.notes().into_iter().filter(|it| it.starts_with("[info][title]karibarai")).collect()
}

/// Answers that stand in the control room, oldest first.
async fn answers(bot: &Bot) -> Vec<String> {
    let rows = bot.outbox().await.into_iter();
    let sent = rows.filter(|it| it.purpose == Purpose::Answer && it.state == OutboxState::Sent);
    sent.map(|it| it.text).collect()
}

/// The owner writes in マイチャット, and the bot answers.
async fn say(bot: &Bot, text: &str) -> String {
    let before = answers(bot).await.len();
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, text);
    bot.until(&format!("an answer to {text}"), || async { answers(bot).await.len() > before }).await;
    bot.settled().await;
    let after = answers(bot).await;
    assert_eq!(after.len(), before + 1, "{after:?}");
    let answer = after.last().unwrap().clone();
    assert!(frames(bot).contains(&answer), "{answer}");
    answer
}

/// The same after a while, so that the platform's limit on calls does not end a long talk.
async fn say_later(bot: &Bot, text: &str) -> String {
    bot.clock.advance(Duration::from_secs(120));
    say(bot, text).await
}

/// A case, with its reminder posted.
async fn reminded(bot: &Bot) -> String {
    let request = bot.client_says(REQUEST);
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    request
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_answered_and_move_the_case() {
    let bot = Bot::start().await;
    assert!(say_later(&bot, "一覧").await.contains("進行中の案件はありません"));
    reminded(&bot).await;
    let list = say_later(&bot, "　一覧　").await;
    assert!(list.contains("1番　案内済み") && list.contains("山田 太郎さん"), "{list}");
    assert!(say_later(&bot, "状況").await.contains("進行中の案件：1件"));
    assert!(say_later(&bot, "ヘルプ").await.contains("承認 12"));
    assert!(say_later(&bot, "集計").await.contains("15,000円"));
    assert!(say_later(&bot, "証拠 1").await.contains("資料を作っています"));
    assert!(say_later(&bot, "メモ １番 先方は来週休み").await.contains("メモを付けました"));
    assert!(say_later(&bot, "状況 1").await.contains("先方は来週休み"));
    assert!(say_later(&bot, "正解 1").await.contains("記録しました"));
    assert!(say_later(&bot, "承認").await.contains("番号を付けて"));
    assert!(say_later(&bot, "承認 1").await.contains("文案がありません"));
    assert!(say_later(&bot, "確認 99").await.contains("99番の案件はありません"));

    let confirmed = say_later(&bot, "１番、確認しました。").await;
    assert!(confirmed.contains("仮払い確認済み"), "{confirmed}");
    assert_eq!(bot.cases().await[0].state, "escrow_confirmed");
    // The same word once more changes nothing.
    let changes = bot.count("case.changed").await;
    assert!(say_later(&bot, "確認 1").await.contains("何も変えていません"));
    assert_eq!(bot.count("case.changed").await, changes);
    assert!(say_later(&bot, "納品 1").await.contains("納品済み"));
    assert!(say_later(&bot, "入金 1").await.contains("入金済み"));
    assert!(say_later(&bot, "取消 1").await.contains("何も変えていません"));
    assert_eq!(bot.count("detection.marked").await, 1);
    // Not a word of it in the client's room.
    assert_eq!(bot.posts(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_holds_across_a_restart_and_nothing_is_answered_twice() {
    let mut bot = Bot::start().await;
    assert!(say(&bot, "停止").await.contains("投稿を止めました"));
    assert!(say(&bot, "停止！").await.contains("すでに止まっています"));
    assert_eq!(bot.count("bot.switched").await, 1);
    let answers = frames(&bot).len();
    bot = bot.restart().await;
    bot.clock.advance(Duration::from_secs(30));
    bot.settled().await;
    assert!(bot.store.switches().await.unwrap().stopped);
    assert!(say(&bot, "状況").await.contains("停止中"));
    assert_eq!(frames(&bot).len(), answers + 1);
    assert!(say(&bot, "再開").await.contains("再び始めました"));
    assert!(say(&bot, "静か 3時間").await.contains("2026年11月23日（月）13:00 日本時間"));
    assert!(say(&bot, "状況").await.contains("控えています"));
    assert!(say(&bot, "再開").await.contains("再び始めました"));
    assert!(say(&bot, "再開").await.contains("すでに動いています"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_sends_what_was_shown_and_nothing_else() {
    let bot = Bot::start().await;
    let request = reminded(&bot).await;
    let shown = say(&bot, "条件 1").await;
    assert!(shown.contains("－ 発注者のお名前") && shown.contains("○ 報酬の額"), "{shown}");
    assert!(shown.contains("「承認 1」"), "{shown}");
    assert!(say(&bot, "承認 1").await.contains("文案を送ります"));
    bot.until("the post", || async { bot.replies(&request) == 2 }).await;
    bot.settled().await;
    let post = bot.chatwork.replies_to(bot.world.direct_room, &request).remove(1).body;
    assert!(post.contains("・発注者のお名前") && !post.contains("・報酬の額\n"), "{post}");
    // Once more: it was sent already.
    assert!(say(&bot, "承認 1").await.contains("すでに"));
    assert_eq!(bot.posts(), 2);

    // A word that was written before the new draft stood there does not send it.
    let before = answers(&bot).await.len();
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, "条件 1");
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, "承認 1");
    bot.until("both answers", || async { answers(&bot).await.len() == before + 2 }).await;
    bot.settled().await;
    assert!(answers(&bot).await.last().unwrap().contains("まだ送っていません"), "{:?}", frames(&bot));
    assert_eq!(bot.posts(), 2);
    assert!(say(&bot, "却下 1").await.contains("送りません"));
    assert!(say(&bot, "承認 1").await.contains("すでに"));
    bot.settled().await;
    assert_eq!(bot.posts(), 2);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_word_of_the_owner_in_the_control_room_is_left_alone() {
    let bot = Bot::start().await;
    reminded(&bot).await;
    // Not in the control room, not by the owner.
    bot.chatwork.post(bot.world.owner, bot.world.direct_room, "取消 1");
    bot.client_says("停止");
    // Notes of the owner to himself, quotations, the bot's own form.
    let my = bot.world.owner_my_room;
    for text in [
        "確認 1時に電話",
        "パスワード: himitsu-1234",
        "[qt][qtmeta aid=1 time=1]取消 1[/qt]",
        "[info][title]karibarai 案件[/title]取消 1[/info]",
        "[code]取消 1[/code]",
        "契約 更新の件",
    ] {
        bot.chatwork.post(bot.world.owner, my, text);
    }
    let answer = say(&bot, "一覧").await;
    assert!(answer.contains("案件の一覧"), "{answer}");
    assert_eq!(bot.cases().await[0].state, "reminded");
    assert!(!bot.store.switches().await.unwrap().stopped);
    // Of the notebook nothing but the word is kept.
    let kept: Vec<u8> = bot
        .records()
        .await
        .iter()
        .filter_map(|it| it.content_bytes().map(<[u8]>::to_vec))
        .flatten()
        .collect();
    let kept = String::from_utf8_lossy(&kept);
    assert!(!kept.contains("himitsu") && kept.contains("一覧"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_room_with_other_members_is_refused() {
    let bot = Bot::start_for(|world| {
        vec![("KARIBARAI_OWNER__CONTROL_ROOM".to_owned(), world.group_room.to_string())]
    })
    .await;
    reminded(&bot).await;
    bot.chatwork.post(bot.world.owner, bot.world.group_room, "取消 1");
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, "取消 1");
    bot.clock.advance(Duration::from_secs(30));
    bot.settled().await;
    assert_eq!(bot.cases().await[0].state, "reminded");
    assert_eq!(bot.chatwork.posts_by(bot.world.owner, bot.world.group_room).len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_from_yesterday_is_answered_and_not_obeyed() {
    let bot = Bot::start().await;
    reminded(&bot).await;
    // The platform shows nothing for two days.
    bot.chatwork
        .set_fault(karibarai::sandbox::Fault::always(karibarai::sandbox::FaultKind::Status { status: 503 }));
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, "取消 1");
    bot.clock.advance(Duration::from_secs(2 * 24 * 3600));
    bot.chatwork.behave();
    bot.until("an answer", || async {
        frames(&bot).iter().any(|it| it.contains("もう一度書いてください"))
    })
    .await;
    bot.settled().await;
    assert_eq!(bot.cases().await[0].state, "reminded");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_registered_by_a_word() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room;
    let kept = say(&bot, &format!("契約 {room} １０本 30,000円 12/31まで")).await;
    assert!(kept.contains("10本 30,000円 2026年12月31日まで"), "{kept}");
    let contracts = bot.store.contracts().await.unwrap();
    assert_eq!(contracts.len(), 1);
    let it = &contracts[0];
    assert_eq!((it.room.0, it.quantity, it.yen, it.escrowed), (room, Some(10), Some(30_000), true));
    assert_eq!(it.until.unwrap().to_string(), "2026-12-31T14:59:59.999Z");
    assert!(say(&bot, "契約 存在しない部屋 10本").await.contains("見つかりません"));
    assert!(say(&bot, &format!("契約 {room} なし")).await.contains("契約がないルーム"));
    assert_eq!(
        bot.store.declared_room(karibarai::domain::RoomId(room)).await.unwrap().contract.as_deref(),
        Some("none")
    );
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_do_the_same_as_the_words() {
    let bot = Bot::start().await;
    let request = reminded(&bot).await;
    let listed = json(&bot.command(&["case", "list", "--json"]));
    assert_eq!(listed["case"], 1);
    assert_eq!(listed["room_id"], bot.world.direct_room);
    assert_eq!(listed["state"], "reminded");
    assert_eq!(listed["request_message_id"], request.as_str());
    assert_eq!(listed["reminded"], true);
    assert_eq!(listed["terms"]["quantity"], "3本");

    let noted = bot.command(&["case", "note", "1", "先方は来週休み", "--json"]);
    assert_eq!(noted.status.code(), Some(0), "{}", String::from_utf8_lossy(&noted.stderr));
    let confirmed = bot.command(&["case", "confirm", "1", "--json"]);
    assert_eq!(confirmed.status.code(), Some(0), "{}", String::from_utf8_lossy(&confirmed.stderr));
    assert_eq!(json(&confirmed)["state"], "escrow_confirmed");
    // Again: nothing changes, and it is no failure.
    let changes = bot.count("case.changed").await;
    assert_eq!(bot.command(&["case", "confirm", "1"]).status.code(), Some(0));
    assert_eq!(bot.count("case.changed").await, changes);

    let shown = json(&bot.command(&["case", "show", "1", "--json"]));
    assert_eq!(shown["state"], "escrow_confirmed");
    assert_eq!(shown["notes"][0]["text"], "先方は来週休み");
    let conditions = shown["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 10);
    let reward = conditions.iter().find(|it| it["item"] == "reward").unwrap();
    assert_eq!(reward["message_id"], request.as_str());
    // What the words mean, seen from the day of the request: Monday, 23 November 2026.
    assert_eq!(reward["reading"]["least"], 5_000);
    let due = conditions.iter().find(|it| it["item"] == "due_day").unwrap();
    assert_eq!(due["reading"]["date"], "2026-12-04");
    let readings = &shown["readings"];
    assert_eq!(
        (&readings["deadline"]["date"], &readings["deadline"]["way"]),
        (&"2026-12-04".into(), &"weekday".into())
    );
    let amount = &readings["amount"];
    assert_eq!((&amount["least"], &amount["most"]), (&5_000.into(), &5_000.into()));
    assert_eq!(
        (&amount["basis"], &amount["unit"], &amount["tax"]),
        (&"unit".into(), &"本".into(), &"unsaid".into())
    );
    let told = bot.command(&["case", "show", "1", "--lang", "ja"]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("期日の読み: 2026年12月4日（金）"), "{told}");
    assert!(told.contains("金額の読み: 1本あたり5,000円（税の記載なし）"), "{told}");
    let figures = json(&bot.command(&["case", "figures", "--json"]));
    assert_eq!(figures["clients"][0]["in_work_yen"], 15_000);
    assert_eq!(figures["months"][0]["month"], "2026-11");

    assert_eq!(json(&bot.command(&["case", "dismiss", "1", "--json"]))["state"], "dismissed");
    assert_eq!(bot.command(&["case", "confirm", "1"]).status.code(), Some(1));
    for arguments in [&["case", "show", "9"][..], &["case", "confirm", "9"], &["case", "note", "9", "x"]] {
        let output = bot.command(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no case 9"));
    }
    bot.settled().await;
    // What a command did stands beside the running bot.
    assert!(say(&bot, "一覧").await.contains("終わった案件は1件です"));
    assert_eq!(bot.ended(OutboxState::Uncertain).await, 0);
    bot.finish().await;
}

/// The platform's messages about the owner's tasks in マイチャット: given (`task_added`) or done (`task_done`).
fn tasks(bot: &Bot, what: &str) -> Vec<String> {
    let posts = bot.chatwork.posts_by(bot.world.owner, bot.world.owner_my_room);
    let tag = format!("[dtext:{what}]");
    posts.into_iter().map(|it| it.body).filter(|it| it.contains(&tag)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_an_answer_is_a_task_until_it_is_answered() {
    let bot = Bot::start().await;
    reminded(&bot).await;
    assert!(tasks(&bot, "task_added").is_empty());
    say(&bot, "条件 1").await;
    bot.until("a task about the draft", || async { tasks(&bot, "task_added").len() == 1 }).await;
    assert!(tasks(&bot, "task_added")[0].contains("「承認 1」または「却下 1」"));
    say(&bot, "却下 1").await;
    bot.until("its end", || async { tasks(&bot, "task_done").len() == 1 }).await;
    // The claim brings a task of its own, beside the one about the answer that is drafted.
    bot.client_says("クラウドワークスで新しい依頼を出して、仮払いも済ませました。");
    let about_escrow = |what: &str| {
        tasks(&bot, what).iter().filter(|it| it.contains("仮払いのご確認（「確認 1」）")).count()
    };
    bot.until("a task about the escrow", || async { about_escrow("task_added") == 1 }).await;
    say(&bot, "確認 1").await;
    bot.until("its end", || async { bot.count("task.closed").await >= 2 }).await;
    bot.settled().await;
    assert_eq!(about_escrow("task_added"), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_asked_for_by_a_word_and_verifies() {
    let bot = Bot::start().await;
    reminded(&bot).await;
    assert!(say_later(&bot, "証拠 1").await.contains("できあがったら、ここでお知らせします"));
    let ready = || frames(&bot).into_iter().find(|it| it.contains("証拠の資料ができました"));
    bot.until("the note that it is ready", || async { ready().is_some() }).await;
    let note = ready().unwrap();
    let line = |begins: &str| {
        note.lines().find_map(|it| it.strip_prefix(begins)).unwrap_or_else(|| panic!("{note}")).to_owned()
    };
    let place = line("場所：");
    let verified = bot.command(&["verify", &place]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let bytes = std::fs::read(&place).unwrap();
    let sum: String =
        <sha2::Sha256 as sha2::Digest>::digest(&bytes).iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(line("SHA-256："), sum);
    assert_eq!(bot.count("evidence.exported").await, 1);
    assert!(say_later(&bot, "証拠 9").await.contains("9番の案件はありません"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_takes_a_reminder_back_once_and_it_does_not_come_again() {
    let bot = Bot::start().await;
    assert!(say_later(&bot, "撤回 1").await.contains("削除できる案内がありません"));
    let request = reminded(&bot).await;
    assert!(say_later(&bot, "撤回 1").await.contains("ルームから削除します"));
    let room = bot.world.direct_room;
    let deleted = || bot.chatwork.posts_by(bot.world.owner, room).iter().all(|it| it.deleted);
    bot.until("the reminder to go", || async { deleted() }).await;
    bot.until("the trace", || async { bot.count("reply.amended").await == 1 }).await;
    assert!(say_later(&bot, "撤回 1").await.contains("すでに削除するように"));
    // The case keeps that it had its reminder: neither an edit nor another request brings a second one.
    bot.chatwork.edit(room, &request, &REQUEST.replace("3本", "4本"));
    bot.recorded(&request, 2).await;
    bot.client_says("追加でバナーを2枚お願いできますか？1枚3,000円です。");
    bot.looked().await;
    assert_eq!(bot.posts(), 1);
    assert!(bot.cases().await[0].reminded);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_work_on_the_command_line_too() {
    let bot = Bot::start_with(&[("KARIBARAI_ROOM__0__REPLY__MODE", "approve")]).await;
    let say = |words: &[&str]| {
        let output = bot.command(&[&["say"], words].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let request = bot.client_says(REQUEST);
    bot.until("the draft", || async { bot.store.draft(CaseId(1)).await.unwrap().is_some() }).await;
    bot.settled().await;
    // The commands have the machine's clock: what they ask for is due when the bot's has come there too.
    let now = karibarai::domain::Clock::now(&karibarai::domain::SystemClock);
    bot.clock.advance(now.since(karibarai::domain::Clock::now(&bot.clock)) + Duration::from_secs(60));
    assert_eq!(say(&["承認"]).0, Some(1));
    assert_eq!(say(&["明日", "電話する"]).0, Some(2));
    let (code, text) = say(&["停止"]);
    assert!(code == Some(0) && text.contains("投稿を止めました") && !text.contains("[info]"), "{text}");
    assert_eq!(bot.command(&["case", "approve", "1"]).status.code(), Some(1));
    assert_eq!(bot.replies(&request), 0);
    assert_eq!(say(&["再開"]).0, Some(0));
    assert_eq!(bot.command(&["case", "approve", "1"]).status.code(), Some(0));
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    assert_eq!(bot.command(&["case", "retract", "1"]).status.code(), Some(0));
    bot.until("the trace", || async { bot.count("reply.amended").await == 1 }).await;
    let (code, text) = say(&["契約", "山田", "太郎", "10本", "30000円", "12/31まで"]);
    assert!(code == Some(0) && text.contains("30,000円"), "{text}");
    assert_eq!(bot.store.contracts().await.unwrap().len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_approved_one_after_the_other_leave_one_case_before_escrow() {
    let bot = Bot::start().await;
    let asks = ["似たようなのって、また頼めたりします？", "来週の稼働、空きはありますか？"];
    let mut asked = Vec::new();
    for (number, text) in (1..).zip(asks) {
        asked.push(bot.client_says(text));
        let draft = || async { bot.store.draft(CaseId(number)).await.unwrap().is_some() };
        bot.until("a draft", draft).await;
        bot.settled().await;
    }
    assert!(bot.cases().await.is_empty(), "a draft of what is not sure is no case yet");
    let before_escrow = || async {
        let cases = bot.cases().await;
        let early = |it: &&karibarai::store::CaseRow| {
            karibarai::cases::State::parse(&it.state).unwrap().before_escrow()
        };
        cases.iter().filter(early).map(|it| it.id.0).collect::<Vec<_>>()
    };
    assert!(say_later(&bot, "承認 2").await.contains("文案を送ります"));
    bot.until("the reminder", || async { bot.replies(&asked[1]) == 1 }).await;
    bot.settled().await;
    assert_eq!(before_escrow().await, [2]);
    assert!(say_later(&bot, "承認 1").await.contains("文案を送ります"));
    bot.settled().await;
    assert_eq!(before_escrow().await, [1], "the older one is over");
    bot.finish().await;
}
