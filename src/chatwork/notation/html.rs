//! A message as HTML: everything escaped, classes only, no style, no script, no address but `http` and `https`.

use crate::domain::AccountId;

use super::system::{system_text, unnamed};
use super::{Kind, Message, Node};

impl Message<'_> {
    /// HTML as Chatwork would show it; accounts whose name the body does not show appear by number.
    pub fn to_html(&self) -> String {
        self.to_html_with(&|_| None)
    }

    /// The same with the names that the caller knows.
    pub fn to_html_with(&self, names: &dyn Fn(AccountId) -> Option<String>) -> String {
        if self.is_deleted() {
            return r#"<span class="cw-deleted">（削除されたメッセージ）</span>"#.to_owned();
        }
        let mut out = Writer {
            message: self,
            names,
            html: String::with_capacity(self.body.len() * 2),
            after_block: false,
        };
        let mut open: Vec<(usize, &'static str)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            while let Some((_, tag)) = open.pop_if(|(end, _)| *end <= index) {
                out.close(tag);
            }
            if let Some(tag) = out.node(index, node) {
                open.push((node.end, tag));
            }
        }
        while let Some((_, tag)) = open.pop() {
            out.close(tag);
        }
        out.html
    }
}

/// The host of an address that reads like another: with a name before an `@`, or with letters beyond ASCII.
fn misleading_host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#', '\\']).next()?;
    let (name, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let misleads = !name.is_empty() || !host.is_ascii() || host.split('.').any(|it| it.starts_with("xn--"));
    misleads.then_some(host)
}

struct Writer<'a> {
    message: &'a Message<'a>,
    names: &'a dyn Fn(AccountId) -> Option<String>,
    html: String,
    /// A block has just ended: Chatwork does not show one line feed directly behind it.
    after_block: bool,
}

impl Writer<'_> {
    /// Writes a leaf, or opens a container and returns what closes it.
    fn node(&mut self, index: usize, node: &Node) -> Option<&'static str> {
        let mut source = self.message.source(&node.inner);
        let after_block = std::mem::take(&mut self.after_block);
        match &node.kind {
            Kind::Text => {
                if after_block {
                    source = source.strip_prefix('\r').unwrap_or(source);
                    source = source.strip_prefix('\n').unwrap_or(source);
                }
                self.lines(source);
            }
            Kind::Url => {
                self.html.push_str(r#"<a class="cw-link" rel="noopener noreferrer nofollow" href=""#);
                self.escaped(source);
                self.html.push_str(r#"">"#);
                self.escaped(source);
                self.html.push_str("</a>");
                if let Some(host) = misleading_host(source) {
                    self.span("cw-host", &format!("（{host} へのリンク）"));
                }
            }
            Kind::Emoticon => self.span("cw-emoticon", source),
            Kind::To(account) => self.address("cw-to", "To", *account, index),
            Kind::ToAll => self.span("cw-to", "To ALL"),
            Kind::Reply(reply) => self.address("cw-reply", "Re", reply.account, index),
            Kind::Rule => {
                self.html.push_str(r#"<hr class="cw-rule">"#);
                self.after_block = true;
            }
            Kind::Icon(_) | Kind::Preview(_) => {}
            Kind::Name(account) => {
                let name = self.name(*account);
                self.span("cw-name", &name);
            }
            Kind::SystemText => self.span("cw-system", system_text(source).unwrap_or(source)),
            Kind::Code => {
                self.html.push_str(r#"<pre class="cw-code"><code>"#);
                self.escaped(source.trim_matches(['\r', '\n']));
                self.close("</code></pre>");
            }
            Kind::Download(_) => self.span("cw-file", source),
            Kind::Quote { account, time } => {
                self.html.push_str(r#"<blockquote class="cw-quote">"#);
                if let Some(account) = account {
                    let mut head = self.name(*account);
                    if let Some(time) = time {
                        head = format!("{head} {}", time.japan_text());
                    }
                    self.span("cw-quote-head", &head);
                }
                return Some("</blockquote>");
            }
            Kind::Info => return self.open(r#"<div class="cw-info">"#, "</div>"),
            Kind::Title => return self.open(r#"<div class="cw-title">"#, "</div>"),
            Kind::Task(tag) => {
                let class = if tag.done { "cw-task cw-task-done" } else { "cw-task" };
                self.html.push_str(&format!(r#"<div class="{class}">"#));
                let mut head = format!("担当 {}", self.name(tag.assignee));
                if let Some(limit) = tag.limit {
                    head = format!("{head}、期限 {}", limit.japan_text());
                }
                self.span("cw-task-head", &head);
                return Some("</div>");
            }
        }
        None
    }

    fn open(&mut self, tag: &str, end: &'static str) -> Option<&'static str> {
        self.html.push_str(tag);
        Some(end)
    }

    fn close(&mut self, tag: &str) {
        self.html.push_str(tag);
        self.after_block = true;
    }

    fn address(&mut self, class: &str, label: &str, account: AccountId, index: usize) {
        if self.message.name_after(index) > 0 {
            self.span(class, label);
        } else {
            let name = self.name(account);
            self.span(class, &format!("{label} {name}"));
        }
    }

    fn name(&self, account: AccountId) -> String {
        (self.names)(account).unwrap_or_else(|| unnamed(account))
    }

    fn span(&mut self, class: &str, text: &str) {
        self.html.push_str(&format!(r#"<span class="{class}">"#));
        self.escaped(text);
        self.html.push_str("</span>");
    }

    fn lines(&mut self, text: &str) {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.html.push_str("<br>\n");
            }
            self.escaped(line.strip_suffix('\r').unwrap_or(line));
        }
    }

    /// Control characters other than line feed and tab have no place in HTML.
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                '\n' | '\t' => self.html.push(c),
                c if c.is_control() => self.html.push(char::REPLACEMENT_CHARACTER),
                c => self.html.push(c),
            }
        }
    }
}
