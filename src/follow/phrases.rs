//! What a client says of the bot and of a request that stands already: takes it back, wants no automatic posts, calls
//! everybody. The words are data, in `config/phrases.toml`, compiled in.

use std::sync::LazyLock;

use serde::Deserialize;

const FILE: &str = include_str!("../../config/phrases.toml");

/// The file is part of the program, and a test reads it: it cannot be another one here.
static PHRASES: LazyLock<Phrases> = LazyLock::new(|| toml::from_str(FILE).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    takes_back: Phrase,
    opts_out: Phrase,
    calls_everybody: Phrase,
}

/// A sentence fits when it has one of the words, one of `about` where there are any, and nothing of the rest.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "reason and examples are read by people and tests"))]
struct Phrase {
    reason: String,
    words: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    asks: Vec<String>,
    #[serde(default)]
    about: Vec<String>,
    examples: Vec<String>,
    #[serde(default)]
    of_the_request: Vec<String>,
    never: Vec<String>,
}

fn any(words: &[String], text: &str) -> bool {
    words.iter().any(|word| text.contains(word.as_str()))
}

/// Words to everybody in a group: nobody in particular was asked.
pub fn calls_everybody(text: &str) -> bool {
    any(&PHRASES.calls_everybody.words, text)
}

/// The client takes the request back. Of another message than the request itself it must say what is taken back; a
/// question, a condition or talk of fees takes nothing back.
pub(super) fn takes_back(text: &str, is_the_request: bool) -> bool {
    let phrase = &PHRASES.takes_back;
    text.split_inclusive(['。', '\n', '！', '!', '？', '?']).any(|sentence| {
        any(&phrase.words, sentence)
            && !any(&phrase.unless, sentence)
            && !sentence.trim_end().ends_with(['？', '?'])
            && !any(&phrase.asks, sentence)
            && (is_the_request || any(&phrase.about, sentence))
    })
}

/// The client asks for no more automatic messages.
pub(super) fn opts_out(text: &str) -> bool {
    let phrase = &PHRASES.opts_out;
    text.split_inclusive(['。', '\n']).any(|sentence| {
        let sentence = sentence.to_lowercase();
        any(&phrase.about, &sentence) && any(&phrase.words, &sentence)
    })
}

/// A message without any signal may still matter to a case.
pub(super) fn may_matter(body: &str) -> bool {
    body.contains("crowdworks.jp/") || any(&PHRASES.takes_back.words, body) || opts_out(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_fits_and_no_counterexample_does() {
        let phrases: Phrases = toml::from_str(FILE).unwrap();
        for text in &phrases.takes_back.examples {
            assert!(takes_back(text, true) && takes_back(text, false) && may_matter(text), "{text}");
        }
        for text in &phrases.takes_back.of_the_request {
            assert!(takes_back(text, true) && !takes_back(text, false), "{text}");
        }
        for text in &phrases.takes_back.never {
            assert!(!takes_back(text, true) && !takes_back(text, false), "{text}");
        }
        for (phrase, fits) in
            [(&phrases.opts_out, opts_out as fn(&str) -> bool), (&phrases.calls_everybody, calls_everybody)]
        {
            assert!(!phrase.examples.is_empty() && !phrase.never.is_empty() && !phrase.reason.is_empty());
            assert!(phrase.examples.iter().all(|it| fits(it)), "{phrase:?}");
            assert!(!phrase.never.iter().any(|it| fits(it)), "{phrase:?}");
        }
    }
}
