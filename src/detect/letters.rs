//! A sentence letter by letter: where words that may be a term begin and end.

use crate::detect::schema::TermKind;

/// Letters of a sentence that are looked at.
const LETTERS_MAX: usize = 100;
/// Kana that a noun may end with: 書き起こし, 貼り紙, 差し替え, 直し, やつ.
const ENDS: &str = "りしえきけみれちいめつうびせ";
const JOINS: &str = "・&.()「」/+#'-×";
/// Signs within numbers, sums and dates.
const SIGNS: &str = "・&.()「」/+#'-×,:〜@¥$%* ";
/// Behind these a term may begin with kana.
const BEFORE_KANA: &str = "をはにがでもと、。!?";
/// Letters that one of must stand in a term of that kind: of the work none.
const NUMBER: &str = "0123456789半倍毎隔全両一二三四五六七八九十百千";
const TIME: &str = "日月火水木金土曜週末年今明朝昼夜夕晩時分内頃期前春夏秋冬盆節祭0123456789";
/// Days that are written in kana.
const DAYS: [&str; 6] = ["あした", "あす", "きょう", "あさって", "ようび", "らいしゅう"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Kanji,
    Kana,
    Katakana,
    Latin,
    Digit,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            '一'..='鿿' | '々' | '〆' => Self::Kanji,
            'ァ'..='ヺ' | 'ー' => Self::Katakana,
            'ぁ'..='ん' => Self::Kana,
            'a'..='z' => Self::Latin,
            '0'..='9' => Self::Digit,
            _ => Self::Other,
        }
    }
}

/// A letter of a sentence.
pub(crate) struct Letter {
    /// Its first byte within the sentence.
    pub(crate) at: usize,
    pub(crate) c: char,
    pub(crate) class: Class,
}

impl Letter {
    /// The letters of a sentence, as far as they are looked at.
    pub(crate) fn all(sentence: &str) -> Vec<Self> {
        let letters = sentence.char_indices().take(LETTERS_MAX);
        letters.map(|(at, c)| Self { at, c, class: Class::of(c) }).collect()
    }

    /// The byte behind it.
    pub(crate) fn end(&self) -> usize {
        self.at + self.c.len_utf8()
    }

    /// What stands for it in features: all digits are one letter.
    pub(crate) fn code(&self) -> u64 {
        u64::from(u32::from(if self.class == Class::Digit { '0' } else { self.c }))
    }
}

impl TermKind {
    /// Letters of a stretch.
    fn longest(self) -> usize {
        match self {
            Self::Deliverable => 15,
            Self::Quantity => 14,
            Self::Amount | Self::Deadline => 20,
        }
    }

    /// Letters at most that may stand before the number or day in such a term: 文字単価, 毎月, 来週の.
    fn lead(self) -> usize {
        match self {
            Self::Deliverable => usize::MAX,
            Self::Quantity => 3,
            Self::Amount => 5,
            Self::Deadline => 8,
        }
    }

    /// Whether what makes words such a term begins here.
    fn anchors(self, letters: &[Letter]) -> bool {
        let Some(Letter { c, .. }) = letters.first() else { return false };
        match self {
            Self::Deliverable => true,
            Self::Quantity | Self::Amount => NUMBER.contains(*c),
            Self::Deadline => {
                let word = |day: &str| {
                    let there = letters.iter().map(|it| it.c).take(day.chars().count());
                    there.eq(day.chars())
                };
                TIME.contains(*c) || DAYS.iter().any(|day| word(day))
            }
        }
    }

    fn may_start(self, letters: &[Letter], at: usize) -> bool {
        let Letter { c, class, .. } = letters[at];
        let before = at.checked_sub(1).map(|at| &letters[at]);
        let fresh = before.is_none_or(|it| it.class != class);
        match class {
            Class::Kanji => true,
            Class::Katakana | Class::Latin | Class::Digit => fresh,
            Class::Kana if self == Self::Deliverable => {
                let next = letters.get(at + 1);
                fresh
                    && matches!(c, 'お' | 'ご' | 'の' | 'ぬ' | 'し')
                    && next.is_some_and(|next| next.class != Class::Other)
            }
            Class::Kana => fresh || before.is_some_and(|it| BEFORE_KANA.contains(it.c)),
            Class::Other if self == Self::Deliverable => c == '「',
            Class::Other => "@¥$".contains(c),
        }
    }

