//! The package's parts against other programs' readings of them, and against changed bytes.

use std::io::{Cursor, Read as _};

use proptest::prelude::*;

use super::*;
use crate::domain::Digest;
use crate::proof::tree::{leaf_hash, root_of};
use crate::proof::verify::Content;

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        packer.add(path, &mut &bytes[..]).unwrap();
    }
    packer.finish().unwrap().into_inner()
}

const FILES: &[(&str, &[u8])] = &[
    ("README.txt", "これは証拠のまとまりです。これは証拠のまとまりです。\n".as_bytes()),
    ("entries.jsonl", b"{\"entry\":\"a\"}\n{\"entry\":\"a\"}\n{\"entry\":\"a\"}\n"),
    ("files/ab", b"stored as it is"),
    ("proof/empty", b""),
    ("manifest.json", b"{}"),
];

#[test]
fn another_zip_library_reads_what_we_write() {
    let bytes = packed(FILES);
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.len(), FILES.len());
    for (index, (path, content)) in FILES.iter().enumerate() {
        let mut file = archive.by_index(index).unwrap();
        assert_eq!(file.name().unwrap(), *path);
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, *content);
    }
    let mut ours = Container::open(Cursor::new(&bytes)).unwrap();
    for (path, content) in FILES {
        let mut read = Vec::new();
        let sums = ours.extract(path, &mut read).unwrap();
        assert_eq!((read.as_slice(), sums.size), (*content, content.len() as u64));
    }
}

/// What a reader gets of the file: headers, contents and hashes of the packed bytes.
fn reading(bytes: &[u8]) -> Option<Vec<(String, Packed)>> {
    let mut container = Container::open(Cursor::new(bytes)).ok()?;
    let paths: Vec<String> = container.paths().map(str::to_owned).collect();
    paths
        .into_iter()
        .map(|path| {
            let sums = container.extract(&path, &mut std::io::sink()).ok()?;
            Some((path, sums))
        })
        .collect()
}

#[test]
fn no_byte_of_the_container_can_change_unseen() {
    let bytes = packed(FILES);
    let good = reading(&bytes).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << bit;
            assert_ne!(reading(&bent).as_ref(), Some(&good), "byte {at} bit {bit}");
        }
        assert_eq!(reading(&bytes[..at]), None, "cut at {at}");
        assert!(is_ours(&bytes[..at.max(40)], &bytes[bytes.len() - 64..]));
    }
    assert_eq!(reading(&[&bytes[..], b"x"].concat()), None);
    assert_eq!(reading(&[b"x", &bytes[..]].concat()), None);
}

#[test]
fn unsafe_paths_are_refused() {
    for path in ["", "/a", "../a", "a/../b", "a//b", "a\\b", ".hidden", "a b", "あ", "C:a", "a/"] {
        assert!(!is_safe_path(path), "{path}");
    }
    assert!(is_safe_path("proof/anchors/12-freetsa.tsr"));
}

#[test]
fn a_line_has_one_form() {
    let entry = br#"{"v":1,"n":0}"#.to_vec();
    for content in [
        Content::None,
        Content::Withheld,
        Content::Erased,
        Content::Present { salt: [7; 32], bytes: "あ\"\n\u{1}".as_bytes().to_vec() },
        Content::Present { salt: [7; 32], bytes: vec![0xff, 0] },
    ] {
        let line = EntryLine { entry: entry.clone(), content }.to_line().unwrap();
        assert_eq!(EntryLine::parse(&line).unwrap().to_line().unwrap(), line);
        for other in [
            line.replacen("{\"entry", "{ \"entry", 1),
            line.replacen('}', ",\"x\":1}", 1),
            format!("{line} "),
            line.replacen("\"v\\", "\"\\u0076\\", 1),
        ] {
            assert!(other == line || EntryLine::parse(&other).is_err(), "{other}");
        }
    }
    for bad in [
        r#"{"entry":"{}","withheld":true,"erased":true}"#,
        r#"{"entry":"{}","salt":"00"}"#,
        r#"{"entry":"{}","content":"x"}"#,
        r#"{"entry":"{}","withheld":false}"#,
    ] {
        assert!(EntryLine::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is shown and wherever heads stand: the cover gives every root back.
    #[test]
    fn a_cover_leads_to_every_head(size in 0_u64..200, seed in any::<u64>(), heads in prop::collection::btree_set(0_u64..200, 0..6)) {
        let shown = |n: u64| (seed.rotate_left((n % 64) as u32) ^ n.wrapping_mul(0x9e37_79b9)) & 3 == 0;
        let leaves: Vec<Digest> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut cover = Cover::new();
        for n in 0..size {
            if heads.contains(&n) {
                cover.boundary();
            }
            if shown(n) { cover.shown() } else { cover.hidden(leaves[n as usize]) }
        }
        cover.boundary();
        let mut subtrees = cover.take().into_iter().peekable();
        let mut rebuilt = Rebuilt::default();
        while rebuilt.size() < size {
            let at = rebuilt.size();
            if heads.contains(&at) {
                prop_assert_eq!(rebuilt.root(), root_of(&leaves[..at as usize]));
            }
            match subtrees.next_if(|it| it.from == at) {
                Some(it) => {
                    prop_assert_eq!(Subtree::parse(&it.to_line()), Some(it.clone()));
                    prop_assert_eq!(rebuilt.subtree(&it), Ok(()));
                }
                None => {
                    prop_assert!(shown(at));
                    prop_assert_eq!(rebuilt.leaf(at, leaves[at as usize]), Ok(()));
                }
            }
        }
        prop_assert!(subtrees.next().is_none());
        prop_assert_eq!(rebuilt.root(), root_of(&leaves));
    }
}
