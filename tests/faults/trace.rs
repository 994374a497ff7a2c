//! `strace` as the one who lets a chosen system call fail, or ends the program in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

/// Calls by which the program changes what is on the disk.
pub(crate) const CALLS: &[&str] = &[
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "openat",
    "rename",
    "renameat2",
    "unlink",
    "mkdir",
    "copy_file_range",
];

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error(&'static str),
    Kill,
}

/// The `nth` such call of a thread fails; with a path, only calls on that file count.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) call: String,
    pub(crate) path: Option<String>,
    pub(crate) nth: u64,
    pub(crate) fault: Fault,
}

/// Faults that the call can have on a real machine.
pub(crate) fn faults(call: &str) -> Vec<Fault> {
    match call {
        "write" | "pwrite64" | "openat" | "mkdir" | "ftruncate" | "copy_file_range" => {
            vec![Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Kill]
        }
        // An interrupted sync is reported as such by some network file systems.
        "fsync" | "fdatasync" => {
            vec![Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Error("EINTR"), Fault::Kill]
        }
        _ => vec![Fault::Error("EIO"), Fault::Kill],
    }
}

fn base(out: &Path, quick: bool) -> Vec<String> {
    // The tracer is the grandchild: the program itself is whom the test started.
    let mut all: Vec<String> = ["strace", "-D", "-f", "-qq", "-y"].map(str::to_owned).into();
    if quick {
        all.push("--seccomp-bpf".to_owned());
    }
    all.extend(["-o".to_owned(), out.display().to_string()]);
    all
}

/// Records the calls and harms none; `shown` bytes of each string, as they are.
pub(crate) fn watch(out: &Path, calls: &[&str], shown: usize) -> Vec<String> {
    let mut all = base(out, true);
    all.extend(["-e".to_owned(), format!("trace={}", calls.join(","))]);
    all.extend(["-s".to_owned(), shown.to_string()]);
    if shown > 32 {
        all.push("-xx".to_owned());
    }
    all
}

impl Case {
    pub(crate) fn before(&self, out: &Path) -> Vec<String> {
        // With the quick way a signal is never sent.
        let mut all = base(out, self.fault != Fault::Kill);
        if let Some(path) = &self.path {
            all.extend(["-P".to_owned(), path.clone()]);
        }
        let fault = match self.fault {
            Fault::Error(name) => format!("error={name}"),
            Fault::Kill => "signal=SIGKILL".to_owned(),
        };
        all.extend(["-e".to_owned(), format!("trace={}", self.call)]);
        all.extend(["-s".to_owned(), "8".to_owned()]);
        all.extend(["-e".to_owned(), format!("inject={}:{fault}:when={}", self.call, self.nth)]);
        all
    }

    /// Whether the fault came to pass, and on the program's files alone: a wake-up or a line for the terminal that fails is
    /// no fault of a disk.
    pub(crate) fn happened(&self, out: &Path, folder: &Path, status: ExitStatus) -> Option<Happened> {
        let text = String::from_utf8_lossy(&fs::read(out).unwrap_or_default()).into_owned();
        let folder = folder.display().to_string();
        match self.fault {
            Fault::Kill => (status.signal() == Some(9)).then_some(Happened::OnFiles),
            Fault::Error(_) => {
                let hit: Vec<&str> = text.lines().filter(|it| it.contains("(INJECTED)")).collect();
                if hit.is_empty() {
                    return None;
                }
                // A call that was interrupted in the record shows its file on the line before.
                let on_files = hit.iter().all(|it| it.contains(&folder) || it.contains("resumed>"));
                Some(if on_files { Happened::OnFiles } else { Happened::Elsewhere })
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    OnFiles,
    Elsewhere,
}

/// One line of a record: who, which call, and everything behind.
pub(crate) fn calls(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    text.lines().filter_map(|line| {
        let (pid, rest) = line.split_once(' ')?;
        let (call, rest) = rest.trim_start().split_once('(')?;
        call.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_').then_some((pid, call, rest))
    })
}

/// The file of a call: of its descriptor, or the first that it names.
pub(crate) fn file_of(rest: &str) -> Option<&str> {
    let of_descriptor = || rest.split_once('<')?.1.split_once('>').map(|(path, _)| path);
    if rest.starts_with(|it: char| it.is_ascii_digit()) {
        return of_descriptor();
    }
    rest.split_once('"')?.1.split_once('"').map(|(path, _)| path)
}

/// How often each call was made on each file below `folder`, by the thread that made it most often.
pub(crate) fn on_files(out: &Path, folder: &Path) -> BTreeMap<(String, String), u64> {
    let text = String::from_utf8_lossy(&fs::read(out).unwrap()).into_owned();
    let folder = folder.display().to_string();
    let mut by_thread: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for (pid, call, rest) in calls(&text) {
        let Some(path) = file_of(rest).filter(|it| it.starts_with(&folder)) else { continue };
        // What only looks at a file harms nothing; it is told apart by its flags.
        if call == "openat" && rest.contains("O_RDONLY") {
            continue;
        }
        *by_thread.entry((call.to_owned(), path.to_owned(), pid.to_owned())).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((call, path, _), count) in by_thread {
        let known = most.entry((call, path)).or_insert(0);
        *known = count.max(*known);
    }
    most
}

/// Places in each thread's row of such calls that fall on files below `folder`: for runs whose file names are new each time.
pub(crate) fn places(out: &Path, folder: &Path) -> Vec<(String, u64)> {
    let text = String::from_utf8_lossy(&fs::read(out).unwrap()).into_owned();
    let folder = folder.display().to_string();
    let mut rows: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut found, mut elsewhere) = (BTreeSet::new(), 0);
    for (pid, call, rest) in calls(&text) {
        let nth = rows.entry((call.to_owned(), pid.to_owned())).or_default();
        *nth += 1;
        let place = (call.to_owned(), *nth);
        if !file_of(rest).is_some_and(|it| it.starts_with(&folder)) {
            if call == "write" {
                elsewhere = elsewhere.max(*nth);
            }
        } else if !(call == "openat" && rest.contains("O_RDONLY")) {
            found.insert(place);
        }
    }
    // A thread that cannot wake another hangs for ever, which is no disk's fault: those come early in the row of each thread.
    found.into_iter().filter(|(call, nth)| call != "write" || *nth > elsewhere + 2).collect()
}
