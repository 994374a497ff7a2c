//! How a template file becomes texts, and how a text is filled.

use std::collections::BTreeMap;

use super::TemplateProblem;
use super::fault::Fault;
use super::lint;
use super::slot::Slot;
use super::texts::TextId;

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Slot(Slot),
}

/// A template, cut at its placeholders.
#[derive(Clone, Debug)]
pub(super) struct Text {
    source: String,
    parts: Vec<Part>,
}

impl Text {
    fn parse(source: &str, id: TextId) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            parts.push(Part::Literal(before.to_owned()));
            let (name, after) =
                from.strip_prefix('{').and_then(|it| it.split_once('}')).ok_or(Fault::Brace)?;
            let slot = Slot::ALL
                .iter()
                .copied()
                .find(|it| it.name() == name && id.slots().contains(it))
                .ok_or_else(|| unknown_slot(id))?;
            parts.push(Part::Slot(slot));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self { source: source.to_owned(), parts })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The text with its placeholders replaced. Values must have been made inert; one that is missing leaves nothing.
    pub(super) fn fill(&self, values: &[(Slot, String)]) -> String {
        let value =
            |slot: &Slot| values.iter().find(|(it, _)| it == slot).map_or("", |(_, text)| text.as_str());
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.as_str(),
                Part::Slot(slot) => value(slot),
            })
            .collect()
    }
}

fn unknown_slot(id: TextId) -> Fault {
    let names: Vec<String> = id.slots().iter().map(|it| format!("{{{}}}", it.name())).collect();
    if names.is_empty() { Fault::NoPlaceholder } else { Fault::UnknownPlaceholder(names.join(" ")) }
}

/// Reads a template file over what is there.
pub(super) fn read_file(
    name: &str,
    content: &str,
    texts: &mut BTreeMap<TextId, Text>,
    problems: &mut Vec<TemplateProblem>,
) {
    let sections: BTreeMap<String, BTreeMap<String, String>> = match toml::from_str(content) {
        Ok(sections) => sections,
        Err(error) => {
            let start = error.span().map_or(0, |it| it.start);
            let line = content.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let place = format!("{name}:{line}");
            problems.push(TemplateProblem { place, what: Fault::NotAFile(error.message().to_owned()) });
            return;
        }
    };
    for (section, keys) in sections {
        for (key, text) in keys {
            let key = format!("{section}.{key}");
            let mut problem =
                |what: Fault| problems.push(TemplateProblem { place: format!("{name}: {key}"), what });
            let Some(id) = TextId::ALL.iter().copied().find(|it| it.key() == key) else {
                problem(Fault::UnknownText);
                continue;
            };
            let source = text.replace("\r\n", "\n").trim().to_owned();
            let found = lint::check(&source, id.kind(), id.max_chars());
            let clean = found.is_empty();
            found.into_iter().for_each(&mut problem);
            match Text::parse(&source, id) {
                Ok(text) if clean => _ = texts.insert(id, text),
                Ok(_) => {}
                Err(what) => problem(what),
            }
        }
    }
}
