//! What a template may not say, and may not do to Chatwork's notation.

use unicode_normalization::UnicodeNormalization as _;

use super::fault::Fault;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request for CrowdWorks and escrow.
    Reminder,
    /// Anything else that may stand in a client's room.
    Room,
    /// The same, of what is kept: it may speak of that.
    Notice,
    /// For the owner.
    Note,
    /// For the owner, on one line.
    Line,
}

/// Wording that a client could take for an acceptance or a promise.
const ACCEPTS: &[&str] = &[
    "承りました",
    "承ります",
    "承りまして",
    "うけたまわ",
    "お受けします",
    "お受けいたします",
    "お受けできます",
    "引き受けます",
    "お引き受けします",
    "お引き受けいたします",
    "喜んで",
    "よろこんで",
    "かしこまりました",
    "承知しました",
    "承知いたしました",
    "承知致しました",
    "了解しました",
    "了解です",
    "対応します",
    "対応いたします",
    "対応可能です",
    "着手します",
    "着手いたします",
    "作業を始めます",
    "作業を開始します",
    "納期に間に合",
    "お任せください",
];

/// Wording that declines, sets a condition, blames or threatens.
const DECLINES: &[&str] = &[
    "お断り",
    "お受けできません",
    "お受けできかね",
    "対応できません",
    "対応いたしかね",
    "違反です",
    "違反に",
    "違反と",
    "規約違反",
    "通報",
    "法的",
    "ペナルティ",
    "違約金",
    "罰則",
    "！",
    "!",
];

/// Wording of dealing outside CrowdWorks, or of beginning without escrow.
const OUTSIDE: &[&str] = &[
    "直接取引",
    "直接契約",
    "直接のお取引",
    "直接のご契約",
    "直接のお支払",
    "直接お支払",
    "直接お振",
    "振込",
    "振り込",
    "口座",
    "請求書",
    "後払い",
    "現金",
    "ギフト券",
    "手数料",
    "クラウドワークスを通さ",
    "クラウドワークス外",
    "クラウドワークスの外",
    "crowdworksを通さ",
    "サイト外",
    "仮払いなし",
    "仮払い不要",
    "仮払いは不要",
    "仮払いは後",
    "仮払いを待たず",
    "先に着手",
    "先に始め",
    "先に進め",
    "メールアドレス",
    "電話番号",
    "携帯",
    "paypay",
    "line",
    "paypal",
    "skype",
    "discord",
    "slack",
    "instagram",
    "messenger",
];

/// Wording about the bot's own inner life, which is nobody's business in a client's room.
const REVEALS: &[&str] = &["検知", "検出", "監視", "ログ", "記録して", "ボット", "karibarai"];

/// Tags that a template may use: a rule, and literal text.
const ALLOWED_TAGS: &[&str] = &["hr", "code", "/code"];

/// Beginnings of everything else that Chatwork acts on, or that its client inserts.
const ACTIVE_TAGS: &[&str] = &[
    "to:",
    "toall",
    "rp",
    "qt",
    "/qt",
    "qtmeta",
    "info",
    "/info",
    "title",
    "/title",
    "hr",
    "code",
    "/code",
    "picon",
    "pname",
    "dtext",
    "task",
    "/task",
    "download",
    "/download",
    "preview",
    "deleted",
    "live",
    "返信",
    "引用",
    "/引用",
    "reply",
];

/// How a sentence in a client's room may end; longer forms end in one of these too.
const POLITE_ENDS: &[&str] = &[
    "です",
    "ます",
    "ません",
    "ました",
    "でした",
    "でしょう",
    "ましょう",
    "ください",
    "下さい",
    "幸いです",
    "でしょうか",
    "ますか",
    "ませんか",
    "ですか",
];

/// Wording that is too low for a client, or an honorific that a name has already.
const RUDE: &[&str] = &[
    "あなた",
    "おまえ",
    "お前",
    "てくれ",
    "てほしい",
    "てもらう",
    "しろ。",
    "せよ",
    "ご苦労",
    "早くして",
    "貴様",
    "さん様",
    "様様",
    "さんさん",
    "様さん",
];

