//! A mixed load for as long as one likes: deliveries, requests for work in many rooms, edits, searches, exports, while one in
//! a hundred writes and syncs of the database fails and the program is killed at intervals. Nothing that was acknowledged is
//! lost, nothing is answered twice, memory stays flat. A few seconds in each run; `KARIBARAI_SOAK_SECONDS` and
//! `KARIBARAI_SOAK_KILL_SECONDS` (60 in the long form) set the spans.

use std::sync::Arc;
use std::time::Duration;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Role, RoomKind, Sandbox, SandboxConfig};

use crate::program::{Place, Run, Sender, told};
use crate::{Dice, environment, long};

fn span(name: &str, short: u64, long_form: u64) -> Duration {
    let given = environment(name).map(|it| it.parse().unwrap());
    Duration::from_secs(given.unwrap_or(if long() { long_form } else { short }))
}

/// Resident memory, KiB; `None` where it has just ended.
fn memory(run: &Run) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.child.id())).ok()?;
    status.lines().find(|it| it.starts_with("VmRSS:"))?.split_whitespace().nth(1)?.parse().ok()
}

/// Every hundredth write or sync of the database fails, in each thread, from another one on in each round.
fn failing(place: &Place, dice: &mut Dice) -> Vec<String> {
    let mut all: Vec<String> =
        ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null"].map(str::to_owned).into();
    for name in ["karibarai.db", "karibarai.db-wal"] {
        all.extend(["-P".to_owned(), place.data().join(name).display().to_string()]);
    }
    all.extend(["-e".to_owned(), "trace=pwrite64,fsync,fdatasync".to_owned()]);
    for call in ["pwrite64", "fsync", "fdatasync"] {
        let first = 1 + dice.below(100);
        all.extend(["-e".to_owned(), format!("inject={call}:error=EIO:when={first}+100")]);
    }
    all
}

