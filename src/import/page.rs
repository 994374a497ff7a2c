//! Pages saved by a browser: the messages that Chatwork marks as such, else the text that a reader would see.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use serde_json::json;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{ImportError, Parsed, paste, when};

/// Elements that never hold others.
const VOID: &[&[u8]] = &[
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"source",
    b"track", b"wbr",
];
/// Elements that begin on a line of their own.
const BLOCKS: &[&[u8]] = &[
    b"address",
    b"article",
    b"blockquote",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"footer",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"li",
    b"main",
    b"ol",
    b"p",
    b"pre",
    b"section",
    b"table",
    b"td",
    b"th",
    b"tr",
    b"ul",
];
/// Elements whose text nobody sees.
const HIDDEN: &[&[u8]] = &[b"script", b"style", b"template", b"noscript", b"title", b"head"];

/// What the text of an open element is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Body,
}

struct Open {
    name: Vec<u8>,
    hidden: bool,
    /// It began a message, or a part of one.
    message: bool,
    part: Option<Part>,
}

#[derive(Default)]
struct Page {
    open: Vec<Open>,
    text: String,
    messages: Vec<Parsed>,
    /// Of the message under way.
    current: Option<Message>,
}

#[derive(Default)]
struct Message {
    id: String,
    room: Option<RoomId>,
    account: Option<AccountId>,
    name: String,
    time: String,
    body: String,
}

/// The messages of a page.
pub(super) fn messages(html: &str, now: UtcMillis) -> Result<Vec<Parsed>, ImportError> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => page.start(&tag, now),
            Token::EndTag(tag) => page.end(&tag.name, now),
            Token::String(text) => page.text(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    page.close(now);
    if !page.messages.is_empty() {
        return Ok(page.messages);
    }
    paste::messages(&page.text, now)
}

impl Page {
    fn start(&mut self, tag: &StartTag<()>, now: UtcMillis) {
        let name: &[u8] = &tag.name;
        let attribute = |wanted: &str| {
            let value = tag.attributes.get(wanted.as_bytes())?;
            Some(String::from_utf8_lossy(&value.value).into_owned())
        };
        let id = attribute("data-mid").filter(|it| MessageId::new(it.as_str()).is_some());
        let begins = id.is_some() && self.current.as_ref().is_none_or(|it| Some(&it.id) != id.as_ref());
        if let Some(id) = id.filter(|_| begins) {
            self.close(now);
            let room = attribute("data-rid").and_then(|it| it.parse().ok()).map(RoomId);
            self.current = Some(Message { id, room, ..Message::default() });
        }
        let mut part = None;
        if let Some(current) = &mut self.current {
            if current.account.is_none() {
                current.account = attribute("data-aid").and_then(|it| it.parse().ok()).map(AccountId);
            }
            if let Some(time) = attribute("data-tm").or_else(|| attribute("datetime"))
                && current.time.is_empty()
            {
                current.time = time;
            }
            let class = attribute("class").unwrap_or_default().to_ascii_lowercase();
            part = if class.contains("speakername") || class.contains("username") {
                Some(Part::Name)
            } else if name == b"pre" || class.contains("messagebody") {
                Some(Part::Body)
            } else {
                None
            };
        }
        if name == b"br" || BLOCKS.contains(&name) {
            self.line_end(name == b"br");
        }
        if !tag.self_closing && !VOID.contains(&name) {
            let hidden = HIDDEN.contains(&name);
            self.open.push(Open { name: name.to_vec(), hidden, message: begins, part });
        }
    }

    fn end(&mut self, name: &[u8], now: UtcMillis) {
        // An end without a beginning is passed over; a beginning without an end is ended by what it stands in.
        let Some(at) = self.open.iter().rposition(|it| it.name == name) else { return };
        let ends_message = self.open.iter().skip(at).any(|it| it.message);
        self.open.truncate(at);
        if BLOCKS.contains(&name) {
            self.line_end(false);
        }
        if ends_message {
            self.close(now);
        }
    }

    fn text(&mut self, text: &str) {
        if self.open.iter().any(|it| it.hidden) {
            return;
        }
        let kept = self.open.iter().any(|it| it.name == b"pre");
        // Outside `pre` line ends are spaces.
        let text = if kept { text.to_owned() } else { text.split_whitespace().collect::<Vec<_>>().join(" ") };
        self.text.push_str(&text);
        let part = self.open.iter().rev().find_map(|it| it.part);
        match (&mut self.current, part) {
            (Some(current), Some(Part::Name)) if current.name.is_empty() => {
                current.name = text.trim().to_owned()
            }
            (Some(current), Some(Part::Body)) => current.body.push_str(&text),
            _ => {}
        }
    }

    fn line_end(&mut self, forced: bool) {
        let in_body = self.open.iter().rev().find_map(|it| it.part) == Some(Part::Body);
        let end = |text: &mut String| {
            if forced || !(text.is_empty() || text.ends_with('\n')) {
                text.push('\n');
            }
        };
        end(&mut self.text);
        if let (Some(current), true) = (&mut self.current, in_body) {
            end(&mut current.body);
        }
    }

    /// Ends the message under way.
    fn close(&mut self, now: UtcMillis) {
        let Some(it) = self.current.take() else { return };
        let when = when::cell(&it.time, now);
        let record = json!({
            "data-mid": it.id, "data-rid": it.room, "data-aid": it.account, "name": it.name, "time": it.time,
            "text": it.body,
        });
        // A page repeats the id in frames around nothing.
        if it.body.trim().is_empty() && it.time.is_empty() {
            return;
        }
        self.messages.push(Parsed {
            place: self.messages.len() as u64 + 1,
            room: it.room,
            message: MessageId::new(it.id),
            account: it.account,
            name: Some(it.name).filter(|name| !name.is_empty()),
            sent_at: when.map(|it| it.at),
            year_assumed: when.is_some_and(|it| it.year_assumed),
            body: it.body.trim_end().to_owned(),
            record,
        });
    }
}
