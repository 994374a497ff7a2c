//! Power cuts, replayed: of a recorded run only what was synced stays on the disk, and of what was not, sectors as chance will
//! have it. Whatever moment the power fails, everything that had been answered 200 by then is in the ledger. Without syncing
//! (`eatmydata`) the same check has to find losses, or it would prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use karibarai::store::Store;
use karibarai::upkeep;

use crate::program::{Sender, copy, founded, messages};
use crate::trace::{self, calls};
use crate::{Dice, long};

const BEFORE: u64 = 5;
const SECTOR: usize = 512;
const CALLS: &[&str] =
    &["pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "writev", "sendto", "write"];

/// What the record shows, in order.
enum Event {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    Remove {
        file: String,
    },
    /// A sync that was over here had begun after so many events.
    Synced {
        file: String,
        begun: usize,
    },
    Answered,
}

/// `\x2f\x74…` as bytes.
fn decode(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|it| u8::from_str_radix(it.get(..2).unwrap(), 16).unwrap()).collect()
}

fn quoted(rest: &str) -> Vec<u8> {
    rest.split_once('"')
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or(Vec::new(), |(text, _)| decode(text))
}

/// The file's name, where it is one of the database's below `data`.
fn database_file(path: &[u8], data: &Path) -> Option<String> {
    let path = Path::new(std::str::from_utf8(path).ok()?);
    let name = path.strip_prefix(data).ok()?.to_str()?;
    // What is shared between processes is made anew at each start.
    (name.starts_with("karibarai.db") && !name.ends_with("-shm")).then(|| name.to_owned())
}

fn events(record: &str, data: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    // Syncs that a thread waits for.
    let mut waiting: BTreeMap<&str, (String, usize)> = BTreeMap::new();
    for line in record.lines() {
        if line.contains("sync resumed>") {
            let pid = line.split_once(' ').unwrap().0;
            if let Some((file, begun)) = waiting.remove(pid)
                && line.trim_end().ends_with("= 0")
            {
                events.push(Event::Synced { file, begun });
            }
            continue;
        }
        let Some((pid, call, rest)) = calls(line).next() else { continue };
        let of_descriptor =
            || rest.split_once('<').and_then(|(_, it)| it.split_once('>')).map(|(path, _)| decode(path));
        if matches!(call, "writev" | "sendto" | "write") {
            if quoted(rest).starts_with(b"HTTP/1.1 200") {
                events.push(Event::Answered);
            }
            continue;
        }
        let path = if call == "unlink" { Some(quoted(rest)) } else { of_descriptor() };
        let Some(file) = path.and_then(|it| database_file(&it, data)) else { continue };
        let number = |back: usize| -> usize {
            let inner = rest.rsplit_once(") = ").map_or_else(
                || rest.trim_end_matches("<unfinished ...>").trim_end().trim_end_matches([',', ')']),
                |(inner, _)| inner.trim_end().trim_end_matches(')'),
            );
            inner.rsplit(", ").nth(back).unwrap().trim().parse().unwrap()
        };
        match call {
            "pwrite64" => events.push(Event::Write { file, at: number(0), bytes: quoted(rest) }),
            "ftruncate" => events.push(Event::Truncate { file, length: number(0) }),
            "unlink" => events.push(Event::Remove { file }),
            _ if rest.contains("<unfinished") => {
                waiting.insert(pid, (file, events.len()));
            }
            _ if rest.trim_end().ends_with("= 0") => {
                let begun = events.len();
                events.push(Event::Synced { file, begun });
            }
            _ => {}
        }
    }
    events
}

