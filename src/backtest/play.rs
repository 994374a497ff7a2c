//! The play: messages in, what would have been said out. Pure.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::cases::{self, Cover, State};
use crate::chatwork::notation;
use crate::config::{Config, Mode};
use crate::detect::RuleSet;
use crate::domain::{
    AccountId, ContextMessage, EntryIndex, Label, MessageId, Role, RoomId, RoomType, Signal, SignalInput,
    Tier, UtcMillis,
};
use crate::follow::calls_everybody;
use crate::reply::decide::{self, Facts, JoinedCase, Verdict, Why};

/// Earlier messages that detection looks at.
const CONTEXT: usize = 6;
/// Messages of a room that are kept for the context, so that deleted ones leave enough.
const KEPT: usize = 64;

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was written, or edited to this text.
    Text(String),
    Gone,
}

/// One thing that happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The entry that shows it, where it is one.
    pub n: Option<EntryIndex>,
    pub room: RoomId,
    pub message: MessageId,
    pub account: AccountId,
    pub at: UtcMillis,
    pub change: Change,
}

/// Who is who, and what holds in the rooms.
pub struct Setting<'a> {
    pub config: &'a Config,
    pub owners: &'a [AccountId],
    /// What the owner is called in each room.
    pub names: &'a BTreeMap<RoomId, Vec<String>>,
    pub room_types: &'a BTreeMap<RoomId, RoomType>,
    /// Accounts whose role is known otherwise than by the configuration, as while it is being made.
    pub roles: &'a BTreeMap<(RoomId, AccountId), Role>,
    /// What was said before is read, and not told.
    pub since: UtcMillis,
}

/// What the bot would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The reminder in the room.
    Remind,
    /// A draft for the owner, and why it is not posted.
    Draft(Why),
    /// Deliberately nothing.
    Silent(Why),
    /// A note to the owner alone, about talk of payment, contact or delivery outside.
    Note,
}

/// One message that would have been answered, or deliberately not.
#[derive(Clone, Debug)]
pub struct Line {
    pub said: Said,
    pub role: Role,
    pub signal: Signal,
    pub act: Act,
}

/// A play and what it was made of.
#[derive(Clone, Debug, Default)]
pub struct Play {
    /// Versions of messages that were looked at and told of.
    pub looked_at: u64,
    /// In the order of the messages.
    pub lines: Vec<Line>,
}

impl Play {
    pub fn count(&self, is: impl Fn(Act) -> bool) -> usize {
        self.lines.iter().filter(|it| is(it.act)).count()
    }
}

/// A message on which two rule sets differ.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    pub before: Option<&'a Line>,
    pub after: Option<&'a Line>,
}

/// Plays the messages through; they come in the order in which they happened, room by room or mixed.
pub fn play(rules: &RuleSet, setting: &Setting<'_>, said: &[Said]) -> Play {
    let mut stage = Stage::default();
    let mut answers = Answers::of(setting, said);
    let mut play = Play::default();
    for it in said {
        let room_type = setting.room_types.get(&it.room).copied();
        let role = setting.role(it.room, room_type, it.account);
        let told = it.at >= setting.since;
        let Change::Text(body) = &it.change else {
            stage.forget(it);
            continue;
        };
        play.looked_at += u64::from(told);
        let context = stage.context(it);
        let input = SignalInput {
            room_type: room_type.unwrap_or(RoomType::Group),
            sender_role: role,
            body,
            context: &context,
            workers: setting.owners,
            worker_names: setting.names.get(&it.room).map_or(&[], Vec::as_slice),
        };
        let signal = rules.read_tuned(&input, &setting.config.tuning_for(it.room, it.account));
        let act = stage.act(setting, it, body, role, room_type, &signal, &mut answers);
        stage.remember(it, role, body);
        if let Some(act) = act.filter(|_| told) {
            play.lines.push(Line { said: it.clone(), role, signal, act });
        }
    }
    play
}

