//! The private listener: who gets in, what the pages show, that nothing foreign runs or is obeyed.

use std::time::Duration;

use karibarai::domain::{AccountId, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis};
use karibarai::store::{ArchiveRow, ArchiveStore as _, FollowStore as _, StandingStore as _};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};

use crate::support::Bot;

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

/// Somebody who is logged in.
pub(crate) struct Visitor {
    client: Client,
    base: String,
    cookie: String,
}

fn cookie_of(response: &Response) -> String {
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

impl Visitor {
    pub(crate) async fn by_link(bot: &Bot) -> Self {
        let client = client();
        let entered = client.post(&bot.link).send().await.unwrap();
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        let cookie = cookie_of(&entered);
        Self { client, base: format!("http://{}", bot.private), cookie }
    }

    fn with(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("cookie", &self.cookie)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.with(self.client.get(format!("{}{path}", self.base))).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// As a form of the page `from` would send it.
    pub(crate) async fn submit(&self, from: &str, to: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.text(from).await;
        let token =
            page.split(r#"name="csrf" value=""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let fields = [&[("csrf", token.as_str())], fields].concat();
        let request = self.client.post(format!("{}{to}", self.base)).form(&fields);
        self.with(request).header("origin", &self.base).send().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_works_once_and_the_pages_show_all_versions() {
    let bot = Bot::start().await;
    let first = bot.client_says("最初の文です<script>alert(1)</script>");
    bot.recorded(&first, 1).await;
    bot.chatwork.edit(bot.world.direct_room, &first, "直した文です");
    bot.recorded(&first, 2).await;
    bot.settled().await;
    let base = format!("http://{}", bot.private);
    let page = format!("/rooms/{}", bot.world.direct_room);
    let refused = client().get(format!("{base}{page}")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().get("set-cookie").is_none());
    // Looking at the link does not use it up; entering does.
    assert_eq!(client().get(&bot.link).send().await.unwrap().status(), StatusCode::OK);
    let entered = client().post(&bot.link).send().await.unwrap();
    assert_eq!(
        (entered.status(), &entered.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/password".parse().unwrap())
    );
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(client().post(&bot.link).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let visitor = Visitor { client: client(), base, cookie: cookie_of(&entered) };
    let answer = visitor.get(&page).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = answer.text().await.unwrap();
    assert!(html.contains("直した文です") && html.contains("最初の文です"), "{html}");
    assert!(!html.contains("<script"), "{html}");
    let one = visitor.text(&format!("{page}/messages/{first}")).await;
    assert!(one.contains("<ins>") && one.contains("<del>") && one.contains("出どころ"), "{one}");
    let changes = visitor.text("/changes").await;
    assert!(changes.contains("編集") && changes.contains("<ins>"), "{changes}");
    let found = visitor.text("/search?q=%E6%9C%80%E5%88%9D").await;
    assert!(found.contains("<mark>最初</mark>") && found.contains("編集前の文"), "{found}");
    assert!(visitor.text("/").await.contains("山田 太郎"));
    for path in ["/cases", "/proof", "/settings", "/health", "/password"] {
        visitor.text(path).await;
    }
    assert_eq!(visitor.get("/rooms/1").await.status(), StatusCode::NOT_FOUND);
    // One entry a day and room, however often it was looked at.
    assert_eq!(bot.count("evidence.viewed").await, 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_hosts_are_answered_and_readiness_is_open() {
    let bot = Bot::start_with(&[("KARIBARAI_SERVER__REVIEW_URL", "https://karibarai.example.jp")]).await;
    let base = format!("http://{}", bot.private);
    let status = |path: &str, host: &'static str| {
        let request = client().get(format!("{base}{path}")).header("host", host);
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(status("/", "evil.example").await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(status("/", "127.0.0.1.evil.example").await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(status("/", "karibarai.example.jp").await, StatusCode::UNAUTHORIZED);
    // What comes through the proxy does not come from this machine.
    assert_eq!(status("/metrics", "karibarai.example.jp").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/metrics", "localhost").await, StatusCode::OK);
    let ticket = bot.link.strip_prefix("https://karibarai.example.jp").unwrap();
    let entered = client().post(format!("{base}{ticket}")).send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-karibarai=") && cookie.contains("Secure"), "{cookie}");
    bot.until("readiness", || async { status("/readyz", "localhost").await == StatusCode::OK }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_lets_in_until_everybody_is_logged_out() {
    let bot = Bot::start().await;
    let visitor = Visitor::by_link(&bot).await;
    let short = visitor.submit("/password", "/password", &[("password", "short")]).await;
    assert!(short.text().await.unwrap().contains("10文字以上が必要です"));
    let set = visitor.submit("/password", "/password", &[("password", "長いパスワードです123")]).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    // The old key of the session is worth nothing after it.
    assert_eq!(visitor.get("/").await.status(), StatusCode::UNAUTHORIZED);
    let login = |password: &'static str| {
        let request = client().post(format!("{}/login", visitor.base)).form(&[("password", password)]);
        async move { request.send().await.unwrap() }
    };
    assert_eq!(login("違うパスワード").await.status(), StatusCode::FORBIDDEN);
    let entered = login("長いパスワードです123").await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    let bot = bot.restart().await;
    let base = format!("http://{}", bot.private);
    let visitor = Visitor { client: client(), base: base.clone(), cookie: cookie_of(&entered) };
    // A restart ends no session; leaving everywhere ends all.
    assert_eq!(visitor.get("/").await.status(), StatusCode::OK);
    visitor.submit("/settings", "/logout/all", &[]).await;
    assert_eq!(visitor.get("/").await.status(), StatusCode::UNAUTHORIZED);
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let request = client().post(format!("{base}/login")).form(&[("password", "x")]);
        statuses.push(request.send().await.unwrap().status());
    }
    assert_eq!(statuses[0], StatusCode::FORBIDDEN);
    assert_eq!(statuses[6], StatusCode::TOO_MANY_REQUESTS);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_session_a_foreign_origin_and_a_missing_token_are_refused() {
    let bot = Bot::start().await;
    let visitor = Visitor::by_link(&bot).await;
    let stop = |origin: &'static str, token: Option<String>| {
        let mut fields = vec![("act".to_owned(), "stop".to_owned())];
        fields.extend(token.map(|it| ("csrf".to_owned(), it)));
        let request = visitor.client.post(format!("{}/settings", visitor.base)).form(&fields);
        let request = visitor.with(request);
        let request = if origin.is_empty() { request } else { request.header("origin", origin) };
        async move { request.send().await.unwrap().status() }
    };
    let page = visitor.text("/settings").await;
    let token = page.split(r#"name="csrf" value=""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(stop("", None).await, StatusCode::FORBIDDEN);
    assert_eq!(stop("", Some("0".repeat(64))).await, StatusCode::FORBIDDEN);
    assert_eq!(stop("https://evil.example", Some(token.clone())).await, StatusCode::FORBIDDEN);
    assert_eq!(stop("null", Some(token.clone())).await, StatusCode::FORBIDDEN);
    assert!(!bot.store.switches().await.unwrap().stopped);
    assert_eq!(stop("", Some(token.clone())).await, StatusCode::SEE_OTHER);
    bot.until("the switch", || async { bot.store.switches().await.unwrap().stopped }).await;
    assert!(visitor.text("/").await.contains("停止中です"));
    // Twelve hours unused end a session.
    bot.clock.advance(Duration::from_secs(12 * 3600 + 1));
    assert_eq!(visitor.get("/").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stop("", Some(token)).await, StatusCode::UNAUTHORIZED);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_confirms_escrow_and_keeps_a_note() {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でバナーを3枚お願いできますか？1枚5,000円で、金曜までです。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.until("the case to say so", || async { bot.cases().await[0].state == "reminded" }).await;
    let visitor = Visitor::by_link(&bot).await;
    let case = visitor.text("/cases/1").await;
    assert!(case.contains("案内済み") && case.contains("5,000円"), "{case}");
    visitor.submit("/cases/1", "/cases/1", &[("act", "note"), ("text", "電話で確認<b>済み</b>")]).await;
    visitor.submit("/cases/1", "/cases/1", &[("act", "escrow_confirmed")]).await;
    bot.until("the case to move", || async { bot.cases().await[0].state == "escrow_confirmed" }).await;
    bot.settled().await;
    let case = visitor.text("/cases/1").await;
    assert!(case.contains("仮払い確認済み") && case.contains("電話で確認&#60;b&#62;済み"), "{case}");
    let room = visitor.text(&format!("/rooms/{}", bot.world.direct_room)).await;
    assert!(room.contains("案件 1") && room.contains("案内（ボット）"), "{room}");
    assert_eq!(bot.replies(&request), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_verified_from_a_page() {
    let bot = Bot::start().await;
    let visitor = Visitor::by_link(&bot).await;
    visitor.submit("/proof", "/proof/verify", &[]).await;
    bot.until("the check", || async { visitor.text("/proof").await.contains("改ざんなし") }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_inert_and_visible() {
    let bot = Bot::start().await;
    let hostile = "<img src=x onerror=alert(1)>\u{202e}gpj.exe [info][title]<svg onload=alert(1)>[/title]x[/info] \
                   https://www.chatwork.com@evil.example/login [code]</code><script>alert(1)</script>[/code]";
    let message = bot.client_says(hostile);
    bot.client_says(&"あ<b>".repeat(16_000));
    bot.recorded(&message, 1).await;
    bot.settled().await;
    let visitor = Visitor::by_link(&bot).await;
    let room = visitor.text(&format!("/rooms/{}", bot.world.direct_room)).await;
    for foreign in ["<img", "<svg", "<script", "\u{202e}", "<b>あ"] {
        assert!(!room.contains(foreign), "{foreign}");
    }
    assert!(room.contains("U+202E"), "direction marks are shown");
    assert!(room.contains("evil.example へのリンク"), "the real host is shown: {room}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_ten_thousand_messages_opens_at_once() {
    let bot = Bot::start().await;
    bot.settled().await;
    let room = RoomId(bot.world.direct_room);
    // Far behind what the ledger of this bot holds: only the pages read these rows.
    let rows = (0..10_000_u64).map(|n| ArchiveRow::Version {
        n: EntryIndex(1_000_000 + n),
        kind: EntryKind::MessageCreated,
        room,
        message: MessageId::new((5_000_000 + n).to_string()).unwrap(),
        version: 1,
        account: AccountId(bot.world.client),
        send_time: UtcMillis(1_795_000_000_000 + i64::try_from(n).unwrap() * 1000),
        update_time: None,
        observed_at: UtcMillis(1_795_000_000_000),
        body: format!("{n}件目のメッセージです。よろしくお願いいたします。"),
    });
    bot.store.put_archive(EntryIndex(0), rows.collect()).await.unwrap();
    assert!(bot.store.message(room, &MessageId::new("5009999").unwrap()).await.unwrap().is_some());
    let visitor = Visitor::by_link(&bot).await;
    let path = format!("/rooms/{room}");
    visitor.text(&path).await;
    let mut best = Duration::MAX;
    for path in [path.clone(), format!("{path}?before=1004000"), format!("{path}?at=5005000")] {
        for _ in 0..3 {
            let clock = karibarai::domain::SystemClock;
            let before = karibarai::domain::Clock::monotonic(&clock);
            let page = visitor.text(&path).await;
            best = best.min(karibarai::domain::Clock::monotonic(&clock) - before);
            assert_eq!(page.matches("<article").count(), 50);
        }
    }
    assert!(best < Duration::from_millis(100), "{best:?}");
    bot.finish().await;
}
