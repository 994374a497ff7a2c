//! What arrives at a receiver: bytes, signature, choice of setting, order, and the end of a setting.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::support::{Arrival, Bed, START_MS};
use crate::sandbox::deliver::sign;
use crate::sandbox::{Outcome, Rules, SandboxError, WebhookKind, WebhookOrder};

const START_S: i64 = START_MS / 1_000;

/// The bytes 0x00 to 0x1f.
fn counting_token() -> [u8; 32] {
    std::array::from_fn(|n| n as u8)
}

#[test]
fn signs_the_published_delivery() {
    let token: [u8; 32] =
        STANDARD.decode("iY/hmitgwCBlc5DnjAZ8pyRG1HF0zFflfmKmtCDg1wk=").unwrap().try_into().unwrap();
    let body = r#"{"webhook_setting_id":"581","webhook_event_type":"mention_to_me","webhook_event_time":1516629767,"webhook_event":{"from_account_id":2861671,"to_account_id":2739132,"room_id":93207172,"message_id":"1007287971738591232","body":"[rp aid=2739132 to=93207172-1007287785163345920] sue445\ntest","send_time":1516629766,"update_time":0}}"#;
    assert_eq!(body.len(), 329);
    assert_eq!(sign(&token, body.as_bytes()), "NTIUzbXiwLvM7C/MT3Kd75Lw1w2N5tyWtcEieKiqhY0=");
}

#[test]
fn signs_vectors_computed_elsewhere() {
    let token = counting_token();
    let japanese = r#"{"webhook_setting_id":"12345","webhook_event_type":"message_created","webhook_event_time":1700000001,"webhook_event":{"message_id":"1789012345678901248","room_id":567890123,"account_id":123456,"body":"追加で記事を3本お願いできますか？","send_time":1700000000,"update_time":0}}"#;
    assert_eq!(sign(&token, b""), "04tCCW2A9F+Ca0Sp1WB95ySWpBXT9KGoyI47udqNwcs=");
    assert_eq!(sign(&token, b"{}"), "hiJ/6WcioiR9z+4SwH2JwbBWe7yapqjYBIOPZqPahD8=");
    assert_eq!(sign(&token, japanese.as_bytes()), "kcm2lm58x8DB/XauDquAeswJdEu13tLiwicNcDVskGA=");
}

#[tokio::test]
async fn a_post_arrives_signed_in_header_and_query_and_byte_by_byte() {
    let bed = Bed::new().await;
    // Bodies of which some signature holds each of the characters that a query must escape.
    for n in 0..20 {
        bed.client_posts(&format!("追加で\"記事\"を{n}本\nお願い/できますか？"));
    }
    bed.handle().idle().await;
    let setting = bed.world.webhooks[0].clone();
    let token: [u8; 32] = STANDARD.decode(&setting.token).unwrap().try_into().unwrap();
    let arrivals = bed.receiver.arrivals();
    assert_eq!(arrivals.len(), 20);
    for arrival in &arrivals {
        let signature = sign(&token, arrival.body.as_bytes());
        assert_eq!(arrival.headers["x-chatworkwebhooksignature"], signature.as_str());
        let escaped = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        assert_eq!(arrival.uri.query(), Some(format!("a=1&chatwork_webhook_signature={escaped}").as_str()));
        assert_eq!(arrival.headers["content-type"], "application/json");
        assert_eq!(arrival.headers["user-agent"], "ChatWork-Webhook/1.0.0");
    }
    let id = &bed.handle().posts_in(bed.world.direct_room_id).unwrap()[0].message_id;
    assert_eq!(
        arrivals[0].body,
        format!(
            r#"{{"webhook_setting_id":"{}","webhook_event_type":"message_created","webhook_event_time":{START_S},"webhook_event":{{"message_id":"{id}","room_id":{},"account_id":{},"body":"追加で\"記事\"を0本\nお願い/できますか？","send_time":{START_S},"update_time":0}}}}"#,
            setting.setting_id, bed.world.direct_room_id, bed.world.client.account_id
        )
    );
}

#[tokio::test]
async fn edits_arrive_deletions_do_not() {
    let bed = Bed::new().await;
    let room = bed.world.direct_room_id;
    let id = bed.client_posts("3本");
    bed.advance(120_000);
    bed.handle().edit(room, &id, "5本").unwrap();
    bed.handle().delete(room, &id).unwrap();
    bed.handle().idle().await;
    let arrivals = bed.receiver.arrivals();
    assert_eq!(arrivals.len(), 2);
    assert_eq!(arrivals[1].event_type(), "message_updated");
    assert_eq!(arrivals[1].text(), "5本");
    assert_eq!(arrivals[1].json()["webhook_event"]["update_time"], START_S + 120);
    assert_eq!(arrivals[1].json()["webhook_event"]["send_time"], START_S);
}

