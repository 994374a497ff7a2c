//! The words of the index: what one text is filed under, and what a search looks up.
//!
//! Every single character and every pair of characters of the folded text, white space apart. A word of one character
//! is looked up as it stands, one of two as a pair, a longer one as all its pairs.

use std::collections::BTreeSet;

use crate::domain::{AccountId, RoomId, fold};

/// The cursor of the follower that writes the index. A change of the folding or of the words gets a new name: the index
/// is then made anew. (`domain::FOLD_VERSION` 1.)
pub const INDEX_CURSOR: &str = "index.2";

/// Pairs of a long word that are looked up; the text decides on the rest.
const MAX_PAIRS: usize = 16;

/// Two of these begin a word of the index that is not of the text, which has one- and two-character words alone.
const SPECIAL: &str = "\u{e000}\u{e000}";

/// The words that a version is filed under, separated by spaces.
pub fn words(room: RoomId, sender: AccountId, body: &str) -> String {
    filed([room_word(room), sender_word(sender)], body)
}

/// The words that a message of an import is filed under; room and author as far as the copy tells them.
pub fn words_imported(room: Option<RoomId>, sender: Option<AccountId>, body: &str) -> String {
    let told = [room.map(room_word), sender.map(sender_word)].into_iter().flatten();
    filed(told.chain([import_word()]), body)
}

fn filed(special: impl IntoIterator<Item = String>, body: &str) -> String {
    let folded = fold(body);
    let mut found = BTreeSet::new();
    for run in folded.split_whitespace() {
        for (at, c) in run.char_indices() {
            found.insert(&run[at..at + c.len_utf8()]);
            if let Some(next) = run[at + c.len_utf8()..].chars().next() {
                found.insert(&run[at..at + c.len_utf8() + next.len_utf8()]);
            }
        }
    }
    let file = has_file(body).then(file_word);
    let words = special.into_iter().chain(file).chain(found.into_iter().map(written));
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

/// What a folded word of a query is looked up by; empty when the index cannot help.
pub(super) fn lookup(folded: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for run in folded.split_whitespace() {
        let chars: Vec<char> = run.chars().collect();
        match chars.as_slice() {
            [single] => {
                found.insert(written(single.encode_utf8(&mut [0; 4])));
            }
            chars => {
                for pair in chars.windows(2) {
                    found.insert(written(&pair.iter().collect::<String>()));
                }
            }
        }
    }
    found.into_iter().take(MAX_PAIRS).collect()
}

pub(super) fn room_word(room: RoomId) -> String {
    format!("{SPECIAL}r{room}")
}

pub(super) fn sender_word(sender: AccountId) -> String {
    format!("{SPECIAL}a{sender}")
}

pub(super) fn file_word() -> String {
    format!("{SPECIAL}f")
}

pub(super) fn import_word() -> String {
    format!("{SPECIAL}i")
}

fn has_file(body: &str) -> bool {
    body.contains("[download:")
}

/// The tokenizer cannot take the two quotation marks as letters.
fn written(word: &str) -> String {
    word.replace('"', "\u{e022}").replace('\'', "\u{e027}")
}
