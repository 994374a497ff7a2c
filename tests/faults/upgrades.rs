//! A database of each earlier schema, with a ledger in it: it opens, is read anew by everything, verifies to the bottom, and goes on.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::Dice;
use crate::program::{Sender, copy, founded, told};

const MESSAGES: u64 = 12;
/// Followers whose tables stand in the second schema.
const OLDEST: &str = "'archive', 'detector', 'casebook', 'mirror'";

fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite/migrations");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.sort();
    all
}

fn columns(database: &Connection, schema: &str, table: &str) -> Vec<String> {
    let mut statement =
        database.prepare(&format!("SELECT name FROM pragma_table_info('{table}', '{schema}')")).unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn tables(database: &Connection, schema: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migrations'
         AND sql NOT LIKE '%VIRTUAL%' AND name NOT LIKE 'words%'"
    );
    let mut statement = database.prepare(&sql).unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// What the program of that schema would have left: the same ledger, nothing of what came later; `derived`: and what it had made of
/// the ledger by then.
fn make(path: &Path, newest: &Path, schema: usize, derived: bool) {
    fs::remove_file(path).unwrap();
    let database = Connection::open(path).unwrap();
    // "krbr", as the program marks its files.
    database.pragma_update(None, "application_id", 0x6b72_6272).unwrap();
    database
        .execute_batch("CREATE TABLE migrations (number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL)")
        .unwrap();
    let mut ledger_s_own = Vec::new();
    for (number, path) in (1_i64..).zip(migrations()).take(schema) {
        let sql = fs::read_to_string(path).unwrap();
        database.execute_batch(&sql).unwrap();
        let sum: String = Sha256::digest(sql.as_bytes()).iter().map(|it| format!("{it:02x}")).collect();
        database.execute("INSERT INTO migrations VALUES (?1, ?2)", (number, sum)).unwrap();
        database.pragma_update(None, "user_version", number).unwrap();
        if number == 1 {
            ledger_s_own = tables(&database, "main");
        }
    }
    database.execute("ATTACH ?1 AS newest", [newest.to_str().unwrap()]).unwrap();
    let copied = if derived { tables(&database, "main") } else { ledger_s_own };
    assert!(copied.iter().any(|it| it == "entries"));
    for table in copied {
        let newer = columns(&database, "newest", &table);
        let list: Vec<String> =
            columns(&database, "main", &table).into_iter().filter(|it| newer.contains(it)).collect();
        let list = list.join(", ");
        let of = match (table.as_str(), derived) {
            ("cursors", true) => format!("WHERE name IN ({OLDEST})"),
            ("cursors", false) => "WHERE 0".to_owned(),
            _ => String::new(),
        };
        let sql = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} ({list}) SELECT {list} FROM newest.{table} {of}"
        );
        database.execute_batch(&sql).unwrap();
    }
    let entries: i64 = database.query_row("SELECT count(*) FROM main.entries", (), |row| row.get(0)).unwrap();
    assert!(entries > 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_each_earlier_schema_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (folder, origin) = (root.path().join("case"), root.path().join("origin"));
    fs::create_dir(&folder).unwrap();
    let place = founded(&folder, MESSAGES).await;
    copy(&folder, &origin);
    let newest = origin.join("data/karibarai.db");
    let mut cases = 0;
    let all = (1..=migrations().len()).flat_map(|schema| [(schema, false), (schema, true)]);
    let all: Vec<(usize, bool)> = all.filter(|it| *it != (1, true)).collect();
    for (schema, derived) in Dice::new("upgrades").sample(all, 5) {
        let what = format!("schema {schema}, with derived tables: {derived}");
        fs::remove_dir_all(&folder).unwrap();
        copy(&origin, &folder);
        make(&place.data().join("karibarai.db"), &newest, schema, derived);
        if !derived {
            fs::remove_dir_all(place.data().join("mirror")).unwrap();
        }
        // Reading alone changes nothing, and says what it finds.
        let verified = place.run(&["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{what}: {}", told(&verified));
        let run = place.serve(&[]);
        let Some(url) = run.url() else { panic!("{what}: {}", run.terminate().1) };
        let taken = Sender::new().burst(&url, 1_000_000..1_000_010).await;
        assert_eq!(taken.len(), 10, "{what}");
        place.read_up().await;
        let (status, said) = run.terminate();
        assert!(status.success() && !said.contains("panicked"), "{what}: {said}");
        let found = place.run(&["search", "記録を", "--json"]);
        let hits = String::from_utf8_lossy(&found.stdout).lines().count();
        assert_eq!(hits as u64, MESSAGES + 10, "{what}: what is old is found too");
        let all: Vec<u64> = (1..=MESSAGES).chain(taken).collect();
        place.recovers(&all, &what).await;
        cases += 1;
    }
    println!("upgrades: {} schemas, {cases} databases, losses 0", migrations().len());
}
