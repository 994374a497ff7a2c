//! The one text folding: spellings that a searching person means alike (width, case, kana, dashes, invisible characters)
//! become one, with a map back to the original.
//!
//! A change of what this gives makes every search index stale: raise [`FOLD_VERSION`] with it.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

/// Of the folding; an index that was written by another is made anew.
pub const FOLD_VERSION: u64 = 1;

/// Folded text; every byte of it knows the bytes of the original that it came from.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    pub text: String,
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Folded {
    pub fn new(original: &str) -> Self {
        let mut folded =
            Self { text: String::with_capacity(original.len()), from: Vec::new(), to: Vec::new() };
        each(original, |c, range| {
            folded.text.push(c);
            // Bodies are bounded far below 4 GiB; beyond it a mark would only stand in the wrong place.
            let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            folded.from.resize(folded.text.len(), clamp(range.start));
            folded.to.resize(folded.text.len(), clamp(range.end));
        });
        folded
    }

    /// The bytes of the original behind a byte range of [`Folded::text`].
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        match (self.from.get(range.start), range.end.checked_sub(1).and_then(|last| self.to.get(last))) {
            (Some(from), Some(to)) if !range.is_empty() => *from as usize..*to as usize,
            _ => 0..0,
        }
    }
}

/// [`Folded::text`] alone.
pub fn fold(original: &str) -> String {
    let mut text = String::with_capacity(original.len());
    each(original, |c, _| text.push(c));
    text
}

/// Calls `take` with each folded character and the bytes that it came from. A character and the marks on it are
/// normalised together, so that a half-width kana with its voice mark is the one kana that it is.
fn each(original: &str, mut take: impl FnMut(char, Range<usize>)) {
    let mut chars = original.char_indices().peekable();
    while let Some((from, c)) = chars.next() {
        let mut to = from + c.len_utf8();
        let marked = chars.peek().is_some_and(|(_, next)| joins(*next));
        if is_invisible(c) {
            continue;
        }
        if !marked && is_plain(c) {
            take(kana(c.to_ascii_lowercase()), from..to);
            continue;
        }
        if !marked {
            for folded in std::iter::once(c).nfkc().flat_map(char::to_lowercase) {
                take(kana(dash(folded)), from..to);
            }
            continue;
        }
        let mut cluster = String::from(c);
        while let Some((at, mark)) = chars.next_if(|(_, next)| joins(*next)) {
            cluster.push(mark);
            to = at + mark.len_utf8();
        }
        let visible = cluster.chars().filter(|it| !is_invisible(*it));
        for folded in visible.nfkc().flat_map(char::to_lowercase) {
            take(kana(dash(folded)), from..to);
        }
    }
}

/// Stands for itself after lower case and kana: the common characters, which need no table.
fn is_plain(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{3001}' | '\u{3002}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}' | '\u{4e00}'..='\u{9fff}')
}

/// Belongs to the character before it: a mark on it, or something unseen that may stand between the two.
fn joins(c: char) -> bool {
    is_mark(c) || is_invisible(c)
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{ff9e}' | '\u{ff9f}' | '\u{3099}' | '\u{309a}' | '\u{300}'
            ..='\u{36f}' | '\u{20e3}' | '\u{fe0e}' | '\u{fe0f}'
    )
}

/// Shows nothing: controls, joiners, direction marks, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// Katakana to hiragana.
fn kana(c: char) -> char {
    match c {
        '\u{30a1}'..='\u{30f6}' | '\u{30fd}' | '\u{30fe}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        _ => c,
    }
}

/// The dashes and waves that keyboards and fonts confuse. The long-vowel mark is a letter and stays.
fn dash(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' => '-',
        '\u{301c}' | '\u{223c}' | '\u{3030}' => '~',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_that_mean_the_same_become_one() {
        for (a, b) in [
            ("ＡＢＣ１２３", "abc123"),
            ("ｶﾞｲﾄﾞ", "がいど"),
            ("ガイド", "ｶﾞｲﾄﾞ"),
            ("か\u{3099}", "が"),
            ("検\u{200b}収", "検収"),
            ("サーバー", "さーばー"),
            ("㈱", "(株)"),
            ("１〜２", "1～2"),
            ("2026−11", "2026-11"),
            ("　", " "),
            ("❤\u{fe0f}", "❤"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("か"), fold("が"));
        assert_ne!(fold("サーバー"), fold("サーバ"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_and_the_map_fits(text in "[a-zＡ-Ｚぁ-んァ-ヺｦ-ﾟ一-龠々\u{300}-\u{303}\u{3099}\u{200b}\u{fe0f}😀 -~\n]{0,40}") {
            let folded = Folded::new(&text);
            prop_assert_eq!(&folded.text, &fold(&text));
            prop_assert_eq!(fold(&folded.text), folded.text.clone());
            for (at, c) in folded.text.char_indices() {
                let origin = folded.original(at..at + c.len_utf8());
                prop_assert!(text.get(origin.clone()).is_some_and(|it| !it.is_empty()), "{:?}", origin);
            }
        }
    }
}
