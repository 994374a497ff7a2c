//! All features of a message: those of the talk around it, and those of each of its sentences.

use std::collections::HashMap;

use crate::detect::condition::{Bits, Place};
use crate::detect::features::{Kind, around_grams, crosses, grams, marks, outlines, step};
use crate::detect::read::Seen;
use crate::detect::rules::RuleSet;
use crate::domain::Role;

/// A message, its talk and which rules over the whole of it fired.
pub(crate) struct Scene<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) places: &'a mut [Bits; Place::COUNT],
    /// What the engine knows of the message (`@…`), without the marks of its words.
    pub(crate) facts: Bits,
    /// The last earlier message: who wrote it, and its own words.
    pub(crate) last: Option<(Role, String)>,
    /// Gates and verdicts over the message, by the hash of their ids.
    pub(crate) fired: Vec<u64>,
}

impl Scene<'_> {
    /// One sentence of a few letters.
    fn brief(&self) -> bool {
        self.seen.sentences.len() == 1 && self.seen.normal.text.len() <= BRIEF_MAX
    }
}

/// What was said before that changes what a sentence means, anywhere in the context.
const GROUND: [&str; 18] = [
    "covered",
    "escrow_claim",
    "escrow_open",
    "posted_claim",
    "posted_open",
    "asked_contract",
    "asked_escrow",
    "delivered",
    "offer",
    "price",
    "quote_ask",
    "unsettled",
    "withdrawn",
    "more",
    "s_quote",
    "s_offer",
    "s_decline",
    "s_approved",
];

/// Those marks, by their numbers.
pub(crate) fn ground(names: &HashMap<String, u16>) -> Bits {
    let mut bits = Bits::default();
    GROUND.iter().filter_map(|name| names.get(*name)).for_each(|at| bits.set(*at));
    bits
}

/// Bytes of normalised text up to which a message is a short answer.
const BRIEF_MAX: usize = 60;
/// Places of letters around a sentence beside those of the roles: of what a short answer answers, and of the whole message.
const SHORT: u64 = 8;
const WHOLE: u64 = 24;
/// Sentences of a message that the others know of.
const WHOLE_MAX: usize = 12;

impl RuleSet {
    /// Features that all sentences of a message share.
    pub(crate) fn talk_features(&self, scene: &Scene<'_>, mut see: impl FnMut(Kind, u32)) {
        let names = &self.hashes;
        for place in Place::EARLIER {
            marks(place, &scene.places[place as usize], names, |it| see(Kind::Mark, it));
        }
        marks(Place::Message, &scene.facts, names, |it| see(Kind::Mark, it));
        for id in &scene.fired {
            see(Kind::Fired, Kind::Fired.bucket(*id));
        }
        if let Some((role, words)) = &scene.last {
            around_grams(*role as u64, words, |it| see(Kind::AroundGram, it));
            // A short answer takes its object from what it answers.
            if scene.brief() {
                around_grams(*role as u64 + SHORT, words, |it| see(Kind::AroundGram, it));
            }
        }
        // What one sentence asks another may take back, or say of whom.
        let sentences = &scene.seen.sentences;
        for sentence in sentences.iter().take(WHOLE_MAX).filter(|_| sentences.len() > 1) {
            let words = &scene.seen.normal.text[sentence.clone()];
            around_grams(WHOLE, words, |it| see(Kind::AroundGram, it));
        }
        let sentences = sentences.len().min(6) as u64;
        see(Kind::Shape, Kind::Shape.bucket(sentences));
    }

    /// Features of one sentence; `fired` are the verdicts over it, by the hash of their ids.
    pub(crate) fn sentence_features(
        &self,
        scene: &Scene<'_>,
        at: usize,
        fired: &[u64],
        mut see: impl FnMut(Kind, u32),
    ) {
        let names = &self.hashes;
        let seen = scene.seen;
        let here = seen.bits[at];
        let near = scene.places[Place::Near as usize].without(&here);
        marks(Place::Here, &here, names, |it| see(Kind::Mark, it));
        marks(Place::Near, &near, names, |it| see(Kind::Mark, it));
        crosses(&here, Place::Here, &here, names, |it| see(Kind::Cross, it));
        crosses(&here, Place::Message, &scene.facts, names, |it| see(Kind::Cross, it));
        for place in [Place::PrevWorker, Place::PrevClient] {
            crosses(&here, place, &scene.places[place as usize], names, |it| see(Kind::Cross, it));
        }
        for place in [Place::ContextWorker, Place::ContextClient] {
            let ground = scene.places[place as usize].both(&self.ground);
            crosses(&here, place, &ground, names, |it| see(Kind::Cross, it));
        }
        for id in fired {
            see(Kind::Fired, Kind::Fired.bucket(*id));
        }
        let words = &seen.normal.text[seen.sentences[at].clone()];
        grams(words, |it, _| see(Kind::Gram, it));
        outlines(words, &mut see);
        let place = match (at, seen.sentences.len()) {
            (0, 1) => 0,
            (0, _) => 1,
            (at, all) if at + 1 == all => 2,
            _ => 3,
        };
        let length = (words.len().min(200) / 12) as u64;
        see(Kind::Shape, Kind::Shape.bucket(step(16, place)));
        see(Kind::Shape, Kind::Shape.bucket(step(32, length)));
        see(Kind::Shape, Kind::Shape.bucket(step(step(64, place), length.min(3))));
    }
}
