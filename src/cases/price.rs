//! What an amount says: a sum or a span, for one piece or for the whole, with or without tax. Reads the words that
//! detection copied out of a message. Pure.

use serde::{Serialize, Serializer};
use unicode_normalization::UnicodeNormalization as _;

/// Money in hundredths of a yen: 「文字単価1.2円」 is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sen(pub u64);

impl Sen {
    /// Whole yen; what is beyond the point is dropped.
    pub fn yen(self) -> u64 {
        self.0 / 100
    }
}

/// In yen: whole where it is whole.
impl Serialize for Sen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => to.serialize_u64(self.0 / 100),
            #[expect(clippy::cast_precision_loss, reason = "only amounts beyond 90 billion yen lose sen")]
            _ => to.serialize_f64(self.0 as f64 / 100.0),
        }
    }
}

/// What the amount is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "basis", content = "unit", rename_all = "snake_case")]
pub enum Basis {
    /// For each of something: 本, 文字, 時間, 月; empty where it is not named (単価5,000円).
    Unit(String),
    /// For everything together.
    Total,
    /// It does not say.
    Unsaid,
}

/// Consumption tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tax {
    Included,
    Excluded,
    Unsaid,
}

/// An amount in yen as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Absent: up to `most`.
    pub least: Option<Sen>,
    /// Absent: from `least` on.
    pub most: Option<Sen>,
    #[serde(flatten)]
    pub basis: Basis,
    pub tax: Tax,
}

impl Price {
    /// The sum that can be counted on: the lower end of a span, else what it goes up to.
    pub fn sure(&self) -> Option<Sen> {
        self.least.or(self.most)
    }
}

/// Longest unit, in characters.
const MAX_UNIT: usize = 6;
/// More than anybody pays; beyond it the words are no amount.
const MAX_YEN: u64 = 1_000_000_000_000;
/// Words that say for how much work the whole sum is.
const TOTAL: [&str; 9] =
    ["総額", "合計", "一式", "全部で", "まとめて", "トータル", "全体で", "計", "ひっくるめて"];
/// A wage names its unit by itself.
const WAGES: [(&str, &str); 9] = [
    ("文字単価", "文字"),
    ("字単価", "文字"),
    ("時給", "時間"),
    ("時間単価", "時間"),
    ("日給", "日"),
    ("日当", "日"),
    ("日額", "日"),
    ("月額", "月"),
    ("月給", "月"),
];
/// What can stand behind a one, before its price.
const COUNTERS: [&str; 34] = [
    "ヶ月",
    "か月",
    "カ月",
    "ページ",
    "セット",
    "カット",
    "ワード",
    "時間",
    "文字",
    "記事",
    "商品",
    "本",
    "件",
    "枚",
    "個",
    "点",
    "回",
    "頁",
    "話",
    "曲",
    "日",
    "人",
    "名",
    "案",
    "章",
    "着",
    "匹",
    "分",
    "字",
    "p",
    "秒",
    "通",
    "冊",
    "月",
];

/// Reads an amount; `None` where the text names no sum in yen.
pub fn read_price(text: &str) -> Option<Price> {
    let text = plain(text);
    let sums = sums(&text);
    let at = sums.iter().position(|it| it.money)?;
    let sum = &sums[at];
    let before = &text[..sum.start];
    let behind = &text[sum.end..];
    let joined =
        |low: &Sum, high: &Sum| JOINS.contains(&text[low.end..high.start].trim_end_matches(['¥', '@']));
    // 3〜5万円: the first number shares what stands behind the second.
    let low = at.checked_sub(1).map(|low| &sums[low]).filter(|low| !low.money && joined(low, sum));
    let high = sums.get(at + 1).filter(|high| joined(sum, high));
    let (least, most, start, end) = match (low, high) {
        (Some(low), _) => (Some(low.scaled_by(sum)), Some(sum.value), low.start, sum.end),
        (None, Some(high)) => (Some(sum.value), Some(high.value), sum.start, high.end),
        (None, None) if at_most(before, behind) => (None, Some(sum.value), sum.start, sum.end),
        (None, None) if at_least(behind) => (Some(sum.value), None, sum.start, sum.end),
        (None, None) => (Some(sum.value), Some(sum.value), sum.start, sum.end),
    };
    let (least, most) = match (least, most) {
        (Some(low), Some(high)) if low > high => (Some(high), Some(low)),
        ends => ends,
    };
    Some(Price { least, most, basis: basis(&text[..start], &text[end..]), tax: tax(&text) })
}

