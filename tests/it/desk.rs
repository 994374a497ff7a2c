//! What the owner is told by itself: cases that stand still, work begun too early, terms that were edited, a client's yes.

use std::time::Duration;

use karibarai::store::{CaseStore as _, StandingStore as _};

use crate::support::Bot;

const REQUEST: &str = "追加でブログ記事を3本お願いできますか？1本5,000円、12月20日までにお願いします。";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Notes whose text holds these words.
fn notes(bot: &Bot, words: &str) -> usize {
    bot.notes().iter().filter(|it| it.starts_with("[info][title]karibarai") && it.contains(words)).count()
}

async fn told(bot: &Bot, words: &str, times: usize) {
    bot.until(words, || async { notes(bot, words) >= times }).await;
    bot.settled().await;
    assert_eq!(notes(bot, words), times, "{words}: {:?}", bot.notes());
}

async fn owner_says(bot: &Bot, text: &str) -> String {
    let id = bot.chatwork.post(bot.world.owner, bot.world.direct_room, text);
    bot.recorded(&id, 1).await;
    bot.settled().await;
    id
}

async fn word(bot: &Bot, text: &str, answer: &str) {
    bot.chatwork.post(bot.world.owner, bot.world.owner_my_room, text);
    bot.until(answer, || async { notes(bot, answer) >= 1 }).await;
    bot.settled().await;
}

