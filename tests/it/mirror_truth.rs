//! The mirror beside the truth: random histories with lost, doubled and held webhooks and with outages of every kind.
//! Afterwards each version that was visible for longer than the declared window is in the record, nothing in the record
//! is false, and each hole is declared.
//!
//! Eight histories always; 500 with `KARIBARAI_TESTS_LONG=1`; `KARIBARAI_TRUTH_SEED=n` repeats one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use karibarai::domain::{Clock as _, EntryKind, UtcMillis};
use karibarai::sandbox::{ChangeKind, Fault, FaultKind, Role};

use crate::support::environment;
use crate::support::lookout::{Line, Watch};

/// Seconds between two acts.
const STEP: u64 = 20;
const STEPS: u64 = 90;
/// What one read shows.
const WINDOW: usize = 100;

/// SplitMix64: the same seed, the same history.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What keeps the program from looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// The program does not run; webhooks go nowhere.
    Down,
    /// The machine sleeps.
    Sleep,
    Refused,
    RateLimited,
    WrongContent,
}

/// One version of a message, as long as it could be seen.
struct Visible {
    message: String,
    body: String,
    from: i64,
    /// Exclusive; `i64::MAX` for what still stands.
    to: i64,
}

/// Who writes what, and which accidents there were.
struct Play {
    watch: Watch,
    dice: Dice,
    loss: u64,
    rooms: [u64; 2],
    alive: BTreeMap<u64, Vec<String>>,
    vanished: BTreeSet<String>,
    outages: Vec<(Outage, i64, i64)>,
    kicked: bool,
    bursts: u64,
    words: u64,
}

impl Play {
    async fn new(seed: u64) -> Self {
        let watch = Watch::start(30).await;
        let rooms = [watch.world.direct_room, watch.world.group_room];
        let loss = [0, 10, 50, 100][usize::try_from(seed % 4).unwrap()];
        let alive = rooms.iter().map(|room| (*room, Vec::new())).collect();
        let play = Self {
            watch,
            dice: Dice(seed),
            loss,
            rooms,
            alive,
            vanished: BTreeSet::new(),
            outages: Vec::new(),
            kicked: false,
            bursts: 0,
            words: 0,
        };
        play.weather();
        play
    }

    /// The ordinary weather of webhooks.
    fn weather(&self) {
        let chatwork = &self.watch.chatwork;
        chatwork.0.clear_faults();
        let loss = f64::from(u32::try_from(self.loss).unwrap()) / 100.0;
        chatwork.set_fault(Fault::sometimes(loss, FaultKind::WebhookLost));
        chatwork.set_fault(Fault::sometimes(0.1, FaultKind::WebhookDoubled));
        chatwork.set_fault(Fault::sometimes(0.2, FaultKind::WebhookHeld));
    }

    fn word(&mut self) -> String {
        self.words += 1;
        // Some texts are written more than once.
        if self.dice.chance(10) { "承知しました".to_owned() } else { format!("文 {}", self.words) }
    }

    fn act(&mut self) {
        let room = self.rooms[usize::try_from(self.dice.below(2)).unwrap()];
        let author =
            [self.watch.world.client, self.watch.world.owner][usize::try_from(self.dice.below(2)).unwrap()];
        let author = if self.kicked && room == self.rooms[1] { self.watch.world.client } else { author };
        let chatwork = self.watch.chatwork.clone();
        match self.dice.below(100) {
            0..45 => self.post(author, room),
            45..70 => {
                if let Some(message) = self.some(room) {
                    let word = self.word();
                    // Refused where the author is no longer in the room.
                    let _ = chatwork.0.edit(room, &message, &word);
                }
            }
            70..80 => {
                if let Some(message) = self.some(room)
                    && chatwork.0.delete(room, &message).is_ok()
                {
                    self.forget(room, &message);
                }
            }
            80..84 => {
                if let Some(message) = self.some(room)
                    && chatwork.0.edit(room, &message, ".").is_ok()
                    && chatwork.0.delete(room, &message).is_ok()
                {
                    self.forget(room, &message);
                }
            }
            84..87 => {
                if let Some(message) = self.some(room) {
                    chatwork.0.vanish(room, &message).unwrap();
                    self.forget(room, &message);
                    self.vanished.insert(message);
                }
            }
            87..89 if self.bursts < 1 => {
                self.bursts += 1;
                for _ in 0..80 + self.dice.below(60) {
                    self.post(author, room);
                }
            }
            89..91 => self.toggle_membership(),
            _ => {}
        }
    }

