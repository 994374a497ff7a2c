//! One message to its signal: marks of each sentence, gates, verdicts, reasons.

use std::ops::Range;

use crate::detect::address::{Address, address};
use crate::detect::condition::{Atom, Bits, Condition, Place};
use crate::detect::normal::{Normal, sentences};
use crate::detect::own::{Own, own};
use crate::detect::rules::{CompiledVerdict, RuleSet, fact};
use crate::detect::schema::Scope;
use crate::detect::terms::slice;
use crate::domain::{ContextMessage, Label, Reason, Role, RoomType, Signal, SignalInput, Tier};

/// Longest sentence in bytes of normalised text; a longer one is read in parts.
const SENTENCE_MAX: usize = 900;
/// Earlier messages that are looked at.
const CONTEXT_MAX: usize = 6;
/// Own words up to this many bytes of normalised text are a short answer.
const SHORT_MAX: usize = 90;
/// Reasons that one label gives, at most about so many.
const REASONS_MAX: usize = 40;
/// What stands for a blanked character, byte for byte.
const BLANK: &str = "\u{1f}";
/// Confidence of a message without any hint of a request.
const NOTHING: f64 = 0.02;

/// A message as the rules see it.
pub(crate) struct Seen {
    pub(crate) normal: Normal,
    pub(crate) sentences: Vec<Range<usize>>,
    pub(crate) masked: Vec<String>,
    pub(crate) bits: Vec<Bits>,
    all: Bits,
}

impl RuleSet {
    /// What the rules say of one message.
    pub fn read(&self, input: &SignalInput<'_>) -> Signal {
        self.fired(input).0
    }

    /// The signal and the ids of all rules that fired, gates included; for examples and back-tests.
    pub(crate) fn fired(&self, input: &SignalInput<'_>) -> (Signal, Vec<&str>) {
        let own = own(input.body);
        let seen = self.see(input.body, &own.words);
        let from = input.context.len().saturating_sub(CONTEXT_MAX);
        let context = &input.context[from..];
        let mut places = [Bits::default(); Place::COUNT];
        self.context(context, &mut places);
        places[Place::Message as usize] = seen.all;
        self.facts(input, &own, &seen, context, &mut places[Place::Message as usize]);

        let mut fired = Vec::new();
        let mut blocked = [false; Label::ALL.len()];
        let mut cap = Tier::Certain;
        places[Place::Here as usize] = places[Place::Message as usize];
        for gate in &self.gates {
            if holds(&gate.when, &places) {
                fired.push(gate.id.as_str());
                match gate.cap {
                    Some(tier) => cap = cap.min(tier),
                    None => gate.labels.iter().for_each(|label| blocked[*label as usize] = true),
                }
            }
        }

        let mut best: [Option<(&CompiledVerdict, usize)>; Label::ALL.len()] = [None; Label::ALL.len()];
        for (at, here) in seen.bits.iter().enumerate() {
            places[Place::Here as usize] = *here;
            places[Place::Near as usize] = near(&seen.bits, at);
            for verdict in self.verdicts.iter().filter(|verdict| verdict.scope == Scope::Sentence) {
                if !blocked[verdict.label as usize] && holds(&verdict.when, &places) {
                    fired.push(verdict.id.as_str());
                    keep(&mut best[verdict.label as usize], verdict, at);
                }
            }
        }
        places[Place::Here as usize] = places[Place::Message as usize];
        places[Place::Near as usize] = places[Place::Message as usize];
        for verdict in self.verdicts.iter().filter(|verdict| verdict.scope == Scope::Message) {
            if !blocked[verdict.label as usize] && holds(&verdict.when, &places) {
                fired.push(verdict.id.as_str());
                let at = (0..seen.bits.len()).find(|at| touches(&verdict.when, &seen.bits[*at])).unwrap_or(0);
                keep(&mut best[verdict.label as usize], verdict, at);
            }
        }
        (self.signal(input.body, &seen, &best, cap), fired)
    }

    fn signal(
        &self,
        body: &str,
        seen: &Seen,
        best: &[Option<(&CompiledVerdict, usize)>; Label::ALL.len()],
        cap: Tier,
    ) -> Signal {
        let mut signal = Signal { confidence: NOTHING, ..Signal::default() };
        for label in Label::ALL {
            let Some((verdict, at)) = best[label as usize] else { continue };
            signal.labels.set(label, true);
            if label == Label::NewRequest {
                signal.tier = verdict.tier.min(cap);
                signal.confidence =
                    if verdict.tier > cap { verdict.confidence.min(0.6) } else { verdict.confidence };
                signal.terms = self.terms(body, &seen.normal, &seen.sentences, at);
            }
            self.reasons(body, seen, verdict, at, &mut signal.reasons);
        }
        signal
    }

