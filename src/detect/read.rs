//! One message to its signal: marks of each sentence, gates, verdicts, reasons.

use std::collections::HashMap;
use std::ops::Range;

use crate::detect::address::{Address, address};
use crate::detect::condition::{Atom, Bits, Condition, Place};
use crate::detect::features::Kind;
use crate::detect::model::{LABELS, Scorer};
use crate::detect::normal::{Normal, sentences};
use crate::detect::own::{Own, own};
use crate::detect::rules::{CompiledVerdict, RuleSet, fact};
use crate::detect::schema::Scope;
use crate::detect::sketch::Scene;
use crate::domain::{ContextMessage, Label, Role, RoomType, Signal, SignalInput, Tier};

/// Longest sentence in bytes of normalised text; a longer one is read in parts.
const SENTENCE_MAX: usize = 900;
/// Earlier messages that are looked at.
const CONTEXT_MAX: usize = 6;
/// Own words up to this many bytes of normalised text are a short answer.
const SHORT_MAX: usize = 90;
/// What stands for a blanked character, byte for byte.
const BLANK: &str = "\u{1f}";
/// Confidence of a message without any hint of a request.
pub(crate) const NOTHING: f64 = 0.02;
/// Confidence of a request that a gate keeps from being certain, at most.
const CAPPED: f64 = 0.6;

/// A message as the rules see it.
pub(crate) struct Seen {
    pub(crate) normal: Normal,
    pub(crate) sentences: Vec<Range<usize>>,
    pub(crate) masked: Vec<String>,
    pub(crate) bits: Vec<Bits>,
    pub(crate) all: Bits,
}

/// What came of the rules for one message.
pub(crate) struct Reading<'r> {
    pub(crate) fired: Vec<&'r str>,
    /// Labels that a gate switched off, in the order of [`Label::ALL`].
    pub(crate) blocked: [bool; Label::ALL.len()],
    pub(crate) cap: Tier,
    pub(crate) best: [Option<(&'r CompiledVerdict, usize)>; Label::ALL.len()],
}

impl Reading<'_> {
    pub(crate) fn new() -> Self {
        Self {
            fired: Vec::new(),
            blocked: [false; Label::ALL.len()],
            cap: Tier::Certain,
            best: [None; Label::ALL.len()],
        }
    }
}

/// Marks of earlier messages that were read already. Messages of one conversation have most of their context in common.
#[derive(Default)]
pub struct Heard<'a>(HashMap<&'a str, Bits>);

impl RuleSet {
    /// What the rules say of one message.
    pub fn read(&self, input: &SignalInput<'_>) -> Signal {
        self.fired(input).0
    }

    /// The signal and the ids of all rules that fired, gates included; for examples and back-tests.
    pub(crate) fn fired(&self, input: &SignalInput<'_>) -> (Signal, Vec<&str>) {
        let mut reading = Reading::new();
        let (signal, _) = self.judged(input, &mut Heard::default(), &mut reading);
        (signal, reading.fired)
    }

    /// The signal, and what it rests on.
    pub(crate) fn judged<'r, 'a>(
        &'r self,
        input: &SignalInput<'a>,
        heard: &mut Heard<'a>,
        reading: &mut Reading<'r>,
    ) -> (Signal, Seen) {
        let mut scorer = self.model.as_ref().map(Scorer::new);
        let seen = self.walk(input, heard, reading, |at, kind, bucket| {
            if let Some(scorer) = &mut scorer {
                scorer.see(at, kind, bucket);
            }
        });
        let scores = scorer.map(Scorer::finish);
        (self.signal(input.body, &seen, reading, scores.as_ref()), seen)
    }