    fn post(&mut self, author: u64, room: u64) {
        let word = self.word();
        let message = self.watch.chatwork.post(author, room, &word);
        self.alive.get_mut(&room).unwrap().push(message);
    }

    fn some(&mut self, room: u64) -> Option<String> {
        let alive = &self.alive[&room];
        let n = u64::try_from(alive.len()).unwrap();
        (n > 0).then(|| self.dice.below(n)).map(|n| alive[usize::try_from(n).unwrap()].clone())
    }

    fn forget(&mut self, room: u64, message: &str) {
        self.alive.get_mut(&room).unwrap().retain(|it| it != message);
    }

    /// The owner is put out of the group, or taken in again.
    fn toggle_membership(&mut self) {
        let (chatwork, world) = (&self.watch.chatwork.0, &self.watch.world);
        if self.kicked {
            chatwork.add_member(self.rooms[1], world.owner, Role::Member).unwrap();
        } else {
            chatwork.remove_member(self.rooms[1], world.owner, Some(world.client)).unwrap();
        }
        self.kicked = !self.kicked;
    }

    fn now(&self) -> i64 {
        self.watch.clock.now().0
    }

    async fn run(&mut self) {
        let mut next = self.now();
        let mut outage: Option<(Outage, i64, u64)> = None;
        for _ in 0..STEPS {
            self.act();
            match &mut outage {
                None if self.dice.chance(4) => {
                    let kinds = [
                        Outage::Down,
                        Outage::Sleep,
                        Outage::Refused,
                        Outage::RateLimited,
                        Outage::WrongContent,
                    ];
                    let kind = kinds[usize::try_from(self.dice.below(5)).unwrap()];
                    outage = Some((kind, self.now(), 1 + self.dice.below(15)));
                    self.strike(kind);
                }
                Some((kind, since, 0)) => {
                    self.outages.push((*kind, *since, self.now()));
                    if *kind == Outage::Down {
                        self.watch.restart();
                    }
                    outage = None;
                    self.weather();
                    next = self.now();
                }
                Some((_, _, left)) => *left -= 1,
                None => {}
            }
            if self.dice.chance(5) {
                self.owner_opens_chatwork().await;
            }
            let looks = !matches!(outage, Some((Outage::Down | Outage::Sleep, ..)));
            if self.dice.chance(15) && looks {
                self.watch.chatwork.0.release_webhooks();
            }
            if looks && self.now() >= next {
                let wait = self.watch.try_pass().await.map_or(Duration::from_secs(30), |it| it.wait);
                next = self.now() + i64::try_from(wait.as_millis()).unwrap();
            }
            let step = Duration::from_secs(STEP);
            match outage {
                Some((Outage::Sleep, ..)) => self.watch.clock.sleep(step),
                _ => self.watch.clock.advance(step),
            }
        }
        if let Some((kind, since, _)) = outage {
            self.outages.push((kind, since, self.now()));
            if kind == Outage::Down {
                self.watch.restart();
            }
        }
        if self.kicked {
            self.toggle_membership();
        }
        self.watch.chatwork.behave();
        // Long enough for every back-off to run out.
        self.watch.passes_for(2400).await;
        self.watch.filed().await;
    }

    /// Another program of the owner reads with the cursor that Chatwork keeps for the account: what it took, nobody
    /// gets by `force=0` again.
    async fn owner_opens_chatwork(&self) {
        let api = self.watch.config.chatwork.api_base.trim_end_matches('/');
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for room in self.rooms {
            let request = client.get(format!("{api}/rooms/{room}/messages?force=0"));
            // Whatever the weather answers.
            let _ = request.header("x-chatworktoken", &self.watch.world.owner_token).send().await;
        }
    }

