//! What the owner has set for a room or a client: from which confidence on a request counts, and phrases that settle it.
//!
//! Gates come before it: what is not said by a client, quoted, withdrawn or addressed to somebody else stays what it is.

use sha2::{Digest as _, Sha256};

use crate::detect::explain::reason;
use crate::detect::normal::Normal;
use crate::detect::read::{Heard, NOTHING, Reading, Seen};
use crate::detect::rules::RuleSet;
use crate::domain::{Label, Reason, Signal, SignalInput, Terms, Tier, Tuning, hex};

/// The id under which a phrase of the owner's list is given as a reason.
pub(crate) const PHRASE: &str = "room.allow";
pub(crate) const PHRASE_REASON: &str = "設定で依頼と決めた言い回し";
/// The id under which a threshold is.
pub(crate) const THRESHOLD: &str = "room.threshold";
pub(crate) const THRESHOLD_REASON: &str = "設定で変えたしきい値";

impl RuleSet {
    /// What the rules say of one message where that is set.
    pub fn read_tuned(&self, input: &SignalInput<'_>, tuning: &Tuning) -> Signal {
        self.read_among(input, tuning, &mut Heard::default())
    }

    /// [`RuleSet::read_tuned`] of a message whose context was heard with others.
    pub fn read_among<'a>(&self, input: &SignalInput<'a>, tuning: &Tuning, heard: &mut Heard<'a>) -> Signal {
        let mut reading = Reading::new();
        let (mut signal, seen) = self.judged(input, heard, &mut reading);
        if *tuning != Tuning::default() {
            self.tune(input.body, &seen, &reading, tuning, &mut signal);
        }
        signal
    }

    /// [`RuleSet::version`], and a digest of what is set beside the rules: both together give the same signal again.
    pub fn version_tuned(&self, tuning: &Tuning) -> String {
        if *tuning == Tuning::default() {
            return self.version().to_owned();
        }
        let mut digest = Sha256::new();
        digest.update(format!("{tuning:?}"));
        format!("{}+{}", self.version(), &hex(&digest.finalize())[..8])
    }

    fn tune(&self, body: &str, seen: &Seen, reading: &Reading<'_>, tuning: &Tuning, signal: &mut Signal) {
        let label = Label::NewRequest;
        if reading.blocked[label as usize] {
            return;
        }
        if tuning.deny.iter().any(|phrase| self.phrase(seen, phrase).is_some()) {
            signal.labels.set(label, false);
            signal.reasons.retain(|it| it.label != label);
            (signal.tier, signal.confidence, signal.terms) = (Tier::No, NOTHING, Terms::default());
            return;
        }
        let allowed = tuning.allow.iter().find_map(|phrase| self.phrase(seen, phrase));
        // The surest of all is still not beyond doubt: at 100 nothing reaches it.
        let reaches = |percent: u8| percent < 100 && signal.confidence * 100.0 >= f64::from(percent);
        let mut tier = signal.tier;
        if let Some(certain) = tuning.certain {
            tier = if reaches(certain) { Tier::Certain } else { tier.min(Tier::Unsure) };
        }
        if let Some(unsure) = tuning.unsure {
            tier = if reaches(unsure) { tier.max(Tier::Unsure) } else { Tier::No };
        }
        if allowed.is_some() {
            tier = Tier::Certain;
        }
        let tier = tier.min(reading.cap);
        if tier > signal.tier {
            let (rule, (from, to)) = match allowed {
                Some(span) => (PHRASE, span),
                None => (THRESHOLD, (0, 0)),
            };
            signal.reasons.push(reason(body, label, rule, from, to));
        }
        match (signal.labels.get(label), tier > Tier::No) {
            (false, true) => signal.terms = self.terms(body, seen, 0),
            (true, false) => {
                signal.reasons.retain(|it: &Reason| it.label != label);
                signal.terms = Terms::default();
            }
            _ => {}
        }
        signal.labels.set(label, tier > Tier::No);
        signal.tier = tier;
    }

    /// Where the sender's own words hold a phrase, in scalar values of the body; spelling does not matter.
    fn phrase(&self, seen: &Seen, phrase: &str) -> Option<(usize, usize)> {
        let spelt = Normal::new(phrase, std::slice::from_ref(&(0..phrase.len())), &self.fold);
        let at =
            Some(spelt.text.trim()).filter(|it| !it.is_empty()).and_then(|it| seen.normal.text.find(it))?;
        Some(seen.normal.span(at..at + spelt.text.trim().len()))
    }
}
