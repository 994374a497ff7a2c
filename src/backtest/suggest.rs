//! From the owner's judgements to what he could set: never a change, only what the judged messages have in common. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use unicode_normalization::UnicodeNormalization as _;

use crate::chatwork::notation;
use crate::domain::{AccountId, MessageId, RoomId, Tier};

use super::judged::Judged;
use super::play::{Change, Line, Play, Said};

/// So many judged messages show something; fewer are chance.
const LEAST: usize = 3;
/// Letters of a phrase.
const PHRASE: std::ops::RangeInclusive<usize> = 4..=20;
/// Letters of it that are more than grammar.
const CONTENT_LEAST: usize = 2;
/// Letters of a message, and messages of a room, that are compared.
const LETTERS_MAX: usize = 400;
const MESSAGES_MAX: usize = 200;
/// Suggestions of one kind for one room.
const EACH_MAX: usize = 3;
/// Below it a threshold would let through what a gate holds back.
const CERTAIN_LEAST: u8 = 61;
/// What gives reasons but is no rule of the files.
const NO_RULES: [&str; 3] = ["model.words", "room.allow", "room.threshold"];

/// Something that the owner could set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// `detect.deny` of the room.
    Deny(String),
    /// `detect.client_deny`: others of the room use the same words for requests.
    ClientDeny(AccountId, String),
    /// `detect.allow` of the room.
    Allow(String),
    /// `detect.certain_percent` of the room.
    Certain(u8),
    /// A rule that was wrong each time; another rule set can be tried with `--rules`.
    Rule(String),
}

/// A suggestion with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Absent where it concerns every room.
    pub room: Option<RoomId>,
    pub advice: Advice,
    /// The judged messages that share it, in order.
    pub messages: Vec<(RoomId, MessageId)>,
    /// Further messages that it would touch and that nobody judged.
    pub others: usize,
}

/// A message that detection asked about or answered, and that was judged.
struct Case<'a> {
    line: &'a Line,
    text: String,
    right: bool,
}

impl Case<'_> {
    fn key(&self) -> (RoomId, MessageId) {
        (self.line.said.room, self.line.said.message)
    }
}

/// What the judged messages of a play have in common. `said` are all messages of the play.
pub fn suggest(play: &Play, judged: &Judged, said: &[Said]) -> Vec<Suggestion> {
    let mut newest: HashMap<(RoomId, &MessageId), &Line> = HashMap::new();
    for line in play.lines.iter().filter(|it| it.signal.tier > Tier::No) {
        newest.insert((line.said.room, &line.said.message), line);
    }
    let mut cases: BTreeMap<RoomId, Vec<Case<'_>>> = BTreeMap::new();
    for line in &play.lines {
        let key = (line.said.room, &line.said.message);
        let last = newest.get(&key).is_some_and(|it| std::ptr::eq(*it, line));
        let Some(right) = judged.get(&(key.0, *key.1)).filter(|_| last) else { continue };
        let case = Case { line, text: text_of(&line.said), right: *right };
        cases.entry(line.said.room).or_default().push(case);
    }
    let mut found = Vec::new();
    for (room, cases) in &cases {
        let from = cases.len().saturating_sub(MESSAGES_MAX);
        let all: Vec<String> = said.iter().filter(|it| it.room == *room).map(text_of).collect();
        of_room(*room, &cases[from..], &all, &mut found);
    }
    of_rules(cases.values().flatten(), &mut found);
    found
}