#[tokio::test]
async fn deletions_arrive_when_the_rules_say_so() {
    let rules = Rules { webhook_on_delete: true, deletion_moves_update_time: true, ..Rules::default() };
    let bed = Bed::with(rules).await;
    let id = bed.client_posts("x");
    bed.handle().delete(bed.world.direct_room_id, &id).unwrap();
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["x", "[deleted]"]);
    assert_eq!(bed.receiver.arrivals()[1].json()["webhook_event"]["update_time"], START_S);
}

#[tokio::test]
async fn mentions_and_replies_reach_the_account_setting() {
    let bed = Bed::new().await;
    let (owner, other) = (bed.world.owner.account_id, bed.world.other.account_id);
    let room = bed.world.group_room_id;
    let own = bed.handle().post(owner, room, "納品しました").unwrap();
    let reply = format!("[rp aid={owner} to={room}-{own}]佐藤 花子さん\nありがとう");
    bed.handle().post(other, room, &reply).unwrap();
    let id = bed.handle().post(other, room, &format!("[To:{owner}]佐藤さん")).unwrap();
    for silent in [
        format!("[code][To:{owner}][/code]"),
        "[toall]".into(),
        format!("[To:{other}]"),
        format!("[To:{owner}"),
    ] {
        bed.handle().post(other, room, &silent).unwrap();
    }
    bed.handle().post(owner, room, &format!("[To:{owner}]")).unwrap();
    bed.handle().idle().await;
    let mentions: Vec<Arrival> =
        bed.receiver.arrivals().into_iter().filter(|it| it.event_type() == "mention_to_me").collect();
    assert_eq!(
        mentions.iter().map(Arrival::text).collect::<Vec<_>>(),
        [reply, format!("[To:{owner}]佐藤さん")]
    );
    let setting = &bed.world.webhooks[2].setting_id;
    assert_eq!(
        mentions[1].body,
        format!(
            r#"{{"webhook_setting_id":"{setting}","webhook_event_type":"mention_to_me","webhook_event_time":{START_S},"webhook_event":{{"from_account_id":{other},"to_account_id":{owner},"room_id":{room},"message_id":"{id}","body":"[To:{owner}]佐藤さん","send_time":{START_S},"update_time":0}}}}"#
        )
    );
    assert_eq!(bed.handle().replies_to(room, &own).unwrap().len(), 1);
    assert_eq!(bed.handle().replies_to(room, &id).unwrap().len(), 0);
}

#[tokio::test]
async fn an_edit_that_adds_a_mention_tells_of_it_once() {
    let bed = Bed::new().await;
    let (owner, room) = (bed.world.owner.account_id, bed.world.direct_room_id);
    let id = bed.client_posts("x");
    bed.handle().edit(room, &id, &format!("[To:{owner}] 1")).unwrap();
    bed.handle().edit(room, &id, &format!("[To:{owner}] 2")).unwrap();
    bed.handle().idle().await;
    let kinds: Vec<String> = bed.receiver.arrivals().iter().map(Arrival::event_type).collect();
    assert_eq!(kinds.iter().filter(|it| *it == "mention_to_me").count(), 1);
    assert_eq!(kinds.len(), 4);
}

#[tokio::test]
async fn toall_can_be_a_mention() {
    let bed = Bed::with(Rules { toall_mentions: true, ..Rules::default() }).await;
    bed.client_posts("[toall]\n皆様");
    bed.handle().idle().await;
    assert_eq!(bed.receiver.arrivals().len(), 2);
}

#[tokio::test]
async fn own_posts_by_api_and_system_messages_arrive_too() {
    let bed = Bed::new().await;
    bed.call("POST", &bed.direct("/messages"), &[("body", "bot")]).await;
    bed.handle()
        .add_task(
            bed.world.client.account_id,
            bed.world.direct_room_id,
            &[bed.world.owner.account_id],
            "t",
            None,
        )
        .unwrap();
    bed.handle().idle().await;
    let texts = bed.receiver.texts();
    assert_eq!(texts[0], "bot");
    assert!(texts[1].contains("[dtext:task_added]") && texts[1].contains("lt=0 ltype=none"));
    assert!(bed.handle().posts_in(bed.world.direct_room_id).unwrap()[0].by_api);
}

#[tokio::test]
async fn a_room_that_the_owner_left_tells_nothing() {
    let bed = Bed::new().await;
    let room = bed.world.group_room_id;
    bed.handle().remove_member(room, bed.world.owner.account_id, None).unwrap();
    bed.handle().post(bed.world.client.account_id, room, "x").unwrap();
    bed.handle().idle().await;
    assert_eq!(bed.receiver.arrivals().len(), 1, "only that he left");
}