/// Where two plays over the same messages differ in what would have been done.
pub fn compare<'a>(before: &'a Play, after: &'a Play) -> Vec<Difference<'a>> {
    let key = |it: &Line| (it.said.at, it.said.room, it.said.message, it.said.n);
    let mut pairs: BTreeMap<_, (Option<&Line>, Option<&Line>)> = BTreeMap::new();
    for it in &before.lines {
        pairs.entry(key(it)).or_default().0 = Some(it);
    }
    for it in &after.lines {
        pairs.entry(key(it)).or_default().1 = Some(it);
    }
    pairs
        .into_values()
        .filter(|(before, after)| before.map(|it| it.act) != after.map(|it| it.act))
        .map(|(before, after)| Difference { before, after })
        .collect()
}

impl Setting<'_> {
    fn role(&self, room: RoomId, room_type: Option<RoomType>, account: AccountId) -> Role {
        let known = self.roles.get(&(room, account)).copied();
        known.unwrap_or_else(|| self.config.role_of(room, room_type, account, self.owners))
    }
}

/// When the owner wrote, room by room, in order.
struct Answers(HashMap<RoomId, Vec<UtcMillis>>);

impl Answers {
    fn of(setting: &Setting<'_>, said: &[Said]) -> Self {
        let mut times: HashMap<RoomId, Vec<UtcMillis>> = HashMap::new();
        let mut seen = HashSet::new();
        for it in said {
            let room_type = setting.room_types.get(&it.room).copied();
            let own = setting.role(it.room, room_type, it.account) == Role::Worker;
            if own && seen.insert((it.room, &it.message)) {
                times.entry(it.room).or_default().push(it.at);
            }
        }
        for room in times.values_mut() {
            room.sort_unstable();
        }
        Self(times)
    }

    /// The owner wrote after `from`, up to `to`.
    fn within(&self, room: RoomId, from: UtcMillis, to: UtcMillis) -> bool {
        self.0.get(&room).is_some_and(|times| {
            let first = times.partition_point(|it| *it <= from);
            times.get(first).is_some_and(|it| *it <= to)
        })
    }
}

/// What is known at a moment of the play.
#[derive(Default)]
struct Stage {
    rooms: HashMap<RoomId, VecDeque<(MessageId, ContextMessage)>>,
    cases: HashMap<(RoomId, AccountId), Case>,
    answered: HashSet<(RoomId, MessageId)>,
    /// Reminders of a day in Japan, by room.
    posts: HashMap<(String, RoomId), u32>,
    all_posts: HashMap<String, u32>,
}

struct Case {
    state: State,
    reminded: bool,
    moved: UtcMillis,
}

impl Stage {
    fn context(&self, it: &Said) -> Vec<ContextMessage> {
        let Some(room) = self.rooms.get(&it.room) else { return Vec::new() };
        // An edit is read against what stood before the message.
        let end = room.iter().position(|(message, _)| *message == it.message).unwrap_or(room.len());
        let start = end.saturating_sub(CONTEXT);
        room.range(start..end).map(|(_, context)| context.clone()).collect()
    }

    fn remember(&mut self, it: &Said, role: Role, body: &str) {
        let room = self.rooms.entry(it.room).or_default();
        let context = ContextMessage { sender_role: role, body: body.to_owned() };
        match room.iter_mut().find(|(message, _)| *message == it.message) {
            Some(known) => known.1 = context,
            None => room.push_back((it.message, context)),
        }
        if room.len() > KEPT {
            room.pop_front();
        }
    }

