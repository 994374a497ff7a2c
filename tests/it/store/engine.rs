//! What is PostgreSQL's alone: schemas, roles, migrations, lost connections, a crash.

use karibarai::domain::{AccountId, EntryIndex, EntryKind, MessageId, RoomId, RoomType, UtcMillis};
use karibarai::search::{INDEX_CURSOR, Query, search, words};
use karibarai::store::{
    ArchiveRow, ArchiveStore as _, DoorStore as _, FollowStore as _, IndexRow, LedgerStore as _, NewEntry,
    PostgresPlace, SearchFilter, SearchStore as _, Store, StoreError,
};
use tokio_postgres::{Client, NoTls};

use super::Dice;
use super::ledger::observation;
use crate::support::{Bot, all_records, cluster, created, install_tls, sign};

/// A connection of its own, for what the store itself never does.
async fn beside(place: &PostgresPlace) -> Client {
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn batch(dice: &mut Dice, count: usize) -> Vec<NewEntry> {
    (0..count).map(|_| observation(dice)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_make_the_tables_once() {
    install_tls();
    let place = cluster::fresh();
    assert!(Store::connect_read_only(&place).await.unwrap().is_none(), "nothing is there yet");
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let place = place.clone();
        starts.spawn(async move { Store::connect(&place).await.map(drop) });
    }
    for start in starts.join_all().await {
        start.unwrap();
    }
    let store = Store::connect_read_only(&place).await.unwrap().unwrap();
    assert!(store.head().await.unwrap().is_none());
    assert!(store.found("x".to_owned()).await.is_err(), "opened for reading alone");
    assert!(store.append(batch(&mut Dice(1), 1)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_and_foreign_schemas_are_refused() {
    install_tls();
    let place = cluster::fresh();
    drop(Store::connect(&place).await.unwrap());
    let client = beside(&place).await;
    let run =
        async |sql: &str| client.batch_execute(&format!("SET search_path TO {}; {sql}", place.schema)).await;
    run("INSERT INTO migrations (number, sha256) VALUES (900, 'x')").await.unwrap();
    for newer in [Store::connect(&place).await.map(drop), Store::connect_read_only(&place).await.map(drop)] {
        assert!(matches!(newer, Err(StoreError::Newer { found: 900, .. })), "{newer:?}");
    }
    run("DELETE FROM migrations WHERE number = 900; UPDATE migrations SET sha256 = 'y' WHERE number = 1")
        .await
        .unwrap();
    assert!(matches!(Store::connect(&place).await.map(drop), Err(StoreError::ForeignMigration(1))));
    let other = cluster::fresh();
    client
        .batch_execute(&format!("CREATE SCHEMA {0}; CREATE TABLE {0}.entries (x int)", other.schema))
        .await
        .unwrap();
    assert!(matches!(Store::connect(&other).await.map(drop), Err(StoreError::Corrupt(_))));
}

/// The tables of the schema before are brought up to date with what a replay would have made.
#[tokio::test(flavor = "multi_thread")]
async fn types_of_rooms_are_made_from_the_ledger_that_is_there() {
    install_tls();
    let place = cluster::fresh();
    let store = Store::connect(&place).await.unwrap();
    store.found("0123abcd".to_owned()).await.unwrap();
    let told = [
        (7, "room.found", r#"{"name":"\"type\":\"direct\"","type":"group"}"#, Some(RoomType::Group)),
        (9, "room.found", r#"{ "type" : "direct", "name":"\u0000" }"#, Some(RoomType::Direct)),
        (7, "room.changed", r#"{"name":"x","type":"group"}"#, Some(RoomType::Group)),
        (8, "room.found", r#"{"name":"no type"}"#, None),
        (8, "room.changed", r#"{"type":"my","name":"x"}"#, Some(RoomType::Direct)),
        (8, "room.changed", r#"{"type":"group","name":"x"}"#, Some(RoomType::Group)),
    ];
    let mut dice = Dice(4);
    let entries = told.iter().map(|(room, kind, content, _)| NewEntry {
        kind: EntryKind::parse(kind).unwrap(),
        room: Some(RoomId(*room)),
        message: None,
        content: Some(content.as_bytes().to_vec()),
        once: None,
        version: None,
        ..observation(&mut dice)
    });
    store.append(entries.collect()).await.unwrap();
    let rows = (0..).zip(&told).map(|(n, (room, _, _, room_type))| ArchiveRow::Room {
        n: EntryIndex(n),
        room: RoomId(*room),
        room_type: *room_type,
        name: None,
        observed_at: UtcMillis(1),
    });
    store.put_archive(EntryIndex(told.len() as u64), rows.collect()).await.unwrap();
    let types = store.room_types().await.unwrap();
    let types: Vec<_> = types.iter().map(|it| (it.room.0, it.n.0, it.room_type)).collect();
    let (direct, group) = (RoomType::Direct, RoomType::Group);
    assert_eq!(types, [(7, 0, group), (8, 4, direct), (8, 5, group), (9, 1, direct)]);
    let made = store.derived_digests().await.unwrap();
    drop(store);
    let before = "DROP TABLE room_types; DELETE FROM migrations WHERE number >= 5";
    let sql = format!("SET search_path TO {}; {before}", place.schema);
    beside(&place).await.batch_execute(&sql).await.unwrap();
    assert_eq!(Store::connect(&place).await.unwrap().derived_digests().await.unwrap(), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_s_role_cannot_read_another_s_schema() {
    install_tls();
    let (one, other) = (cluster::fresh(), cluster::fresh());
    let client = beside(&one).await;
    let mut stores = Vec::new();
    for place in [&one, &other] {
        // As `docs/operations.md` says: a role that owns its schema and may nothing else.
        let name = &place.schema;
        client
            .batch_execute(&format!("CREATE ROLE {name} LOGIN; CREATE SCHEMA {name} AUTHORIZATION {name}"))
            .await
            .unwrap();
        let place = PostgresPlace { url: cluster::shared().url(name), ..place.clone() };
        stores.push((Store::connect(&place).await.unwrap(), place));
    }
    for (store, place) in &stores {
        store.found(place.schema.clone()).await.unwrap();
        store.append(batch(&mut Dice(3), 5)).await.unwrap();
        assert_eq!(store.head().await.unwrap().unwrap().ledger_id, place.schema);
    }
    let intruder = beside(&stores[0].1).await;
    let denied = intruder.query(&format!("SELECT * FROM {}.entries", other.schema), &[]).await.unwrap_err();
    assert_eq!(denied.code(), Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE));
    let wrong = PostgresPlace { schema: other.schema.clone(), ..stores[0].1.clone() };
    let refused = Store::connect(&wrong).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_made_anew() {
    install_tls();
    let place = cluster::fresh();
    let place = PostgresPlace { url: format!("{}&application_name={}", place.url, place.schema), ..place };
    let store = Store::connect(&place).await.unwrap();
    store.found("x".to_owned()).await.unwrap();
    let client = beside(&place).await;
    let mut dice = Dice(77);
    for _ in 0..5 {
        store.append(batch(&mut dice, 3)).await.unwrap();
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name = $1 AND pid <> pg_backend_pid()";
        client.query(sql, &[&place.schema]).await.unwrap();
        // At most one call on each lost connection fails; none hangs, and none lies.
        let mut left = 20;
        while store.append(batch(&mut dice, 2)).await.is_err() {
            left -= 1;
            assert!(left > 0, "no connection is made anew");
        }
        while store.cursor("archive").await.is_err() {
            left -= 1;
            assert!(left > 0, "no connection is made anew");
        }
    }
    let records = all_records(&store).await;
    assert_eq!(store.head().await.unwrap().unwrap().end(), records.len() as u64);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.entry().unwrap().n, EntryIndex(n as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_a_crash_of_the_server() {
    install_tls();
    let mut cluster = cluster::Cluster::start();
    let place = cluster.place("crash");
    let store = Store::connect(&place).await.unwrap();
    store.found("x".to_owned()).await.unwrap();
    let mut dice = Dice(99);
    let mut answered = 0;
    for _ in 0..3 {
        let mut writing = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (store, entries) = (store.clone(), batch(&mut dice, 3));
            writing.spawn(async move { store.append(entries).await });
        }
        // The first answer is there, the others are on their way.
        let first = writing.join_next().await.unwrap().unwrap();
        assert!(first.is_ok(), "{first:?}");
        cluster.order("crash");
        let mut told: Vec<_> = writing.join_all().await;
        told.push(first);
        let most = told.iter().flatten().flatten().map(|it| it.index().0 + 1).max();
        answered = most.unwrap_or(0).max(answered);
        let refused = store.append(batch(&mut dice, 1)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(matches!(store.head().await, Err(StoreError::Unavailable(_))));
        cluster.order("start");
        let size = store.head().await.unwrap().unwrap().end();
        assert!(size >= answered, "{size} of {answered} entries that were answered");
        let records = all_records(&store).await;
        assert_eq!(records.len() as u64, size);
    }
    assert!(answered > 0);
    store.append(batch(&mut dice, 3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_none_says_so_without_its_password() {
    install_tls();
    let good = cluster::fresh();
    for (url, schema) in [
        ("postgres://u:hunter2@127.0.0.1:1/db", "k"),
        ("postgres://u:hunter2@/nonsense%", "k"),
        (good.url.as_str(), "K; DROP"),
        (good.url.as_str(), "pg_x"),
    ] {
        let place = PostgresPlace { url: url.to_owned(), schema: schema.to_owned(), ..good.clone() };
        let error = Store::connect(&place).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{place:?}").contains("hunter2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_repeat_no_value() {
    install_tls();
    let place = cluster::fresh();
    let store = Store::connect(&place).await.unwrap();
    let client = beside(&place).await;
    let sql = "ALTER TABLE {}.door_secrets ADD CHECK (value <> 'marker-7731')";
    client.batch_execute(&sql.replace("{}", &place.schema)).await.unwrap();
    let refused = store.put_door_secret("x", "marker-7731".to_owned(), Some(UtcMillis(1))).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("marker"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_network_it_is_tls_with_a_checked_certificate_and_a_password() {
    install_tls();
    let cluster = cluster::Cluster::start_with_tls();
    let port = cluster.port.unwrap();
    let local = cluster.place("local");
    let client = beside(&local).await;
    client.batch_execute("ALTER ROLE karibarai PASSWORD 'correct horse'").await.unwrap();
    let good = PostgresPlace {
        url: format!("postgres://karibarai@127.0.0.1:{port}/postgres?sslmode=require"),
        password: Some("correct horse".to_owned()),
        schema: "far".to_owned(),
        ca_files: vec![cluster.authority()],
        ..local
    };
    let store = Store::connect(&good).await.unwrap();
    store.found("x".to_owned()).await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
               WHERE s.ssl AND a.application_name = 'karibarai'";
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0, "nothing is encrypted");
    let refused = [
        // Nobody that browsers trust vouches for it.
        PostgresPlace { ca_files: Vec::new(), ..good.clone() },
        // The certificate is of another name.
        PostgresPlace { url: good.url.replace("127.0.0.1", "localhost"), ..good.clone() },
        PostgresPlace { password: Some("wrong".to_owned()), ..good.clone() },
        // This server takes nothing in the clear.
        PostgresPlace { url: good.url.replace("require", "disable"), ..good.clone() },
        PostgresPlace { ca_files: vec!["/nowhere.pem".into()], ..good.clone() },
    ];
    for place in refused {
        let error = Store::connect(&place).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(!error.to_string().contains("horse"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_refused_while_the_database_is_away_and_taken_when_it_is_back() {
    install_tls();
    let mut cluster = cluster::Cluster::start();
    let url = cluster.url("karibarai");
    let bot = Bot::start_with(&[("KARIBARAI_STORAGE__URL", &url)]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let deliver = async |n: u64| {
        let body = created(bot.world.direct_room, 500 + n, bot.world.client, "お世話になっております。");
        let request = client
            .post(format!("http://{}/webhook", bot.public))
            .header("x-chatworkwebhooksignature", sign(&bot.world.webhook_tokens[0], body.as_bytes()));
        request.body(body).send().await.unwrap()
    };
    assert_eq!(deliver(1).await.status(), 200);
    cluster.order("crash");
    let refused = deliver(2).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    cluster.order("start");
    assert_eq!(deliver(2).await.status(), 200);
    assert_eq!(deliver(1).await.status(), 200);
    for message in ["501", "502"] {
        bot.recorded(message, 1).await;
    }
    let webhooks =
        bot.records().await.into_iter().filter(|it| it.entry().unwrap().source.as_str() == "webhook");
    assert_eq!(webhooks.count(), 2);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_more_words_than_an_index_row_holds_is_found() {
    install_tls();
    let store = Store::connect(&cluster::fresh()).await.unwrap();
    let mut bodies = vec!["納品しました".to_owned(), String::new()];
    // Every pair of characters is another one.
    let mut char_of = (0x4e00..0x9fff).filter_map(char::from_u32).cycle();
    for step in 0..30 {
        bodies[1].extend(char_of.by_ref().step_by(1 + step).take(5000));
    }
    bodies[1].push_str("検収");
    let version = |n: u64, body: &str| ArchiveRow::Version {
        n: EntryIndex(n),
        kind: EntryKind::MessageCreated,
        room: RoomId(1),
        message: MessageId::new(format!("{}", 10 + n)).unwrap(),
        version: 1,
        account: AccountId(2),
        send_time: UtcMillis(1),
        update_time: None,
        observed_at: UtcMillis(1),
        body: body.to_owned(),
    };
    let mut rows = Vec::new();
    for (n, body) in (0..).zip(&bodies) {
        store.put_archive(EntryIndex(n + 1), vec![version(n, body)]).await.unwrap();
        rows.push(IndexRow::Version { n: EntryIndex(n), words: words(RoomId(1), AccountId(2), body) });
    }
    let bytes = |row: &IndexRow| matches!(row, IndexRow::Version { words, .. } if words.len() > (1 << 20));
    assert!(bytes(&rows[1]), "the text is too short to try it");
    store.put_index(INDEX_CURSOR, EntryIndex(2), rows, true).await.unwrap();
    for (word, found) in [("検収", vec![1]), ("納品", vec![0]), ("存在しない", vec![])] {
        let page =
            search(&store, &Query::parse(word, false), &SearchFilter::default(), None, 9).await.unwrap();
        assert_eq!(page.hits.iter().map(|it| it.row.n().0).collect::<Vec<_>>(), found, "{word}");
    }
}