fn of_room(room: RoomId, cases: &[Case<'_>], all: &[String], found: &mut Vec<Suggestion>) {
    let (right, wrong): (Vec<&Case<'_>>, Vec<&Case<'_>>) = cases.iter().partition(|it| it.right);
    let unjudged = |phrase: &str| {
        let touched = all.iter().filter(|it| it.contains(phrase)).count();
        touched.saturating_sub(cases.iter().filter(|it| it.text.contains(phrase)).count())
    };
    let mut add = |advice: Advice, messages: Vec<(RoomId, MessageId)>, others| {
        found.push(Suggestion { room: Some(room), advice, messages, others });
    };
    // What no right one says.
    let phrases = shared(&wrong, &right);
    for phrase in &phrases {
        add(Advice::Deny(phrase.clone()), sharing(phrase, &wrong), unjudged(phrase));
    }
    if phrases.is_empty() {
        let mut clients: Vec<AccountId> = wrong.iter().map(|it| it.line.said.account).collect();
        clients.sort_unstable_by_key(|it| it.0);
        clients.dedup();
        for client in clients {
            let his = |cases: &[&'_ Case<'_>]| -> Vec<usize> {
                let own = |(at, it): (usize, &&Case<'_>)| (it.line.said.account == client).then_some(at);
                cases.iter().enumerate().filter_map(own).collect()
            };
            let his_wrong: Vec<&Case<'_>> = his(&wrong).into_iter().map(|at| wrong[at]).collect();
            let his_right: Vec<&Case<'_>> = his(&right).into_iter().map(|at| right[at]).collect();
            for phrase in shared(&his_wrong, &his_right) {
                let messages = sharing(&phrase, &his_wrong);
                let others = unjudged(&phrase);
                add(Advice::ClientDeny(client, phrase), messages, others);
            }
        }
    }
    // What was only asked about, and was right each time; nobody else may say it.
    let asked: Vec<&Case<'_>> =
        right.iter().copied().filter(|it| it.line.signal.tier == Tier::Unsure).collect();
    for phrase in shared(&asked, &wrong).into_iter().filter(|it| unjudged(it) == 0) {
        let messages = sharing(&phrase, &asked);
        add(Advice::Allow(phrase), messages, 0);
    }
    // Wrong ones were less sure than every right one.
    let sure = |cases: &[&'_ Case<'_>]| -> Vec<f64> {
        let sure = cases.iter().filter(|it| it.line.signal.tier == Tier::Certain);
        sure.map(|it| it.line.signal.confidence * 100.0).collect()
    };
    let most_wrong = sure(&wrong).into_iter().fold(0.0, f64::max);
    let least_right = sure(&right).into_iter().fold(100.0, f64::min);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = most_wrong.floor() as u8 + 1;
    let splits = (CERTAIN_LEAST..100).contains(&percent) && f64::from(percent) <= least_right;
    if sure(&wrong).len() >= LEAST && splits {
        let certain = wrong.iter().filter(|it| it.line.signal.tier == Tier::Certain);
        add(Advice::Certain(percent), certain.map(|it| it.key()).collect(), 0);
    }
}

/// The messages that hold a phrase.
fn sharing(phrase: &str, cases: &[&Case<'_>]) -> Vec<(RoomId, MessageId)> {
    cases.iter().filter(|it| it.text.contains(phrase)).map(|it| it.key()).collect()
}

/// Rules that were a reason of wrong ones alone, in whatever room.
fn of_rules<'a>(cases: impl Iterator<Item = &'a Case<'a>>, found: &mut Vec<Suggestion>) {
    let mut rules: BTreeMap<&str, (Vec<&Case<'_>>, usize)> = BTreeMap::new();
    for case in cases {
        let reasons = case.line.signal.reasons.iter().map(|it| it.rule.as_str());
        let own: HashSet<&str> = reasons.filter(|it| !NO_RULES.contains(it)).collect();
        for rule in own {
            let (wrong, right) = rules.entry(rule).or_default();
            if case.right { *right += 1 } else { wrong.push(case) }
        }
    }
    let mut rules: Vec<_> =
        rules.into_iter().filter(|(_, (wrong, right))| wrong.len() >= LEAST && *right == 0).collect();
    rules.sort_by_key(|(_, (wrong, _))| std::cmp::Reverse(wrong.len()));
    for (rule, (wrong, _)) in rules.into_iter().take(EACH_MAX) {
        found.push(Suggestion {
            room: None,
            advice: Advice::Rule(rule.to_owned()),
            messages: wrong.iter().map(|it| it.key()).collect(),
            others: 0,
        });
    }
}

/// The sender's own words in one spelling, without what a phrase cannot hold.
fn text_of(said: &Said) -> String {
    let Change::Text(body) = &said.change else { return String::new() };
    let parsed = notation::parse(body);
    let own: String = parsed.own_words().into_iter().map(|span| &body[span]).collect();
    own.nfkc().flat_map(char::to_lowercase).take(LETTERS_MAX).collect()
}

/// Phrases that at least [`LEAST`] of `cases` hold and none of `not`: the most common first, the longest of those that are
/// equally common, none inside another.
fn shared(cases: &[&Case<'_>], not: &[&Case<'_>]) -> Vec<String> {
    if cases.len() < LEAST {
        return Vec::new();
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for case in cases {
        let letters: Vec<char> = case.text.chars().collect();
        let mut own: HashSet<String> = HashSet::new();
        for from in 0..letters.len() {
            for to in from + PHRASE.start()..=letters.len().min(from + PHRASE.end()) {
                let piece = &letters[from..to];
                if piece.iter().any(|it| is_break(*it)) {
                    break;
                }
                if piece.iter().filter(|it| is_content(**it)).count() < CONTENT_LEAST {
                    continue;
                }
                own.insert(piece.iter().collect());
            }
        }
        own.into_iter().for_each(|piece| *counts.entry(piece).or_default() += 1);
    }
    let mut common: Vec<(String, usize)> = counts
        .into_iter()
        .filter(|(piece, count)| *count >= LEAST && !not.iter().any(|it| it.text.contains(piece.as_str())))
        .collect();
    let rank = |(piece, count): &(String, usize)| (std::cmp::Reverse(*count), std::cmp::Reverse(piece.len()));
    common.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.0.cmp(&b.0)));
    let mut chosen: Vec<String> = Vec::new();
    for (piece, _) in common {
        let apart =
            |it: &String| !it.contains(&piece) && !piece.contains(it.as_str()) && !overlaps(it, &piece);
        if chosen.iter().all(apart) {
            chosen.push(piece);
        }
        if chosen.len() == EACH_MAX {
            break;
        }
    }
    chosen
}

/// Kana alone say how something is asked, not what: お願いできますか is no phrase of one matter.
fn is_content(it: char) -> bool {
    it.is_alphanumeric() && !matches!(it, '\u{3041}'..='\u{3093}' | '\u{30fc}')
}

fn is_break(it: char) -> bool {
    it.is_control() || it.is_whitespace() || matches!(it, '。' | '、' | '!' | '?' | ',' | '.')
}

/// The end of one is the beginning of the other: both are pieces of one longer phrase.
fn overlaps(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    (2..a.len().min(b.len())).any(|len| a.ends_with(&b[..len]) || b.ends_with(&a[..len]))
}
