//! Many deliveries, several times each, in any order: each message once.

use std::collections::BTreeSet;

use rand_order::shuffled;

use crate::support::{Bot, created, sign};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_three_times_each_in_random_order_make_ten_thousand_messages() {
    let bot = Bot::start_with(&[("KARIBARAI_ROOM__0__REPLY__MODE", "observe")]).await;
    let before = bot.count("message.created").await;
    let token = &bot.world.webhook_tokens[0];
    let bodies: Vec<(String, String)> = (0..10_000)
        .map(|n| {
            let body =
                created(bot.world.direct_room, 1_000_000 + n, bot.world.client, &format!("メッセージ{n}"));
            let signature = sign(token, body.as_bytes());
            (body, signature)
        })
        .collect();
    let order = shuffled(bodies.len() * 3);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/webhook", bot.public);
    let bodies = std::sync::Arc::new(bodies);
    let mut senders = tokio::task::JoinSet::new();
    for part in order.chunks(order.len().div_ceil(16)) {
        let (part, client, url, bodies) = (part.to_vec(), client.clone(), url.clone(), bodies.clone());
        senders.spawn(async move {
            for position in part {
                let (body, signature) = &bodies[position % bodies.len()];
                let request =
                    client.post(&url).header("x-chatworkwebhooksignature", signature).body(body.clone());
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done.unwrap();
    }
    let entries: Vec<_> = bot.records().await.iter().map(|it| it.entry().unwrap()).collect();
    let created: Vec<_> = entries.iter().filter(|it| it.kind.as_str() == "message.created").collect();
    assert_eq!(created.len() - before, bodies.len());
    let distinct: BTreeSet<_> = created.iter().map(|it| it.message.unwrap()).collect();
    assert_eq!(distinct.len(), created.len());
    assert!(entries.iter().all(|it| it.kind.as_str() != "message.updated"));
    bot.finish().await;
}

mod rand_order {
    /// A fixed shuffle (xorshift, Fisher–Yates): the same order in every run.
    pub(super) fn shuffled(length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for last in (1..length).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            order.swap(last, (state % (last as u64 + 1)) as usize);
        }
        order
    }
}
