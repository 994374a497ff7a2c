//! One changed byte, one missing entry, an older copy: never exit 0, and the place is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;

use crate::support::Bot;

/// A small real ledger in a folder of its own.
async fn ledger() -> (tempfile::TempDir, PathBuf) {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.client_says("よろしくお願いします。");
    bot.settled().await;
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    (folder, data)
}

fn verify(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .arg("verify")
        .arg(data)
        .args(arguments)
        .env_clear()
        .current_dir(data)
        .output()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_found() {
    let (folder, data) = ledger().await;
    let good = verify(&data, &[]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    assert!(text(&good).contains("intact"));
    let changes: &[(&str, &str)] = &[
        (
            "an entry's byte",
            "UPDATE entries SET entry = replace(entry, 'message.created', 'message.updated') WHERE instr(entry, 'message.created')",
        ),
        ("a leaf hash", "UPDATE entries SET leaf = zeroblob(32) WHERE n = 2"),
        (
            "a content's byte",
            "UPDATE contents SET content = CAST(replace(content, 'お願い', 'お断り') AS BLOB) WHERE instr(content, 'お願い')",
        ),
        ("a salt", "UPDATE contents SET salt = zeroblob(32) WHERE n = 4"),
        ("a missing entry", "DELETE FROM entries WHERE n = 5"),
        ("a missing content", "DELETE FROM contents WHERE n = 4"),
        (
            "two entries swapped",
            "UPDATE entries SET n = -1 WHERE n = 3; UPDATE entries SET n = 3 WHERE n = 4; UPDATE entries SET n = 4 WHERE n = -1",
        ),
        (
            "the end cut off",
            "DELETE FROM entries WHERE n > 6; DELETE FROM contents WHERE n > 6; UPDATE head SET size = 7",
        ),
        ("the head's frontier", "UPDATE head SET frontier = zeroblob(length(frontier))"),
        ("a checkpoint's text", "UPDATE checkpoints SET note = replace(note, 'karibarai', 'karibaraj')"),
    ];
    for (what, sql) in changes {
        let copied = folder.path().join(what.replace(' ', "-"));
        copy(&data, &copied);
        let database = Connection::open(copied.join("karibarai.db")).unwrap();
        database.execute_batch(sql).unwrap();
        assert!(database.changes() > 0, "{what}: nothing was changed");
        drop(database);
        let found = verify(&copied, &[]);
        assert_eq!(found.status.code(), Some(1), "{what}: {}", text(&found));
        assert!(text(&found).contains("does not fit"), "{what}: {}", text(&found));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_or_foreign_note_outside_is_found() {
    let (folder, data) = ledger().await;
    let note = fs::read_to_string(data.join("checkpoints/latest.note")).unwrap();
    let changed = folder.path().join("changed");
    copy(&data, &changed);
    fs::write(changed.join("checkpoints/latest.note"), note.replacen('\n', "\n1", 1)).unwrap();
    assert_eq!(verify(&changed, &[]).status.code(), Some(1));
    // The head of this ledger, known from elsewhere, confirms it; that of another ledger does not.
    let known = folder.path().join("known.note");
    fs::write(&known, &note).unwrap();
    assert_eq!(verify(&data, &["--known", known.to_str().unwrap()]).status.code(), Some(0));
    let (_other_folder, other) = ledger().await;
    let foreign = verify(&other, &["--known", known.to_str().unwrap()]);
    assert_eq!(foreign.status.code(), Some(1), "{}", text(&foreign));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_is_refused_at_start_and_by_verify() {
    let bot = Bot::start().await;
    bot.client_says("一通目です。");
    bot.settled().await;
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.db");
    bot.store.copy_to(&old).await.unwrap();
    bot.client_says("二通目です。");
    bot.settled().await;
    let settings = bot.settings();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    for end in ["karibarai.db", "karibarai.db-wal", "karibarai.db-shm"] {
        let _ = fs::remove_file(data.join(end));
    }
    fs::copy(&old, data.join("karibarai.db")).unwrap();
    let found = verify(&data, &[]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    let serve = Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .arg("serve")
        .env_clear()
        .envs(settings.into_iter().map(|(name, value)| match name.as_str() {
            "KARIBARAI_STORAGE__URL" => (name, format!("sqlite:{}", data.join("karibarai.db").display())),
            "KARIBARAI_STORAGE__DATA_DIR" => (name, data.display().to_string()),
            _ => (name, value),
        }))
        .current_dir(&data)
        .output()
        .unwrap();
    assert_eq!(serve.status.code(), Some(2), "{}", text(&serve));
    assert!(text(&serve).contains("was signed over"), "{}", text(&serve));
}

#[test]
fn absent_or_not_ours_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verify(folder.path(), &[]).status.code(), Some(2));
    let file = folder.path().join("karibarai.db");
    fs::write(&file, "これはデータベースではありません").unwrap();
    assert_eq!(verify(folder.path(), &[]).status.code(), Some(2));
    fs::remove_file(&file).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(verify(folder.path(), &[]).status.code(), Some(2));
}
