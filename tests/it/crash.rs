//! kill -9 at any moment of a burst: nothing that was answered 200 is lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use karibarai::upkeep;

use crate::support::chatwork::{Chatwork, World};
use crate::support::process::Process;
use crate::support::{MORNING, all_records, created, install_tls, read_store, settings, sign, start_sandbox};

const KILLS: u64 = 20;
const EVENTS: u64 = 10_000;
const SENDERS: u64 = 8;

/// Sends events from `next` on over one connection until the program is gone; returns what was acknowledged.
async fn burst(url: &str, world: &World, next: &AtomicU64, acknowledged: &Mutex<Vec<u64>>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let n = next.fetch_add(1, Ordering::SeqCst);
        if n >= EVENTS {
            return;
        }
        let body = created(world.direct_room, 1_000_000 + n, world.client, &format!("メッセージ{n}"));
        let signature = sign(&world.webhook_tokens[0], body.as_bytes());
        let request = client.post(url).header("x-chatworkwebhooksignature", signature).body(body);
        match request.send().await {
            Ok(answer) if answer.status() == 200 => acknowledged.lock().unwrap().push(n),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_that_was_acknowledged() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let sandbox = start_sandbox(Arc::new(|| MORNING.0)).await;
    // Nobody listens at this address: the test itself is Chatwork's sender.
    let world = Chatwork(sandbox.handle().clone()).world("http://127.0.0.1:9/webhook");
    let settings = settings(
        folder.path(),
        &sandbox.api_base(),
        &world,
        &[("KARIBARAI_ROOM__0__REPLY__MODE", "observe")],
    );
    let next = Arc::new(AtomicU64::new(0));
    let acknowledged: Arc<Mutex<Vec<u64>>> = Arc::default();
    for kill in 1..=KILLS {
        let mut process = Process::start(folder.path(), &settings);
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..SENDERS {
            let (url, world, next, acknowledged) =
                (process.url.clone(), world.clone(), next.clone(), acknowledged.clone());
            senders.spawn(async move { burst(&url, &world, &next, &acknowledged).await });
        }
        // Killed in the middle: when its share of the burst has been answered, wherever the rest then is.
        let enough = EVENTS * kill / (KILLS + 1);
        crate::support::until("the share of this round", || async {
            acknowledged.lock().unwrap().len() as u64 >= enough.min(next.load(Ordering::SeqCst))
                && (next.load(Ordering::SeqCst) >= enough)
        })
        .await;
        process.kill();
        while senders.join_next().await.is_some() {}
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 5_000, "only {} events were acknowledged", acknowledged.len());
    // One more start mends whatever the last kill left.
    let mut process = Process::start(folder.path(), &settings);
    process.kill();
    let data = folder.path().join("data");
    let store = read_store(&settings, folder.path()).await;
    let recorded: std::collections::HashSet<String> = all_records(&store)
        .await
        .iter()
        .filter_map(|it| it.entry().unwrap().message)
        .map(|it| it.as_str().to_owned())
        .collect();
    let lost: Vec<_> =
        acknowledged.iter().filter(|n| !recorded.contains(&(1_000_000 + **n).to_string())).collect();
    assert!(lost.is_empty(), "{} acknowledged events are lost: {lost:?}", lost.len());
    assert!(upkeep::check(&store, &data, None).await.unwrap().intact());
}
