//! How many are asked for: 「3本」, 「１０記事ほど」. Reads what detection copied out of a message.

/// Longest unit, in characters: 文字, 記事, ページ.
const MAX_UNIT: usize = 6;

/// A number of pieces with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    pub count: u32,
    /// As it is written after the number; empty where there is none.
    pub unit: String,
}

/// Words around a number that are neither number nor unit.
const AFTER: [&str; 11] =
    ["くらい", "ぐらい", "ほど", "程度", "前後", "追加", "まで", "ずつ", "分", "だけ", "の"];

/// Reads a quantity; `None` where the text holds no number, or more than one (a span, a product).
pub fn read_quantity(text: &str) -> Option<Quantity> {
    let text = ascii(text);
    let mut numbers = Numbers::new(&text);
    let (count, rest) = numbers.next()?;
    if numbers.next().is_some() {
        return None;
    }
    let unit: String =
        rest.trim_start().chars().take_while(|it| it.is_alphabetic() || *it == 'ー' || *it == '々').collect();
    let mut unit = unit.as_str();
    if let Some(at) = AFTER.iter().filter_map(|word| unit.find(word)).filter(|at| *at > 0).min() {
        unit = &unit[..at];
    }
    if AFTER.contains(&unit) {
        unit = "";
    }
    let unit: String = unit.chars().take(MAX_UNIT).collect();
    Some(Quantity { count: u32::try_from(count).ok().filter(|it| *it > 0)?, unit })
}

/// Full-width digits and separators as ASCII.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|it| match it {
            '０'..='９' => char::from_u32(u32::from(it) - u32::from('０') + u32::from('0')).unwrap_or(it),
            '，' => ',',
            '．' => '.',
            '　' => ' ',
            _ => it,
        })
        .collect()
}

/// Whole numbers of a text in order, each with what follows it: digits with separators, 万 and 千, and 一 to 九十九.
struct Numbers<'a> {
    rest: &'a str,
}

impl<'a> Numbers<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Numbers<'a> {
    type Item = (u64, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.rest.find(|it: char| it.is_ascii_digit() || kanji(it).is_some())?;
        let from = &self.rest[at..];
        let (value, after) =
            if from.starts_with(|it: char| it.is_ascii_digit()) { digits(from)? } else { kanji_number(from) };
        self.rest = after;
        Some((value, after))
    }
}

fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != ',').unwrap_or(text.len());
    let (number, mut rest) = text.split_at(end);
    let mut value: u64 = number.replace(',', "").parse().ok()?;
    // 2.5万
    let mut tenths = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digit = fraction.chars().next().and_then(|it| it.to_digit(10));
        if let Some(digit) = digit
            && fraction[1..].starts_with('万')
        {
            tenths = u64::from(digit) * 1000;
            rest = &fraction[1..];
        }
    }
    for (mark, times) in [('万', 10_000), ('千', 1000)] {
        if let Some(after) = rest.strip_prefix(mark) {
            value = value.checked_mul(times)?.checked_add(tenths)?;
            rest = after;
            let more = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
            if more > 0 {
                let small: u64 = rest[..more].parse().ok()?;
                rest = &rest[more..];
                // 3万5千
                let (small, after) = rest.strip_prefix('千').map_or((small, rest), |it| (small * 1000, it));
                value = value.checked_add(small)?;
                rest = after;
            }
            break;
        }
    }
    Some((value, rest))
}

fn kanji(it: char) -> Option<u64> {
    "一二三四五六七八九"
        .chars()
        .position(|digit| digit == it)
        .map(|at| at as u64 + 1)
        .or((it == '十').then_some(10))
}

fn kanji_number(text: &str) -> (u64, &str) {
    let mut value = 0;
    let mut last = 0;
    let mut rest = text;
    while let Some(digit) = rest.chars().next().and_then(kanji) {
        if digit == 10 {
            value = if last == 0 { 10 } else { last * 10 };
            last = 0;
        } else {
            last = digit;
        }
        rest = &rest['一'.len_utf8()..];
    }
    (value + last, rest)
}
