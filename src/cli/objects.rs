//! `verify` of the copy in an object storage.

use std::path::Path;

use crate::objects::{CheckedObjects, Objects, ObjectsError, check};

use super::problem::problem_words;
use super::terminal::{Busy, Terminal};
use super::{Exit, Language};

/// Findings of a kind that are named one by one.
const MAX_NAMED: usize = 100;

/// A folder of ledgers, each with its key beside its tiles.
pub(super) fn looks_like_copy(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else { return false };
    let mut folders = entries.filter_map(Result::ok).map(|it| it.path());
    folders.any(|it| it.join("tile").is_dir() && it.join("ledger.pub").is_file())
}

pub(super) async fn verify(
    objects: &Objects,
    known: Option<(&str, &str)>,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let busy = Busy::begin(terminal.words("確かめています", "checking"));
    let checked = check(objects, known).await;
    drop(busy);
    let (checked, met) = match checked {
        // A key or a head of ours that cannot be used was meddled with.
        Err(error @ (ObjectsError::Note(_) | ObjectsError::Ledger(_) | ObjectsError::Differs)) => {
            let damaged = terminal.words(
                "不一致: 写しの鍵か要約が壊れています",
                "does not fit: the key or the head of the copy is damaged",
            );
            terminal.say(&format!("{damaged}: {:#}", anyhow::anyhow!(error)));
            return Ok(Exit::No);
        }
        checked => checked?,
    };
    let mut problems: Vec<String> = checked.iter().flat_map(|it| problems(it, terminal)).collect();
    if let (false, Some((_, place))) = (met, known) {
        let words = terminal.words(
            "この記録の鍵で署名されたものではありません",
            "is not signed by this ledger's key over this ledger",
        );
        problems.push(format!("{place}: {words}"));
    }
    if problems.is_empty() {
        checked.iter().for_each(|it| show(it, terminal));
        return Ok(Exit::Done);
    }
    let words = terminal.words("不一致", "does not fit");
    problems.iter().for_each(|it| terminal.say(&format!("{words}: {it}")));
    Ok(Exit::No)
}

fn problems(checked: &CheckedObjects, terminal: &Terminal) -> Vec<String> {
    let found = &checked.report.problems;
    let mut problems: Vec<String> =
        found.list.iter().map(|it| problem_words(&it.at, &it.code, terminal.language)).collect();
    let more = found.total.saturating_sub(found.list.len() as u64);
    if more > 0 {
        problems.push(format!("… +{more}"));
    }
    let entry = terminal.words("記録", "entry");
    let file = terminal.words(
        "保存したファイルの写しがないか、中身が変わっています",
        "the copy of its file is missing, or was changed",
    );
    problems.extend(checked.bad_files.iter().take(MAX_NAMED).map(|n| format!("{entry} {n}: {file}")));
    let left = terminal
        .words("消去した内容が、写しに残っています", "its content was erased, and is still in the copy");
    problems.extend(checked.left.iter().take(MAX_NAMED).map(|n| format!("{entry} {n}: {left}")));
    let tile = terminal.words("記録と合いません（tile）", "is missing, or does not fit the entries");
    problems.extend(checked.bad_tiles.iter().take(MAX_NAMED).map(|name| format!("{name}: {tile}")));
    if !checked.own_key {
        let words = terminal.words(
            "公開鍵がこの記録のものではありません",
            "the public key is not the one that began this ledger",
        );
        problems.push(words.to_owned());
    }
    problems
}

fn show(checked: &CheckedObjects, terminal: &Terminal) {
    let id = checked.id.get(..12).unwrap_or(&checked.id);
    let (size, erased, files) = (checked.report.size, checked.report.erased, checked.files);
    terminal.say(&match terminal.language {
        Language::Ja => format!(
            "写し {id}: 改ざんなし、{size}件の記録を計算し直しました（内容の消去 {erased}件、ファイル {files}個）"
        ),
        Language::En => {
            format!("copy {id}: intact, {size} entries recomputed ({erased} contents erased, {files} files)")
        }
    });
}
