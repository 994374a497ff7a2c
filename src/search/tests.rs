//! Search against plain substring search as the truth; the query language.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::domain::{AccountId, EntryKind, MessageId, RoomId, UtcMillis, fold};
use crate::store::{AnnexChange, AnnexStore as _, ArchiveRow, ImportedMessage, IndexRow};

const ROOM: RoomId = RoomId(500);

async fn store(folder: &tempfile::TempDir, bodies: &[String], indexed: usize) -> Store {
    let store = Store::open(&folder.path().join("search.db")).await.unwrap();
    let rows = bodies.iter().enumerate().map(|(n, body)| ArchiveRow::Version {
        n: EntryIndex(n as u64),
        kind: EntryKind::MessageCreated,
        room: ROOM,
        message: MessageId::new((1000 + n).to_string()).unwrap(),
        version: 1,
        account: AccountId(7 + n as u64 % 3),
        send_time: UtcMillis(n as i64 * 1000),
        update_time: None,
        observed_at: UtcMillis(n as i64 * 1000),
        body: body.clone(),
    });
    store.put_archive(EntryIndex(bodies.len() as u64), rows.collect()).await.unwrap();
    let rows = bodies.iter().take(indexed).enumerate().map(|(n, body)| IndexRow::Version {
        n: EntryIndex(n as u64),
        words: words(ROOM, AccountId(7 + n as u64 % 3), body),
    });
    store.put_index(INDEX_CURSOR, EntryIndex(indexed as u64), rows.collect(), true).await.unwrap();
    store
}

/// The same, but every fourth text is one that an import brought.
async fn mixed(folder: &tempfile::TempDir, bodies: &[String], indexed: usize) -> Store {
    let store = store(folder, bodies, indexed).await;
    let brought = || bodies.iter().enumerate().filter(|(n, _)| n % 4 == 3);
    let entries: Vec<EntryIndex> = brought().map(|(n, _)| EntryIndex(n as u64)).collect();
    let end = EntryIndex(bodies.len() as u64);
    let erased = ArchiveRow::Erased { entries: entries.clone() };
    store.put_archive(end, vec![erased]).await.unwrap();
    let changes = brought().map(|(n, body)| {
        AnnexChange::ImportedMessage(ImportedMessage {
            n: EntryIndex(n as u64),
            room: Some(ROOM),
            message: None,
            account: None,
            name: None,
            sent_at: None,
            body: body.clone(),
            deleted: false,
        })
    });
    store.put_annex(end, changes.collect()).await.unwrap();
    let mut rows = vec![IndexRow::Erased { entries }];
    rows.extend(brought().take_while(|(n, _)| *n < indexed).map(|(n, body)| IndexRow::Version {
        n: EntryIndex(n as u64),
        words: words_imported(Some(ROOM), None, body),
    }));
    store.put_index(INDEX_CURSOR, EntryIndex(indexed as u64), rows, false).await.unwrap();
    store
}

async fn all(store: &Store, query: &Query, limit: usize) -> Vec<u64> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = search(store, query, &SearchFilter::default(), before, limit).await.unwrap();
        found.extend(page.hits.iter().map(|it| it.row.n().0));
        match page.next {
            Some(next) => before = Some(next),
            None => return found,
        }
    }
}

/// Pieces that business chat is made of, with the spellings that differ.
const PIECES: [&str; 30] = [
    "検収",
    "納品",
    "追加で",
    "お願い",
    "いたします",
    "ﾊﾞﾅｰ",
    "バナー",
    "ばなー",
    "３枚",
    "3枚",
    "ＬＰ",
    "lp",
    "LP",
    "、",
    "。",
    "\n",
    " ",
    "　",
    "1本5,000円",
    "(税抜)",
    "\"見積\"",
    "it's",
    "が",
    "か\u{3099}",
    "😀",
    "❤\u{fe0f}",
    "[To:123]",
    "https://example.jp/a?b=c&d",
    "\u{200b}",
    "〜",
];

fn corpus() -> impl Strategy<Value = Vec<String>> {
    let text = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12);
    proptest::collection::vec(text.prop_map(|it| it.concat()), 20..60)
}

/// A word of 1 to 8 characters of some text of the corpus: no white space, and not cut within a letter and its mark.
fn picked(bodies: &[String], pick: usize, at: usize, len: usize) -> Option<String> {
    let body = bodies.get(pick % bodies.len())?;
    let chars: Vec<char> = body.chars().collect();
    let start = at % chars.len().max(1);
    let word: String = chars.get(start..(start + len).min(chars.len()))?.iter().collect();
    let mark = |c: char| matches!(c, '\u{3099}' | '\u{fe0f}' | 'ﾞ' | 'ﾟ');
    let cut = word.starts_with(mark) || chars.get(start + len).is_some_and(|it| mark(*it));
    (!word.is_empty() && !cut && !word.contains(char::is_whitespace) && !fold(&word).is_empty())
        .then_some(word)
}

/// A word that is no mark of the query language.
fn plain(word: &str) -> bool {
    !word.starts_with(['-', '－', '"']) && word != "OR"
}

