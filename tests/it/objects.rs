//! The copy in an object storage: complete, checkable without the database, rid of what is erased. With
//! `KARIBARAI_TESTS_S3=http://127.0.0.1:PORT` the same on a server that speaks S3.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use karibarai::domain::EntryIndex;
use karibarai::store::LedgerStore as _;
use object_store::aws::AmazonS3Builder;
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::support::{Bot, environment, install_tls};

/// Made of characters that nothing else is made of.
const MARKER: &str = "極秘ゼブラ計画の鍵は青銅の鯨";
const BUCKET: &str = "karibarai-copies";

/// A place for copies, and a look at it past the program.
struct Place {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    store: Arc<dyn ObjectStore>,
}

#[derive(Debug)]
struct Plain(reqwest::Client);

impl HttpConnector for Plain {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        match environment("KARIBARAI_TESTS_S3") {
            Some(endpoint) => Self::bucket(folder, &endpoint).await,
            None => Self::folder(folder),
        }
    }

    fn folder(folder: tempfile::TempDir) -> Self {
        let copy = folder.path().join("写し");
        std::fs::create_dir(&copy).unwrap();
        let settings = vec![("URL".to_owned(), format!("file://{}", copy.display()))];
        Self { store: Arc::new(LocalFileSystem::new_with_prefix(copy).unwrap()), folder, settings }
    }

    async fn bucket(folder: tempfile::TempDir, endpoint: &str) -> Self {
        install_tls();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        // There already for all tests but the first.
        client.put(format!("{endpoint}/{BUCKET}")).send().await.unwrap();
        let prefix = folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "secret\n").unwrap();
        let settings = [
            ("URL", format!("s3://{BUCKET}/owners/{prefix}")),
            ("ENDPOINT", endpoint.to_owned()),
            ("ACCESS_KEY_ID", "tests".to_owned()),
            ("SECRET_KEY_FILE", secret.display().to_string()),
        ];
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_access_key_id("tests")
            .with_secret_access_key("secret")
            .with_http_connector(Plain(client))
            .build()
            .unwrap();
        let store = object_store::prefix::PrefixStore::new(store, format!("owners/{prefix}"));
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        Self { store: Arc::new(store), folder, settings }
    }

    async fn bot(&self) -> Bot {
        let settings = self.settings();
        Bot::start_for(move |_| settings).await
    }

    fn settings(&self) -> Vec<(String, String)> {
        let full =
            |(name, value): &(String, String)| (format!("KARIBARAI_STORAGE__OBJECTS__{name}"), value.clone());
        self.settings.iter().map(full).collect()
    }

    async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.store.list(None).map_ok(|it| it.location.to_string()).try_collect().await.unwrap();
        names.sort();
        names
    }

    async fn bytes(&self, name: &str) -> Vec<u8> {
        self.read(name).await.unwrap_or_else(|| panic!("no {name}"))
    }

    /// `None` where it is gone: an unfinished tile may be outgrown at any moment.
    async fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self.store.get(&Name::parse(name).unwrap()).await {
            Err(object_store::Error::NotFound { .. }) => None,
            found => Some(found.unwrap().bytes().await.unwrap().to_vec()),
        }
    }

    /// Objects that hold the text.
    async fn holding(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for name in self.names().await {
            let bytes = self.read(&name).await.unwrap_or_default();
            if bytes.windows(text.len()).any(|it| it == text.as_bytes()) {
                found.push(name);
            }
        }
        found
    }

    /// The one with such a part in its name.
    async fn one(&self, part: &str) -> String {
        let names = self.names().await;
        let mut found = names.iter().filter(|it| it.contains(part));
        found.next().unwrap_or_else(|| panic!("no {part} in {names:?}")).clone()
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run(bot: &Bot, arguments: &[&str], code: i32) -> String {
    let output = bot.command(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
    told(&output)
}

/// Everything so far is signed, and its copy published; the entries under the newest head there.
async fn copied(bot: &Bot) -> u64 {
    bot.settled().await;
    run(bot, &["checkpoint"], 0);
    let size = bot.store_size().await;
    bot.until("the copy to be published", || async {
        let contents = karibarai::objects::shipped(&bot.store).await.unwrap();
        let heads = bot.store.fact("objects_heads").await.unwrap();
        contents >= Some(EntryIndex(size)) && heads >= Some(size)
    })
    .await;
    bot.store.fact("objects_heads").await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_copied_and_checkable_without_the_database() {
    let place = Place::new().await;
    let bot = place.bot().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.chatwork.edit(bot.world.direct_room, &request, "追加でブログ記事を5本お願いできますか？");
    bot.recorded(&request, 2).await;
    let pdf = format!("%PDF-1.7 {MARKER}");
    bot.chatwork.upload(bot.world.client, bot.world.direct_room, "見積.pdf", pdf.as_bytes());
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    // More than a tile of the tree.
    for n in 0..280 {
        bot.client_says(&format!("{n}番の確認です。"));
    }
    copied(&bot).await;
    let verified = run(&bot, &["verify", "--objects"], 0);
    assert!(verified.contains("intact") && verified.contains("1 files"), "{verified}");
    let names = place.names().await;
    for part in ["/tile/entries/000", "/tile/0/000", "/tile/1/000.p/1", "/checkpoints/", "/ledger.pub"] {
        assert!(names.iter().any(|it| it.contains(part)), "{part} in {names:?}");
    }
    let entries = place.bytes(&place.one("/tile/entries/000").await).await;
    let first = &bot.records().await[0].bytes;
    assert_eq!(entries[..2], u16::try_from(first.len()).unwrap().to_be_bytes());
    assert_eq!(&entries[2..2 + first.len()], first, "the bytes that were hashed");
    assert!(place.holding("5本お願い").await.iter().all(|it| it.contains(&format!("/{request}/"))));
    assert_eq!(place.holding(MARKER).await.len(), 1);
    let written = names.len();

    // The cursor is durable: a restart adds what is new and writes nothing of the old anew.
    let bot = bot.restart().await;
    bot.client_says("ありがとうございます。");
    copied(&bot).await;
    assert!(place.names().await.len() > written);
    run(&bot, &["verify", "--objects"], 0);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_leaves_the_copy_and_the_proofs_stay() {
    let place = Place::new().await;
    let bot = place.bot().await;
    let secret = bot.client_says(&format!("追加で記事を3本お願いできますか？1本5,000円です。{MARKER}"));
    bot.until("the reminder", || async { bot.replies(&secret) == 1 }).await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    bot.chatwork.upload(client, room, "鍵.pdf", format!("%PDF-1.7 {MARKER}").as_bytes());
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    let shown = bot.chatwork.posts_by(client, room).pop().unwrap().message_id;
    copied(&bot).await;
    assert!(place.holding(MARKER).await.len() >= 2);
    for message in [&secret, &shown] {
        run(&bot, &["erase", "--message", message, "--reason", "secret", "--even-if-open", "--yes"], 0);
    }
    assert_eq!(place.holding(MARKER).await, Vec::<String>::new());
    copied(&bot).await;
    assert_eq!(place.holding("鍵.pdf").await, Vec::<String>::new());
    let verified = run(&bot, &["verify", "--objects"], 0);
    assert!(!verified.contains("(0 contents erased"), "{verified}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_copy_is_found_and_named() {
    let place = Place::new().await;
    let bot = place.bot().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.chatwork.upload(bot.world.client, bot.world.direct_room, "見積.pdf", b"%PDF-1.7 quote");
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    // Nothing is to be published while objects are changed here.
    bot.looked().await;
    let size = copied(&bot).await;
    run(&bot, &["verify", "--objects"], 0);
    let head = String::from_utf8(place.bytes(&place.one("/checkpoint").await).await).unwrap();
    let known = place.folder.path().join("known");
    std::fs::write(&known, &head).unwrap();
    let known = known.display().to_string();
    run(&bot, &["verify", "--objects", "--known", &known], 0);
    let content = format!("/contents/{}/{request}/", bot.world.direct_room);
    let tile = place.one(&format!("/tile/0/000.p/{size}")).await;
    let entries = place.one(&format!("/tile/entries/000.p/{size}")).await;
    let (file, content, newest) =
        (place.one(".file").await, place.one(&content).await, place.one("/checkpoint").await);
    for name in [&tile, &entries, &content, &file, &newest] {
        let path = Name::parse(name.as_str()).unwrap();
        let good = place.bytes(name).await;
        assert_eq!(place.names().await.iter().filter(|it| it.contains("/tile/0/")).count(), 1);
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        place.store.put(&path, bad.into()).await.unwrap();
        let found = run(&bot, &["verify", "--objects"], 1);
        assert!(found.contains("does not fit"), "{name}: {found}");
        // Nothing published is another matter than something that was changed.
        if *name != newest {
            place.store.delete(&path).await.unwrap();
            run(&bot, &["verify", "--objects"], 1);
        }
        place.store.put(&path, good.into()).await.unwrap();
        run(&bot, &["verify", "--objects"], 0);
    }
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_continued_has_both_in_the_copy() {
    let place = Place::new().await;
    let bot = place.bot().await;
    let secret = bot.client_says(&format!("よろしくお願いします。{MARKER}"));
    copied(&bot).await;
    let bot = bot
        .restart_after(|folder, settings| {
            let done = std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
                .args(["restore", "--new-key"])
                .env_clear()
                .envs(settings.iter().cloned())
                .current_dir(folder)
                .output()
                .unwrap();
            assert_eq!(done.status.code(), Some(0), "{}", told(&done));
        })
        .await;
    bot.client_says("続きです。");
    // Said by the later ledger, of an entry of the earlier one.
    run(&bot, &["erase", "--message", &secret, "--reason", "requested", "--yes"], 0);
    copied(&bot).await;
    assert_eq!(place.holding(MARKER).await, Vec::<String>::new());
    let verified = run(&bot, &["verify", "--objects"], 0);
    assert_eq!(verified.matches("intact").count(), 2, "{verified}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_is_away_is_told_and_catches_up() {
    let place = Place::folder(tempfile::tempdir().unwrap());
    let copy: PathBuf = place.folder.path().join("写し");
    let aside = place.folder.path().join("aside");
    let bot = place.bot().await;
    bot.client_says("よろしくお願いします。");
    copied(&bot).await;
    std::fs::rename(&copy, &aside).unwrap();
    std::fs::write(&copy, "no folder").unwrap();
    let secret = bot.client_says(&format!("追加のご相談です。{MARKER}"));
    bot.settled().await;
    // Long enough for the first failure to be seen, by the passes of the bot.
    bot.looked().await;
    let notes = || bot.notes().into_iter().filter(|it| it.contains("写しを更新できていません")).count();
    assert_eq!(notes(), 0, "it may be over soon");
    bot.clock.advance(Duration::from_secs(2 * 3600));
    bot.until("the owner to be told", || async { notes() == 1 }).await;
    bot.settled().await;
    assert!(!copy.is_dir(), "nothing was made in its place");

    std::fs::remove_file(&copy).unwrap();
    std::fs::rename(&aside, &copy).unwrap();
    bot.until("the trouble to be over", || async { bot.count("trouble.changed").await == 2 }).await;
    copied(&bot).await;
    let holding = place.holding(MARKER).await;
    assert!(!holding.is_empty() && holding.iter().all(|it| it.contains(&secret)), "{holding:?}");
    run(&bot, &["verify", "--objects"], 0);
    assert_eq!(notes(), 1, "{:?}", bot.notes());

    // A folder of objects needs neither configuration nor database.
    let elsewhere = tempfile::tempdir().unwrap();
    let verified = verify_alone(&copy, elsewhere.path());
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    bot.finish().await;
}

fn verify_alone(copy: &Path, cwd: &Path) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .arg("verify")
        .arg(copy)
        .env_clear()
        .current_dir(cwd)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_a_storage_that_is_away() {
    let place = Place::folder(tempfile::tempdir().unwrap());
    let copy: PathBuf = place.folder.path().join("写し");
    let aside = place.folder.path().join("aside");
    let bot = place.bot().await;
    let secret = bot.client_says(&format!("よろしくお願いします。{MARKER}"));
    copied(&bot).await;
    let bot = bot
        .restart_after(|folder, settings| {
            std::fs::rename(&copy, &aside).unwrap();
            std::fs::write(&copy, "no folder").unwrap();
            let erase = ["erase", "--message", &secret, "--reason", "requested", "--yes"];
            let done = std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
                .args(erase)
                .env_clear()
                .envs(settings.iter().cloned())
                .current_dir(folder)
                .output()
                .unwrap();
            assert_eq!(done.status.code(), Some(1), "{}", told(&done));
            assert!(told(&done).contains("still has them"), "{}", told(&done));
            std::fs::remove_file(&copy).unwrap();
            std::fs::rename(&aside, &copy).unwrap();
        })
        .await;
    copied(&bot).await;
    assert_eq!(place.holding(MARKER).await, Vec::<String>::new());
    run(&bot, &["verify", "--objects"], 0);
    bot.finish().await;
}
