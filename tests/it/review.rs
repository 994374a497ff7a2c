//! The private listener: a link that works once, pages behind it, known hosts, no foreign markup.

use reqwest::{Client, StatusCode, redirect};

use crate::support::Bot;

fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
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
    let client = client();
    let page = format!("{base}/rooms/{}", bot.world.direct_room);
    assert_eq!(client.get(&page).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    // Looking at the link does not use it up; entering does.
    assert_eq!(client.get(&bot.link).send().await.unwrap().status(), StatusCode::OK);
    let entered = client.post(&bot.link).send().await.unwrap();
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(client.post(&bot.link).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let answer = client.get(&page).header("cookie", &session).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let html = answer.text().await.unwrap();
    assert!(html.contains("直した文です") && html.contains("最初の文です"), "{html}");
    assert!(!html.contains("<script"), "{html}");
    let overview = client.get(&base).header("cookie", &session).send().await.unwrap().text().await.unwrap();
    assert!(overview.contains("山田 太郎"), "{overview}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_hosts_are_answered_and_readiness_is_open() {
    let bot = Bot::start().await;
    let base = format!("http://{}", bot.private);
    let elsewhere = client().get(&base).header("host", "evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::MISDIRECTED_REQUEST);
    bot.until("readiness", || async {
        client().get(format!("{base}/readyz")).send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    bot.finish().await;
}
