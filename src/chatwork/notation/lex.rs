//! Cuts a body into tokens. Each byte is looked at a bounded number of times: tags have a greatest length, and the
//! searches for `[/code]`, `[/download]` and the line's end remember what they found.

use std::ops::Range;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{Kind, Reply, TaskTag};

/// Longest tag, brackets excluded, in bytes. The longest real one, a reply, has about 70.
const MAX_TAG: usize = 160;

/// What opens and closes by tags and may hold others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Quote,
    LocalQuote,
    Info,
    Title,
    Task,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Text,
    /// A node without children; with the span of its content.
    Leaf(Kind, Range<usize>),
    Open(Container, Kind),
    Close(Container),
    /// `[qtmeta …]`: belongs to the `[qt]` directly before it, else it is text.
    QuoteMeta(Option<AccountId>, Option<UtcMillis>),
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) what: What,
}

/// On two public lists, or with round brackets on one; `:!` `:?` `:#` `,':|` are on one list only and would eat
/// ordinary punctuation.
const EMOTICONS: &[&str] = &[
    ":)",
    ":(",
    ":D",
    "8-)",
    ":o",
    ";)",
    ";(",
    "(sweat)",
    ":|",
    ":*",
    ":p",
    "(blush)",
    ":^)",
    "|-)",
    "(inlove)",
    "]:)",
    "(talk)",
    "(yawn)",
    "(puke)",
    "(emo)",
    "8-|",
    ":#)",
    "(nod)",
    "(shake)",
    "(^^;)",
    "(whew)",
    "(clap)",
    "(bow)",
    "(roger)",
    "(flex)",
    "(dance)",
    "(:/)",
    "(devil)",
    "(*)",
    "(h)",
    "(F)",
    "(cracker)",
    "(^)",
    "(coffee)",
    "(beer)",
    "(handshake)",
    "(y)",
    "(gogo)",
    "(think)",
    "(please)",
    "(quick)",
    "(anger)",
    "(lightbulb)",
    "(love)",
    "(cake)",
    "(oops)",
    "(n)",
    "(yes)",
    "(no)",
];

/// The mention of all members as older clients wrote it, at the start of a line.
const OLD_TO_ALL: &str = "TO ALL >>>";

pub(super) fn lex(body: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        body,
        tokens: Vec::new(),
        code_end: Next::new("[/code]"),
        download_end: Next::new("[/download]"),
        line_end: Next::new("\n"),
    };
    let mut text_from = 0;
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        match lexer.token(at, rest) {
            Some(token) => {
                lexer.text(text_from..at);
                at = token.span.end;
                text_from = at;
                lexer.tokens.push(token);
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    lexer.text(text_from..body.len());
    lexer.tokens
}

struct Lexer<'a> {
    body: &'a str,
    tokens: Vec<Token>,
    code_end: Next,
    download_end: Next,
    line_end: Next,
}

impl Lexer<'_> {
    fn text(&mut self, span: Range<usize>) {
        if !span.is_empty() {
            self.tokens.push(Token { span, what: What::Text });
        }
    }

    /// The token that begins at `at`, if one does.
    fn token(&mut self, at: usize, rest: &str) -> Option<Token> {
        let first = *rest.as_bytes().first()?;
        let leaf = |len: usize, kind| {
            let span = at..at + len;
            Token { span: span.clone(), what: What::Leaf(kind, span) }
        };
        match first {
            b'[' => self.tag(at, rest),
            b'h' | b'H' => Some(leaf(url_len(rest)?, Kind::Url)),
            b'T' if rest.starts_with(OLD_TO_ALL) && self.at_line_start(at) => {
                Some(leaf(OLD_TO_ALL.len(), Kind::ToAll))
            }
            b':' | b';' | b'8' | b'|' | b'(' | b']' => {
                Some(leaf(emoticon_len(self.body.get(..at)?, rest)?, Kind::Emoticon))
            }
            _ => None,
        }
    }

    fn at_line_start(&self, at: usize) -> bool {
        at == 0 || self.body.as_bytes().get(at - 1) == Some(&b'\n')
    }

    fn tag(&mut self, at: usize, rest: &str) -> Option<Token> {
        let len = rest
            .bytes()
            .skip(1)
            .take(MAX_TAG + 1)
            .position(|byte| matches!(byte, b'[' | b']' | b'\n'))
            .filter(|len| rest.as_bytes().get(len + 1) == Some(&b']'))?;
        let inside = rest.get(1..=len)?;
        let tag_end = at + len + 2;
        let what = match inside {
            "qt" => What::Open(Container::Quote, Kind::Quote { account: None, time: None }),
            "/qt" => What::Close(Container::Quote),
            "/引用" => What::Close(Container::LocalQuote),
            "info" => What::Open(Container::Info, Kind::Info),
            "/info" => What::Close(Container::Info),
            "title" => self.title(at)?,
            "/title" => What::Close(Container::Title),
            "/task" => What::Close(Container::Task),
            "code" => {
                let inner = tag_end..self.code_end.from(self.body, tag_end)?;
                let span = at..inner.end + "[/code]".len();
                return Some(Token { span, what: What::Leaf(Kind::Code, inner) });
            }
            "hr" => What::Leaf(Kind::Rule, tag_end..tag_end),
            "toall" => What::Leaf(Kind::ToAll, tag_end..tag_end),
            _ => match inside.split_once(':') {
                Some(("download", id)) => return self.download(at, tag_end, number(id)?),
                Some(("dtext", key)) => {
                    let known =
                        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                    let key = tag_end - 1 - key.len()..tag_end - 1;
                    What::Leaf(known.then_some(Kind::SystemText)?, key)
                }
                Some((name, id)) => What::Leaf(account_tag(name, AccountId(number(id)?))?, tag_end..tag_end),
                None => attribute_tag(inside, tag_end)?,
            },
        };
        Some(Token { span: at..tag_end, what })
    }

    /// A heading exists only directly behind the tag that opens its frame.
    fn title(&self, at: usize) -> Option<What> {
        let before = self.tokens.last()?;
        let opens = matches!(before.what, What::Open(Container::Info, _)) && before.span.end == at;
        opens.then_some(What::Open(Container::Title, Kind::Title))
    }

    /// A file's name stands on one line and may itself look like a tag.
    fn download(&mut self, at: usize, tag_end: usize, file: u64) -> Option<Token> {
        let end = self.download_end.from(self.body, tag_end)?;
        if self.line_end.from(self.body, tag_end).is_some_and(|line| line < end) {
            return None;
        }
        let span = at..end + "[/download]".len();
        Some(Token { span, what: What::Leaf(Kind::Download(file), tag_end..end) })
    }
}

