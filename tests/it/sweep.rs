//! Every byte and every manoeuvre: a ledger or a package that was changed is never called intact. Sampled in each run,
//! whole with KARIBARAI_TESTS_LONG=1.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::path::Path;

use karibarai::domain::unhex;
use karibarai::export::{self, Fault, FaultAt, OpenError};
use karibarai::proof::bundle::{Container, Manifest, Packer};
use karibarai::proof::checkpoint::{Checkpoint, ledger_id, origin};
use karibarai::proof::note::{Signer, public_key};
use karibarai::proof::timestamp::Roots;
use karibarai::store::Store;
use karibarai::upkeep;
use rusqlite::Connection;

use crate::evidence::{karibarai, story, text};

fn long() -> bool {
    std::env::vars_os().any(|(name, value)| name == "KARIBARAI_TESTS_LONG" && value == "1")
}

/// All places, or about `count` of them that reach from the first to the last.
fn places(length: usize, count: usize) -> Vec<usize> {
    if long() || length <= count {
        return (0..length).collect();
    }
    // A prime stride, so that the sample does not fall in step with anything in the file.
    let step = length / count;
    (0..length).step_by(step.max(1)).chain([length - 1]).collect()
}

/// A story's data folder, and the package of its room.
async fn material() -> (tempfile::TempDir, Vec<u8>) {
    let bot = story().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let made = karibarai(folder.path(), &["export", "--room", &room, "--out", "good.zip"], &env);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    bot.stop_and_keep(folder.path()).await;
    let bytes = fs::read(folder.path().join("good.zip")).unwrap();
    (folder, bytes)
}

