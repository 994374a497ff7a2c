//! Each line of the table of answers, over a real socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use karibarai::store::Record;
use reqwest::{Client, Response};

use crate::support::{Bot, created, event, sign};

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn deliver(bot: &Bot, body: &str, signature: Option<&str>, query: Option<&str>) -> Response {
    let mut request = client().post(format!("http://{}/webhook", bot.public)).body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("X-ChatWorkWebhookSignature", signature);
    }
    if let Some(query) = query {
        request = request.query(&[("chatwork_webhook_signature", query)]);
    }
    request.send().await.unwrap()
}

async fn kinds(bot: &Bot) -> Vec<String> {
    let chained = |it: &Record| it.entry().unwrap();
    let entries: Vec<_> = bot.records().await.iter().map(chained).collect();
    entries
        .into_iter()
        .filter(|it| it.source.as_str() == "webhook")
        .map(|it| it.kind.as_str().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_is_200_with_an_empty_body_and_anything_else_401() {
    let bot = Bot::start().await;
    let body = created(bot.world.direct_room, 7, bot.world.client, "こんにちは");
    let good = sign(&bot.world.webhook_tokens[0], body.as_bytes());
    let other = sign(&bot.world.webhook_tokens[1], body.as_bytes());
    let answer = deliver(&bot, &body, Some(&good), None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
    for (signature, query, why) in [
        (None, None, "missing"),
        (Some("AAAA"), None, "too short"),
        (Some("not base64 at all, but as long as one of them"), None, "no base64"),
        (Some(&*good.replace('=', "")), None, "no padding"),
        (Some("04tCCW2A9F+Ca0Sp1WB95ySWpBXT9KGoyI47udqNwcs="), None, "another body's"),
        (Some(&*good), Some(&*other), "header and query disagree"),
    ] {
        let answer = deliver(&bot, &body, signature, query).await;
        assert_eq!(answer.status(), 401, "{why}");
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }
    let changed = body.replace("こんにちは", "こんばんは");
    assert_eq!(deliver(&bot, &changed, Some(&good), None).await.status(), 401);
    assert_eq!(kinds(&bot).await, ["message.created"]);
    let metrics =
        client().get(format!("http://{}/metrics", bot.private)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("karibarai_webhook_rejections_total{reason=\"missing\"} 1"), "{metrics}");
    assert!(metrics.contains("karibarai_webhook_rejections_total{reason=\"disagree\"} 1"), "{metrics}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signature_may_stand_in_the_query_with_a_plus_that_became_a_space() {
    let bot = Bot::start().await;
    let token = &bot.world.webhook_tokens[0];
    // A body whose signature holds a `+`.
    let (body, signature) = (0..)
        .map(|n| created(bot.world.direct_room, 100 + n, bot.world.client, "本文"))
        .map(|body| (body.clone(), sign(token, body.as_bytes())))
        .find(|(_, signature)| signature.contains('+'))
        .unwrap();
    assert_eq!(deliver(&bot, &body, None, Some(&signature)).await.status(), 200);
    // Unescaped in the URL, as a careless proxy leaves it.
    let url = format!("http://{}/webhook?chatwork_webhook_signature={signature}", bot.public);
    assert_eq!(client().post(url).body(body.clone()).send().await.unwrap().status(), 200);
    assert_eq!(deliver(&bot, &body, Some(&signature), Some(&signature)).await.status(), 200);
    assert_eq!(kinds(&bot).await, ["message.created"]);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redelivery_mention_edit_and_edits_within_a_second() {
    let bot = Bot::start().await;
    let (room, from) = (bot.world.direct_room, bot.world.client);
    let token = bot.world.webhook_tokens[0].clone();
    let send = async |body: String| {
        let signature = sign(&token, body.as_bytes());
        assert_eq!(deliver(&bot, &body, Some(&signature), None).await.status(), 200);
    };
    let first = created(room, 11, from, "一通目");
    send(first.clone()).await;
    send(first.clone()).await;
    let mention = format!(
        r#"{{"webhook_setting_id":"9","webhook_event_type":"mention_to_me","webhook_event_time":1,"webhook_event":{{"from_account_id":{from},"to_account_id":{},"room_id":{room},"message_id":"11","body":"一通目","send_time":{},"update_time":0}}}}"#,
        bot.world.owner,
        crate::support::MORNING.0 / 1000
    );
    send(mention.clone()).await;
    send(mention).await;
    send(event("message_updated", room, 11, from, "一通目を直しました", 1_800_000_000)).await;
    send(event("message_updated", room, 11, from, "同じ秒にもう一度", 1_800_000_000)).await;
    send(event("message_updated", room, 11, from, "[deleted]", 1_800_000_001)).await;
    assert_eq!(
        kinds(&bot).await,
        ["message.created", "message.seen", "message.updated", "message.updated", "message.deleted_reported"]
    );
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_that_is_signed_is_kept_and_answered_200() {
    let bot = Bot::start().await;
    let token = bot.world.webhook_tokens[0].clone();
    for body in [
        "",
        "not json",
        "[]",
        "{}",
        r#"{"webhook_event_type":"message_created","webhook_event":{"message_id":5}}"#,
    ] {
        let signature = sign(&token, body.as_bytes());
        assert_eq!(deliver(&bot, body, Some(&signature), None).await.status(), 200, "{body}");
    }
    let unknown = r#"{"webhook_setting_id":"1","webhook_event_type":"reaction_added","webhook_event_time":1,"webhook_event":{"room_id":5}}"#;
    assert_eq!(deliver(&bot, unknown, Some(&sign(&token, unknown.as_bytes())), None).await.status(), 200);
    let binary = [0xff, 0x00, 0xfe];
    let answer = client()
        .post(format!("http://{}/webhook", bot.public))
        .header("x-chatworkwebhooksignature", sign(&token, &binary))
        .body(binary.to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let kinds = kinds(&bot).await;
    assert_eq!(kinds.iter().filter(|it| *it == "undecodable").count(), 6, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|it| *it == "unknown_event").count(), 1);
    bot.settled().await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_are_handled() {
    let bot = Bot::start().await;
    let token = bot.world.webhook_tokens[0].clone();
    let texts = [
        "あ".repeat(65_535),
        "🎉🎊😀".to_owned(),
        "[info][qt][qtmeta aid=1]閉じない[title]".to_owned(),
        "[/info][/qt][rp aid= to=][To:][code]".to_owned(),
        "NULと\u{0}右から左\u{202e}の文字".to_owned(),
        "追加で3本お願いします".repeat(5000),
        String::new(),
    ];
    for (n, text) in (21..).zip(&texts) {
        let body = created(bot.world.direct_room, n, bot.world.client, text);
        assert_eq!(deliver(&bot, &body, Some(&sign(&token, body.as_bytes())), None).await.status(), 200);
    }
    bot.settled().await;
    assert_eq!(kinds(&bot).await.len(), texts.len());
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_and_sizes() {
    let bot = Bot::start().await;
    let base = format!("http://{}", bot.public);
    assert_eq!(client().get(format!("{base}/webhook")).send().await.unwrap().status(), 405);
    assert_eq!(client().put(format!("{base}/webhook")).send().await.unwrap().status(), 405);
    assert_eq!(client().get(format!("{base}/healthz")).send().await.unwrap().status(), 200);
    for path in ["/", "/metrics", "/readyz", "/webhook/x"] {
        assert_eq!(client().get(format!("{base}{path}")).send().await.unwrap().status(), 404, "{path}");
    }
    let largest = vec![b'x'; 1024 * 1024];
    let signature = sign(&bot.world.webhook_tokens[0], &largest);
    let post = |body: Vec<u8>| {
        client()
            .post(format!("{base}/webhook"))
            .header("x-chatworkwebhooksignature", &signature)
            .body(body)
            .send()
    };
    assert_eq!(post(largest.clone()).await.unwrap().status(), 200);
    let mut larger = largest;
    larger.push(b'x');
    assert_eq!(post(larger).await.unwrap().status(), 413);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_token_everything_is_401() {
    let bot = Bot::start_with(&[("CHATWORK_WEBHOOK_TOKEN", "")]).await;
    let body = created(bot.world.direct_room, 7, bot.world.client, "こんにちは");
    let good = sign(&bot.world.webhook_tokens[0], body.as_bytes());
    assert_eq!(deliver(&bot, &body, Some(&good), None).await.status(), 401);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_408() {
    let bot = Bot::start_with(&[("KARIBARAI_SERVER__BODY_SECONDS", "1")]).await;
    let address = bot.public;
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
            .write_all(b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nbeginning")
            .unwrap();
        let mut answer = vec![0; 64];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_durable_is_503_and_the_room_is_read_again() {
    let bot = Bot::start_with(&[("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "3600")]).await;
    bot.settled().await;
    // Another connection holds the write lock for longer than the store waits.
    let lock = rusqlite::Connection::open(bot.data_dir().join("karibarai.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    // One that waits already: what comes after it waits for its turn, and then for the lock.
    let first = created(bot.world.direct_room, 7, bot.world.client, "先に待っている発言です");
    let url = format!("http://{}/webhook", bot.public);
    let signature = sign(&bot.world.webhook_tokens[0], first.as_bytes());
    let request = client().post(url).header("x-chatworkwebhooksignature", signature).body(first);
    let waiting = tokio::spawn(request.send());
    let message = bot.client_says("この発言は、書けない間に届きます");
    bot.chatwork.idle().await;
    assert_eq!(bot.chatwork.answers().last(), Some(&Some(503)));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 503);
    let readiness = async || {
        let answer =
            crate::review::client().get(format!("http://{}/readyz", bot.private)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(readiness().await, (503, "writing\n".to_owned()));
    lock.execute_batch("ROLLBACK").unwrap();
    bot.until("readiness", || async { readiness().await == (200, "ready\n".to_owned()) }).await;
    bot.recorded(&message, 1).await;
    let entries: Vec<_> = bot.records().await.iter().map(|it| it.entry().unwrap()).collect();
    let sources: Vec<_> = entries
        .iter()
        .filter(|it| it.message.as_ref().is_some_and(|id| id.as_str() == message))
        .map(|it| it.source.as_str())
        .collect();
    assert_eq!(sources, ["poll"], "no webhook comes twice; the room was read");
    bot.finish().await;
}
