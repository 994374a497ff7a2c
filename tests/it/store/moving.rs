//! A store moved from SQLite to PostgreSQL, by command, cut off, meddled with.

use std::process::{Command, Output};

use karibarai::store::{FollowStore as _, PostgresPlace, PostgresStore, SqliteStore, Store, StoreError};

use super::Dice;
use super::ledger::observation;
use super::tables::filled;
use crate::support::{Bot, all_records, cluster, install_tls, read_store, settings};

fn run(arguments: &[&str], settings: &[(String, String)], folder: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
    command.args(arguments).env_clear().envs(settings.iter().cloned()).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_moves_and_goes_on_without_a_second_reminder() {
    install_tls();
    let file = "data/karibarai.db";
    let bot = Bot::start_for(|_| vec![("KARIBARAI_STORAGE__URL".to_owned(), format!("sqlite:{file}"))]).await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？1本5,000円です。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    let place = cluster::fresh();
    let mut moved = settings(bot.folder.path(), &bot.sandbox.api_base(), &bot.world, &[]);
    moved.retain(|(name, _)| !name.starts_with("KARIBARAI_STORAGE__URL") && !name.ends_with("SCHEMA"));
    moved.push(("KARIBARAI_STORAGE__URL".to_owned(), place.url.clone()));
    moved.push(("KARIBARAI_STORAGE__SCHEMA".to_owned(), place.schema.clone()));
    let beside = run(&["migrate-store", file], &moved, bot.folder.path());
    assert_eq!(beside.status.code(), Some(2), "{}", said(&beside));
    let before = bot.records().await.into_iter().map(|it| it.bytes).collect::<Vec<_>>();
    let folder = bot.folder.path().to_owned();
    let digests = bot.store.derived_digests().await.unwrap();
    let bot = bot
        .restart_as(move |all| {
            let moving = run(&["migrate-store", file, "--lang", "en"], &moved, &folder);
            assert!(moving.status.success(), "{}", said(&moving));
            assert!(said(&moving).contains("rows moved and verified"), "{}", said(&moving));
            let again = run(&["migrate-store", file], &moved, &folder);
            assert_eq!(again.status.code(), Some(2), "{}", said(&again));
            for (name, value) in &moved {
                all.retain(|(known, _)| known != name);
                all.push((name.clone(), value.clone()));
            }
        })
        .await;
    assert!(matches!(bot.store, Store::Postgres(_)));
    let after = bot.records().await.into_iter().map(|it| it.bytes).collect::<Vec<_>>();
    // What the stopped bot still wrote stands behind; what was there before is there.
    assert!(after.len() > before.len() && after.starts_with(&before), "{} of {}", after.len(), before.len());
    assert!(!digests.is_empty());
    bot.looked().await;
    assert_eq!(bot.replies(&request), 1);
    let more = bot.client_says("検収しました。ありがとうございます。");
    bot.recorded(&more, 1).await;
    bot.settled().await;
    let settings = bot.settings();
    let found = run(&["search", "検収"], &settings, bot.folder.path());
    assert!(said(&found).contains("検収"), "{}", said(&found));
    let found = run(&["search", "ブログ"], &settings, bot.folder.path());
    assert!(said(&found).contains("ブログ"), "{}", said(&found));
    drop(read_store(&settings, bot.folder.path()).await);
    bot.finish().await;
}

async fn source() -> (SqliteStore, tempfile::TempDir) {
    let both = filled(&mut Dice(0xa110)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    use karibarai::store::LedgerStore as _;
    let mut dice = Dice(9);
    for _ in 0..700 {
        both.sqlite.append((0..4).map(|_| observation(&mut dice)).collect()).await.unwrap();
    }
    both.sqlite.copy_to(&path).await.unwrap();
    (SqliteStore::open(&path).await.unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_moves_also_after_a_cut() {
    let (source, _folder) = source().await;
    let place = cluster::fresh();
    // Cut off in the middle of the tables, several times.
    for cut in ["contents", "versions", "outbox"] {
        let place: PostgresPlace = place.clone();
        let source = source.clone();
        let cut = tokio::spawn(async move {
            PostgresStore::move_from(&place, &source, |table| assert_ne!(table, cut, "cut off here")).await
        });
        assert!(cut.await.is_err(), "it was not cut off");
    }
    let refused = Store::connect(&place).await.map(drop);
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("migrate-store")),
        "{refused:?}"
    );
    assert!(Store::connect_read_only(&place).await.is_err());
    let (moved, end) = PostgresStore::move_from(&place, &source, |_| {}).await.unwrap();
    assert_eq!(end.different, Vec::<&str>::new());
    assert!(end.rows > 2000, "{} rows try little", end.rows);
    let (source, moved) = (Store::Sqlite(source), Store::Postgres(moved));
    let bytes = async |store: &Store| {
        all_records(store).await.into_iter().map(|it| (it.bytes, it.content)).collect::<Vec<_>>()
    };
    assert!(bytes(&source).await == bytes(&moved).await);
    let words = |all: Vec<(String, [u8; 32])>| {
        all.into_iter().filter(|it| it.0 != "search_index").collect::<Vec<_>>()
    };
    assert_eq!(words(source.derived_digests().await.unwrap()), words(moved.derived_digests().await.unwrap()));
    assert_eq!(moved.cursor(karibarai::search::INDEX_CURSOR).await.unwrap().0, 0, "the index is made anew");
    let Store::Sqlite(source) = source else { unreachable!() };
    let again = PostgresStore::move_from(&place, &source, |_| {}).await.map(|it| it.1);
    assert!(again.is_err(), "a ledger was written over: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_meanwhile_is_noticed_and_the_next_try_begins_anew() {
    let (source, folder) = source().await;
    let place = cluster::fresh();
    let path = folder.path().join("source.db");
    let meddle = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let (_, end) = PostgresStore::move_from(&place, &source, |table| {
        if table.is_empty() {
            meddle("UPDATE facts SET value = value + 1; UPDATE versions SET body = 'other' WHERE n = (SELECT min(n) FROM versions)");
        }
    })
    .await
    .unwrap();
    assert_eq!(end.different, ["versions"]);
    assert!(Store::connect(&place).await.is_err(), "half a store was opened");
    let (_, end) = PostgresStore::move_from(&place, &source, |_| {}).await.unwrap();
    assert!(end.different.is_empty(), "{end:?}");
    drop(Store::connect(&place).await.unwrap());
}
