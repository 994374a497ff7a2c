//! Attached files: fetched at once, bounded, stored by hash, told either way (rows 25 and 33).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use karibarai::domain::{EntryKind, MessageId, RoomId, Source};
use karibarai::sandbox::{Fault, FaultKind, RedirectTo};
use karibarai::store::{AnnexStore as _, FileState};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::Bot;

const PDF: &[u8] = b"%PDF-1.7 an estimate over 30,000 yen";

/// Contents of all entries of a kind.
async fn contents(bot: &Bot, kind: EntryKind) -> Vec<Value> {
    let records = bot.records().await;
    let of_kind = records.iter().filter(|it| it.entry().unwrap().kind == kind);
    of_kind.map(|it| serde_json::from_slice(it.content_bytes().unwrap()).unwrap()).collect()
}

fn of_file(contents: &[Value], file: u64) -> Vec<&Value> {
    contents.iter().filter(|it| it["file_id"] == file).collect()
}

fn path_of(bot: &Bot, content: &[u8]) -> std::path::PathBuf {
    let name = hex(content);
    bot.data_dir().join("files").join(&name[..2]).join(&name)
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|it| format!("{it:02x}")).collect()
}

async fn stored(bot: &Bot, file: u64) -> Value {
    bot.until("a file to be stored", || async {
        !of_file(&contents(bot, EntryKind::FileStored).await, file).is_empty()
    })
    .await;
    of_file(&contents(bot, EntryKind::FileStored).await, file)[0].clone()
}

