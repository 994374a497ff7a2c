//! The crash matrix: one system call fails, or the program dies in it; afterwards it starts again, everything that was
//! acknowledged is there, the ledger verifies to the bottom, and what was being made is whole or absent.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use karibarai::domain::{Clock as _, SystemClock};

use crate::program::{Place, Sender, copy, founded, told};
use crate::trace::{self, CALLS, Case, Fault, Happened, faults};
use crate::{Dice, environment, long};

/// Messages that are delivered while the fault is at work.
const BURST: u64 = 24;
/// Of the calls on one file that a long run tries one by one; what follows repeats them.
const DEEPEST: u64 = 40;
/// Cases for each that a sample is to have: some find no call to fail.
const SPARE: usize = 3;

/// What a run of cases came to.
#[derive(Default, Debug)]
struct Tally {
    /// Cases that the record of a harmless run gives.
    known: usize,
    tried: usize,
    happened: usize,
    /// The program ended by it, whether killed or refusing.
    ended: usize,
    acknowledged: usize,
    /// Cases after which something was missing, broken or stuck.
    failed: Vec<String>,
}

impl Tally {
    /// One case; a failure ends it alone, so that a run tells all of them.
    async fn hold(&mut self, what: &str, case: impl Future<Output = Outcome>) {
        self.tried += 1;
        match AssertUnwindSafe(case).catch_unwind().await {
            Ok(outcome) => {
                self.happened += usize::from(outcome.happened);
                self.ended += usize::from(outcome.ended);
                self.acknowledged += outcome.acknowledged;
            }
            Err(_) => self.failed.push(what.to_owned()),
        }
    }

    /// A sample of `count` is at its end when more than half as many faults came to pass: which calls a run makes depends on
    /// how its threads meet, so that some cases find no call to fail. `KARIBARAI_TESTS_SECONDS` ends a long form early.
    fn is_over(&self, began: Duration, count: usize) -> bool {
        if !long() && self.tried >= count && self.happened * 2 > count {
            return true;
        }
        let span = environment("KARIBARAI_TESTS_SECONDS").map(|it| Duration::from_secs(it.parse().unwrap()));
        long() && span.is_some_and(|it| SystemClock.monotonic() - began >= it)
    }

    fn finish(self, battery: &str, count: usize) {
        println!("{battery}: of {} known cases {self:?}", self.known);
        assert!(self.failed.is_empty(), "{battery}: {} of {} cases failed", self.failed.len(), self.tried);
        let sampled = if long() { self.tried } else { count.min(self.tried) };
        assert!(self.happened * 2 > sampled, "{battery}: most faults never came to pass");
    }
}

struct Outcome {
    happened: bool,
    ended: bool,
    acknowledged: usize,
}

/// One run of `serve` with the case's fault.
async fn faulty_serve(place: &Place, case: &Case) -> Outcome {
    let what = format!("{case:?}");
    let out = place.folder.join("strace.txt");
    let mut run = place.serve(&case.before(&out));
    let mut acknowledged = Vec::new();
    if let Some(url) = run.url() {
        let sender = Sender::new();
        for part in 0..3 {
            let first = 1_000_000 + part * BURST / 3;
            acknowledged.extend(sender.burst(&url, first..first + BURST / 3).await);
        }
    }
    let ended = !run.alive();
    let (status, said) = run.terminate();
    assert!(!said.contains("panicked"), "{what}: {said}");
    let happened = case.happened(&out, &place.folder, status).is_some();
    place.recovers(&acknowledged, &what).await;
    Outcome { happened, ended, acknowledged: acknowledged.len() }
}

/// All cases of a run that harms nothing, from its record.
async fn cases(place: &Place) -> Vec<Case> {
    let out = place.folder.join("strace.txt");
    let run = place.serve(&trace::watch(&out, CALLS, 8));
    let url = run.url().unwrap();
    let taken = Sender::new().burst(&url, 1_000_000..1_000_000 + BURST).await;
    assert_eq!(taken.len() as u64, BURST, "the run without a fault");
    assert!(run.terminate().0.success());
    let mut cases = Vec::new();
    for ((call, path), count) in trace::on_files(&out, &place.data()) {
        for nth in 1..=count.min(DEEPEST) {
            for fault in faults(&call) {
                cases.push(Case { call: call.clone(), path: Some(path.clone()), nth, fault });
            }
        }
    }
    // Calls on the log of the database are nearly all of them: the sample takes from each file alike.
    assert!(cases.len() > 200, "the record shows only {} places", cases.len());
    cases
}