/// What stands between the two ends of a span.
const JOINS: [&str; 10] = ["〜", "-", "から", "円〜", "円-", "円から", "ー", "円ー", "円以上", "円~"];

fn at_most(before: &str, behind: &str) -> bool {
    let behind = behind.strip_prefix('円').unwrap_or(behind);
    before.ends_with('〜')
        || ["以内", "以下", "まで", "未満", "が上限", "上限"].iter().any(|it| behind.starts_with(it))
}

fn at_least(behind: &str) -> bool {
    let behind = behind.strip_prefix('円').unwrap_or(behind);
    ["〜", "以上", "から"].iter().any(|it| behind.starts_with(it))
}

fn tax(text: &str) -> Tax {
    let has = |words: &[&str]| words.iter().any(|it| text.contains(it));
    if has(&["税別", "税抜", "+税", "外税", "+消費税", "税は別", "消費税別"]) {
        Tax::Excluded
    } else if has(&["税込", "内税", "税こみ", "消費税込", "税コミ"]) {
        Tax::Included
    } else {
        Tax::Unsaid
    }
}

fn basis(before: &str, behind: &str) -> Basis {
    if let Some((_, unit)) = WAGES.iter().find(|(word, _)| before.contains(word)) {
        return Basis::Unit((*unit).to_owned());
    }
    let behind = behind.strip_prefix('円').unwrap_or(behind);
    if let Some(of) = behind.strip_prefix('/') {
        return Basis::Unit(unit(of.strip_prefix('1').unwrap_or(of)));
    }
    let each = before.trim_end_matches(['¥', '@', '約', ':', '+', '、']);
    let each = ["あたり", "当たり", "につき", "で", "ずつ", "は"]
        .iter()
        .find_map(|it| each.strip_suffix(it))
        .unwrap_or(each);
    let counter = COUNTERS.iter().find(|it| {
        let rest = each.strip_suffix(**it).and_then(|rest| rest.strip_suffix(['1', '一']));
        rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_digit() || c == '.'))
    });
    if let Some(counter) = counter {
        return Basis::Unit((*counter).to_owned());
    }
    if each.ends_with("毎月") || each.ends_with('月') && !each.ends_with(|c: char| c.is_ascii_digit()) {
        return Basis::Unit("月".to_owned());
    }
    let plain_each = before.contains("単価")
        || before.ends_with(['@', '各'])
        || ["あたり", "当たり", "につき", "ずつ"].iter().any(|it| before.contains(it));
    if plain_each {
        return Basis::Unit(String::new());
    }
    let whole = TOTAL.iter().any(|it| before.contains(it) || behind.starts_with(it));
    if whole { Basis::Total } else { Basis::Unsaid }
}

fn unit(text: &str) -> String {
    text.chars().take_while(|it| it.is_alphabetic() || *it == 'ー').take(MAX_UNIT).collect()
}

/// One width, without spaces and separators.
fn plain(text: &str) -> String {
    let folded: Vec<char> =
        text.nfkc().flat_map(char::to_lowercase).filter(|it| !it.is_whitespace()).collect();
    let digit = |at: Option<usize>| at.and_then(|at| folded.get(at)).is_some_and(char::is_ascii_digit);
    folded
        .iter()
        .enumerate()
        .filter(|(at, it)| !(matches!(it, ',' | '、') && digit(at.checked_sub(1)) && digit(Some(at + 1))))
        .map(|(_, it)| match it {
            '~' | '∼' | '〰' => '〜',
            '–' | '−' | '‐' => '-',
            it => *it,
        })
        .collect()
}

/// A number of the text.
struct Sum {
    start: usize,
    end: usize,
    value: Sen,
    /// 万 and the like that its last digits bear; 1 without.
    times: u64,
    /// 円 behind, a sign before, or 万 where nothing else is counted by it.
    money: bool,
}

