//! A large archive: how fast followers catch up with it, search, proofs, start and export at its size, and what it takes on disk.
//! `cargo bench --bench archive -- [messages]`, 100,000 without a number.

#![expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]

#[expect(dead_code, reason = "the other measurements use the rest")]
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use karibarai::domain::{EntryIndex, EntryKind, MessageId, RoomId, Source, UtcMillis};
use karibarai::follow::{Archive, FollowError, Index, Progress, Tiles};
use karibarai::ledger::{self, Identity, Ledger, Observation};
use karibarai::search::{Query, search};
use karibarai::store::{SearchFilter, Store};
use serde::Deserialize;

use self::support::bot::{Platform, outside};
use self::support::{ms, percentile, say};

/// Entries appended at a time.
const BATCH: usize = 1024;
/// Words searched for, of each length from 1 to 8 characters.
const WORDS: usize = 25;
const NEWEST: usize = 50;
const PROOFS: u64 = 200;
const FIRST_ID: u64 = 1_700_000_000_000_000_000;
/// The first message; one a minute from then on.
const BEGAN: i64 = 1_700_000_000_000;

fn main() {
    let messages = std::env::args().filter_map(|it| it.parse::<u64>().ok()).next_back().unwrap_or(100_000);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    runtime.block_on(measure(messages));
}

async fn measure(messages: u64) {
    let platform = Platform::start().await;
    let config = platform.config(&platform.observed_room());
    let data = config.storage.data_dir.clone();
    let (store, ledger) =
        karibarai::app::open_ledger(&config, &outside()).await.expect("the ledger can be founded");
    let texts = Texts::load();
    say(&format!("{messages} messages, on the disk under target/"));
    append(&ledger, &platform, &texts, messages).await;
    let (archive, tiles) = (Archive::new(ledger.clone(), store.clone()), Tiles::new(store.clone()));
    let index = Index::new(ledger.clone(), store.clone());
    rate("archive", messages, async || archive.tick().await).await;
    rate("tree's tiles", messages, async || tiles.tick().await).await;
    rate("search index", messages, async || index.tick().await).await;
    ledger.checkpoint().await.expect("the head can be signed");
    sizes(&data.join("karibarai.db"), &texts, messages);
    searches(&store, &texts).await;
    proofs(&store, &data, messages).await;
    drop((store, ledger, archive, tiles, index));
    start(&platform);
    export(&platform);
}

/// What clients write: the lines of ordinary talk that detection is tested on, put together at random.
struct Texts {
    lines: Vec<String>,
}

#[derive(Deserialize)]
struct Record {
    body: String,
}

impl Texts {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/detection/ordinary.jsonl");
        let file = fs::File::open(path).expect("the corpus is there");
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let lines = lines.filter_map(|it| serde_json::from_str::<Record>(&it).ok()).map(|it| it.body);
        Self { lines: lines.collect() }
    }

    fn of(&self, n: u64) -> String {
        let mut dice = Dice(n);
        let line = |dice: &mut Dice| self.lines[dice.below(self.lines.len() as u64) as usize].as_str();
        let parts = 1 + dice.below(3);
        let mut text: Vec<&str> = (0..parts).map(|_| line(&mut dice)).collect();
        let number = format!("（{n}）");
        text.push(&number);
        text.join("\n")
    }
}

/// SplitMix64: the same archive each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

async fn append(ledger: &Ledger, platform: &Platform, texts: &Texts, messages: u64) {
    let began = Instant::now();
    let numbers: Vec<u64> = (0..messages).collect();
    let mut tenth = Duration::ZERO;
    for (at, part) in numbers.chunks(BATCH).enumerate() {
        let observations = part.iter().map(|n| observation(platform, texts, *n)).collect();
        ledger.append(observations).await.expect("the ledger takes them");
        if (at + 1) * BATCH >= numbers.len() / 10 && tenth.is_zero() {
            tenth = began.elapsed();
        }
    }
    let whole = began.elapsed().as_secs_f64();
    say(&format!(
        "append                {:>8.0} entries/s (the first tenth {:.0}/s)",
        messages as f64 / whole,
        messages as f64 / 10.0 / tenth.as_secs_f64()
    ));
}

/// A message as the API shows it.
fn observation(platform: &Platform, texts: &Texts, n: u64) -> Observation {
    let body = texts.of(n);
    let id = (FIRST_ID + n).to_string();
    let at = BEGAN + i64::try_from(n).expect("a small number") * 60_000;
    let account = [&platform.world.client, &platform.world.owner][(n % 2) as usize];
    let content = serde_json::json!({
        "message_id": id,
        "account": {"account_id": account.account_id, "name": "山田", "avatar_image_url": ""},
        "body": body,
        "send_time": at / 1000,
        "update_time": 0,
    });
    Observation {
        kind: EntryKind::MessageCreated,
        source: Source::Poll,
        source_time: Some(UtcMillis(at)),
        room: Some(RoomId(platform.world.direct_room_id)),
        message: MessageId::new(&id),
        content: Some(content.to_string().into_bytes()),
        identity: Some(Identity { update_time: None, body, channel: "poll".to_owned() }),
        once: None,
    }
}