/// A few of each call and file, `count` and some to spare; in the long form all, those of each file alike first.
fn choose(mut cases: Vec<Case>, dice: &mut Dice, count: usize) -> Vec<Case> {
    let count = if long() { cases.len() } else { SPARE * count };
    let mut chosen = Vec::new();
    while chosen.len() < count && !cases.is_empty() {
        let (call, path) = {
            let mut kinds: Vec<_> = cases.iter().map(|it| (it.call.clone(), it.path.clone())).collect();
            kinds.dedup();
            kinds.swap_remove(dice.below(kinds.len()))
        };
        let same: Vec<usize> =
            (0..cases.len()).filter(|at| cases[*at].call == call && cases[*at].path == path).collect();
        let taken = same[dice.below(same.len())];
        chosen.push(cases.remove(taken));
    }
    chosen
}

async fn serve_matrix(battery: &str, founded_before: bool, count: usize) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("case");
    let origin = root.path().join("origin");
    fs::create_dir(&origin).unwrap();
    if founded_before {
        // Where the cases will stand, since the settings name the folder.
        fs::create_dir(&folder).unwrap();
        founded(&folder, 6).await;
        fs::rename(folder.join("data"), origin.join("data")).unwrap();
    }
    let renew = || {
        let _ = fs::remove_dir_all(&folder);
        copy(&origin, &folder);
        Place::new(&folder)
    };
    let cases = cases(&renew()).await;
    let (mut tally, began) = (Tally { known: cases.len(), ..Tally::default() }, SystemClock.monotonic());
    for case in choose(cases, &mut Dice::new(battery), count) {
        if tally.is_over(began, count) {
            break;
        }
        tally.hold(&format!("{case:?}"), faulty_serve(&renew(), &case)).await;
    }
    assert!(tally.acknowledged > 0, "nothing was acknowledged: {tally:?}");
    tally.finish(battery, count);
}

#[tokio::test(flavor = "multi_thread")]
async fn receiving_on_a_ledger_survives_each_failing_call() {
    serve_matrix("serve on a ledger", true, 14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn founding_a_ledger_survives_each_failing_call() {
    serve_matrix("serve that founds its ledger", false, 10).await;
}

/// Messages in the ledger that a command works on.
const MESSAGES: u64 = 12;

/// What a command makes, if anything.
struct Making {
    battery: &'static str,
    arguments: &'static [&'static str],
    made: Option<&'static str>,
}

/// A command under each fault; afterwards the ledger is whole, what it made is whole or absent, and it works when repeated.
async fn command_matrix(making: Making, count: usize) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("case");
    let origin = root.path().join("origin");
    fs::create_dir(&folder).unwrap();
    let place = founded(&folder, MESSAGES).await;
    // For what restores.
    let backup = place.run(&["backup", "--out", "before.karibarai"]);
    assert!(backup.status.success(), "{}", told(&backup));
    fs::rename(&folder, &origin).unwrap();
    let renew = || {
        let _ = fs::remove_dir_all(&folder);
        copy(&origin, &folder);
    };
    renew();
    let out = root.path().join("strace.txt");
    let good = place.command(&trace::watch(&out, CALLS, 8), making.arguments).output().unwrap();
    assert!(good.status.success(), "{}", told(&good));
    let mut cases = Vec::new();
    for (call, nth) in trace::places(&out, &folder) {
        for fault in faults(&call) {
            cases.push(Case { call: call.clone(), path: None, nth, fault });
        }
    }
    // The writes that this leaves out, where the file has the same name each time.
    let named = |path: &str| path.starts_with(place.data().to_str().unwrap()) && !path.contains("/key-");
    for ((call, path), count) in trace::on_files(&out, &folder) {
        for nth in 1..=count.min(DEEPEST) {
            if call == "write" && named(&path) {
                let case = |fault| Case { call: call.clone(), path: Some(path.clone()), nth, fault };
                cases.extend(faults(&call).into_iter().map(case));
            }
        }
    }
    assert!(cases.len() > 40, "the record shows only {} places", cases.len());
    let (mut tally, began) = (Tally { known: cases.len(), ..Tally::default() }, SystemClock.monotonic());
    for case in choose(cases, &mut Dice::new(making.battery), count) {
        if tally.is_over(began, count) {
            break;
        }
        renew();
        let what = format!("{} {case:?}", making.battery);
        tally.hold(&what, faulty_command(&place, &case, &making, &out)).await;
    }
    tally.finish(making.battery, count);
}

