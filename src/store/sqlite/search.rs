//! The search index: FTS5 over words that the program makes, and the reads of search.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, Transaction, named_params};

use crate::domain::{EntryIndex, UtcMillis};

use super::super::tables::{IMPORTED, MORE};
use super::super::values::{integer, newest};
use super::super::{Expression, IndexRow, SearchFilter, SearchRow, SearchStore, StoreError, StoreResult};
use super::SqliteStore;
use super::annex::imported_row;
use super::archive::{VERSION, version_row};
use super::convert::index;
use super::derived::move_cursor;

/// What a filter asks; an absent value lets everything through.
const FILTER: &str = "v.kind <> 'message.deleted_reported'
    AND (:room IS NULL OR v.room = :room)
    AND (:sender IS NULL OR v.account = :sender)
    AND (:since IS NULL OR coalesce(v.update_time, m.send_time) >= :since)
    AND (:until IS NULL OR coalesce(v.update_time, m.send_time) < :until)
    AND (NOT :edited OR EXISTS (SELECT 1 FROM versions e WHERE e.room = v.room AND e.message = v.message
                                AND e.n <> v.n AND e.kind <> 'message.deleted_reported'))
    AND (NOT :deleted OR m.deleted OR m.missing_n IS NOT NULL)
    AND (NOT :has_file OR instr(v.body, '[download:') > 0)
    AND (:case_room IS NULL OR (v.room = :case_room AND v.observed_at >= :case_from
                                AND (:case_to IS NULL OR v.observed_at < :case_to)))
    AND (:flag IS NULL OR EXISTS (SELECT 1 FROM signals s WHERE s.n = v.n
                                  AND (:flag = '' AND instr(s.signal, ':true') > 0
                                       OR :flag <> '' AND json_extract(s.signal, '$.labels.' || :flag))))";

/// The same of what imports show: it was never edited or weighed, and its time is the one that the copy gives.
const FILTER_IMPORTED: &str = "(:room IS NULL OR p.room = :room)
    AND (:sender IS NULL OR p.account = :sender)
    AND (:since IS NULL OR p.sent_at >= :since)
    AND (:until IS NULL OR p.sent_at < :until)
    AND NOT :edited
    AND (NOT :deleted OR p.deleted)
    AND (NOT :has_file OR instr(p.body, '[download:') > 0)
    AND (:case_room IS NULL OR (p.room = :case_room AND p.sent_at >= :case_from
                                AND (:case_to IS NULL OR p.sent_at < :case_to)))
    AND :flag IS NULL";

/// Candidates of the index, newest first: the rowids come from it in that order, so nothing is sorted.
fn indexed_sql() -> String {
    format!(
        "SELECT {VERSION}, {MORE}
         FROM search_index i CROSS JOIN versions v ON v.n = i.rowid
         CROSS JOIN messages m ON m.room = v.room AND m.message = v.message
         WHERE search_index MATCH :expression AND i.rowid < :before AND {FILTER}
         ORDER BY i.rowid DESC LIMIT :limit"
    )
}

fn unindexed_sql() -> String {
    format!(
        "SELECT {VERSION}, {MORE}
         FROM versions v CROSS JOIN messages m ON m.room = v.room AND m.message = v.message
         WHERE v.n >= :from AND v.n < :before AND {FILTER}
         ORDER BY v.n DESC LIMIT :limit"
    )
}

fn indexed_imports_sql() -> String {
    format!(
        "SELECT {IMPORTED} FROM search_index i CROSS JOIN imported_messages p ON p.n = i.rowid
         WHERE search_index MATCH :expression AND i.rowid < :before AND {FILTER_IMPORTED}
         ORDER BY i.rowid DESC LIMIT :limit"
    )
}

fn unindexed_imports_sql() -> String {
    format!(
        "SELECT {IMPORTED} FROM imported_messages p
         WHERE p.n >= :from AND p.n < :before AND {FILTER_IMPORTED}
         ORDER BY p.n DESC LIMIT :limit"
    )
}