async fn lost(bot: &Bot, file: u64) -> Value {
    bot.until("a file to be told lost", || async {
        !of_file(&contents(bot, EntryKind::FileLost).await, file).is_empty()
    })
    .await;
    of_file(&contents(bot, EntryKind::FileLost).await, file)[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_fetched_at_once_and_stored_once_by_its_hash() {
    let bot = Bot::start().await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    let first = bot.chatwork.upload(client, room, "見積書.pdf", PDF);
    let told = stored(&bot, first).await;
    assert_eq!(
        (&told["name"], &told["size"], &told["declared_size"]),
        (&"見積書.pdf".into(), &PDF.len().into(), &PDF.len().into())
    );
    assert_eq!((&told["sha256"], &told["media_type"]), (&hex(PDF).into(), &"application/pdf".into()));
    assert_eq!(told["account_id"], client);
    let path = path_of(&bot, PDF);
    assert_eq!(fs::read(&path).unwrap(), PDF);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    // The same bytes again, by another person, under a name that would like to be elsewhere.
    let second = bot.chatwork.upload(bot.world.owner, room, "../../etc/passwd", PDF);
    assert_eq!(stored(&bot, second).await["name"], "../../etc/passwd");
    // Seen by webhook and by the API, edited around: never a second entry for one file.
    bot.clock.advance(Duration::from_secs(60));
    bot.client_says("ご確認ください");
    bot.settled().await;
    let all = contents(&bot, EntryKind::FileStored).await;
    assert_eq!((of_file(&all, first).len(), of_file(&all, second).len(), all.len()), (1, 1, 2));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let records = bot.records().await;
    let entry = records.iter().map(|it| it.entry().unwrap()).find(|it| it.kind == EntryKind::FileStored);
    let entry = entry.unwrap();
    assert_eq!((entry.source, entry.room), (Source::Poll, Some(RoomId(room))));
    assert!(entry.room_n.is_some() && entry.message.is_some());
    let text = String::from_utf8(records[usize::try_from(entry.n.0).unwrap()].bytes.clone()).unwrap();
    assert!(!text.contains(&hex(PDF)), "what can be erased stands in the content alone");
    let shown = bot.store.files_of(RoomId(room), &entry.message.unwrap()).await.unwrap();
    assert!(matches!(&shown[..], [(_, FileState::Stored(it))] if it.size == PDF.len() as u64));
    bot.finish().await;
}

/// What goes wrong once, and the reason that is told; `true` where the next attempt helps.
type Mishap = (&'static str, Fault, &'static str, bool);

#[tokio::test(flavor = "multi_thread")]
async fn each_mishap_is_told_with_its_reason_and_tried_again_while_that_can_help() {
    let bot = Bot::start_with(&[("KARIBARAI_MIRROR__MAX_FILE_MB", "1")]).await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    let file = |kind| Fault::next(1, kind).on("GET", "_files");
    let download = |kind| Fault::next(1, kind);
    let mishaps: Vec<Mishap> = vec![
        (
            "file API 404",
            Fault::next(1, FaultKind::Status { status: 404 }).on("GET", "/files/"),
            "gone",
            true,
        ),
        (
            "file API down",
            Fault::next(1, FaultKind::Status { status: 503 }).on("GET", "/files/"),
            "unreachable",
            true,
        ),
        (
            "file API speaks HTML",
            Fault::next(1, FaultKind::WrongContent).on("GET", "/files/"),
            "unusable_answer",
            true,
        ),
        ("link dead", file(FaultKind::Status { status: 404 }), "link_refused", true),
        ("link down", file(FaultKind::Status { status: 502 }), "unreachable", true),
        ("link cut", file(FaultKind::Refused), "unreachable", true),
        ("content cut short", download(FaultKind::FileSized { bytes: 3 }), "size_differs", true),
        ("content without end", download(FaultKind::FileSized { bytes: 3 << 20 }), "too_large", false),
        (
            "to a private network",
            download(FaultKind::FileRedirected { to: RedirectTo::Private }),
            "not_public",
            true,
        ),
        ("to plain http", download(FaultKind::FileRedirected { to: RedirectTo::Plain }), "not_https", true),
        (
            "in circles",
            Fault::next(6, FaultKind::FileRedirected { to: RedirectTo::Itself }),
            "redirects",
            true,
        ),
    ];
    for (n, (what, fault, reason, helps)) in mishaps.into_iter().enumerate() {
        bot.chatwork.set_fault(fault);
        let content = format!("content {n}");
        let id = bot.chatwork.upload(client, room, &format!("file{n}.txt"), content.as_bytes());
        let told = lost(&bot, id).await;
        assert_eq!((&told["reason"], &told["last"]), (&reason.into(), &(!helps).into()), "{what}");
        bot.chatwork.behave();
        bot.settled().await;
        bot.clock.advance(Duration::from_secs(5));
        if helps {
            assert_eq!(stored(&bot, id).await["sha256"], hex(content.as_bytes()), "{what}");
            assert_eq!(fs::read(path_of(&bot, content.as_bytes())).unwrap(), content.as_bytes(), "{what}");
        }
    }
    // What is announced too large is not even asked for.
    let before = bot.chatwork.calls("GET /_files/{key}");
    let large = bot.chatwork.upload(client, room, "large.bin", &vec![1; (1 << 20) + 1]);
    assert_eq!(lost(&bot, large).await["reason"], "too_large");
    assert_eq!(bot.chatwork.calls("GET /_files/{key}"), before);
    // A redirect to a place that is allowed, and a slow one, are no mishaps.
    bot.chatwork.set_fault(download(FaultKind::FileRedirected { to: RedirectTo::Moved }));
    bot.chatwork.set_fault(file(FaultKind::Slow { ms: 300 }));
    let moved = bot.chatwork.upload(client, room, "moved.txt", b"moved");
    stored(&bot, moved).await;
    // A tag that somebody typed leads to nothing, three times.
    let typed = bot.client_says("[download:999]nothing.pdf (1 KB)[/download]");
    assert_eq!(lost(&bot, 999).await["reason"], "gone");
    for seconds in [10, 60] {
        bot.settled().await;
        bot.clock.advance(Duration::from_secs(seconds));
        let n = bot.chatwork.calls("GET /rooms/{room_id}/files/{file_id}");
        bot.until("another attempt", || async {
            bot.chatwork.calls("GET /rooms/{room_id}/files/{file_id}") > n
        })
        .await;
    }
    bot.until("the end of it", || async {
        of_file(&contents(&bot, EntryKind::FileLost).await, 999).iter().any(|it| it["last"] == true)
    })
    .await;
    bot.settled().await;
    let shown = bot.store.files_of(RoomId(room), &MessageId::new(typed).unwrap()).await.unwrap();
    assert!(matches!(&shown[..], [(_, FileState::Lost { last: true, .. })]));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_announcement_is_taken_for_what_comes_again_and_again() {
    let bot = Bot::start().await;
    bot.chatwork.set_fault(Fault::always(FaultKind::FileSized { bytes: 4 }));
    let id = bot.chatwork.upload(bot.world.client, bot.world.direct_room, "a.txt", b"seven..");
    assert_eq!(lost(&bot, id).await["reason"], "size_differs");
    for seconds in [5, 30] {
        bot.settled().await;
        let n = bot.chatwork.calls("GET /_files/{key}");
        bot.clock.advance(Duration::from_secs(seconds));
        bot.until("another attempt", || async { bot.chatwork.calls("GET /_files/{key}") > n }).await;
    }
    let told = stored(&bot, id).await;
    assert_eq!((&told["size"], &told["declared_size"]), (&4.into(), &7.into()));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_comes_makes_few_entries_and_a_restart_goes_on_where_it_was() {
    let bot = Bot::start().await;
    bot.chatwork.set_fault(Fault::always(FaultKind::Status { status: 503 }).on("GET", "_files"));
    let dead = bot.chatwork.upload(bot.world.client, bot.world.direct_room, "dead.txt", b"dead");
    lost(&bot, dead).await;
    bot.settled().await;
    let bot = bot.restart().await;
    for _ in 1..9 {
        let n = bot.chatwork.calls("GET /_files/{key}");
        bot.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
        bot.until("another attempt", || async { bot.chatwork.calls("GET /_files/{key}") > n }).await;
    }
    bot.until("the end of it", || async {
        of_file(&contents(&bot, EntryKind::FileLost).await, dead).iter().any(|it| it["last"] == true)
    })
    .await;
    assert_eq!(contents(&bot, EntryKind::FileLost).await.len(), 2, "once when it began and once at the end");
    assert_eq!(bot.chatwork.calls("GET /_files/{key}"), 9);
    // Another one is interrupted by a restart and comes afterwards, once.
    let late = bot.chatwork.upload(bot.world.client, bot.world.direct_room, "late.txt", b"late");
    lost(&bot, late).await;
    let bot = bot.restart().await;
    bot.chatwork.behave();
    bot.clock.advance(Duration::from_secs(60));
    stored(&bot, late).await;
    let bot = bot.restart().await;
    bot.clock.advance(Duration::from_secs(2 * 60 * 60));
    bot.client_says("届きましたか");
    bot.settled().await;
    assert_eq!(contents(&bot, EntryKind::FileStored).await.len(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_captured_message_shows_is_found_in_the_list() {
    let bot = Bot::start().await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    bot.settled().await;
    // What announces it is gone before anybody looks.
    bot.chatwork.set_fault(Fault::always(FaultKind::WebhookLost));
    bot.chatwork.set_fault(Fault::always(FaultKind::Status { status: 503 }).on("GET", "/messages"));
    let file = bot.chatwork.upload(client, room, "old.pdf", PDF);
    let announced = bot.chatwork.0.posts_in(room).unwrap().last().unwrap().message_id.clone();
    bot.chatwork.delete(room, &announced);
    bot.chatwork.behave();
    bot.clock.advance(Duration::from_secs(6 * 60 * 60));
    assert_eq!(stored(&bot, file).await["sha256"], hex(PDF));
    bot.settled().await;
    let found = contents(&bot, EntryKind::FileFound).await;
    assert_eq!((found.len(), &found[0]["filename"]), (1, &"old.pdf".into()));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_file_keeps_no_other_from_being_fetched_and_a_stop_in_its_middle_leaves_nothing() {
    let bot = Bot::start().await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    bot.chatwork.set_fault(Fault::next(1, FaultKind::Slow { ms: 60_000 }).on("GET", "_files"));
    let slow = bot.chatwork.upload(client, room, "slow.pdf", PDF);
    bot.until("the slow download", || async { bot.chatwork.calls("GET /_files/{key}") == 1 }).await;
    let quick = bot.chatwork.upload(client, room, "quick.txt", b"quick");
    stored(&bot, quick).await;
    assert!(of_file(&contents(&bot, EntryKind::FileStored).await, slow).is_empty());
    let bot = bot.restart().await;
    bot.clock.advance(Duration::from_secs(60));
    assert_eq!(stored(&bot, slow).await["sha256"], hex(PDF));
    let unfinished = fs::read_dir(bot.data_dir().join("files"))
        .unwrap()
        .filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(unfinished.count(), 0);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_together_have_a_bound_and_unlisted_rooms_are_not_asked() {
    let bot = Bot::start_with(&[("KARIBARAI_STORAGE__FILES_QUOTA_MB", "1")]).await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    let most = vec![7; 900 << 10];
    let first = bot.chatwork.upload(client, room, "most.bin", &most);
    stored(&bot, first).await;
    bot.settled().await;
    let second = bot.chatwork.upload(client, room, "more.bin", &vec![8; 200 << 10]);
    assert_eq!(lost(&bot, second).await["reason"], "quota");
    let calls = bot.chatwork.calls("GET /rooms/{room_id}/files/{file_id}");
    let foreign = bot.chatwork.upload(bot.world.colleague, bot.world.group_room, "secret.txt", b"secret");
    bot.settled().await;
    bot.client_says("こちらは別のお部屋です");
    bot.settled().await;
    assert_eq!(bot.chatwork.calls("GET /rooms/{room_id}/files/{file_id}"), calls, "{foreign}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reads_the_stored_bytes_and_a_rebuild_comes_to_the_same() {
    let bot = Bot::start().await;
    let (client, room) = (bot.world.client, bot.world.direct_room);
    let id = bot.chatwork.upload(client, room, "a.pdf", PDF);
    stored(&bot, id).await;
    bot.client_says("[download:999]nothing.pdf (1 KB)[/download]");
    lost(&bot, 999).await;
    bot.settled().await;
    let output = bot.command(&["verify", "--deep", "--lang", "en"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 stored files"), "{told}");
    let path = path_of(&bot, PDF);
    fs::write(&path, "altered").unwrap();
    let output = bot.command(&["verify", "--lang", "en"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the stored file was changed"), "{told}");
    fs::remove_file(&path).unwrap();
    let output = bot.command(&["verify", "--lang", "ja"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("data/files にありません"), "{told}");
    fs::write(&path, PDF).unwrap();
    assert!(bot.command(&["verify"]).status.success());
    bot.finish().await;
}
