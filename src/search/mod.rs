//! Full text over all versions of all messages, and over what imports show: query text → plan → results confirmed on the text, newest first.
//!
//! The index (`words`) only proposes; every hit is confirmed on the text itself, so that words of any length are found
//! exactly. What the index has not read yet is looked through without it: a search never misses what is recorded.
//!
//! Never: writes, words anything for people, talks to a network.

mod query;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::domain::{EntryIndex, Folded, MessageId, RoomId, UtcMillis};
use crate::store::{CaseRow, FollowStore as _, SearchFilter, SearchRow, SearchStore as _, Store, StoreError};

pub use query::Query;
pub use words::{INDEX_CURSOR, words, words_imported};

/// Candidates read at a time.
const CHUNK: usize = 128;
/// Candidates of one call at most; beyond it the page says where to go on.
const MAX_CANDIDATES: usize = 50_000;
/// Hits of one call at most.
const MAX_HITS: usize = 1000;

/// A version of a message, or a message of an import, that the query fits.
#[derive(Clone, Debug)]
pub struct Hit {
    pub row: SearchRow,
    /// Byte ranges of the body that the words of the query stand in, in order, not overlapping.
    pub marks: Vec<Range<usize>>,
}

/// Some hits, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    pub hits: Vec<Hit>,
    /// From where to go on; `None` when everything was looked at.
    pub next: Option<EntryIndex>,
}

/// The messages of which any version fits the query, and no imported ones.
pub async fn messages(
    store: &Store,
    query: &Query,
    filter: &SearchFilter,
) -> Result<BTreeSet<MessageId>, StoreError> {
    let mut messages = BTreeSet::new();
    let mut before = None;
    loop {
        let page = search(store, query, filter, before, MAX_HITS).await?;
        for hit in page.hits {
            if let SearchRow::Captured { version, .. } = hit.row {
                messages.insert(version.message);
            }
        }
        before = page.next;
        if before.is_none() {
            return Ok(messages);
        }
    }
}

/// The next hits from before entry `before` on (`None`: from the newest), at most `limit` and [`MAX_HITS`].
pub async fn search(
    store: &Store,
    query: &Query,
    filter: &SearchFilter,
    before: Option<EntryIndex>,
    limit: usize,
) -> Result<Page, StoreError> {
    let limit = limit.clamp(1, MAX_HITS);
    let expression = query.expression(filter);
    // Where the index ends, the plain look begins; without a word that the index knows it goes to the beginning.
    let indexed_to = match expression {
        Some(_) => store.cursor(INDEX_CURSOR).await?,
        None => EntryIndex(0),
    };
    let mut before = before.unwrap_or(EntryIndex(u64::MAX));
    let mut hits = Vec::new();
    let mut looked_at = 0;
    while looked_at < MAX_CANDIDATES {
        let plain = before > indexed_to;
        let chunk = CHUNK.max(limit + 1);
        let rows = match (&expression, plain) {
            (_, true) => store.unindexed(filter.clone(), indexed_to, before, chunk).await?,
            (Some(expression), false) => {
                store.indexed(expression.clone(), filter.clone(), before, chunk).await?
            }
            (None, false) => Vec::new(),
        };
        let ended = rows.len() < chunk;
        looked_at += rows.len();
        for row in rows {
            before = row.n();
            if let Some(marks) = query.confirm(row.body()) {
                if hits.len() == limit {
                    // One more than asked for: there is a further page, and it begins with this one.
                    return Ok(Page { hits, next: Some(EntryIndex(before.0 + 1)) });
                }
                hits.push(Hit { row, marks });
            }
        }
        match (ended, plain) {
            (true, true) if expression.is_some() && indexed_to.0 > 0 => before = indexed_to,
            (true, _) => return Ok(Page { hits, next: None }),
            (false, _) => {}
        }
    }
    Ok(Page { hits, next: Some(before) })
}

/// What [`SearchFilter::case`] is for a case: its room from its opening on, until it was closed.
pub fn of_case(case: &CaseRow) -> (RoomId, UtcMillis, Option<UtcMillis>) {
    let closed = ["paid", "dismissed", "withdrawn"].contains(&case.state.as_str());
    (case.room, case.opened_at, closed.then(|| UtcMillis(case.moved_at.0.saturating_add(1))))
}

/// Where `needle` stands in `folded`, as byte ranges of the original.
fn marks_of(folded: &Folded, needle: &str) -> Vec<Range<usize>> {
    folded.text.match_indices(needle).map(|(at, it)| folded.original(at..at + it.len())).collect()
}

/// In order, overlapping ones joined.
fn joined(mut marks: Vec<Range<usize>>) -> Vec<Range<usize>> {
    marks.sort_by_key(|it| (it.start, it.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(marks.len());
    for mark in marks {
        match out.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            _ => out.push(mark),
        }
    }
    out
}

#[cfg(test)]
mod tests;