/// The database's files as a power cut after `until` events leaves them.
fn disk(events: &[Event], until: usize, base: &Path, dice: &mut Dice) -> BTreeMap<String, Vec<u8>> {
    let mut synced: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events[..until] {
        if let Event::Synced { file, begun } = event {
            let known = synced.entry(file).or_default();
            *known = (*known).max(*begun);
        }
    }
    let mut files = BTreeMap::new();
    files.insert("karibarai.db".to_owned(), fs::read(base.join("karibarai.db")).unwrap());
    for (n, event) in events[..until].iter().enumerate() {
        let safe = |file: &str| synced.get(file).is_some_and(|it| n < *it);
        match event {
            Event::Write { file, at, bytes } => {
                let whole = safe(file);
                let image: &mut Vec<u8> = files.entry(file.clone()).or_default();
                for (part, bytes) in bytes.chunks(SECTOR).enumerate() {
                    if !whole && dice.below(2) == 0 {
                        continue;
                    }
                    let at = at + part * SECTOR;
                    image.resize(image.len().max(at + bytes.len()), 0);
                    image[at..at + bytes.len()].copy_from_slice(bytes);
                }
            }
            Event::Truncate { file, length } if safe(file) => {
                files.entry(file.clone()).or_default().resize(*length, 0);
            }
            Event::Remove { file } if dice.below(2) == 0 => {
                files.remove(file);
            }
            _ => {}
        }
    }
    files
}

struct Found {
    cuts: usize,
    answered: usize,
    /// Cuts after which an answered delivery was missing, or the ledger was broken.
    losing: usize,
}

/// Records a run with `more` before the program, cuts the power at sampled moments and looks.
async fn cut(more: &[&str], battery: &str) -> Found {
    let deliveries: u64 = if long() { 60 } else { 16 };
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("case");
    fs::create_dir(&folder).unwrap();
    let place = founded(&folder, BEFORE).await;
    let (base, record) = (root.path().join("base"), root.path().join("record"));
    copy(&place.data(), &base);
    let mut before = trace::watch(&record, CALLS, 1 << 20);
    before.extend(more.iter().map(|it| (*it).to_owned()));
    let run = place.serve(&before);
    let url = run.url().unwrap();
    let sender = Sender::new();
    for message in 1..=deliveries {
        assert_eq!(sender.deliver(&url, 1_000_000 + message).await, Some(200));
    }
    run.kill();
    let text = String::from_utf8(fs::read(&record).unwrap()).unwrap();
    let events = events(&text, &place.data());
    let answers = events.iter().filter(|it| matches!(it, Event::Answered)).count();
    assert_eq!(answers as u64, deliveries, "each answer is in the record");
    let mut dice = Dice::new(battery);
    // Right behind each answer, and anywhere.
    let mut moments: BTreeSet<usize> =
        (0..events.len()).filter(|it| matches!(events[*it], Event::Answered)).map(|it| it + 1).collect();
    let others: Vec<usize> = (1..=events.len()).collect();
    moments.extend(dice.sample(others, 24));
    let mut found = Found { cuts: 0, answered: answers, losing: 0 };
    for moment in moments {
        let answered = events[..moment].iter().filter(|it| matches!(it, Event::Answered)).count() as u64;
        let there = root.path().join("cut");
        let _ = fs::remove_dir_all(&there);
        copy(&base, &there);
        for (name, bytes) in disk(&events, moment, &base, &mut dice) {
            fs::write(there.join(name), bytes).unwrap();
        }
        found.cuts += 1;
        let whole = async {
            let store = Store::open(&there.join("karibarai.db")).await.ok()?;
            let checked = upkeep::check(&store, &there, None).await.ok()?;
            let recorded: BTreeSet<u64> = messages(&store).await.into_iter().collect();
            let all = (1..=BEFORE).chain(1_000_001..=1_000_000 + answered).all(|it| recorded.contains(&it));
            (checked.intact() && all).then_some(())
        };
        found.losing += usize::from(whole.await.is_none());
    }
    println!("{battery}: {} answers, {} cuts, {} with a loss", found.answered, found.cuts, found.losing);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_takes_nothing_that_was_answered() {
    let found = cut(&[], "power cuts").await;
    assert!(found.cuts > 20);
    assert_eq!(found.losing, 0, "of {} power cuts", found.cuts);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_syncing_the_same_power_cuts_take_what_was_answered() {
    let found = cut(&["-E", "LD_PRELOAD=libeatmydata.so"], "power cuts without syncing").await;
    assert!(found.losing > 0, "{} power cuts took nothing: the check sees no fault", found.cuts);
}
