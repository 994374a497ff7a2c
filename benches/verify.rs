//! `karibarai verify` beside `openssl dgst -sha256` over the same bytes: entries and contents of a ledger of 100,000 entries, or of as
//! many as the first argument says (`cargo bench --bench verify -- 1000000`).

#![expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use karibarai::domain::{EntryIndex, EntryKind, MessageId, RoomId, Source, SystemClock, SystemEntropy};
use karibarai::ledger::{Identity, Ledger, Observation};
use karibarai::store::{LedgerStore as _, Store};

const ENTRIES: u64 = 100_000;
const ROUNDS: usize = 5;
const BATCH: u64 = 1024;
const ROOMS: u64 = 50;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|it| it.parse().ok());
    let entries: u64 = numbers.next_back().unwrap_or(ENTRIES);
    let folder = tempfile::tempdir().expect("a folder for the ledger");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (data, bytes) = runtime.block_on(build(folder.path(), entries));
    let size = bytes.metadata().map_or(0, |it| it.len());
    say(&format!("{entries} entries, {} MiB of entries and contents", size >> 20));
    let flat = folder.path().join("bytes");
    let mut ratios = Vec::new();
    // The first pair warms the page cache and is not counted.
    for round in 0..=ROUNDS {
        let ours = time(Command::new(env!("CARGO_BIN_EXE_karibarai")).arg("verify").arg(&data));
        let theirs = time(Command::new("openssl").args(["dgst", "-sha256"]).arg(&flat));
        if round > 0 {
            ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
            say(&format!("verify {} ms, openssl {} ms", ours.as_millis(), theirs.as_millis()));
        }
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let median = ratios.get(ROUNDS / 2).copied().unwrap_or_default();
    say(&format!("verify takes {median:.2} times as long as openssl (median of {ROUNDS})"));
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn time(command: &mut Command) -> Duration {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|it| it.success()), "the command failed");
    began.elapsed()
}

/// A ledger of webhook deliveries, as `serve` would have written them, and a file with the bytes that are hashed.
async fn build(folder: &Path, entries: u64) -> (PathBuf, File) {
    let data = folder.join("data");
    let store = Store::open(&data.join("karibarai.db")).await.expect("a store");
    let ledger = Ledger::open(store.clone(), &data, Arc::new(SystemClock), Arc::new(SystemEntropy));
    let ledger = ledger.await.expect("a ledger");
    for from in (0..entries).step_by(BATCH as usize) {
        let batch = (from..(from + BATCH).min(entries)).map(delivery).collect();
        ledger.append(batch).await.expect("an append");
    }
    ledger.checkpoint().await.expect("a checkpoint");
    let flat = folder.join("bytes");
    let mut out = BufWriter::new(File::create(&flat).expect("a file"));
    let mut next = EntryIndex(0);
    loop {
        let records = store.records(next, 4096).await.expect("the records");
        let Some(last) = records.last() else { break };
        next = EntryIndex(last.n.0 + 1);
        for record in &records {
            out.write_all(&record.bytes).expect("a write");
            if let Some((salt, content)) = &record.content {
                out.write_all(salt).and_then(|()| out.write_all(content)).expect("a write");
            }
        }
    }
    out.flush().expect("a write");
    (data, File::open(&flat).expect("the file"))
}

fn delivery(n: u64) -> Observation {
    let (room, message) = (500_000_000 + n % ROOMS, 1_789_012_345_678_000_000 + n);
    let body =
        format!("{n}件目のご相談です。来週の水曜日までに、記事を3本お願いできますか？単価は1本5,000円です。");
    let event = format!(
        r#"{{"webhook_setting_id":"12345","webhook_event_type":"message_created","webhook_event_time":1795395600,"webhook_event":{{"message_id":"{message}","room_id":{room},"account_id":222333,"body":"{body}","send_time":1795395600,"update_time":0}}}}"#
    );
    let content = serde_json::json!({
        "body": event,
        "signature": "n8kZ2p1vQm0x3yJtF5wR7uKcLbHdGsAeXo4iVqTzBjU=",
        "token_n": 0,
    });
    Observation {
        kind: EntryKind::MessageCreated,
        source: Source::Webhook,
        source_time: None,
        room: Some(RoomId(room)),
        message: MessageId::new(message.to_string()),
        content: Some(content.to_string().into_bytes()),
        identity: Some(Identity { update_time: None, body, channel: "webhook".to_owned() }),
        once: None,
    }
}
