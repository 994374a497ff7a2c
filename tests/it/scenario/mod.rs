//! The scenarios of `tests/scenarios`, played through the whole bot: once, with restarts, with two processes.

mod language;
mod random;
mod stage;

use std::path::Path;

use self::language::Scenario;
use self::stage::{Stage, Way};

/// Scenarios that share one bot: few enough that their notes stay within the day's budget.
const TOGETHER: usize = 10;

fn setting(name: &str) -> Option<String> {
    karibarai::config::process_env().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    // One alone while it is being written: KARIBARAI_SCENARIO=name.
    let wanted = setting("KARIBARAI_SCENARIO");
    let read =
        paths.iter().filter(|it| it.extension().is_some_and(|it| it == "txt")).map(|it| Scenario::read(it));
    read.filter(|it| wanted.as_ref().is_none_or(|name| it.name.contains(name))).collect()
}

async fn play_shared(way: Way, part: usize, parts: usize) {
    let shared: Vec<Scenario> = all().into_iter().filter(|it| !it.alone()).collect();
    let groups: Vec<_> = shared.chunks(TOGETHER).map(<[Scenario]>::to_vec).collect();
    for group in groups.into_iter().skip(part).step_by(parts) {
        Stage::set(group, way).await.play().await;
    }
}

async fn play_alone(way: Way) {
    // Who settles after a start settles after each restart.
    let settles = |it: &Scenario| it.all.iter().any(|(key, _)| key == "reply.settle");
    let played = |it: &Scenario| it.alone() && !(way == Way::Restarts && settles(it));
    for scenario in all().into_iter().filter(played) {
        Stage::set(vec![scenario], way).await.play().await;
    }
}

#[test]
fn there_are_enough_of_them_and_each_says_what_it_shows() {
    if setting("KARIBARAI_SCENARIO").is_none() {
        assert!(all().len() >= 60, "only {}", all().len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_once_even() {
    play_shared(Way::Once, 0, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_once_odd() {
    play_shared(Way::Once, 1, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_with_restarts_even() {
    play_shared(Way::Restarts, 0, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_with_restarts_odd() {
    play_shared(Way::Restarts, 1, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_with_two_processes_even() {
    play_shared(Way::TwoProcesses, 0, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_with_two_processes_odd() {
    play_shared(Way::TwoProcesses, 1, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_once() {
    play_alone(Way::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_with_restarts() {
    play_alone(Way::Restarts).await;
}
