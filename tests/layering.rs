//! Holds the direction of imports: a module may use only what stands in its row, always downward.

#![expect(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Module and what it may import. The order is the one in which `src/lib.rs` is to be read, lowest first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("metrics", &[]),
    ("platform", &[]),
    ("proof", &["domain"]),
    ("files", &["platform", "domain"]),
    ("sandbox", &[]),
    ("chatwork", &["domain"]),
    ("detect", &["domain", "chatwork"]),
    ("cases", &["domain"]),
    ("config", &["platform", "domain", "cases"]),
    ("store", &["platform", "domain", "proof"]),
    ("ledger", &["platform", "domain", "proof", "store"]),
    ("import", &["domain", "files", "store", "ledger"]),
    ("search", &["domain", "store"]),
    ("reply", &["domain", "metrics", "chatwork", "cases", "config", "store", "ledger"]),
    ("receive", &["domain", "metrics", "chatwork", "store", "ledger"]),
    ("reconcile", &["domain", "metrics", "files", "chatwork", "config", "store", "ledger"]),
    ("desk", &["domain", "chatwork", "cases", "config", "reply", "store", "ledger"]),
    (
        "follow",
        &[
            "platform", "domain", "metrics", "chatwork", "detect", "cases", "config", "reply", "proof",
            "store", "ledger", "search", "desk",
        ],
    ),
    ("backtest", &["domain", "chatwork", "detect", "cases", "config", "reply", "store", "follow"]),
    ("anchor", &["platform", "domain", "proof", "store", "ledger"]),
    ("objects", &["platform", "domain", "files", "proof", "store", "ledger"]),
    ("export", &["platform", "domain", "files", "chatwork", "proof", "store", "ledger", "follow", "anchor"]),
    (
        "upkeep",
        &[
            "platform", "domain", "files", "chatwork", "detect", "cases", "reply", "proof", "store",
            "ledger", "follow", "anchor", "objects",
        ],
    ),
    ("doctor", &["platform", "domain", "chatwork", "config", "store", "anchor", "upkeep"]),
    (
        "review",
        &[
            "domain",
            "metrics",
            "files",
            "chatwork",
            "cases",
            "config",
            "reply",
            "proof",
            "store",
            "ledger",
            "search",
            "reconcile",
            "desk",
            "upkeep",
            "anchor",
            "export",
            "detect",
            "backtest",
        ],
    ),
    (
        "app",
        &[
            "platform",
            "domain",
            "metrics",
            "proof",
            "files",
            "chatwork",
            "detect",
            "cases",
            "config",
            "store",
            "ledger",
            "search",
            "reply",
            "receive",
            "reconcile",
            "desk",
            "follow",
            "anchor",
            "objects",
            "export",
            "review",
            "upkeep",
            "doctor",
        ],
    ),
    ("setup", &["platform", "domain", "chatwork", "detect", "config", "store", "upkeep", "backtest", "app"]),
    (
        "cli",
        &[
            "platform",
            "backtest",
            "domain",
            "metrics",
            "proof",
            "files",
            "sandbox",
            "chatwork",
            "detect",
            "cases",
            "config",
            "store",
            "ledger",
            "search",
            "import",
            "reply",
            "receive",
            "reconcile",
            "desk",
            "follow",
            "anchor",
            "objects",
            "export",
            "review",
            "upkeep",
            "doctor",
            "app",
            "setup",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn words_after<'a>(line: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(mark).skip(1).map(|rest| {
        let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn imports_go_downward_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 40, "the sources were not found");
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let module = module_of(inside);
        if module == "lib" || module == "main" {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: module `{module}` stands in no row", inside.display()));
            continue;
        };
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words_after(code, "crate::").filter(|word| *word != module) {
                if !allowed.contains(&word) {
                    wrong.push(format!("src/{}:{}: {module} -> {word}", inside.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_itself_has_no_cycle() {
    for (position, (name, allowed)) in ALLOWED.iter().enumerate() {
        for other in *allowed {
            let place = ALLOWED.iter().position(|(name, _)| name == other);
            assert!(
                place.is_some_and(|it| it < position),
                "{name} may import {other}, which does not stand below it"
            );
        }
    }
}