impl Sum {
    /// 3 in 3〜5万円 is 30,000; 3,000 in 3,000〜5万円 is not.
    fn scaled_by(&self, other: &Self) -> Sen {
        let scaled = self.value.0.saturating_mul(other.times);
        if self.times == 1 && scaled < other.value.0 { Sen(scaled) } else { self.value }
    }
}

fn sums(text: &str) -> Vec<Sum> {
    let mut found: Vec<Sum> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let Some((value, times, len)) = number(&text[at..]) else {
            // A number beyond all bounds is none, and its last digits are none either.
            let digits = text[at..].find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len() - at);
            at += digits.max(c.len_utf8());
            continue;
        };
        let (before, behind) = (&text[..at], &text[at + len..]);
        let named = behind.starts_with('円') || before.ends_with(['¥', '@']) || before.ends_with("単価");
        let bare = times >= 10_000
            && !behind.starts_with(|c: char| {
                c.is_alphabetic()
                    && !matches!(
                        c,
                        'で' | 'く' | 'ぐ' | 'ほ' | '程' | 'か' | 'ま' | '以' | 'の' | '税' | '前'
                    )
            });
        let foreign = behind.starts_with("ドル") || before.ends_with('$');
        found.push(Sum { start: at, end: at + len, value, times, money: (named || bare) && !foreign });
        at += len;
    }
    found
}

/// A number at the beginning of `text`: its value, the multiplier of its last digits, its length in bytes.
fn number(text: &str) -> Option<(Sen, u64, usize)> {
    let (mut sum, mut times, mut rest) = (0_u64, 1, text);
    let mut any = false;
    for mark in [('億', 100_000_000_u64), ('万', 10_000)] {
        if let Some((small, after)) = small(rest)
            && let Some(after) = after.strip_prefix(mark.0)
        {
            sum = sum.checked_add(small.checked_mul(mark.1)?)?;
            (times, rest, any) = (mark.1, after, true);
        }
    }
    if let Some((small, after)) = small(rest) {
        sum = sum.checked_add(small)?;
        let thousand = rest[..rest.len() - after.len()].ends_with('千');
        (rest, any) = (after, true);
        times = match times {
            1 if thousand => 1000,
            times => times,
        };
    }
    (any && sum / 100 <= MAX_YEN).then(|| (Sen(sum), times, text.len() - rest.len()))
}

