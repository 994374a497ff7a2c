//! The examples that stand beside each rule, run: a rule says of itself what it means.

use std::collections::BTreeSet;

use crate::detect::condition::Bits;
use crate::detect::own::own;
use crate::detect::rules::RuleSet;
use crate::detect::schema::{Example, Marking};
use crate::detect::table::Table;
use crate::detect::terms::slice;
use crate::domain::SignalInput;

impl RuleSet {
    /// Runs every example of every rule; a line for each that does not hold, and for each rule without both kinds.
    pub fn check_examples(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for file in &self.files {
            for rule in &file.mask {
                self.check_marking(&self.masks, rule, &mut failures);
            }
            for rule in &file.mark {
                self.check_marking(&self.marks, rule, &mut failures);
            }
            for rule in &file.gate {
                self.check_examples_of(&rule.id, &rule.matches, &rule.not, &mut failures);
            }
            for rule in &file.verdict {
                self.check_examples_of(&rule.id, &rule.matches, &rule.not, &mut failures);
            }
            for rule in &file.term {
                both(&rule.id, rule.matches.is_empty(), rule.not.is_empty(), &mut failures);
                let only = |text: &str| {
                    let seen = self.see(text, std::slice::from_ref(&(0..text.len())));
                    let found = self.terms.iter().find(|term| term.id == rule.id)?.find(&seen.normal.text)?;
                    let (from, to) = seen.normal.span(found);
                    slice(text, from, to)
                };
                for (text, copied) in &rule.matches {
                    if only(text).as_deref() != Some(copied) {
                        failures.push(format!("{}: copies {:?} out of {text}", rule.id, only(text)));
                    }
                }
                for text in rule.not.iter().filter(|text| only(text).is_some()) {
                    failures.push(format!("{}: copies {:?} out of {text}", rule.id, only(text)));
                }
            }
        }
        failures
    }

    /// Each sentence as the rules see it, with the marks it carries; to find out why a rule did not fire.
    pub fn look(&self, body: &str) -> Vec<(String, Vec<&str>)> {
        let seen = self.see(body, &own(body).words);
        let mut names = self.mark_names();
        names.sort_unstable();
        let marks =
            |bits: &Bits| names.iter().filter(|(_, at)| bits.has(*at)).map(|(name, _)| *name).collect();
        seen.masked.iter().zip(&seen.bits).map(|(sentence, bits)| (sentence.clone(), marks(bits))).collect()
    }

    /// The marks that a message carries, and with `prev.` those of the message right before it.
    pub(crate) fn shown(&self, input: &SignalInput<'_>) -> BTreeSet<String> {
        let here = self.see(input.body, &own(input.body).words).all;
        let before = input.context.last();
        let before = before.map(|it| self.see(&it.body, &own(&it.body).words).all).unwrap_or_default();
        let named = |bits: Bits, prefix: &'static str| {
            let names = self.mark_names().into_iter().filter(move |(_, at)| bits.has(*at));
            names.map(move |(name, _)| format!("{prefix}{name}")).collect::<Vec<_>>()
        };
        named(here, "").into_iter().chain(named(before, "prev.")).collect()
    }

    fn check_marking(&self, table: &Table, rule: &Marking, failures: &mut Vec<String>) {
        both(&rule.id, rule.matches.is_empty(), rule.not.is_empty(), failures);
        let Some(compiled) = table.rules.iter().find(|compiled| compiled.id == rule.id) else { return };
        let mask = std::ptr::eq(table, &self.masks);
        let found = |text: &str| {
            let seen = self.see(text, std::slice::from_ref(&(0..text.len())));
            let texts = if mask {
                seen.sentences.iter().map(|range| seen.normal.text[range.clone()].to_owned()).collect()
            } else {
                seen.masked
            };
            texts.iter().any(|text| !table.all(compiled, text).is_empty())
        };
        for text in rule.matches.iter().filter(|text| !found(text)) {
            failures.push(format!("{}: does not match {text}", rule.id));
        }
        for text in rule.not.iter().filter(|text| found(text)) {
            failures.push(format!("{}: matches {text}", rule.id));
        }
    }

    fn check_examples_of(&self, id: &str, matches: &[Example], not: &[Example], failures: &mut Vec<String>) {
        both(id, matches.is_empty(), not.is_empty(), failures);
        for (examples, wanted) in [(matches, true), (not, false)] {
            for example in examples {
                let (sender_role, room_type) = example.from();
                let context = example.context();
                let input = SignalInput {
                    room_type,
                    sender_role,
                    body: example.body(),
                    context: &context,
                    workers: &[],
                    worker_names: &[],
                };
                if self.fired(&input).1.contains(&id) != wanted {
                    let what = if wanted { "does not fire at" } else { "fires at" };
                    failures.push(format!("{id}: {what} {}", example.body()));
                }
            }
        }
    }
}

fn both(id: &str, no_match: bool, no_not: bool, failures: &mut Vec<String>) {
    if no_match || no_not {
        failures.push(format!("{id}: needs both match and not examples"));
    }
}
