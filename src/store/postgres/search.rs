//! The search index: `tsvector`s of words that the program makes, and the reads of search.

use futures_util::{TryStreamExt as _, pin_mut};
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;

use crate::domain::{Digest, EntryIndex};
use crate::store::tables::{IMPORTED, MORE};
use crate::store::values::{integer, newest};
use crate::store::{Expression, IndexRow, SearchFilter, SearchRow, SearchStore, StoreResult};

use super::annex::imported_row;
use super::archive::{VERSION, version_row};
use super::convert::{Columns as _, bounded, count, text};
use super::derived::move_cursor;
use super::{Parameter, PostgresStore, Work};

/// Bytes of words that a `tsvector` surely holds, and of one word. A text beyond it is indexed without its words: it is
/// a candidate always, and the text decides.
const MOST_BYTES: usize = 900_000;
const LONGEST_WORD: usize = 2_000;

/// What a filter asks; an absent value lets everything through. `$1` to `$3` are the place, its end and the limit.
const FILTER: &str = "v.kind <> 'message.deleted_reported'
    AND ($4::bigint IS NULL OR v.room = $4)
    AND ($5::bigint IS NULL OR v.account = $5)
    AND ($6::bigint IS NULL OR coalesce(v.update_time, m.send_time) >= $6)
    AND ($7::bigint IS NULL OR coalesce(v.update_time, m.send_time) < $7)
    AND (NOT $8::boolean OR EXISTS (SELECT 1 FROM versions e WHERE e.room = v.room AND e.message = v.message
                                    AND e.n <> v.n AND e.kind <> 'message.deleted_reported'))
    AND (NOT $9::boolean OR m.deleted OR m.missing_n IS NOT NULL)
    AND (NOT $10::boolean OR strpos(v.body, '[download:') > 0)
    AND ($11::bigint IS NULL OR (v.room = $11 AND v.observed_at >= $12::bigint
                                 AND ($13::bigint IS NULL OR v.observed_at < $13)))
    AND ($14::text IS NULL OR EXISTS (SELECT 1 FROM signals s WHERE s.n = v.n
                                      AND strpos(s.signal, $14 || ':true') > 0))";

/// The same of what imports show: it was never edited or weighed, and its time is the one that the copy gives.
const FILTER_IMPORTED: &str = "($4::bigint IS NULL OR p.room = $4)
    AND ($5::bigint IS NULL OR p.account = $5)
    AND ($6::bigint IS NULL OR p.sent_at >= $6)
    AND ($7::bigint IS NULL OR p.sent_at < $7)
    AND NOT $8::boolean
    AND (NOT $9::boolean OR p.deleted)
    AND (NOT $10::boolean OR strpos(p.body, '[download:') > 0)
    AND ($11::bigint IS NULL OR (p.room = $11 AND p.sent_at >= $12::bigint
                                 AND ($13::bigint IS NULL OR p.sent_at < $13)))
    AND $14::text IS NULL";

/// A message stands in one room: PostgreSQL, which does not know it, would expect few rows of a plain join and read whole
/// tables for them.
const ITS_MESSAGE: &str =
    "CROSS JOIN LATERAL (SELECT * FROM messages x WHERE x.room = v.room AND x.message = v.message LIMIT 1) m";

const FITS: &str = "(i.words @@ $1::text::tsquery OR i.words IS NULL) AND i.n < $2";

fn indexed_sql() -> String {
    format!(
        "SELECT {VERSION}, {MORE}
         FROM search_index i JOIN versions v ON v.n = i.n {ITS_MESSAGE}
         WHERE {FITS} AND {FILTER} ORDER BY i.n DESC LIMIT $3"
    )
}

fn unindexed_sql() -> String {
    format!(
        "SELECT {VERSION}, {MORE}
         FROM versions v {ITS_MESSAGE}
         WHERE v.n >= $1 AND v.n < $2 AND {FILTER} ORDER BY v.n DESC LIMIT $3"
    )
}

fn indexed_imports_sql() -> String {
    format!(
        "SELECT {IMPORTED} FROM search_index i JOIN imported_messages p ON p.n = i.n
         WHERE {FITS} AND {FILTER_IMPORTED} ORDER BY i.n DESC LIMIT $3"
    )
}

fn unindexed_imports_sql() -> String {
    format!(
        "SELECT {IMPORTED} FROM imported_messages p
         WHERE p.n >= $1 AND p.n < $2 AND {FILTER_IMPORTED} ORDER BY p.n DESC LIMIT $3"
    )
}

