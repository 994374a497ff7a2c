//! The head of the record in a room, where the owner asked for it: a copy in the other side's hands.

use std::fs;
use std::time::Duration;

use crate::evidence::{karibarai, text};
use crate::support::Bot;

#[tokio::test(flavor = "multi_thread")]
async fn a_room_gets_a_new_head_once_in_seven_days_and_it_is_one_to_check_against() {
    let bot = Bot::start_with(&[("KARIBARAI_REPLY__WITNESS", "true")]).await;
    let posts = || bot.chatwork.posts_by(bot.world.owner, bot.world.direct_room);
    let days = |days: u64| bot.clock.advance(Duration::from_secs(days * 24 * 3600));
    bot.client_says("おはようございます。");
    bot.until("the head", || async { posts().len() == 1 }).await;
    let first = posts()[0].body.clone();
    assert!(first.contains("karibarai/"), "{first}");

    bot.ledger.checkpoint().await.unwrap();
    days(6);
    bot.client_says("進捗はいかがでしょうか。");
    bot.settled().await;
    assert_eq!(posts().len(), 1);

    days(2);
    bot.client_says("ありがとうございます。");
    bot.until("the second head", || async { posts().len() == 2 }).await;
    let second = posts()[1].body.clone();
    assert_ne!(first, second);

    let folder = tempfile::tempdir().unwrap();
    for (copied, code) in [(&first, 0), (&second, 0), (&second.replace("karibarai/", "karibarai/0"), 1)] {
        fs::write(folder.path().join("copied.txt"), copied).unwrap();
        let found = karibarai(folder.path(), &["verify", "--known", "copied.txt"], &bot.settings());
        assert_eq!(found.status.code(), Some(code), "{}", text(&found));
    }
    bot.finish().await;
}
