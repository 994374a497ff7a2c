//! A backup is verified before it has its name; a restored ledger goes on where the old one ended, and reminds nobody twice.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use karibarai::app::{Outside, open_ledger};
use karibarai::domain::{Clock as _, CountingEntropy, EntryKind, ManualClock, RoomId, SystemClock};
use karibarai::ledger::{Reason, ReasonKind};
use karibarai::upkeep::{Target, erase, plan_erasure};

use crate::pages::newest_package;
use crate::review::Visitor;
use crate::support::{Bot, MORNING, all_records};
use crate::sweep::contents;

/// Made of characters that nothing else in the folder is made of.
const MARKER: &str = "極秘ゼブラ計画の鍵は青銅の鯨";

type Settings = [(String, String)];

fn command(settings: &Settings, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(settings: &Settings, folder: &Path, arguments: &[&str]) -> Output {
    command(settings, folder, arguments).output().unwrap()
}

fn done(settings: &Settings, folder: &Path, arguments: &[&str]) -> String {
    let output = run(settings, folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(settings: &Settings, folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = run(settings, folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
    assert!(!told(&output).contains("panicked"), "{}", told(&output));
    told(&output)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Settings of the same bot over another data folder.
fn moved(settings: &Settings, data: &Path) -> Vec<(String, String)> {
    let place = |name: &str, value: &str| match name {
        "KARIBARAI_STORAGE__URL" => format!("sqlite:{}", data.join("karibarai.db").display()),
        "KARIBARAI_STORAGE__DATA_DIR" => data.display().to_string(),
        _ => value.to_owned(),
    };
    settings.iter().map(|(name, value)| (name.clone(), place(name, value))).collect()
}

fn holding(folder: &Path, text: &str) -> Vec<String> {
    let output = Command::new("grep").args(["-rlaF", "--", text]).arg(folder).output().unwrap();
    assert!(output.status.code().is_some_and(|it| it < 2), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A stopped bot's data with a request that was reminded, and its settings.
async fn data_of_a_bot() -> (tempfile::TempDir, PathBuf, Vec<(String, String)>) {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.chatwork.upload(bot.world.client, bot.world.direct_room, "見積書.pdf", b"%PDF-1.7 three posts");
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    bot.settled().await;
    let settings = bot.settings();
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    let settings = moved(&settings, &data);
    (folder, data, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_goes_on_and_reminds_nobody_twice() {
    let bot = Bot::start().await;
    let first = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&first) == 1 }).await;
    let secret = bot.client_says(&format!("鍵の件です。{MARKER}"));
    bot.recorded(&secret, 1).await;
    bot.settled().await;
    let copies = tempfile::tempdir().unwrap();
    let backup = copies.path().join("copy.karibarai");
    let file = backup.to_str().unwrap();
    let folder = bot.folder.path();
    let made = done(&bot.settings(), folder, &["backup", "--out", file]);
    assert!(made.contains("backup made and verified"), "{made}");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 1, "nothing is left beside it");
    let again = refused(&bot.settings(), folder, 2, &["backup", "--out", file]);
    assert!(again.contains("never overwritten"), "{again}");
    done(&bot.settings(), folder, &["verify", file]);
    assert_eq!(bot.count("backup.made").await, 1);

    // What comes after the backup: more talk, an erasure.
    bot.client_says("よろしくお願いします。");
    bot.settled().await;
    done(&bot.settings(), folder, &["erase", "--message", &secret, "--reason", "secret", "--yes"]);
    let size = bot.store_size().await;
    let room = bot.world.direct_room.to_string();
    let occupied = refused(&bot.settings(), folder, 2, &["restore", file, "--aside"]);
    assert!(occupied.contains("at work"), "{occupied}");

    let bot = bot
        .restart_after(|folder, settings| {
            let occupied = refused(settings, folder, 2, &["restore", file]);
            assert!(occupied.contains("--aside"), "{occupied}");
            let restored = done(settings, folder, &["restore", file, "--aside"]);
            assert!(restored.contains("erased again"), "{restored}");
            let verified = done(settings, folder, &["verify"]);
            assert!(verified.contains("earlier ledger"), "{verified}");
        })
        .await;
    bot.looked().await;
    assert_eq!(bot.replies(&first), 1, "no second reminder");
    assert_eq!(bot.posts(), 1);
    assert_eq!(bot.cases().await.len(), 1);
    assert!(bot.cases().await[0].reminded);
    // Erased words did not come back by being read once more.
    assert_eq!(holding(&bot.data_dir(), MARKER), Vec::<String>::new());

    let settings = bot.settings();
    let folder = bot.folder.path();
    let log = json(&done(&settings, folder, &["log", "--json"]));
    assert!(log.len() as u64 > size / 2);
    let (old, new): (Vec<_>, Vec<_>) = log.iter().partition(|it| it.get("ledger").is_some());
    let ledger = old[0]["ledger"].as_str().unwrap().to_owned();
    assert!(old.iter().enumerate().all(|(n, it)| it["n"] == n && it["ledger"] == ledger.as_str()));
    assert!(new.iter().enumerate().all(|(n, it)| it["n"] == n));
    assert_eq!(new[0]["kind"], "ledger.continued");
    let gap = new.iter().find(|it| it["kind"] == "gap.found").unwrap();
    assert_eq!((&gap["detail"]["kind"], gap["room_id"].to_string()), (&"restored".into(), room.clone()));
    assert_eq!(gap["detail"]["from"], old.last().unwrap()["observed_at"]);
    // What was said after the backup was read again in the room, and is of the new ledger.
    assert!(new.iter().any(|it| it["body"] == "よろしくお願いします。"));

    let hits = json(&done(&settings, folder, &["search", "ブログ", "--json"]));
    assert!(hits.iter().any(|it| it["ledger"] == ledger.as_str() && it["message_id"] == first.as_str()));
    done(&settings, folder, &["proof", "3", "--ledger", &ledger]);
    done(&settings, folder, &["proof", "0"]);
    for (name, extra) in [("new.zip", &[][..]), ("old.zip", &["--ledger", &ledger[..12]])] {
        let out = copies.path().join(name);
        let out = out.to_str().unwrap();
        done(&settings, folder, &[&["export", "--room", &room, "--out", out], extra].concat());
        done(&settings, folder, &["verify", out]);
    }
    // The same from the pages.
    let visitor = Visitor::by_link(&bot).await;
    let form = visitor.text("/export").await;
    assert!(form.contains(&format!("value=\"{ledger}\"")), "{form}");
    let fields = [("room", room.as_str()), ("ledger", ledger.as_str())];
    visitor.submit(&format!("/export?preview=1&room={room}&ledger={ledger}"), "/export", &fields).await;
    bot.until("the package", || async { visitor.text("/export").await.contains("できあがり") }).await;
    let made = newest_package(&visitor.text("/export").await).unwrap();
    let fetched = copies.path().join("fetched.zip");
    fs::write(&fetched, visitor.get(&made).await.bytes().await.unwrap()).unwrap();
    let manifest = contents(&fs::read(&fetched).unwrap()).remove("manifest.json").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["ledger"], ledger.as_str());
    done(&settings, folder, &["verify", fetched.to_str().unwrap()]);
    let second = copies.path().join("second.karibarai");
    done(&settings, folder, &["backup", "--out", second.to_str().unwrap()]);

    let keep = tempfile::tempdir().unwrap();
    bot.stop_and_keep(keep.path()).await;
    let data = keep.path().join("data");
    let settings = moved(&settings, &data);
    for arguments in [&["verify", "--deep"][..], &["rebuild"], &["verify", "--deep"]] {
        done(&settings, keep.path(), arguments);
    }
    // A continued ledger is restored and continued once more.
    let third = keep.path().join("third");
    let settings = moved(&settings, &third);
    done(&settings, keep.path(), &["restore", second.to_str().unwrap()]);
    let verified = done(&settings, keep.path(), &["verify"]);
    assert_eq!(verified.matches("earlier ledger").count(), 2, "{verified}");
    assert_eq!(json(&done(&settings, keep.path(), &["search", "ブログ", "--json"])).len(), hits.len());
    // An entry of the first ledger that was changed is found and named.
    let database = rusqlite::Connection::open(third.join("karibarai.db")).unwrap();
    database.execute("UPDATE contents SET salt = zeroblob(32) WHERE n = 4", ()).unwrap();
    drop(database);
    let found = refused(&settings, keep.path(), 1, &["verify"]);
    assert!(found.contains(&format!("earlier ledger {}: entry 4", &ledger[..12])), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_sent_after_the_backup_is_found_in_the_room() {
    let bot = Bot::start().await;
    bot.client_says("はじめまして。よろしくお願いします。");
    bot.settled().await;
    let copies = tempfile::tempdir().unwrap();
    let backup = copies.path().join("copy.karibarai");
    let file = backup.to_str().unwrap();
    done(&bot.settings(), bot.folder.path(), &["backup", "--out", file]);
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    // The disk is gone, and everything on it.
    let bot = bot
        .restart_after(|folder, settings| {
            fs::remove_dir_all(folder.join("data")).unwrap();
            done(settings, folder, &["restore", file]);
        })
        .await;
    bot.looked().await;
    bot.until("the case", || async { bot.cases().await.first().is_some_and(|it| it.reminded) }).await;
    bot.settled().await;
    assert_eq!(bot.replies(&request), 1, "the reminder that is in the room counts");
    assert_eq!(bot.posts(), 1);
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_foreign_backup_changes_nothing() {
    let (folder, _data, settings) = data_of_a_bot().await;
    let good = folder.path().join("good.karibarai");
    done(&settings, folder.path(), &["backup", "--out", good.to_str().unwrap()]);
    let bytes = fs::read(&good).unwrap();
    let place = folder.path().join("new");
    let there = moved(&settings, &place);
    let bad = folder.path().join("bad.karibarai");
    let file = bad.to_str().unwrap();
    let step = bytes.len() / 23;
    let flips = (0..bytes.len()).step_by(step).chain([bytes.len() - 1, bytes.len() - 65]);
    for at in flips {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        fs::write(&bad, changed).unwrap();
        for command in ["restore", "verify"] {
            let found = refused(&there, folder.path(), 1, &[command, file]);
            assert!(found.contains("damaged"), "byte {at}: {found}");
        }
        assert!(!place.join("karibarai.db").exists(), "byte {at}");
    }
    fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    refused(&there, folder.path(), 1, &["restore", file]);
    fs::write(&bad, "これはバックアップではありません").unwrap();
    refused(&there, folder.path(), 2, &["restore", file]);
    refused(&there, folder.path(), 2, &["restore", "absent.karibarai"]);
    refused(&there, folder.path(), 2, &["restore"]);
    assert!(!place.join("karibarai.db").exists());

    // A copy whose hash fits and whose ledger does not is no copy: the source was changed before.
    let database = rusqlite::Connection::open(folder.path().join("data/karibarai.db")).unwrap();
    database.execute("UPDATE contents SET salt = zeroblob(32) WHERE n = 4", ()).unwrap();
    drop(database);
    let none = folder.path().join("none.karibarai");
    let found = refused(&settings, folder.path(), 1, &["backup", "--out", none.to_str().unwrap()]);
    assert!(found.contains("does not verify") && found.contains("entry 4"), "{found}");
    assert!(!none.exists());
    // The good one is good still, files and all.
    done(&there, folder.path(), &["restore", good.to_str().unwrap()]);
    let verified = done(&there, folder.path(), &["verify"]);
    assert!(verified.contains("stored files"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_refused_and_a_new_one_continues() {
    let (folder, data, settings) = data_of_a_bot().await;
    let before = json(&done(&settings, folder.path(), &["log", "--json"]));
    fs::remove_file(data.join("keys/ledger.key")).unwrap();
    for command in ["serve", "checkpoint"] {
        let found = refused(&settings, folder.path(), 2, &[command]);
        assert!(found.contains("restore --new-key"), "{found}");
    }
    assert!(!data.join("keys/ledger.key").exists(), "no key is made for a ledger that has one");
    done(&settings, folder.path(), &["verify"]);
    done(&settings, folder.path(), &["restore", "--new-key"]);
    let verified = done(&settings, folder.path(), &["verify", "--deep"]);
    assert!(verified.contains("earlier ledger"), "{verified}");
    let after = json(&done(&settings, folder.path(), &["log", "--json"]));
    assert_eq!(after.len(), before.len() + 1, "one entry more, and no hole");
    assert_eq!(after.last().unwrap()["kind"], "ledger.continued");
    done(&settings, folder.path(), &["checkpoint"]);
    // The mirror goes on in its files, and the old database lies aside.
    assert!(data.join("mirror").exists());
    let aside = fs::read_dir(&data).unwrap().map(|it| it.unwrap().path());
    let aside = aside.into_iter().find(|it| it.display().to_string().contains("before-")).unwrap();
    // Put back by hand, it is refused: its key is not there, and it is another ledger.
    fs::copy(aside.join("karibarai.db"), data.join("karibarai.db")).unwrap();
    let found = refused(&settings, folder.path(), 2, &["serve"]);
    assert!(found.contains("not the one that began this ledger"), "{found}");
}

/// Kills the program at moments spread over the time that it takes when it is left alone; calls `look` after each.
fn kill_at_moments(make: impl Fn() -> Command, times: u32, mut look: impl FnMut(u32)) {
    let began = SystemClock.now();
    assert!(make().output().unwrap().status.success());
    let whole = SystemClock.now().since(began);
    look(0);
    for moment in 1..=times {
        let mut child = make().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moment is what is tried here; every outcome is right that leaves nothing half-done.
        std::thread::sleep(whole * moment / times);
        child.kill().unwrap();
        child.wait().unwrap();
        look(moment);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backup_leaves_none_or_a_whole_one() {
    let (folder, _data, settings) = data_of_a_bot().await;
    let out = folder.path().join("copies/copy.karibarai");
    fs::create_dir(out.parent().unwrap()).unwrap();
    let arguments = ["backup", "--out", out.to_str().unwrap()];
    let mut whole = 0;
    kill_at_moments(
        || command(&settings, folder.path(), &arguments),
        12,
        |_| {
            if out.exists() {
                done(&settings, folder.path(), &["verify", out.to_str().unwrap()]);
                fs::remove_file(&out).unwrap();
                whole += 1;
            }
        },
    );
    assert!(whole >= 1, "the one that was left alone");
    // The next one removes what the killed ones left.
    done(&settings, folder.path(), &arguments);
    let left: Vec<_> =
        fs::read_dir(out.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["copy.karibarai"]);
    done(&settings, folder.path(), &["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_restore_leaves_the_old_or_the_new() {
    let (folder, data, settings) = data_of_a_bot().await;
    let file = folder.path().join("copy.karibarai");
    done(&settings, folder.path(), &["backup", "--out", file.to_str().unwrap()]);
    let arguments = ["restore", file.to_str().unwrap(), "--aside"];
    let mut ledgers = std::collections::BTreeSet::new();
    kill_at_moments(
        || command(&settings, folder.path(), &arguments),
        12,
        |moment| {
            // The next command ends what was begun, or finds what was there before; never something between.
            let verified = done(&settings, folder.path(), &["verify"]);
            let restored = verified.matches("earlier ledger").count();
            assert_eq!(restored, 1, "moment {moment}: {verified}");
            let log = json(&done(&settings, folder.path(), &["log", "--json"]));
            assert!(log.iter().any(|it| it["kind"] == "message.created"), "moment {moment}");
            let note = fs::read_to_string(data.join("checkpoints/latest.note")).unwrap();
            ledgers.insert(note.lines().next().unwrap().to_owned());
        },
    );
    assert!(!ledgers.is_empty());
    done(&settings, folder.path(), &["checkpoint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_erasure_is_ended_by_the_next() {
    let bot = Bot::start().await;
    for number in 0..60 {
        bot.client_says(&format!("{number}番の相談です。{MARKER}"));
    }
    bot.settled().await;
    let room = bot.world.direct_room.to_string();
    let settings = bot.settings();
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    let settings = moved(&settings, &data);
    let arguments = ["erase", "--room", &room, "--until", "2026-11-30", "--reason", "confidentiality"];
    let fresh = folder.path().join("fresh");
    let copied = Command::new("cp").args(["-a"]).args([&data, &fresh]).status().unwrap();
    assert!(copied.success());
    kill_at_moments(
        || {
            fs::remove_dir_all(&data).unwrap();
            assert!(Command::new("cp").args(["-a"]).args([&fresh, &data]).status().unwrap().success());
            command(&settings, folder.path(), &arguments)
        },
        10,
        |moment| {
            // Half-way it is sound already, and known to whoever restores an older copy.
            let verified = run(&settings, folder.path(), &["verify"]);
            assert_eq!(verified.status.code(), Some(0), "moment {moment}: {}", told(&verified));
            done(&settings, folder.path(), &arguments);
            assert_eq!(holding(&data, MARKER), Vec::<String>::new(), "moment {moment}");
            assert!(fs::read_to_string(data.join("erased.jsonl")).unwrap().contains(&room));
            done(&settings, folder.path(), &["verify", "--deep"]);
        },
    );
}

/// What a kill right behind the commit leaves: the entry is there, the words are in the mirror and in a stored file.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_ended_with_its_entry_is_ended_by_the_next() {
    let bot = Bot::start().await;
    let upload = bot.chatwork.upload(bot.world.client, bot.world.direct_room, "a.txt", MARKER.as_bytes());
    bot.client_says(MARKER);
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    bot.settled().await;
    assert!(upload > 0);
    let room = bot.world.direct_room;
    let settings = bot.settings();
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let data = folder.path().join("data");
    let settings = moved(&settings, &data);
    {
        let config = crate::support::config(&settings, folder.path());
        let (clock, entropy) = (ManualClock::new(MORNING), CountingEntropy::new(99));
        let outside = Outside { clock: Arc::new(clock), entropy: Arc::new(entropy) };
        let (store, ledger) = open_ledger(&config, &outside).await.unwrap();
        let until = MORNING.plus(std::time::Duration::from_secs(30 * 24 * 3600));
        let target = Target::Room(RoomId(room), until);
        let plan = plan_erasure(&ledger, &store, &target).await.unwrap();
        let reason = Reason { kind: ReasonKind::Confidentiality, text: None };
        // It never comes back from its first step after the commit.
        let stuck = |_| std::future::pending();
        let erasing = erase(&ledger, &store, &data, &target, plan, &reason, stuck);
        tokio::select! {
            _ = erasing => unreachable!("it waits for ever"),
            () = crate::support::until("the entry", || async {
                all_records(&store).await.last().unwrap().entry().unwrap().kind == EntryKind::ContentErased
            }) => {}
        }
    }
    let left = holding(&data, MARKER);
    assert!(left.iter().any(|it| it.contains("/mirror/")) && left.iter().any(|it| it.contains("/files/")));
    done(&settings, folder.path(), &["verify"]);
    let room = room.to_string();
    let again = ["erase", "--room", &room, "--until", "2026-12-31", "--reason", "confidentiality"];
    done(&settings, folder.path(), &again);
    assert_eq!(holding(&data, MARKER), Vec::<String>::new());
    done(&settings, folder.path(), &["verify", "--deep"]);
}
