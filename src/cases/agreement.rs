//! What was agreed, read from the words: the owner accepts or is about to begin, the client says yes, terms changed. Pure.

use std::sync::LazyLock;

use regex::RegexSet;

use crate::domain::Terms;

use super::price::{Basis, Sen, read_price};
use super::quantity::read_quantity;

/// Which of the terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    Deliverable,
    Quantity,
    Amount,
    Deadline,
}

impl Term {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliverable => "deliverable",
            Self::Quantity => "quantity",
            Self::Amount => "amount",
            Self::Deadline => "deadline",
        }
    }
}

/// A term that reads otherwise than before; `None` where it was not named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermChange {
    pub term: Term,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What differs in meaning between two versions of a message. 「5,000円」 and 「５０００円」 are the same.
pub fn changes(before: &Terms, after: &Terms) -> Vec<TermChange> {
    [
        (Term::Deliverable, &before.deliverable, &after.deliverable),
        (Term::Quantity, &before.quantity, &after.quantity),
        (Term::Amount, &before.amount, &after.amount),
        (Term::Deadline, &before.deadline, &after.deadline),
    ]
    .into_iter()
    .filter(|(term, before, after)| meaning(*term, before.as_deref()) != meaning(*term, after.as_deref()))
    .map(|(term, before, after)| TermChange { term, before: before.clone(), after: after.clone() })
    .collect()
}

/// By what a term is compared: the number where it has one, else the words without width and spaces.
fn meaning(term: Term, text: Option<&str>) -> Option<String> {
    let text = text?;
    let number = match term {
        Term::Amount => read_price(text).map(|it| format!("{it:?}")),
        Term::Quantity => read_quantity(text).map(|it| format!("{} {}", it.count, it.unit)),
        Term::Deadline | Term::Deliverable => None,
    };
    Some(number.unwrap_or_else(|| plain(text)))
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|it| !it.is_whitespace())
        .map(|it| match it {
            '！'..='～' => char::from_u32(u32::from(it) - 0xfee0).unwrap_or(it),
            _ => it,
        })
        .flat_map(char::to_lowercase)
        .filter(|it| !matches!(it, ',' | '、' | '。'))
        .collect()
}

/// What a case is worth in yen, as far as its terms say: a price for each piece is multiplied by their number, of a span
/// the lower end counts. `None` where the number of what is paid for (文字, 時間) is not known.
pub fn worth(terms: &Terms) -> Option<u64> {
    /// What is measured, not counted: a number of pieces says nothing of it.
    const MEASURES: [&str; 9] = ["文字", "字", "ワード", "時間", "分", "秒", "日", "月", "人"];
    let price = read_price(terms.amount.as_deref()?)?;
    let sure = price.sure()?;
    let Basis::Unit(unit) = &price.basis else {
        return Some(sure.yen());
    };
    let quantity = terms.quantity.as_deref().and_then(read_quantity);
    let same = |it: &str| it == unit || unit == "月" && matches!(it, "ヶ月" | "か月" | "カ月");
    let count = match quantity {
        Some(it) if !MEASURES.contains(&unit.as_str()) || same(&it.unit) => u64::from(it.count),
        // A month's pay is due once at least; a price for each letter says nothing without their number.
        _ if unit == "月" => 1,
        Some(_) if MEASURES.contains(&unit.as_str()) => return None,
        _ => 1,
    };
    Some(Sen(sure.0.saturating_mul(count)).yen())
}

/// The owner takes the work on, in whatever words.
pub fn accepts(text: &str) -> bool {
    sentences(text).any(|it| ACCEPTS.is_match(it) && !TAKEN_BACK.is_match(it))
}

/// The owner says that he begins, or has begun, and makes nothing a condition of it.
pub fn begins(text: &str) -> bool {
    sentences(text).any(|it| BEGINS.is_match(it) && !TAKEN_BACK.is_match(it) && !AFTER_ESCROW.is_match(it))
}

