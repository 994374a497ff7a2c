//! `report.html`: one file, no script, nothing from elsewhere.

use std::io::Write;

use askama::Template;

use crate::chatwork::notation;
use crate::domain::AccountId;
use crate::proof::bundle::Manifest;

use super::{Article, Body, Cover, Event, GapRow, GoneView, PersonRow, VersionView};
use crate::export::ExportError;
use crate::export::rows::People;

pub(in crate::export) const STYLE: &str = include_str!("../templates/report.css");

#[derive(Template)]
#[template(path = "report_head.html", config = "src/export/askama.toml", escape = "html")]
struct Head<'a> {
    style: &'a str,
    manifest: &'a Manifest,
    room_name: &'a str,
    from: &'a str,
    to: &'a str,
    root: &'a str,
    people: &'a [PersonRow],
    gaps: &'a [GapRow],
    others_withheld: bool,
    secrets_withheld: bool,
}

#[derive(Template)]
#[template(path = "report_message.html", config = "src/export/askama.toml", escape = "html")]
struct Message<'a> {
    day: Option<&'a str>,
    first: Version<'a>,
    later: Vec<Version<'a>>,
    gone: &'a [GoneView],
    name: &'a str,
    role: &'a str,
    sent: &'a str,
    automatic: bool,
    begins_before: bool,
    link: &'a str,
}

struct Version<'a> {
    n: u64,
    at: &'a str,
    observed: &'a str,
    /// Escaped already.
    html: String,
    state: &'a str,
}

#[derive(Template)]
#[template(path = "report_event.html", config = "src/export/askama.toml", escape = "html")]
struct Line<'a> {
    day: Option<&'a str>,
    n: u64,
    kind: &'a str,
    at: &'a str,
    words: &'a str,
    exhibit: Option<u64>,
}

/// The page on its way to the file.
pub(super) struct Page<'a, W: Write> {
    out: W,
    people: &'a People<'a>,
}

impl<'a, W: Write> Page<'a, W> {
    pub(super) fn begin(mut out: W, people: &'a People<'a>, cover: &Cover<'_>) -> Result<Self, ExportError> {
        let head = Head {
            style: STYLE,
            manifest: cover.manifest,
            room_name: cover.room_name,
            from: cover.from,
            to: cover.to,
            root: cover.root,
            people: &cover.people,
            gaps: &cover.gaps,
            others_withheld: cover.others_withheld,
            secrets_withheld: cover.secrets_withheld,
        };
        out.write_all(head.render()?.as_bytes())?;
        Ok(Self { out, people })
    }

    pub(super) fn article(&mut self, it: &Article<'_>) -> Result<(), ExportError> {
        let message = Message {
            day: it.day.as_deref(),
            first: self.version(&it.first),
            later: it.later.iter().map(|it| self.version(it)).collect(),
            gone: &it.gone,
            name: &it.name,
            role: it.role,
            sent: &it.sent,
            automatic: it.automatic,
            begins_before: it.begins_before,
            link: &it.link,
        };
        Ok(self.out.write_all(message.render()?.as_bytes())?)
    }

    pub(super) fn event(&mut self, it: &Event<'_>) -> Result<(), ExportError> {
        let line = Line {
            day: it.day.as_deref(),
            n: it.n,
            kind: it.kind,
            at: &it.at,
            words: &it.words,
            exhibit: it.exhibit,
        };
        Ok(self.out.write_all(line.render()?.as_bytes())?)
    }

    fn version<'v>(&self, it: &'v VersionView) -> Version<'v> {
        let names = |account: AccountId| Some(self.people.name_of(account));
        let html = match &it.body {
            Body::Text(body) => inert(&notation::parse(body).to_html_with(&names)),
            Body::Instead(words) => format!("<em>{words}</em>"),
        };
        Version { n: it.n, at: &it.at, observed: &it.observed, html, state: it.state }
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.out.write_all(include_bytes!("../templates/report_end.html"))?;
        Ok(self.out.flush()?)
    }
}

/// An address in a message is shown and leads nowhere: the report fetches nothing and opens nothing.
fn inert(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    // Text is escaped, so this tag is only ever the writer's own.
    while let Some(begin) = rest.find("<a class=\"cw-link\"") {
        out.push_str(&rest[..begin]);
        let Some(end) = rest[begin..].find('>') else { break };
        out.push_str("<span class=\"cw-link\">");
        rest = &rest[begin + end + 1..];
    }
    out.push_str(rest);
    out.replace("</a>", "</span>")
}