impl SearchStore for PostgresStore {
    async fn put_index(
        &self,
        name: &'static str,
        next: EntryIndex,
        rows: Vec<IndexRow>,
        anew: bool,
    ) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        if anew {
            work.0.batch_execute("SET LOCAL statement_timeout = 0; DELETE FROM search_index").await?;
        }
        for row in &rows {
            put(&work, row).await?;
        }
        move_cursor(&work, name, next).await?;
        work.commit().await
    }

    async fn indexed(
        &self,
        expression: Expression,
        filter: SearchFilter,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<SearchRow>> {
        let (captured, imported) = (query(&expression, false), query(&expression, true));
        let mut client = self.client().await?;
        let work = self.planned(&mut client).await?;
        let place = (bounded(before), count(limit));
        let mut rows =
            candidates(&work, &indexed_imports_sql(), &imported, place, &filter, imported_search_row).await?;
        if !filter.imported {
            rows.extend(candidates(&work, &indexed_sql(), &captured, place, &filter, search_row).await?);
        }
        Ok(newest(rows, limit))
    }

    async fn unindexed(
        &self,
        filter: SearchFilter,
        from: EntryIndex,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<SearchRow>> {
        let mut client = self.client().await?;
        let work = self.planned(&mut client).await?;
        let (from, place) = (bounded(from), (bounded(before), count(limit)));
        let mut rows =
            candidates(&work, &unindexed_imports_sql(), &from, place, &filter, imported_search_row).await?;
        if !filter.imported {
            rows.extend(candidates(&work, &unindexed_sql(), &from, place, &filter, search_row).await?);
        }
        Ok(newest(rows, limit))
    }
}

impl PostgresStore {
    /// A snapshot in which each query is planned for its own values: a word that stands everywhere is found by going
    /// back through the entries, a rare one by the index.
    async fn planned<'a>(&self, client: &'a mut deadpool_postgres::Object) -> StoreResult<Work<'a>> {
        let work = self.snapshot(client).await?;
        work.0.batch_execute("SET LOCAL plan_cache_mode = force_custom_plan").await?;
        Ok(work)
    }
}

/// In the language of `tsquery`, for captures or for imports.
fn query(expression: &Expression, imported: bool) -> String {
    let quoted = |word: &String| format!("'{}'", text(word).replace('\\', "\\\\").replace('\'', "''"));
    let words = |words: &Vec<String>| words.iter().map(quoted).collect::<Vec<_>>().join(" & ");
    let clause =
        |clause: &Vec<Vec<String>>| format!("({})", clause.iter().map(words).collect::<Vec<_>>().join(" | "));
    let all = expression.all.iter().map(clause).collect::<Vec<_>>().join(" & ");
    let not = if imported { "" } else { "!" };
    format!("{all} & {not}{}", quoted(&expression.import))
}

async fn put(work: &Work<'_>, row: &IndexRow) -> StoreResult<()> {
    match row {
        IndexRow::Version { n, words } => {
            let words = text(words);
            let words: Vec<&str> = words.split_ascii_whitespace().collect();
            let bytes: usize = words.iter().map(|it| it.len() + 1).sum();
            let fits = bytes <= MOST_BYTES && words.iter().all(|it| it.len() <= LONGEST_WORD);
            let sql = "INSERT INTO search_index (n, words) VALUES ($1, array_to_tsvector($2::text[]))
                       ON CONFLICT (n) DO UPDATE SET words = excluded.words";
            work.run(sql, &[&integer(n.0), &fits.then_some(words)]).await?;
        }
        IndexRow::Erased { entries } => {
            let gone: Vec<i64> = entries.iter().map(|it| integer(it.0)).collect();
            work.run("DELETE FROM search_index WHERE n = ANY($1)", &[&gone]).await?;
        }
    }
    Ok(())
}

async fn candidates(
    work: &Work<'_>,
    sql: &str,
    first: Parameter<'_>,
    (before, limit): (i64, i64),
    filter: &SearchFilter,
    read: fn(&Row) -> StoreResult<SearchRow>,
) -> StoreResult<Vec<SearchRow>> {
    // A quotation mark inside a text of the JSON has a backslash before it, so only a label can read like this; and
    // PostgreSQL's own reading of JSON fails where a text has U+0000.
    let flag = filter.flag.map(|label| label.map_or(String::new(), |it| format!("\"{}\"", it.as_str())));
    let parameters: [Parameter<'_>; 14] = [
        first,
        &before,
        &limit,
        &filter.room.map(|it| integer(it.0)),
        &filter.sender.map(|it| integer(it.0)),
        &filter.from.map(|it| it.0),
        &filter.to.map(|it| it.0),
        &filter.edited,
        &filter.deleted,
        &filter.has_file,
        &filter.case.map(|it| integer(it.0.0)),
        &filter.case.map(|it| it.1.0),
        &filter.case.and_then(|it| it.2).map(|it| it.0),
        &flag,
    ];
    work.rows(sql, &parameters).await?.iter().map(read).collect()
}

fn search_row(row: &Row) -> StoreResult<SearchRow> {
    Ok(SearchRow::Captured {
        version: version_row(row)?,
        send_time: row.time(9)?,
        deleted: row.flag(10)?,
        current: row.flag(11)?,
    })
}

fn imported_search_row(row: &Row) -> StoreResult<SearchRow> {
    imported_row(row).map(SearchRow::Imported)
}

/// Over what the index holds, in one order.
pub(super) async fn digest(work: &Work<'_>) -> StoreResult<Digest> {
    let sql = "SELECT u.lexeme, i.n FROM search_index i
               CROSS JOIN LATERAL unnest(i.words) AS u(lexeme, positions, weights)
               ORDER BY u.lexeme COLLATE \"C\", i.n";
    let rows = work.0.query_raw(sql, Vec::<i64>::new()).await?;
    pin_mut!(rows);
    let mut hash = Sha256::new();
    while let Some(row) = rows.try_next().await? {
        hash.update(row.text(0)?.as_bytes());
        hash.update(row.number(1)?.to_be_bytes());
    }
    Ok(hash.finalize().into())
}
