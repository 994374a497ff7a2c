//! How thick reports are divided.

use super::*;
use crate::export::rows::People;
use crate::proof::bundle::{Chain, Counts, Filter, Manifest};

fn manifest(messages: u64) -> Manifest {
    Manifest {
        format: String::new(),
        version: 1,
        program: String::new(),
        ledger: "0123".to_owned(),
        room: crate::domain::RoomId(5),
        room_name: Some("部屋".to_owned()),
        filter: Filter::default(),
        tree_size: 9,
        chain: Chain { first: 1, last: 2 },
        counts: Counts { messages, ..Counts::default() },
        gaps: Vec::new(),
        exposure: None,
        people: Vec::new(),
        files: Vec::new(),
    }
}

/// What is written of so many messages of 65,535 characters each.
fn written(messages: u64, counted: u64) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(counted);
    let people = People::of(&manifest);
    let cover = Cover {
        manifest: &manifest,
        room_name: "部屋",
        from: "",
        to: "2026-11-30",
        root: "0123456789abcdef",
        people: Vec::new(),
        gaps: Vec::new(),
        others_withheld: false,
        secrets_withheld: false,
    };
    let mut volumes = Volumes::begin(folder.path(), &people, &cover).unwrap();
    for n in 0..messages {
        let body = Body::Text("あ".repeat(65_535));
        let first = VersionView { n, at: String::new(), observed: String::new(), body, state: "shown" };
        let article = Article {
            day: None,
            recorded: UtcMillis(0),
            first,
            later: Vec::new(),
            gone: Vec::new(),
            name: "山田".to_owned(),
            role: "発注者",
            sent: String::new(),
            automatic: false,
            begins_before: false,
            link: String::new(),
        };
        volumes.article(&article).unwrap();
    }
    let made = volumes.finish().unwrap();
    (folder, made)
}

#[test]
fn what_is_too_thick_for_one_file_goes_on_in_another() {
    let (folder, made) = written(15, 15);
    assert_eq!(made, ["report.pdf", "report-2.pdf"]);
    let sizes = made.iter().map(|it| fs::metadata(folder.path().join(it)).unwrap().len());
    assert!(sizes.min() > Some(20_000));
}

#[test]
fn what_is_too_much_for_paper_is_declared_and_not_half_shown() {
    let (one, made) = written(2, MAX_LISTED + 1);
    assert_eq!(made, ["report.pdf"]);
    let (two, _) = written(0, MAX_LISTED + 1);
    let read = |it: &tempfile::TempDir| fs::read(it.path().join("report.pdf")).unwrap();
    assert!(read(&one) == read(&two));
}