/// One run of a command with the case's fault.
async fn faulty_command(place: &Place, case: &Case, making: &Making, out: &Path) -> Outcome {
    let what = format!("{} {case:?}", making.battery);
    let _ = fs::remove_file(out);
    let Some(ended) = place.run_traced(&case.before(out), making.arguments) else {
        panic!("{what}: it hangs")
    };
    let happened = case.happened(out, &place.folder, ended.status);
    assert!(
        happened == Some(Happened::Elsewhere) || !told(&ended).contains("panicked"),
        "{what}: {}",
        told(&ended)
    );
    place.sound(&what);
    if let Some(made) = making.made {
        let made = place.folder.join(made);
        assert!(made.exists() || !ended.status.success(), "{what}: done, but nothing was made");
        if made.exists() {
            let verified = place.run(&["verify", made.to_str().unwrap()]);
            assert_eq!(verified.status.code(), Some(0), "{what}: {}", told(&verified));
            fs::remove_file(&made).unwrap();
        }
    }
    let again = place.run(making.arguments);
    assert!(again.status.success(), "{what}, repeated: {}", told(&again));
    place.sound(&what);
    let mut found = place.messages().await;
    // Beside them, the bot's own notes.
    found.retain(|it| *it <= MESSAGES);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, (1..=MESSAGES).collect::<Vec<_>>(), "{what}");
    Outcome { happened: happened.is_some(), ended: !ended.status.success(), acknowledged: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_or_absent_whatever_call_fails() {
    let arguments = &["export", "--room", "55", "--out", "package.zip"];
    command_matrix(Making { battery: "export", arguments, made: Some("package.zip") }, 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_or_absent_whatever_call_fails() {
    let arguments = &["backup", "--out", "copy.karibarai"];
    command_matrix(Making { battery: "backup", arguments, made: Some("copy.karibarai") }, 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_the_old_or_the_new_whatever_call_fails() {
    let arguments = &["restore", "before.karibarai", "--aside"];
    command_matrix(Making { battery: "restore", arguments, made: None }, 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_the_old_or_the_new_whatever_call_fails() {
    command_matrix(Making { battery: "checkpoint", arguments: &["checkpoint"], made: None }, 5).await;
}

/// Once such a restore reported success, and the newest entries were gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_cannot_carry_its_log_into_the_file_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (folder, origin) = (root.path().join("case"), root.path().join("origin"));
    fs::create_dir(&folder).unwrap();
    let place = founded(&folder, MESSAGES).await;
    let backup = place.run(&["backup", "--out", "before.karibarai"]);
    assert!(backup.status.success(), "{}", told(&backup));
    copy(&folder, &origin);
    let arguments = &["restore", "before.karibarai", "--aside"];
    let making = Making { battery: "restore", arguments, made: None };
    let file = place.data().join("karibarai.db.restoring").display().to_string();
    for nth in 1..=2 {
        fs::remove_dir_all(&folder).unwrap();
        copy(&origin, &folder);
        let fault = Fault::Error("ENOSPC");
        let case = Case { call: "pwrite64".to_owned(), path: Some(file.clone()), nth, fault };
        let outcome = faulty_command(&place, &case, &making, &root.path().join("strace.txt")).await;
        assert!(outcome.happened && outcome.ended, "write {nth} into the file failed, and it said so");
    }
}
