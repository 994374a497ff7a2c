//! What stands beside the messages: tasks, members and their names over time, the room itself (rows 26–29, 32).

use std::process::Command;
use std::time::Duration;

use karibarai::domain::{AccountId, EntryKind, RoomId};
use karibarai::sandbox::Role;
use karibarai::store::{AnnexStore as _, ArchiveStore as _};
use serde_json::Value;

use crate::support::Bot;

/// Contents of all entries of a kind in a room, oldest first.
async fn contents(bot: &Bot, kind: EntryKind, room: u64) -> Vec<Value> {
    let records = bot.records().await;
    let wanted = records.iter().filter(|it| {
        let entry = it.entry().unwrap();
        entry.kind == kind && entry.room == Some(RoomId(room))
    });
    wanted.map(|it| serde_json::from_slice(it.content_bytes().unwrap()).unwrap()).collect()
}

async fn told(bot: &Bot, kind: EntryKind, room: u64, n: usize) -> Vec<Value> {
    let what = format!("{n} entries of {}", kind.as_str());
    bot.until(&what, || async { contents(bot, kind, room).await.len() >= n }).await;
    bot.settled().await;
    let all = contents(bot, kind, room).await;
    assert_eq!(all.len(), n, "{}: {all:?}", kind.as_str());
    all
}

/// A bot that watches the group room as well.
async fn in_the_group() -> Bot {
    Bot::start_for(|world| {
        let room = |name: &str| format!("KARIBARAI_ROOM__1__{name}");
        vec![(room("ID"), world.group_room.to_string()), (room("CLIENTS"), world.client.to_string())]
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_recorded_with_each_change_and_their_text_is_a_request() {
    let bot = Bot::start().await;
    let (client, owner, room) = (bot.world.client, bot.world.owner, bot.world.direct_room);
    let text = "追加でブログ記事を3本お願いできますか？";
    let task = bot.chatwork.0.add_task(client, room, &[owner], text, Some(1_796_000_000)).unwrap()[0];
    let created = told(&bot, EntryKind::TaskCreated, room, 1).await;
    assert_eq!((&created[0]["task_id"], &created[0]["body"]), (&task.into(), &text.into()));
    assert_eq!((&created[0]["status"], &created[0]["limit_time"]), (&"open".into(), &1_796_000_000.into()));
    assert_eq!(created[0]["account"]["account_id"], owner);
    let message = created[0]["message_id"].as_str().unwrap().to_owned();
    // A task is a hint rather than a plain request: its owner is asked.
    bot.until("a note to the owner", || async { !bot.notes().is_empty() }).await;
    let records = bot.records().await;
    let entry = records.iter().map(|it| it.entry().unwrap()).find(|it| it.kind == EntryKind::TaskCreated);
    assert_eq!(entry.unwrap().message.unwrap().as_str(), message);

    let edited = "追加でブログ記事を5本お願いできますか？";
    bot.chatwork.0.edit_task(client, room, task, edited).unwrap();
    let updates = told(&bot, EntryKind::TaskUpdated, room, 1).await;
    assert_eq!(updates[0]["body"], edited);
    for (n, done, status) in [(2, true, "done"), (3, false, "open"), (4, true, "done")] {
        bot.chatwork.0.set_task_done(owner, room, task, done).unwrap();
        let updates = told(&bot, EntryKind::TaskUpdated, room, n).await;
        assert_eq!(updates[n - 1]["status"], status);
    }
    let tasks = bot.store.tasks(RoomId(room)).await.unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].status.as_str(), tasks[0].body.as_str()), ("done", edited));
    assert_eq!(told(&bot, EntryKind::TaskCreated, room, 1).await.len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_go_and_change_their_names_and_the_log_knows_who_they_were_then() {
    let bot = in_the_group().await;
    let (client, colleague, room) = (bot.world.client, bot.world.colleague, bot.world.group_room);
    told(&bot, EntryKind::MemberJoined, room, 3).await;
    let before = bot.chatwork.post(client, room, "はじめまして");
    bot.recorded_in(room, &before).await;
    bot.settled().await;

    bot.chatwork.0.rename_account(client, "山田商店").unwrap();
    let after = bot.chatwork.post(client, room, "社名が変わりました");
    bot.recorded_in(room, &after).await;
    let renamed = told(&bot, EntryKind::MemberRenamed, room, 1).await;
    assert_eq!((&renamed[0]["account_id"], &renamed[0]["name"]), (&client.into(), &"山田商店".into()));
    let later = bot.chatwork.post(client, room, "今後ともお願いします");
    bot.recorded_in(room, &later).await;

    bot.chatwork.0.set_role(room, client, Role::Readonly).unwrap();
    let changed = told(&bot, EntryKind::MemberChanged, room, 1).await;
    assert_eq!((&changed[0]["account_id"], &changed[0]["role"]), (&client.into(), &"readonly".into()));

    bot.chatwork.0.remove_member(room, colleague, None).unwrap();
    let left = told(&bot, EntryKind::MemberLeft, room, 1).await;
    assert_eq!(left[0]["account_id"], colleague);
    let members = bot.store.members(RoomId(room)).await.unwrap();
    assert!(!members.iter().find(|it| it.account == AccountId(colleague)).unwrap().present);
    bot.chatwork.0.add_member(room, colleague, Role::Member).unwrap();
    told(&bot, EntryKind::MemberJoined, room, 4).await;

    // Each line shows the name of its time.
    let output = Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(["log", "--room", &room.to_string()])
        .env_clear()
        .envs(bot.settings())
        .current_dir(bot.folder.path())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    let line = |text: &str| log.lines().find(|it| it.contains(text)).unwrap().to_owned();
    assert!(line("今後ともお願いします").contains("山田商店"));
    assert!(!line("はじめまして").contains("山田商店"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_itself_is_followed_and_a_silent_change_is_found_by_the_sweep() {
    let bot = in_the_group().await;
    let room = bot.world.group_room;
    bot.chatwork.0.rename_room(room, "新しい案件").unwrap();
    let changed = told(&bot, EntryKind::RoomChanged, room, 1).await;
    assert_eq!(changed[0]["name"], "新しい案件");
    bot.chatwork.0.describe_room(room, "単価は1本5,000円です").unwrap();
    let changed = told(&bot, EntryKind::RoomChanged, room, 2).await;
    assert_eq!(changed[1]["description"], "単価は1本5,000円です");
    let rooms = bot.store.rooms().await.unwrap();
    assert_eq!(rooms.iter().find(|it| it.room == RoomId(room)).unwrap().name.as_deref(), Some("新しい案件"));

    // Nobody writes, no room says anything.
    bot.chatwork.0.rename_account(bot.world.colleague, "別名").unwrap();
    bot.settled().await;
    assert!(contents(&bot, EntryKind::MemberRenamed, room).await.is_empty());
    bot.clock.advance(Duration::from_secs(6 * 60 * 60));
    told(&bot, EntryKind::MemberRenamed, room, 1).await;
    // One's own messages and those of automatic posters are in the record as all others.
    let own = bot.chatwork.post(bot.world.owner, room, "承知しました");
    bot.recorded_in(room, &own).await;
    let restarted = bot.restart().await;
    restarted.settled().await;
    told(&restarted, EntryKind::MemberJoined, room, 3).await;
    told(&restarted, EntryKind::RoomChanged, room, 2).await;
    restarted.finish().await;
}
