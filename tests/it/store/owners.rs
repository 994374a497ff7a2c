//! Many owners on one PostgreSQL, a process and a role for each: what they take, and what a flood on one does to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Rules, Sandbox, SandboxConfig};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::NoTls;

use crate::support::chatwork::{Chatwork, World};
use crate::support::process::Process;
use crate::support::{cluster, created, environment, install_tls, settings, sign};

/// Connections that each process may open.
const CONNECTIONS: usize = 3;
/// Senders of the flood.
const FLOOD: usize = 32;
/// Deliveries to each of the others, with and without the flood.
const EACH: usize = 10;

async fn deliver(client: &reqwest::Client, url: &str, world: &World, number: u64) -> u16 {
    let body = created(world.direct_room, number, world.colleague, &format!("{number}件目です"));
    let signature = sign(&world.webhook_tokens[0], body.as_bytes());
    let request = client.post(url).header("x-chatworkwebhooksignature", signature).body(body);
    request.send().await.unwrap().status().as_u16()
}

/// How long each delivery to these took, sorted.
async fn latencies(client: &reqwest::Client, urls: &[String], world: &World, from: u64) -> Vec<Duration> {
    let mut took = Vec::new();
    for n in 0..EACH {
        for (at, url) in urls.iter().enumerate() {
            let began = Instant::now();
            let number = from + (n * urls.len() + at) as u64;
            assert_eq!(deliver(client, url, world, number).await, 200);
            took.push(began.elapsed());
        }
    }
    took.sort();
    took
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Resident memory in KiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_owners_share_a_database_and_a_flood_on_one_is_not_the_others() {
    install_tls();
    let count = if environment("KARIBARAI_TESTS_LONG").is_some() { 50 } else { 6 };
    let rules = Rules { requests_per_window: 1_000_000, ..Rules::default() };
    let config = SandboxConfig { rules, ..SandboxConfig::new(Arc::new(|| SystemClock.now().0)) };
    let sandbox = Sandbox::start(config).await.unwrap();
    let world = Chatwork(sandbox.handle().clone()).world("http://127.0.0.1:9/webhook");
    let (admin, connection) =
        tokio_postgres::connect(&cluster::shared().url("karibarai"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut starts = JoinSet::new();
    for _ in 0..count {
        let place = cluster::fresh();
        let name = place.schema.clone();
        let sql = format!("CREATE ROLE {name} LOGIN; CREATE SCHEMA {name} AUTHORIZATION {name}");
        admin.batch_execute(&sql).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (url, connections) = (cluster::shared().url(&name), CONNECTIONS.to_string());
        let extra = [
            ("KARIBARAI_STORAGE__URL", &*format!("{url}&application_name=owners")),
            ("KARIBARAI_STORAGE__SCHEMA", &*name),
            ("KARIBARAI_STORAGE__CONNECTIONS", &*connections),
            ("KARIBARAI_ROOM__0__REPLY__MODE", "observe"),
            ("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "3600"),
        ];
        let settings = settings(folder.path(), &sandbox.api_base(), &world, &extra);
        starts.spawn_blocking(move || (Process::start(folder.path(), &settings), folder));
    }
    let owners = starts.join_all().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let urls: Vec<String> = owners.iter().map(|it| it.0.url.clone()).collect();
    let (flooded, others) = urls.split_first().unwrap();
    // Connections and caches are made with the first ones.
    latencies(&client, others, &world, 1_000_000).await;
    let quiet = latencies(&client, others, &world, 2_000_000).await;

    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut flood = JoinSet::new();
    for _ in 0..FLOOD {
        let (client, url, world, stop, sent) =
            (client.clone(), flooded.clone(), world.clone(), Arc::clone(&stop), Arc::clone(&sent));
        flood.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let number = 5_000_000 + sent.fetch_add(1, Ordering::Relaxed);
                assert!(matches!(deliver(&client, &url, &world, number).await, 200 | 503));
            }
        });
    }
    let loud = latencies(&client, others, &world, 3_000_000).await;
    stop.store(true, Ordering::Relaxed);
    flood.join_all().await;
    let memory: Vec<u64> = owners.iter().map(|it| resident(it.0.child.id())).collect();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'owners'";
    let open = admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    println!(
        "{count} owners: {} MiB resident at most, {} on the mean; {open} connections; without flood p50 {:?} p95 {:?}, with \
         {} deliveries to one p50 {:?} p95 {:?}",
        memory.iter().max().unwrap() / 1024,
        memory.iter().sum::<u64>() / 1024 / memory.len() as u64,
        percentile(&quiet, 50),
        percentile(&quiet, 95),
        sent.load(Ordering::Relaxed),
        percentile(&loud, 50),
        percentile(&loud, 95),
    );
    assert!(open.cast_unsigned() <= (count * CONNECTIONS) as u64, "{open} connections");
    assert!(sent.load(Ordering::Relaxed) > 100, "that was no flood");
    // One machine's processors are shared whatever anybody does; what must not be is waiting for the other's rows or locks.
    let bound = Duration::from_secs(1).max(percentile(&quiet, 95) * 3);
    assert!(
        percentile(&loud, 95) < bound,
        "{:?} against {:?}",
        percentile(&loud, 95),
        percentile(&quiet, 95)
    );
}