#[tokio::test]
async fn deliveries_keep_the_order_of_events() {
    let bed = Bed::new().await;
    let wanted: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    for text in &wanted {
        bed.client_posts(text);
    }
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), wanted);
}

#[tokio::test]
async fn without_order_all_arrive_nevertheless() {
    let bed = Bed::with(Rules { webhook_order: WebhookOrder::Unordered, ..Rules::default() }).await;
    for n in 0..100 {
        bed.client_posts(&format!("{n:02}"));
    }
    bed.handle().idle().await;
    let mut texts = bed.receiver.texts();
    texts.sort();
    assert_eq!(texts, (0..100).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn errors_in_a_row_make_the_setting_invalid() {
    let bed = Bed::with(Rules { webhook_errors_to_invalid: Some(3), ..Rules::default() }).await;
    let answers = [(500, 0), (200, 2_048), (404, 0), (200, 2_049), (302, 0), (200, 0), (200, 0)];
    for (status, n_bytes) in answers {
        bed.receiver.answer_next(status, n_bytes);
    }
    for _ in 0..6 {
        bed.client_posts("x");
    }
    bed.handle().idle().await;
    let log = bed.handle().deliveries();
    let outcomes: Vec<_> = log.iter().map(|it| (it.outcome, it.status)).collect();
    assert_eq!(
        outcomes,
        [
            (Outcome::BadStatus, Some(500)),
            (Outcome::Delivered, Some(200)),
            (Outcome::BadStatus, Some(404)),
            (Outcome::AnswerTooLong, Some(200)),
            (Outcome::BadStatus, Some(302)),
            (Outcome::SettingInvalid, None),
        ]
    );
    let setting = &bed.world.webhooks[0].setting_id;
    assert!(!bed.handle().webhooks()[0].valid);
    assert!(bed.handle().webhooks()[1].valid);
    bed.client_posts("lost");
    bed.handle().set_webhook_valid(setting, true).unwrap();
    bed.client_posts("again");
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts().last().unwrap(), "again");
    assert_eq!(bed.receiver.arrivals().len(), 6, "never sent again");
}

#[tokio::test]
async fn nobody_listening_is_a_failure_not_a_hang() {
    let bed = Bed::new().await;
    let world = bed.handle().world(Some("http://127.0.0.1:1/hook")).unwrap();
    bed.handle().post(world.client.account_id, world.direct_room_id, "x").unwrap();
    bed.handle().idle().await;
    assert_eq!(bed.handle().deliveries()[0].outcome, Outcome::Unreachable);
}

#[tokio::test]
async fn webhooks_stay_on_this_machine_and_are_five_at_most() {
    let bed = Bed::new().await;
    let owner = bed.world.owner.account_id;
    let add = |url: &str| bed.handle().add_webhook(owner, url, WebhookKind::Account, None);
    for url in [
        "http://example.com/",
        "http://10.0.0.1/",
        "https://127.0.0.1/",
        "http://127.0.0.1.example.com/",
        "file:///x",
    ] {
        assert!(matches!(add(url), Err(SandboxError::Invalid(_))), "{url}");
    }
    add("http://localhost:9/").unwrap();
    add("http://[::1]:9/").unwrap();
    assert!(matches!(add("http://127.0.0.1:9/"), Err(SandboxError::Full(_))));
    let bed = Bed::with(Rules { allow_remote_webhooks: true, ..Rules::default() }).await;
    let owner = bed.world.owner.account_id;
    bed.handle().add_webhook(owner, "http://example.com/", WebhookKind::Account, None).unwrap();
}

#[tokio::test]
async fn a_setting_can_bring_its_own_token() {
    let bed = Bed::new().await;
    let token = STANDARD.encode(counting_token());
    let other = bed.world.other.account_id;
    let add = |token| bed.handle().add_webhook(other, &bed.receiver.url, WebhookKind::Account, Some(token));
    assert_eq!(add(&token).unwrap().token, token);
    assert!(add("c2hvcnQ=").is_err());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_tokens() {
    let (one, two) = (Bed::new().await, Bed::new().await);
    assert_eq!(one.world.owner, two.world.owner);
    assert_eq!(one.world.webhooks[0].token, two.world.webhooks[0].token);
    assert_ne!(one.world.webhooks[0].token, one.world.webhooks[1].token);
}

#[tokio::test]
async fn a_stopped_sandbox_neither_hangs_nor_sends() {
    let bed = Bed::new().await;
    let handle = bed.handle().clone();
    let (client, room) = (bed.world.client.account_id, bed.world.direct_room_id);
    let addr = bed.sandbox.addr();
    bed.sandbox.stop().await;
    handle.post(client, room, "x").unwrap();
    handle.idle().await;
    assert_eq!(handle.deliveries()[0].outcome, Outcome::Lost);
    assert!(bed.receiver.arrivals().is_empty());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