async fn rate(name: &str, messages: u64, tick: impl AsyncFn() -> Result<Progress, FollowError>) {
    let began = Instant::now();
    while tick().await.expect("the follower goes on") == Progress::Moved {}
    say(&format!("{name:<22}{:>8.0} entries/s", messages as f64 / began.elapsed().as_secs_f64()));
}

/// Bytes of the index beside those of the text.
fn sizes(path: &Path, texts: &Texts, messages: u64) {
    let whole = fs::metadata(path).map_or(0, |it| it.len());
    let connection = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the database can be read");
    let index: Option<i64> = connection
        .query_row("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'search_index%'", (), |row| row.get(0))
        .unwrap_or_default();
    let text: u64 = (0..messages).map(|n| texts.of(n).len() as u64).sum();
    let index = index.unwrap_or_default() as f64;
    say(&format!(
        "on disk                {:.0} MB; text {:.0} MB; search index {:.0} MB, {:.2} times the text",
        whole as f64 / 1e6,
        text as f64 / 1e6,
        index / 1e6,
        index / text as f64
    ));
}

async fn searches(store: &Store, texts: &Texts) {
    let mut dice = Dice(7);
    for length in 1..=8 {
        let mut times = Vec::new();
        for _ in 0..WORDS {
            let word = loop {
                let text = texts.of(dice.below(1 << 40));
                let chars: Vec<char> = text.chars().filter(|it| it.is_alphanumeric()).collect();
                if chars.len() > length {
                    let start = dice.below((chars.len() - length) as u64) as usize;
                    break chars[start..start + length].iter().collect::<String>();
                }
            };
            let query = Query::parse(&word, false);
            let began = Instant::now();
            search(store, &query, &SearchFilter::default(), None, NEWEST)
                .await
                .expect("the index can be read");
            times.push(began.elapsed());
        }
        let (half, most) = (percentile(&mut times, 0.5), percentile(&mut times, 1.0));
        say(&format!("search, {length} characters    p50 {}, slowest of {WORDS} {}", ms(half), ms(most)));
    }
}

async fn proofs(store: &Store, data: &Path, messages: u64) {
    let mut dice = Dice(11);
    let mut times = Vec::new();
    for _ in 0..PROOFS {
        let began = Instant::now();
        let n = EntryIndex(dice.below(messages));
        ledger::proof_of(store, data, n).await.expect("a proof can be made").expect("the head covers it");
        times.push(began.elapsed());
    }
    let (half, most) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    say(&format!("inclusion proof        p50 {}, p99 {}", ms(half), ms(most)));
}

fn program(platform: &Platform, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
    let more = platform.observed_room();
    let here =
        [("KARIBARAI_SERVER__LISTEN", "127.0.0.1:0"), ("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0")];
    command.args(arguments).env_clear().envs(platform.environment(&more)).envs(here);
    command
        .current_dir(platform.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// From the start of the program to its first 200.
fn start(platform: &Platform) {
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let mut child = program(platform, &["serve", "--lang", "en"]).spawn().expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("it talks")).lines().map_while(Result::ok);
        let told = lines.into_iter().find(|it| it.starts_with("webhooks arrive at"));
        let told = told.expect("the program says where webhooks arrive");
        let port: u16 = told
            .rsplit(':')
            .find_map(|it| it.split('/').next()?.parse().ok())
            .expect("the address has a port");
        let mut door = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the listener is open");
        door.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it can be asked");
        let mut answer = [0; 12];
        door.read_exact(&mut answer).expect("it answers");
        times.push(began.elapsed());
        assert_eq!(&answer, b"HTTP/1.1 200");
        let _ = child.kill();
        let _ = child.wait();
    }
    say(&format!(
        "start to first 200     p50 {}, slowest {}",
        ms(percentile(&mut times, 0.5)),
        ms(percentile(&mut times, 1.0))
    ));
}

/// Time and greatest memory of a package of the whole room.
fn export(platform: &Platform) {
    let room = platform.world.direct_room_id.to_string();
    let out = platform.folder.path().join("package.zip").display().to_string();
    let began = Instant::now();
    let mut child =
        program(platform, &["export", "--room", &room, "--out", &out]).spawn().expect("the program starts");
    let memory = greatest_memory(&mut child);
    let good = child.wait().expect("it ends").success();
    let size = fs::metadata(&out).map_or(0, |it| it.len());
    say(&format!(
        "export of the room     {:.1} s, {:.0} MB, greatest memory {} MiB{}",
        began.elapsed().as_secs_f64(),
        size as f64 / 1e6,
        memory / 1024,
        if good { "" } else { " — FAILED" }
    ));
}

/// In KiB, as Linux tells it; 0 elsewhere.
fn greatest_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().is_ok_and(|it| it.is_none()) {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        most = most.max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    most
}
