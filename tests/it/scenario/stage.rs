//! One bot, one simulated Chatwork, one clock, and a room for each scenario that is played on it.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use karibarai::cases::{Fact, Form, OutsideContact, RoomContract};
use karibarai::config::Config;
use karibarai::domain::{AccountId, CaseId, Clock as _, ManualClock, MessageId, RoomId, UtcMillis};
use karibarai::reply::acts::{Acts, Seen};
use karibarai::reply::record::{By, Declared, Switch};
use karibarai::sandbox::{Post, Role, RoomKind, Rules, Sandbox, SandboxConfig, WebhookKind};
use karibarai::store::{
    ArchiveStore as _, CaseRow, CaseStore as _, ContractRow, FollowStore as _, LedgerStore as _, OutboxState,
    Purpose, StandingStore as _,
};
use karibarai::upkeep;

use crate::support::chatwork::{Chatwork, World};
use crate::support::{self, MORNING, Parts, config, install_tls, run, settings, sign};

use super::language::{Act, Scenario, Step};

/// How the same scenarios are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Once,
    /// The bot is ended and started again after every moment at which something happens.
    Restarts,
    /// A second process on the same folder stands by, and takes over in the middle.
    TwoProcesses,
}

/// A room in which a scenario is played.
struct Scene {
    scenario: Scenario,
    room: u64,
    people: BTreeMap<String, u64>,
    /// Messages of each person, in the order of writing.
    said: BTreeMap<String, Vec<String>>,
}

