//! A Chatwork that lies: wrong, huge, endless, cut off, redirected elsewhere, with limits and clocks that make no sense. The bot
//! neither panics nor asks in a hot loop, stays small, hands its token to nobody else, takes deliveries meanwhile, and posts at
//! most once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Sandbox, SandboxConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::program::{Place, Sender};
use crate::{Dice, long};

/// Resident, KiB. A page of messages may be 40 MiB.
const MEMORY: u64 = 256 * 1024;
/// Wait for the first post of all.
const LONGEST: Duration = Duration::from_secs(60);
/// Processes at a time.
const AT_ONCE: usize = 5;

/// How a request is answered that is lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Status(u16),
    ErrorPage,
    Json(&'static str),
    DeepJson,
    EndlessBody,
    EndlessHead,
    Dripping,
    CutOff,
    Redirect(u16),
    Rate(&'static str),
    Date(&'static str),
    NoHttp,
    Close,
    Silence,
}

const LIES: &[Lie] = &[
    Lie::Status(500),
    Lie::Status(401),
    Lie::Status(204),
    Lie::Status(999),
    Lie::ErrorPage,
    Lie::Json("null"),
    Lie::Json("[null,1,\"x\",{},[]]"),
    Lie::Json(r#"{"account_id":"x","room_id":-1,"message_id":5,"errors":{"a":[[]]}}"#),
    Lie::Json(
        r#"[{"message_id":"../../x","account":{"account_id":1e400},"body":null,"send_time":-9223372036854775808}]"#,
    ),
    Lie::Json(r#"[{"room_id":18446744073709551616,"name":"","type":"?"}]"#),
    Lie::DeepJson,
    Lie::EndlessBody,
    Lie::EndlessHead,
    Lie::Dripping,
    Lie::CutOff,
    Lie::Redirect(302),
    Lie::Redirect(307),
    Lie::Rate(
        "x-ratelimit-limit: 300\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 99999999999999999\r\n",
    ),
    Lie::Rate("x-ratelimit-limit: 300\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n"),
    Lie::Rate("x-ratelimit-limit: -1\r\nx-ratelimit-remaining: NaN\r\nx-ratelimit-reset: soon\r\n"),
    Lie::Date("Thu, 01 Jan 1970 00:00:00 GMT"),
    Lie::Date("Fri, 31 Dec 9999 23:59:59 GMT"),
    Lie::Date("yesterday"),
    Lie::NoHttp,
    Lie::Close,
    Lie::Silence,
];

/// Which requests are lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    All,
    Messages,
    /// The post is carried out, and then lied about.
    Posts,
}

#[derive(Clone)]
struct Liar {
    lie: Lie,
    of: Of,
    honest: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    /// Some room's messages were read, and not lied about.
    read: Arc<AtomicBool>,
    /// Requests at the place where redirects lead.
    elsewhere: Arc<AtomicU64>,
    other: SocketAddr,
    truth: String,
    client: reqwest::Client,
}

impl Liar {
    /// The address of its API.
    async fn start(lie: Lie, of: Of, truth: &Sandbox) -> (Self, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (listener, other) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let base = format!("http://{}/v2", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let liar = Self {
            lie,
            of,
            honest: Arc::default(),
            requests: Arc::default(),
            read: Arc::default(),
            elsewhere: Arc::default(),
            other: other.local_addr().unwrap(),
            truth: format!("http://{}", truth.addr()),
            client,
        };
        let (this, elsewhere) = (liar.clone(), Arc::clone(&liar.elsewhere));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move { this.serve(stream).await });
            }
        });
        tokio::spawn(async move {
            while let Ok((_stream, _)) = other.accept().await {
                elsewhere.fetch_add(1, Ordering::SeqCst);
            }
        });
        (liar, base)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut got = Vec::new();
        let (head, body) = loop {
            let mut part = vec![0; 4096];
            match stream.read(&mut part).await {
                Ok(length @ 1..) => got.extend_from_slice(&part[..length]),
                _ => return,
            }
            let text = String::from_utf8_lossy(&got).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let line = head
                .lines()
                .find_map(|it| it.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= line.and_then(|it| it.parse().ok()).unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let lied_to = match self.of {
            Of::All => true,
            Of::Messages => path.contains("/messages"),
            Of::Posts => method == "POST" && path.contains("/messages"),
        };
        let lied_to = lied_to && !self.honest.load(Ordering::SeqCst);
        if !lied_to || self.of == Of::Posts {
            let answer = self.truth(&method, &path, &head, body).await;
            if !lied_to {
                let _ = stream.write_all(&answer).await;
                self.read.fetch_or(method == "GET" && path.contains("/messages"), Ordering::SeqCst);
                return;
            }
        }
        let _ = self.lie(&mut stream).await;
    }

    /// What the simulator answers.
    async fn truth(&self, method: &str, path: &str, head: &str, body: String) -> Vec<u8> {
        let mut request =
            self.client.request(method.parse().unwrap(), format!("{}{path}", self.truth)).body(body);
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            if ["x-chatworktoken", "content-type"].contains(&name.to_lowercase().as_str()) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        let mut text = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", answer.status().as_u16());
        for (name, value) in answer.headers() {
            if name.as_str().starts_with("x-ratelimit") || name == "date" {
                text += &format!("{name}: {}\r\n", value.to_str().unwrap());
            }
        }
        let body = answer.bytes().await.unwrap();
        [format!("{text}content-length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
    }

    async fn lie(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let whole = |status: &str, more: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n{body}")
        };
        let answer = match self.lie {
            Lie::None | Lie::Close => return Ok(()),
            Lie::Status(204) => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned(),
            Lie::Status(status) => whole(&format!("{status} x"), "", r#"{"errors":["x"]}"#),
            Lie::ErrorPage => whole("200 OK", "content-type: text/html\r\n", "<html><h1>Sorry</h1></html>"),
            Lie::Json(json) => whole("200 OK", "", json),
            Lie::DeepJson => whole("200 OK", "", &"[{\"a\":".repeat(200_000)),
            Lie::CutOff => "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n[{\"message_id\":\"1\"".to_owned(),
            Lie::Redirect(status) => {
                whole(&format!("{status} x"), &format!("location: http://{}/v2/me\r\n", self.other), "")
            }
            Lie::Rate(headers) => whole("429 x", headers, ""),
            Lie::Date(date) => whole("200 OK", &format!("date: {date}\r\n"), "[]"),
            Lie::NoHttp => "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
            Lie::EndlessBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[\r\n").await?;
                let chunk = [b"40000\r\n".as_slice(), &[b' '; 0x40000], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
            Lie::EndlessHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream.write_all(b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await?;
                }
            }
            Lie::Dripping => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n").await?;
                loop {
                    stream.write_all(b" ").await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Lie::Silence => {
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return Ok(());
            }
        };
        stream.write_all(answer.as_bytes()).await
    }
}

struct Found {
    requests: u64,
    memory: u64,
    posts: usize,
}

/// One bot against one lie, for `span`; then, where posts were lied about, against the truth.
async fn one(lie: Lie, of: Of, span: Duration) -> Found {
    let what = format!("{lie:?} to {of:?}");
    let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await.unwrap();
    let handle = sandbox.handle().clone();
    let world = handle.world(Some("http://127.0.0.1:9/webhook")).unwrap();
    let (liar, base) = Liar::start(lie, of, &sandbox).await;
    let folder = tempfile::tempdir().unwrap();
    let room = world.direct_room_id;
    let place = Place::new(folder.path())
        .with("CHATWORK_API_BASE", &base)
        .with("CHATWORK_API_TOKEN", &world.owner.api_token)
        .with("KARIBARAI_OWNER__ACCOUNT_IDS", &world.owner.account_id.to_string())
        .with("KARIBARAI_ROOM__0__ID", &room.to_string())
        .with("KARIBARAI_ROOM__0__CLIENTS", &world.client.account_id.to_string())
        .with("KARIBARAI_ROOM__0__REPLY__MODE", "auto")
        .with("KARIBARAI_REPLY__DELAY_SECONDS", "0")
        .with("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1");
    let mut run = place.serve(&[]);
    let url = run.url().unwrap();
    // What was written before the bot watched the room is not answered.
    let started = SystemClock.monotonic();
    while of == Of::Posts && !liar.read.load(Ordering::SeqCst) && SystemClock.monotonic() - started < LONGEST
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let request =
        handle.post(world.client.account_id, room, "追加でブログ記事を3本お願いできますか？").unwrap();
    let sender = Sender::new();
    let began = SystemClock.monotonic();
    let (mut memory, mut acknowledged) = (0, Vec::new());
    while SystemClock.monotonic() - began < span {
        let message = 1_000_000 + acknowledged.len() as u64;
        assert_eq!(sender.deliver(&url, message).await, Some(200), "{what}: a delivery");
        acknowledged.push(message);
        let status = std::fs::read_to_string(format!("/proc/{}/status", run.child.id())).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
        memory = memory.max(line.split_whitespace().nth(1).unwrap().parse().unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let requests = liar.requests.load(Ordering::SeqCst);
    if of == Of::Posts {
        liar.honest.store(true, Ordering::SeqCst);
        tokio::time::sleep(span).await;
    }
    let replies = || handle.replies_to(room, &request).unwrap().len();
    // Beside other batteries the first post may need longer than the span; then as long again for a second one.
    if lie == Lie::None && replies() == 0 {
        while replies() == 0 && SystemClock.monotonic() - began < LONGEST {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(span).await;
    }
    let posts = replies();
    assert!(posts <= 1, "{what}: {posts} reminders");
    assert_eq!(liar.elsewhere.load(Ordering::SeqCst), 0, "{what}: a redirect was followed");
    assert!(memory < MEMORY, "{what}: {memory} KiB");
    assert!(run.alive(), "{what}: it ended");
    let (status, said) = run.terminate();
    assert!(!said.contains("panicked") && !said.contains(&world.owner.api_token), "{what}: {said}");
    assert!(status.success(), "{what}: {status} {said}");
    place.sound(&what);
    let recorded = place.messages().await;
    assert!(acknowledged.iter().all(|it| recorded.contains(it)), "{what}: a delivery is lost");
    Found { requests, memory, posts }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_of_chatwork_harms_the_bot() {
    let span = Duration::from_secs(if long() { 20 } else { 3 });
    let truth = one(Lie::None, Of::Posts, Duration::from_secs(3)).await;
    // `None` closes the connection behind a post that was carried out.
    assert_eq!(truth.posts, 1, "the reminder is there, although its answer was not");
    let honest = Duration::from_secs(3);
    let calm = truth.requests.max(6) * (span.as_secs() / honest.as_secs()).max(1);
    let cases = LIES.iter().flat_map(|lie| [Of::All, Of::Messages, Of::Posts].map(|of| (*lie, of))).collect();
    let cases: Vec<(Lie, Of)> = Dice::new("lies").sample(cases, 15);
    let mut waiting = cases.iter().copied();
    let (mut running, mut most, mut largest, mut posted, mut tried) = (JoinSet::new(), 0, 0, 0, 0);
    loop {
        while running.len() < AT_ONCE
            && let Some((lie, of)) = waiting.next()
        {
            running.spawn(async move { (lie, of, one(lie, of, span).await) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (lie, of, found) = ended.unwrap();
        println!("{lie:?} to {of:?}: {} requests, {} KiB", found.requests, found.memory);
        assert!(
            found.requests <= calm * 3,
            "{lie:?} to {of:?}: {} requests, {calm} are usual",
            found.requests
        );
        most = most.max(found.requests);
        largest = largest.max(found.memory);
        posted += found.posts;
        tried += 1;
    }
    println!(
        "lies: {tried} for {span:?} each, at most {most} requests ({calm} are usual) and {largest} KiB, {posted} reminders, none twice"
    );
}
