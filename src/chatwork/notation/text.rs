//! A message as plain text: for the search index, the log and the files that people read.

use crate::domain::AccountId;

use super::system::{system_text, unnamed};
use super::{Kind, Message, Node};

impl Message<'_> {
    /// Readable text without tags; accounts whose name the body does not show appear by number.
    pub fn plain_text(&self) -> String {
        self.plain_text_with(&|_| None)
    }

    /// The same with the names that the caller knows.
    pub fn plain_text_with(&self, names: &dyn Fn(AccountId) -> Option<String>) -> String {
        if self.is_deleted() {
            return "（削除されたメッセージ）".to_owned();
        }
        let mut out = Writer {
            message: self,
            names,
            text: String::with_capacity(self.body.len()),
            quotes: 0,
            after_block: false,
        };
        // Ends of the containers that are open, with what closes each.
        let mut open: Vec<(usize, &Kind)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            while let Some((_, kind)) = open.pop_if(|(end, _)| *end <= index) {
                out.close(kind);
            }
            out.node(index, node);
            if matches!(node.kind, Kind::Quote { .. } | Kind::Info | Kind::Title | Kind::Task(_)) {
                open.push((node.end, &node.kind));
            }
        }
        while let Some((_, kind)) = open.pop() {
            out.close(kind);
        }
        out.text.truncate(out.text.trim_end().len());
        out.text
    }
}

struct Writer<'a> {
    message: &'a Message<'a>,
    names: &'a dyn Fn(AccountId) -> Option<String>,
    text: String,
    /// How many quotations are open: each line inside begins with as many `> `.
    quotes: usize,
    /// A block has just ended its line: one line feed directly behind it is not repeated.
    after_block: bool,
}

impl Writer<'_> {
    fn node(&mut self, index: usize, node: &Node) {
        let source = self.message.source(&node.inner);
        let after_block = std::mem::take(&mut self.after_block);
        match &node.kind {
            Kind::Text if after_block => {
                let source = source.strip_prefix('\r').unwrap_or(source);
                self.words(source.strip_prefix('\n').unwrap_or(source));
            }
            Kind::Text | Kind::Url | Kind::Emoticon => self.words(source),
            Kind::To(account) => self.address("To ", *account, index),
            Kind::ToAll => self.words("To ALL"),
            Kind::Reply(reply) => self.address("Re ", reply.account, index),
            Kind::Rule => {
                self.fresh_line();
                self.words("――――――――\n");
                self.after_block = true;
            }
            Kind::Icon(_) | Kind::Preview(_) => {}
            Kind::Name(account) => {
                let follows = index.checked_sub(1).and_then(|it| self.message.nodes.get(it));
                if follows.is_some_and(|it| matches!(it.kind, Kind::Name(_))) {
                    self.words("、");
                }
                let name = self.name(*account);
                self.words(&name);
            }
            Kind::SystemText => self.words(system_text(source).unwrap_or(source)),
            Kind::Code => {
                self.fresh_line();
                self.words(source.trim_matches(['\r', '\n']));
                self.fresh_line();
                self.after_block = true;
            }
            Kind::Download(_) => self.words(source),
            Kind::Quote { .. } => {
                self.fresh_line();
                self.quotes += 1;
            }
            Kind::Info => self.fresh_line(),
            Kind::Title => self.words("【"),
            Kind::Task(tag) => {
                let name = self.name(tag.assignee);
                self.words("担当 ");
                self.words(&name);
                if let Some(limit) = tag.limit {
                    self.words(&format!("、期限 {}", limit.japan_text()));
                }
                self.words("\n");
            }
        }
    }

    fn close(&mut self, kind: &Kind) {
        match kind {
            Kind::Quote { .. } => {
                self.fresh_line();
                self.quotes = self.quotes.saturating_sub(1);
            }
            Kind::Title => self.words("】\n"),
            _ => self.fresh_line(),
        }
        self.after_block = true;
    }

    /// `To 山田さん` where the body names the account, else its number.
    fn address(&mut self, label: &str, account: AccountId, index: usize) {
        self.words(label);
        if self.message.name_after(index) == 0 {
            let name = self.name(account);
            self.words(&name);
            self.words(" ");
        }
    }

    fn name(&self, account: AccountId) -> String {
        (self.names)(account).unwrap_or_else(|| unnamed(account))
    }

    fn fresh_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Writes words, each line of a quotation behind its marks.
    fn words(&mut self, words: &str) {
        for piece in words.split_inclusive('\n') {
            if self.text.is_empty() || self.text.ends_with('\n') {
                for _ in 0..self.quotes {
                    self.text.push_str("> ");
                }
            }
            self.text.push_str(piece);
        }
    }
}