/// A short yes to what was restated.
pub fn assents(text: &str) -> bool {
    const MAX_CHARS: usize = 60;
    text.chars().count() <= MAX_CHARS
        && sentences(text).next().is_some_and(|first| ASSENTS.is_match(first.trim()))
        && !sentences(text).any(|it| OBJECTS.is_match(it))
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['。', '\n', '！', '!', '？']).map(str::trim).filter(|it| !it.is_empty())
}

/// A set that did not compile would match nothing; the tables below hold each of them.
fn set(patterns: &[&str]) -> RegexSet {
    RegexSet::new(patterns).unwrap_or_else(|_| RegexSet::empty())
}

static ACCEPTS: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "承知(?:し|いた|致)",
        "かしこまりました",
        "畏まりました",
        "了解(?:です|し|いた|致)",
        "(?:お|引き|お引き)受け(?:し|いた|致|させ)",
        "承(?:り|ら)(?:まし|ます|せ)",
        "喜んで",
        "(?:対応|担当|制作|執筆|納品)(?:し|いた|致|させていただき)ます",
        "やらせて(?:いただ|頂)",
        "その(?:条件|内容|金額|納期)で(?:大丈夫|問題|お願い|進め)",
    ])
});

static BEGINS: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "着手(?:し|いた|致|させ|して)",
        "作業(?:を|に)?(?:開始|始め|入り|入らせ|進め|スタート)",
        "取り(?:掛|か)か(?:り|ら|って)|とりかか(?:り|ら|って)|取り掛(?:り|ら)",
        "(?:制作|執筆|作成|デザイン|コーディング|編集|撮影|翻訳|構成|下書き|ライティング)(?:を|に|も)?(?:開始|始め|入り|進め|取り)",
        "(?:早速|さっそく|すぐに|今日から|本日から|明日から|今から)[^。]{0,12}(?:始め|進め|書き|作り|入り|取り)",
        "(?:始めて|進めて)(?:おき|いき|い|おり|まい)ます",
    ])
});

/// It is a question, a wish, a no, or about something else.
static TAKEN_BACK: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "でしょうか|ですか$|ますか|ませんか|ましょうか",
        "(?:でき|し|いたし|致し|られ)ません|できかね|いたしかね|しかね|難し",
        "まだ[^。]{0,16}(?:いません|おりません|ない)",
        "(?:いただ|頂)(?:け|き)(?:ました)?ら|場合は",
    ])
});

/// The condition that makes a beginning right.
static AFTER_ESCROW: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "仮払い?[^。]{0,14}(?:後|次第|しだい|[てで]から|[ただ]ら|まで|完了|確認)",
        "(?:確認|契約|手続き)[^。]{0,8}(?:後|次第|しだい|[てで]から|[ただ]ら)",
    ])
});

static ASSENTS: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "^(?:はい|ハイ|ええ|うん|OK|ＯＫ|ok|おk|オッケー|オーケー|👍|🙆)",
        "^(?:それ|その内容|その条件|上記|こちら|この内容|この条件)で(?:、)?(?:お願い|大丈夫|問題|OK|結構|よろしく|進め)",
        "^(?:問題|相違|間違い)(?:は)?(?:あり|ござい)ません",
        "^(?:問題|相違|間違い)な(?:い|し)",
        "^(?:大丈夫|了解|承知|結構)(?:です|し|いた)",
        "^(?:その|仰る|おっしゃる)(?:通り|とおり)",
        "^合って(?:い)?ます",
    ])
});