    fn forget(&mut self, it: &Said) {
        if let Some(room) = self.rooms.get_mut(&it.room) {
            room.retain(|(message, _)| *message != it.message);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one message with what is known of it")]
    fn act(
        &mut self,
        setting: &Setting<'_>,
        it: &Said,
        body: &str,
        role: Role,
        room_type: Option<RoomType>,
        signal: &Signal,
        answers: &mut Answers,
    ) -> Option<Act> {
        if role == Role::Client {
            self.claim(it, signal);
        }
        let reply = setting.config.reply_to(it.room, room_type, it.account);
        let parsed = notation::parse(body);
        let day = it.at.japan_day();
        let posted_here = self.posts.get(&(day.clone(), it.room)).copied().unwrap_or(0);
        let posted = self.all_posts.get(&day).copied().unwrap_or(0);
        let joined =
            self.cases.get(&(it.room, it.account)).filter(|case| cases::joins(case.state, case.moved, it.at));
        let before = UtcMillis(it.at.0.saturating_sub(millis(reply.owner_active)));
        let verdict = decide::decide(&Facts {
            tier: signal.tier,
            labels: signal.labels,
            role,
            listed: true,
            mode: Mode::Auto,
            room_type,
            calls_everybody: parsed.to_all() || calls_everybody(&parsed.plain_text()),
            age: Duration::ZERO,
            max_age: reply.max_age,
            before_watch: false,
            owner_answered: answers.within(it.room, it.at, it.at.plus(reply.delay)),
            owner_active: answers.within(it.room, before, it.at),
            decided_before: self.answered.contains(&(it.room, it.message)),
            case: joined
                .map(|case| JoinedCase { reminded: case.reminded, posted: case.state > State::Reminded }),
            cover: Cover::No,
            monthly: false,
            first_contact: false,
            opted_out: false,
            stopped: false,
            dry_run: false,
            room_budget_left: posted_here < reply.max_per_room_per_day,
            budget_left: posted < setting.config.reply.max_per_day,
        });
        let act = match verdict {
            Verdict::Remind => Some(Act::Remind),
            Verdict::Draft(why) => Some(Act::Draft(why)),
            Verdict::Silent(why) => Some(Act::Silent(why)),
            Verdict::Nothing => None,
        };
        if matches!(act, Some(Act::Remind | Act::Draft(_)))
            && signal.tier == Tier::Certain
            && role == Role::Client
        {
            self.open(it, act == Some(Act::Remind));
        }
        if act == Some(Act::Remind) {
            self.answered.insert((it.room, it.message));
            *self.posts.entry((day.clone(), it.room)).or_default() += 1;
            *self.all_posts.entry(day).or_default() += 1;
        }
        act.or_else(|| (role == Role::Client && is_for_the_owner(signal)).then_some(Act::Note))
    }

    /// The client says that the job is posted, or paid into escrow.
    fn claim(&mut self, it: &Said, signal: &Signal) {
        let state = match (signal.labels.escrow_claimed, signal.labels.contract_posted) {
            (true, _) => State::EscrowClaimed,
            (false, true) => State::Posted,
            (false, false) => return,
        };
        if let Some(case) = self.cases.get_mut(&(it.room, it.account)) {
            case.state = case.state.max(state);
            case.moved = it.at;
        }
    }

    fn open(&mut self, it: &Said, reminded: bool) {
        let case = self.cases.entry((it.room, it.account)).or_insert(Case {
            state: State::Requested,
            reminded: false,
            moved: it.at,
        });
        if !cases::joins(case.state, case.moved, it.at) {
            *case = Case { state: State::Requested, reminded: false, moved: it.at };
        }
        case.moved = it.at;
        case.reminded |= reminded;
        if reminded {
            case.state = case.state.max(State::Reminded);
        }
    }
}

/// What is never answered in the room by itself, and told to the owner.
fn is_for_the_owner(signal: &Signal) -> bool {
    const TOLD: [Label; 4] = [
        Label::StartBeforeEscrow,
        Label::OffPlatformPayment,
        Label::ContactExchange,
        Label::OffPlatformDelivery,
    ];
    TOLD.into_iter().any(|label| signal.labels.get(label))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
