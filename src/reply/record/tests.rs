//! The examples of `docs/format.md` are what the program reads and writes, letter by letter.

use super::*;

/// The examples of the section on decisions and the owner's words.
pub(super) fn examples() -> Vec<&'static str> {
    let text = include_str!("../../../docs/format.md");
    let (_, section) = text.split_once(". Contents of decisions, and of what the owner says\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter(|line| line.starts_with('{')).collect()
}

/// Read and written again.
pub(super) fn again<T: Serialize + serde::de::DeserializeOwned>(line: &str) -> String {
    serde_json::to_string(&serde_json::from_str::<T>(line).unwrap()).unwrap()
}

#[test]
fn the_documented_cases_and_decisions_are_read_and_written() {
    let mut seen = [0; 3];
    for line in examples() {
        let (n, written) = match line {
            line if line.contains("\"opened_at\"") => (0, again::<ChangedCase>(line)),
            line if line.contains("\"decided_n\"") => (1, again::<Ended>(line)),
            line if line.contains("\"confidence\"") => (2, again::<Decision>(line)),
            _ => continue,
        };
        seen[n] += 1;
        assert_eq!(written, line);
    }
    assert!(seen.iter().all(|it| *it > 0), "{seen:?}");
}

#[test]
fn a_decision_of_the_first_release_is_still_read() {
    let old = r#"{"purpose":"reminder","case":1,"post_room":2,"request":null,"why":"request","rules":"r","templates":"t","tier":"certain","confidence":0.9,"reasons":[],"text":"x","due_at":5}"#;
    let read: Decision = serde_json::from_str(old).unwrap();
    assert!(read.draft.is_none() && read.ends_draft.is_none() && read.target.is_none());
    let old = r#"{"case":1,"room":2,"client":3,"state":"reminded","from":null,"why":"request","request_message":"4","request_n":5,"opened_at":6,"terms":{"deliverable":null,"quantity":null,"amount":null,"deadline":null},"reminded":true}"#;
    let read: ChangedCase = serde_json::from_str(old).unwrap();
    assert!(read.moved_at.is_none() && read.messages.is_empty() && read.by.is_none());
}