    fn strike(&self, kind: Outage) {
        let chatwork = &self.watch.chatwork;
        match kind {
            Outage::Down | Outage::Sleep => {
                chatwork.0.clear_faults();
                chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
            }
            Outage::Refused => chatwork.set_fault(Fault::always(FaultKind::Refused)),
            Outage::RateLimited => {
                chatwork.set_fault(Fault::always(FaultKind::RateLimited { reset_in_s: 60 }))
            }
            Outage::WrongContent => chatwork.set_fault(Fault::always(FaultKind::WrongContent)),
        }
    }

    fn truth(&self, room: u64) -> Vec<Visible> {
        let mut versions: Vec<Visible> = Vec::new();
        for change in self.watch.chatwork.0.history(room).unwrap() {
            if let Some(open) = versions.iter_mut().rev().find(|it| it.message == change.message_id) {
                open.to = change.at_ms;
            }
            if change.kind != ChangeKind::Deleted {
                let (message, body) = (change.message_id, change.body);
                versions.push(Visible { message, body, from: change.at_ms, to: i64::MAX });
            }
        }
        versions
    }
}

/// A declared hole of a room.
#[derive(Debug)]
struct Hole {
    from: i64,
    to: i64,
    /// An overflow: only what lies between these two messages was hidden.
    between: Option<(u128, u128)>,
}

fn number(text: &str) -> u128 {
    text.parse().unwrap()
}

fn holes(lines: &[Line], room: u64) -> Vec<Hole> {
    let time =
        |value: &serde_json::Value| value.as_str().and_then(UtcMillis::parse).map_or(i64::MIN, |it| it.0);
    let of_room = lines.iter().filter(|it| it.room == Some(room) && it.kind == EntryKind::GapFound);
    of_room
        .map(|it| {
            let content = &it.content;
            let id = |name: &str| content[name].as_str().map(number);
            Hole {
                from: time(&content["from"]),
                to: time(&content["to"]),
                between: (content["kind"] == "overflow" || content["kind"] == "before_watch")
                    .then(|| (id("after_message").unwrap_or(0), id("before_message").unwrap_or(u128::MAX))),
            }
        })
        .collect()
}

/// The longest stretch of `[from, to)` that no hole covers.
fn longest_outside(from: i64, to: i64, holes: &[Hole]) -> i64 {
    let mut spans: Vec<(i64, i64)> =
        holes.iter().filter(|it| it.between.is_none()).map(|it| (it.from, it.to)).collect();
    spans.sort_unstable();
    let (mut at, mut longest) = (from, 0);
    for (begin, end) in spans {
        if end <= at || begin >= to {
            continue;
        }
        longest = longest.max(begin - at);
        at = at.max(end);
    }
    longest.max(to - at)
}

