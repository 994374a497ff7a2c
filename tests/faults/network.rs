//! The public listener among people who mean ill: what is slow, endless, half or ambiguous is bounded, and honest deliveries are
//! answered meanwhile. Times are printed, not judged: they are the machine's.

use std::net::SocketAddr;
use std::time::Duration;

use karibarai::domain::{Clock as _, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::long;
use crate::program::{Place, Run, Sender, body, founded, sign};

/// Of the tests here; the program's own default is 1024.
const CONNECTIONS: usize = 128;
/// The program gives the head of a request 15 seconds.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Far beyond what any answer takes.
const PATIENCE: Duration = Duration::from_secs(40);
/// What the program may take while it is attacked, in KiB.
const MEMORY: u64 = 200 * 1024;

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap()
}

async fn attacked(folder: &std::path::Path) -> (Place, Run, String) {
    let place = founded(folder, 3).await;
    let place = place
        .with("KARIBARAI_SERVER__MAX_CONNECTIONS", &CONNECTIONS.to_string())
        .with("KARIBARAI_SERVER__BODY_SECONDS", "2");
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    (place, run, url)
}

/// Resident memory, KiB.
fn memory(run: &Run) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.child.id())).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn sockets(run: &Run) -> usize {
    let all = std::fs::read_dir(format!("/proc/{}/fd", run.child.id())).unwrap();
    let links = all.flatten().filter_map(|it| std::fs::read_link(it.path()).ok());
    links.filter(|it| it.to_string_lossy().starts_with("socket:")).count()
}

/// A signed delivery as it goes over the wire, with further lines of its head.
fn request(message: u64, head: &str) -> Vec<u8> {
    let body = body(message);
    let signature = sign(body.as_bytes());
    let length = body.len();
    format!(
        "POST /webhook HTTP/1.1\r\nhost: x\r\nx-chatworkwebhooksignature: {signature}\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    )
    .into_bytes()
}

/// Everything that comes back until the other side closes.
async fn answers(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "the connection was never closed: {}", String::from_utf8_lossy(&all));
    String::from_utf8_lossy(&all).into_owned()
}

fn statuses(answers: &str) -> Vec<u16> {
    answers.split("HTTP/1.1 ").skip(1).map(|it| it[..3].parse().unwrap()).collect()
}

/// Sends, and reads what comes until the other side has enough.
async fn asked(to: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    statuses(&answers(&mut stream).await)
}

/// Sends, says that this is all, and reads to the end.
async fn exchange(to: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // What is refused half-way resets the connection; what was said before that still counts.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    statuses(&answers(&mut stream).await)
}

/// Deliveries one after the other over a connection that stands, as a proxy has one; milliseconds of each.
async fn honest(sender: &Sender, url: &str, messages: std::ops::Range<u64>) -> Vec<u64> {
    let mut times = Vec::new();
    for message in messages {
        let began = SystemClock.monotonic();
        assert_eq!(sender.deliver(url, message).await, Some(200), "an honest delivery");
        times.push(u64::try_from((SystemClock.monotonic() - began).as_micros()).unwrap());
    }
    times
}