static OBJECTS: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        "ただ(?:し|、|で)",
        "ですが|ますが|けど",
        "変更|修正|違う|ちがう|ではなく|じゃなく",
        "(?:ません|ない)(?:か|でしょ|ですか)",
    ])
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_accepts() {
        for text in [
            "承知しました。よろしくお願いいたします。",
            "かしこまりました！",
            "お受けいたします。",
            "了解です。来週までに対応します。",
            "その条件で大丈夫です。",
        ] {
            assert!(accepts(text), "{text}");
        }
        for text in [
            "お受けできません。",
            "お受けしてよいでしょうか",
            "ありがとうございます。確認してお返事します。",
            "仮払いをお願いできますか？",
        ] {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn the_owner_is_about_to_begin() {
        for text in [
            "着手します。",
            "さっそく作業を始めますね",
            "本日から執筆に入ります。",
            "すでに着手しております",
            "取り掛かります！",
            "先に進めておきます。",
        ] {
            assert!(begins(text), "{text}");
        }
        for text in [
            "仮払いの確認後に着手いたします。",
            "仮払いが完了次第、作業を開始します。",
            "契約後に着手します",
            "まだ着手していません。",
            "着手してもよろしいでしょうか",
            "手続きが済んでから取り掛かります",
            "ありがとうございます。",
        ] {
            assert!(!begins(text), "{text}");
        }
    }

    #[test]
    fn a_yes_is_short_and_without_but() {
        for text in [
            "はい",
            "はい、その内容でお願いします。",
            "OKです！",
            "問題ありません",
            "承知しました。",
            "相違ないです",
        ] {
            assert!(assents(text), "{text}");
        }
        for text in [
            "はい、ただし納期は金曜でお願いします",
            "はい。報酬は4,000円に変更してください",
            "いいえ",
            "ありがとうございます",
            "問題ありませんか？",
        ] {
            assert!(!assents(text), "{text}");
        }
        assert!(!assents(&format!("はい{}", "あ".repeat(80))));
    }

    fn terms(deliverable: &str, quantity: &str, amount: &str, deadline: &str) -> Terms {
        let some = |it: &str| (!it.is_empty()).then(|| it.to_owned());
        Terms {
            deliverable: some(deliverable),
            quantity: some(quantity),
            amount: some(amount),
            deadline: some(deadline),
        }
    }

    #[test]
    fn terms_change_by_meaning() {
        let before = terms("ブログ記事", "3本", "5,000円", "来週金曜");
        assert!(changes(&before, &terms("ブログ 記事", "３本", "５０００円", "来週金曜")).is_empty());
        // A span, a unit price and tax are part of what was agreed.
        for (one, other) in [("3万円", "3〜5万円"), ("5,000円", "1本5,000円"), ("3万円(税込)", "3万円(税別)")]
        {
            let found = changes(&terms("", "", one, ""), &terms("", "", other, ""));
            assert_eq!(found.len(), 1, "{one} {other}");
        }
        assert!(changes(&terms("", "", "3万円(税込)", ""), &terms("", "", "税込30,000円", "")).is_empty());
        let found = changes(&before, &terms("ブログ記事", "5本", "3,000円", ""));
        let short: Vec<_> =
            found.iter().map(|it| (it.term, it.before.as_deref(), it.after.as_deref())).collect();
        assert_eq!(
            short,
            [
                (Term::Quantity, Some("3本"), Some("5本")),
                (Term::Amount, Some("5,000円"), Some("3,000円")),
                (Term::Deadline, Some("来週金曜"), None),
            ]
        );
    }

    #[test]
    fn worth_of_a_case() {
        for (quantity, amount, expected) in [
            ("3本", "1本5,000円", Some(15_000)),
            ("3本", "単価5,000円", Some(15_000)),
            ("3本", "５，０００円／本", Some(15_000)),
            ("3本", "30,000円", Some(30_000)),
            ("10本", "3万円", Some(30_000)),
            ("", "1記事2,000円", Some(2_000)),
            ("5000文字", "文字単価1.2円", Some(6_000)),
            ("3本", "文字単価1.2円", None),
            ("20時間", "時給1,500円", Some(30_000)),
            ("月4本", "月額10万円", Some(100_000)),
            ("3本", "1本3,000〜5,000円", Some(9_000)),
            ("", "3〜5万円", Some(30_000)),
            ("", "5万円以内", Some(50_000)),
            ("3本", "", None),
            ("3本", "応相談", None),
        ] {
            assert_eq!(worth(&terms("", quantity, amount, "")), expected, "{quantity} {amount}");
        }
    }
}
