//! Makes the published corpus of good and damaged packages: fixed clock, fixed salts, a key that everybody knows.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use karibarai::domain::{
    AccountId, CountingEntropy, EntryIndex, EntryKind, ManualClock, MessageId, Role, RoomId, Source, hex,
};
use karibarai::export::{Exporter, Request};
use karibarai::follow::{Annex, Archive, Progress, Tiles};
use karibarai::ledger::{Erasure, Identity, Ledger, Observation, Reason, ReasonKind};
use karibarai::proof::bundle::{Manifest, Packer, Withhold};
use karibarai::proof::checkpoint::{Checkpoint, ledger_id, origin};
use karibarai::proof::note::{Signer, public_key};
use karibarai::store::{Appended, Store};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::MORNING;
use crate::sweep::{contents, signer};

const ROOM: RoomId = RoomId(567_890_123);
const OTHER_ROOM: RoomId = RoomId(567_890_124);
const OWNER: u64 = 1001;
const CLIENT: u64 = 2002;
const STRANGER: u64 = 3003;
/// Not a version of the program, so that the layout of the report is compared by none.
const PROGRAM: &str = "vectors";
const ESTIMATE: &[u8] = b"%PDF-1.7 an estimate over 15,000 yen";

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// One case of the corpus.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) exit: i32,
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
    /// A checkpoint that the reader has from elsewhere.
    pub(super) known: Option<String>,
    pub(super) withheld: u64,
    pub(super) erased: u64,
}

/// A room in a ledger of its own.
struct Talk {
    clock: ManualClock,
    ledger: Ledger,
    count: u64,
}

impl Talk {
    fn message(n: u64) -> MessageId {
        MessageId::new(format!("{}", 1_789_012_345_678_900_000 + n)).unwrap()
    }

    async fn put(&self, observation: Observation) -> EntryIndex {
        self.clock.advance(Duration::from_millis(61_250));
        match self.ledger.append_one(observation).await.unwrap() {
            Appended::New(n) => n,
            other => panic!("{other:?}"),
        }
    }

    fn capture(&self, room: RoomId, message: u64, account: u64, body: &str, updated: bool) -> Observation {
        let (sent, now) = (MORNING.0 / 1000 + message as i64, self.ledger.now().0 / 1000);
        let update = if updated { now } else { 0 };
        let object = json!({
            "message_id": Self::message(message).as_str(),
            "account": {"account_id": account, "name": name(account), "avatar_image_url": "https://example.com/a.png"},
            "body": body, "send_time": sent, "update_time": update,
        });
        Observation {
            kind: EntryKind::MessageCreated,
            source: Source::Poll,
            source_time: Some(karibarai::domain::UtcMillis::from_seconds(if updated { now } else { sent })),
            room: Some(room),
            message: Some(Self::message(message)),
            content: Some(object.to_string().into_bytes()),
            identity: Some(Identity {
                update_time: updated.then(|| karibarai::domain::UtcMillis::from_seconds(now)),
                body: body.to_owned(),
                channel: "poll".to_owned(),
            }),
            once: None,
        }
    }

    async fn polled(&mut self, room: RoomId, account: u64, body: &str) -> (u64, EntryIndex) {
        self.count += 1;
        let n = self.put(self.capture(room, self.count, account, body, false)).await;
        (self.count, n)
    }