fn say(attack: &str, mut times: Vec<u64>, run: &Run) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    let (count, half, most) = (times.len(), at(50), at(99));
    let memory = memory(run);
    println!("{attack}: {count} honest deliveries, p50 {half} µs, p99 {most} µs, {memory} KiB resident");
    assert!(memory < MEMORY, "{attack}: {memory} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_deliveries_are_answered_while_others_are_slow_endless_or_silent() {
    let folder = tempfile::tempdir().unwrap();
    let (place, run, url) = attacked(folder.path()).await;
    let to = address(&url);
    let sender = Sender::new();
    let mut next = 1_000_000;
    let mut step = || {
        let first = next;
        next += if long() { 2000 } else { 150 };
        first..next
    };
    let mut acknowledged: Vec<u64> = Vec::new();
    let round = step();
    say("nobody attacks", honest(&sender, &url, round.clone()).await, &run);
    acknowledged.extend(round);

    // Silent connections, many more than are taken; each that was taken ends when its time for a head is over.
    let (before, began) = (sockets(&run), SystemClock.monotonic());
    let mut silent = JoinSet::new();
    let many = if long() { 10_000 } else { 1_500 };
    for n in 0..many {
        silent.spawn(async move {
            let mut stream = TcpStream::connect(to).await.ok()?;
            // Some never say a word, some begin and then send a letter a second.
            if n % 2 == 0 {
                let _ = stream.write_all(b"POST /webhook HTTP/1.1\r\nx-slow: ").await;
                loop {
                    let mut rest = [0; 64];
                    tokio::select! {
                        read = stream.read(&mut rest) => if !matches!(read, Ok(1..)) { break },
                        () = tokio::time::sleep(Duration::from_secs(1)) => if stream.write_all(b"a").await.is_err() { break },
                    }
                }
            } else {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            Some(())
        });
    }
    let round = step();
    say(&format!("{many} silent and slow connections"), honest(&sender, &url, round.clone()).await, &run);
    acknowledged.extend(round);
    assert!(sockets(&run) <= before + CONNECTIONS + 1, "{} sockets", sockets(&run));
    // One's own view would not do: what the system took and the program never saw stays open here.
    while sockets(&run) > before + 2 {
        let lasted = SystemClock.monotonic() - began;
        assert!(lasted < PATIENCE, "{} connections are left after {lasted:?}", sockets(&run) - before);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lasted = SystemClock.monotonic() - began;
    assert!(lasted > HEAD_TIME / 2, "they were never open");
    println!("the last of them was ended after {} ms", lasted.as_millis());
    silent.abort_all();

    // Heads without an end: refused as soon as they are larger than any honest one.
    let mut endless = JoinSet::new();
    for _ in 0..64 {
        endless.spawn(async move {
            let mut stream = TcpStream::connect(to).await.unwrap();
            let _ = stream.write_all(b"POST /webhook HTTP/1.1\r\n").await;
            let mut sent = 0_u64;
            while stream
                .write_all(b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
                .await
                .is_ok()
            {
                sent += 58;
                assert!(sent < 64 << 20, "it reads heads without an end");
            }
        });
    }
    let round = step();
    say("64 heads without an end", honest(&sender, &url, round.clone()).await, &run);
    acknowledged.extend(round);
    endless.join_all().await;

    // Bodies that are announced and never come, or come without an end.
    let mut bodies = JoinSet::new();
    for n in 0..64 {
        bodies.spawn(async move {
            let mut stream = TcpStream::connect(to).await.unwrap();
            let _ = match n % 2 {
                0 => {
                    stream
                        .write_all(
                            b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\nbegin",
                        )
                        .await
                }
                _ => {
                    stream
                        .write_all(b"POST /webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                        .await
                }
            };
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
            let mut sent = 0;
            while n % 2 == 1 && stream.write_all(&chunk).await.is_ok() {
                sent += chunk.len();
                assert!(sent < 64 << 20, "it reads bodies without an end");
            }
            statuses(&String::from_utf8_lossy(&{
                let mut all = Vec::new();
                let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
                all
            }))
        });
    }
    let round = step();
    say("64 bodies without an end", honest(&sender, &url, round.clone()).await, &run);
    acknowledged.extend(round);
    for statuses in bodies.join_all().await {
        assert!(statuses.iter().all(|it| matches!(it, 408 | 413)), "{statuses:?}");
    }
    // The same for whoever comes anew.
    let round = step();
    say("after all of it, a new connection", honest(&Sender::new(), &url, round.clone()).await, &run);
    acknowledged.extend(round);
    let (status, said) = run.terminate();
    assert!(status.success() && !said.contains("panicked"), "{said}");
    place.recovers(&acknowledged, "after the attacks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_honest_forms_are_taken_and_ambiguous_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (place, run, url) = attacked(folder.path()).await;
    let to = address(&url);

    // Many in one go, answered in order.
    let close = |n| if n == 50 { "connection: close\r\n" } else { "" };
    let row: Vec<u8> = (1..=50).flat_map(|n| request(1_000_000 + n, close(n))).collect();
    assert_eq!(asked(to, &row).await, [200; 50]);
    // A letter in each chunk, with an extension and a trailer.
    let text = body(1_000_100);
    let chunks: String = text.bytes().map(|it| format!("1;x=y\r\n{}\r\n", char::from(it))).collect();
    let is_ascii = text.is_ascii();
    let chunks = if is_ascii {
        chunks.into_bytes()
    } else {
        text.bytes().flat_map(|it| [b"1\r\n".as_slice(), &[it], b"\r\n"].concat()).collect()
    };
    let head = format!(
        "POST /webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-chatworkwebhooksignature: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        sign(text.as_bytes())
    );
    let whole = [head.as_bytes(), &chunks, b"0\r\n\r\n"].concat();
    assert_eq!(asked(to, &whole).await, [200]);
    // Each byte of a delivery in a packet of its own.
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in request(1_000_101, "connection: close\r\n") {
        stream.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(statuses(&answers(&mut stream).await), [200]);
    // Asks before it sends; ended in the middle of the body, it is nobody's delivery.
    assert_eq!(
        asked(to, &request(1_000_102, "connection: close\r\nexpect: 100-continue\r\n")).await.last(),
        Some(&200)
    );
    let half = request(1_000_900, "");
    exchange(to, &half[..half.len() - 20]).await;

    // A second delivery, signed and whole, hidden in what a proxy may take for the body of the first.
    let mut hidden = 1_000_900;
    let mut hide = || {
        hidden += 1;
        String::from_utf8(request(hidden, "")).unwrap()
    };
    let post = "POST /webhook HTTP/1.1\r\nhost: x\r\n";
    let shapes = [
        ("two lengths", format!("{post}content-length: 5\r\ncontent-length: 0\r\n\r\n{}", hide())),
        ("two lengths in one", format!("{post}content-length: 5, 0\r\n\r\n{}", hide())),
        ("a length with a sign", format!("{post}content-length: +5\r\n\r\n{}", hide())),
        ("a negative length", format!("{post}content-length: -1\r\n\r\n{}", hide())),
        ("a length beyond numbers", format!("{post}content-length: 99999999999999999999\r\n\r\n{}", hide())),
        (
            "a length beside chunks",
            format!("{post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{}", hide()),
        ),
        ("an unknown coding", format!("{post}transfer-encoding: xchunked\r\n\r\n{}", hide())),
        (
            "chunked, and more",
            format!("{post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{}", hide()),
        ),
        ("a space before the colon", format!("{post}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{}", hide())),
        ("a folded line", format!("{post}x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n{}", hide())),
        (
            "a chunk beyond numbers",
            format!("{post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", hide()),
        ),
        (
            "a chunk without end",
            format!("{post}transfer-encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n{}", hide()),
        ),
        ("a zero byte in a name", format!("{post}x\0y: z\r\n\r\n{}", hide())),
        ("a bare return", format!("{post}x: y\rcontent-length: 5\r\n\r\n{}", hide())),
        (
            "HTTP/1.0 with chunks",
            format!("POST /webhook HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{}", hide()),
        ),
        ("HTTP/2", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}", hide())),
        ("TLS", format!("\u{16}\u{3}\u{1}\u{2}\0\u{1}{}", hide())),
        ("no HTTP", format!("\0\0\0\0{}", hide())),
    ];
    for (shape, bytes) in &shapes {
        let found = exchange(to, bytes.as_bytes()).await;
        println!("{shape}: {found:?}");
        assert!(!found.contains(&200), "{shape}: {found:?}");
    }
    let (status, said) = run.terminate();
    assert!(status.success() && !said.contains("panicked"), "{said}");
    let recorded = place.messages().await;
    assert!(!recorded.iter().any(|it| (1_000_900..1_001_000).contains(it)), "a hidden delivery was taken");
    let honest: Vec<u64> = (1_000_001..=1_000_050).chain(1_000_100..=1_000_102).collect();
    place.recovers(&honest, "after odd forms").await;
    println!("{} ambiguous forms refused, {} odd but honest deliveries taken", shapes.len(), honest.len());
}