/// Everything that is wrong with a template text.
pub(super) fn check(text: &str, kind: Kind, max_chars: usize) -> Vec<Fault> {
    let mut found = Vec::new();
    if text.is_empty() {
        found.push(Fault::Empty);
    }
    if text.chars().count() > max_chars {
        found.push(Fault::TooLong(max_chars));
    }
    if kind == Kind::Line && text.contains('\n') {
        found.push(Fault::NotOneLine);
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        found.push(Fault::Control);
    }
    found.extend(check_tags(text));
    found.extend(check_names(text));
    if matches!(kind, Kind::Reminder | Kind::Room | Kind::Notice) {
        found.extend(check_wording(text, kind));
        found.extend(check_honorifics(text));
    }
    if kind == Kind::Reminder {
        let folded = fold(text);
        let has_any = |words: &[&str]| words.iter().any(|it| folded.contains(it));
        if !has_any(&["クラウドワークス", "crowdworks"]) || !has_any(&["仮払い", "仮払"]) {
            found.push(Fault::NamesNoEscrow);
        }
        if !has_any(&["ありがとう", "有難う", "thank"]) {
            found.push(Fault::ThanksNot);
        }
    }
    found
}

/// `{sender}` comes with its さん.
fn check_names(text: &str) -> Option<Fault> {
    let doubled = text
        .split("{sender}")
        .skip(1)
        .any(|it| ["さん", "様", "さま", "氏", "殿"].iter().any(|title| it.trim_start().starts_with(title)));
    doubled.then_some(Fault::DoubleTitle)
}

/// です・ます to the end of each sentence. A line without 。 is a remark or a heading and may end as it likes.
fn check_honorifics(text: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    let folded = fold(text);
    if let Some(word) = RUDE.iter().find(|word| folded.contains(&fold(word))) {
        found.push(Fault::Rude((*word).to_owned()));
    }
    let plain = text.split_inclusive(['。', '\n']).filter_map(|it| it.trim().strip_suffix('。')).find(|it| {
        // A remark in brackets stands behind the end.
        let end = match it.strip_suffix(['）', ')']) {
            Some(inner) => inner.rfind(['（', '(']).map_or(inner, |at| &inner[..at]),
            None => it,
        };
        let end = end.trim_end_matches(['」', '』', '、']);
        !POLITE_ENDS.iter().any(|polite| end.ends_with(polite))
    });
    if let Some(sentence) = plain {
        let skip = sentence.chars().count().saturating_sub(SHOWN_CHARS);
        found.push(Fault::NotPolite(sentence.chars().skip(skip).collect()));
    }
    found
}

/// Of a sentence that is complained of, its last characters.
const SHOWN_CHARS: usize = 12;

/// Only rules and literal text, balanced; and no placeholder inside brackets, where a value could become a tag.
fn check_tags(text: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut in_code = false;
    for piece in text.split('[').skip(1) {
        let end = piece.find([']', '\n', '{']);
        let Some((name, "]")) = end.map(|at| (&piece[..at], &piece[at..=at])) else {
            if end.is_some_and(|at| piece[at..].starts_with('{')) {
                found.push(Fault::PlaceholderInTag);
            } else if is_active(piece) {
                found.push(Fault::OpenTag);
            }
            continue;
        };
        match name {
            "code" if in_code => found.push(Fault::CodeInCode),
            "code" => in_code = true,
            "/code" if !in_code => found.push(Fault::CodeNotBegun),
            "/code" => in_code = false,
            name if is_active(name) && !ALLOWED_TAGS.contains(&name) => {
                found.push(Fault::Tag(name.to_owned()));
            }
            _ => {}
        }
    }
    if in_code {
        found.push(Fault::CodeNotEnded);
    }
    found
}

fn is_active(name: &str) -> bool {
    let name = name.to_lowercase();
    ACTIVE_TAGS.iter().any(|tag| {
        name.strip_prefix(tag)
            .is_some_and(|rest| tag.ends_with(':') || !rest.starts_with(char::is_alphanumeric))
    })
}

fn check_wording(text: &str, kind: Kind) -> Vec<Fault> {
    let folded = fold(text);
    let hit = |words: &'static [&'static str]| {
        words.iter().find(|word| contains_word(&folded, &fold(word))).map(|word| (*word).to_owned())
    };
    [
        hit(ACCEPTS).map(Fault::Accepts),
        hit(DECLINES).map(Fault::Declines),
        hit(OUTSIDE).map(Fault::Outside),
        hit(REVEALS).filter(|_| kind != Kind::Notice).map(Fault::Reveals),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One width and case, no white space: 「ＬＩＮＥ」 and 「Ｌ Ｉ Ｎ Ｅ」 are `line`.
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

/// Latin words must stand alone: `line` is not in `online`.
fn contains_word(text: &str, word: &str) -> bool {
    let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let bounded = word.bytes().all(|b| b.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !bounded || !(latin(before) || latin(after))
    })
}