    /// Goes through the rules; `sketch` sees each feature with its sentence (`None` for what
    /// all of them share).
    pub(crate) fn walk<'r, 'a>(
        &'r self,
        input: &SignalInput<'a>,
        heard: &mut Heard<'a>,
        reading: &mut Reading<'r>,
        mut sketch: impl FnMut(Option<usize>, Kind, u32),
    ) -> Seen {
        let own = own(input.body);
        let seen = self.see(input.body, &own.words);
        let from = input.context.len().saturating_sub(CONTEXT_MAX);
        let context = &input.context[from..];
        let mut places = [Bits::default(); Place::COUNT];
        let last = self.context(context, heard, &mut places);
        let facts = self.facts(input, &own, &seen, context);
        places[Place::Message as usize] = seen.all;
        places[Place::Message as usize].join(&facts);

        let mut ids = Vec::new();
        places[Place::Here as usize] = places[Place::Message as usize];
        places[Place::Near as usize] = places[Place::Message as usize];
        for gate in self.gates.iter().filter(|gate| holds(&gate.when, &places)) {
            reading.fired.push(gate.id.as_str());
            ids.push(gate.hash);
            match gate.cap {
                Some(tier) => reading.cap = reading.cap.min(tier),
                None => gate.labels.iter().for_each(|label| reading.blocked[*label as usize] = true),
            }
        }
        for verdict in self.verdicts.iter().filter(|verdict| verdict.scope == Scope::Message) {
            if !reading.blocked[verdict.label as usize] && holds(&verdict.when, &places) {
                reading.fired.push(verdict.id.as_str());
                ids.push(verdict.hash);
                let at = (0..seen.bits.len()).find(|at| touches(&verdict.when, &seen.bits[*at])).unwrap_or(0);
                keep(&mut reading.best[verdict.label as usize], verdict, at);
            }
        }
        let scene = Scene { seen: &seen, places: &mut places, facts, last, fired: ids };
        self.talk_features(&scene, |kind, it| sketch(None, kind, it));
        for (at, here) in seen.bits.iter().enumerate() {
            scene.places[Place::Here as usize] = *here;
            scene.places[Place::Near as usize] = near(&seen.bits, at);
            let mut ids = Vec::new();
            for verdict in self.verdicts.iter().filter(|verdict| verdict.scope == Scope::Sentence) {
                if !reading.blocked[verdict.label as usize] && holds(&verdict.when, scene.places) {
                    reading.fired.push(verdict.id.as_str());
                    ids.push(verdict.hash);
                    keep(&mut reading.best[verdict.label as usize], verdict, at);
                }
            }
            self.sentence_features(&scene, at, &ids, |kind, it| sketch(Some(at), kind, it));
        }
        seen
    }

    fn signal(
        &self,
        body: &str,
        seen: &Seen,
        reading: &Reading<'_>,
        scores: Option<&[(f32, usize); LABELS]>,
    ) -> Signal {
        let mut signal = Signal { confidence: NOTHING, ..Signal::default() };
        for label in Label::ALL {
            let it = label as usize;
            let ruled = reading.best[it];
            let score = scores.filter(|_| !reading.blocked[it]).zip(self.model.as_ref());
            let graded = match score {
                Some((scores, model)) => {
                    let ((score, at), scale) = (scores[it], &model.scales[it]);
                    if label == Label::NewRequest && score.is_finite() {
                        signal.confidence = model.confidence(it, score);
                    }
                    let tier = if score >= scale.certain { Tier::Certain } else { Tier::Unsure };
                    (score >= scale.ask).then_some((tier, signal.confidence, at))
                }
                None if scores.is_some() => None,
                None => ruled.map(|(verdict, at)| (verdict.tier, verdict.confidence, at)),
            };
            let Some((tier, confidence, at)) = graded else { continue };
            signal.labels.set(label, true);
            if label == Label::NewRequest {
                signal.tier = tier.min(reading.cap);
                signal.confidence = if tier > reading.cap { confidence.min(CAPPED) } else { confidence };
                signal.terms = self.terms(body, seen, at);
            }
            self.explain_label(body, seen, label, at, ruled, &mut signal.reasons);
        }
        // What is said to be posted and paid into escrow needs no reminder of it: at most a question to the owner.
        if signal.labels.contract_posted && signal.labels.escrow_claimed && signal.tier == Tier::Certain {
            (signal.tier, signal.confidence) = (Tier::Unsure, signal.confidence.min(CAPPED));
        }
        signal
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

    /// Marks of what was said before; returns who wrote the last message, and its own words.
    fn context<'a>(
        &self,
        context: &'a [ContextMessage],
        heard: &mut Heard<'a>,
        places: &mut [Bits; Place::COUNT],
    ) -> Option<(Role, String)> {
        let see = |message: &'a ContextMessage| self.see(&message.body, &own(&message.body).words);
        let mut last_words = None;
        for (at, message) in context.iter().enumerate() {
            let last = at + 1 == context.len();
            // Of the last one the words are needed too.
            let seen = last.then(|| see(message));
            let bits = *heard
                .0
                .entry(&message.body)
                .or_insert_with(|| seen.as_ref().map_or_else(|| see(message).all, |it| it.all));
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
                last_words = seen.map(|it| (message.sender_role, it.normal.text));
            }
        }
        last_words
    }

    fn facts(&self, input: &SignalInput<'_>, own: &Own, seen: &Seen, context: &[ContextMessage]) -> Bits {
        let mut bits = Bits::default();
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
        let said = own.words.first().and_then(|it| input.body.get(it.start..)).unwrap_or_default();
        let address = address(input, said, own, context);
        state("@to_other", address == Address::Other);
        state("@to_many", address == Address::Many);
        state("@to_unknown", address == Address::Unknown);
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
        bits
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
