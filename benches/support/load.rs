//! Signed deliveries, and connections that send them one after the other, each waiting for its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// A message as its author wrote it.
pub(crate) struct Said<'a> {
    pub(crate) room: u64,
    pub(crate) account: u64,
    pub(crate) message: &'a str,
    pub(crate) body: &'a str,
    pub(crate) send_time: i64,
}

/// The body that Chatwork would deliver.
pub(crate) fn event(it: &Said<'_>) -> String {
    json!({"webhook_setting_id": "4711", "webhook_event_type": "message_created",
        "webhook_event_time": it.send_time, "webhook_event": {"message_id": it.message, "room_id": it.room,
        "account_id": it.account, "body": it.body, "send_time": it.send_time, "update_time": 0}})
    .to_string()
}

/// base64 of the HMAC with the decoded token.
pub(crate) fn sign(token: &str, body: &str) -> String {
    let key = BASE64_STANDARD.decode(token).expect("the simulator's tokens are base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(body.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// The whole HTTP request, with the signature in both places where Chatwork puts it.
pub(crate) fn request(token: &str, body: &str) -> Vec<u8> {
    let signature = sign(token, body);
    let escaped = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!(
        "POST /webhook?chatwork_webhook_signature={escaped} HTTP/1.1\r\nhost: bot.example.jp\r\n\
         user-agent: ChatWork-Webhook/1.0.0\r\ncontent-type: application/json\r\naccept: */*\r\n\
         x-chatworkwebhooksignature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What came of one slice of load.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
    pub not_200: usize,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

/// Sends each request once, over so many keep-alive connections, until `time` is over or none is left. Blocks.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    time: Duration,
) -> Outcome {
    let generator = move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        runtime.block_on(send_all(address, connections, Arc::new(requests), time))
    };
    std::thread::spawn(generator).join().expect("the generator ends")
}

async fn send_all(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    time: Duration,
) -> Outcome {
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(connect(address).await);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut senders = Vec::new();
    for mut stream in streams {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        senders.push(tokio::spawn(async move {
            let mut outcome = Outcome::default();
            while began.elapsed() < time
                && let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let sent = Instant::now();
                if exchange(&mut stream, request).await == 200 {
                    outcome.latencies.push(sent.elapsed());
                } else {
                    outcome.not_200 += 1;
                }
            }
            outcome
        }));
    }
    let mut all = Outcome::default();
    for sender in senders {
        let one = sender.await.expect("a sender does not panic");
        all.latencies.extend(one.latencies);
        all.not_200 += one.not_200;
    }
    all.took = began.elapsed();
    all
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket takes its options");
    stream
}

/// Sends a request and reads the answer, which has no body. Its status; 0 where there was none.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> u16 {
    if stream.write_all(request).await.is_err() {
        return 0;
    }
    let (mut answer, mut length) = ([0; 1024], 0);
    while !answer[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut answer[length..]).await {
            Ok(1..) if length == answer.len() => return 0,
            Ok(read @ 1..) => length += read,
            _ => return 0,
        }
    }
    std::str::from_utf8(&answer[9..12]).ok().and_then(|it| it.parse().ok()).unwrap_or(0)
}