#[derive(Default, Debug)]
struct Tally {
    rounds: usize,
    /// Starts that ended before they listened, by a failing call.
    refused_starts: usize,
    acknowledged: usize,
    refused: usize,
    requests: usize,
    commands: usize,
    reminders: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_mixed_load_with_faults_and_kills_nothing_is_lost_or_said_twice() {
    let (whole, kill_after) =
        (span("KARIBARAI_SOAK_SECONDS", 12, 3600), span("KARIBARAI_SOAK_KILL_SECONDS", 4, 60));
    let mut config = SandboxConfig::new(Arc::new(|| SystemClock.now().0));
    config.rules.requests_per_window = 30_000;
    let sandbox = Sandbox::start(config).await.unwrap();
    let handle = sandbox.handle().clone();
    let world = handle.world(None).unwrap();
    let owner = world.owner.account_id;
    // A room each time that a request is due: a second one in the same room would join its case.
    let rooms: Vec<(u64, u64)> = (0..if long() { 60 } else { 8 })
        .map(|n| {
            let client = handle.create_account(&format!("client {n}")).unwrap().account_id;
            let pair = [(owner, Role::Admin), (client, Role::Admin)];
            (handle.create_room(RoomKind::Direct, "direct", &pair).unwrap(), client)
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::new(folder.path())
        .with("CHATWORK_API_BASE", &sandbox.api_base())
        .with("CHATWORK_API_TOKEN", &world.owner.api_token)
        .with("KARIBARAI_OWNER__ACCOUNT_IDS", &owner.to_string())
        .with("KARIBARAI_REPLY__MAX_PER_DAY", "1000")
        .with("KARIBARAI_REPLY__DELAY_SECONDS", "0")
        .with("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1");
    for (n, (room, client)) in rooms.iter().enumerate() {
        place = place
            .with(&format!("KARIBARAI_ROOM__{n}__ID"), &room.to_string())
            .with(&format!("KARIBARAI_ROOM__{n}__CLIENTS"), &client.to_string())
            .with(&format!("KARIBARAI_ROOM__{n}__REPLY__MODE"), "auto");
    }
    let mut dice = Dice::new("soak");
    let (mut tally, mut acknowledged, mut memories) = (Tally::default(), Vec::new(), Vec::new());
    let mut requests: Vec<(u64, String)> = Vec::new();
    let (sender, began) = (Sender::new(), SystemClock.monotonic());
    let mut next = 1_000_000;
    let request_every = whole / u32::try_from(rooms.len() + 1).unwrap();
    while SystemClock.monotonic() - began < whole {
        let mut run = place.serve(&failing(&place, &mut dice));
        tally.rounds += 1;
        let Some(url) = run.url() else {
            tally.refused_starts += 1;
            let (_, said) = run.terminate();
            assert!(!said.contains("panicked"), "{said}");
            continue;
        };
        let round = SystemClock.monotonic();
        let mut step = 0_u64;
        while SystemClock.monotonic() - round < kill_after && run.alive() {
            step += 1;
            for _ in 0..8 {
                next += 1;
                match sender.deliver(&url, next).await {
                    Some(200) => acknowledged.push(next),
                    _ => tally.refused += 1,
                }
            }
            let due = request_every * u32::try_from(requests.len() + 1).unwrap();
            if requests.len() < rooms.len() && SystemClock.monotonic() - began > due {
                let (room, client) = rooms[requests.len()];
                let text = "追加でブログ記事を3本お願いできますか？";
                requests.push((room, handle.post(client, room, text).unwrap()));
            }
            // Talk in a room that was asked in before, and an edit of it.
            if !requests.is_empty() && step.is_multiple_of(4) {
                let (room, client) = rooms[dice.below(requests.len())];
                let message = handle.post(client, room, "よろしくお願いいたします。").unwrap();
                handle.edit(room, &message, "どうぞよろしくお願いいたします。").unwrap();
            }
            if step.is_multiple_of(100) {
                let room = rooms[0].0.to_string();
                let commands: [&[&str]; 3] = [
                    &["search", "よろしく", "--json"],
                    &["log", "--json"],
                    &["export", "--room", &room, "--out", "p.zip"],
                ];
                for arguments in commands {
                    let _ = std::fs::remove_file(folder.path().join("p.zip"));
                    let output = place.run(arguments);
                    assert!(!told(&output).contains("panicked"), "{}", told(&output));
                    tally.commands += usize::from(output.status.success());
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        memories.extend(memory(&run));
        let said = run.kill();
        assert!(!said.contains("panicked"), "{said}");
    }
    // A quiet while without faults: what was begun is brought to its end.
    let run = place.serve(&[]);
    assert!(run.url().is_some());
    let quiet = SystemClock.monotonic();
    let answered =
        || requests.iter().filter(|(room, it)| !handle.replies_to(*room, it).unwrap().is_empty()).count();
    while answered() < requests.len() && SystemClock.monotonic() - quiet < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (status, said) = run.terminate();
    assert!(status.success(), "{said}");
    for (room, _) in &rooms {
        let posts = handle.posts_in(*room).unwrap().into_iter().filter(|it| it.account_id == owner).count();
        assert!(posts <= 1, "{posts} posts in one room");
    }
    tally.reminders = answered();
    (tally.acknowledged, tally.requests) = (acknowledged.len(), requests.len());
    place.recovers(&acknowledged, "after the soak").await;
    println!("soak: {} s, {tally:?}, lost 0, twice 0", whole.as_secs());
    println!("soak: resident memory at the end of each round, KiB: {memories:?}");
    assert!(tally.acknowledged > 100 && tally.refused > 0, "{tally:?}");
    assert!(tally.reminders > 0, "{tally:?}");
    let (first, last) = (memories.iter().copied().min().unwrap(), *memories.last().unwrap());
    assert!(last < first * 2 + 64 * 1024, "{memories:?}");
}
