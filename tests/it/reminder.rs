//! Asked once, answered once: whatever the network, the platform and restarts do.

use std::time::Duration;

use karibarai::sandbox::{Fault, FaultKind};
use karibarai::store::OutboxState;

use crate::support::Bot;
use crate::support::chatwork::World;

const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、来週金曜までにお願いします。";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_once_with_the_reply_notation() {
    let bot = Bot::start().await;
    let request = bot.client_says(REQUEST);
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    let reply = bot.chatwork.replies_to(bot.world.direct_room, &request).remove(0);
    let head = format!("[rp aid={} to={}-{request}]山田 太郎さん\n", bot.world.client, bot.world.direct_room);
    assert!(reply.body.starts_with(&head), "{}", reply.body);
    for needed in ["ありがとうございます", "クラウドワークス", "仮払い", "本人から", "自動で送信"]
    {
        assert!(reply.body.contains(needed), "{needed} is missing");
    }
    for never in ["承りました", "お受けします", "5,000", "ブログ"] {
        assert!(!reply.body.contains(never), "{never} must not be in a reminder");
    }
    let cases = bot.cases().await;
    assert_eq!(cases.len(), 1);
    assert!(cases[0].reminded && cases[0].state == "reminded");
    bot.finish().await;
}

/// In a group nothing but the name says that the owner is meant, who has not introduced himself there.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_called_by_his_own_name_in_a_group_is_meant() {
    let bot = Bot::start_for(|world| {
        let room = |name: &str| format!("KARIBARAI_ROOM__1__{name}");
        vec![
            (room("ID"), world.group_room.to_string()),
            (room("CLIENTS"), world.client.to_string()),
            (room("REPLY__MODE"), "auto".to_owned()),
        ]
    })
    .await;
    let (client, room) = (bot.world.client, bot.world.group_room);
    bot.settled().await;
    let text = "佐藤さん、バナーも追加で3枚お願いできますか？1枚5,000円です。";
    let request = bot.chatwork.post(client, room, text);
    bot.until("the reminder", || async { bot.chatwork.replies_to(room, &request).len() == 1 }).await;
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_not_answered() {
    let bot = Bot::start().await;
    for text in [
        "先日の記事、とても好評でした。ありがとうございました。",
        "3段落目をもう少し柔らかくしてほしいです。",
        "[qt][qtmeta aid=1 time=1]追加で記事を3本お願いします[/qt]\n承知しました、確認します。",
        "[code]追加で記事を3本お願いします[/code]",
        "今後ともよろしくお願いいたします。",
    ] {
        bot.client_says(text);
    }
    // The owner's own words are no request either.
    bot.chatwork.post(bot.world.owner, bot.world.direct_room, REQUEST);
    bot.settled().await;
    assert_eq!(bot.posts(), 1, "only what the owner wrote");
    assert!(bot.cases().await.is_empty());
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_joins_the_case_and_an_edit_is_not_answered_again() {
    let bot = Bot::start().await;
    let request = bot.client_says(REQUEST);
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.client_says("あと、バナーも2枚お願いします。");
    bot.chatwork.edit(bot.world.direct_room, &request, "追加でブログ記事を5本お願いできますか？");
    bot.recorded(&request, 2).await;
    bot.settled().await;
    assert_eq!(bot.posts(), 1);
    assert_eq!(bot.cases().await.len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_at_once_get_one_reminder() {
    let bot = Bot::start().await;
    for n in 0..5 {
        bot.client_says(&format!("追加で記事を{}本お願いできますか？", n + 2));
    }
    bot.until("the reminder", || async { bot.posts() == 1 }).await;
    bot.settled().await;
    assert_eq!(bot.posts(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observe_posts_nothing_anywhere_and_records_the_silence() {
    let bot = Bot::start_with(&[("KARIBARAI_ROOM__0__REPLY__MODE", "observe")]).await;
    bot.client_says(REQUEST);
    bot.until("the silence", || async { bot.count("reply.suppressed").await == 1 }).await;
    bot.settled().await;
    assert_eq!((bot.posts(), bot.notes().len()), (0, 0));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_room_is_never_posted_to_and_the_owner_gets_a_draft() {
    let bot = Bot::start().await;
    bot.chatwork.post(bot.world.client, bot.world.group_room, REQUEST);
    bot.until("the draft", || async { bot.notes().len() == 1 }).await;
    bot.settled().await;
    assert!(bot.chatwork.posts_by(bot.world.owner, bot.world.group_room).is_empty());
    let note = bot.notes().remove(0);
    assert!(
        note.starts_with("[info][title]karibarai") && note.contains("設定ファイルにないルーム"),
        "{note}"
    );
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_request_becomes_a_draft() {
    let bot = Bot::start_with(&[("KARIBARAI_REPLY__MAX_AGE", "1h")]).await;
    bot.chatwork.set_fault(Fault::next(1, FaultKind::WebhookHeld));
    bot.client_says(REQUEST);
    // Neither the webhook nor a poll shows it before two hours are over.
    bot.clock.advance(Duration::from_secs(7200));
    bot.chatwork.behave();
    bot.until("a decision", || async { bot.count("reply.decided").await >= 1 }).await;
    bot.settled().await;
    // A poll may have been quicker than the clock: then it was in time. Never both, never twice.
    assert!(bot.posts() <= 1);
    assert_eq!(bot.posts() + bot.notes().len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owners_own_answer_within_the_delay_cancels() {
    let bot = Bot::start_with(&[("KARIBARAI_REPLY__DELAY_SECONDS", "20")]).await;
    let request = bot.client_says(REQUEST);
    bot.until("the decision", || async { bot.outbox().await.len() == 1 }).await;
    bot.chatwork.post(bot.world.owner, bot.world.direct_room, "ありがとうございます。確認します。");
    bot.settled().await;
    bot.clock.advance(Duration::from_secs(21));
    bot.until("the end", || async { bot.ended(OutboxState::Suppressed).await == 1 }).await;
    bot.settled().await;
    assert_eq!(bot.replies(&request), 0);
    assert!(bot.notes().iter().any(|it| it.contains("ご自身")), "{:?}", bot.notes());
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_talking_is_not_interrupted() {
    let bot = Bot::start().await;
    bot.chatwork.post(bot.world.owner, bot.world.direct_room, "おはようございます。");
    bot.settled().await;
    bot.clock.advance(Duration::from_secs(60));
    bot.client_says(REQUEST);
    bot.until("the draft", || async { bot.notes().len() == 1 }).await;
    bot.settled().await;
    assert_eq!(bot.posts(), 1, "the owner's own line alone");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_webhook_makes_nobody_speak() {
    let bot = Bot::start().await;
    // Whoever has the webhook token can sign, but the API does not show such a message.
    let body =
        crate::support::created(bot.world.direct_room, 1_799_999_999_999_999_999, bot.world.client, REQUEST);
    let signature = crate::support::sign(&bot.world.webhook_tokens[0], body.as_bytes());
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("http://{}/webhook", bot.public))
        .header("x-chatworkwebhooksignature", signature)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    bot.until("the end", || async { bot.ended(OutboxState::Suppressed).await == 1 }).await;
    bot.settled().await;
    assert_eq!((bot.posts(), bot.notes().len()), (0, 0));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_changed_before_the_post_is_not_answered() {
    let bot = Bot::start_with(&[("KARIBARAI_REPLY__DELAY_SECONDS", "20")]).await;
    let request = bot.client_says(REQUEST);
    bot.until("the decision", || async { bot.outbox().await.len() == 1 }).await;
    bot.chatwork.edit(bot.world.direct_room, &request, "すみません、先ほどの件は取り消します。");
    bot.recorded(&request, 2).await;
    bot.clock.advance(Duration::from_secs(21));
    bot.until("the end", || async { bot.ended(OutboxState::Suppressed).await == 1 }).await;
    bot.settled().await;
    assert_eq!(bot.posts(), 0);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_answer_was_lost_is_found_and_not_repeated() {
    for fault in [
        Fault::next(1, FaultKind::AnswerCut).on("POST", "/messages"),
        Fault::next(1, FaultKind::AnswerReplaced { status: 500 }).on("POST", "/messages"),
    ] {
        let bot = Bot::start().await;
        bot.chatwork.set_fault(fault);
        let request = bot.client_says(REQUEST);
        bot.until("the post", || async { bot.replies(&request) == 1 }).await;
        // The claim is waited out before the room is read.
        bot.until("the record", || async {
            bot.clock.advance(Duration::from_secs(1));
            bot.ended(OutboxState::Sent).await == 1
        })
        .await;
        bot.settled().await;
        assert_eq!(bot.posts(), 1);
        bot.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_delays_the_reminder_and_a_refusal_ends_it() {
    for (status, expected) in [(429, 1), (503, 1), (400, 0), (403, 0)] {
        let bot = Bot::start().await;
        bot.chatwork.set_fault(Fault::next(1, FaultKind::Status { status }).on("POST", "/messages"));
        let request = bot.client_says(REQUEST);
        bot.until("an end", || async {
            bot.clock.advance(Duration::from_secs(1));
            let rows = bot.outbox().await;
            rows.first().is_some_and(|it| it.state != OutboxState::Waiting)
        })
        .await;
        bot.settled().await;
        assert_eq!(bot.replies(&request), expected, "after {status}");
        // Of a refusal the owner is told, once.
        assert_eq!(bot.notes().len(), 1 - expected, "after {status}");
        bot.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_doubled_and_late_webhooks_change_nothing_in_the_room() {
    for fault in [
        Fault::always(FaultKind::WebhookLost),
        Fault::always(FaultKind::WebhookDoubled),
        Fault::always(FaultKind::WebhookHeld),
    ] {
        let bot = Bot::start().await;
        bot.chatwork.set_fault(fault);
        // A poll after the room was first read counts as watched.
        bot.clock.advance(Duration::from_secs(5));
        let request = bot.client_says(REQUEST);
        bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
        bot.chatwork.behave();
        bot.settled().await;
        assert_eq!(bot.posts(), 1);
        bot.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_in_between_make_no_second_reminder() {
    let mut bot = Bot::start_with(&[("KARIBARAI_REPLY__DELAY_SECONDS", "20")]).await;
    let request = bot.client_says(REQUEST);
    bot.until("the decision", || async { bot.outbox().await.len() == 1 }).await;
    for _ in 0..3 {
        bot = bot.restart().await;
    }
    bot.clock.advance(Duration::from_secs(21));
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    bot = bot.restart().await;
    bot.settled().await;
    assert_eq!(bot.posts(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writers_reminder_is_enough() {
    let bot = Bot::start_for(in_the_group).await;
    let (room, client) = (bot.world.group_room, bot.world.client);
    let request = bot.chatwork.post(client, room, REQUEST);
    bot.until("the decision", || async { bot.outbox().await.len() == 1 }).await;
    let tag = format!("[rp aid={client} to={room}-{request}]");
    let theirs = format!("{tag}\nクラウドワークスでのご依頼と仮払いをお願いいたします。");
    bot.chatwork.post(bot.world.colleague, room, &theirs);
    bot.clock.advance(Duration::from_secs(21));
    bot.until("the end", || async { bot.ended(OutboxState::Suppressed).await == 1 }).await;
    bot.settled().await;
    assert!(bot.chatwork.posts_by(bot.world.owner, room).is_empty());
    bot.finish().await;
}

/// Client and colleague are both clients of the group room; a delay of 20 s.
fn in_the_group(world: &World) -> Vec<(String, String)> {
    [
        ("KARIBARAI_ROOM__0__ID", world.group_room.to_string()),
        ("KARIBARAI_ROOM__0__CLIENTS", format!("{},{}", world.client, world.colleague)),
        ("KARIBARAI_REPLY__DELAY_SECONDS", "20".to_owned()),
        ("KARIBARAI_REPLY__MAX_PER_ROOM_PER_DAY", "1".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_holds() {
    let bot = Bot::start_for(in_the_group).await;
    let room = bot.world.group_room;
    // Each client has a case of his own, and the room a budget of one.
    bot.chatwork.post(bot.world.client, room, REQUEST);
    bot.chatwork.post(bot.world.colleague, room, REQUEST);
    bot.until("two cases", || async { bot.cases().await.len() == 2 }).await;
    bot.settled().await;
    bot.clock.advance(Duration::from_secs(21));
    // In a group the bot waits for its turn.
    bot.until("the reminder", || async {
        bot.clock.advance(Duration::from_secs(1));
        bot.ended(OutboxState::Sent).await >= 2
    })
    .await;
    bot.settled().await;
    assert_eq!(bot.chatwork.posts_by(bot.world.owner, room).len(), 1);
    assert!(bot.notes().iter().any(|it| it.contains("上限")), "{:?}", bot.notes());
    bot.finish().await;
}
