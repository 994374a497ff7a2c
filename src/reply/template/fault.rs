//! What can be wrong with a template, in the two languages of those who write one.

use std::fmt;

/// One fault of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Empty,
    /// The most characters that it may have.
    TooLong(usize),
    NotOneLine,
    Control,
    NamesNoEscrow,
    ThanksNot,
    PlaceholderInTag,
    OpenTag,
    CodeInCode,
    CodeNotBegun,
    CodeNotEnded,
    /// A tag that acts in Chatwork.
    Tag(String),
    /// The words that a client could take for an acceptance or a promise.
    Accepts(String),
    Declines(String),
    Outside(String),
    Reveals(String),
    Rude(String),
    /// The end of a sentence that is not です・ます.
    NotPolite(String),
    /// `{sender}` with a title behind it.
    DoubleTitle,
    NoPlaceholder,
    /// The placeholders that the text may have.
    UnknownPlaceholder(String),
    Brace,
    UnknownText,
    Missing,
    /// What the TOML reader says.
    NotAFile(String),
}

impl Fault {
    /// For those who read Japanese.
    pub fn japanese(&self) -> String {
        match self {
            Self::Empty => "空です".to_owned(),
            Self::TooLong(max) => format!("{max}文字を超えています"),
            Self::NotOneLine => "1行で書いてください".to_owned(),
            Self::Control => "制御文字が入っています".to_owned(),
            Self::NamesNoEscrow => "「クラウドワークス」と「仮払い」の両方を入れてください".to_owned(),
            Self::ThanksNot => "お礼（ありがとうございます）を入れてください".to_owned(),
            Self::PlaceholderInTag => "「[」の後に差し込み項目があります".to_owned(),
            Self::OpenTag => "閉じていないChatworkのタグがあります".to_owned(),
            Self::CodeInCode => "[code]の中に[code]があります".to_owned(),
            Self::CodeNotBegun => "[code]がないのに[/code]があります".to_owned(),
            Self::CodeNotEnded => "[/code]がありません".to_owned(),
            Self::Tag(name) => {
                format!("Chatworkのタグ[{name}]は使えません（使えるのは[hr]と[code]だけです）")
            }
            Self::Accepts(word) => format!("「{word}」は、引き受けや約束と受け取られます"),
            Self::Declines(word) => format!("「{word}」は、断りや非難と受け取られます"),
            Self::Outside(word) => format!("「{word}」は、クラウドワークスを通さない取引と受け取られます"),
            Self::Reveals(word) => format!("「{word}」は、ボットの動きに触れています"),
            Self::Rude(word) => format!("「{word}」は、お客様への言葉として適切ではありません"),
            Self::NotPolite(end) => format!("「…{end}。」が「です・ます」で終わっていません"),
            Self::DoubleTitle => "{sender}には「さん」が付いているため、敬称が重なります".to_owned(),
            Self::NoPlaceholder => "この文には差し込み項目を使えません".to_owned(),
            Self::UnknownPlaceholder(names) => format!("知らない差し込み項目です（使えるのは {names}）"),
            Self::Brace => "差し込み項目ではない「{」か「}」があります".to_owned(),
            Self::UnknownText => "この名前の文はありません".to_owned(),
            Self::Missing => "ありません".to_owned(),
            Self::NotAFile(what) => format!("テンプレートの形式ではありません: {what}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong(max) => write!(f, "is longer than {max} characters"),
            Self::NotOneLine => f.write_str("must be one line"),
            Self::Control => f.write_str("has a control character"),
            Self::NamesNoEscrow => f.write_str("must name クラウドワークス and 仮払い"),
            Self::ThanksNot => f.write_str("must thank"),
            Self::PlaceholderInTag => f.write_str("has a placeholder after an open `[`"),
            Self::OpenTag => f.write_str("has a Chatwork tag that does not end"),
            Self::CodeInCode => f.write_str("has [code] inside [code]"),
            Self::CodeNotBegun => f.write_str("has [/code] without [code]"),
            Self::CodeNotEnded => f.write_str("has [code] without [/code]"),
            Self::Tag(name) => write!(f, "has the Chatwork tag [{name}]; only [hr] and [code] may be used"),
            Self::Accepts(word) => write!(f, "says 「{word}」, which reads like an acceptance or a promise"),
            Self::Declines(word) => write!(f, "says 「{word}」, which declines, blames or threatens"),
            Self::Outside(word) => {
                write!(f, "says 「{word}」, which reads like dealing outside CrowdWorks")
            }
            Self::Reveals(word) => write!(f, "says 「{word}」, which speaks of the bot's work"),
            Self::Rude(word) => write!(f, "says 「{word}」, which is no way to address a client"),
            Self::NotPolite(end) => {
                write!(f, "has a sentence that does not end politely (です・ます): 「…{end}。」")
            }
            Self::DoubleTitle => f.write_str("puts a title behind {sender}, which has its さん already"),
            Self::NoPlaceholder => f.write_str("has a placeholder, and there are none for this text"),
            Self::UnknownPlaceholder(names) => {
                write!(f, "has an unknown placeholder; there are {names}")
            }
            Self::Brace => f.write_str("has a `{` or `}` that is no placeholder"),
            Self::UnknownText => f.write_str("is no text that the bot has"),
            Self::Missing => f.write_str("is missing"),
            Self::NotAFile(what) => write!(f, "not a template file: {what}"),
        }
    }
}
