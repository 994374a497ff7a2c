//! Erasing: what an erasure says of itself in the ledger, and the one way in which content leaves it.

use serde::{Deserialize, Serialize};

use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId};
use crate::store::{ContinueStore as _, EraseStore as _, Predecessor, Record, StoreError};

use super::{Ledger, Observation};

/// Entries that one `content.erased` names at most; more become a further one.
pub const MAX_ENTRIES: usize = 10_000;

/// Why something was erased: a fixed list, so that it can be counted without a person's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// The person whom it concerns asked for it.
    Requested,
    /// A confidentiality clause, or the end of a contract, demands it.
    Confidentiality,
    /// A password, a card number or the like.
    Secret,
    /// Personal data of somebody who does not belong to the talk.
    ThirdParty,
    /// It was sent to the wrong place.
    Mistake,
    /// It was kept as long as the owner wanted to keep it.
    Retention,
    Other,
}

impl ReasonKind {
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Confidentiality,
        Self::Secret,
        Self::ThirdParty,
        Self::Mistake,
        Self::Retention,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Confidentiality => "confidentiality",
            Self::Secret => "secret",
            Self::ThirdParty => "third_party",
            Self::Mistake => "mistake",
            Self::Retention => "retention",
            Self::Other => "other",
        }
    }
}

/// The kind of reason, and the owner's own words where he gave any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: ReasonKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Reason {
    /// A kind's name alone, `kind: words`, or words, which are of kind `other`.
    pub fn parse(text: &str) -> Self {
        let (name, words) = text.split_once(':').unwrap_or((text, ""));
        let kind = ReasonKind::ALL.into_iter().find(|it| it.as_str() == name.trim());
        let words = if kind.is_some() { words } else { text };
        let words = words.trim();
        Self { kind: kind.unwrap_or(ReasonKind::Other), text: (!words.is_empty()).then(|| words.to_owned()) }
    }
}

/// What of an erased entry stays, without anybody's words: a replay needs it to know that a case has been reminded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub n: EntryIndex,
    /// Of the erased entry; milliseconds since 1970.
    pub observed_at: i64,
    /// The content of that entry with its words left out.
    pub content: serde_json::Value,
}

/// What a `content.erased` says.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// The rows whose content is gone, ascending.
    pub entries: Vec<EntryIndex>,
    pub reason: Reason,
    pub kept: Vec<Kept>,
}

/// Content of `content.erased`: entries by the numbers that they have in their ledgers.
#[derive(Serialize, Deserialize)]
struct Content {
    entries: Vec<u64>,
    /// Of ledgers that this one continues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Earlier>,
    reason: Reason,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept: Vec<Kept>,
}

/// Entries of an earlier ledger whose content is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Earlier {
    pub ledger: String,
    /// The row of that ledger's entry 0.
    pub base: u64,
    pub entries: Vec<u64>,
}

impl Erasure {
    /// What a record erases; `None` for other kinds.
    pub fn of(record: &Record) -> Option<Self> {
        let entry = record.entry().ok()?;
        if entry.kind != EntryKind::ContentErased {
            return None;
        }
        let it: Content = serde_json::from_slice(record.content_bytes()?).ok()?;
        let rows = |base: u64, entries: Vec<u64>| {
            entries.into_iter().map(move |n| EntryIndex(base.saturating_add(n)))
        };
        let mut entries: Vec<EntryIndex> =
            it.earlier.into_iter().flat_map(|it| rows(it.base, it.entries)).collect();
        entries.extend(rows(record.base, it.entries));
        Some(Self { entries, reason: it.reason, kept: it.kept })
    }

    /// What a record of that kind erases of earlier ledgers.
    pub fn earlier(record: &Record) -> Vec<Earlier> {
        let content = record.content_bytes().and_then(|it| serde_json::from_slice::<Content>(it).ok());
        content.map(|it| it.earlier).unwrap_or_default()
    }

    /// What the content of such an entry names, by the numbers in its own ledger, and of earlier ones.
    pub fn named(content: &[u8]) -> Option<(Vec<u64>, Vec<Earlier>)> {
        let it: Content = serde_json::from_slice(content).ok()?;
        Some((it.entries, it.earlier))
    }

    fn content(&self, base: u64, predecessors: &[Predecessor]) -> Content {
        let within = |from: u64, until: u64| {
            let rows = self.entries.iter().map(|it| it.0).filter(move |it| (from..until).contains(it));
            rows.map(|it| it - from).collect::<Vec<u64>>()
        };
        let earlier = predecessors.iter().map(|it| Earlier {
            ledger: it.ledger_id.clone(),
            base: it.base,
            entries: within(it.base, it.base + it.size),
        });
        Content {
            entries: within(base, u64::MAX),
            earlier: earlier.filter(|it| !it.entries.is_empty()).collect(),
            reason: self.reason.clone(),
            kept: self.kept.clone(),
        }
    }
}

impl Ledger {
    /// Durable when it returns: the entry that declares the erasure is there, salt and content of the named entries and
    /// what was derived from them are not. Mirror files and the space that the bytes took are the caller's.
    pub async fn erase(
        &self,
        erasure: &Erasure,
        room: RoomId,
        message: Option<MessageId>,
    ) -> Result<EntryIndex, StoreError> {
        let base = self.head().await?.base;
        let content = erasure.content(base, &self.store.predecessors().await?);
        let content = serde_json::to_value(content).map_err(|_| StoreError::Corrupt("an erasure"))?;
        let observation = Observation::system(EntryKind::ContentErased, &content).about(room, message);
        let entry = self.digests.entry(observation, self.clock.now(), self.entropy.bytes());
        self.store.erase(entry, erasure.entries.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_kind_words_or_both() {
        let reason = |kind, text: Option<&str>| Reason { kind, text: text.map(str::to_owned) };
        assert_eq!(Reason::parse("secret"), reason(ReasonKind::Secret, None));
        assert_eq!(Reason::parse("secret: パスワード"), reason(ReasonKind::Secret, Some("パスワード")));
        assert_eq!(
            Reason::parse("ご本人の希望: 旧姓"),
            reason(ReasonKind::Other, Some("ご本人の希望: 旧姓"))
        );
        for kind in ReasonKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
