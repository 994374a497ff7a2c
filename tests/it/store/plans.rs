//! The hot reads on a filled database: none reads a whole table, and the new ends of long histories come quickly.

use karibarai::domain::{AccountId, EntryIndex, EntryKind, MessageId, RoomId, Source, UtcMillis};
use karibarai::search::{INDEX_CURSOR, Query, search, words};
use karibarai::store::{
    AnnexStore as _, ArchiveRow, ArchiveStore as _, CaseStore as _, CoverageStore as _, DeskStore as _,
    FollowStore as _, IndexRow, LedgerStore as _, NewEntry, PostgresPlace, Purpose, ReviewStore as _,
    SearchFilter, SearchStore as _, Store, TreeStore as _, VersionKey,
};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::support::{cluster, install_tls};

const MESSAGES: u64 = 20_000;
const PAGE: u64 = 1_000;

/// Tables that grow with the history.
const LARGE: [&str; 9] = [
    "entries",
    "contents",
    "message_versions",
    "once",
    "messages",
    "versions",
    "search_index",
    "signals",
    "outbox",
];

fn body(n: u64) -> String {
    format!(
        "{n}番の件、お世話になっております。追加でバナーを{}枚、来週{}日までにお願いします。",
        n % 17,
        n % 28
    )
}

async fn fill(store: &Store) {
    store.found("0123".to_owned()).await.unwrap();
    for page in 0..MESSAGES / PAGE {
        let ns = page * PAGE..(page + 1) * PAGE;
        let entries = ns.clone().map(|n| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            NewEntry {
                kind: EntryKind::MessageCreated,
                source: Source::Webhook,
                source_time: Some(UtcMillis(1)),
                observed_at: UtcMillis(2),
                room: Some(RoomId(n % 50)),
                message: Some(MessageId::new(format!("{}", 1_000_000 + n)).unwrap()),
                content: Some(body(n).into_bytes()),
                salt: [1; 32],
                once: Some(digest),
                version: Some(VersionKey { digest, way: digest }),
            }
        });
        store.append(entries.collect()).await.unwrap();
        let end = EntryIndex((page + 1) * PAGE);
        let rows = ns.clone().map(|n| ArchiveRow::Version {
            n: EntryIndex(n),
            kind: EntryKind::MessageCreated,
            room: RoomId(n % 50),
            message: MessageId::new(format!("{}", 1_000_000 + n)).unwrap(),
            version: 1,
            account: AccountId(n % 7),
            send_time: UtcMillis(n.cast_signed()),
            update_time: None,
            observed_at: UtcMillis(2),
            body: body(n),
        });
        store.put_archive(end, rows.collect()).await.unwrap();
        let rows = ns.map(|n| IndexRow::Version {
            n: EntryIndex(n),
            words: words(RoomId(n % 50), AccountId(n % 7), &body(n)),
        });
        store.put_index(INDEX_CURSOR, end, rows.collect(), false).await.unwrap();
    }
}

