//! PostgreSQL behind a connection that is cut at a chosen message: before the server has it, or after, when nobody knows
//! whether it was carried out. Deliveries are answered 200 or 503, the next ones are taken without a restart, and everything
//! that was acknowledged is there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::cluster;
use crate::program::{Place, Sender};
use crate::{Dice, long};

/// Neither counts nor cuts.
const DISARMED: i64 = i64::MAX;

#[derive(Clone, Default)]
struct Shears {
    /// Messages to the server until the cut.
    left: Arc<AtomicI64>,
    /// 1: the server still gets the message at which the connection is cut.
    behind: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Shears {
    fn arm(&self, after: u64, behind: bool) {
        self.behind.store(behind.into(), Ordering::SeqCst);
        self.left.store(i64::try_from(after).unwrap(), Ordering::SeqCst);
    }

    fn disarm(&self) {
        self.left.store(DISARMED, Ordering::SeqCst);
    }

    fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }

    /// A socket like the server's own, in `folder`.
    fn listen(&self, folder: &Path, server: String) {
        self.disarm();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let shears = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (shears, server) = (shears.clone(), server.clone());
                tokio::spawn(async move {
                    if let Ok(server) = UnixStream::connect(server).await {
                        shears.carry(client, server).await;
                    }
                });
            }
        });
    }

    async fn carry(&self, client: UnixStream, server: UnixStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let there = async {
            // The first message of a connection has no letter before its length, nor has the question for TLS before it.
            let mut letter = false;
            loop {
                let mut head = vec![0; if letter { 5 } else { 4 }];
                from_client.read_exact(&mut head).await?;
                let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap()) as usize;
                let mut rest = vec![0; length - 4];
                from_client.read_exact(&mut rest).await?;
                let cut = self.left.load(Ordering::SeqCst) != DISARMED
                    && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
                if !cut || self.behind.load(Ordering::SeqCst) == 1 {
                    to_server.write_all(&[head, rest].concat()).await?;
                }
                if cut {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    return std::io::Result::Ok(());
                }
                letter |= length != 8;
            }
        };
        // Whichever way ends first, the connection is gone in both.
        tokio::select! {
            _ = there => {}
            _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        }
    }
}

fn place(folder: &Path, schema: &str) -> Place {
    let url = format!(
        "postgres:///postgres?user=karibarai&port=5432&host={}",
        folder.display().to_string().replace('/', "%2F")
    );
    Place::new(folder).with("KARIBARAI_STORAGE__URL", &url).with("KARIBARAI_STORAGE__SCHEMA", schema)
}

/// The server's socket; its folder stands in the address that the tests use.
fn socket() -> String {
    let url = cluster::shared().url("karibarai");
    let host = url.split("host=").nth(1).unwrap();
    format!("{}/.s.PGSQL.5432", host.split('&').next().unwrap().replace("%2F", "/"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_any_statement_of_a_running_bot_loses_nothing() {
    let folder = tempfile::Builder::new().prefix("c").tempdir_in("/tmp").unwrap();
    let shears = Shears::default();
    shears.listen(folder.path(), socket());
    let place = place(folder.path(), "cut_running");
    let mut run = place.serve(&[]);
    let url = run.url().unwrap();
    let sender = Sender::new();
    let mut dice = Dice::new("cuts of a running bot");
    let moments: Vec<(u64, bool)> = (1..=120).flat_map(|it| [(it, false), (it, true)]).collect();
    let (mut acknowledged, mut refused, mut next) = (vec![1_000_000], 0, 1_000_000);
    // A cut while it begins ends it with an error, as the other test tries.
    assert_eq!(sender.deliver(&url, next).await, Some(200));
    for (after, behind) in dice.sample(moments, 40) {
        shears.arm(after, behind);
        let before = shears.cuts();
        // As many as it takes to come to that statement.
        for _ in 0..40 {
            next += 1;
            match sender.deliver(&url, next).await {
                Some(200) => acknowledged.push(next),
                Some(503) => refused += 1,
                other => panic!("cut at {after}: answered {other:?}"),
            }
            if shears.cuts() > before {
                break;
            }
        }
        shears.disarm();
        let mut tries = 0;
        loop {
            next += 1;
            if sender.deliver(&url, next).await == Some(200) {
                acknowledged.push(next);
                break;
            }
            tries += 1;
            assert!(tries < 200 && run.alive(), "cut at {after}: it takes nothing any more");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    let cuts = shears.cuts();
    let (status, said) = run.terminate();
    assert!(status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    place.recovers(&acknowledged, "after all cuts").await;
    println!(
        "cuts of a running bot: {cuts} cuts, {} acknowledged, {refused} refused, losses 0",
        acknowledged.len()
    );
    assert!(cuts >= 30, "only {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_any_statement_of_the_first_start_is_mended_by_the_next() {
    let folder = tempfile::Builder::new().prefix("c").tempdir_in("/tmp").unwrap();
    let shears = Shears::default();
    shears.listen(folder.path(), socket());
    let mut dice = Dice::new("cuts of the first start");
    let deepest = if long() { 160 } else { 80 };
    let moments: Vec<(u64, bool)> = (1..=deepest).flat_map(|it| [(it, false), (it, true)]).collect();
    let (mut cases, mut ended) = (0, 0);
    for (after, behind) in dice.sample(moments, 8) {
        let _ = std::fs::remove_dir_all(folder.path().join("data"));
        let place = place(folder.path(), &format!("cut_{after}_{behind}"));
        let before = shears.cuts();
        shears.arm(after, behind);
        let mut run = place.serve(&[]);
        let mut acknowledged = Vec::new();
        if let Some(url) = run.url() {
            acknowledged = Sender::new().burst(&url, 1..9).await;
        }
        shears.disarm();
        ended += usize::from(!run.alive());
        let (_, said) = run.terminate();
        assert!(!said.contains("panicked"), "cut at {after}: {said}");
        cases += usize::from(shears.cuts() > before);
        place.recovers(&acknowledged, &format!("cut at {after}, {behind}")).await;
    }
    println!("cuts of the first start: {cases} cuts, {ended} starts ended by one, losses 0");
    assert!(cases > 4, "only {cases} cuts");
}
