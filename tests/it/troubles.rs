//! What keeps the bot from its work is told to the owner once, shown to whoever asks while it lasts, and told again only when
//! it was over and came back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use karibarai::sandbox::{Fault, FaultKind};

use crate::anchors::Authority;
use crate::review::{Visitor, client};
use crate::support::{Bot, created, sign};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const REQUEST: &str = "追加でブログ記事を3本お願いできますか？";

/// Status and body.
async fn readiness(bot: &Bot) -> (u16, String) {
    let answer = client().get(format!("http://{}/readyz", bot.private)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn shows(bot: &Bot, trouble: &str) -> bool {
    let (status, body) = readiness(bot).await;
    let url = format!("http://{}/metrics", bot.private);
    let metrics = client().get(url).send().await.unwrap().text().await.unwrap();
    let said = body.lines().skip(1).any(|it| it == format!("trouble: {trouble}"));
    let counted = metrics.contains(&format!("karibarai_trouble{{kind=\"{trouble}\"}} 1\n"));
    // Nothing of this takes the only process that records away from a load balancer.
    assert!(
        status == 200 || body.starts_with("rooms\n") || body.starts_with("starting\n"),
        "{status} {body}"
    );
    said && counted
}

/// Two whole passes over the rooms, whatever waits to be posted.
async fn passes(bot: &Bot) {
    let seen = || bot.chatwork.0.api_calls().of("GET /rooms");
    let before = seen();
    bot.until("two passes", || async { seen() >= before + 2 }).await;
}

/// From the first note on: shown, and by a restart neither told again nor forgotten.
async fn told_once(bot: Bot, trouble: &str, notes: usize) -> Bot {
    bot.until("the note", || async { bot.notes().len() == notes }).await;
    bot.until("it shows", || shows(&bot, trouble)).await;
    passes(&bot).await;
    let bot = bot.restart().await;
    bot.until("it shows again", || shows(&bot, trouble)).await;
    passes(&bot).await;
    assert_eq!(bot.notes().len(), notes, "{:?}", bot.notes());
    bot
}

async fn over(bot: &Bot, trouble: &str, changes: usize) {
    bot.until("it is over", || async { bot.count("trouble.changed").await == changes }).await;
    bot.until("nothing shows", || async { !shows(bot, trouble).await }).await;
}

fn last(bot: &Bot) -> String {
    bot.notes().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fell_silent_is_told() {
    let bot = Bot::start().await;
    let speaks = async |bot: &Bot| {
        let first = bot.client_says("よろしくお願いします。");
        bot.recorded(&first, 1).await;
        bot.chatwork.idle().await;
    };
    speaks(&bot).await;
    let falls_silent = async |bot: &Bot| {
        bot.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
        for text in ["一つ目です。", "二つ目です。", "三つ目です。"] {
            let message = bot.client_says(text);
            bot.recorded(&message, 1).await;
        }
        bot.looked().await;
    };
    falls_silent(&bot).await;
    assert_eq!(bot.count("trouble.changed").await, 0, "reading may be quicker than a webhook");
    bot.clock.advance(2 * MINUTE);
    let bot = told_once(bot, "webhook_silent", 1).await;
    let note = last(&bot);
    assert!(note.contains("「山田 太郎」の新しい発言が、Webhookで届かなくなっています"), "{note}");
    assert!(note.contains("直近の3件") && note.contains("「有効」に戻してください"), "{note}");
    let page = Visitor::by_link(&bot).await.text("/health").await;
    assert!(page.contains("Webhookが届いていないルームがあります"), "{page}");
    bot.chatwork.behave();
    speaks(&bot).await;
    over(&bot, "webhook_silent", 2).await;
    falls_silent(&bot).await;
    bot.clock.advance(2 * MINUTE);
    bot.until("the second note", || async { bot.notes().len() == 2 }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_nobody_listened_makes_no_webhook_silent() {
    let bot = Bot::start().await;
    let first = bot.client_says("よろしくお願いします。");
    bot.recorded(&first, 1).await;
    bot.chatwork.idle().await;
    bot.chatwork.set_fault(Fault::next(3, FaultKind::WebhookLost));
    bot.clock.sleep(HOUR);
    let mut written = Vec::new();
    let bot = bot.restart_after(|_, _| {}).await;
    for text in ["一つ目です。", "二つ目です。", "三つ目です。"] {
        written.push(bot.client_says(text));
    }
    // They are newer than the start, so these three count; a sleep after them takes that back.
    for message in &written {
        bot.recorded(message, 1).await;
    }
    bot.clock.sleep(HOUR);
    bot.until("the sleep to be seen", || async { bot.count("gap.found").await >= 2 }).await;
    bot.clock.advance(2 * MINUTE);
    bot.looked().await;
    assert_eq!((bot.count("trouble.changed").await, bot.notes().len()), (0, 0));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_shows_while_it_lasts_and_is_told_when_posting_works_again() {
    let bot = Bot::start().await;
    bot.looked().await;
    bot.chatwork.set_fault(Fault::always(FaultKind::Status { status: 401 }));
    passes(&bot).await;
    bot.clock.advance(2 * MINUTE);
    bot.until("it shows", || shows(&bot, "token_refused")).await;
    let page = Visitor::by_link(&bot).await.text("/").await;
    assert!(page.contains("ChatworkがAPIトークンを受け付けません"), "{page}");
    let bot = bot.restart().await;
    bot.until("it shows again", || shows(&bot, "token_refused")).await;
    assert_eq!((bot.count("trouble.changed").await, bot.notes().len()), (1, 0));
    bot.clock.advance(HOUR);
    bot.chatwork.behave();
    bot.until("the note", || async { bot.notes().len() == 1 }).await;
    let note = last(&bot);
    assert!(
        note.contains("10:02 日本時間から") && note.contains("11:02 日本時間まで"),
        "from when to when: {note}"
    );
    over(&bot, "token_refused", 2).await;
    let bot = bot.restart().await;
    bot.looked().await;
    assert_eq!(bot.notes().len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_refused_at_the_first_start_shows() {
    let bot = Bot::start().await;
    bot.chatwork.set_fault(Fault::always(FaultKind::Status { status: 401 }));
    // As if it had never been known whose token it is.
    let bot = bot
        .restart_after(|folder, _| {
            let database = rusqlite::Connection::open(folder.join("data/karibarai.db")).unwrap();
            assert_eq!(database.execute("DELETE FROM facts WHERE name = 'account'", ()).unwrap(), 1);
        })
        .await;
    let expected = (503, "starting\ntrouble: token_refused\n".to_owned());
    bot.until("it shows", || async { readiness(&bot).await == expected }).await;
    bot.chatwork.behave();
    bot.until("readiness", || async { readiness(&bot).await == (200, "ready\n".to_owned()) }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_signatures_are_told_once_a_day_at_most() {
    let bot = Bot::start().await;
    let knock = async |bot: &Bot, times: u64| {
        for n in 0..times {
            let body = created(bot.world.direct_room, 8_000 + n, bot.world.client, "はじめまして");
            let token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
            let request = client().post(format!("http://{}/webhook", bot.public));
            let request = request.header("x-chatworkwebhooksignature", sign(token, body.as_bytes()));
            assert_eq!(request.body(body).send().await.unwrap().status(), 401);
        }
    };
    knock(&bot, 4).await;
    bot.looked().await;
    assert_eq!(bot.notes().len(), 0, "a few may be anything");
    knock(&bot, 1).await;
    let bot = told_once(bot, "signatures_refused", 1).await;
    assert!(last(&bot).contains("1時間に5件届きました"), "{}", last(&bot));
    knock(&bot, 9).await;
    bot.looked().await;
    bot.clock.advance(23 * HOUR);
    bot.looked().await;
    assert_eq!((bot.count("trouble.changed").await, bot.notes().len()), (1, 1));
    bot.clock.advance(2 * HOUR);
    over(&bot, "signatures_refused", 2).await;
    knock(&bot, 5).await;
    bot.until("the second note", || async { bot.notes().len() == 2 }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_with_little_room_is_told() {
    // More than any disk has.
    let little = [("KARIBARAI_STORAGE__WARN_FREE_MB", "100000000")];
    let bot = Bot::start_with(&little).await;
    let bot = told_once(bot, "disk_low", 1).await;
    assert!(last(&bot).contains("ディスクの空きが、残り") && !last(&bot).contains("残り0 MB"));
    let bot = bot.restart_with(&[("KARIBARAI_STORAGE__WARN_FREE_MB", "1")]).await;
    over(&bot, "disk_low", 2).await;
    let bot = bot.restart_with(&little).await;
    bot.until("the second note", || async { bot.notes().len() == 2 }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_shows_until_it_is_right() {
    let bot = Bot::start().await;
    bot.chatwork.0.advance(180_000);
    let bot = told_once(bot, "clock_off", 1).await;
    bot.chatwork.0.advance(-180_000);
    over(&bot, "clock_off", 0).await;
    bot.chatwork.0.advance(180_000);
    bot.until("the second note", || async { bot.notes().len() == 2 }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_refuses_is_told() {
    let authority = Authority::start();
    authority.lies.store(true, Ordering::SeqCst);
    let root = authority.root().display().to_string();
    let bot = Bot::start_with(&[
        ("KARIBARAI_ANCHOR__AUTHORITIES", &authority.url()),
        ("KARIBARAI_ANCHOR__CA_FILES", &root),
    ])
    .await;
    bot.until("it was asked", || async { authority.folder.path().join("reply.tsr").exists() }).await;
    bot.looked().await;
    bot.looked().await;
    assert_eq!(bot.notes().len(), 0, "it may have been a slip");
    bot.clock.advance(2 * HOUR);
    let bot = told_once(bot, "anchor_refused", 1).await;
    assert!(last(&bot).contains("2時間のあいだ認証を受けられていません"), "{}", last(&bot));
    authority.lies.store(false, Ordering::SeqCst);
    bot.clock.advance(15 * MINUTE);
    over(&bot, "anchor_refused", 2).await;
    assert_eq!(bot.count("checkpoint.anchored").await, 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_cannot_be_sent_for_long_is_told() {
    let bot = Bot::start().await;
    let path = format!("/rooms/{}/messages/", bot.world.direct_room);
    bot.chatwork.set_fault(Fault::always(FaultKind::Status { status: 503 }).on("GET", &path));
    let request = bot.client_says(REQUEST);
    bot.recorded(&request, 1).await;
    bot.until("the decision", || async { !bot.outbox().await.is_empty() }).await;
    passes(&bot).await;
    bot.clock.advance(10 * MINUTE);
    passes(&bot).await;
    assert_eq!(bot.notes().len(), 0, "short troubles mend themselves");
    bot.clock.advance(25 * MINUTE);
    let bot = told_once(bot, "outbox_stuck", 1).await;
    assert!(last(&bot).contains("1件の投稿が30分以上"), "{}", last(&bot));
    bot.chatwork.behave();
    bot.clock.advance(10 * MINUTE);
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    over(&bot, "outbox_stuck", 2).await;
    assert_eq!(bot.notes().len(), 1);
    bot.finish().await;
}