async fn reminded() -> (Bot, String) {
    let bot = Bot::start().await;
    let request = bot.client_says(REQUEST);
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    (bot, request)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_stands_still_is_told_once_to_the_owner_and_never_to_the_client() {
    let (mut bot, _) = reminded().await;
    bot.clock.advance(DAY * 2);
    bot.settled().await;
    assert_eq!(notes(&bot, "お知らせ"), 0);
    bot.clock.advance(DAY);
    told(&bot, "のまま3日以上", 1).await;
    // A restart and a clock that runs on repeat nothing.
    bot = bot.restart().await;
    bot.clock.advance(DAY);
    bot.settled().await;
    assert_eq!(notes(&bot, "のまま3日以上"), 1);
    // Silence after a week; the deadline two days before.
    bot.clock.advance(DAY * 3);
    told(&bot, "1週間以上書き込みがありません", 1).await;
    bot.clock.advance(DAY * 19);
    told(&bot, "納期は2026年12月20日です", 1).await;
    word(&bot, "納品 1", "「納品済み」にしました").await;
    bot.clock.advance(DAY * 7);
    told(&bot, "検収の目安は納品から1週間", 1).await;
    bot.clock.advance(DAY * 300);
    bot.settled().await;
    assert_eq!(notes(&bot, "お知らせ"), 4, "{:?}", bot.notes());
    assert_eq!(bot.posts(), 1, "only the reminder stands in the client's room");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beginning_before_escrow_is_warned_of_privately() {
    let (bot, _) = reminded().await;
    owner_says(&bot, "仮払いの確認後に着手いたします。").await;
    owner_says(&bot, "本日から執筆に入ります。").await;
    told(&bot, "着手の前に仮払いのご確認を", 1).await;
    // Once a day is enough.
    owner_says(&bot, "着手しました。").await;
    word(&bot, "確認 1", "「仮払い確認済み」にしました").await;
    owner_says(&bot, "作業を開始します。").await;
    bot.clock.advance(Duration::from_secs(60));
    bot.settled().await;
    assert_eq!(notes(&bot, "着手の前に仮払いのご確認を"), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_edited_after_they_were_accepted_are_told_with_before_and_after() {
    let (bot, request) = reminded().await;
    let edited = REQUEST.replace("5,000円", "3,000円");
    // Before the owner accepted, an edit is the client's own affair.
    bot.chatwork.edit(bot.world.direct_room, &request, &edited);
    bot.recorded(&request, 2).await;
    bot.settled().await;
    bot.clock.advance(Duration::from_secs(60));
    bot.chatwork.edit(bot.world.direct_room, &request, REQUEST);
    bot.recorded(&request, 3).await;
    bot.clock.advance(Duration::from_secs(60));
    owner_says(&bot, "承知しました。よろしくお願いいたします。").await;
    told(&bot, "条件の復唱の文案", 1).await;
    bot.clock.advance(Duration::from_secs(60));
    // The same in other letters is no change.
    bot.chatwork.edit(bot.world.direct_room, &request, &REQUEST.replace("5,000円", "５０００円"));
    bot.recorded(&request, 4).await;
    bot.settled().await;
    bot.clock.advance(Duration::from_secs(60));
    bot.chatwork.edit(bot.world.direct_room, &request, &edited);
    bot.recorded(&request, 5).await;
    told(&bot, "条件が書き換えられています", 1).await;
    let note = bot.notes().into_iter().find(|it| it.contains("条件が書き換えられています")).unwrap();
    assert!(note.contains("報酬：1本５０００円 → 1本3,000円"), "{note}");
    assert!(note.contains("これまでは、次の内容で") && note.contains("「承認 1」"), "{note}");
    assert_eq!(bot.posts(), 2, "the reminder and the owner's own words");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restated_terms_are_sent_by_a_word_and_the_clients_yes_is_linked() {
    let (bot, request) = reminded().await;
    // A yes to nothing in particular is linked to nothing.
    bot.client_says("はい");
    bot.settled().await;
    owner_says(&bot, "承知しました。よろしくお願いいたします。").await;
    told(&bot, "条件の復唱の文案", 1).await;
    bot.clock.advance(Duration::from_secs(60));
    word(&bot, "承認 1", "1番の文案を送ります").await;
    bot.until("the restated terms", || async { bot.replies(&request) == 2 }).await;
    bot.settled().await;
    let post = bot.chatwork.replies_to(bot.world.direct_room, &request).remove(1).body;
    for line in ["・内容：", "・数量：3本", "・報酬：1本5,000円", "・納期：12月20日"] {
        assert!(post.contains(line), "{line}: {post}");
    }
    let yes = bot.client_says("はい、その内容でお願いします。");
    told(&bot, "条件への同意", 1).await;
    let case = bot.store.cases().await.unwrap().remove(0);
    let linked = bot.store.case_messages(case.id).await.unwrap();
    let assents: Vec<_> = linked.iter().filter(|it| it.part == "assent").collect();
    assert_eq!(assents.len(), 1);
    assert_eq!(assents[0].message.as_str(), yes);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_only_observed_brings_no_word() {
    let bot = Bot::start_with(&[("KARIBARAI_ROOM__0__REPLY__MODE", "observe")]).await;
    let request = bot.client_says(REQUEST);
    bot.until("the case", || async { bot.cases().await.len() == 1 }).await;
    owner_says(&bot, "承知しました。着手します。").await;
    bot.clock.advance(DAY * 30);
    bot.chatwork.edit(
        bot.world.direct_room,
        &request,
        "追加でブログ記事を1本お願いできますか？1本500円です。",
    );
    bot.recorded(&request, 2).await;
    bot.settled().await;
    assert!(bot.notes().is_empty(), "{:?}", bot.notes());
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_tell_exposure_escrow_answer_times_and_months() {
    let (bot, _) = reminded().await;
    let figures = || async {
        let desk = karibarai::desk::Desk::new(
            bot.store.clone(),
            bot.ledger.clone(),
            std::sync::Arc::new(crate::support::config(&bot.settings(), bot.folder.path())),
            std::sync::Arc::new(karibarai::reply::template::Templates::builtin().unwrap()),
            std::sync::Arc::new(bot.clock.clone()),
            vec![karibarai::domain::AccountId(bot.world.owner)],
        );
        desk.figures().await.unwrap()
    };
    let before = figures().await;
    assert_eq!((before.clients[0].open, before.clients[0].without_escrow), (1, 1));
    assert_eq!((before.clients[0].without_escrow_yen, before.clients[0].in_work_yen), (15_000, 0));
    assert_eq!(before.answer_time, None, "the bot's reminder is no answer of the owner's");
    assert_eq!((before.months[0].requests, before.months[0].confirmed), (1, 0));
    // The owner answers ten minutes after the request, and confirms escrow an hour later.
    bot.clock.advance(Duration::from_secs(600));
    owner_says(&bot, "ありがとうございます。確認してお返事します。").await;
    bot.clock.advance(Duration::from_secs(3600));
    word(&bot, "確認 1", "仮払い確認済み").await;
    let after = figures().await;
    assert_eq!((after.clients[0].without_escrow, after.clients[0].without_escrow_yen), (0, 0));
    assert_eq!(after.clients[0].in_work_yen, 15_000);
    let minutes = after.answer_time.unwrap().as_secs() / 60;
    assert_eq!(minutes, 10, "{:?}", after.answer_time);
    assert_eq!((after.months[0].confirmed, after.months[0].confirmed_yen), (1, 15_000));
    bot.finish().await;
}
