//! House rules that no compiler holds.

#![expect(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Production lines of one file; beyond it the file has two jobs.
const MAX_LINES: usize = 400;

/// Where Japanese may stand: what people read, and what Chatwork's notation and people's messages look like.
const JAPANESE: &[&str] = &[
    "src/chatwork/",
    "src/detect/",
    "src/reply/",
    "src/review/",
    "src/cli/",
    "src/export/",
    "src/sandbox/",
    "src/domain/time.rs",
    "src/follow/phrases.rs",
    "src/cases/agreement.rs",
    "src/cases/article3.rs",
    "src/cases/deadline.rs",
    "src/cases/deadline/",
    "src/cases/price.rs",
    "src/cases/quantity.rs",
    "src/desk/",
    "src/config/",
    "src/import/",
    "src/setup/",
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

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn every_file_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let mut complain = |what: &str| wrong.push(format!("{name}: {what}"));
        if !text.starts_with("//! ") {
            complain("does not begin with its one job");
        }
        if name.ends_with("/mod.rs") && name.matches('/').count() == 2 && !text.contains("\n//! Never: ") {
            complain("a module says what it never does");
        }
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        if !is_test_file(&name) && production.lines().count() > MAX_LINES {
            complain(&format!("{} production lines", production.lines().count()));
        }
        for forbidden in
            ["#[ignore", "should_panic", "super::super", "use crate::{", "unimplemented!", "todo!"]
        {
            if text.contains(forbidden)
                && !(forbidden == "super::super" && name.starts_with("src/store/sqlite/"))
            {
                complain(&format!("holds `{forbidden}`"));
            }
        }
        let system =
            ["std::os::", "cfg(unix)", "cfg(windows)", "cfg(target_os", "rustix::", "tokio::signal::unix"];
        if system.iter().any(|it| production.contains(it)) && !name.starts_with("src/platform/") {
            complain("knows one system alone; `platform` has both forms");
        }
        if production.lines().any(|it| it.contains("File::open(") && it.contains("sync_all"))
            && !name.starts_with("src/platform/")
        {
            complain("syncs what is open for reading, or a folder: not every system can");
        }
        for (number, line) in text.lines().enumerate() {
            if line.contains("cfg(test)")
                && text.lines().nth(number + 1).is_none_or(|it| !it.contains("mod tests"))
            {
                complain("has a test-only part outside `mod tests`");
            }
            if line.trim_start().starts_with("use ")
                && line.trim_end().ends_with("::*;")
                && line.contains("crate::")
            {
                complain("imports everything of a module");
            }
        }
        let japanese_may_stand = JAPANESE.iter().any(|it| name.starts_with(it)) || is_test_file(&name);
        let code = production.lines().filter(|it| !it.trim_start().starts_with("//"));
        if !japanese_may_stand && code.into_iter().any(|it| it.chars().any(is_japanese)) {
            complain("holds Japanese between lines of logic");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn is_japanese(it: char) -> bool {
    matches!(it, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

#[test]
fn the_top_level_holds_what_it_should() {
    let expected = [
        ".ci",
        ".git",
        ".github",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.ja.md",
        "README.md",
        "SECURITY.md",
        "benches",
        "config",
        "deploy",
        "docs",
        "src",
        "target",
        "tests",
        // What a running bot and its owner put there; git does not track them.
        "data",
        "karibarai.toml",
    ];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(expected.contains(&name.as_str()), "`{name}` does not belong on the top level");
    }
}
