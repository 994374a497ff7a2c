//! Two processes on one database, killed and halted in turn: nothing is lost, nothing is said twice.

use std::sync::Arc;
use std::time::Duration;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Role, RoomKind, Rules, Sandbox, SandboxConfig};
use karibarai::store::{Store, Turn, TurnStore as _};
use karibarai::upkeep;
use tokio::time::Instant;

use crate::support::chatwork::{Chatwork, World};
use crate::support::process::Process;
use crate::support::{all_records, cluster, environment, install_tls, read_store, settings, sign};

/// Whoever works is followed within this time.
const TAKEOVER: Duration = Duration::from_secs(15);

/// The message as its webhook; true when it was answered 200.
async fn deliver(url: &str, world: &World, room: u64, message: &str, text: &str) -> bool {
    let seconds = SystemClock.now().0 / 1000;
    let text = serde_json::to_string(text).unwrap();
    let body = format!(
        r#"{{"webhook_setting_id":"1","webhook_event_type":"message_created","webhook_event_time":{seconds},"webhook_event":{{"message_id":"{message}","room_id":{room},"account_id":{},"body":{text},"send_time":{seconds},"update_time":0}}}}"#,
        world.client
    );
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
    let request = client
        .post(url)
        .header("x-chatworkwebhooksignature", sign(&world.webhook_tokens[0], body.as_bytes()))
        .body(body);
    request.send().await.is_ok_and(|it| it.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_one_s_alone_and_ends_with_its_lease() {
    install_tls();
    let place = cluster::fresh();
    let (one, other) = (Store::connect(&place).await.unwrap(), Store::connect(&place).await.unwrap());
    let short = Duration::from_millis(300);
    let first = one.take_turn(None, Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(other.take_turn(None, short).await.unwrap(), None);
    assert_eq!(other.take_turn(Some(Turn(first.0 + 1)), short).await.unwrap(), None);
    assert_eq!(one.take_turn(Some(first), short).await.unwrap(), Some(first));
    let until = Instant::now() + Duration::from_secs(10);
    let second = loop {
        match other.take_turn(None, Duration::from_secs(60)).await.unwrap() {
            Some(turn) => break turn,
            None => assert!(Instant::now() < until, "the lease does not end"),
        }
    };
    assert!(second > first);
    assert_eq!(one.take_turn(Some(first), short).await.unwrap(), None, "who woke up late has no turn");
    one.end_turn(first).await.unwrap();
    assert_eq!(one.take_turn(None, short).await.unwrap(), None);
    other.end_turn(second).await.unwrap();
    assert!(one.take_turn(None, short).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_killed_and_halted_lose_nothing_and_say_nothing_twice() {
    install_tls();
    let long = environment("KARIBARAI_TESTS_LONG").is_some();
    let (least, rounds) = if long { (Duration::from_secs(900), 300) } else { (Duration::ZERO, 4) };
    let folder = tempfile::tempdir().unwrap();
    // More rooms than anybody reads in five minutes.
    let rules = Rules { requests_per_window: 1_000_000, ..Rules::default() };
    let config = SandboxConfig { rules, ..SandboxConfig::new(Arc::new(|| SystemClock.now().0)) };
    let sandbox = Sandbox::start(config).await.unwrap();
    let chatwork = Chatwork(sandbox.handle().clone());
    // Nobody listens at this address: the test itself is Chatwork's sender.
    let world = chatwork.world("http://127.0.0.1:9/webhook");
    let members = [(world.client, Role::Admin), (world.owner, Role::Member)];
    let rooms: Vec<u64> = (0..rounds)
        .map(|n| chatwork.0.create_room(RoomKind::Group, &format!("制作{n}"), &members).unwrap())
        .collect();
    let place = cluster::fresh();
    let mut extra = vec![
        ("KARIBARAI_STORAGE__URL".to_owned(), place.url.clone()),
        ("KARIBARAI_STORAGE__SCHEMA".to_owned(), place.schema.clone()),
        ("KARIBARAI_REPLY__MAX_PER_DAY".to_owned(), "10000".to_owned()),
    ];
    for (n, room) in rooms.iter().enumerate() {
        for (key, value) in [
            ("ID", room.to_string()),
            ("CLIENTS", world.client.to_string()),
            ("REPLY__MODE", "auto".to_owned()),
        ] {
            extra.push((format!("KARIBARAI_ROOM__{}__{key}", n + 1), value));
        }
    }
    let extra: Vec<(&str, &str)> = extra.iter().map(|(name, value)| (&**name, &**value)).collect();
    let settings = settings(folder.path(), &sandbox.api_base(), &world, &extra);
    let mut replicas = [Process::start(folder.path(), &settings), Process::start(folder.path(), &settings)];
    let text = "追加でブログ記事を3本お願いできますか？1本5,000円です。";
    let (mut acknowledged, mut requests, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    let began = Instant::now();
    for (round, room) in rooms.iter().enumerate() {
        if round >= 4 && began.elapsed() >= least {
            break;
        }
        let request = chatwork.post(world.client, *room, text);
        requests.push((*room, request.clone()));
        // At first always the one that works, killed or halted by turns; then any.
        let (victim, halted) =
            if round < 4 { (round % 2, round % 2 == 1) } else { (round / 3 % 2, round % 2 == 1) };
        if deliver(&replicas[victim].url, &world, *room, &request, text).await {
            acknowledged.push(request.clone());
        }
        let since = Instant::now();
        if halted {
            replicas[victim].signal("-STOP");
        } else {
            replicas[victim].kill();
        }
        let alive = 1 - victim;
        if deliver(&replicas[alive].url, &world, *room, &request, text).await {
            acknowledged.push(request.clone());
        }
        let answered = || chatwork.replies_to(*room, &request).len();
        while answered() == 0 {
            assert!(since.elapsed() < Duration::from_secs(60), "room {round} got no reminder");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(since.elapsed());
        if halted {
            // It wakes up with whatever it was about to do.
            replicas[victim].signal("-CONT");
        } else {
            replicas[victim] = Process::start(folder.path(), &settings);
        }
    }
    // What the last one to wake up still had in hand.
    let last = chatwork.post(world.client, world.direct_room, "お世話になっております。");
    while !deliver(&replicas[0].url, &world, world.direct_room, &last, "お世話になっております。").await
    {
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(replicas);
    for (round, (room, request)) in requests.iter().enumerate() {
        assert_eq!(chatwork.replies_to(*room, request).len(), 1, "room {round}");
        assert_eq!(chatwork.posts_by(world.owner, *room).len(), 1, "room {round}");
    }
    assert!(acknowledged.len() >= requests.len(), "{} answers", acknowledged.len());
    let store = read_store(&settings, folder.path()).await;
    let recorded: std::collections::HashSet<String> = all_records(&store)
        .await
        .iter()
        .filter_map(|it| it.entry().unwrap().message)
        .map(|it| it.as_str().to_owned())
        .collect();
    let lost: Vec<_> = acknowledged.iter().filter(|it| !recorded.contains(*it)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let checked = upkeep::check(&store, &folder.path().join("data"), None).await.unwrap();
    assert!(checked.intact(), "{checked:?}");
    println!("{} rounds, {} answers, slowest {slowest:?}", requests.len(), acknowledged.len());
    assert!(slowest < TAKEOVER, "taken over after {slowest:?}");
}