    async fn delivered(&mut self, account: u64, body: &str) -> (u64, EntryIndex) {
        self.count += 1;
        let sent = MORNING.0 / 1000 + self.count as i64;
        let raw = json!({
            "webhook_setting_id": "12345", "webhook_event_type": "message_created", "webhook_event_time": sent + 1,
            "webhook_event": {
                "message_id": Self::message(self.count).as_str(), "room_id": ROOM.0, "account_id": account,
                "body": body, "send_time": sent, "update_time": 0,
            },
        });
        let raw = raw.to_string();
        let signature = crate::support::sign("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", raw.as_bytes());
        let mut observation = self.capture(ROOM, self.count, account, body, false);
        observation.source = Source::Webhook;
        observation.content =
            Some(format!(r#"{{"body":{},"signature":"{signature}","token_n":0}}"#, json!(raw)).into_bytes());
        observation.identity.as_mut().unwrap().channel = "webhook".to_owned();
        (self.count, self.put(observation).await)
    }

    async fn system(&self, kind: EntryKind, room: Option<RoomId>, content: Value) -> EntryIndex {
        let observation = Observation::system(kind, &content);
        self.put(match room {
            Some(room) => observation.about(room, None),
            None => observation,
        })
        .await
    }
}

fn name(account: u64) -> &'static str {
    match account {
        OWNER => "佐藤",
        CLIENT => "山田商店",
        _ => "鈴木",
    }
}

/// The checkpoints that a reader could have, and the packages.
struct Made {
    good: Files,
    withheld: Files,
    erased: Files,
    stretch: Files,
    early: String,
    late: String,
    signer: Signer,
}

async fn caught_up(ledger: &Ledger, store: &Store) {
    let (archive, annex) =
        (Archive::new(ledger.clone(), store.clone()), Annex::new(ledger.clone(), store.clone()));
    let tiles = Tiles::new(store.clone());
    while matches!(archive.tick().await.unwrap(), Progress::Moved) {}
    while matches!(annex.tick().await.unwrap(), Progress::Moved) {}
    while matches!(tiles.tick().await.unwrap(), Progress::Moved) {}
}

async fn made(folder: &Path) -> Made {
    let data = folder.join("data");
    let store = Store::open(&data.join("karibarai.db")).await.unwrap();
    let clock = ManualClock::new(MORNING);
    let entropy = Arc::new(CountingEntropy::new(20_261_123));
    let ledger = Ledger::open(store.clone(), &data, Arc::new(clock.clone()), entropy).await.unwrap();
    let mut talk = Talk { clock, ledger: ledger.clone(), count: 0 };
    talk.system(EntryKind::SystemStarted, None, json!({"program": PROGRAM})).await;
    let room = json!({"room_id": ROOM.0, "name": "バナー制作", "type": "group", "role": "member"});
    talk.put(Observation {
        source: Source::Poll,
        ..Observation::system(EntryKind::RoomFound, &room).about(ROOM, None)
    })
    .await;
    let (first, shown) = talk.delivered(CLIENT, "追加でバナーを3枚お願いできますか？1枚5,000円です。").await;
    talk.polled(OTHER_ROOM, CLIENT, "別のルームの話です。").await;
    let seen =
        talk.capture(ROOM, first, CLIENT, "追加でバナーを3枚お願いできますか？1枚5,000円です。", false);
    talk.put(seen).await;
    let sent = json!({"decided_n": 4, "why": "posted", "account": OWNER, "text": "[rp aid=2002 to=567890123-1]\nご依頼ありがとうございます。", "case": 1, "purpose": "reminder"});
    talk.count += 1;
    talk.put(Observation {
        source: Source::Sent,
        ..Observation::system(EntryKind::ReplySent, &sent).about(ROOM, Some(Talk::message(talk.count)))
    })
    .await;
    talk.put(talk.capture(ROOM, first, CLIENT, "追加でバナーを3枚お願いできますか？1枚3,000円です。", true))
        .await;
    let early = ledger.checkpoint().await.unwrap().unwrap();
    talk.polled(ROOM, OWNER, "承知しました。CrowdWorksでの仮払いのあとに始めます。").await;
    talk.polled(ROOM, STRANGER, "経理の鈴木です。請求書はこちらへお願いします。").await;
    talk.delivered(CLIENT, "管理画面のパスワード：hunter2-hunter2 です").await;
    talk.polled(
        ROOM,
        CLIENT,
        "=HYPERLINK(\"http://evil.example\")<script>alert(1)</script>\u{202e}😀\n二行目\r\n\t\u{7f}",
    )
    .await;
    let (gone, _) = talk.delivered(CLIENT, "今回は仮払いなしで進めてもらえると助かります。").await;
    let mut deleted = talk.capture(ROOM, gone, CLIENT, "[deleted]", true);
    deleted.kind = EntryKind::MessageDeletedReported;
    talk.put(deleted).await;
    let digest = hex(&Sha256::digest(ESTIMATE));
    let shelf = data.join("files").join(&digest[..2]);
    fs::create_dir_all(&shelf).unwrap();
    fs::write(shelf.join(&digest), ESTIMATE).unwrap();
    talk.put(Observation {
        source: Source::Poll,
        ..Observation::system(
            EntryKind::FileStored,
            &json!({"file_id": 13, "name": "見積書.pdf", "size": ESTIMATE.len(), "sha256": digest, "media_type": "application/pdf",
                "declared_size": ESTIMATE.len(), "account_id": CLIENT, "uploaded_at": MORNING.0 / 1000,
                "message_id": Talk::message(first).as_str(), "shown": shown}),
        )
        .about(ROOM, None)
    })
    .await;
    talk.system(
        EntryKind::GapFound,
        Some(ROOM),
        json!({"kind": "downtime", "from": "2026-11-23T01:00:00.000Z", "to": "2026-11-23T02:00:00.000Z", "causes": ["downtime"]}),
    )
    .await;
    let (lost, lost_n) = talk.polled(ROOM, CLIENT, "口座番号は後ほど消します。").await;
    talk.clock.advance(Duration::from_secs(86_400));
    talk.polled(ROOM, CLIENT, "翌日の連絡です。よろしくお願いします。").await;
    let (vanished, _) = talk.polled(ROOM, CLIENT, "このあと見えなくなります。").await;
    talk.put(Observation {
        source: Source::Poll,
        ..Observation::system(EntryKind::MessageMissingAtRecheck, &json!({"by": "list", "reads": 2}))
            .about(ROOM, Some(Talk::message(vanished)))
    })
    .await;
    talk.polled(OTHER_ROOM, CLIENT, "別のルームの続きです。").await;
    ledger.checkpoint().await.unwrap();
    caught_up(&ledger, &store).await;

    let role = |_: RoomId, account: AccountId| match account.0 {
        OWNER => Role::Worker,
        CLIENT => Role::Client,
        _ => Role::Other,
    };
    let exporter = Exporter { store: &store, ledger: &ledger, data_dir: &data, role: &role };
    let signer = signer(&data);
    let ask = |withhold: Vec<Withhold>, from: Option<&str>| Request {
        room: Some(ROOM),
        from: from.map(str::to_owned),
        withhold,
        ..Request::default()
    };
    let path = folder.join("out.zip");
    let both = vec![Withhold::Others, Withhold::Secrets];
    exporter.export(&ask(Vec::new(), None), &path).await.unwrap();
    let good = of_the_corpus(&fs::read(&path).unwrap());
    exporter.export(&ask(both.clone(), None), &path).await.unwrap();
    let withheld = of_the_corpus(&fs::read(&path).unwrap());
    exporter.export(&ask(Vec::new(), Some("2026-11-24")), &path).await.unwrap();
    let stretch = of_the_corpus(&fs::read(&path).unwrap());

    let erasure = Erasure {
        entries: vec![lost_n],
        reason: Reason { kind: ReasonKind::Secret, text: None },
        kept: Vec::new(),
    };
    ledger.erase(&erasure, ROOM, Some(Talk::message(lost))).await.unwrap();
    let late = ledger.checkpoint().await.unwrap().unwrap();
    caught_up(&ledger, &store).await;
    exporter.export(&ask(both, None), &path).await.unwrap();
    let erased = of_the_corpus(&fs::read(&path).unwrap());
    Made { good, withheld, erased, stretch, early, late, signer }
}

/// The files, under a manifest that names no version of the program; the page that checks them is not needed twice.
fn of_the_corpus(zip: &[u8]) -> Files {
    let mut files = contents(zip);
    files.remove("verify.html").unwrap();
    let mut manifest = Manifest::parse(&files["manifest.json"]).unwrap();
    manifest.program = PROGRAM.to_owned();
    files.insert("manifest.json".to_owned(), manifest.to_bytes());
    files
}

/// Files under a manifest that fits them, sealed by whoever has this key; `edit` changes the manifest before.
fn sealed(files: &Files, signer: &Signer, edit: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let mut manifest = Manifest::parse(&files["manifest.json"]).unwrap();
    manifest.files.clear();
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (path, bytes) in files.iter().filter(|(path, _)| !path.starts_with("manifest.")) {
        manifest.files.push(packer.add(path, &mut bytes.as_slice()).unwrap().member(path));
    }
    edit(&mut manifest);
    let bytes = manifest.to_bytes();
    packer.add("manifest.json", &mut bytes.as_slice()).unwrap();
    let note = Manifest::sign(&bytes, signer).unwrap();
    packer.add("manifest.note", &mut note.as_bytes()).unwrap();
    packer.finish().unwrap().into_inner()
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

fn lines(files: &Files, name: &str) -> Vec<String> {
    text(files, name).lines().map(str::to_owned).collect()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|it| [it.as_bytes(), b"\n"].concat()).collect()
}

fn with(files: &Files, name: &str, bytes: Vec<u8>) -> Files {
    let mut changed = files.clone();
    let before = changed.insert(name.to_owned(), bytes.clone());
    assert!(before.as_ref() != Some(&bytes), "{name}: nothing was changed");
    changed
}

fn replaced(files: &Files, name: &str, from: &str, to: &str) -> Files {
    with(files, name, text(files, name).replacen(from, to, 1).into_bytes())
}

/// What only the holder of the ledger's key can make: a seal that fits, over what does not.
fn by_the_owner(made: &Made) -> Vec<(&'static str, &'static str, Files)> {
    let good = &made.good;
    let entries = lines(good, "entries.jsonl");
    let other = other_signer();
    let foreign = Checkpoint { origin: other.verifier().name().to_owned(), size: 3, root: [1; 32] };
    let foreign = foreign.sign(&other).unwrap();
    let mut proofs = good.keys().filter(|it| it.starts_with("proof/inclusion/"));
    let (proof, another) = (proofs.next().unwrap(), proofs.next().unwrap());
    let mut swapped = entries.clone();
    swapped.swap(3, 4);
    let mut doubled = entries.clone();
    doubled.insert(3, entries[3].clone());
    let without = |n: usize| joined(&[&entries[..n], &entries[n + 1..]].concat());
    vec![
        ("entry-removed", "an entry is missing in the middle", with(good, "entries.jsonl", without(3))),
        ("entry-first-removed", "the first entry is missing", with(good, "entries.jsonl", without(0))),
        (
            "entry-last-removed",
            "the last entry is missing",
            with(good, "entries.jsonl", without(entries.len() - 1)),
        ),
        (
            "entry-swapped",
            "two entries stand in each other's place",
            with(good, "entries.jsonl", joined(&swapped)),
        ),
        ("entry-doubled", "an entry stands twice", with(good, "entries.jsonl", joined(&doubled))),
        (
            "entry-changed",
            "a time in an entry is another",
            replaced(good, "entries.jsonl", "2026-11-23T01", "2026-11-23T03"),
        ),
        (
            "entry-not-canonical",
            "white space in an entry",
            replaced(good, "entries.jsonl", ",\\\"n\\\":", ", \\\"n\\\":"),
        ),
        ("content-changed", "a content is another", replaced(good, "entries.jsonl", "5,000円", "9,000円")),
        (
            "salt-changed",
            "a salt is another",
            replaced(good, "entries.jsonl", "\"salt\":\"", "\"salt\":\"00"),
        ),
        (
            "erasure-undeclared",
            "a withheld content is called erased, and no entry says so",
            replaced(&made.withheld, "entries.jsonl", "\"withheld\":true", "\"erased\":true"),
        ),
        (
            "content-unsaid",
            "a content is neither there nor called withheld or erased",
            replaced(&made.withheld, "entries.jsonl", ",\"withheld\":true", ""),
        ),
        (
            "messages-csv-changed",
            "the table says something else than the entries",
            replaced(good, "messages.csv", "5,000円", "9,000円"),
        ),
        (
            "messages-jsonl-changed",
            "the list says something else than the entries",
            replaced(good, "messages.jsonl", "5,000円", "9,000円"),
        ),
        (
            "webhook-changed",
            "a webhook's body is another than in its entry",
            replaced(good, "raw/webhooks.jsonl", "5,000", "9,000"),
        ),
        (
            "checkpoint-of-another",
            "the checkpoint is another ledger's",
            with(good, "proof/checkpoint.note", foreign.clone().into_bytes()),
        ),
        (
            "key-of-another",
            "the key is another ledger's",
            with(good, "proof/ledger.pub", format!("{}\n", other.verifier()).into_bytes()),
        ),
        (
            "head-of-another",
            "an older head is another ledger's",
            with(good, "proof/heads.jsonl", format!("{}\n", json!(foreign)).into_bytes()),
        ),
        (
            "heads-forked",
            "an older head is signed over another past",
            with(good, "proof/heads.jsonl", format!("{}\n", json!(forked(made, 3))).into_bytes()),
        ),
        (
            "proof-of-another",
            "the proof of an entry is that of another",
            with(good, proof, good[another].clone()),
        ),
        (
            "subtree-removed",
            "a subtree is missing",
            with(good, "proof/subtrees.jsonl", joined(&lines(good, "proof/subtrees.jsonl")[1..])),
        ),
        (
            "file-planted",
            "a file that nobody exchanged",
            with(good, &format!("files/{}", hex(&Sha256::digest(b"planted"))), b"planted".to_vec()),
        ),
        (
            "file-changed",
            "a file's bytes are not those of its name",
            with(good, &format!("files/{}", hex(&Sha256::digest(ESTIMATE))), b"%PDF-1.7 another".to_vec()),
        ),
        (
            "court-planted",
            "an exhibit laid flat that stands nowhere else in the package",
            with(good, "court/ko-001.pdf", b"%PDF-1.7 planted".to_vec()),
        ),
        (
            "stamp-of-something-else",
            "a time stamp over something else",
            with(good, "proof/anchors/1-x.tsr", b"0\x03\x02\x01\x00".to_vec()),
        ),
    ]
}

fn other_signer() -> Signer {
    let seed = [9; 32];
    Signer::from_seed(&origin(&ledger_id(&public_key(&seed))), &seed).unwrap()
}

/// A head that this ledger's key signed over another past.
fn forked(made: &Made, size: u64) -> String {
    Checkpoint { origin: made.signer.verifier().name().to_owned(), size, root: [7; 32] }
        .sign(&made.signer)
        .unwrap()
}

/// Every case, in the order of the index.
pub(super) async fn cases(folder: &Path) -> Vec<Case> {
    let made = made(folder).await;
    let seal = |files: &Files| sealed(files, &made.signer, |_| {});
    let good = seal(&made.good);
    let counted = |files: &Files| {
        let counts = Manifest::parse(&files["manifest.json"]).unwrap().counts;
        (counts.withheld, counts.erased)
    };
    let mut all = Vec::new();
    let mut add = |name, exit, what, bytes: Vec<u8>, known: Option<&String>, (withheld, erased)| {
        all.push(Case { name, exit, what, bytes, known: known.cloned(), withheld, erased });
    };
    add("good", 0, "a room, whole", good.clone(), None, (0, 0));
    let (hidden, gone) = (counted(&made.withheld), counted(&made.erased));
    assert!(hidden.0 > 0 && gone.1 > 0, "{hidden:?} {gone:?}");
    add("withheld", 0, "contents are withheld", seal(&made.withheld), None, hidden);
    add("erased", 0, "a content was erased, an entry says so", seal(&made.erased), None, gone);
    add("stretch", 0, "a day out of the middle of a room", seal(&made.stretch), None, counted(&made.stretch));
    add("known-early", 0, "continues the head that the reader has", good.clone(), Some(&made.early), (0, 0));
    for (name, what, files) in by_the_owner(&made) {
        add(name, 1, what, seal(&files), None, (0, 0));
    }
    let edited = |edit: fn(&mut Manifest)| sealed(&made.good, &made.signer, edit);
    add(
        "counts-changed",
        1,
        "the manifest counts fewer edits",
        edited(|it| it.counts.edits = 0),
        None,
        (0, 0),
    );
    add("gaps-hidden", 1, "the manifest is silent about a gap", edited(|it| it.gaps.clear()), None, (0, 0));
    let listed = edited(|it| it.files.retain(|file| file.path != "messages.csv"));
    add("file-not-listed", 1, "a file that the manifest does not name", listed, None, (0, 0));
    let other = sealed(&made.good, &other_signer(), |_| {});
    add("sealed-by-another", 1, "sealed with another key", other, None, (0, 0));
    add("known-late", 1, "ends before the head that the reader has", good.clone(), Some(&made.late), (0, 0));
    let fork = forked(&made, 2);
    add(
        "known-forked",
        1,
        "does not continue the head that the reader has",
        good.clone(),
        Some(&fork),
        (0, 0),
    );
    let mut flipped = good.clone();
    flipped[good.len() / 3] ^= 4;
    add("flipped", 1, "a bit in the middle of the zip file is another", flipped, None, (0, 0));
    let mut named = good.clone();
    named[10] ^= 1;
    add("flipped-header", 1, "a bit in a header of the zip file is another", named, None, (0, 0));
    add("cut", 1, "the zip file is cut off", good[..good.len() / 2].to_vec(), None, (0, 0));
    add("longer", 1, "a byte stands before the zip file", [b"P", &good[..]].concat(), None, (0, 0));
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (name, bytes) in made.good.iter().filter(|(name, _)| !name.starts_with("manifest.")) {
        packer.add(name, &mut bytes.as_slice()).unwrap();
    }
    packer.add("manifest.json", &mut made.good["manifest.json"].as_slice()).unwrap();
    let unsealed = packer.finish().unwrap().into_inner();
    add("unsealed", 1, "without a seal", unsealed, None, (0, 0));
    add("empty", 2, "nothing at all", Vec::new(), None, (0, 0));
    add("not-a-zip", 2, "something else", b"this is no package".to_vec(), None, (0, 0));
    all
}

/// The index of the corpus.
pub(super) fn index(cases: &[Case]) -> Value {
    let rows = cases.iter().map(|it| {
        let mut row = json!({"file": format!("{}.zip", it.name), "exit": it.exit, "what": it.what});
        if it.exit == 0 {
            row["withheld"] = json!(it.withheld);
            row["erased"] = json!(it.erased);
        }
        if it.known.is_some() {
            row["known"] = json!(format!("{}.note", it.name));
        }
        row
    });
    json!({"format": 1, "cases": rows.collect::<Vec<_>>()})
}