async fn check(play: &Play, seed: u64) {
    let lines = play.watch.lines().await;
    let declared = i64::try_from(play.watch.declared().as_millis()).unwrap();
    let end = play.now();
    for room in play.rooms {
        let truth = play.truth(room);
        let holes = holes(&lines, room);
        let of_room: Vec<&Line> = lines.iter().filter(|it| it.room == Some(room)).collect();
        let has = |message: &str, body: &str| {
            of_room.iter().any(|it| {
                it.message.as_deref() == Some(message)
                    && it.seen.as_ref().is_some_and(|seen| seen.body == body)
            })
        };
        // Before first contact nobody promised anything.
        let found = |it: &&&Line| it.kind == EntryKind::RoomFound;
        let watched = of_room.iter().find(found).map_or(i64::MAX, |it| it.observed_at.0);
        // Messages after this one that were there at a time.
        let newer = |message: &str, at: i64| {
            let own = number(message);
            let later = truth.iter().filter(|it| it.from <= at && number(&it.message) > own);
            later.map(|it| it.message.as_str()).collect::<BTreeSet<_>>().len()
        };
        for version in &truth {
            let to = version.to.min(end);
            let hidden = holes
                .iter()
                .filter_map(|it| it.between)
                .any(|(after, before)| (after + 1..before).contains(&number(&version.message)));
            // Edits beyond the newest hundred are stated apart.
            let old = newer(&version.message, version.from.max(watched) + declared) >= WINDOW;
            if longest_outside(version.from.max(watched), to, &holes) > declared && !hidden && !old {
                assert!(
                    has(&version.message, &version.body),
                    "seed {seed}, room {room}: {} visible {}..{} is not in the record; holes {holes:?}",
                    version.message,
                    version.from,
                    to
                );
            }
        }
        for line in &of_room {
            is_true(play, line, &truth, seed);
        }
        for change in play.watch.chatwork.0.history(room).unwrap() {
            let message = &change.message_id;
            if change.kind != ChangeKind::Deleted || newer(message, i64::MAX) >= WINDOW {
                continue;
            }
            let says = |kind: EntryKind| {
                of_room.iter().any(|it| it.kind == kind && it.message.as_deref() == Some(message.as_str()))
            };
            if play.vanished.contains(message) {
                let known = of_room.iter().any(|it| {
                    it.message.as_deref() == Some(message.as_str()) && it.kind.is_message_version()
                });
                assert_eq!(
                    says(EntryKind::MessageMissingAtRecheck),
                    known,
                    "seed {seed}: {message} vanished"
                );
            } else {
                assert!(says(EntryKind::MessageDeletedReported), "seed {seed}: {message} was deleted");
            }
        }
        for (kind, from, to) in &play.outages {
            if to - from.max(&watched) > 2 * declared {
                let seen = holes.iter().any(|it| it.from < *to && it.to > *from);
                assert!(seen, "seed {seed}: {kind:?} {from}..{to} left no hole in room {room}: {holes:?}");
            }
        }
        let lost = of_room.iter().any(|it| it.kind == EntryKind::RoomAccessLost);
        if play.outages.is_empty() && play.bursts == 0 && !lost {
            assert!(holes.is_empty(), "seed {seed}: nothing happened in room {room}, but {holes:?}");
        }
    }
}

/// The line shows something that was so.
fn is_true(play: &Play, line: &Line, truth: &[Visible], seed: u64) {
    let Some(message) = line.message.as_deref() else { return };
    let at = line.observed_at.0;
    let mut versions = truth.iter().filter(|it| it.message == message);
    let wrong = |what: &str| panic!("seed {seed}: {what}: {:?} of {message} at {at}", line.kind);
    let gone = || truth.iter().rfind(|it| it.message == message).is_some_and(|it| it.to <= at);
    match line.kind {
        EntryKind::MessageMissingAtRecheck if !play.vanished.contains(message) || !gone() => {
            wrong("it did not vanish");
        }
        EntryKind::MessageDeletedReported if play.vanished.contains(message) || !gone() => {
            wrong("it was not deleted");
        }
        EntryKind::MessageCreated | EntryKind::MessageUpdated | EntryKind::MessageSeen => {
            let Some(seen) = &line.seen else { return wrong("it shows nothing") };
            if seen.body == "[deleted]" {
                if !gone() {
                    wrong("it was not deleted");
                }
                return;
            }
            // What is read stands in the room at that moment; a webhook may come late.
            let fits = versions
                .any(|it| it.body == seen.body && it.from <= at && (line.source == "webhook" || at <= it.to));
            if !fits {
                wrong("it never said so");
            }
        }
        _ => {}
    }
}

async fn history(seed: u64) {
    let mut play = Play::new(seed).await;
    play.run().await;
    check(&play, seed).await;
    play.watch.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_true_and_complete_but_for_declared_holes() {
    let seeds: Vec<u64> = match environment("KARIBARAI_TRUTH_SEED") {
        Some(seed) => vec![seed.parse().unwrap()],
        None => (0..if environment("KARIBARAI_TESTS_LONG").is_some() { 500 } else { 8 }).collect(),
    };
    for few in seeds.chunks(4) {
        let plays = few.iter().map(|seed| tokio::spawn(history(*seed)));
        for play in futures_util::future::join_all(plays).await {
            play.unwrap();
        }
    }
}