/// `[name:account]`
fn account_tag(name: &str, account: AccountId) -> Option<Kind> {
    match name {
        "To" => Some(Kind::To(account)),
        "picon" => Some(Kind::Icon(account)),
        "piconname" | "pname" => Some(Kind::Name(account)),
        _ => None,
    }
}

/// `[name key=value …]`. Unknown keys are passed over; a missing or unreadable necessary one makes the tag text.
fn attribute_tag(inside: &str, tag_end: usize) -> Option<What> {
    let mut words = inside.split(' ').filter(|word| !word.is_empty());
    let name = words.next()?;
    let attributes = words.map(|word| word.split_once('=')).collect::<Option<Vec<_>>>()?;
    let get = |key: &str| attributes.iter().find(|(it, _)| *it == key).map(|(_, value)| *value);
    let account = || get("aid").and_then(number).map(AccountId);
    let time = |key| get(key).and_then(number).filter(|it| *it > 0).map(seconds);
    match name {
        "rp" | "返信" | "Reply" => {
            let (room, message) = get("to")?.split_once('-')?;
            let (room, message) = (RoomId(number(room)?), MessageId::new(message)?);
            Some(What::Leaf(Kind::Reply(Reply { account: account()?, room, message }), tag_end..tag_end))
        }
        "qtmeta" => Some(What::QuoteMeta(Some(account()?), time("time"))),
        "引用" => {
            Some(What::Open(Container::LocalQuote, Kind::Quote { account: account(), time: time("time") }))
        }
        "task" => {
            let tag = TaskTag { assignee: account()?, done: get("st") == Some("done"), limit: time("lt") };
            Some(What::Open(Container::Task, Kind::Task(tag)))
        }
        "preview" => Some(What::Leaf(Kind::Preview(get("id").and_then(number)?), tag_end..tag_end)),
        _ => None,
    }
}

/// ASCII digits only: `u64::from_str` would also take a plus sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn seconds(value: u64) -> UtcMillis {
    UtcMillis::from_seconds(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Bytes of the address at the start of `rest`, without the punctuation of the sentence that it stands in.
fn url_len(rest: &str) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|it| rest.get(..it.len()).is_some_and(|start| start.eq_ignore_ascii_case(it)))?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    let run = rest.bytes().take_while(|byte| is_part(*byte)).count();
    let run = rest.get(..run)?;
    let opens = run.contains('(');
    let trimmed = run.trim_end_matches(|c: char| ".,;:!?'*".contains(c) || (c == ')' && !opens));
    (trimmed.len() > scheme.len()).then_some(trimmed.len())
}

/// Bytes of the emoticon at the start of `rest`. Those of bare punctuation must stand apart from Latin words and
/// numbers before, those that end in a letter from any word behind: `C:Documents`, `資料:D案`, `(^_^;)` hold none.
fn emoticon_len(before: &str, rest: &str) -> Option<usize> {
    let found = EMOTICONS.iter().filter(|it| rest.starts_with(**it)).max_by_key(|it| it.len())?;
    if found.starts_with('(') {
        return Some(found.len());
    }
    let joined_before =
        before.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_^".contains(&byte));
    let ends_in_letter = found.ends_with(|c: char| c.is_ascii_alphabetic());
    let joined_behind =
        rest.get(found.len()..).and_then(|it| it.chars().next()).is_some_and(char::is_alphanumeric);
    let joined = joined_before || (ends_in_letter && joined_behind);
    (!joined).then_some(found.len())
}

/// The next place of a fixed string, searched for once however often it is asked for.
struct Next {
    needle: &'static str,
    /// The search began here or before and found this.
    found: Option<(usize, Option<usize>)>,
}

impl Next {
    fn new(needle: &'static str) -> Self {
        Self { needle, found: None }
    }

    fn from(&mut self, body: &str, at: usize) -> Option<usize> {
        if let Some((from, found)) = self.found
            && from <= at
            && found.is_none_or(|it| it >= at)
        {
            return found;
        }
        let found = body.get(at..).and_then(|rest| rest.find(self.needle)).map(|it| it + at);
        self.found = Some((at, found));
        found
    }
}