#[test]
fn search_is_plain_substring_search_over_the_folded_text() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 16, ..Config::default() });
    let words = proptest::collection::vec((any::<usize>(), any::<usize>(), 1..9_usize), 40);
    runner
        .run(&(corpus(), words, any::<usize>()), |(bodies, words, indexed)| {
            let folder = tempfile::tempdir().unwrap();
            // A part of the texts may not have been read by the index yet.
            let store = runtime.block_on(mixed(&folder, &bodies, bodies.len() - indexed % 9));
            for (pick, at, len) in words {
                let Some(word) = picked(&bodies, pick, at, len) else { continue };
                for (exact, fits) in [
                    (false, &(|body: &str| fold(body).contains(&fold(&word))) as &dyn Fn(&str) -> bool),
                    (true, &|body: &str| body.contains(&word)),
                ] {
                    let query = if plain(&word) {
                        Query::parse(&word, exact)
                    } else {
                        Query::parse(&format!("\"{word}\""), exact)
                    };
                    let expected: Vec<u64> =
                        (0..bodies.len()).rev().filter(|n| fits(&bodies[*n])).map(|it| it as u64).collect();
                    prop_assert!(!expected.is_empty());
                    let found = runtime.block_on(all(&store, &query, 7));
                    prop_assert_eq!(found, expected, "{:?} exact={}", word, exact);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_language() {
    let bodies = [
        "検収は明日です",
        "納品は明日です",
        "検収と納品の両方",
        "まとめて 検収 しました",
        "A OR B",
        "-5度 と \"引用\"",
        "ﾊﾞﾅｰ３枚",
    ];
    let bodies: Vec<String> = bodies.iter().map(|it| (*it).to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &bodies, bodies.len()).await;
    for (query, exact, expected) in [
        ("検収", false, vec![3, 2, 0]),
        ("検収 納品", false, vec![2]),
        ("検収　納品", false, vec![2]),
        ("検収 OR 納品", false, vec![3, 2, 1, 0]),
        ("明日 検収 OR 納品", false, vec![1, 0]),
        ("検収 -納品", false, vec![3, 0]),
        ("-明日", false, vec![6, 5, 4, 3, 2]),
        ("\"て 検収\"", false, vec![3]),
        ("\"A OR\"", false, vec![4]),
        ("OR", false, vec![4]),
        ("\"-5度\"", false, vec![5]),
        ("\"", false, vec![5]),
        ("バナー3枚", false, vec![6]),
        ("ばなー", false, vec![6]),
        ("バナー", true, vec![]),
        ("ﾊﾞﾅｰ", true, vec![6]),
        ("a", false, vec![4]),
        ("a", true, vec![]),
        ("どこにもない", false, vec![]),
        ("", false, vec![6, 5, 4, 3, 2, 1, 0]),
        ("\u{200b}", false, vec![6, 5, 4, 3, 2, 1, 0]),
    ] {
        assert_eq!(all(&store, &Query::parse(query, exact), 2).await, expected, "{query}");
    }
    let page =
        search(&store, &Query::parse("バナー３枚", false), &SearchFilter::default(), None, 5).await.unwrap();
    let hit = &page.hits[0];
    assert_eq!(&hit.row.body()[hit.marks[0].clone()], "ﾊﾞﾅｰ３枚");
    let filter = SearchFilter { sender: Some(AccountId(8)), ..SearchFilter::default() };
    let page = search(&store, &Query::parse("", false), &filter, None, 5).await.unwrap();
    assert_eq!(page.hits.iter().map(|it| it.row.n().0).collect::<Vec<_>>(), [4, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_can_be_asked_for_alone() {
    let bodies: Vec<String> = (0..9).map(|n| format!("{n}番の納品です")).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = mixed(&folder, &bodies, 6).await;
    let imports = SearchFilter { imported: true, ..SearchFilter::default() };
    for (query, filter, expected) in [
        ("納品", &imports, vec![7, 3]),
        ("", &imports, vec![7, 3]),
        ("3番", &imports, vec![3]),
        ("2番", &imports, vec![]),
        // No account, no edits, no marks of detection, no time: none of these narrows to what an import does not tell.
        ("納品", &SearchFilter { sender: Some(AccountId(8)), ..SearchFilter::default() }, vec![4, 1]),
        ("納品", &SearchFilter { edited: true, ..SearchFilter::default() }, vec![]),
        ("納品", &SearchFilter { flag: Some(None), ..SearchFilter::default() }, vec![]),
        ("納品", &SearchFilter { to: Some(UtcMillis(2500)), ..SearchFilter::default() }, vec![2, 1, 0]),
        ("納品", &SearchFilter { room: Some(ROOM), ..imports.clone() }, vec![7, 3]),
        ("納品", &SearchFilter { room: Some(RoomId(1)), ..SearchFilter::default() }, vec![]),
    ] {
        let page = search(&store, &Query::parse(query, false), filter, None, 20).await.unwrap();
        let found: Vec<u64> = page.hits.iter().map(|it| it.row.n().0).collect();
        assert_eq!(found, expected, "{query} {filter:?}");
        assert!(
            page.hits.iter().all(|it| matches!(it.row, SearchRow::Imported(_)) == (it.row.n().0 % 4 == 3))
        );
    }
}

#[test]
fn no_query_breaks_the_expression_of_the_index() {
    let mut runner = TestRunner::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bodies = vec!["検収 AND NOT (x) \"y\" * ^ : col:1 {a}".to_owned()];
    let store = runtime.block_on(store(&folder, &bodies, 1));
    runner
        .run(&"[ -~\"'*^:(){}あ検収]{0,20}|.{0,20}", |text| {
            let query = Query::parse(&text, false);
            prop_assert!(
                runtime.block_on(search(&store, &query, &SearchFilter::default(), None, 3)).is_ok(),
                "{}",
                text
            );
            Ok(())
        })
        .unwrap();
}
