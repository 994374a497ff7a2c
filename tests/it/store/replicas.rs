//! Several processes on one database, killed, halted and replaced in turn: nothing is lost, nothing is said twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use karibarai::domain::{Clock as _, MessageId, RoomId, SystemClock};
use karibarai::sandbox::{Fault, FaultKind, Role, RoomKind, Rules, Sandbox, SandboxConfig};
use karibarai::store::{
    ArchiveStore as _, CaseStore as _, FollowStore as _, LedgerStore as _, PostgresPlace, Store, Turn,
    TurnStore as _,
};
use karibarai::upkeep;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::support::chatwork::{Chatwork, World};
use crate::support::process::Process;
use crate::support::{all_records, cluster, environment, install_tls, read_store, settings, sign};

/// Whoever works is followed within this time.
const TAKEOVER: Duration = Duration::from_secs(15);

/// The message as its webhook; how it was answered where not 200.
async fn deliver(url: &str, world: &World, room: u64, message: &str, text: &str) -> Result<(), String> {
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
    match request.send().await {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(answer) => Err(format!("room {room}: {}", answer.status())),
        Err(error) => Err(format!("room {room}: {error:?}")),
    }
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

/// A simulated Chatwork with rooms in which the bot may answer, and the settings of replicas that share a database.
struct Stage {
    sandbox: Sandbox,
    chatwork: Chatwork,
    world: World,
    rooms: Vec<u64>,
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    place: PostgresPlace,
    /// Deliveries that were not answered 200.
    refused: Mutex<Vec<String>>,
}

impl Stage {
    async fn new(rooms: usize) -> Self {
        install_tls();
        let folder = tempfile::tempdir().unwrap();
        // More rooms than anybody reads in five minutes.
        let rules = Rules { requests_per_window: 1_000_000, ..Rules::default() };
        let config = SandboxConfig { rules, ..SandboxConfig::new(Arc::new(|| SystemClock.now().0)) };
        let sandbox = Sandbox::start(config).await.unwrap();
        let chatwork = Chatwork(sandbox.handle().clone());
        // Nobody listens at this address: the test itself is Chatwork's sender.
        let world = chatwork.world("http://127.0.0.1:9/webhook");
        let members = [(world.client, Role::Admin), (world.owner, Role::Member)];
        let rooms: Vec<u64> = (0..rooms)
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
        let refused = Mutex::default();
        Self { sandbox, chatwork, world, rooms, folder, settings, place, refused }
    }

    fn replica(&self) -> Process {
        Process::start(self.folder.path(), &self.settings)
    }

    /// True when it was answered 200.
    async fn deliver(&self, replica: &Process, room: u64, message: &str, text: &str) -> bool {
        let answer = deliver(&replica.url, &self.world, room, message, text).await;
        answer.map_err(|why| self.refused.lock().unwrap().push(why)).is_ok()
    }

    async fn answered(&self, room: u64, request: &str) {
        let since = Instant::now();
        while self.chatwork.replies_to(room, request).is_empty() {
            if since.elapsed() >= Duration::from_secs(60) {
                let store = read_store(&self.settings, self.folder.path()).await;
                let rows = store.outbox_of_room(RoomId(room)).await.unwrap();
                let id = MessageId::new(request).unwrap();
                let filed = store.message(RoomId(room), &id).await.unwrap().is_some();
                let recorded =
                    all_records(&store).await.iter().any(|it| it.entry().unwrap().message == Some(id));
                let size = store.head().await.unwrap().unwrap().end();
                let mut behind = Vec::new();
                for name in ["archive", "detector", "casebook"] {
                    behind.push((name, size - store.cursor(name).await.unwrap().0));
                }
                let refused = self.refused.lock().unwrap();
                panic!(
                    "room {room} got no reminder: recorded {recorded}, filed {filed}, behind {behind:?}, {rows:?}, {refused:?}"
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// After the last replica: each request has one reminder, and what was answered 200 is recorded.
    async fn check(self, requests: &[(u64, String)], acknowledged: &[String]) {
        for (room, request) in requests {
            assert_eq!(self.chatwork.replies_to(*room, request).len(), 1, "room {room}");
            assert_eq!(self.chatwork.posts_by(self.world.owner, *room).len(), 1, "room {room}");
        }
        let store = read_store(&self.settings, self.folder.path()).await;
        let recorded: std::collections::HashSet<String> = all_records(&store)
            .await
            .iter()
            .filter_map(|it| it.entry().unwrap().message)
            .map(|it| it.as_str().to_owned())
            .collect();
        let lost: Vec<_> = acknowledged.iter().filter(|it| !recorded.contains(*it)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        let checked = upkeep::check(&store, &self.folder.path().join("data"), None).await.unwrap();
        assert!(checked.intact(), "{checked:?}");
        drop(self.sandbox);
    }
}

const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円です。";
const TALK: &str = "お世話になっております。";

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_killed_and_halted_lose_nothing_and_say_nothing_twice() {
    let long = environment("KARIBARAI_TESTS_LONG").is_some();
    let (least, rounds) = if long { (Duration::from_secs(900), 300) } else { (Duration::ZERO, 4) };
    let stage = Stage::new(rounds).await;
    let mut replicas = [stage.replica(), stage.replica()];
    let (mut acknowledged, mut requests, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    let began = Instant::now();
    for (round, room) in stage.rooms.iter().enumerate() {
        if round >= 4 && began.elapsed() >= least {
            break;
        }
        let request = stage.chatwork.post(stage.world.client, *room, REQUEST);
        requests.push((*room, request.clone()));
        // At first always the one that works, killed or halted by turns; then any.
        let (victim, halted) =
            if round < 4 { (round % 2, round % 2 == 1) } else { (round / 3 % 2, round % 2 == 1) };
        if stage.deliver(&replicas[victim], *room, &request, REQUEST).await {
            acknowledged.push(request.clone());
        }
        let since = Instant::now();
        if halted {
            replicas[victim].signal("-STOP");
        } else {
            replicas[victim].kill();
        }
        if stage.deliver(&replicas[1 - victim], *room, &request, REQUEST).await {
            acknowledged.push(request.clone());
        }
        stage.answered(*room, &request).await;
        slowest = slowest.max(since.elapsed());
        if halted {
            // It wakes up with whatever it was about to do.
            replicas[victim].signal("-CONT");
        } else {
            replicas[victim] = stage.replica();
        }
    }
    // What the last one to wake up still had in hand.
    let room = stage.world.direct_room;
    let last = stage.chatwork.post(stage.world.client, room, TALK);
    while !stage.deliver(&replicas[0], room, &last, TALK).await {}
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(replicas);
    let refused = stage.refused.lock().unwrap().join("\n");
    assert!(acknowledged.len() >= requests.len(), "{} answers; {refused}", acknowledged.len());
    println!("{} rounds, {} answers, slowest {slowest:?}", requests.len(), acknowledged.len());
    stage.check(&requests, &acknowledged).await;
    assert!(slowest < TAKEOVER, "taken over after {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_replicas_any_one_carries_on_alone() {
    let long = environment("KARIBARAI_TESTS_LONG").is_some();
    let (least, rounds) = if long { (Duration::from_secs(900), 300) } else { (Duration::ZERO, 3) };
    let stage = Stage::new(rounds).await;
    let mut replicas = [stage.replica(), stage.replica(), stage.replica()];
    let (mut acknowledged, mut requests, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    let began = Instant::now();
    for (round, room) in stage.rooms.iter().enumerate() {
        if round >= 3 && began.elapsed() >= least {
            break;
        }
        let request = stage.chatwork.post(stage.world.client, *room, REQUEST);
        requests.push((*room, request.clone()));
        // One is killed and one halted, at the same moment; whoever of the three worked, the third goes on.
        let (killed, halted, alive) = (round % 3, (round + 1) % 3, (round + 2) % 3);
        for replica in &replicas {
            if stage.deliver(replica, *room, &request, REQUEST).await {
                acknowledged.push(request.clone());
            }
        }
        let since = Instant::now();
        replicas[halted].signal("-STOP");
        replicas[killed].kill();
        let talk = stage.chatwork.post(stage.world.client, stage.world.direct_room, TALK);
        if stage.deliver(&replicas[alive], stage.world.direct_room, &talk, TALK).await {
            acknowledged.push(talk);
        }
        stage.answered(*room, &request).await;
        slowest = slowest.max(since.elapsed());
        replicas[halted].signal("-CONT");
        replicas[killed] = stage.replica();
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(replicas);
    let refused = stage.refused.lock().unwrap().join("\n");
    assert!(acknowledged.len() >= 4 * requests.len(), "{} answers; {refused}", acknowledged.len());
    println!("{} rounds, {} answers, slowest {slowest:?}", requests.len(), acknowledged.len());
    stage.check(&requests, &acknowledged).await;
    assert!(slowest < TAKEOVER, "taken over after {slowest:?}");
}

/// Another process was halted in the middle of a change, and its locks stay for a while: one that starts meanwhile must take
/// webhooks all the same, and not end because it has no link to show.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_starts_while_changes_are_held_up_takes_webhooks() {
    let stage = Stage::new(1).await;
    let room = stage.rooms[0];
    // The schema is made by the first start.
    drop(stage.replica());
    let (mut client, connection) =
        tokio_postgres::connect(&stage.place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let digest = Sha256::digest(format!("karibarai change {}", stage.place.schema));
    let key = i64::from_be_bytes(digest[..8].try_into().unwrap());
    let held = client.transaction().await.unwrap();
    held.execute("SELECT pg_advisory_xact_lock($1)", &[&key]).await.unwrap();
    let mut replica = stage.replica();
    let request = stage.chatwork.post(stage.world.client, room, REQUEST);
    let since = Instant::now();
    while !stage.deliver(&replica, room, &request, REQUEST).await {
        assert!(since.elapsed() < Duration::from_secs(8), "{:?}", stage.refused.lock().unwrap());
    }
    assert!(stage.chatwork.replies_to(room, &request).is_empty(), "the lock holds nothing up");
    held.rollback().await.unwrap();
    stage.answered(room, &request).await;
    assert!(replica.child.try_wait().unwrap().is_none(), "it ended");
    drop(replica);
    stage.check(&[(room, request.clone())], &[request]).await;
}

/// A pass over rooms that answer slowly takes a minute here. Who lost the turn meanwhile must not finish it first.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_the_turn_in_a_long_pass_can_take_it_at_once() {
    let stage = Stage::new(30).await;
    let (quick, slow) = stage.rooms.split_at(2);
    for room in slow {
        let path = format!("/rooms/{room}/messages");
        stage.chatwork.set_fault(Fault::always(FaultKind::Slow { ms: 2500 }).on("GET", &path));
    }
    let first = stage.replica();
    let hello = stage.chatwork.post(stage.world.client, quick[0], REQUEST);
    assert!(stage.deliver(&first, quick[0], &hello, REQUEST).await);
    stage.answered(quick[0], &hello).await;
    // It is in the middle of its first pass now, and another takes over while it is halted.
    let mut second = stage.replica();
    first.signal("-STOP");
    let more = stage.chatwork.post(stage.world.client, slow[0], REQUEST);
    assert!(stage.deliver(&second, slow[0], &more, REQUEST).await);
    stage.answered(slow[0], &more).await;
    first.signal("-CONT");
    let room = stage.world.direct_room;
    let talk = stage.chatwork.post(stage.world.client, room, TALK);
    while !stage.deliver(&first, room, &talk, TALK).await {}
    tokio::time::sleep(Duration::from_secs(3)).await;
    let request = stage.chatwork.post(stage.world.client, quick[1], REQUEST);
    assert!(stage.deliver(&first, quick[1], &request, REQUEST).await);
    let since = Instant::now();
    second.kill();
    stage.answered(quick[1], &request).await;
    let after = since.elapsed();
    drop((first, second));
    let requests = [(quick[0], hello.clone()), (quick[1], request.clone()), (slow[0], more.clone())];
    stage.check(&requests, &[hello, more, talk, request]).await;
    assert!(after < TAKEOVER, "taken over after {after:?}");
}

/// Replicas are replaced one by one while deliveries come, as an update does it; half-way the database is already that of
/// a newer program, which older ones that run must live with, and older ones that start must refuse.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_replaced_one_by_one_under_load() {
    let stage = Stage::new(4).await;
    let mut replicas = vec![stage.replica(), stage.replica(), stage.replica()];
    let (client, connection) =
        tokio_postgres::connect(&stage.place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let schema = &stage.place.schema;
    let (mut acknowledged, mut requests) = (Vec::new(), Vec::new());
    for round in 0..4 {
        let room = stage.rooms[round];
        let request = stage.chatwork.post(stage.world.client, room, REQUEST);
        requests.push((room, request.clone()));
        let leaving = round % 3;
        let mut ends = None;
        for n in 0..30 {
            if n == 10 {
                replicas[leaving].signal("-TERM");
                ends = Some(Instant::now());
            }
            let (room, message, text) = if n == 9 {
                (room, request.clone(), REQUEST)
            } else {
                let room = stage.world.direct_room;
                (room, stage.chatwork.post(stage.world.client, room, TALK), TALK)
            };
            // As a proxy does it: the next one where this one does not take it.
            let mut taken = false;
            for nth in 0..3 {
                let replica = &replicas[(leaving + n + nth) % 3];
                taken = stage.deliver(replica, room, &message, text).await;
                if taken {
                    break;
                }
            }
            assert!(taken, "delivery {n} of round {round} was taken by nobody");
            acknowledged.push(message);
        }
        let status = replicas[leaving].child.wait().unwrap();
        assert!(status.success() && ends.unwrap().elapsed() < Duration::from_secs(10), "{status}");
        if round == 1 {
            // A newer program has been here: what it added, those that run do not know.
            let newer = format!("INSERT INTO {schema}.migrations (number, sha256) VALUES (9999, 'newer')");
            client.batch_execute(&newer).await.unwrap();
            let refused = std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
                .arg("serve")
                .env_clear()
                .envs(stage.settings.iter().cloned())
                .current_dir(stage.folder.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(refused.status.code() == Some(2) && said.contains("newer karibarai"), "{said}");
            let talk = stage.chatwork.post(stage.world.client, stage.world.direct_room, TALK);
            let other = &replicas[(leaving + 1) % 3];
            assert!(stage.deliver(other, stage.world.direct_room, &talk, TALK).await);
            acknowledged.push(talk);
            // The one that starts next is of that version.
            client
                .batch_execute(&format!("DELETE FROM {schema}.migrations WHERE number = 9999"))
                .await
                .unwrap();
        }
        replicas[leaving] = stage.replica();
        stage.answered(room, &request).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(replicas);
    assert_eq!(acknowledged.len(), 4 * 30 + 1);
    stage.check(&requests, &acknowledged).await;
}
