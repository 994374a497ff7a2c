//! What of a body its sender said himself, and to whom; as far as the notation shows it.

use std::ops::Range;

use crate::chatwork::notation::{self, Kind};

/// The sender's own words of a body and whom they are addressed to.
pub(crate) struct Own {
    /// Byte ranges of the body.
    pub(crate) words: Vec<Range<usize>>,
    /// Account and name of each addressee, replies included; the name is empty where none was written.
    pub(crate) to: Vec<(u64, String)>,
    pub(crate) to_all: bool,
    pub(crate) quoted: bool,
    /// A notice of a new or altered task, whose text the sender wrote.
    pub(crate) task: bool,
    /// A notice without any word of the sender.
    pub(crate) system: bool,
}

pub(crate) fn own(body: &str) -> Own {
    let message = notation::parse(body);
    let words = message.own_words();
    let mut to = Vec::new();
    // A quotation is one node with its content behind it; what stands inside its span is not said here.
    let mut quoted_until = 0;
    for node in message.nodes() {
        let account = match &node.kind {
            Kind::Quote { .. } => {
                quoted_until = quoted_until.max(node.span.end);
                continue;
            }
            Kind::To(account) => *account,
            Kind::Reply(reply) => reply.account,
            _ => continue,
        };
        if node.span.start >= quoted_until {
            to.push((account.0, name_behind(body, node.span.end, &words)));
        }
    }
    let task = message.task().is_some();
    Own {
        to,
        to_all: message.to_all(),
        quoted: message.has_quote() || body.lines().any(|line| line.starts_with('>')),
        task: task && !words.is_empty(),
        system: words.is_empty() && message.is_system(),
        words,
    }
}

/// What stands between an address and the next own word or tag: the name of whom it addresses.
fn name_behind(body: &str, from: usize, words: &[Range<usize>]) -> String {
    let word = words.iter().map(|range| range.start).find(|start| *start >= from).unwrap_or(body.len());
    let gap = body.get(from..word).unwrap_or_default();
    let line = gap.lines().next().unwrap_or_default();
    line.split('[').next().unwrap_or_default().trim().to_owned()
}
