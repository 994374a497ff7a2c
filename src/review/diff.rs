//! What differs between two texts, by words: runs of kanji, kana, Latin letters and numbers, single marks.

use std::ops::Range;

/// Comparisons at most; texts that need more are shown as wholly replaced in the part where they differ.
const MAX_CELLS: usize = 4_000_000;

/// A piece of the old text, the new one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Kanji,
    Katakana,
    Latin,
    Space,
    /// Stands alone: hiragana bends with its sentence, a mark means itself.
    Single,
}

fn class(c: char) -> Class {
    match c {
        '\u{4e00}'..='\u{9fff}' | '\u{3005}' | '\u{3400}'..='\u{4dbf}' => Class::Kanji,
        '\u{30a1}'..='\u{30fc}' | '\u{ff66}'..='\u{ff9f}' => Class::Katakana,
        c if c.is_ascii_alphanumeric() || ('\u{ff10}'..='\u{ff5a}').contains(&c) => Class::Latin,
        ' ' | '\u{3000}' | '\t' => Class::Space,
        _ => Class::Single,
    }
}

fn words(text: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut start = 0;
    for (at, (byte, c)) in chars.iter().enumerate() {
        let next = chars.get(at + 1).map(|it| it.1);
        // 5,000 and 2.5 are one number.
        let within_number = |c: char| matches!(c, ',' | '.');
        let joins = match next {
            None => false,
            Some(next) if within_number(*c) && at > 0 => {
                chars[at - 1].1.is_ascii_digit() && next.is_ascii_digit()
            }
            Some(next) if within_number(next) => {
                c.is_ascii_digit() && chars.get(at + 2).is_some_and(|it| it.1.is_ascii_digit())
            }
            Some(next) => class(*c) == class(next) && class(*c) != Class::Single,
        };
        if !joins {
            let end = byte + c.len_utf8();
            found.push(&text[start..end]);
            start = end;
        }
    }
    found
}

/// The pieces in reading order; removed before added where both stand in one place.
pub(super) fn diff<'a>(old: &'a str, new: &'a str) -> Vec<Piece<'a>> {
    let (a, b) = (words(old), words(new));
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (mid_a, mid_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut out = Collector { old, new, old_at: 0, new_at: 0, pieces: Vec::new() };
    out.same(a[..head].iter().map(|it| it.len()).sum());
    if mid_a.len().saturating_mul(mid_b.len()) > MAX_CELLS {
        out.removed(mid_a.iter().map(|it| it.len()).sum());
        out.added(mid_b.iter().map(|it| it.len()).sum());
    } else {
        middle(mid_a, mid_b, &mut out);
    }
    out.same(a[a.len() - tail..].iter().map(|it| it.len()).sum());
    out.pieces
}

/// The longest common sequence of words.
fn middle(a: &[&str], b: &[&str], out: &mut Collector<'_>) {
    let width = b.len() + 1;
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.same(a[i].len());
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            out.removed(a[i].len());
            i += 1;
        } else {
            out.added(b[j].len());
            j += 1;
        }
    }
}

/// Joins neighbours of one kind.
struct Collector<'a> {
    old: &'a str,
    new: &'a str,
    old_at: usize,
    new_at: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Collector<'a> {
    fn same(&mut self, len: usize) {
        let range = self.new_at..self.new_at + len;
        self.old_at += len;
        self.new_at += len;
        if len == 0 {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Same(text)) => *text = &self.new[range.start - text.len()..range.end],
            _ => self.pieces.push(Piece::Same(&self.new[range])),
        }
    }

    fn removed(&mut self, len: usize) {
        let range = self.old_at..self.old_at + len;
        self.old_at += len;
        if len == 0 {
            return;
        }
        // A word that was added right before is shown behind what was removed.
        let added = match self.pieces.last() {
            Some(Piece::Added(_)) => self.pieces.pop(),
            _ => None,
        };
        match self.pieces.last_mut() {
            Some(Piece::Removed(text)) => *text = &self.old[grown(text, &range)],
            _ => self.pieces.push(Piece::Removed(&self.old[range])),
        }
        self.pieces.extend(added);
    }

    fn added(&mut self, len: usize) {
        let range = self.new_at..self.new_at + len;
        self.new_at += len;
        if len == 0 {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Added(text)) => *text = &self.new[grown(text, &range)],
            _ => self.pieces.push(Piece::Added(&self.new[range])),
        }
    }
}

/// A piece ends where the next one of its kind begins: neighbours in the text.
fn grown(text: &str, more: &Range<usize>) -> Range<usize> {
    more.start - text.len()..more.end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_price_is_one_word() {
        use Piece::{Added, Removed, Same};
        assert_eq!(
            diff("1本5,000円でお願いします。", "1本3,000円でお願いします。"),
            [Same("1本"), Removed("5,000"), Added("3,000"), Same("円でお願いします。")]
        );
        assert_eq!(
            diff("納期は金曜です", "納期は月曜です"),
            [Same("納期は"), Removed("金曜"), Added("月曜"), Same("です")]
        );
        assert_eq!(diff("バナー3枚", "バナー3枚とロゴ"), [Same("バナー3枚"), Added("とロゴ")]);
        assert_eq!(diff("", "あ"), [Added("あ")]);
        assert_eq!(diff("あ", "あ"), [Same("あ")]);
    }

    proptest! {
        #[test]
        fn the_pieces_give_both_texts_back(old in "[あいバナ検収0-9,.円 \n]{0,40}", new in "[あいバナ検収0-9,.円 \n]{0,40}") {
            let (mut before, mut after) = (String::new(), String::new());
            for piece in diff(&old, &new) {
                match piece {
                    Piece::Same(text) => {
                        before.push_str(text);
                        after.push_str(text);
                    }
                    Piece::Removed(text) => before.push_str(text),
                    Piece::Added(text) => after.push_str(text),
                }
            }
            prop_assert_eq!(before, old);
            prop_assert_eq!(after, new);
        }
    }
}