impl SearchStore for SqliteStore {
    async fn put_index(
        &self,
        name: &'static str,
        next: EntryIndex,
        rows: Vec<IndexRow>,
        anew: bool,
    ) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                if anew {
                    forget(transaction)?;
                }
                for row in &rows {
                    put(transaction, row)?;
                }
                move_cursor(transaction, name, next)
            })
            .await
    }

    async fn indexed(
        &self,
        expression: Expression,
        filter: SearchFilter,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<SearchRow>> {
        self.read(move |connection| {
            let more = |expression| {
                [
                    (":expression", Value::Text(expression)),
                    (":before", bounded(before)),
                    (":limit", Value::Integer(integer(limit as u64))),
                ]
            };
            let (captured, imported) = (captured(&expression), imported(&expression));
            let mut rows =
                candidates(connection, &indexed_imports_sql(), &filter, more(imported), imported_search_row)?;
            if !filter.imported {
                rows.extend(candidates(connection, &indexed_sql(), &filter, more(captured), search_row)?);
            }
            Ok(newest(rows, limit))
        })
        .await
    }

    async fn unindexed(
        &self,
        filter: SearchFilter,
        from: EntryIndex,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<SearchRow>> {
        self.read(move |connection| {
            let more = [
                (":from", bounded(from)),
                (":before", bounded(before)),
                (":limit", Value::Integer(integer(limit as u64))),
            ];
            let imports = unindexed_imports_sql();
            let mut rows = candidates(connection, &imports, &filter, more.clone(), imported_search_row)?;
            if !filter.imported {
                rows.extend(candidates(connection, &unindexed_sql(), &filter, more, search_row)?);
            }
            Ok(newest(rows, limit))
        })
        .await
    }
}

/// In the language of FTS5.
fn all(expression: &Expression) -> String {
    let quoted = |word: &String| format!("\"{word}\"");
    let words =
        |words: &Vec<String>| format!("({})", words.iter().map(quoted).collect::<Vec<_>>().join(" AND "));
    let clause = |clause: &Vec<Vec<String>>| {
        format!("({})", clause.iter().map(words).collect::<Vec<_>>().join(" OR "))
    };
    expression.all.iter().map(clause).collect::<Vec<_>>().join(" AND ")
}

fn captured(expression: &Expression) -> String {
    format!("({}) NOT \"{}\"", all(expression), expression.import)
}

fn imported(expression: &Expression) -> String {
    format!("{} AND \"{}\"", all(expression), expression.import)
}

/// Indices stand in signed columns; the end of all is the greatest of these.
fn bounded(n: EntryIndex) -> Value {
    Value::Integer(i64::try_from(n.0).unwrap_or(i64::MAX))
}

pub(super) fn put(transaction: &Transaction<'_>, row: &IndexRow) -> StoreResult<()> {
    match row {
        IndexRow::Version { n, words } => {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO search_index (rowid, words) VALUES (?1, ?2)")?
                .execute((integer(n.0), words))?;
        }
        IndexRow::Erased { entries } => {
            let mut statement = transaction.prepare_cached("DELETE FROM search_index WHERE rowid = ?1")?;
            for n in entries {
                statement.execute((integer(n.0),))?;
            }
        }
    }
    Ok(())
}

/// Empties the index.
pub(super) fn forget(transaction: &Transaction<'_>) -> StoreResult<()> {
    transaction.execute("INSERT INTO search_index (search_index) VALUES ('delete-all')", ())?;
    Ok(())
}

fn candidates<const N: usize>(
    connection: &Connection,
    sql: &str,
    filter: &SearchFilter,
    more: [(&str, Value); N],
    read: fn(&Row<'_>) -> StoreResult<SearchRow>,
) -> StoreResult<Vec<SearchRow>> {
    let optional = |value: Option<u64>| value.map(integer);
    let flag = filter.flag.map(|label| label.map_or("", |it| it.as_str()));
    let mut statement = connection.prepare_cached(sql)?;
    for (name, value) in &more {
        let at = statement.parameter_index(name)?.ok_or(StoreError::Corrupt("a parameter of search"))?;
        statement.raw_bind_parameter(at, value)?;
    }
    let fixed = named_params! {
        ":room": optional(filter.room.map(|it| it.0)),
        ":sender": optional(filter.sender.map(|it| it.0)),
        ":since": filter.from.map(|it| it.0),
        ":until": filter.to.map(|it| it.0),
        ":edited": filter.edited,
        ":deleted": filter.deleted,
        ":has_file": filter.has_file,
        ":case_room": optional(filter.case.map(|it| it.0.0)),
        ":case_from": filter.case.map(|it| it.1.0),
        ":case_to": filter.case.and_then(|it| it.2).map(|it| it.0),
        ":flag": flag,
    };
    for (name, value) in fixed {
        let at = statement.parameter_index(name)?.ok_or(StoreError::Corrupt("a parameter of search"))?;
        statement.raw_bind_parameter(at, *value)?;
    }
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn search_row(row: &Row<'_>) -> StoreResult<SearchRow> {
    Ok(SearchRow::Captured {
        version: version_row(row)?,
        send_time: UtcMillis(row.get(9)?),
        deleted: row.get(10)?,
        current: row.get(11)?,
    })
}

fn imported_search_row(row: &Row<'_>) -> StoreResult<SearchRow> {
    imported_row(row).map(SearchRow::Imported)
}

/// What the index holds, in one order: how it came to be spread over its segments does not matter.
pub(super) fn words(connection: &Connection, mut take: impl FnMut(&str, EntryIndex)) -> StoreResult<()> {
    connection.execute_batch(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_words USING fts5vocab(main, search_index, instance)",
    )?;
    let mut statement = connection.prepare("SELECT term, doc FROM temp.search_words")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        take(row.get_ref(0)?.as_str().unwrap_or_default(), index(row.get(1)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