/// Digits, a decimal fraction, 十百千 in digits or kanji: below ten thousand, or what plain digits say; in sen.
fn small(text: &str) -> Option<(u64, &str)> {
    let (mut sum, mut open, mut rest, mut any) = (0_u64, None::<u64>, text, false);
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c.is_ascii_digit() {
            if open.is_some() {
                break;
            }
            let len = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
            let whole: u64 = rest[..len].parse().ok()?;
            let mut value = whole.checked_mul(100)?;
            rest = &rest[len..];
            if let Some(fraction) = rest.strip_prefix('.')
                && let len = fraction.find(|it: char| !it.is_ascii_digit()).unwrap_or(fraction.len())
                && len > 0
            {
                let mut digits = fraction.bytes().take(len).map(|it| u64::from(it - b'0'));
                value = value.checked_add(digits.next().unwrap_or(0) * 10 + digits.next().unwrap_or(0))?;
                rest = &fraction[len..];
            }
            open = Some(value);
        } else if let Some(digit) = "〇一二三四五六七八九".chars().position(|it| it == c) {
            if open.is_some() {
                break;
            }
            open = Some(digit as u64 * 100);
            rest = after;
        } else if let Some(times) = match c {
            '十' => Some(10),
            '百' => Some(100),
            '千' => Some(1000),
            _ => None,
        } {
            sum = sum.checked_add(open.take().unwrap_or(100).checked_mul(times)?)?;
            rest = after;
        } else {
            break;
        }
        any = true;
    }
    any.then_some((sum.checked_add(open.unwrap_or(0))?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `least..most basis tax` in yen.
    fn read(text: &str) -> String {
        let Some(it) = read_price(text) else {
            return "none".to_owned();
        };
        let end = |it: Option<Sen>| it.map_or(String::new(), |it| serde_json::to_string(&it).unwrap());
        let span = match (it.least, it.most) {
            (Some(least), Some(most)) if least == most => end(Some(least)),
            (least, most) => format!("{}..{}", end(least), end(most)),
        };
        let basis = match it.basis {
            Basis::Unit(unit) => format!(" /{unit}"),
            Basis::Total => " total".to_owned(),
            Basis::Unsaid => String::new(),
        };
        let tax = match it.tax {
            Tax::Included => " in",
            Tax::Excluded => " ex",
            Tax::Unsaid => "",
        };
        format!("{span}{basis}{tax}")
    }

    #[test]
    fn amounts_of_every_kind() {
        for (text, expected) in [
            ("5,000円", "5000"),
            ("５，０００円", "5000"),
            ("¥30,000", "30000"),
            ("￥30,000円", "30000"),
            ("3万円", "30000"),
            ("2万", "20000"),
            ("2.5万円", "25000"),
            ("3万5千円", "35000"),
            ("2万5000円", "25000"),
            ("五万円", "50000"),
            ("一万五千円", "15000"),
            ("三千円", "3000"),
            ("千円", "1000"),
            ("1億円", "100000000"),
            ("1本5,000円", "5000 /本"),
            ("一章五万円", "50000 /章"),
            ("1件あたり800円", "800 /件"),
            ("１記事２，０００円", "2000 /記事"),
            ("5,000円/本", "5000 /本"),
            ("５，０００円／１本", "5000 /本"),
            ("@2,800円", "2800 /"),
            ("＠2800", "2800 /"),
            ("単価5,000円", "5000 /"),
            ("各3,000円", "3000 /"),
            ("文字単価1.2円", "1.2 /文字"),
            ("文字単価0.85円(税別)", "0.85 /文字 ex"),
            ("時給1,500円", "1500 /時間"),
            ("日当2万円", "20000 /日"),
            ("月額10万円", "100000 /月"),
            ("月5万円", "50000 /月"),
            ("総額12万円", "120000 total"),
            ("一式30万円", "300000 total"),
            ("合計¥45,000(税込)", "45000 total in"),
            ("3万円(税込)", "30000 in"),
            ("3万円（税抜き）", "30000 ex"),
            ("税込33,000円", "33000 in"),
            ("5万円＋税", "50000 ex"),
            ("3〜5万円", "30000..50000"),
            ("３～５万円", "30000..50000"),
            ("3-5千円", "3000..5000"),
            ("3,000〜5,000円", "3000..5000"),
            ("3万円〜5万円", "30000..50000"),
            ("3万円から5万円", "30000..50000"),
            ("1本3000〜5000円(税込)", "3000..5000 /本 in"),
            ("3,000〜1万円", "3000..10000"),
            ("5万円以内", "..50000"),
            ("5万円まで", "..50000"),
            ("〜5万円", "..50000"),
            ("3万円〜", "30000.."),
            ("3万円以上", "30000.."),
            ("約3万円", "30000"),
            ("5,000円くらい", "5000"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in [
            "",
            "応相談",
            "3本",
            "12月20日",
            "300ドル",
            "$300",
            "3万字",
            "1万文字",
            "円",
            "99999999999999999999円",
        ] {
            assert_eq!(read(text), "none", "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "(万|千|円|〜|,|\\.|@|1本|税|[0-9]{1,22}|[一二十百]|\\PC){0,12}") {
            if let Some(it) = read_price(&text) {
                prop_assert!(it.least.is_some() || it.most.is_some());
                prop_assert!(it.least.zip(it.most).is_none_or(|(least, most)| least <= most));
            }
        }

        /// What is written out in any of the usual ways is read back.
        #[test]
        fn a_sum_is_read_back(yen in 1_u64..100_000_000, wide: bool, comma: bool) {
            let mut text = yen.to_string();
            if comma {
                let digits = text.len();
                text = text.char_indices().flat_map(|(at, c)| {
                    (at > 0 && (digits - at).is_multiple_of(3)).then_some(',').into_iter().chain([c])
                }).collect();
            }
            if wide {
                text = text.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)).collect();
            }
            let read = read_price(&format!("{text}円")).unwrap();
            prop_assert_eq!((read.least, read.most), (Some(Sen(yen * 100)), Some(Sen(yen * 100))));
        }
    }
}
