//! The client against a small server that answers as it is told, and against worse ones.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use secrecy::SecretString;

use crate::domain::{AccountId, ManualClock, MessageId, RoomId, UtcMillis};

use super::*;

const NOW: UtcMillis = UtcMillis(1_700_000_000_000);
/// The same instant as a server writes it.
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const ROOM: RoomId = RoomId(567);

fn id(text: &str) -> MessageId {
    MessageId::new(text).unwrap()
}

fn api_at(base: &str, timeouts: Timeouts) -> Api {
    // Another test may have been faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(ManualClock::new(NOW));
    Api::with_timeouts(base, SecretString::from("api-token-marker"), clock, timeouts).unwrap()
}

/// What the server saw of one request.
struct Seen {
    line: String,
    token: String,
    agent: String,
    form: String,
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// Answers in the order given, then 599.
async fn server(answers: Vec<Response<Body>>) -> (Api, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into())), seen: Arc::default() };
    let router = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v2", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (api_at(&base, Timeouts::default()), script)
}

async fn answer(State(script): State<Script>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).map_or("", |it| it.to_str().unwrap()).to_owned();
    let line = format!("{} {}", head.method, head.uri);
    let (token, agent) = (header("x-chatworktoken"), header("user-agent"));
    let form = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let form = String::from_utf8(form.to_vec()).unwrap();
    script.seen.lock().unwrap().push(Seen { line, token, agent, form });
    script.answers.lock().unwrap().pop_front().unwrap_or_else(|| plain(599, ""))
}

fn plain(status: u16, body: &str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).unwrap()
}

/// A server of one connection: reads the request, does what `then` says, closes.
fn raw_server(then: impl FnOnce(&mut std::net::TcpStream) + Send + 'static) -> Api {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v2", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer);
        then(&mut stream);
    });
    let quick = Duration::from_millis(100);
    api_at(&base, Timeouts { post: quick, write: quick, read: quick, ..Timeouts::default() })
}

const MESSAGE: &str = r#"{"message_id":"1789012345678901248","account":{"account_id":123,"name":"Bob","avatar_image_url":"https://example.com/a.png"},"body":"Hello","send_time":1384242850,"update_time":0}"#;

