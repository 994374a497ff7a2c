//! What a rule file may contain.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::{ContextMessage, Label, Role, RoomType, Tier};

/// One file of `config/rules/`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RuleFile {
    /// Day of the last change of meaning, `YYYY-MM-DD`; the newest of all files names the rule set.
    pub(crate) dated: Option<String>,
    /// Other spellings of one word: `"頂" = "いただ"`.
    pub(crate) fold: BTreeMap<String, String>,
    /// Word lists and pattern pieces, used in patterns as `{{name}}`.
    pub(crate) define: BTreeMap<String, Piece>,
    /// Named lists of atoms, used in `all` (any of them) and `none` as `%name`.
    pub(crate) group: BTreeMap<String, Vec<String>>,
    /// Blanked before anything else is looked at.
    pub(crate) mask: Vec<Marking>,
    /// What a sentence may carry.
    pub(crate) mark: Vec<Marking>,
    /// What switches labels off before any verdict.
    pub(crate) gate: Vec<Gate>,
    /// What sets a label.
    pub(crate) verdict: Vec<Verdict>,
    /// What is copied out of a request.
    pub(crate) term: Vec<TermRule>,
}

/// A pattern piece, or a list of words of which any may stand there.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Piece {
    Pattern(String),
    Words(Vec<String>),
}

/// Finds words in a sentence and names what they are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marking {
    pub(crate) id: String,
    /// The mark that is set; several rules may give the same one. A mask may give none.
    pub(crate) gives: Option<String>,
    pub(crate) patterns: Vec<String>,
    pub(crate) reason: String,
    #[serde(rename = "match")]
    pub(crate) matches: Vec<String>,
    pub(crate) not: Vec<String>,
}

/// Switches `labels` off, or keeps the tier down to `cap`, when all of `all` and none of `none` hold for the
/// whole message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    pub(crate) id: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) cap: Option<Tier>,
    pub(crate) all: Vec<String>,
    #[serde(default)]
    pub(crate) none: Vec<String>,
    pub(crate) reason: String,
    #[serde(rename = "match")]
    pub(crate) matches: Vec<Example>,
    pub(crate) not: Vec<Example>,
}

/// Sets `label` when all of `all` and none of `none` hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    pub(crate) id: String,
    pub(crate) label: Label,
    /// Only `new_request` has one.
    pub(crate) tier: Option<Tier>,
    pub(crate) confidence: Option<f64>,
    #[serde(default)]
    pub(crate) scope: Scope,
    pub(crate) all: Vec<String>,
    #[serde(default)]
    pub(crate) none: Vec<String>,
    pub(crate) reason: String,
    #[serde(rename = "match")]
    pub(crate) matches: Vec<Example>,
    pub(crate) not: Vec<Example>,
}

/// Over what a verdict is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    #[default]
    Sentence,
    Message,
}

/// Copies a term out of a request: the group of the first pattern that is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermRule {
    pub(crate) id: String,
    pub(crate) term: TermKind,
    pub(crate) patterns: Vec<String>,
    /// What is found but never copied; the search goes on behind it.
    #[serde(default)]
    pub(crate) except: Vec<String>,
    pub(crate) reason: String,
    /// `[text, what is copied]`
    #[serde(rename = "match")]
    pub(crate) matches: Vec<(String, String)>,
    pub(crate) not: Vec<String>,
}

/// The four terms of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TermKind {
    Deliverable,
    Quantity,
    Amount,
    Deadline,
}

impl TermKind {
    pub(crate) const ALL: [Self; 4] = [Self::Deliverable, Self::Quantity, Self::Amount, Self::Deadline];
}

/// A message with what stood before it; a bare string is a client's message in a direct chat.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Example {
    Body(String),
    Full {
        body: String,
        #[serde(default = "client")]
        from: Role,
        #[serde(default)]
        room: RoomType,
        /// Oldest first, `C: …`, `W: …`, `O: …` or `B: …`.
        #[serde(default)]
        context: Vec<String>,
    },
}

fn client() -> Role {
    Role::Client
}

impl Example {
    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Body(body) | Self::Full { body, .. } => body,
        }
    }

    pub(crate) fn from(&self) -> (Role, RoomType) {
        match self {
            Self::Body(_) => (Role::Client, RoomType::Direct),
            Self::Full { from, room, .. } => (*from, *room),
        }
    }

    pub(crate) fn context(&self) -> Vec<ContextMessage> {
        let Self::Full { context, .. } = self else { return Vec::new() };
        context
            .iter()
            .map(|line| {
                let (who, body) = line.split_once(':').unwrap_or(("C", line));
                let sender_role = match who {
                    "W" => Role::Worker,
                    "O" => Role::Other,
                    "B" => Role::Bot,
                    _ => Role::Client,
                };
                ContextMessage { sender_role, body: body.trim().to_owned() }
            })
            .collect()
    }
}