impl Scene {
    fn setting(&self, key: &str) -> Option<&str> {
        self.scenario.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Stage {
    way: Way,
    chatwork: Chatwork,
    world: World,
    clock: ManualClock,
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// The process that works, and the one that stands by.
    running: Vec<Parts>,
    scenes: Vec<Scene>,
    nudges: AtomicU64,
    /// What was not as it should be; told all together at the end.
    failures: Mutex<Vec<String>>,
    /// Messages, by id and text, that are known to be recorded.
    recorded: Mutex<HashSet<(String, String)>>,
    bell: reqwest::Client,
    _sandbox: Sandbox,
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

impl Stage {
    pub(crate) async fn set(scenarios: Vec<Scenario>, way: Way) -> Self {
        install_tls();
        let clock = ManualClock::new(MORNING);
        let now = clock.clone();
        let mut setup = SandboxConfig::new(Arc::new(move || now.now().0));
        // A deletion is heard of at once, and the many rooms of a stage do not run into the limit of one account.
        setup.rules = Rules { webhook_on_delete: true, requests_per_window: 1_000_000, ..Rules::default() };
        let sandbox = Sandbox::start(setup).await.unwrap();
        let chatwork = Chatwork(sandbox.handle().clone());
        let (public, private) = (listener(), listener());
        let url = format!("http://{}/webhook", public.local_addr().unwrap());
        let world = chatwork.world(&url);
        let mut stage_settings = Vec::new();
        let mut tokens = world.webhook_tokens.clone();
        let mut scenes = Vec::new();
        for scenario in scenarios {
            let mut people = BTreeMap::from([("owner".to_owned(), world.owner)]);
            for name in &scenario.people {
                people.insert(name.clone(), chatwork.0.create_account(name).unwrap().account_id);
            }
            // An account has five webhook settings; the first person of each room has this room's.
            let first = people[&scenario.people[0]];
            let members: Vec<(u64, Role)> = people.values().map(|it| (*it, Role::Admin)).collect();
            let kind = if members.len() == 2 { RoomKind::Direct } else { RoomKind::Group };
            let room = chatwork.0.create_room(kind, &scenario.name, &members).unwrap();
            let watches = WebhookKind::Room { room_id: room, created: true, updated: true };
            tokens.push(chatwork.0.add_webhook(first, &url, watches, None).unwrap().token);
            let number = scenes.len();
            let mut room_setting = |key: &str, value: String| {
                let key = key.to_uppercase().replace('.', "__");
                stage_settings.push((format!("KARIBARAI_ROOM__{number}__{key}"), value));
            };
            room_setting("id", room.to_string());
            let role = |prefix: &str| {
                let of = people.iter().filter(|(name, _)| name.starts_with(prefix));
                of.map(|(_, id)| id.to_string()).collect::<Vec<_>>().join(",")
            };
            room_setting("clients", role("client"));
            room_setting("others", role("other"));
            room_setting("bots", role("bot"));
            if !scenario.settings.iter().any(|(key, _)| key == "reply.mode") {
                room_setting("reply.mode", "auto".to_owned());
            }
            for (key, value) in &scenario.settings {
                let mut value = value.clone();
                for (name, id) in &people {
                    value = value.replace(&format!("<{name}>"), &id.to_string());
                }
                room_setting(key, value);
            }
            for (key, value) in &scenario.all {
                stage_settings
                    .push((format!("KARIBARAI_{}", key.to_uppercase().replace('.', "__")), value.clone()));
            }
            scenes.push(Scene { scenario, room, people, said: BTreeMap::new() });
        }
        stage_settings.push(("CHATWORK_WEBHOOK_TOKEN".to_owned(), tokens.join(",")));
        stage_settings.push(("KARIBARAI_REPLY__DELAY_SECONDS".to_owned(), "20".to_owned()));
        let folder = tempfile::tempdir().unwrap();
        let extra: Vec<_> =
            stage_settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let base = settings(folder.path(), &sandbox.api_base(), &world, &[]);
        let base = base.into_iter().filter(|(name, _)| !name.starts_with("KARIBARAI_ROOM__"));
        let mut all: Vec<(String, String)> = base.collect();
        for (name, value) in extra {
            all.retain(|(known, _)| known != name);
            all.push((name.to_owned(), value.to_owned()));
        }
        let mut running = vec![run(&all, folder.path(), &clock, public, private).await];
        let stage_rooms: Vec<u64> = scenes.iter().map(|it: &Scene| it.room).collect();
        let store = running[0].store.clone();
        support::until("the rooms are known", || async {
            let known = store.rooms().await.unwrap();
            stage_rooms.iter().all(|room| known.iter().any(|it| it.room.0 == *room && it.room_type.is_some()))
        })
        .await;
        if way == Way::TwoProcesses {
            running.push(run(&all, folder.path(), &clock, listener(), listener()).await);
        }
        Self {
            way,
            chatwork,
            world,
            clock,
            folder,
            settings: all,
            running,
            scenes,
            nudges: AtomicU64::new(0),
            failures: Mutex::default(),
            recorded: Mutex::default(),
            bell: reqwest::Client::builder().no_proxy().build().unwrap(),
            _sandbox: sandbox,
        }
    }

    /// Plays all scenes on one line of time.
    pub(crate) async fn play(mut self) {
        let mut moments: Vec<UtcMillis> =
            self.scenes.iter().flat_map(|it| it.scenario.steps.iter().map(|step| step.at)).collect();
        moments.sort_unstable();
        moments.dedup();
        let middle = moments.len() / 2;
        for (position, moment) in moments.into_iter().enumerate() {
            self.pass_to(moment).await;
            if self.way == Way::TwoProcesses && position == middle {
                self.hand_over().await;
            }
            for scene in 0..self.scenes.len() {
                let steps = self.scenes[scene].scenario.steps.clone();
                for step in steps.into_iter().filter(|step| step.at == moment) {
                    self.step(scene, &step).await;
                }
            }
            self.settle().await;
            if self.way == Way::Restarts {
                self.restart().await;
                self.settle().await;
            }
        }
        for scene in &self.scenes {
            self.check_rules(scene).await;
        }
        let failures = self.failures.lock().unwrap().join("\n");
        assert!(failures.is_empty(), "\n{failures}");
        let folder = self.folder.path().join("data");
        let store = self.running[0].store.clone();
        for parts in self.running {
            parts.end().await;
        }
        let checked = upkeep::check(&store, &folder, None).await.unwrap();
        assert!(checked.intact(), "{checked:?}");
        drop(store);
        // Replayed, the ledger gives the same tables: nothing was decided by what is not in it.
        let mut verify = Command::new(env!("CARGO_BIN_EXE_karibarai"));
        verify.args(["verify", "--deep"]).env_clear().envs(self.settings.iter().cloned());
        let output = verify.current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Moves the clock, stopping wherever something becomes due.
    async fn pass_to(&self, moment: UtcMillis) {
        let settles =
            self.scenes.iter().any(|it| it.scenario.all.iter().any(|(key, _)| key == "reply.settle"));
        while self.clock.now() < moment {
            let now = self.clock.now();
            let open = self.running[0].store.open_outbox().await.unwrap();
            let due = open.iter().map(|it| it.due_at).filter(|at| *at > now && *at <= moment).min();
            let next = due.unwrap_or(moment);
            // A leap of the clock is a sleep of the machine, after which the bot settles anew.
            let next = if settles { next.min(now.plus(Duration::from_secs(50))) } else { next };
            self.clock.advance(next.since(now));
            self.settle().await;
        }
    }

    async fn restart(&mut self) {
        let parts = self.running.remove(0);
        let (public, private) = (parts.public, parts.private);
        parts.end().await;
        let (public, private) = (TcpListener::bind(public).unwrap(), TcpListener::bind(private).unwrap());
        self.running.insert(0, run(&self.settings, self.folder.path(), &self.clock, public, private).await);
    }

    /// The working process ends; the other one has only the API to learn by.
    async fn hand_over(&mut self) {
        self.running.remove(0).end().await;
    }

    async fn step(&mut self, scene: usize, step: &Step) {
        let place = format!("{} ({:?}), line {}", self.scenes[scene].scenario.name, self.way, step.line);
        match &step.act {
            Act::Says { who, text } => {
                let (account, room) = (self.scenes[scene].people[who], self.scenes[scene].room);
                let message = self.chatwork.post(account, room, text);
                self.scenes[scene].said.entry(who.clone()).or_default().push(message);
            }
            Act::Edits { who, n, text } => {
                let message = self.scenes[scene].said[who][n - 1].clone();
                // A random history may edit what it has deleted.
                let _ = self.chatwork.0.edit(self.scenes[scene].room, &message, text);
            }
            Act::Deletes { who, n } => {
                let message = self.scenes[scene].said[who][n - 1].clone();
                let _ = self.chatwork.0.delete(self.scenes[scene].room, &message);
            }
            Act::Owner(words) => {
                self.settle().await;
                self.owner(&self.scenes[scene], words, &place).await;
            }
            Act::Restart => {
                self.settle().await;
                self.restart().await;
            }
            Act::Expect { not, what, text } => {
                self.settle().await;
                self.expect(&self.scenes[scene], *not, what, text.as_deref(), &place).await;
            }
        }
    }

    fn acts(&self) -> Acts {
        let config: Config = config(&self.settings, self.folder.path());
        let parts = &self.running[0];
        Acts { ledger: parts.ledger.clone(), store: parts.store.clone(), config: Arc::new(config) }
    }

    async fn owner(&self, scene: &Scene, words: &[String], place: &str) {
        let acts = self.acts();
        let (room, by, now) = (RoomId(scene.room), By::Command, self.clock.now());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let fact = |word: &str| match word {
            "confirms" => Some(Fact::EscrowConfirmed),
            "begins" => Some(Fact::WorkBegun),
            "delivers" => Some(Fact::Delivered),
            "sees-acceptance" => Some(Fact::Accepted),
            "is-paid" => Some(Fact::Paid),
            "dismisses" => Some(Fact::Dismissed),
            _ => None,
        };
        match words.as_slice() {
            [word, number] if fact(word).is_some() => {
                let case = self.number(scene, number).await;
                acts.fact(case, fact(word).unwrap(), &by).await.unwrap();
            }
            ["approves", number] => {
                let case = self.number(scene, number).await;
                acts.approve(case, &Seen::Newest, &by, now).await.unwrap();
            }
            ["rejects", number] => {
                let case = self.number(scene, number).await;
                acts.reject(case, &Seen::Newest, &by).await.unwrap();
            }
            ["declares", "contract", state] => {
                let what = Declared { contract: RoomContract::parse(state), ..Declared::default() };
                acts.declare(room, &what, &by).await.unwrap();
            }
            ["declares", "outside", state] => {
                let what = Declared { outside_contact: OutsideContact::parse(state), ..Declared::default() };
                acts.declare(room, &what, &by).await.unwrap();
            }
            ["registers", form, quantity, rest @ ..] => {
                let read = karibarai::cases::read_quantity(quantity);
                let contract = ContractRow {
                    id: acts.store.next_contract().await.unwrap(),
                    room,
                    client: None,
                    form: Form::parse(form)
                        .unwrap_or_else(|| panic!("{place}: no such form"))
                        .as_str()
                        .to_owned(),
                    quantity: read.as_ref().map(|it| it.count),
                    unit: read.map(|it| it.unit).unwrap_or_default(),
                    yen: None,
                    until: None,
                    escrowed: rest.contains(&"escrowed"),
                    ended: false,
                    remind: rest.contains(&"remind"),
                    link: None,
                    registered_at: now,
                    changed_n: karibarai::domain::EntryIndex(0),
                };
                acts.contract(contract, &by).await.unwrap();
            }
            ["stops"] => acts.switch(Switch::Stop, &by).await.unwrap(),
            ["resumes"] => acts.switch(Switch::Go, &by).await.unwrap(),
            ["quiet", hours] => {
                let hours: u64 = hours.trim_end_matches('h').parse().unwrap();
                let until = now.plus(Duration::from_secs(hours * 3600));
                acts.switch(Switch::QuietUntil(until), &by).await.unwrap();
            }
            _ => panic!("{place}: no such word: {words:?}"),
        }
    }

    /// Cases of the scene's room; drafts that may become one have a number too.
    async fn cases(&self, scene: &Scene) -> Vec<CaseRow> {
        let cases = self.running[0].store.cases().await.unwrap();
        cases.into_iter().filter(|it| it.room.0 == scene.room).collect()
    }

    /// The scene's case or draft with this number, counted from 1 in the scene; 0 where there is none.
    async fn number(&self, scene: &Scene, number: &str) -> CaseId {
        let mut all: Vec<CaseId> = self.cases(scene).await.into_iter().map(|it| it.id).collect();
        let drafts = self.running[0].store.open_drafts().await.unwrap();
        all.extend(drafts.into_iter().filter(|it| it.room.0 == scene.room).map(|it| it.case));
        all.sort_unstable();
        all.dedup();
        let number: usize = number.parse().unwrap();
        all.get(number - 1).copied().unwrap_or(CaseId(0))
    }

    /// What the bot has in the room.
    fn posts(&self, scene: &Scene) -> Vec<String> {
        self.by_bot(scene).into_iter().filter(|it| !it.deleted).map(|it| it.body).collect()
    }

    /// Deleted ones too.
    fn by_bot(&self, scene: &Scene) -> Vec<Post> {
        self.chatwork.posts_by(self.world.owner, scene.room).into_iter().filter(|it| it.by_api).collect()
    }

    fn notes(&self, scene: &Scene) -> Vec<String> {
        let notes = self.chatwork.posts_by(self.world.owner, self.world.owner_my_room);
        let link = format!("#!rid{}-", scene.room);
        notes.into_iter().map(|it| it.body).filter(|it| it.contains(&link)).collect()
    }

    async fn expect(&self, scene: &Scene, not: bool, what: &[String], text: Option<&str>, place: &str) {
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        let posts = self.posts(scene);
        let notes = self.notes(scene);
        let reminders = posts.iter().filter(|it| is_reminder(it)).count();
        let cases = self.cases(scene).await;
        let said = |all: &[String]| text.is_some_and(|text| all.iter().any(|it| it.contains(text)));
        let (found, seen) = match what.as_slice() {
            ["reminders", n] => (reminders.to_string() == *n, format!("{reminders}: {posts:?}")),
            ["posts", n] => (posts.len().to_string() == *n, format!("{posts:?}")),
            ["notes", n] => (notes.len().to_string() == *n, format!("{}: {notes:?}", notes.len())),
            ["cases", n] => (cases.len().to_string() == *n, format!("{cases:?}")),
            ["reminder"] => (reminders > 0, format!("{posts:?}")),
            ["post"] => (text.map_or(!posts.is_empty(), |_| said(&posts)), format!("{posts:?}")),
            ["note"] => (text.map_or(!notes.is_empty(), |_| said(&notes)), format!("{notes:?}")),
            ["case", number, state] => {
                let number: usize = number.parse().unwrap();
                let case = cases.get(number - 1);
                (case.is_some_and(|it| it.state == *state), format!("{cases:?}"))
            }
            ["terms", number] => {
                let number: usize = number.parse().unwrap();
                let terms = cases.get(number - 1).map(|it| &it.terms);
                let terms = terms.into_iter().flat_map(|it| {
                    [&it.deliverable, &it.quantity, &it.amount, &it.deadline].into_iter().flatten().cloned()
                });
                let terms: Vec<String> = terms.collect();
                (terms.iter().any(|it| Some(it.as_str()) == text), format!("{terms:?}"))
            }
            ["link"] => {
                let links = cases.iter().flat_map(|it| [it.job_link.clone(), it.contract_link.clone()]);
                let links: Vec<String> = links.flatten().collect();
                (said(&links), format!("{links:?}"))
            }
            _ => panic!("{place}: no such expectation: {what:?}"),
        };
        if found == not {
            let no = if not { "no " } else { "" };
            let (what, text) = (what.join(" "), text.unwrap_or_default());
            let rows = self.running[0].store.outbox_of_room(RoomId(scene.room)).await.unwrap();
            let rows: Vec<_> =
                rows.iter().map(|it| (it.purpose, it.state, it.due_at.0 - MORNING.0)).collect();
            let seen = format!("{seen}; outbox: {rows:?}");
            self.failures.lock().unwrap().push(format!("{place}: expected {no}{what} {text}, found {seen}"));
        }
    }

    /// What holds in every scenario, whatever it says.
    async fn check_rules(&self, scene: &Scene) {
        let name = &scene.scenario.name;
        let rows = self.running[0].store.outbox_of_room(RoomId(scene.room)).await.unwrap();
        let sent: Vec<_> = rows
            .iter()
            .filter(|it| {
                it.room.0 == scene.room && it.state == OutboxState::Sent && it.purpose.in_client_room()
            })
            .collect();
        let mut reminded: Vec<_> =
            sent.iter().filter(|it| it.purpose == Purpose::Reminder).filter_map(|it| it.case).collect();
        let before = reminded.len();
        reminded.sort_unstable();
        reminded.dedup();
        assert_eq!(reminded.len(), before, "{name} ({:?}): a case was reminded twice", self.way);
        let open = self.cases(scene).await;
        for client in scene.people.values() {
            let before_escrow = open.iter().filter(|it| {
                it.client == AccountId(*client)
                    && karibarai::cases::State::parse(&it.state).is_some_and(|state| state.before_escrow())
            });
            assert!(before_escrow.count() <= 1, "{name}: two open cases before escrow");
        }
        let mut days: BTreeMap<String, u32> = BTreeMap::new();
        let mut said: Vec<String> = Vec::new();
        for post in self.by_bot(scene) {
            *days.entry(UtcMillis::from_seconds(post.send_time).japan_day()).or_default() += 1;
            assert!(
                post.deleted || !said.contains(&post.body),
                "{name} ({:?}): said twice: {}",
                self.way,
                post.body
            );
            said.push(post.body);
        }
        let budget = scene.setting("reply.max_per_room_per_day").and_then(|it| it.parse().ok()).unwrap_or(3);
        assert!(days.values().all(|it| *it <= budget), "{name} ({:?}): over budget: {days:?}", self.way);
        if scene.setting("reply.mode") == Some("observe") {
            assert!(
                self.posts(scene).is_empty() && self.notes(scene).is_empty(),
                "{name}: observe means silence"
            );
        }
    }

    /// Everything that was said is recorded and weighed, and nothing that is due waits, but for its turn in a group.
    async fn settle(&self) {
        let (mut looks, mut turns, mut idle_looks) = (0, 0, 0);
        loop {
            let names: Vec<&str> = self.scenes.iter().map(|it| it.scenario.name.as_str()).collect();
            // Each look takes some milliseconds: minutes on a machine that has much else to do.
            assert!(looks < 8000, "no rest in {names:?}");
            self.chatwork.idle().await;
            match self.at_rest().await {
                Some(0) => return,
                // A row that is due and stays waits for its turn in a group, or for a quiet time to end.
                Some(_) => idle_looks += 1,
                None => {}
            }
            looks += 1;
            if looks % 16 == 8 {
                self.nudge().await;
            }
            if idle_looks > 12 && turns < 80 && self.waits_for_its_turn().await {
                self.clock.advance(Duration::from_millis(750));
                turns += 1;
                idle_looks = 6;
                self.nudge().await;
            }
            if idle_looks > 60 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn waits_for_its_turn(&self) -> bool {
        let open = self.running[0].store.open_outbox().await.unwrap();
        let now = self.clock.now();
        let groups = self.scenes.iter().filter(|it| it.people.len() > 2).map(|it| it.room);
        let groups: Vec<u64> = groups.collect();
        open.iter().any(|it| it.due_at <= now && groups.contains(&it.room.0))
    }

    /// How many rows are due, where everything that was said is recorded and weighed; `None` where it is not yet.
    async fn at_rest(&self) -> Option<usize> {
        let store = &self.running[0].store;
        let size = store.head().await.unwrap().unwrap().end();
        if store.cursor("casebook").await.unwrap().0 != size {
            return None;
        }
        let now = self.clock.now();
        let due = store.open_outbox().await.unwrap().iter().filter(|it| it.due_at <= now).count();
        for scene in &self.scenes {
            for post in self.chatwork.0.posts_in(scene.room).unwrap() {
                let seen = (post.message_id.clone(), post.body.clone());
                if self.recorded.lock().unwrap().contains(&seen) {
                    continue;
                }
                let id = MessageId::new(post.message_id.clone()).unwrap();
                let known = store.message(RoomId(scene.room), &id).await.unwrap();
                if known.is_none_or(|it| it.current.body != post.body) {
                    return None;
                }
                self.recorded.lock().unwrap().insert(seen);
            }
        }
        // What was just recorded may have been weighed only in part.
        (store.head().await.unwrap().unwrap().end() == size).then_some(due)
    }

    /// Rings the bot by its own door: the clock stands still, and nobody waits for the poll of the second.
    async fn nudge(&self) {
        let n = self.nudges.fetch_add(1, Ordering::SeqCst);
        let body = format!(
            r#"{{"webhook_setting_id":"1","webhook_event_type":"nudge","webhook_event":{{"n":{n}}}}}"#
        );
        let signature = sign(&self.world.webhook_tokens[0], body.as_bytes());
        let url = format!("http://{}/webhook", self.running[0].public);
        let sent = self.bell.post(url).header("x-chatworkwebhooksignature", signature).body(body).send();
        assert_eq!(sent.await.unwrap().status(), 200);
    }
}

fn is_reminder(post: &str) -> bool {
    post.starts_with("[rp ")
        && post.contains("仮払い")
        && ["ご登録", "条件変更", "マイルストーン"].iter().any(|it| post.contains(it))
}
