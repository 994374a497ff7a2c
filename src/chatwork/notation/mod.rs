//! Message notation: a body in, a tree of nodes with their byte spans out; plus the two forms that the bot writes.
//!
//! There is no escape character in this notation, so whatever is malformed, unclosed or unknown is text and nothing of
//! a message is ever dropped. The tree is a flat list in source order (a container knows where its last descendant
//! stands), so that no body, however nested, needs recursion to parse, walk or drop.
//!
//! Never: knows names, detects anything, does I/O.

mod lex;
mod names;
mod system;
mod text;
mod tree;
mod words;

mod html;

use std::ops::Range;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

pub use system::{Download, TaskEvent, TaskNotice};

/// Containers nested deeper than this are shown as text.
pub const MAX_DEPTH: usize = 16;

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// An `http` or `https` address within text.
    Url,
    Emoticon,
    /// `[To:123]`
    To(AccountId),
    /// `[toall]`, or `TO ALL >>>` of older clients.
    ToAll,
    /// `[rp aid=… to=room-message]`, also written 返信 and Reply.
    Reply(Reply),
    /// `[hr]`
    Rule,
    /// `[picon:123]`
    Icon(AccountId),
    /// `[piconname:123]` or `[pname:123]`
    Name(AccountId),
    /// `[dtext:key]`; the key is the node's `inner`.
    SystemText,
    /// `[preview id=… ht=…]`, with the id of the file.
    Preview(u64),
    /// `[code]…[/code]`; nothing inside is interpreted.
    Code,
    /// `[download:456]name (size)[/download]`, with the id of the file.
    Download(u64),
    /// `[qt][qtmeta aid=… time=…]…[/qt]`, also written 引用. A container.
    Quote {
        account: Option<AccountId>,
        time: Option<UtcMillis>,
    },
    /// `[info]…[/info]`. A container.
    Info,
    /// `[title]…[/title]` directly at the start of a frame. A container.
    Title,
    /// `[task aid=…]…[/task]`. A container.
    Task(TaskTag),
}

/// Whom and what a message answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub account: AccountId,
    pub room: RoomId,
    pub message: MessageId,
}

/// The attributes of `[task …]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskTag {
    pub assignee: AccountId,
    /// `st=done`; anything else counts as open.
    pub done: bool,
    /// `lt`; `None` where it is 0 or absent.
    pub limit: Option<UtcMillis>,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    /// All bytes of the node, tags included.
    pub span: Range<usize>,
    /// The bytes between its tags; the same as `span` where there are none, empty for a tag without content.
    pub inner: Range<usize>,
    /// Index one past the last descendant in [`Message::nodes`].
    end: usize,
}

/// A parsed body.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a> {
    body: &'a str,
    nodes: Vec<Node>,
}

/// Parses any text. Never fails; time and memory are linear in its length.
pub fn parse(body: &str) -> Message<'_> {
    Message { body, nodes: tree::build(lex::lex(body)) }
}

/// The body that Chatwork shows for a deleted message. A person can type it too; the two cannot be told apart.
pub fn is_deleted(body: &str) -> bool {
    body == "[deleted]"
}

/// Makes foreign text inert in a post: without `[` there is no tag, without `>>>` no call to everybody of older clients.
pub fn defuse(text: &str) -> String {
    text.replace('[', "［").replace(">>>", "＞＞＞")
}

/// The tag that makes a post an answer to `message`.
pub fn reply_tag(account: AccountId, room: RoomId, message: &MessageId) -> String {
    format!("[rp aid={account} to={room}-{message}]")
}

impl<'a> Message<'a> {
    pub fn body(&self) -> &'a str {
        self.body
    }

    /// All nodes in source order, each container before its children.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The source text of a span of this message; empty for a span of another.
    pub fn source(&self, span: &Range<usize>) -> &'a str {
        self.body.get(span.clone()).unwrap_or_default()
    }

    /// The accounts of `[To:…]` outside quotations, in order, repetitions kept.
    pub fn mentions(&self) -> Vec<AccountId> {
        self.said()
            .filter_map(|node| match node.kind {
                Kind::To(account) => Some(account),
                _ => None,
            })
            .collect()
    }

    /// Addressed to everybody, outside quotations.
    pub fn to_all(&self) -> bool {
        self.said().any(|node| node.kind == Kind::ToAll)
    }

    /// The first reply tag outside quotations.
    pub fn reply(&self) -> Option<Reply> {
        self.said().find_map(|node| match &node.kind {
            Kind::Reply(reply) => Some(reply.clone()),
            _ => None,
        })
    }

    pub fn has_code(&self) -> bool {
        self.nodes.iter().any(|node| node.kind == Kind::Code)
    }

    pub fn has_quote(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.kind, Kind::Quote { .. }))
    }

    /// See [`is_deleted`].
    pub fn is_deleted(&self) -> bool {
        is_deleted(self.body)
    }

    /// The nodes outside quotations.
    fn said(&self) -> impl Iterator<Item = &Node> {
        let mut next = 0;
        std::iter::from_fn(move || {
            while let Some(node) = self.nodes.get(next) {
                if matches!(node.kind, Kind::Quote { .. }) {
                    next = node.end;
                } else {
                    next += 1;
                    return Some(node);
                }
            }
            None
        })
    }

    /// The indices of the direct children among the nodes `from..end`.
    fn siblings(&self, from: usize, end: usize) -> impl Iterator<Item = usize> {
        let mut next = from;
        std::iter::from_fn(move || {
            let index = next;
            (index < end).then(|| {
                next = self.nodes.get(index).map_or(end, |node| node.end);
                index
            })
        })
    }

    fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        self.siblings(index + 1, self.nodes.get(index).map_or(0, |node| node.end))
    }
}

/// Counts only: a body is never printed by accident.
impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("bytes", &self.body.len()).field("nodes", &self.nodes.len()).finish()
    }
}

#[cfg(test)]
mod tests;
