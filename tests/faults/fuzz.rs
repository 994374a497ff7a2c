//! Everything that reads what strangers wrote is fed with rubbish that looks like the real thing: seeds of `tests/data/fuzz`,
//! bent, cut, joined and strewn with the words that mean something there. An input with a new outcome joins the seeds. Nothing
//! panics, and what is read holds its promises. `KARIBARAI_FUZZ_SECONDS` is the time for each reader; without it, a count.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use karibarai::chatwork::{notation, wire};
use karibarai::config::{Config, LoadArgs};
use karibarai::detect::RuleSet;
use karibarai::domain::{Clock as _, ContextMessage, Role, RoomType, SignalInput, SystemClock};
use karibarai::export;
use karibarai::proof::bundle::{Container, EntryLine, Manifest, Packer, is_safe_path};
use karibarai::proof::checkpoint::Checkpoint;
use karibarai::proof::note::Verifier;
use karibarai::proof::timestamp::Roots;
use karibarai::proof::tlog_proof::TlogProof;
use karibarai::search::{Query, search};
use karibarai::store::{SearchFilter, Store};

use crate::program::{founded, told};
use crate::{Dice, environment};

/// Seeds kept of one reader.
const POOL: usize = 4000;
/// Bytes of an input; messages may be longer, but say nothing new.
const LONGEST: usize = 8192;

struct Fuzz {
    reader: &'static str,
    pool: Vec<Vec<u8>>,
    words: &'static [&'static str],
    dice: Dice,
}

