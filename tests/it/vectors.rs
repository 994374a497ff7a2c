//! Three verifiers that share no code agree on good and damaged packages: the published ones, and new ones.

mod corpus;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

async fn write(folder: &Path) {
    let work = tempfile::tempdir().unwrap();
    let cases = corpus::cases(work.path()).await;
    for case in &cases {
        fs::write(folder.join(format!("{}.zip", case.name)), &case.bytes).unwrap();
        if let Some(note) = &case.known {
            fs::write(folder.join(format!("{}.note", case.name)), note).unwrap();
        }
    }
    let index = serde_json::to_string_pretty(&corpus::index(&cases)).unwrap() + "\n";
    fs::write(folder.join("index.json"), index).unwrap();
}

/// All that a verifier says of the corpus, against the index.
fn held_to_the_index(folder: &Path, program: &str, first: &[&str]) {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let cases = index["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let mut command = Command::new(program);
        command.args(first).arg(folder.join(case["file"].as_str().unwrap())).env_clear().current_dir(folder);
        if let Some(known) = case["known"].as_str() {
            command.arg("--known").arg(folder.join(known));
        }
        let output = command.output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.code() != case["exit"].as_i64().and_then(|it| i32::try_from(it).ok()) {
            wrong.push(format!("{case}: {} {said}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{program}:\n{}", wrong.join("\n"));
    assert!(cases.len() >= 20);
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier/verify.py")
}

fn all_agree(folder: &Path) {
    held_to_the_index(folder, env!("CARGO_BIN_EXE_karibarai"), &["verify"]);
    held_to_the_index(folder, "/usr/bin/env", &["python3", "-I", python().to_str().unwrap()]);
}

#[test]
fn the_published_corpus_is_judged_alike() {
    all_agree(&published());
}

#[test]
fn no_bent_byte_passes_the_second_verifier() {
    let good = fs::read(published().join("good.zip")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bent.zip");
    let long = crate::support::environment("KARIBARAI_TESTS_LONG").is_some();
    let step = if long { 1 } else { good.len() / 40 };
    for at in (0..good.len()).step_by(step) {
        let mut bent = good.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(&path, bent).unwrap();
        let output =
            Command::new("/usr/bin/env").args(["python3", "-I"]).arg(python()).arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "byte {at}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Also how the published corpus is made: with KARIBARAI_VECTORS set to a folder it is written there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_today_is_judged_alike() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).await;
    if let Some(to) = crate::support::environment("KARIBARAI_VECTORS") {
        write(Path::new(&to)).await;
    }
    all_agree(folder.path());
    let again = tempfile::tempdir().unwrap();
    write(again.path()).await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let read = |it: &Path| fs::read(it.join(&name)).unwrap();
        assert!(read(folder.path()) == read(again.path()), "{} differs the second time", name.display());
    }
}