async fn read(store: &Store) {
    let (end, room) = (EntryIndex(MESSAGES), RoomId(7));
    store.records(EntryIndex(MESSAGES - 50), 100).await.unwrap();
    store.once([9; 32]).await.unwrap();
    store.room_messages(room, None, 50).await.unwrap();
    store.told_before(room, end, 50).await.unwrap();
    store.changes(None, end, 50).await.unwrap();
    store.contexts((0..200).map(|n| (RoomId(n % 50), EntryIndex(MESSAGES - n))).collect(), 6).await.unwrap();
    store.message(room, &MessageId::new("1000007").unwrap()).await.unwrap();
    store.written_since(room, vec![AccountId(3)], UtcMillis(19_000)).await.unwrap();
    store.first_written(room, vec![AccountId(3)], UtcMillis(19_000)).await.unwrap();
    store.last_written(room).await.unwrap();
    store.newest().await.unwrap();
    store.known_since(room, UtcMillis(19_000), 100).await.unwrap();
    store.known_before(room, (UtcMillis(500), MessageId::new("5").unwrap()), 100).await.unwrap();
    store.missing(room).await.unwrap();
    store.signals(EntryIndex(5), EntryIndex(500)).await.unwrap();
    store.open_outbox().await.unwrap();
    store.posts_since(&[Purpose::Reminder], Some(room), UtcMillis(3)).await.unwrap();
    store.files_due(UtcMillis(9), 10).await.unwrap();
    store.inclusion(None, EntryIndex(70), 256).await.unwrap();
    for word in ["19999番", "検収", "お世話", "の", "枚 -来週"] {
        for filter in [SearchFilter::default(), SearchFilter { room: Some(room), ..SearchFilter::default() }]
        {
            search(store, &Query::parse(word, false), &filter, None, 50).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hot_read_goes_through_a_whole_table() {
    install_tls();
    let place = cluster::fresh();
    let plain = place.url.clone();
    let place = PostgresPlace { url: format!("{plain}&application_name=karibarai-plans"), ..place };
    let store = Store::connect(&place).await.unwrap();
    fill(&store).await;
    let (client, connection) = tokio_postgres::connect(&plain, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path TO {}", place.schema)).await.unwrap();
    for table in LARGE {
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await.unwrap();
    }
    let scans = async || {
        let sql = "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE schemaname = $1";
        let rows = client.query(sql, &[&place.schema]).await.unwrap();
        let rows = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, i64>(1)));
        rows.filter(|(name, _)| LARGE.contains(&&**name)).collect::<std::collections::BTreeMap<_, _>>()
    };
    // What a connection counts is told at its end.
    drop(store);
    crate::support::until("the first connections to end", || async { ended(&client).await }).await;
    let before = scans().await;
    let reader = Store::connect_read_only(&place).await.unwrap().unwrap();
    // More than five times: PostgreSQL then thinks of a plan for all values.
    for _ in 0..8 {
        read(&reader).await;
    }
    drop(reader);
    crate::support::until("the connections to end", || async { ended(&client).await }).await;
    for (table, rows) in scans().await {
        let read = rows - before[&table];
        // A page of an empty table may be looked at; a large one never as a whole.
        assert!(read < 1_000, "{read} rows of {table} were read one after the other");
    }
    // The counter counts: this one is such a read.
    client.query_one("SELECT count(*) FROM versions WHERE body LIKE '%x'", &[]).await.unwrap();
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    assert!(scans().await["versions"] - before["versions"] >= MESSAGES.cast_signed());
}

/// Whether no connection of a store of this test is left.
async fn ended(client: &tokio_postgres::Client) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'karibarai-plans'";
    client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0
}

/// Tables, and names within a query, that may be read from end to end in SQLite: they grow with the rooms, the cases and the files, not
/// with what is written. What is not named here may not.
const SMALL: [&str; 25] = [
    "(subquery-1)",
    "(subquery-2)",
    "CONSTANT",
    "case_messages",
    "cases",
    // Read by their end: a walk that stops at the first row.
    "checkpoints",
    "contracts",
    "declared",
    "door_sessions",
    "drafts",
    "exposures",
    // `files` under a shorter name, by the index of those that are open.
    "f",
    "files",
    "gaps",
    "head",
    "imported_files",
    "members",
    "outbox",
    "predecessors",
    // `rooms` under a shorter name.
    "r",
    "room_reads",
    "room_types",
    "rooms",
    "temp.search_words",
    // The one row that a subquery gives.
    "v",
];

/// Every query that stands whole in the source of the SQLite store, by what SQLite says of its plan.
#[tokio::test]
async fn no_query_of_sqlite_goes_through_what_grows_with_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karibarai.db");
    drop(Store::open(&path).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let words = "CREATE TEMP TABLE search_words (term TEXT, doc INTEGER)";
    connection.execute_batch(words).unwrap();
    let plan = |sql: &str| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // Values that are not given are null, as they may be.
        let mut steps = statement.raw_query();
        let mut scans = Vec::new();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get(3).unwrap();
            scans.extend(Some(step).filter(|it| it.starts_with("SCAN ")));
        }
        scans
    };
    let whole = |step: &String| {
        let name = step.split(' ').nth(1).unwrap();
        // By one row, or by a word.
        let found = step.contains("VIRTUAL TABLE INDEX 0:=") || step.contains("VIRTUAL TABLE INDEX 0:M");
        !found && !SMALL.contains(&name)
    };
    assert!(plan("SELECT * FROM entries WHERE leaf = ?1").iter().any(whole), "such a plan is seen");
    let mut queries = Vec::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite"), &[], &mut queries);
    let (mut looked, mut wrong) = (0, Vec::new());
    for sql in &queries {
        let scans: Vec<_> = plan(sql).into_iter().filter(whole).collect();
        looked += 1;
        if !scans.is_empty() {
            wrong.push(format!("{scans:?}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked > 90, "only {looked} queries were found in the source");
}

/// Every query that stands whole in the source of the PostgreSQL store, by the plan for values that are not known. Sequential
/// reads are what the planner falls back on: most tables are empty here, where it would prefer them.
#[tokio::test(flavor = "multi_thread")]
async fn no_query_of_postgresql_is_planned_through_what_grows_with_the_history() {
    install_tls();
    let place = cluster::fresh();
    let store = Store::connect(&place).await.unwrap();
    fill(&store).await;
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let settings = format!(
        "SET search_path TO {}; SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off; ANALYZE",
        place.schema
    );
    client.batch_execute(&settings).await.unwrap();
    let plan = async |sql: &str| {
        let values = client.prepare(sql).await.map_err(|error| format!("{error:?}: {sql}")).unwrap();
        let nulls = vec!["NULL"; values.params().len()].join(", ");
        let call = if nulls.is_empty() { "q".to_owned() } else { format!("q({nulls})") };
        client.batch_execute(&format!("PREPARE q AS {sql}")).await.unwrap();
        let told = client.simple_query(&format!("EXPLAIN (FORMAT JSON) EXECUTE {call}")).await.unwrap();
        client.batch_execute("DEALLOCATE q").await.unwrap();
        let row = told.iter().find_map(|it| match it {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: serde_json::Value = serde_json::from_str(row.unwrap()).unwrap();
        let mut wrong = Vec::new();
        walks(&plan[0]["Plan"], false, &mut wrong);
        wrong
    };
    for seen in ["SELECT * FROM versions WHERE body LIKE $1", "SELECT count(*) FROM messages"] {
        assert_eq!(plan(seen).await.len(), 1, "such a plan is seen: {seen}");
    }
    let mut queries = Vec::new();
    // A digest of everything reads everything.
    let but = ["derived.rs"];
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres"), &but, &mut queries);
    // The digest of the index, which `verify --deep` compares, does so too.
    queries.retain(|it| !it.contains("u.lexeme, i.n") && !it.contains("tsvector_to_array(words) FROM"));
    let mut wrong = Vec::new();
    for sql in &queries {
        let walks = plan(sql).await;
        if !walks.is_empty() {
            wrong.push(format!("{walks:?}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(queries.len() > 60, "only {} queries were found in the source", queries.len());
}

/// Steps of a plan that read a large table without going to a place in it. A walk along an index from its end is none where it
/// stops at a limit and leaves nothing out on the way.
fn walks(step: &serde_json::Value, limited: bool, found: &mut Vec<String>) {
    let kind = step["Node Type"].as_str().unwrap_or_default();
    let scan = ["Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(&kind);
    let table = step["Relation Name"].as_str().unwrap_or_default();
    // What is posted grows with the cases. Of edits the planner knows how many there are.
    let small = table == "outbox" || step["Index Name"] == "versions_changed";
    let large = LARGE.contains(&table) && !small || kind == "Bitmap Index Scan";
    let stops = limited && kind != "Seq Scan" && step["Filter"].is_null();
    if scan && large && step["Index Cond"].is_null() && !stops {
        found.push(format!("{kind} {table}"));
    }
    let limited = kind == "Limit" || limited && !["Sort", "Aggregate", "Hash", "Hash Join"].contains(&kind);
    for below in step["Plans"].as_array().into_iter().flatten() {
        walks(below, limited, found);
    }
}

/// Literals of the source that are queries, with lists of columns put in; those that are put together otherwise are left out.
fn sources(folder: &std::path::Path, but: &[&str], found: &mut Vec<String>) {
    let literal = regex::Regex::new(r#""((?:[^"\\]|\\.|\\\n)*)""#).unwrap();
    let columns = regex::Regex::new(r"^(\s*SELECT\s+)\{\w+\}").unwrap();
    let more = regex::Regex::new(r", \{[A-Z]+\}( FROM)").unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, but, found);
            continue;
        }
        let left_out = but.iter().any(|it| path.ends_with(it));
        if path.extension().is_none_or(|it| it != "rs") || path.ends_with("tests.rs") || left_out {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for literal in literal.captures_iter(text) {
            let sql = literal[1].replace("\\\n", "").replace("\\\"", "\"");
            let sql = more.replace(&columns.replace(&sql, "$1*"), "$1").into_owned();
            let begins = ["SELECT ", "WITH ", "UPDATE ", "DELETE "].iter().any(|it| sql.starts_with(it));
            if begins && !sql.contains('{') && !sql.contains(" migrations") {
                found.push(sql);
            }
        }
    }
}
