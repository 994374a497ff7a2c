//! What a person types: words, "phrases", -without, OR between; a plan for the index and the test on a text.

use std::ops::Range;

use crate::domain::{Folded, fold};
use crate::store::{Expression, SearchFilter};

use super::words::{file_word, import_word, lookup, room_word, sender_word};
use super::{joined, marks_of};

/// Characters of a query that are looked at.
const MAX_CHARS: usize = 500;
/// Words of a query that are looked at.
const MAX_WORDS: usize = 32;

/// A query that was read. Every text is a query; the empty one fits everything that the filters let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// All of these must fit, each by any of its words.
    clauses: Vec<Vec<Word>>,
    /// None of these may.
    without: Vec<Word>,
    exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    typed: String,
    folded: String,
}

impl Word {
    fn new(typed: &str) -> Self {
        Self { typed: typed.to_owned(), folded: fold(typed) }
    }
}

/// A piece of a query as it was typed.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Word(String),
    Without(String),
    Or,
}

impl Query {
    /// Words with spaces between must all be there; `"…"` is one word, spaces and all; `-` before a word: without it;
    /// `OR` between two words: either. A mark that has no partner is a character like any other. With `exact` width,
    /// case and kana matter.
    pub fn parse(text: &str, exact: bool) -> Self {
        let text: String = text.chars().take(MAX_CHARS).collect();
        let mut query = Self { exact, ..Self::default() };
        let mut either = false;
        let pieces = pieces(&text);
        for (at, piece) in pieces.iter().enumerate().take(MAX_WORDS) {
            match piece {
                Piece::Or => {
                    let between_words = at > 0
                        && matches!(pieces[at - 1], Piece::Word(_))
                        && matches!(pieces.get(at + 1), Some(Piece::Word(_)));
                    if between_words {
                        either = true;
                        continue;
                    }
                    query.clauses.push(vec![Word::new("OR")]);
                }
                Piece::Without(word) => query.without.push(Word::new(word)),
                Piece::Word(word) => match query.clauses.last_mut() {
                    Some(clause) if either => clause.push(Word::new(word)),
                    _ => query.clauses.push(vec![Word::new(word)]),
                },
            }
            either = false;
        }
        query
    }

    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty() && self.without.is_empty()
    }

    /// For the index: texts that fit are among those that it gives. `None` when nothing in it narrows.
    pub(super) fn expression(&self, filter: &SearchFilter) -> Option<Expression> {
        let mut all: Vec<Vec<Vec<String>>> = Vec::new();
        for clause in &self.clauses {
            let each: Vec<Vec<String>> = clause.iter().map(|it| lookup(&it.folded)).collect();
            // One word that the index does not know lets every text through.
            if !each.iter().any(Vec::is_empty) {
                all.push(each);
            }
        }
        let mut also = |word: String| all.push(vec![vec![word]]);
        if let Some(room) = filter.room {
            also(room_word(room));
        }
        if let Some(sender) = filter.sender {
            also(sender_word(sender));
        }
        if filter.has_file {
            also(file_word());
        }
        if filter.imported {
            also(import_word());
        }
        (!all.is_empty()).then(|| Expression { all, import: import_word() })
    }

    /// Whether the text fits, and where the words stand in it.
    pub(super) fn confirm(&self, body: &str) -> Option<Vec<Range<usize>>> {
        if self.exact {
            return self.confirm_by(|word| {
                body.match_indices(&word.typed).map(|(at, it)| at..at + it.len()).collect()
            });
        }
        // Most candidates fit, and most fit in few words: the map is made only for those that do.
        let text = fold(body);
        self.confirm_by(|word| text.contains(&word.folded).then_some(0..1).into_iter().collect())?;
        let folded = Folded::new(body);
        self.confirm_by(|word| marks_of(&folded, &word.folded))
    }

    fn confirm_by(&self, find: impl Fn(&Word) -> Vec<Range<usize>>) -> Option<Vec<Range<usize>>> {
        let found = |word: &Word| if word.is_nothing(self.exact) { Vec::new() } else { find(word) };
        if self.without.iter().any(|it| !found(it).is_empty()) {
            return None;
        }
        let mut marks = Vec::new();
        for clause in &self.clauses {
            let before = marks.len();
            marks.extend(clause.iter().flat_map(found));
            if marks.len() == before && !clause.iter().any(|it| it.is_nothing(self.exact)) {
                return None;
            }
        }
        Some(joined(marks))
    }
}

impl Word {
    /// Made of invisible characters alone: it asks for nothing.
    fn is_nothing(&self, exact: bool) -> bool {
        if exact { self.typed.is_empty() } else { self.folded.is_empty() }
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (without, word) = match rest.strip_prefix(['-', '\u{ff0d}']) {
            Some(word) if !word.is_empty() && !word.starts_with(char::is_whitespace) => (true, word),
            _ => (false, rest),
        };
        let (word, phrase, behind) = match phrase(word) {
            Some((phrase, behind)) => (phrase, true, behind),
            None => {
                let end = word.find(char::is_whitespace).unwrap_or(word.len());
                (&word[..end], false, &word[end..])
            }
        };
        found.push(match (without, word) {
            (false, "OR") if !phrase => Piece::Or,
            (false, word) => Piece::Word(word.to_owned()),
            (true, word) => Piece::Without(word.to_owned()),
        });
        rest = behind.trim_start();
    }
    found
}

/// `"…"` in any of its spellings, not empty, with white space or the end behind it.
fn phrase(text: &str) -> Option<(&str, &str)> {
    let marks = ['"', '\u{201c}', '\u{201d}', '\u{ff02}'];
    let inner = text.strip_prefix(marks)?;
    inner.match_indices(marks).find_map(|(at, mark)| {
        let behind = &inner[at + mark.len()..];
        let closes = at > 0 && (behind.is_empty() || behind.starts_with(char::is_whitespace));
        closes.then(|| (&inner[..at], behind))
    })
}
