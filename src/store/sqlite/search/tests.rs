//! The plans of the hot queries, the size of the index, taking out.

use std::fmt::Write as _;

use super::super::schema;
use super::*;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    connection
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        writeln!(plan, "{}", row.get::<_, String>(3).unwrap()).unwrap();
    }
    plan
}

#[test]
fn the_hot_queries_scan_no_table_and_sort_nothing() {
    let connection = database();
    for (sql, first) in [
        (indexed_sql(), "SCAN i VIRTUAL TABLE INDEX"),
        (unindexed_sql(), "SEARCH v USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    ] {
        let plan = plan(&connection, &sql);
        assert!(plan.starts_with(first), "{plan}");
        assert!(plan.contains("SEARCH m USING PRIMARY KEY (room=? AND message=?)"), "{plan}");
        assert!(
            !plan.contains("TEMP B-TREE") && !plan.contains("SCAN v") && !plan.contains("SCAN m"),
            "{plan}"
        );
    }
    for (sql, first) in [
        (indexed_imports_sql(), "SCAN i VIRTUAL TABLE INDEX"),
        (unindexed_imports_sql(), "SEARCH p USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    ] {
        let plan = plan(&connection, &sql);
        assert!(plan.starts_with(first), "{plan}");
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN p"), "{plan}");
    }
}

#[test]
fn the_index_is_at_most_twice_the_text_and_forgets() {
    let mut connection = database();
    let body = |n: i64| {
        format!(
            "{n}番の件、お世話になっております。追加でバナーを{}枚、来週{}日までにお願いできますでしょうか。",
            n % 17,
            n % 28
        )
    };
    let transaction = connection.transaction().unwrap();
    let (mut text, count) = (0, 3000);
    for n in 0..count {
        text += body(n).len();
        let words = body(n).chars().collect::<Vec<_>>();
        let pairs = words.windows(2).map(|it| it.iter().collect::<String>());
        let words: Vec<String> = words.iter().map(char::to_string).chain(pairs).collect();
        put(&transaction, &IndexRow::Version { n: index(n), words: words.join(" ") }).unwrap();
    }
    transaction.commit().unwrap();
    let size = |connection: &Connection| -> i64 {
        connection
            .query_row("SELECT sum(length(block)) FROM search_index_data", (), |row| row.get(0))
            .unwrap()
    };
    assert!(
        size(&connection) <= 2 * i64::try_from(text).unwrap(),
        "{} bytes for {text} of text",
        size(&connection)
    );
    let hits = |connection: &Connection, word: &str| -> i64 {
        connection
            .query_row("SELECT count(*) FROM search_index WHERE search_index MATCH ?1", (word,), |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!(hits(&connection, "\"追加\""), count);
    let transaction = connection.transaction().unwrap();
    transaction
        .execute(
            "INSERT INTO message_versions (room, message, version, digest, n, way) VALUES (1, '9', 1, x'00', 5, x'00')",
            (),
        )
        .unwrap();
    let n: i64 = transaction
        .query_row("SELECT n FROM message_versions WHERE room = 1 AND message = '9'", (), |row| row.get(0))
        .unwrap();
    let erased = IndexRow::Erased { entries: vec![index(n)] };
    put(&transaction, &erased).unwrap();
    transaction.commit().unwrap();
    assert_eq!(hits(&connection, "\"追加\""), count - 1);
    let transaction = connection.transaction().unwrap();
    forget(&transaction).unwrap();
    transaction.commit().unwrap();
    assert_eq!(hits(&connection, "\"追加\""), 0);
}
