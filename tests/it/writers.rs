//! Several members of one room may each run a bot, without knowing of each other: the client reads one reminder.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use karibarai::domain::{Clock as _, ManualClock};
use karibarai::sandbox::{Role, RoomKind, WebhookKind};
use karibarai::store::{CaseStore as _, OutboxState, Purpose};

use crate::support::chatwork::{Chatwork, World};
use crate::support::{MORNING, Parts, install_tls, run, settings, sign, start_sandbox, until};

const WRITERS: usize = 5;
const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";

struct Writer {
    account: u64,
    token: String,
    parts: Parts,
    _folder: tempfile::TempDir,
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_installations_in_one_room_give_one_reminder() {
    install_tls();
    let clock = ManualClock::new(MORNING);
    let now = clock.clone();
    let sandbox = start_sandbox(Arc::new(move || now.now().0)).await;
    let chatwork = Chatwork(sandbox.handle().clone());
    let client = chatwork.0.create_account("山田 太郎").unwrap();
    let owners: Vec<_> =
        (0..WRITERS).map(|n| chatwork.0.create_account(&format!("ライター{n}")).unwrap()).collect();
    let mut members = vec![(client.account_id, Role::Admin)];
    members.extend(owners.iter().map(|it| (it.account_id, Role::Member)));
    let room = chatwork.0.create_room(RoomKind::Group, "制作", &members).unwrap();
    let mut writers = Vec::new();
    for owner in &owners {
        let (public, private) = (listener(), listener());
        let url = format!("http://{}/webhook", public.local_addr().unwrap());
        let watches = WebhookKind::Room { room_id: room, created: true, updated: true };
        let token = chatwork.0.add_webhook(owner.account_id, &url, watches, None).unwrap().token;
        let world = World {
            owner: owner.account_id,
            owner_token: owner.api_token.clone(),
            owner_my_room: owner.my_room_id,
            client: client.account_id,
            colleague: client.account_id,
            direct_room: room,
            group_room: room,
            webhook_tokens: vec![token.clone()],
        };
        let folder = tempfile::tempdir().unwrap();
        // Webhooks alone: whoever is quiet towards the API has then nothing more to do.
        let extra =
            [("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "3600"), ("KARIBARAI_REPLY__DELAY_SECONDS", "20")];
        let settings = settings(folder.path(), &sandbox.api_base(), &world, &extra);
        let parts = run(&settings, folder.path(), &clock, public, private).await;
        let store = parts.store.clone();
        until("the room is known", || async {
            use karibarai::store::ArchiveStore as _;
            store.members(karibarai::domain::RoomId(room)).await.unwrap().len() == WRITERS + 1
        })
        .await;
        writers.push(Writer { account: owner.account_id, token, parts, _folder: folder });
    }
    let request = chatwork.post(client.account_id, room, REQUEST);
    for writer in &writers {
        let store = writer.parts.store.clone();
        until("a decision", || async { reminders(&store).await.len() == 1 }).await;
    }
    // All wake in one moment long after the delay, as after a sleep of all their machines.
    clock.advance(Duration::from_secs(60));
    let mut ended = 0;
    for _ in 0..60 {
        come_to_rest(&chatwork, &writers).await;
        ended = 0;
        for writer in &writers {
            let rows = reminders(&writer.parts.store).await;
            ended += rows.iter().filter(|it| **it != OutboxState::Waiting).count();
        }
        if ended == WRITERS {
            break;
        }
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(ended, WRITERS, "everybody had a turn");
    assert_eq!(chatwork.replies_to(room, &request).len(), 1);
    let mut sent = Vec::new();
    for writer in writers {
        if reminders(&writer.parts.store).await.contains(&OutboxState::Sent) {
            sent.push(writer.account);
        }
        writer.parts.end().await;
    }
    assert_eq!(sent.len(), 1);
}

async fn reminders(store: &karibarai::store::Store) -> Vec<OutboxState> {
    let rows = store.outbox().await.unwrap();
    rows.into_iter().filter(|it| it.purpose == Purpose::Reminder).map(|it| it.state).collect()
}

/// Rings every bot, and waits until none of them asks the platform for anything more.
async fn come_to_rest(chatwork: &Chatwork, writers: &[Writer]) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    static RINGS: AtomicU64 = AtomicU64::new(0);
    let ring = RINGS.fetch_add(1, Ordering::SeqCst);
    for writer in writers {
        let body = format!(
            r#"{{"webhook_setting_id":"1","webhook_event_type":"nudge","webhook_event":{{"ring":{ring}}}}}"#
        );
        let signature = sign(&writer.token, body.as_bytes());
        let url = format!("http://{}/webhook", writer.parts.public);
        let sent = client.post(url).header("x-chatworkwebhooksignature", signature).body(body).send();
        assert_eq!(sent.await.unwrap().status(), 200);
    }
    let mut before = None;
    loop {
        chatwork.idle().await;
        let calls = chatwork.0.api_calls().total();
        if before == Some(calls) {
            return;
        }
        before = Some(calls);
        // Several times longer than a bot pauses between two calls.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}