/// The faults of a package; `None` where it is taken for something else.
fn faults(path: &Path) -> Option<Vec<(FaultAt, Fault)>> {
    match export::check(path, None, &Roots::none()) {
        Ok(checked) => Some(checked.faults.list),
        Err(OpenError::NotOurs) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_package_changes_unseen() {
    let (folder, good) = material().await;
    let path = folder.path().join("bent.zip");
    fs::write(&path, &good).unwrap();
    assert_eq!(faults(&path), Some(Vec::new()));
    for at in places(good.len(), 150) {
        let mut bent = good.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(&path, &bent).unwrap();
        let found = faults(&path);
        assert!(found.as_ref().is_some_and(|it| !it.is_empty()), "byte {at} of {}: {found:?}", good.len());
    }
    for at in places(good.len(), 40) {
        fs::write(&path, &good[..at]).unwrap();
        assert_ne!(faults(&path), Some(Vec::new()), "cut at {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_an_unpacked_package_changes_unseen() {
    let (folder, good) = material().await;
    let unpacked = folder.path().join("unpacked");
    for (name, bytes) in contents(&good) {
        let path = unpacked.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(faults(&unpacked), Some(Vec::new()));
    for (name, bytes) in contents(&good) {
        for at in places(bytes.len(), 6) {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            fs::write(unpacked.join(&name), &bent).unwrap();
            let found = faults(&unpacked);
            assert!(found.as_ref().is_some_and(|it| !it.is_empty()), "byte {at} of {name}: {found:?}");
        }
        fs::write(unpacked.join(&name), &bytes).unwrap();
    }
    fs::write(unpacked.join("files.txt"), "added").unwrap();
    assert!(faults(&unpacked).unwrap().contains(&(FaultAt::File("files.txt".into()), Fault::Added)));
}

pub(crate) fn contents(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut container = Container::open(Cursor::new(zip)).unwrap();
    let paths: Vec<String> = container.paths().map(str::to_owned).collect();
    paths
        .into_iter()
        .map(|path| {
            let mut bytes = Vec::new();
            container.extract(&path, &mut bytes).unwrap();
            (path, bytes)
        })
        .collect()
}

pub(crate) fn signer(data: &Path) -> Signer {
    let seed = unhex(fs::read_to_string(data.join("keys/ledger.key")).unwrap().trim()).unwrap();
    Signer::from_seed(&origin(&ledger_id(&public_key(&seed))), &seed).unwrap()
}

/// What the owner himself could do: changed files under a manifest that fits them, signed with the ledger's own key.
fn resealed(files: &BTreeMap<String, Vec<u8>>, signer: &Signer) -> Vec<u8> {
    let mut manifest = Manifest::parse(&files["manifest.json"]).unwrap();
    manifest.files.clear();
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (path, bytes) in files.iter().filter(|(path, _)| !path.starts_with("manifest.")) {
        manifest.files.push(packer.add(path, &mut bytes.as_slice()).unwrap().member(path));
    }
    let bytes = manifest.to_bytes();
    packer.add("manifest.json", &mut bytes.as_slice()).unwrap();
    let note = Manifest::sign(&bytes, signer).unwrap();
    packer.add("manifest.note", &mut note.as_bytes()).unwrap();
    packer.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_cannot_change_a_package_even_with_the_key() {
    let (folder, good) = material().await;
    let path = folder.path().join("forged.zip");
    let files = contents(&good);
    let signer = signer(&folder.path().join("data"));
    fs::write(&path, resealed(&files, &signer)).unwrap();
    assert_eq!(faults(&path), Some(Vec::new()), "sealing alone changes nothing");

    let lines = |name: &str| -> Vec<String> {
        String::from_utf8(files[name].clone()).unwrap().lines().map(str::to_owned).collect()
    };
    let entries = lines("entries.jsonl");
    let joined = |lines: &[String]| lines.iter().map(|it| format!("{it}\n")).collect::<String>().into_bytes();
    let with = |name: &str, bytes: Vec<u8>| {
        let mut changed = files.clone();
        changed.insert(name.to_owned(), bytes);
        changed
    };
    let mut swapped = entries.clone();
    swapped.swap(3, 4);
    let mut doubled = entries.clone();
    doubled.insert(3, entries[3].clone());
    let mut removed = entries.clone();
    removed.remove(3);
    let text_of = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let other_seed = [9; 32];
    let other = Signer::from_seed(&origin(&ledger_id(&public_key(&other_seed))), &other_seed).unwrap();
    let foreign = Checkpoint { origin: other.verifier().name().to_owned(), size: 3, root: [1; 32] };
    let foreign = foreign.sign(&other).unwrap();
    let proof = files.keys().find(|it| it.starts_with("proof/inclusion/")).unwrap().clone();
    let another = files.keys().rev().find(|it| it.starts_with("proof/inclusion/")).unwrap().clone();
    assert_ne!(proof, another);
    let manoeuvres: Vec<(&str, BTreeMap<String, Vec<u8>>)> = vec![
        ("an entry removed", with("entries.jsonl", joined(&removed))),
        ("the last entry removed", with("entries.jsonl", joined(&entries[..entries.len() - 1]))),
        ("the first entry removed", with("entries.jsonl", joined(&entries[1..]))),
        ("two entries swapped", with("entries.jsonl", joined(&swapped))),
        ("an entry doubled", with("entries.jsonl", joined(&doubled))),
        (
            "a content changed",
            with("entries.jsonl", text_of("entries.jsonl").replacen("5,000円", "9,000円", 1).into_bytes()),
        ),
        (
            "an entry changed",
            with(
                "entries.jsonl",
                text_of("entries.jsonl").replacen("2026-11-23T01", "2026-11-23T02", 1).into_bytes(),
            ),
        ),
        (
            "a content called erased",
            with(
                "entries.jsonl",
                text_of("entries.jsonl").replacen("\"withheld\":true", "\"erased\":true", 1).into_bytes(),
            ),
        ),
        (
            "the report says something else",
            with("report.html", text_of("report.html").replacen("5,000円", "9,000円", 1).into_bytes()),
        ),
        (
            "the table says something else",
            with("messages.csv", text_of("messages.csv").replacen("5,000円", "9,000円", 1).into_bytes()),
        ),
        (
            "the list says something else",
            with("messages.jsonl", text_of("messages.jsonl").replacen("5,000円", "9,000円", 1).into_bytes()),
        ),
        ("the README promises more", with("README.txt", b"all is proven\n".to_vec())),
        (
            "a webhook's body changed",
            with(
                "raw/webhooks.jsonl",
                text_of("raw/webhooks.jsonl").replacen("5,000", "9,000", 1).into_bytes(),
            ),
        ),
        ("a checkpoint of another log", with("proof/checkpoint.note", foreign.clone().into_bytes())),
        ("the key of another log", with("proof/ledger.pub", format!("{}\n", other.verifier()).into_bytes())),
        ("a proof of another entry", with(&proof, files[&another].clone())),
        ("a subtree left out", with("proof/subtrees.jsonl", joined(&lines("proof/subtrees.jsonl")[1..]))),
        ("a time stamp that is none", with("proof/anchors/1-x.tsr", b"0\x03\x02\x01\x00".to_vec())),
        ("a file that nobody exchanged", with(&format!("files/{}", "ab".repeat(32)), b"planted".to_vec())),
        (
            "a foreign head",
            with("proof/heads.jsonl", format!("{}\n", serde_json::json!(foreign)).into_bytes()),
        ),
    ];
    assert!(manoeuvres.len() >= 12);
    for (what, changed) in manoeuvres {
        assert!(changed != files, "{what}: nothing was changed");
        fs::write(&path, resealed(&changed, &signer)).unwrap();
        let found = faults(&path).unwrap();
        assert!(!found.is_empty(), "{what}");
    }
    // Sealed with another key, or not at all.
    fs::write(&path, resealed(&files, &other)).unwrap();
    assert!(!faults(&path).unwrap().is_empty(), "sealed with another key");
    let mut unsigned = files.clone();
    unsigned.insert("manifest.note".to_owned(), Vec::new());
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with("manifest.")) {
        packer.add(name, &mut bytes.as_slice()).unwrap();
    }
    packer.add("manifest.json", &mut files["manifest.json"].as_slice()).unwrap();
    fs::write(&path, packer.finish().unwrap().into_inner()).unwrap();
    assert!(!faults(&path).unwrap().is_empty(), "without a seal");
}

/// Copies the database into memory of its own, so that each change begins from the same.
fn bent(data: &Path, to: &Path, change: &str) {
    fs::copy(data.join("karibarai.db"), to).unwrap();
    let database = Connection::open(to).unwrap();
    database.execute_batch(change).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_ledger_changes_unseen() {
    let (folder, _) = material().await;
    let data = folder.path().join("data");
    // One file, without what waits in the log beside it.
    let database = Connection::open(data.join("karibarai.db")).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    let copy = data.join("bent.db");
    let columns = [
        ("entries", "entry"),
        ("entries", "leaf"),
        ("contents", "salt"),
        ("contents", "content"),
        ("checkpoints", "note"),
    ];
    let mut tried = 0;
    for (table, column) in columns {
        let key = if table == "checkpoints" { "size" } else { "n" };
        let mut statement =
            database.prepare(&format!("SELECT {key}, CAST({column} AS BLOB) FROM {table}")).unwrap();
        let cells: Vec<(i64, Vec<u8>)> = statement
            .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(!cells.is_empty(), "{table}");
        let all: usize = cells.iter().map(|(_, bytes)| bytes.len()).sum();
        for place in places(all, 25) {
            let (mut at, mut cell) = (place, 0);
            while at >= cells[cell].1.len() {
                at -= cells[cell].1.len();
                cell += 1;
            }
            let (n, bytes) = &cells[cell];
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let hex: String = changed.iter().map(|it| format!("{it:02x}")).collect();
            let value =
                if table == "checkpoints" { format!("CAST(x'{hex}' AS TEXT)") } else { format!("x'{hex}'") };
            bent(&data, &copy, &format!("UPDATE {table} SET {column} = {value} WHERE {key} = {n}"));
            let store = Store::open_read_only(&copy).await.unwrap();
            let checked = upkeep::check(&store, &data, None).await;
            assert!(!checked.is_ok_and(|it| it.intact()), "{table}.{column} of {n}, byte {at}");
            tried += 1;
        }
    }
    assert!(tried > 100);
    bent(&data, &copy, "SELECT 1");
    let store = Store::open_read_only(&copy).await.unwrap();
    assert!(upkeep::check(&store, &data, None).await.unwrap().intact(), "unchanged, it is intact");
    // Files beside the database.
    for name in ["checkpoints/latest.note", "keys/ledger.pub"] {
        let file = data.join(name);
        let good = fs::read(&file).unwrap();
        for at in places(good.len(), 40) {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, &changed).unwrap();
            let found = karibarai(folder.path(), &["verify", data.to_str().unwrap()], &[]);
            assert!(!found.status.success(), "byte {at} of {name}");
        }
        fs::write(&file, good).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_without_any_signature_is_not_intact() {
    let (folder, _) = material().await;
    let data = folder.path().join("data");
    let database = Connection::open(data.join("karibarai.db")).unwrap();
    database.execute_batch("DELETE FROM checkpoints").unwrap();
    drop(database);
    fs::remove_dir_all(data.join("checkpoints")).unwrap();
    let found = karibarai(folder.path(), &["verify", data.to_str().unwrap()], &[]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    let mut key = String::new();
    File::open(data.join("keys/ledger.pub")).unwrap().read_to_string(&mut key).unwrap();
    assert!(key.starts_with("karibarai/"));
}

/// A room with `count` messages in a ledger of its own.
async fn large(folder: &Path, count: u64) {
    use karibarai::domain::{EntryKind, MessageId, RoomId, Source, SystemClock, SystemEntropy, UtcMillis};
    use karibarai::ledger::{Identity, Ledger, Observation};
    use std::sync::Arc;
    let store = Store::open(&folder.join("data/karibarai.db")).await.unwrap();
    let ledger = Ledger::open(store, &folder.join("data"), Arc::new(SystemClock), Arc::new(SystemEntropy))
        .await
        .unwrap();
    for batch in 0..count.div_ceil(1000) {
        let observations = (batch * 1000..count.min((batch + 1) * 1000)).map(|n| {
            let body = format!("第{n}便です。記事の原稿を確認しました。修正点は3つあります。よろしくお願いいたします。");
            let (message, at) = (format!("{}", 1_789_012_345_678_000_000 + n), 1_795_000_000 + n as i64);
            let content = serde_json::json!({
                "message_id": message, "account": {"account_id": 111 + n % 2, "name": "山田", "avatar_image_url": "x"},
                "body": body, "send_time": at, "update_time": 0,
            });
            Observation {
                kind: EntryKind::MessageCreated,
                source: Source::Poll,
                source_time: Some(UtcMillis::from_seconds(at)),
                // Every tenth belongs to another room.
                room: Some(RoomId(if n % 10 == 0 { 2 } else { 1 })),
                message: MessageId::new(message),
                content: Some(content.to_string().into_bytes()),
                identity: Some(Identity { update_time: None, body, channel: "poll".to_owned() }),
                once: None,
            }
        });
        ledger.append(observations.collect()).await.unwrap();
    }
    ledger.checkpoint().await.unwrap();
}

/// Runs the program and gives the most memory that it had, in MiB.
fn peak(arguments: &[&str], folder: &Path) -> u64 {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let now = line.and_then(|it| it.trim().split(' ').next()?.parse::<u64>().ok());
        most = most.max(now.unwrap_or_default());
        if let Some(code) = child.try_wait().unwrap() {
            assert!(code.success(), "{arguments:?}");
            return most / 1024;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_room_is_packed_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    large(folder.path(), if long() { 52_000 } else { 4_000 }).await;
    let made = peak(&["export", "--room", "1", "--out", "a.zip"], folder.path());
    let checked = peak(&["verify", "a.zip"], folder.path());
    let bytes = fs::metadata(folder.path().join("a.zip")).unwrap().len();
    println!("{made} MiB to make {bytes} bytes, {checked} MiB to check");
    assert!(made < 100 && checked < 100, "{made} MiB, {checked} MiB");
}
