//! Each bad day: what it does, what it leaves undone, and that it ends.

use super::support::{Bed, START_MS};
use crate::sandbox::{Fault, FaultKind, Outcome};

const START_S: i64 = START_MS / 1_000;

impl Bed {
    fn set(&self, fault: Fault) {
        self.handle().set_fault(fault).unwrap();
    }

    async fn owner_posts(&self) -> reqwest::Result<u16> {
        let token = &self.world.owner.api_token;
        self.try_call(token, "POST", &self.direct("/messages"), &[("body", "x")]).await.map(|it| it.status)
    }

    fn n_posts(&self) -> usize {
        self.handle().posts_in(self.world.direct_room_id).unwrap().len()
    }
}

#[tokio::test]
async fn webhooks_are_lost_so_many_times() {
    let bed = Bed::new().await;
    bed.set(Fault::next(2, FaultKind::WebhookLost));
    for n in 0..4 {
        bed.client_posts(&n.to_string());
    }
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["2", "3"]);
    assert_eq!(bed.handle().deliveries().iter().filter(|it| it.outcome == Outcome::Lost).count(), 2);
    assert!(bed.handle().faults().is_empty());
}

#[tokio::test]
async fn webhooks_are_lost_with_a_probability_that_repeats() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bed = Bed::new().await;
        bed.set(Fault::sometimes(0.5, FaultKind::WebhookLost));
        for n in 0..100 {
            bed.client_posts(&n.to_string());
        }
        bed.handle().idle().await;
        runs.push(bed.receiver.texts());
    }
    assert_eq!(runs[0], runs[1]);
    assert!((30..70).contains(&runs[0].len()), "{}", runs[0].len());
}

#[tokio::test]
async fn webhooks_are_doubled() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::WebhookDoubled));
    bed.client_posts("a");
    bed.client_posts("b");
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["a", "a", "b"]);
    let arrivals = bed.receiver.arrivals();
    assert_eq!(arrivals[0].body, arrivals[1].body);
}

#[tokio::test]
async fn webhooks_are_held_until_released() {
    let bed = Bed::new().await;
    bed.set(Fault::next(2, FaultKind::WebhookHeld));
    for text in ["a", "b", "c"] {
        bed.client_posts(text);
    }
    bed.handle().idle().await;
    assert_eq!((bed.receiver.texts(), bed.handle().held_webhooks()), (vec!["c".to_owned()], 2));
    assert_eq!(bed.handle().release_webhooks(), 2);
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["c", "a", "b"]);
}

#[tokio::test]
async fn webhooks_are_reordered_in_groups() {
    let bed = Bed::new().await;
    bed.set(Fault::next(3, FaultKind::WebhookReordered));
    for text in ["a", "b", "c", "d"] {
        bed.client_posts(text);
    }
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts(), ["c", "b", "a", "d"]);
    bed.set(Fault::next(3, FaultKind::WebhookReordered));
    bed.client_posts("e");
    bed.client_posts("f");
    bed.handle().release_webhooks();
    bed.handle().idle().await;
    assert_eq!(bed.receiver.texts()[4..], ["f", "e"]);
}

#[tokio::test]
async fn faults_can_be_limited_to_a_setting() {
    let bed = Bed::new().await;
    let mention = bed.world.webhooks[2].setting_id.clone();
    bed.set(Fault::always(FaultKind::WebhookLost).of_setting(&mention));
    bed.client_posts(&format!("[To:{}]", bed.world.owner.account_id));
    bed.handle().idle().await;
    assert_eq!(bed.receiver.arrivals().len(), 1);
    assert_eq!(bed.receiver.arrivals()[0].event_type(), "message_created");
}

#[tokio::test]
async fn the_api_says_429_and_when_to_come_again() {
    let bed = Bed::new().await;
    bed.set(Fault::next(2, FaultKind::RateLimited { reset_in_s: 42 }).on("POST", "/messages"));
    assert_eq!(bed.get("/me").await.status, 200);
    assert_eq!(bed.get(&bed.direct("/messages")).await.status, 204, "another method");
    let refused = bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-reset"), Some((START_S + 42).to_string().as_str()));
    assert_eq!(bed.owner_posts().await.unwrap(), 429);
    assert_eq!(bed.n_posts(), 0);
    assert_eq!(bed.owner_posts().await.unwrap(), 200);
}

#[tokio::test]
async fn the_api_is_down() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::Status { status: 503 }));
    let down = bed.call("POST", &bed.direct("/messages"), &[("body", "x")]).await;
    assert_eq!(down.status, 503);
    assert!(down.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(bed.n_posts(), 0);
    bed.set(Fault::next(1, FaultKind::Status { status: 403 }));
    assert_eq!(bed.get("/me").await.error(), "Fault on request");
}

#[tokio::test]
async fn the_answer_is_cut_after_the_deed() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::AnswerCut).on("POST", "/messages"));
    assert!(bed.owner_posts().await.is_err());
    assert_eq!(bed.n_posts(), 1);
    assert_eq!(bed.handle().api_calls().by_status[&0], 1);
    assert_eq!(bed.owner_posts().await.unwrap(), 200, "a new connection works");
}

#[tokio::test]
async fn the_answer_is_replaced_after_the_deed() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::AnswerReplaced { status: 500 }));
    assert_eq!(bed.owner_posts().await.unwrap(), 500);
    assert_eq!(bed.n_posts(), 1);
}

#[tokio::test]
async fn the_connection_is_refused_before_the_deed() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::Refused));
    assert!(bed.owner_posts().await.is_err());
    assert_eq!(bed.n_posts(), 0);
}

#[tokio::test]
async fn a_page_comes_instead_of_json() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::WrongContent));
    let reply = bed.get(&bed.direct("/messages")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
}

#[tokio::test]
async fn a_slow_answer_outlasts_an_impatient_client_and_ends_with_the_sandbox() {
    let bed = Bed::new().await;
    bed.set(Fault::next(1, FaultKind::Slow { ms: 60_000 }));
    let struck = async {
        while !bed.handle().faults().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = bed.get("/me") => panic!("answered before a minute was over"),
        () = struck => {}
    }
    bed.set(Fault::next(1, FaultKind::Slow { ms: 1 }));
    bed.set(Fault::next(1, FaultKind::Status { status: 502 }));
    assert_eq!(bed.get("/me").await.status, 502, "waiting adds up with another fault");
    bed.sandbox.stop().await;
}

#[tokio::test]
async fn faults_can_be_cleared_and_nonsense_is_refused() {
    let bed = Bed::new().await;
    bed.set(Fault::always(FaultKind::Status { status: 500 }));
    assert_eq!(bed.get("/me").await.status, 500);
    bed.handle().clear_faults();
    assert_eq!(bed.get("/me").await.status, 200);
    for fault in [
        Fault::sometimes(1.5, FaultKind::WebhookLost),
        Fault::sometimes(f64::NAN, FaultKind::WebhookLost),
        Fault::always(FaultKind::Status { status: 99 }),
        Fault::always(FaultKind::WebhookReordered),
    ] {
        assert!(bed.handle().set_fault(fault).is_err());
    }
    for _ in 0..100 {
        bed.set(Fault::next(1, FaultKind::WebhookLost));
    }
    assert!(bed.handle().set_fault(Fault::next(1, FaultKind::WebhookLost)).is_err());
}