impl Fuzz {
    fn new(reader: &'static str, words: &'static [&'static str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz").join(reader);
        let mut paths: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().map(|it| it.unwrap().path()).collect();
        paths.sort();
        let pool = paths.iter().map(|it| fs::read(it).unwrap()).collect();
        Self { reader, pool, words, dice: Dice::new(reader) }
    }

    fn input(&mut self) -> Vec<u8> {
        let dice = &mut self.dice;
        let mut bytes = self.pool[dice.below(self.pool.len())].clone();
        for _ in 0..=dice.below(6) {
            let at = dice.below(bytes.len() + 1);
            let upto = at + dice.below(bytes.len() - at + 1).min(64);
            match dice.below(9) {
                0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
                1 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
                2 => drop(bytes.drain(at..upto)),
                3 => {
                    let part = bytes[at..upto].to_vec();
                    let times = 1 + dice.below(8);
                    let all = part.repeat(times);
                    bytes.splice(at..at, all);
                }
                4 => {
                    let other = &self.pool[dice.below(self.pool.len())];
                    let from = dice.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                5 => bytes.truncate(at),
                6 => {
                    let odd = [
                        "\u{0}", "\u{202e}", "\u{feff}", "😀", "が", "ｶﾞ", "\u{3099}", "９", "\r\n",
                        "\u{200d}",
                    ];
                    bytes.splice(at..at, odd[dice.below(odd.len())].bytes());
                }
                _ if !self.words.is_empty() => {
                    bytes.splice(at..at, self.words[dice.below(self.words.len())].bytes());
                }
                _ => {}
            }
        }
        bytes.truncate(LONGEST.max(self.pool[0].len() * 2));
        bytes
    }

    /// `read` gives a number for the kind of outcome, and panics where something is wrong.
    fn run(mut self, count: u64, mut read: impl FnMut(&[u8]) -> u64) {
        let span = environment("KARIBARAI_FUZZ_SECONDS").map(|it| Duration::from_secs(it.parse().unwrap()));
        let began = SystemClock.monotonic();
        let (mut tried, mut seen, mut slowest) = (0_u64, BTreeSet::new(), Duration::ZERO);
        for seed in self.pool.clone() {
            seen.insert(read(&seed));
        }
        loop {
            let now = SystemClock.monotonic();
            if span.map_or(tried >= count, |span| now - began >= span) {
                break;
            }
            let input = self.input();
            let outcome = catch_unwind(AssertUnwindSafe(|| read(&input)));
            tried += 1;
            slowest = slowest.max(SystemClock.monotonic() - now);
            match outcome {
                Ok(outcome) => {
                    if seen.insert(outcome) && self.pool.len() < POOL {
                        self.pool.push(input);
                    }
                }
                Err(_) => {
                    let kept = std::env::temp_dir().join(format!("karibarai-fuzz-{}", self.reader));
                    fs::write(&kept, &input).unwrap();
                    panic!("{} fails on {} ({} bytes)", self.reader, kept.display(), input.len());
                }
            }
        }
        println!(
            "fuzz {}: {tried} inputs in {} s, {} kinds of outcome, slowest {} ms, failures 0",
            self.reader,
            (SystemClock.monotonic() - began).as_secs(),
            seen.len(),
            slowest.as_millis()
        );
    }
}

fn shape(parts: impl std::hash::Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    parts.hash(&mut hash);
    hash.finish()
}

#[test]
fn the_notation_parser() {
    let words = &[
        "[To:1]",
        "[toall]",
        "[rp aid=1 to=2-3]",
        "[qt]",
        "[/qt]",
        "[qtmeta aid=1 time=2]",
        "[info]",
        "[/info]",
        "[title]",
        "[/title]",
        "[code]",
        "[/code]",
        "[hr]",
        "[task aid=1 st=done lt=0]",
        "[/task]",
        "[preview id=1 ht=2]",
        "[download:1]",
        "[/download]",
        "[dtext:x]",
        "[picon:1]",
        "[piconname:1]",
        "返信",
        "引用",
        "TO ALL >>>",
        "https://",
        "(",
        "[",
        "]",
        ":D",
        "[deleted]",
    ];
    Fuzz::new("notation", words).run(20_000, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let message = notation::parse(&text);
        let mut kinds = Vec::new();
        for node in message.nodes() {
            assert!(text.is_char_boundary(node.span.start) && text.is_char_boundary(node.span.end));
            assert!(node.span.start <= node.inner.start && node.inner.end <= node.span.end);
            assert!(text.get(node.inner.clone()).is_some());
            kinds.push(std::mem::discriminant(&node.kind));
        }
        let _ = (message.mentions(), message.reply(), message.has_code(), message.has_quote());
        // What is defused means nothing to Chatwork any more.
        let defused = notation::defuse(&text);
        let message = notation::parse(&defused);
        assert!(message.mentions().is_empty() && !message.to_all() && message.reply().is_none(), "{defused}");
        assert!(!message.has_quote() && !message.has_code(), "{defused}");
        kinds.dedup();
        kinds.truncate(6);
        shape(kinds)
    });
}

#[test]
fn the_event_decoder() {
    let words = &[
        "\"message_id\":",
        "\"room_id\":",
        "\"account_id\":",
        "\"body\":",
        "\"send_time\":",
        "\"update_time\":",
        "null",
        "true",
        "1e400",
        "-1",
        "18446744073709551616",
        "0.5",
        "\\ud800",
        "\\u0000",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "\"webhook_event\":",
        "\"webhook_event_type\":\"message_created\"",
        "\"mention_to_me\"",
    ];
    Fuzz::new("event", words).run(20_000, |bytes| match wire::decode(bytes) {
        wire::Decoded::Message(event) => {
            shape((1, event.event_type as u8, event.update_time.is_some(), event.body.len() % 7))
        }
        wire::Decoded::Unknown { room, .. } => shape((2, room.is_some())),
        wire::Decoded::Undecodable => shape(3),
    });
}

#[test]
fn the_detector() {
    let rules = RuleSet::builtin().unwrap();
    let words = &[
        "お願いします",
        "追加で",
        "3本",
        "5,000円",
        "税込",
        "一万二千",
        "来週金曜",
        "月末",
        "仮払い",
        "直接",
        "振込",
        "LINE",
        "でしょうか？",
        "。",
        "「",
        "」",
        "[qt]",
        "[/qt]",
        "[code]",
        "ません",
        "できますか",
        "〜",
        "→",
        "・",
        "\n",
        "１／２",
        "〇",
    ];
    Fuzz::new("detect", words).run(1500, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let context =
            [ContextMessage { sender_role: Role::Worker, body: text.chars().rev().take(200).collect() }];
        let input = SignalInput {
            room_type: RoomType::Direct,
            sender_role: Role::Client,
            body: &text,
            context: &context,
            workers: &[],
            worker_names: &[],
        };
        let signal = rules.read(&input);
        assert!((0.0..=1.0).contains(&signal.confidence), "{}", signal.confidence);
        let characters: Vec<char> = text.chars().collect();
        for reason in &signal.reasons {
            assert!(reason.start <= reason.end && reason.end <= characters.len());
            if !reason.text.is_empty() {
                let there: String = characters[reason.start..reason.end].iter().collect();
                assert_eq!(there, reason.text);
            }
        }
        assert_eq!(rules.read(&input), signal, "the same again");
        let mut fired: Vec<_> = signal.reasons.iter().map(|it| it.rule.clone()).collect();
        fired.sort();
        fired.dedup();
        shape((fired, signal.terms.amount.is_some(), signal.terms.deadline.is_some()))
    });
}