#[tokio::test]
async fn calls_have_the_documented_shape() {
    let room = r#"{"room_id":567,"name":"n","type":"my","role":"admin","sticky":false,"unread_num":1,"mention_num":1,"mytask_num":0,"message_num":122,"file_num":10,"task_num":17,"icon_path":"","last_update_time":1298905200}"#;
    let file = r#"{"file_id":3,"account":{"account_id":123,"name":"Bob"},"message_id":"22","filename":"x","filesize":2,"upload_time":1,"download_url":"https://example.com/d?k=link-marker"}"#;
    let (api, script) = server(vec![
        plain(200, r#"{"account_id":123,"room_id":567,"name":"x","mail":"y"}"#),
        plain(200, &format!("[{room}]")),
        plain(200, room),
        plain(200, r#"[{"account_id":123,"role":"member","name":"J"}]"#),
        plain(200, &format!("[{MESSAGE}]")),
        plain(200, MESSAGE),
        plain(200, r#"{"message_id":"77"}"#),
        plain(200, r#"{"message_id":"77"}"#),
        plain(204, ""),
        plain(204, ""),
        plain(200, r#"{"task_ids":[5,6]}"#),
        plain(200, &format!("[{file}]")),
        plain(200, file),
        plain(200, r#"{"task_ids":[7]}"#),
    ])
    .await;
    assert_eq!(api.me().await.unwrap().room_id, ROOM);
    assert_eq!(api.rooms().await.unwrap().rooms[0].value.message_num, 122);
    assert_eq!(api.room(ROOM).await.unwrap().value.room_id, ROOM);
    assert_eq!(api.members(ROOM).await.unwrap()[0].value.account_id, AccountId(123));
    assert_eq!(api.messages(ROOM).await.unwrap().messages[0].raw, MESSAGE);
    let read = api.message(ROOM, &id("1789012345678901248")).await.unwrap();
    assert_eq!((read.raw.as_str(), read.value.body.as_str()), (MESSAGE, "Hello"));
    assert_eq!(api.post_message(ROOM, "[rp aid=1 to=2-3]\n追加 & +").await.unwrap(), id("77"));
    api.edit_message(ROOM, &id("77"), "x=1").await.unwrap();
    api.delete_message(ROOM, &id("77")).await.unwrap();
    assert!(api.tasks(ROOM, false).await.unwrap().is_empty());
    let tasks = api.post_task(ROOM, "t", &[AccountId(1), AccountId(2)], Some(NOW)).await.unwrap();
    assert_eq!(tasks, [5, 6]);
    assert_eq!(api.files(ROOM).await.unwrap()[0].value.file_id, 3);
    let link = api.file_download_url(ROOM, 3).await.unwrap();
    assert!(link.url.expose_secret().ends_with("link-marker"));
    assert_eq!(api.post_task(ROOM, "t", &[AccountId(1)], None).await.unwrap(), [7]);

    let seen = script.seen.lock().unwrap();
    let lines = seen.iter().map(|it| format!("{} {}", it.line, it.form).trim_end().to_owned());
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "GET /v2/me",
            "GET /v2/rooms",
            "GET /v2/rooms/567",
            "GET /v2/rooms/567/members",
            "GET /v2/rooms/567/messages?force=1",
            "GET /v2/rooms/567/messages/1789012345678901248",
            "POST /v2/rooms/567/messages body=%5Brp+aid%3D1+to%3D2-3%5D%0A%E8%BF%BD%E5%8A%A0+%26+%2B&self_unread=1",
            "PUT /v2/rooms/567/messages/77 body=x%3D1",
            "DELETE /v2/rooms/567/messages/77",
            "GET /v2/rooms/567/tasks?status=open",
            "POST /v2/rooms/567/tasks body=t&to_ids=1%2C2&limit_type=time&limit=1700000000",
            "GET /v2/rooms/567/files",
            "GET /v2/rooms/567/files/3?create_download_url=1",
            "POST /v2/rooms/567/tasks body=t&to_ids=1&limit_type=none",
        ]
    );
    for it in seen.iter() {
        assert_eq!(it.token, "api-token-marker");
        assert_eq!(it.agent, concat!("karibarai/", env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn message_pages_are_sorted_raw_and_survive_a_poison_element() {
    let newer = MESSAGE.replace("1384242850", "1384242851").replace("1789012345678901248", "9");
    let twin = MESSAGE.replace("1789012345678901248", "10").replace("\"body\":", " \"body\" : ");
    let poison = r#"{"message_id":5}"#;
    let hidden = [("chatwork-message-limitation", "true")];
    let (api, _) = server(vec![
        plain(200, &format!("[{newer}, {MESSAGE},{poison},\n{twin}]")),
        plain(204, ""),
        with(204, &hidden, ""),
        with(200, &hidden, "[]"),
    ])
    .await;
    let page = api.messages(ROOM).await.unwrap();
    assert_eq!(page.messages.iter().map(|it| it.raw.as_str()).collect::<Vec<_>>(), [&twin, MESSAGE, &newer]);
    assert_eq!((page.unreadable.as_slice(), page.limited), (&[poison.to_owned()][..], false));
    assert!(!format!("{page:?} {:?}", page.messages).contains("Hello"));
    for limited in [false, true, true] {
        let page = api.messages(ROOM).await.unwrap();
        assert_eq!((page.messages.len(), page.limited), (0, limited));
    }
}

#[tokio::test]
async fn refusals_say_what_to_do_next() {
    let errors = r#"{"errors":["content-marker"]}"#;
    let (api, _) = server(vec![
        plain(401, errors),
        plain(403, errors),
        with(404, &[("chatwork-message-limitation", "true")], errors),
        plain(400, errors),
        plain(400, errors),
        plain(401, ""),
        plain(403, ""),
    ])
    .await;
    assert!(matches!(api.me().await, Err(Error::Unauthorized)));
    assert!(matches!(api.room(ROOM).await, Err(Error::NoAccess { status: 403, limited: false })));
    let hidden = api.message(ROOM, &id("5")).await.unwrap_err();
    assert!(matches!(hidden, Error::NoAccess { status: 404, limited: true }));
    assert_eq!(hidden.to_string(), "no access (status 404, hidden by the plan)");
    assert!(matches!(api.files(ROOM).await, Err(Error::Rejected { status: 400 })));
    assert!(matches!(api.post_message(ROOM, "x").await, Err(Error::Rejected { status: 400 })));
    assert!(matches!(api.post_message(ROOM, "x").await, Err(Error::Unauthorized)));
    assert!(matches!(
        api.post_message(ROOM, "x").await,
        Err(Error::NoAccess { status: 403, limited: false })
    ));
}

#[tokio::test]
async fn the_rate_limit_is_read_from_every_answer_against_the_servers_own_clock() {
    let me = r#"{"account_id":1,"room_id":2,"name":"x"}"#;
    let limit = |date, remaining, reset| {
        [
            ("date", date),
            ("x-ratelimit-limit", "300"),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", reset),
        ]
    };
    // The server's clock is ten minutes behind ours.
    let late = "Tue, 14 Nov 2023 22:03:20 GMT";
    let per_room = r#"{"errors":["Rate limit for message posting per room exceeded."]}"#;
    let (api, _) = server(vec![
        with(200, &limit(late, "299", "1699999430"), me),
        with(429, &limit(DATE, "0", "1700000042"), ""),
        with(429, &limit(DATE, "0", "1700099999"), ""),
        with(429, &limit(DATE, "0", "1699999999"), ""),
        with(429, &limit(DATE, "12", "1700000042"), per_room),
        with(429, &[], per_room),
        with(404, &limit(DATE, "7", "1700000099"), ""),
        with(200, &limit(DATE, "x", "-1"), me),
    ])
    .await;
    assert_eq!(api.limits(), None);
    api.me().await.unwrap();
    let at = |seconds: i64| UtcMillis::from_seconds(1_700_000_000 + seconds);
    assert_eq!(api.limits(), Some(Limits { limit: 300, remaining: 299, reset: at(30) }));
    for expected in [42, 300, 1, 10, 10] {
        match api.post_message(ROOM, "x").await {
            Err(Error::RateLimited { until }) => assert_eq!(until, at(expected)),
            other => panic!("{other:?}"),
        }
    }
    assert!(api.room(ROOM).await.is_err());
    let known = Some(Limits { limit: 300, remaining: 7, reset: at(99) });
    assert_eq!(api.limits(), known);
    api.clone().me().await.unwrap();
    assert_eq!(api.limits(), known, "unreadable headers change nothing");
}

#[test]
fn a_clock_is_off_only_by_what_no_waiting_explains() {
    for (asked, answered, ahead) in [
        (0, 200, 0),
        (999, 1200, 0),
        (60_000, 60_200, 60_000),
        (-60_000, -59_800, -59_800),
        // The machine slept while it waited for the answer.
        (0, 172_800_000, 0),
        (-300, 200, 0),
    ] {
        let at = |ms: i64| UtcMillis(1_700_000_000_000 + ms);
        assert_eq!(limits::ahead(at(asked), at(0), at(answered)), ahead, "{asked} {answered}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_of_a_write_is_never_called_a_failure() {
    let html = "<html>maintenance</html>";
    let redirect = || with(302, &[("location", "https://example.com/")], "");
    let bad = || {
        vec![
            plain(500, html),
            plain(503, ""),
            plain(408, ""),
            redirect(),
            plain(200, html),
            plain(200, "{}"),
            plain(200, r#"{"message_id":"x"}"#),
            plain(204, ""),
        ]
    };
    let (api, script) = server(bad()).await;
    for n in 0..bad().len() {
        let error = api.post_message(ROOM, "x").await.unwrap_err();
        assert!(matches!(error, Error::MaybeSent(_)), "{n}: {error:?}");
    }
    assert_eq!(script.seen.lock().unwrap().len(), bad().len(), "one attempt each, no redirect followed");

    let (api, script) = server(bad()).await;
    for expected in [true, true, true, false, false, false, false, false] {
        let error = api.me().await.unwrap_err();
        assert_eq!(matches!(error, Error::Unreachable(_)), expected, "{error:?}");
        assert_eq!(matches!(error, Error::Answer(_)), !expected, "{error:?}");
    }
    assert_eq!(script.seen.lock().unwrap().len(), bad().len());
}

#[tokio::test]
async fn broken_connections() {
    let cut = |_: &mut std::net::TcpStream| {};
    let half = |stream: &mut std::net::TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"message_id\":");
    };
    // Keeps the connection until the client gives up.
    let silent = |stream: &mut std::net::TcpStream| {
        let _ = stream.read(&mut [0; 1]);
    };
    assert!(matches!(raw_server(cut).post_message(ROOM, "x").await, Err(Error::MaybeSent(_))));
    assert!(matches!(raw_server(half).post_message(ROOM, "x").await, Err(Error::MaybeSent(_))));
    assert!(matches!(raw_server(silent).post_message(ROOM, "x").await, Err(Error::MaybeSent(_))));
    assert!(matches!(raw_server(silent).delete_message(ROOM, &id("5")).await, Err(Error::MaybeSent(_))));
    assert!(matches!(raw_server(cut).me().await, Err(Error::Unreachable(_))));
    assert!(matches!(raw_server(half).me().await, Err(Error::Unreachable(_))));
    assert!(matches!(raw_server(silent).me().await, Err(Error::Unreachable(_))));

    // Nothing listens on port 1: the post provably never left.
    let nobody = api_at("http://127.0.0.1:1/v2", Timeouts::default());
    assert!(matches!(nobody.post_message(ROOM, "x").await, Err(Error::Unreachable(_))));
    assert!(matches!(nobody.me().await, Err(Error::Unreachable(_))));
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = || {
        let chunk = Bytes::from(vec![b' '; 1 << 16]);
        let stream = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        Response::builder().status(StatusCode::OK).body(Body::from_stream(stream)).unwrap()
    };
    let (api, _) = server(vec![endless(), endless()]).await;
    assert!(matches!(api.me().await, Err(Error::Answer(Cause::TooLarge(MAX_ANSWER)))));
    assert!(matches!(api.post_message(ROOM, "x").await, Err(Error::MaybeSent(Cause::TooLarge(_)))));
}

#[tokio::test]
async fn a_page_of_the_longest_messages_is_read() {
    let long = MESSAGE.replace("Hello", &r"\u3042".repeat(65_535));
    let (api, _) = server(vec![plain(200, &format!("[{}]", vec![long; 100].join(",")))]).await;
    assert_eq!(api.messages(ROOM).await.unwrap().messages.len(), 100);
}

#[tokio::test]
async fn no_error_repeats_what_people_wrote_or_any_secret() {
    fn whole(error: &dyn std::error::Error) -> String {
        let source = error.source().map(whole).unwrap_or_default();
        format!("{error} {error:?} {source}")
    }
    let (api, _) = server(vec![
        plain(200, r#"{"account_id":"content-marker","room_id":2,"name":"x"}"#),
        plain(200, r#"{"message_id":["content-marker"]}"#),
        plain(500, "content-marker"),
        plain(400, r#"{"errors":["content-marker"]}"#),
    ])
    .await;
    let mut texts = vec![whole(&api.me().await.unwrap_err())];
    for _ in 0..3 {
        texts.push(whole(&api.post_message(ROOM, "content-marker").await.unwrap_err()));
    }
    texts.push(whole(&api_at("http://127.0.0.1:1/v2", Timeouts::default()).me().await.unwrap_err()));
    texts.push(format!("{api:?}"));
    for text in texts {
        assert!(!text.contains("marker"), "{text}");
    }
}

#[test]
fn unusable_settings_are_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let new = |base: &str, token: &str| {
        Api::new(base, SecretString::from(token), Arc::new(ManualClock::new(NOW))).map(|_| ())
    };
    for base in [
        "",
        "api.chatwork.com",
        "ftp://x/",
        "data:x",
        "https://u:p@x/",
        "https://x/?q",
        "https://x/#f",
        "http://",
    ] {
        assert!(matches!(new(base, "t"), Err(BuildError::Base)), "{base}");
    }
    for token in ["", "a\nb", "\u{0}"] {
        let error = new("https://api.chatwork.com/v2", token).unwrap_err();
        assert!(matches!(error, BuildError::Token), "{error:?}");
    }
    for base in ["https://api.chatwork.com/v2", "https://api.chatwork.com/v2/"] {
        new(base, "t").unwrap();
        let api = api_at(base, Timeouts::default());
        assert_eq!(api.url(&["me"]).as_str(), "https://api.chatwork.com/v2/me");
    }
}

#[tokio::test]
async fn links_lead_to_public_https_alone_whatever_a_name_resolves_to() {
    let downloads = api_at("https://api.example.com/v2", Timeouts::default()).downloads().unwrap();
    for (link, expected) in [
        ("", "NotHttps"),
        ("file:///etc/passwd", "NotHttps"),
        ("http://8.8.8.8/", "NotHttps"),
        ("http://api.example.com/", "NotHttps"),
        ("ftp://files.example.com/", "NotHttps"),
        ("https://10.0.0.1/", "NotPublic"),
        ("https://[::1]/", "NotPublic"),
        ("https://[::ffff:169.254.169.254]/", "NotPublic"),
        // Other spellings of 127.0.0.1.
        ("https://2130706433/", "NotPublic"),
        ("https://0x7f.1/", "NotPublic"),
        ("https://localhost:1/", "NotPublic"),
    ] {
        let error = downloads.open(link).await.err().map(|it| format!("{it:?}"));
        assert_eq!(error.as_deref(), Some(expected), "{link}");
    }
}

#[tokio::test]
async fn a_download_shows_no_token_and_follows_few_redirects() {
    let to = |place: &str| with(302, &[("location", place)], "");
    let answers = vec![
        to("/two"),
        plain(200, "content"),
        to("https://10.0.0.1/"),
        to("/"),
        to("/"),
        to("/"),
        to("/"),
        to("/"),
        to("/"),
        plain(404, ""),
    ];
    let (api, script) = server(answers).await;
    let downloads = api.downloads().unwrap();
    let origin = api.base().origin().ascii_serialization();
    let link = format!("{origin}/one");
    let mut download = downloads.open(&link).await.unwrap();
    assert_eq!(
        (download.declared(), download.chunk().await.unwrap().as_deref()),
        (Some(7), Some(&b"content"[..]))
    );
    assert!(matches!(downloads.open(&link).await, Err(DownloadError::NotPublic)));
    assert!(matches!(downloads.open(&link).await, Err(DownloadError::Redirects)));
    assert!(matches!(downloads.open(&link).await, Err(DownloadError::Status(404))));
    let seen = script.seen.lock().unwrap();
    assert!(seen.iter().all(|it| it.token.is_empty()));
    assert_eq!(seen.len(), 10);
}
