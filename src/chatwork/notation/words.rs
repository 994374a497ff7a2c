//! The sender's own words: what stands outside quotations, code, system frames, addresses and file names.

use std::ops::Range;

use super::names::{Behind, name_len};
use super::{Kind, Message, TaskEvent};

impl Message<'_> {
    /// Byte ranges of the body that its sender wrote as his own words, in order, without overlap.
    ///
    /// Outside are quotations (`[qt]`, lines that begin with `>`), `[code]`, `[download]` names, system frames,
    /// emoticons, all tags, and the name behind `[To:…]` and `[rp …]`. Inside are frames that a person wrote, and the
    /// task text of "task added" and "task edited". Ranges of white space alone are left out.
    pub fn own_words(&self) -> Vec<Range<usize>> {
        let mut walk = Walk { message: self, words: Vec::new(), quoted_until: 0 };
        walk.nodes(0, self.nodes.len(), self.body.len());
        walk.words.retain(|it| !self.source(it).trim().is_empty());
        walk.words
    }

    /// Bytes behind the node `index` that are the name of whom it addresses; 0 for a node that addresses nobody.
    pub(super) fn name_after(&self, index: usize) -> usize {
        let (Some(tag), Some(text)) = (self.nodes.get(index), self.nodes.get(index + 1)) else { return 0 };
        let addresses = matches!(tag.kind, Kind::To(_) | Kind::Reply(_));
        if !addresses || text.kind != Kind::Text || text.span.start != tag.span.end {
            return 0;
        }
        let next = self.nodes.get(index + 2).filter(|it| it.span.start == text.span.end);
        let behind = match next.map(|it| &it.kind) {
            Some(Kind::To(_) | Kind::Reply(_)) => Behind::Address,
            _ => Behind::Other,
        };
        name_len(self.source(&text.span), behind)
    }
}

struct Walk<'a> {
    message: &'a Message<'a>,
    words: Vec<Range<usize>>,
    /// A line that begins with `>` reaches to here.
    quoted_until: usize,
}

impl Walk<'_> {
    /// Walks siblings; recursion is as deep as containers are nested, at most `MAX_DEPTH`.
    fn nodes(&mut self, from: usize, end: usize, limit: usize) {
        for index in self.message.siblings(from, end) {
            let Some(node) = self.message.nodes.get(index) else { return };
            match node.kind {
                Kind::Text => self.text(index, limit),
                Kind::Url => self.push(node.span.clone()),
                Kind::Info if self.message.is_system_frame(index) => {
                    let event = self.message.task_event(index);
                    if matches!(event, Some(TaskEvent::Added | TaskEvent::Edited)) {
                        for child in self.message.children(index) {
                            let Some(task) = self.message.nodes.get(child) else { return };
                            if matches!(task.kind, Kind::Task(_)) {
                                self.nodes(child + 1, task.end, task.inner.end);
                            }
                        }
                    }
                }
                Kind::Info | Kind::Title | Kind::Task(_) => self.nodes(index + 1, node.end, node.inner.end),
                Kind::Quote { .. }
                | Kind::Code
                | Kind::Download(_)
                | Kind::Emoticon
                | Kind::To(_)
                | Kind::ToAll
                | Kind::Reply(_)
                | Kind::Rule
                | Kind::Icon(_)
                | Kind::Name(_)
                | Kind::SystemText
                | Kind::Preview(_) => {}
            }
        }
    }

    fn text(&mut self, index: usize, limit: usize) {
        let Some(node) = self.message.nodes.get(index) else { return };
        let name = index.checked_sub(1).map_or(0, |before| self.message.name_after(before));
        let mut at = node.span.start + name;
        while at < node.span.end {
            let rest = self.message.source(&(at..node.span.end));
            let line_end = rest.find('\n').map_or(node.span.end, |it| at + it + 1);
            if rest.starts_with('>') && self.at_line_start(at) {
                let behind = self.message.source(&(line_end..limit));
                let goes_on = !rest.contains('\n');
                let more = if goes_on { behind.find('\n').map_or(behind.len(), |it| it + 1) } else { 0 };
                self.quoted_until = line_end + more;
            }
            self.push(at..line_end);
            at = line_end;
        }
    }

    fn at_line_start(&self, at: usize) -> bool {
        at == 0 || self.message.body.as_bytes().get(at - 1) == Some(&b'\n')
    }

    fn push(&mut self, span: Range<usize>) {
        let span = span.start.max(self.quoted_until)..span.end;
        if span.is_empty() {
            return;
        }
        match self.words.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.words.push(span),
        }
    }
}