#[test]
fn the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karibarai.toml");
    let words = &[
        "[reply]\n",
        "[[room]]\n",
        "id = ",
        "mode = \"auto\"\n",
        "max_age = \"99999999999999999d\"\n",
        "= -1\n",
        "= []\n",
        "= {}\n",
        "\"",
        "'''",
        "reply.mode = ",
        "detect.",
        "1e9",
        "nan",
        "0x",
        "[",
        "]",
        "2026-02-30",
        "\"\"",
        "listen = \"[::]:0\"\n",
        "unknown = 1\n",
    ];
    let mut fuzz = Fuzz::new("config", words);
    fuzz.pool
        .push(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/karibarai.default.toml")).unwrap());
    fuzz.run(1500, |bytes| {
        fs::write(&path, bytes).unwrap();
        let arguments = LoadArgs { path: Some(path.clone()), env: Vec::new(), cwd: folder.path().to_owned() };
        match Config::load(&arguments) {
            Ok(config) => shape((true, config.rooms.len().min(9))),
            // Told with lines, and never by repeating what stands there at length.
            Err(error) => {
                let text = error.to_string();
                let start: String = text.chars().filter(|it| it.is_ascii_alphabetic()).take(40).collect();
                shape((false, start))
            }
        }
    });
}

#[test]
fn the_search_query() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = runtime.block_on(founded(folder.path(), 12));
    let store = runtime.block_on(Store::open_read_only(&place.data().join("karibarai.db"))).unwrap();
    let words = &[
        "\"",
        "-",
        "OR",
        "AND",
        "NOT",
        "NEAR(",
        "*",
        "^",
        ":",
        "(",
        ")",
        "記録",
        "続けて",
        "MARK",
        "よ",
        " ",
        "　",
        "'",
        "\\",
        "%",
        "_",
    ];
    let plain = Query::parse("記録を", false);
    let found = runtime.block_on(search(&store, &plain, &SearchFilter::default(), None, 20)).unwrap();
    assert_eq!(found.hits.len(), 12, "there is something to be found");
    Fuzz::new("query", words).run(1500, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let filter = SearchFilter::default();
        let exact = bytes.len() % 5 == 0;
        let query = Query::parse(&text, exact);
        let found = runtime.block_on(search(&store, &query, &filter, None, 20)).unwrap();
        for hit in &found.hits {
            let mut at = 0;
            for mark in &hit.marks {
                assert!(at <= mark.start && hit.row.body().get(mark.clone()).is_some());
                at = mark.end;
            }
        }
        shape((query.is_empty(), found.hits.len(), found.hits.first().map(|it| it.marks.len())))
    });
}

#[test]
fn notes_proofs_and_lines() {
    let words = &[
        "\n",
        "\n\n",
        "— ",
        "karibarai/",
        "0",
        "18446744073709551616",
        "=",
        "c2sp.org/tlog-proof@v1\n",
        "index ",
        "\"",
        "{",
        "}",
        "+",
        "../",
        "\\",
    ];
    let mut fuzz = Fuzz::new("note", words);
    let verifier = Verifier::new("karibarai/x", &karibarai::proof::note::public_key(&[7; 32])).unwrap();
    fuzz.pool.push(verifier.to_string().into_bytes());
    fuzz.pool.push(
        b"c2sp.org/tlog-proof@v1\nindex 3\n7nz+e0lWTX2K6+4kkwc6DU3HKa3v8tK8nKCUhttNZvE=\n\nx\n1\nAA==\n"
            .to_vec(),
    );
    fuzz.pool.push(br#"{"entry":"{\"v\":1,\"n\":3}","salt":"00","content":"{}"}"#.to_vec());
    fuzz.run(20_000, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        // Nothing that was not signed with it is taken for signed; what a reader kept himself has to stand there.
        assert!(Checkpoint::open(&text, &verifier).is_err());
        if let Ok(known) = Checkpoint::known(&text, &verifier) {
            assert!(text.contains("karibarai/x") && text.contains(&known.size.to_string()), "{text}");
        }
        let body = text.split("\n\n").next().unwrap_or_default();
        if let Ok(checkpoint) = Checkpoint::parse(&format!("{body}\n")) {
            assert_eq!(
                Checkpoint::parse(&checkpoint.to_body()).ok().map(|it| it.to_body()),
                Some(checkpoint.to_body())
            );
        }
        if is_safe_path(&text) {
            let path = Path::new(text.as_ref());
            assert!(path.components().all(|it| matches!(it, std::path::Component::Normal(_))), "{text}");
        }
        shape((
            Verifier::parse(&text).is_ok(),
            TlogProof::parse(&text).is_ok(),
            EntryLine::parse(&text).is_ok(),
            Manifest::parse(bytes).is_ok(),
            Checkpoint::parse(&format!("{body}\n")).is_ok(),
            is_safe_path(&text),
            text.lines().count().min(12),
        ))
    });
}

