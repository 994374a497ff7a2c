//! Every command line of `karibarai` that the manuals show is one that the program takes, run on a record with a case.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::Bot;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What runs until it is stopped, asks, or belongs to a machine of its own: its options are checked, it is not run.
const NOT_RUN: &[&str] = &["serve", "setup", "sandbox", "demo", "--follow", "manual"];
/// What rests on files and entries that this record does not have: its options are still read.
const STRANGERS: &[&str] = &["/backup", "proof 120", "screen.png", "detect", "--objects", "/srv/copy"];

fn manuals() -> Vec<PathBuf> {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|it| it.unwrap().path());
    let docs = docs.filter(|it| it.extension().is_some_and(|it| it == "md"));
    ["README.md", "README.ja.md"].map(|it| Path::new(ROOT).join(it)).into_iter().chain(docs).collect()
}

/// Lines of code blocks that begin with the program's name, without what is said about them, cut at pipes.
fn commands() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in manuals() {
        for line in fs::read_to_string(path).unwrap().lines() {
            if !(line.starts_with("    ") || line.starts_with("   ") || line.starts_with("karibarai ")) {
                continue;
            }
            let Some(rest) = line.trim_start().strip_prefix("karibarai ") else { continue };
            let rest = rest.split(" #").next().unwrap_or_default();
            let rest = rest.split(['|', '>', ';', '&']).next().unwrap_or_default().trim();
            if rest.is_ascii() || !rest.contains(['。', '、', '：', '（']) {
                found.insert(rest.to_owned());
            }
        }
    }
    found
}

fn run(bot: &Bot, folder: &Path, line: &str) -> (Option<i32>, String) {
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{} {line}", env!("CARGO_BIN_EXE_karibarai")))
        .env_clear()
        .envs(bot.settings())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manuals_tell_to_type_is_taken() {
    let all = commands();
    assert!(all.len() > 20, "{all:?}");
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    let other = bot.client_says("検収が終わりました。");
    bot.recorded(&other, 1).await;
    bot.settled().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["old.csv", "messages.csv"] {
        let rows = "date,name,body\n2026-10-01 10:00,山田,以前の発言です\n";
        fs::write(folder.path().join(name), rows).unwrap();
    }
    let mut wrong = Vec::new();
    for line in &all {
        let words = |it: &str| line.split_whitespace().any(|word| word == it);
        // The numbers of the manuals are examples.
        let own = line
            .replace("87654321", &bot.world.direct_room.to_string())
            .replace("--case 12", "--case 1")
            .replace("1789012345678901248", &other);
        let shown_alone = NOT_RUN.iter().any(|it| words(it)) || line.contains("/var/lib");
        let own = if shown_alone { format!("{own} --help") } else { own };
        let (code, said) = run(&bot, folder.path(), &own);
        let usage = said.contains("Usage:") || said.contains("error:");
        let stranger = STRANGERS.iter().any(|it| line.contains(it));
        let failed = !stranger && !matches!(code, Some(0 | 1));
        if usage || failed || said.contains("panicked") {
            wrong.push(format!("karibarai {line}: {code:?} {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    bot.finish().await;
}