    /// The verdict with the stretch of words it rests on, then each rule with its own words.
    fn reasons(&self, body: &str, seen: &Seen, verdict: &CompiledVerdict, at: usize, out: &mut Vec<Reason>) {
        let mut found: Vec<(&str, usize, usize)> = Vec::new();
        let wanted = |mark: u16, place: Place| {
            verdict.when.all.iter().flatten().any(|atom| atom.mark == mark && atom.place == place)
        };
        for (index, sentence) in seen.masked.iter().enumerate() {
            let here = index == at || verdict.scope == Scope::Message;
            let near = here || index.abs_diff(at) == 1;
            let counts = |mark: u16| {
                (here && wanted(mark, Place::Here))
                    || (near && wanted(mark, Place::Near))
                    || wanted(mark, Place::Message)
            };
            if found.len() >= REASONS_MAX || !seen.bits[index].marks().any(counts) {
                continue;
            }
            self.marks.matches(sentence, |rule, hit| {
                if let (true, Some(words)) = (rule.gives.is_some_and(counts), hit.range(sentence)) {
                    let base = seen.sentences[index].start;
                    let (from, to) = seen.normal.span(base + words.start..base + words.end);
                    found.push((&rule.id, from, to));
                }
            });
        }
        let from = found.iter().map(|(_, from, _)| *from).min().unwrap_or(0);
        let to = found.iter().map(|(_, _, to)| *to).max().unwrap_or(0);
        for (rule, from, to) in std::iter::once((verdict.id.as_str(), from, to)).chain(found) {
            let text = slice(body, from, to).unwrap_or_default();
            out.push(Reason { label: verdict.label, rule: rule.to_owned(), text, start: from, end: to });
        }
    }

    /// Normalises, cuts into sentences, blanks and marks.
    pub(crate) fn see(&self, body: &str, own: &[Range<usize>]) -> Seen {
        let normal = Normal::new(body, own, &self.fold);
        let sentences = sentences(&normal.text, SENTENCE_MAX);
        let mut seen = Seen {
            masked: Vec::with_capacity(sentences.len()),
            bits: Vec::with_capacity(sentences.len()),
            all: Bits::default(),
            normal,
            sentences,
        };
        for sentence in &seen.sentences {
            let (masked, bits) = self.mark_sentence(&seen.normal.text[sentence.clone()]);
            seen.all.join(&bits);
            seen.masked.push(masked);
            seen.bits.push(bits);
        }
        seen
    }

    fn mark_sentence(&self, sentence: &str) -> (String, Bits) {
        let mut bits = Bits::default();
        let mut masked = sentence.to_owned();
        let mut blanked = Vec::new();
        self.masks.matches(sentence, |rule, _| blanked.push(rule));
        for rule in blanked {
            // An earlier mask may have taken the words already.
            for range in self.masks.all(rule, &masked) {
                masked.replace_range(range.clone(), &BLANK.repeat(range.len()));
                if let Some(mark) = rule.gives {
                    bits.set(mark);
                }
            }
        }
        self.marks.matches(&masked, |rule, _| {
            if let Some(mark) = rule.gives {
                bits.set(mark);
            }
        });
        (masked, bits)
    }

    fn context(&self, context: &[ContextMessage], places: &mut [Bits; Place::COUNT]) {
        for (at, message) in context.iter().enumerate() {
            let bits = self.see(&message.body, &own(&message.body).words).all;
            let last = at + 1 == context.len();
            let mut join = |place: Place| places[place as usize].join(&bits);
            join(Place::Context);
            match message.sender_role {
                Role::Worker => join(Place::ContextWorker),
                Role::Client => join(Place::ContextClient),
                Role::Other | Role::Bot => {}
            }
            if last {
                join(Place::Prev);
                match message.sender_role {
                    Role::Worker => join(Place::PrevWorker),
                    Role::Client => join(Place::PrevClient),
                    Role::Other => join(Place::PrevOther),
                    Role::Bot => {}
                }
            }
        }
    }

    fn facts(
        &self,
        input: &SignalInput<'_>,
        own: &Own,
        seen: &Seen,
        context: &[ContextMessage],
        bits: &mut Bits,
    ) {
        let mut state = |name: &str, holds: bool| {
            if holds {
                bits.set(fact(name));
            }
        };
        state("@client", input.sender_role == Role::Client);
        state("@worker", input.sender_role == Role::Worker);
        state("@other", input.sender_role == Role::Other);
        state("@bot", input.sender_role == Role::Bot);
        state("@group", input.room_type == RoomType::Group);
        let address = address(input.room_type, own, context);
        state("@to_other", address == Address::Other);
        state("@to_many", address == Address::Many);
        state("@to_all", own.to_all);
        state("@quoted", own.quoted);
        state("@task", own.task);
        state("@system", own.system);
        state("@short", seen.normal.text.len() <= SHORT_MAX);
        state("@single", seen.sentences.len() == 1);
        state("@context", !context.is_empty());
        let last = context.last().map(|message| message.sender_role);
        state("@after_worker", last == Some(Role::Worker));
        state("@after_client", last == Some(Role::Client));
    }
}

fn holds(when: &Condition, places: &[Bits; Place::COUNT]) -> bool {
    let has = |atom: &Atom| places[atom.place as usize].has(atom.mark);
    when.all.iter().all(|any| any.iter().any(has)) && !when.none.iter().any(has)
}

/// Whether a sentence carries any mark that a verdict over the message asks for.
fn touches(when: &Condition, bits: &Bits) -> bool {
    when.all.iter().flatten().any(|atom| atom.place == Place::Here && bits.has(atom.mark))
}

fn near(bits: &[Bits], at: usize) -> Bits {
    let mut near = bits[at];
    for other in [at.checked_sub(1), Some(at + 1)].into_iter().flatten() {
        if let Some(other) = bits.get(other) {
            near.join(other);
        }
    }
    near
}

fn keep<'a>(slot: &mut Option<(&'a CompiledVerdict, usize)>, verdict: &'a CompiledVerdict, at: usize) {
    let better = |old: &CompiledVerdict| (verdict.tier, verdict.confidence) > (old.tier, old.confidence);
    if slot.is_none_or(|(old, _)| better(old)) {
        *slot = Some((verdict, at));
    }
}