#[test]
fn the_package_reader() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = runtime.block_on(founded(folder.path(), 3));
    let made = place.run(&["export", "--room", "55", "--out", "good.zip"]);
    assert!(made.status.success(), "{}", told(&made));
    let good = fs::read(folder.path().join("good.zip")).unwrap();
    let path = folder.path().join("bent.zip");
    let words = &[
        "PK\u{3}\u{4}",
        "PK\u{1}\u{2}",
        "PK\u{5}\u{6}",
        "../",
        "/etc/",
        "manifest.json",
        "\u{0}\u{0}\u{0}\u{0}",
        "entries.jsonl",
    ];
    let mut fuzz = Fuzz::new("bundle", words);
    fuzz.pool.push(good.clone());
    let mut out = 0_u64;
    fuzz.run(150, |bytes| {
        if let Ok(mut container) = Container::open(Cursor::new(bytes)) {
            let paths: Vec<String> = container.paths().map(str::to_owned).collect();
            for member in paths {
                assert!(is_safe_path(&member), "{member}");
                let mut unpacked = Vec::new();
                let _ = container.extract(&member, &mut unpacked);
                out = out.max(unpacked.len() as u64);
            }
        }
        fs::write(&path, bytes).unwrap();
        match export::check(&path, None, &Roots::none()) {
            Ok(checked) => {
                let faults = &checked.faults.list;
                assert!(bytes == good || !faults.is_empty(), "a bent package is called intact");
                let kinds: BTreeSet<String> = faults
                    .iter()
                    .map(|(_, it)| format!("{it:?}").chars().take_while(|it| it.is_alphabetic()).collect())
                    .collect();
                shape((1, kinds))
            }
            Err(error) => shape((2, std::mem::discriminant(&error))),
        }
    });
    // The container as it should be, one file in it not: the first byte says which.
    let mut container = Container::open(Cursor::new(&good)).unwrap();
    let paths: Vec<String> = container.paths().map(str::to_owned).collect();
    let mut files = Vec::new();
    for member in &paths {
        let mut bytes = Vec::new();
        container.extract(member, &mut bytes).unwrap();
        files.push(bytes);
    }
    let words =
        &["\"", "\n", "{", "}", "null", "0", "../", "\\u0000", ":", ",", "9999999999999999999", "=", "— "];
    let mut fuzz = Fuzz::new("member", words);
    // A report or a page says nothing to the reader but by its hash.
    for (n, file) in files.iter().enumerate().filter(|(_, it)| it.len() < 16_384) {
        fuzz.pool.push([[u8::try_from(n).unwrap()].as_slice(), file].concat());
    }
    fuzz.run(150, |bytes| {
        let Some((which, file)) = bytes.split_first() else { return 0 };
        let which = usize::from(*which) % files.len();
        let mut packer = Packer::new(Cursor::new(Vec::new()));
        for (n, name) in paths.iter().enumerate() {
            let mut content = if n == which { file } else { files[n].as_slice() };
            packer.add(name, &mut content).unwrap();
        }
        fs::write(&path, packer.finish().unwrap().into_inner()).unwrap();
        match export::check(&path, None, &Roots::none()) {
            Ok(checked) => {
                let faults = &checked.faults.list;
                assert!(file == files[which] || !faults.is_empty(), "{} may say anything", paths[which]);
                let kinds: BTreeSet<String> = faults
                    .iter()
                    .map(|(_, it)| format!("{it:?}").chars().take_while(|it| it.is_alphabetic()).collect())
                    .collect();
                shape((which, kinds))
            }
            Err(error) => shape((which, std::mem::discriminant(&error))),
        }
    });
    assert!(out < 64 << 20, "{out} bytes were unpacked of one member");
}
