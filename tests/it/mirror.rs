//! What the mirror sees without being told, and what it says of what it could not see.

use std::time::Duration;

use karibarai::domain::{EntryKind, RoomId};
use karibarai::sandbox::{Fault, FaultKind, Role, RoomKind, Sandbox, SandboxConfig};
use karibarai::store::{ArchiveStore as _, CoverageStore as _};

use crate::support::chatwork::Chatwork;
use crate::support::lookout::Watch;
use crate::support::{MORNING, environment, install_tls};

/// No webhook comes: reading is all there is.
async fn deaf(interval: u64) -> Watch {
    let watch = Watch::start(interval).await;
    watch.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
    watch
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_edit_is_a_version_and_a_deletion_keeps_them_all() {
    let watch = deaf(30).await;
    let room = watch.world.direct_room;
    let message = watch.chatwork.post(watch.world.client, room, "1本5,000円でお願いします");
    watch.pass().await;
    watch.advance(30);
    watch.chatwork.edit(room, &message, "1本3,000円でお願いします");
    watch.passes_for(60).await;
    watch.chatwork.delete(room, &message);
    watch.passes_for(60).await;
    let expected = ["1本5,000円でお願いします", "1本3,000円でお願いします", "[deleted]"];
    assert_eq!(watch.texts(&message).await, expected);
    assert_eq!(watch.of_kind(room, EntryKind::MessageDeletedReported).await.len(), 1);
    assert_eq!(watch.of_kind(room, EntryKind::MessageMissingAtRecheck).await.len(), 0);
    assert_eq!(watch.holes(room).await, [""; 0]);
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_vanishes_is_missing_after_two_reads_and_back_when_it_is_back() {
    let watch = deaf(30).await;
    let room = watch.world.direct_room;
    let message = watch.chatwork.post(watch.world.client, room, "消えるメッセージ");
    watch.chatwork.post(watch.world.client, room, "残るメッセージ");
    watch.pass().await;
    watch.advance(30);
    watch.chatwork.0.vanish(room, &message).unwrap();
    watch.pass().await;
    assert_eq!(
        watch.of_kind(room, EntryKind::MessageMissingAtRecheck).await.len(),
        0,
        "one read is no proof"
    );
    watch.advance(30);
    watch.passes_for(120).await;
    let missing = watch.of_kind(room, EntryKind::MessageMissingAtRecheck).await;
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].message.as_deref(), Some(message.as_str()));
    let id = karibarai::domain::MessageId::new(message).unwrap();
    let row = watch.store.message(RoomId(room), &id).await.unwrap().unwrap();
    assert!(row.missing && !row.deleted);
    assert_eq!(row.current.body, "消えるメッセージ", "the tombstone keeps the text");
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_hides_is_not_missing() {
    let watch = deaf(3600).await;
    let room = watch.world.direct_room;
    watch.chatwork.0.set_free_plan(watch.world.owner, true).unwrap();
    watch.chatwork.post(watch.world.client, room, "四十日前のメッセージ");
    watch.pass().await;
    watch.clock.advance(Duration::from_secs(41 * 86_400));
    watch.chatwork.post(watch.world.client, room, "今日のメッセージ");
    watch.passes_for(4 * 3600).await;
    assert_eq!(watch.of_kind(room, EntryKind::MessageMissingAtRecheck).await.len(), 0);
    assert_eq!(watch.of_kind(room, EntryKind::MessageCreated).await.len(), 2);
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_access_is_said_once_and_its_return_with_the_hole() {
    let watch = deaf(30).await;
    let (room, owner) = (watch.world.group_room, watch.world.owner);
    watch.pass().await;
    watch.advance(30);
    watch.chatwork.0.remove_member(room, owner, Some(watch.world.client)).unwrap();
    watch.passes_for(1200).await;
    let lost = watch.of_kind(room, EntryKind::RoomAccessLost).await;
    assert_eq!(lost.len(), 1, "once for each loss");
    assert_eq!(lost[0].content["status"], 404);
    watch.chatwork.0.add_member(room, owner, Role::Member).unwrap();
    watch.passes_for(60).await;
    assert_eq!(watch.holes(room).await, ["access_lost"]);
    assert_eq!(watch.of_kind(room, EntryKind::RoomFound).await.len(), 2, "found, and found again");
    // The second loss is another one.
    watch.chatwork.0.remove_member(room, owner, Some(watch.world.client)).unwrap();
    watch.passes_for(120).await;
    assert_eq!(watch.of_kind(room, EntryKind::RoomAccessLost).await.len(), 2);
    // The other room never noticed.
    assert_eq!(watch.holes(watch.world.direct_room).await, [""; 0]);
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_messages_newer_than_the_last_read_are_a_hole_whatever_webhooks_brought() {
    for webhooks in [true, false] {
        let watch = Watch::start(30).await;
        if !webhooks {
            watch.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
        }
        let room = watch.world.direct_room;
        watch.chatwork.post(watch.world.client, room, "最初");
        watch.pass().await;
        watch.advance(30);
        for n in 0..100 {
            watch.chatwork.post(watch.world.client, room, &format!("連投 {n}"));
        }
        watch.pass().await;
        let holes = watch.of_kind(room, EntryKind::GapFound).await;
        assert_eq!(holes.len(), 1);
        assert_eq!(holes[0].content["kind"], "overflow");
        assert!(
            holes[0].content["after_message"].is_string() && holes[0].content["before_message"].is_string()
        );
        // 99 of them touch what was read before: no hole.
        watch.advance(30);
        for n in 0..99 {
            watch.chatwork.post(watch.world.client, room, &format!("さらに {n}"));
        }
        watch.pass().await;
        assert_eq!(watch.holes(room).await, ["overflow"]);
        watch.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downtime_sleep_and_the_rate_limit_are_holes_with_their_names() {
    let mut watch = deaf(30).await;
    let room = watch.world.direct_room;
    watch.pass().await;
    watch.advance(3600);
    watch.restart();
    watch.pass().await;
    assert_eq!(watch.holes(room).await, ["downtime"]);
    watch.advance(30);
    watch.pass().await;
    watch.clock.sleep(Duration::from_secs(8 * 3600));
    assert!(watch.pass().await.slept);
    assert_eq!(watch.holes(room).await, ["downtime", "sleep"]);
    watch.chatwork.set_fault(Fault::always(FaultKind::RateLimited { reset_in_s: 200 }));
    watch.advance(30);
    watch.passes_for(300).await;
    watch.chatwork.0.clear_faults();
    watch.passes_for(60).await;
    assert_eq!(watch.holes(room).await, ["downtime", "sleep", "rate_limited"]);
    watch.chatwork.set_fault(Fault::always(FaultKind::Refused));
    watch.passes_for(300).await;
    watch.chatwork.0.clear_faults();
    watch.passes_for(60).await;
    assert_eq!(watch.holes(room).await, ["downtime", "sleep", "rate_limited", "unreachable"]);
    let gaps = watch.store.gaps(Some(RoomId(room)), karibarai::domain::UtcMillis(0)).await.unwrap();
    let hours = |n: usize| (gaps[n].to.0 - gaps[n].from.unwrap().0) / 3_600_000;
    assert_eq!((hours(0), hours(1)), (1, 8));
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_contact_takes_the_newest_hundred_and_says_that_there_was_more() {
    let watch = deaf(30).await;
    let (direct, group) = (watch.world.direct_room, watch.world.group_room);
    for n in 0..130 {
        watch.chatwork.post(watch.world.client, group, &format!("昔の話 {n}"));
    }
    watch.chatwork.post(watch.world.client, direct, "短い部屋");
    watch.advance(86_400);
    watch.pass().await;
    assert_eq!(watch.of_kind(group, EntryKind::MessageCreated).await.len(), 100);
    assert_eq!(watch.holes(group).await, ["before_watch"]);
    assert_eq!(watch.holes(direct).await, [""; 0], "all of it was shown");
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_message_older_than_the_newest_hundred_is_found_by_the_slow_rota() {
    let watch = deaf(30).await;
    let room = watch.world.direct_room;
    let old = watch.chatwork.post(watch.world.client, room, "検収は月末です");
    let gone = watch.chatwork.post(watch.world.client, room, "なかったことになる");
    watch.pass().await;
    watch.advance(30);
    for n in 0..60 {
        watch.chatwork.post(watch.world.client, room, &format!("一 {n}"));
    }
    watch.passes_for(30).await;
    for n in 0..60 {
        watch.chatwork.post(watch.world.client, room, &format!("二 {n}"));
    }
    watch.passes_for(30).await;
    watch.chatwork.edit(room, &old, "検収は来月末です");
    watch.chatwork.0.vanish(room, &gone).unwrap();
    watch.passes_for(600).await;
    assert_eq!(watch.texts(&old).await, ["検収は月末です", "検収は来月末です"]);
    let missing = watch.of_kind(room, EntryKind::MessageMissingAtRecheck).await;
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].content["by"], "alone");
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_and_a_poisoned_room_stop_nothing() {
    let watch = deaf(30).await;
    let (bad, good) = (watch.world.direct_room, watch.world.group_room);
    let broken = watch.chatwork.post(watch.world.client, bad, "壊れる");
    let beside = watch.chatwork.post(watch.world.client, bad, "隣は読める");
    watch.chatwork.0.break_message(bad, &broken).unwrap();
    watch.pass().await;
    assert_eq!(watch.texts(&beside).await, ["隣は読める"]);
    let kept = watch.of_kind(bad, EntryKind::Undecodable).await;
    assert_eq!(kept.len(), 1, "what cannot be read is kept as it came, once");
    assert_eq!(kept[0].content["message_id"], broken);
    let path = format!("/rooms/{bad}/messages");
    watch.chatwork.set_fault(Fault::always(FaultKind::WrongContent).on("GET", &path));
    watch.advance(30);
    let there = watch.chatwork.post(watch.world.client, good, "もう一つの部屋");
    watch.passes_for(600).await;
    assert_eq!(watch.texts(&there).await, ["もう一つの部屋"]);
    watch.chatwork.0.clear_faults();
    watch.passes_for(1200).await;
    assert_eq!(watch.holes(bad).await, ["unreadable"]);
    assert_eq!(watch.holes(good).await, [""; 0]);
    assert_eq!(watch.of_kind(bad, EntryKind::MessageMissingAtRecheck).await.len(), 0);
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_the_list_shows_wrongly_hides_no_other_and_is_read_all_the_same() {
    let watch = deaf(30).await;
    let (bad, good) = (watch.world.direct_room, watch.world.group_room);
    watch.pass().await;
    watch.chatwork.0.break_room(bad).unwrap();
    watch.advance(30);
    let beside = watch.chatwork.post(watch.world.client, good, "隣の部屋");
    watch.pass().await;
    assert_eq!(watch.texts(&beside).await, ["隣の部屋"], "found by the list, in the next pass");
    let there = watch.chatwork.post(watch.world.client, bad, "壊れた部屋");
    watch.passes_for(watch.declared().as_secs()).await;
    assert_eq!(watch.texts(&there).await, ["壊れた部屋"], "found by reading in turn");
    assert!(watch.holes(bad).await.is_empty() && watch.holes(good).await.is_empty());
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlisted_rooms_are_neither_read_nor_stored_nor_named() {
    let watch = Watch::start_with(30, |_, world| vec![world.direct_room]).await;
    watch.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
    let group = watch.world.group_room;
    watch.chatwork.post(watch.world.client, group, "内緒の話");
    watch.passes_for(300).await;
    assert!(watch.lines().await.iter().all(|it| it.room != Some(group)));
    let rooms = watch.store.rooms().await.unwrap();
    assert_eq!(rooms.into_iter().map(|it| it.room.0).collect::<Vec<_>>(), [watch.world.direct_room]);
    assert!(watch.store.room_reads().await.unwrap().iter().all(|it| it.room.0 != group));
    watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_rooms_by_polling_alone_stay_inside_the_limit() {
    let seconds: u64 = if environment("KARIBARAI_TESTS_LONG").is_some() { 86_400 } else { 3600 };
    let watch = Watch::start_with(30, |chatwork, world| {
        let pair = [(world.owner, Role::Admin), (world.client, Role::Admin)];
        (0..50)
            .map(|n| chatwork.0.create_room(RoomKind::Group, &format!("案件{n}"), &pair).unwrap())
            .collect()
    })
    .await;
    watch.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
    let rooms: Vec<u64> = watch.rooms();
    let mut posted = Vec::new();
    for step in 0..seconds / 60 {
        // A message a minute in a room that changes, and a second one in a room that is always busy.
        for room in [rooms[(step as usize * 7) % rooms.len()], rooms[3]] {
            posted.push(watch.chatwork.post(watch.world.client, room, &format!("連絡 {step}")));
        }
        watch.passes_for(60).await;
    }
    let calls = watch.chatwork.0.api_calls();
    assert_eq!(calls.by_status.get(&429), None, "{calls:?}");
    // Half of the limit is for others.
    let windows = seconds.div_ceil(300);
    assert!(calls.total() <= windows * 190, "{} calls in {windows} windows", calls.total());
    for message in posted.iter().rev().take(20) {
        assert_eq!(watch.texts(message).await.len(), 1);
    }
    let declared = watch.declared();
    let exposures = watch.store.exposures(None, String::new()).await.unwrap();
    assert!(exposures.iter().all(|it| it.longest <= declared), "declared {declared:?}: {exposures:?}");
    for room in rooms {
        assert_eq!(watch.holes(room).await, [""; 0]);
    }
    watch.finish().await;
}

/// Memory of the whole program, with its first sight of so many rooms behind it. Prints the figure of docs/mirror.md.
#[tokio::test(flavor = "multi_thread")]
async fn many_rooms_fit_into_little_memory() {
    let n_rooms: usize = if environment("KARIBARAI_TESTS_LONG").is_some() { 1000 } else { 50 };
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = SandboxConfig::new(std::sync::Arc::new(|| MORNING.0));
    // All rooms at once, which Chatwork's limit would spread over half an hour.
    settings.rules.requests_per_window = 1_000_000;
    let sandbox = Sandbox::start(settings).await.unwrap();
    let handle = sandbox.handle().clone();
    let world = Chatwork(handle.clone()).world("http://127.0.0.1:9/webhook");
    let pair = [(world.owner, Role::Admin), (world.client, Role::Admin)];
    let mut extra = Vec::new();
    for n in 0..n_rooms {
        let room = handle.create_room(RoomKind::Group, &format!("案件{n}"), &pair).unwrap();
        for message in 0..20 {
            handle
                .post(world.client, room, &format!("連絡事項 {message}：次回の打ち合わせについて"))
                .unwrap();
        }
        extra.push((format!("KARIBARAI_ROOM__{n}__ID"), room.to_string()));
        extra.push((format!("KARIBARAI_ROOM__{n}__CLIENTS"), world.client.to_string()));
        extra.push((format!("KARIBARAI_ROOM__{n}__REPLY__MODE"), "observe".to_owned()));
    }
    let extra: Vec<_> = extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let settings = crate::support::settings(folder.path(), &sandbox.api_base(), &world, &extra);
    let mut bot = std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .envs(settings)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let path = folder.path().join("data/karibarai.db");
    let read = async || {
        let Ok(store) = karibarai::store::Store::open_read_only(&path).await else { return 0 };
        let reads = store.room_reads().await.unwrap_or_default();
        reads.iter().filter(|it| it.read_at.is_some()).count()
    };
    for _ in 0..1200 {
        if read().await >= n_rooms {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", bot.id())).unwrap_or_default();
    let n_read = read().await;
    bot.kill().unwrap();
    bot.wait().unwrap();
    assert_eq!(n_read, n_rooms);
    let resident = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    // Only Linux tells.
    let Some(kilobytes) = resident.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok()) else {
        return;
    };
    println!("{n_rooms} rooms: {} MiB resident", kilobytes / 1024);
    assert!(kilobytes < 160 * 1024, "{kilobytes} kB");
}

/// With the whole bot around it.
mod in_the_bot {
    use std::process::Command;
    use std::time::Duration;

    use karibarai::domain::UtcMillis;
    use karibarai::sandbox::{Fault, FaultKind};
    use karibarai::store::{FollowStore as _, LedgerStore as _};

    use crate::support::Bot;

    const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円です。";

    async fn deaf() -> Bot {
        let bot = Bot::start_with(&[("CHATWORK_WEBHOOK_TOKEN", "")]).await;
        bot.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
        bot
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_of_the_night_is_answered_in_the_morning_without_any_webhook() {
        let bot = deaf().await;
        bot.clock.advance(Duration::from_secs(10 * 3600));
        bot.settled().await;
        // The laptop is closed; the client writes two hours before it is opened again.
        bot.chatwork.set_fault(Fault::always(FaultKind::Refused));
        bot.clock.sleep(Duration::from_secs(8 * 3600));
        let request = bot.client_says(REQUEST);
        bot.clock.sleep(Duration::from_secs(2 * 3600));
        bot.chatwork.0.clear_faults();
        bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
        bot.until("the hole", || async { bot.count("gap.found").await >= 1 }).await;
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_follower_whose_cursor_cannot_move_is_told_of_and_stops_no_other() {
        let bot = Bot::start().await;
        bot.settled().await;
        let database = rusqlite::Connection::open(bot.data_dir().join("karibarai.db")).unwrap();
        database.busy_timeout(Duration::from_secs(20)).unwrap();
        database
            .execute_batch(
                "CREATE TRIGGER stuck BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'planted'); END",
            )
            .unwrap();
        // The entry that one follower cannot file; behind it everybody else has work.
        bot.client_says("[download:999]nothing.pdf (1 KB)[/download]");
        let request = bot.client_says(REQUEST);
        bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
        let client = crate::review::client();
        let ask = async |path: &str| {
            let answer = client.get(format!("http://{}{path}", bot.private)).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        bot.until("the alarm", || async { ask("/readyz").await == (503, "followers\n".to_owned()) }).await;
        let others = ["archive", "detector", "casebook", "mirror", karibarai::follow::Index::NAME];
        bot.until("the others", || async {
            let size = bot.store.head().await.unwrap().unwrap().frontier.size();
            for name in others {
                if bot.store.cursor(name).await.unwrap().0 != size {
                    return false;
                }
            }
            true
        })
        .await;
        let size = bot.store.head().await.unwrap().unwrap().frontier.size();
        assert!(bot.store.cursor("annex").await.unwrap().0 < size);
        let (_, metrics) = ask("/metrics").await;
        let failed: Vec<&str> =
            metrics.lines().filter(|it| it.starts_with("karibarai_follower_errors_total")).collect();
        assert!(matches!(failed[..], [one] if one.contains(r#"follower="annex""#)), "{failed:?}");
        let visitor = crate::review::Visitor::by_link(&bot).await;
        let page = visitor.text("/").await;
        assert!(page.contains("「添付ファイルとルームの情報」の処理が止まっています"), "{page}");
        // It tries on: what stood in its way is gone, and nothing has to be started anew.
        database.execute_batch("DROP TRIGGER stuck").unwrap();
        bot.until("readiness", || async { ask("/readyz").await.0 == 200 }).await;
        bot.settled().await;
        assert!(!visitor.text("/").await.contains("止まっています。発言"));
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_deletions_and_a_blanked_text_are_told_to_the_owner_and_hold_nothing_up() {
        let bot = deaf().await;
        let room = bot.world.direct_room;
        let messages: Vec<String> =
            (0..6).map(|n| bot.client_says(&format!("打ち合わせの記録 {n}"))).collect();
        bot.recorded(&messages[5], 1).await;
        bot.chatwork.edit(room, &messages[0], ".");
        bot.recorded(&messages[0], 2).await;
        for message in &messages {
            bot.chatwork.delete(room, message);
        }
        bot.recorded(&messages[5], 2).await;
        bot.until("two alarms", || async { bot.count("alarm.raised").await == 2 }).await;
        bot.until("two notes", || async { bot.notes().len() == 2 }).await;
        let notes = bot.notes().join("\n");
        assert!(notes.contains("5件の発言が削除されました"), "{notes}");
        assert!(notes.contains("もとの文面：「打ち合わせの記録 0」"), "{notes}");
        let request = bot.client_says(REQUEST);
        bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_monday_the_owner_hears_how_long_nobody_looked() {
        // Monday, 10:00 in Japan; the hole ends on Friday.
        let bot = deaf().await;
        bot.clock.advance(Duration::from_secs(2 * 86_400));
        bot.until("a read", || async { bot.count("gap.found").await == 1 }).await;
        bot.clock.sleep(Duration::from_secs(2 * 86_400 + 14 * 3600));
        bot.until("the sleep", || async { bot.count("gap.found").await >= 2 }).await;
        bot.settled().await;
        assert!(bot.notes().is_empty(), "not before Monday: {:?}", bot.notes());
        let monday = UtcMillis::parse("2026-11-30T00:30:00.000Z").unwrap();
        let now = karibarai::domain::Clock::now(&bot.clock);
        bot.clock.advance(monday.since(now));
        bot.until("the note", || async { bot.notes().len() == 1 }).await;
        let note = bot.notes().remove(0);
        assert!(note.contains("先週は合計62時間、このパソコンが止まっていました。"), "{note}");
        bot.clock.advance(Duration::from_secs(7200));
        bot.settled().await;
        assert_eq!(bot.notes().len(), 1);
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_follower_that_cannot_move_holds_up_no_other_and_goes_on_when_it_can() {
        let bot = deaf().await;
        let first = bot.client_says("よろしくお願いいたします");
        bot.recorded(&first, 1).await;
        bot.settled().await;
        // The folder of the mirror files cannot be written.
        let mirror = bot.data_dir().join("mirror");
        let aside = bot.data_dir().join("aside");
        std::fs::rename(&mirror, &aside).unwrap();
        std::fs::write(&mirror, b"in the way").unwrap();
        let request = bot.client_says(REQUEST);
        bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = || async {
            let answer = client.get(format!("http://{}/metrics", bot.private)).send().await.unwrap();
            answer.text().await.unwrap()
        };
        let stuck = "karibarai_follower_errors_total{follower=\"mirror\"}";
        bot.until("the failure to be counted", || async { metrics().await.contains(stuck) }).await;
        std::fs::remove_file(&mirror).unwrap();
        std::fs::rename(&aside, &mirror).unwrap();
        bot.until("the file to be written", || async {
            let folder = mirror.join(bot.world.direct_room.to_string());
            let files = std::fs::read_dir(folder).unwrap();
            let text: String = files.map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap()).collect();
            text.contains(REQUEST)
        })
        .await;
        bot.settled().await;
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_room_is_told_to_the_owner_once() {
        let bot = deaf().await;
        let message = bot.client_says("よろしくお願いいたします");
        bot.recorded(&message, 1).await;
        bot.chatwork.0.delete_room(bot.world.direct_room).unwrap();
        bot.until("the loss", || async { bot.count("room.access_lost").await == 1 }).await;
        bot.until("the note", || async { bot.notes().len() == 1 }).await;
        let note = bot.notes().remove(0);
        assert!(note.contains("「山田 太郎」を読めなくなりました"), "{note}");
        bot.clock.advance(Duration::from_secs(6 * 3600));
        bot.settled().await;
        assert_eq!(bot.notes().len(), 1);
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clock_that_is_off_is_recorded_and_told_and_so_is_that_it_is_right_again() {
        let bot = deaf().await;
        bot.chatwork.0.advance(180_000);
        bot.until("the comparison", || async { bot.count("clock.compared").await == 1 }).await;
        bot.until("the note", || async { bot.notes().len() == 1 }).await;
        let note = bot.notes().remove(0);
        assert!(note.contains("Chatworkの時計より3分ほど遅れています"), "{note}");
        // Off as before is no news, nor is it after a restart.
        bot.looked().await;
        let bot = bot.restart().await;
        bot.looked().await;
        assert_eq!(bot.count("clock.compared").await, 1);
        bot.chatwork.0.advance(-180_000);
        bot.until("the second", || async { bot.count("clock.compared").await == 2 }).await;
        bot.settled().await;
        assert_eq!(bot.notes().len(), 1);
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_read_long_after_it_was_written_is_marked() {
        let bot = deaf().await;
        bot.chatwork.set_fault(Fault::always(FaultKind::Refused));
        let late = bot.client_says("止まっている間の発言");
        bot.clock.advance(Duration::from_secs(3600));
        bot.chatwork.0.clear_faults();
        bot.recorded(&late, 1).await;
        let prompt = bot.client_says("すぐに読まれる発言");
        bot.recorded(&prompt, 1).await;
        let (settings, folder) = (bot.settings(), bot.folder.path().to_owned());
        let output = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
            command.args(["log", "--json"]).env_clear().envs(settings).current_dir(folder).output().unwrap()
        });
        let rows = String::from_utf8(output.await.unwrap().stdout).unwrap();
        let marked = |message: &str| {
            let rows = rows.lines().map(|it| serde_json::from_str::<serde_json::Value>(it).unwrap());
            let mut of_message = rows.filter(|it| it["message_id"] == message);
            of_message.any(|it| it["late"] == true)
        };
        assert_eq!((marked(&late), marked(&prompt)), (true, false));
        bot.finish().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sync_reads_now_beside_the_bot_and_coverage_is_told() {
        let bot = deaf().await;
        let message = bot.client_says("今すぐ読んでください");
        let room = bot.world.direct_room.to_string();
        let settings = bot.settings();
        let folder = bot.folder.path().to_owned();
        let run = move |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
            command.args(arguments).env_clear().envs(settings.iter().cloned()).current_dir(&folder);
            let output = command.output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let (all, one, other, coverage) = tokio::task::spawn_blocking(move || {
            (
                run(&["sync"]),
                run(&["sync", "--room", &room]),
                run(&["sync", "--room", "5"]),
                run(&["log", "--coverage", "--json"]),
            )
        })
        .await
        .unwrap();
        assert_eq!((all.0, one.0, other.0), (Some(0), Some(0), Some(2)));
        bot.recorded(&message, 1).await;
        let row: serde_json::Value = serde_json::from_str(coverage.1.lines().next().unwrap()).unwrap();
        assert_eq!(row["room_id"], bot.world.direct_room);
        assert!(row["since"].is_string() && row["declared_seconds"].is_u64(), "{row}");
        bot.finish().await;
    }
}