    fn may_end(self, letters: &[Letter], last: usize) -> bool {
        let Letter { c, class, .. } = letters[last];
        match class {
            Class::Kanji => true,
            Class::Katakana | Class::Latin | Class::Digit => {
                letters.get(last + 1).is_none_or(|next| next.class != class)
            }
            Class::Kana => self != Self::Deliverable || ENDS.contains(c),
            Class::Other if self == Self::Deliverable => matches!(c, ')' | '」'),
            Class::Other => matches!(c, ')' | '%' | '$'),
        }
    }

    /// Whether such a term may have this letter within.
    fn joins(self, letter: &Letter) -> bool {
        let signs = if self == Self::Deliverable { JOINS } else { SIGNS };
        letter.class != Class::Other || signs.contains(letter.c)
    }
}

/// Where terms of one kind may begin and end in a sentence.
pub(crate) struct Bounds {
    kind: TermKind,
    may: Vec<May>,
    /// Before each letter, and behind the last, how many begin what makes words such a term: whether a stretch has any is
    /// then one step.
    anchors: Vec<u16>,
}

#[derive(Clone, Copy)]
struct May {
    start: bool,
    end: bool,
    join: bool,
}

impl Bounds {
    /// `None` where none may.
    pub(crate) fn new(kind: TermKind, letters: &[Letter]) -> Option<Self> {
        let mut count = 0;
        let mut anchors = Vec::with_capacity(letters.len() + 1);
        anchors.push(0);
        for at in 0..letters.len() {
            count += u16::from(kind.anchors(&letters[at..]));
            anchors.push(count);
        }
        (count > 0).then(|| {
            let may = |at| May {
                start: kind.may_start(letters, at),
                end: kind.may_end(letters, at),
                join: kind.joins(&letters[at]),
            };
            Self { kind, may: (0..letters.len()).map(may).collect(), anchors }
        })
    }

    /// Shows each stretch of letters that may be such a term, by its first and the one behind its last; those that begin
    /// together come together, the shorter first.
    pub(crate) fn each(&self, mut see: impl FnMut(usize, usize)) {
        let Self { kind, may, anchors } = self;
        let count = may.len();
        for (from, _) in may.iter().enumerate().filter(|(_, may)| may.start) {
            let near = count.min(from.saturating_add(kind.lead()).saturating_add(1));
            if anchors[from] == anchors[near] {
                continue;
            }
            let there = may[from..count.min(from + kind.longest())].iter().take_while(|may| may.join);
            for (to, _) in (from + 1..).zip(there).filter(|(_, may)| may.end) {
                if anchors[from] != anchors[to] {
                    see(from, to);
                }
            }
        }
    }

    /// Whether a stretch may begin with this letter, and whether one may end before it.
    pub(crate) fn edges(&self, at: usize) -> (bool, bool) {
        let end = at.checked_sub(1).and_then(|last| self.may.get(last));
        (self.may.get(at).is_some_and(|may| may.start), end.is_some_and(|may| may.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(kind: TermKind, sentence: &str) -> Vec<String> {
        let letters = Letter::all(sentence);
        let mut found = Vec::new();
        if let Some(bounds) = Bounds::new(kind, &letters) {
            bounds.each(|from, to| {
                found.push(letters[from..to].iter().map(|it| it.c).collect());
                assert!(bounds.edges(from).0 && bounds.edges(to).1);
            });
        }
        found
    }

    #[test]
    fn terms_begin_and_end_where_words_do() {
        let sentence = "あとバナーを3枚、来週金曜まで";
        let of = |kind| stretches(kind, sentence);
        assert!(of(TermKind::Deliverable).contains(&"バナー".to_owned()));
        assert!(of(TermKind::Deliverable).iter().all(|it| !it.starts_with("ナー") && !it.contains('、')));
        assert!(of(TermKind::Quantity).contains(&"3枚".to_owned()));
        assert!(of(TermKind::Quantity).iter().all(|it| it.contains('3')));
        assert!(of(TermKind::Deadline).contains(&"来週金曜".to_owned()));
    }

    #[test]
    fn where_nothing_makes_it_one_no_term_is_looked_for() {
        assert!(Bounds::new(TermKind::Amount, &Letter::all("バナーをお願いします")).is_none());
        assert!(Bounds::new(TermKind::Deliverable, &[]).is_none());
        let long = "3".repeat(2 * LETTERS_MAX);
        assert_eq!(Letter::all(&long).len(), LETTERS_MAX);
        assert_eq!(stretches(TermKind::Quantity, &long), Vec::<String>::new(), "a number without an end");
    }
}
