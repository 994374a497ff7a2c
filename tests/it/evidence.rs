//! The evidence package: made by the command, checked by the command, and never intact when anything in it was changed.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::Bot;

pub(crate) fn karibarai(folder: &Path, arguments: &[&str], env: &[(String, String)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn verify(path: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["verify", path.to_str().unwrap()];
    all.extend(arguments);
    karibarai(path.parent().unwrap(), &all, &[])
}

const ESTIMATE: &[u8] = b"%PDF-1.7 an estimate over 15,000 yen";

/// A room with a request, the reminder, an edit, a deletion, a password, hostile text.
pub(crate) async fn story() -> Bot {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？1本5,000円です。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    let room = bot.world.direct_room;
    bot.chatwork.edit(room, &request, "追加でブログ記事を3本お願いできますか？1本3,000円です。");
    bot.recorded(&request, 2).await;
    let gone = bot.client_says("今回は仮払いなしで進めてもらえると助かります。");
    bot.recorded(&gone, 1).await;
    bot.chatwork.delete(room, &gone);
    bot.recorded(&gone, 2).await;
    bot.client_says("管理画面のパスワード：hunter2-hunter2 です");
    bot.client_says("=HYPERLINK(\"http://evil.example\")<script>alert(1)</script>😀");
    bot.chatwork.upload(bot.world.client, room, "見積書.pdf", ESTIMATE);
    bot.until("the file", || async { bot.count("file.stored").await == 1 }).await;
    bot.chatwork.post(bot.world.client, bot.world.group_room, "別のルームの秘密の話です。");
    bot.settled().await;
    // Entries are counted and compared from here on: no read may come in between with another sight of the same.
    bot.looked().await;
    bot
}

fn unzip(bundle: &Path, to: &Path) {
    let status = Command::new("python3")
        .args(["-c", "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"])
        .args([bundle, to])
        .status()
        .unwrap();
    assert!(status.success());
}

/// All bytes of all files of a folder.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_complete_checks_itself_and_is_the_same_twice() {
    let bot = story().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = karibarai(here, &["export", "--room", &room, "--out", "a.zip"], &env);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let found = verify(&here.join("a.zip"), &[]);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found));
    assert!(
        text(&found).contains("intact") && text(&found).contains("nothing outside confirms"),
        "{}",
        text(&found)
    );

    // The same question gives the same bytes, though an entry was added that says that the package was made.
    assert_eq!(bot.count("evidence.exported").await, 1);
    let again = karibarai(here, &["export", "--room", &room, "--out", "b.zip"], &env);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(fs::read(here.join("a.zip")).unwrap() == fs::read(here.join("b.zip")).unwrap());

    // Unpacked by another program, it is intact too.
    let unpacked = here.join("unpacked");
    unzip(&here.join("a.zip"), &unpacked);
    fs::write(unpacked.join(".DS_Store"), "left by a file manager").unwrap();
    let found = verify(&unpacked, &["--lang", "ja"]);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found));
    assert!(text(&found).contains("改ざんなし"), "{}", text(&found));

    let manifest: Value = serde_json::from_slice(&fs::read(unpacked.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["format"], "karibarai-bundle");
    assert_eq!(manifest["counts"]["withheld"], 2, "the password, by webhook and by reading: {manifest}");
    assert_eq!(manifest["counts"]["gone"], 1);
    assert_eq!(manifest["filter"]["withhold"], serde_json::json!(["others", "secrets"]));
    for path in [
        "README.txt",
        "entries.jsonl",
        "messages.csv",
        "messages.jsonl",
        "raw/webhooks.jsonl",
        "report.html",
        "report.pdf",
        "verify.html",
        "proof/checkpoint.note",
        "proof/ledger.pub",
        "proof/subtrees.jsonl",
    ] {
        assert!(unpacked.join(path).is_file(), "{path}");
    }
    for (path, bytes) in everything(&unpacked) {
        let all = String::from_utf8_lossy(&bytes);
        for secret in ["hunter2", "別のルーム", bot.world.owner_token.as_str(), &bot.world.webhook_tokens[0]]
        {
            assert!(!all.contains(secret), "{secret} in {}", path.display());
        }
    }
    assert_eq!(manifest["counts"]["files"], 1);
    let attached = everything(&unpacked.join("files"));
    assert_eq!(attached.len(), 1);
    assert_eq!(attached[0].1, ESTIMATE);
    let csv = fs::read(unpacked.join("messages.csv")).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.starts_with("\u{feff}記録番号,") && csv.ends_with("\r\n"));
    assert!(csv.contains("'=HYPERLINK") && !csv.contains(",=HYPERLINK") && !csv.contains(",\"=HYPERLINK"));
    let report = fs::read_to_string(unpacked.join("report.html")).unwrap();
    assert!(!report.contains("<script") && report.contains("&lt;script&gt;"));
    assert!(!report.contains("href=") && !report.contains("src="), "nothing from elsewhere");
    for words in [
        "1本5,000円",
        "1本3,000円",
        "編集されています",
        "後から削除されました",
        "日本時間",
        "見ていなかった時間",
        "見積書.pdf",
        "確認した間隔",
        "<strong>甲第2号証</strong>　ファイル　見積書.pdf",
    ] {
        assert!(report.contains(words), "{words}");
    }
    // What was told as JSON is what `log` tells.
    let lines = fs::read_to_string(unpacked.join("messages.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["role"], "client");
    assert!(first["body"].as_str().unwrap().contains("5,000円"));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withheld_can_be_seen_before_and_released() {
    let bot = story().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let listed = karibarai(here, &["export", "--room", &room, "--preview"], &env);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed));
    let line = String::from_utf8(listed.stdout).unwrap();
    assert!(line.lines().all(|it| it.contains("password")) && line.lines().count() == 2, "{line}");
    let message = line.split_whitespace().nth(1).unwrap();
    let made = karibarai(here, &["export", "--room", &room, "--out", "a.zip", "--release", message], &env);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    unzip(&here.join("a.zip"), &here.join("a"));
    assert!(fs::read_to_string(here.join("a/report.html")).unwrap().contains("hunter2"));
    assert_eq!(verify(&here.join("a.zip"), &[]).status.code(), Some(0));
    // A room without a record, a day that is none, a case that is none: said, and nothing is left behind.
    for (arguments, needed) in [
        (vec!["--room", "42"], "nothing of room 42"),
        (vec!["--room", &room, "--from", "2026-02-30"], "not a day"),
        (vec!["--room", &room, "--from", "2030-01-01"], "nothing of room"),
        (vec!["--case", "99"], "no case 99"),
    ] {
        let mut all = vec!["export", "--out", "no.zip"];
        all.extend(arguments);
        let refused = karibarai(here, &all, &env);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        assert!(text(&refused).contains(needed), "{}", text(&refused));
    }
    let left: Vec<_> = fs::read_dir(here).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_and_a_day_are_unbroken_stretches() {
    let bot = story().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (name, arguments) in [
        ("case.zip", vec!["--case", "1"]),
        ("day.zip", vec!["--room", &room, "--from", "2026-11-23", "--to", "2026-11-23"]),
    ] {
        let mut all = vec!["export", "--out", name];
        all.extend(arguments);
        let made = karibarai(here, &all, &env);
        assert_eq!(made.status.code(), Some(0), "{name}: {}", text(&made));
        assert_eq!(verify(&here.join(name), &[]).status.code(), Some(0), "{name}");
    }
    let made = karibarai(here, &["export", "--case", "1", "--for", "court", "--out", "court.zip"], &env);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    assert_eq!(verify(&here.join("court.zip"), &[]).status.code(), Some(0));
    unzip(&here.join("court.zip"), &here.join("court"));
    let read = |name: &str| fs::read_to_string(here.join("court/case").join(name)).unwrap();
    let facts = read("facts.html");
    for words in
        ["当事者", "依頼", "仮払いの案内", "1本5,000円", "1本3,000円", "https://www.chatwork.com/#!rid"]
    {
        assert!(facts.contains(words), "{words}");
    }
    assert!(!facts.contains("hunter2"));
    let timeline = read("timeline.csv");
    assert!(
        timeline.starts_with("\u{feff}年月日・時刻,")
            && timeline.contains("編集")
            && timeline.contains("削除")
    );
    for column in ["標目", "原本・写しの別", "作成年月日", "作成者", "立証趣旨", "甲第1号証"]
    {
        assert!(read("exhibits.html").contains(column), "{column}");
    }
    // Laid flat: the report and the file under short names, and the papers.
    let flat = |name: &str| fs::read(here.join("court/court").join(name)).unwrap();
    assert_eq!(flat("ko-001.pdf"), fs::read(here.join("court/report.pdf")).unwrap());
    assert_eq!(flat("ko-002.pdf"), ESTIMATE);
    for paper in ["facts.pdf", "timeline.pdf", "exhibits.pdf"] {
        assert_eq!(flat(paper), fs::read(here.join("court/case").join(paper)).unwrap(), "{paper}");
        assert!(flat(paper).starts_with(b"%PDF-1.7"));
    }
    assert!(read("exhibits.html").contains("甲第2号証　見積書.pdf　→　ko-002.pdf"));
    let alone = karibarai(here, &["export", "--room", &room, "--for", "court", "--out", "no.zip"], &env);
    assert_eq!(alone.status.code(), Some(2), "{}", text(&alone));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_shows_its_hits_and_what_stands_around_them() {
    let bot = Bot::start().await;
    let mut ids = Vec::new();
    for n in 0..12 {
        let words =
            if n == 5 { "単価は５，０００円です" } else { "進捗はいかがでしょうか" };
        ids.push(bot.client_says(&format!("{words} 番号{n}番")));
        bot.recorded(&ids[n], 1).await;
    }
    bot.settled().await;
    bot.looked().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let export = |query: &str, out: &str| {
        karibarai(here, &["export", "--room", &room, "--search", query, "--out", out], &env)
    };
    let made = export("5,000円", "a.zip");
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    assert_eq!(verify(&here.join("a.zip"), &[]).status.code(), Some(0));
    unzip(&here.join("a.zip"), &here.join("a"));
    for (n, id) in ids.iter().enumerate() {
        let around = (3..=7).contains(&n);
        let shown = everything(&here.join("a"))
            .into_iter()
            .any(|(_, bytes)| String::from_utf8_lossy(&bytes).contains(&format!("番号{n}番")));
        assert_eq!(shown, around, "{n} {id}");
    }
    let manifest: Value = serde_json::from_slice(&fs::read(here.join("a/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["filter"]["search"], "5,000円");
    assert_eq!(manifest["filter"]["withhold"], serde_json::json!(["others", "secrets", "unfound"]));
    // From two before the hit to two after it: nothing else is in the package, not even withheld.
    assert_eq!(manifest["counts"]["messages"], 5);
    let report = fs::read_to_string(here.join("a/report.html")).unwrap();
    assert!(report.contains("検索「5,000円」に合う発言と、その前後の2件ずつ"));
    // Two hits far apart: what lies between them is counted, and said to be withheld.
    let made = export("番号0番 OR 番号11番", "b.zip");
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    unzip(&here.join("b.zip"), &here.join("b"));
    let manifest: Value = serde_json::from_slice(&fs::read(here.join("b/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["counts"]["messages"], 12, "{manifest}");
    assert!(manifest["counts"]["withheld"].as_u64() >= Some(6), "{manifest}");
    let csv = fs::read_to_string(here.join("b/messages.csv")).unwrap();
    assert!(
        csv.contains("番号2番")
            && !csv.contains("番号3番")
            && !csv.contains("番号8番")
            && csv.contains("番号9番")
    );
    let none = export("どこにもない言葉", "c.zip");
    assert_eq!(none.status.code(), Some(2), "{}", text(&none));
    assert!(text(&none).contains("nothing of what was searched for"), "{}", text(&none));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_the_reader_knows_is_met_or_missed() {
    let bot = story().await;
    let (env, room) = (bot.settings(), bot.world.direct_room.to_string());
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let early = karibarai(here, &["checkpoint"], &env);
    fs::write(here.join("early.note"), &early.stdout).unwrap();
    let export = |name: &str, more: &[&str]| {
        let mut all = vec!["export", "--room", &room, "--out", name];
        all.extend(more);
        let made = karibarai(here, &all, &env);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made));
        here.join(name)
    };
    let first = export("first.zip", &[]);
    bot.client_says("その後の発言です。");
    bot.settled().await;
    let late = karibarai(here, &["checkpoint"], &env);
    fs::write(here.join("late.note"), &late.stdout).unwrap();
    let second = export("second.zip", &["--known", "early.note"]);
    let early = here.join("early.note").display().to_string();
    let late = here.join("late.note").display().to_string();
    assert_eq!(verify(&second, &["--known", &early]).status.code(), Some(0));
    assert_eq!(verify(&second, &["--known", &late]).status.code(), Some(0));
    let older = verify(&first, &["--known", &late]);
    assert_eq!(older.status.code(), Some(1), "{}", text(&older));
    assert!(text(&older).contains("before the head that you know"), "{}", text(&older));
    // The line that a room got, as somebody copied it from there: no signature, but the reader kept it himself.
    let body = String::from_utf8(fs::read(&early).unwrap()).unwrap();
    let line = body.lines().take(3).collect::<Vec<_>>().join(" ");
    for (copied, code) in [
        (format!("行き違いを防ぐため、控えを残します。\n{line}\n"), 0),
        (line.replace(line.split(' ').nth(2).unwrap(), &"A".repeat(43)) + "=", 1),
    ] {
        fs::write(here.join("copied.txt"), &copied).unwrap();
        let copied = here.join("copied.txt").display().to_string();
        let found = verify(&second, &["--known", &copied]);
        assert_eq!(found.status.code(), Some(code), "{}", text(&found));
        let live = karibarai(here, &["verify", "--known", "copied.txt"], &env);
        assert_eq!(live.status.code(), Some(code), "{}", text(&live));
    }
    // Another ledger's head, and a head that was bent.
    let other = story().await;
    let foreign = karibarai(here, &["checkpoint"], &other.settings());
    fs::write(here.join("foreign.note"), &foreign.stdout).unwrap();
    let foreign = here.join("foreign.note").display().to_string();
    let found = verify(&second, &["--known", &foreign]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("another ledger's"), "{}", text(&found));
    other.finish().await;
    bot.finish().await;
}

#[test]
fn what_is_no_package_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zip");
    assert_eq!(verify(&path, &[]).status.code(), Some(2), "absent");
    for bytes in [&b""[..], b"PK", b"not a zip at all", &[0; 100]] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(verify(&path, &[]).status.code(), Some(2));
    }
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("manifest.json", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, b"{}").unwrap();
    zip.finish().unwrap();
    let mut bytes = Vec::new();
    fs::File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(verify(&path, &[]).status.code(), Some(2), "somebody else's zip");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_has_a_proof_that_needs_nothing_else() {
    use karibarai::proof::note::Verifier;
    use karibarai::proof::tlog_proof::TlogProof;
    let bot = story().await;
    let env = bot.settings();
    let folder = tempfile::tempdir().unwrap();
    let signed = karibarai(folder.path(), &["checkpoint"], &env);
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed));
    let key = fs::read_to_string(bot.data_dir().join("keys/ledger.pub")).unwrap();
    let verifier = Verifier::parse(key.trim()).unwrap();
    let records = bot.records().await;
    for record in [records.first().unwrap(), records.last().unwrap()] {
        let told = karibarai(folder.path(), &["proof", &record.n.to_string()], &env);
        assert_eq!(told.status.code(), Some(0), "{}", text(&told));
        let proof = TlogProof::parse(&String::from_utf8(told.stdout).unwrap()).unwrap();
        assert_eq!(proof.index, record.n.0);
        proof.check(&record.leaf, &verifier).unwrap();
    }
    let none = karibarai(folder.path(), &["proof", "99999"], &env);
    assert_eq!(none.status.code(), Some(2), "{}", text(&none));
    bot.finish().await;
}
