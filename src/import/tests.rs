//! What each kind of file gives, and what is refused.

use std::io::Read as _;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};
use proptest::prelude::*;

use super::encoding::{AsUtf8, Guess};
use super::*;

/// 23 November 2026, 10:00 in Japan.
const NOW: UtcMillis = UtcMillis(1_795_395_600_000);

fn guess(bytes: &[u8], part: usize) -> Option<&'static Encoding> {
    let mut guess = Guess::new(bytes);
    bytes.chunks(part).for_each(|it| guess.feed(it, false));
    guess.feed(b"", true);
    guess.found()
}

fn table(text: &str) -> Result<Vec<Parsed>, ImportError> {
    csv::Table::new(text.as_bytes(), text, NOW)?.collect()
}

fn at(text: &str) -> UtcMillis {
    UtcMillis::parse(text).unwrap()
}

#[test]
fn encodings_of_office_programs_are_told_apart() {
    let text = "日時,本文\n髙橋①,追加で3本お願いします\n";
    let (japanese, _, unmappable) = SHIFT_JIS.encode(text);
    assert!(!unmappable, "code page 932 has the characters of Windows");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (bytes, name) in [
        (text.as_bytes().to_vec(), "UTF-8"),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "UTF-8"),
        (japanese.into_owned(), "Shift_JIS"),
        (utf16, "UTF-16LE"),
    ] {
        for part in [1, 2, 3, 7, 4096] {
            let found = guess(&bytes, part).unwrap();
            assert_eq!(found.name(), name);
            let mut back = String::new();
            AsUtf8::new(&bytes[..], found).read_to_string(&mut back).unwrap();
            assert_eq!(back, text, "{name} in parts of {part}");
        }
    }
    assert_eq!(guess(b"\x81", 4096), None);
    assert_eq!(guess(b"\xff\xff\x00", 4096), None);
}

#[test]
fn a_table_is_read_by_its_headings_and_keeps_all_columns() {
    let text = "ルームID,メッセージID,アカウントID,名前,送信日時,メッセージ,組織\n\
        567,1789012345678901248,123,山田,2026/11/01 10:15:30,\"追加で\n3本お願いします\",株式会社A\n\
        567,,,,,[delete],\n";
    let rows = table(text).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].place, rows[0].room, rows[0].account), (2, Some(RoomId(567)), Some(AccountId(123))));
    assert_eq!(rows[0].message, MessageId::new("1789012345678901248"));
    assert_eq!(rows[0].sent_at, Some(at("2026-11-01T01:15:30.000Z")));
    assert_eq!((rows[0].body.as_str(), rows[0].name.as_deref()), ("追加で\n3本お願いします", Some("山田")));
    assert_eq!(rows[0].record["組織"], "株式会社A");
    assert_eq!((rows[1].place, rows[1].sent_at, rows[1].body.as_str()), (4, None, "[delete]"));

    let tabs = "message_id\tsend_time\tbody\tbody\n5\t1700000000\ta,b\tc\n";
    let rows = table(tabs).unwrap();
    assert_eq!((rows[0].body.as_str(), rows[0].sent_at), ("a,b", Some(UtcMillis(1_700_000_000_000))));
    assert_eq!(rows[0].record["body#4"], "c");

    let apart = "日付,時刻,発言者,本文\n2026/11/01,10:15,山田,はい\n";
    let rows = table(apart).unwrap();
    assert_eq!(
        (rows[0].sent_at, rows[0].name.as_deref()),
        (Some(at("2026-11-01T01:15:00.000Z")), Some("山田"))
    );

    assert!(matches!(table("a,b\n1,2\n"), Err(ImportError::NoBodyColumn)));
    assert!(matches!(table("body,room_id\nx,abc\n"), Err(ImportError::Record { place: 2, .. })));
    assert!(matches!(table("body,room_id\nx,1,2\n"), Err(ImportError::Record { place: 2, .. })));
}

#[test]
fn our_own_lines_and_those_of_the_api_are_read() {
    let text = concat!(
        r#"{"n":1,"kind":"system.started","room_id":null,"message_id":null,"account_id":null,"body":null,"source":"system","source_time":null,"observed_at":"2026-11-23T01:00:00.000Z"}"#,
        "\n\n",
        r#"{"n":2,"kind":"message.created","room_id":5,"message_id":"17","account_id":9,"body":"はい","source":"poll","source_time":"2026-11-23T01:00:00.000Z","observed_at":"2026-11-23T01:00:01.000Z"}"#,
        "\n",
        r#"{"message_id":"18","account":{"account_id":9,"name":"Bob"},"body":"ok","send_time":1700000000,"update_time":0}"#,
        "\n",
    );
    let lines: Vec<Parsed> = lines::Lines::new(text.as_bytes(), NOW).map(Result::unwrap).collect();
    assert_eq!(lines.iter().map(|it| it.place).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((lines[0].room, lines[0].sent_at), (Some(RoomId(5)), Some(at("2026-11-23T01:00:00.000Z"))));
    assert_eq!((lines[1].name.as_deref(), lines[1].room), (Some("Bob"), None));
    for (bad, what) in [("{", "JSON"), ("[1]", "object"), ("{}", "body"), (r#"{"body":1}"#, "fields")] {
        let error = lines::Lines::new(bad.as_bytes(), NOW).next().unwrap().unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains(what), "{error}");
    }
}

#[test]
fn pasted_text_is_cut_at_name_and_time() {
    let text = "ログ\n\n2026年11月1日（日）\n山田 太郎\n10:15\n追加で3本お願いします。\n\n納期は10:30ごろの便で\n\n2026年11月2日\n佐藤\n11月2日 午後2:05 (編集済み)\n承知しました\n";
    let messages = paste::messages(text, NOW).unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].name.as_deref(), Some("山田 太郎"));
    assert_eq!(messages[0].sent_at, Some(at("2026-11-01T01:15:00.000Z")));
    assert_eq!(messages[0].body, "追加で3本お願いします。\n\n納期は10:30ごろの便で");
    assert_eq!((messages[1].name.as_deref(), messages[1].body.as_str()), (Some("佐藤"), "承知しました"));
    assert_eq!((messages[1].sent_at, messages[1].year_assumed), (Some(at("2026-11-02T05:05:00.000Z")), true));

    let one_line = "山田 2026/11/01 10:15\nはい\n佐藤　2026/11/01 10:16\nいいえ\n";
    let messages = paste::messages(one_line, NOW).unwrap();
    assert_eq!(messages.iter().map(|it| it.body.as_str()).collect::<Vec<_>>(), ["はい", "いいえ"]);
    assert!(matches!(paste::messages("何もありません", NOW), Err(ImportError::NoMessage)));
}

#[test]
fn times_are_read_in_japan_and_a_missing_year_is_said() {
    let read = |text: &str| when::cell(text, NOW).map(|it| (it.at.to_string(), it.year_assumed));
    for (text, at, assumed) in [
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000Z", false),
        ("2026-11-01T10:00:00.250+09:00", "2026-11-01T01:00:00.250Z", false),
        ("２０２６年１１月１日 10時05分", "2026-11-01T01:05:00.000Z", false),
        ("2026/1/2 0:00", "2026-01-01T15:00:00.000Z", false),
        ("12月31日 9:00", "2025-12-31T00:00:00.000Z", true),
        ("11月23日 9:00", "2026-11-23T00:00:00.000Z", true),
        ("2026/11/01 午前12:30", "2026-10-31T15:30:00.000Z", false),
        ("1700000000", "2023-11-14T22:13:20.000Z", false),
        ("1700000000123", "2023-11-14T22:13:20.123Z", false),
    ] {
        assert_eq!(read(text), Some((at.to_owned(), assumed)), "{text}");
    }
    for text in ["", "明日", "2026/13/01 10:00", "2026/02/30 10:00", "25:00", "10:00", "2026/11/01", "12345"]
    {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn a_saved_page_gives_what_chatwork_marks_as_messages() {
    let html = r#"<!DOCTYPE html><html><head><title>x</title><script>var a = "<div data-mid='1'>";</script></head><body>
        <div id="_messageId17" class="_message timelineMessage" data-mid="17" data-rid="567">
          <img class="_avatar" data-aid="123"><p class="_speakerName">山田</p>
          <div class="_timeStamp" data-tm="1700000000">11月15日</div>
          <pre>追加で&lt;3本&gt;<br>お願いします</pre></div>
        <div class="_message" data-mid="18" data-rid="567"><div data-mid="18"><span class="userName">佐藤</span>
          <div data-tm="1700000060"></div><pre>はい</pre></div></div></body></html>"#;
    let messages = page::messages(html, NOW).unwrap();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!((messages[0].room, messages[0].account), (Some(RoomId(567)), Some(AccountId(123))));
    assert_eq!(messages[0].message, MessageId::new("17"));
    assert_eq!(messages[0].sent_at, Some(UtcMillis(1_700_000_000_000)));
    assert_eq!(
        (messages[0].name.as_deref(), messages[0].body.as_str()),
        (Some("山田"), "追加で<3本>\nお願いします")
    );
    assert_eq!((messages[1].name.as_deref(), messages[1].body.as_str()), (Some("佐藤"), "はい"));

    let plain = "<html><body><h1>ログ</h1><div>山田</div><div>2026/11/01 10:15</div><p>はい<br>お願いします</p></body></html>";
    let messages = page::messages(plain, NOW).unwrap();
    assert_eq!((messages.len(), messages[0].body.as_str()), (1, "はい\nお願いします"));
    assert!(matches!(page::messages("<html><p>x</p></html>", NOW), Err(ImportError::NoMessage)));
}

#[test]
fn the_kind_of_file_is_told_by_its_beginning() {
    for (head, format) in [
        ("{\"body\":1}", Format::JsonLines),
        ("\u{feff}ルームID,メッセージ\n", Format::Csv),
        ("\"send_time\",\"body\"\n", Format::Csv),
        ("<!DOCTYPE html>", Format::Page),
        ("  <HTML>", Format::Page),
        ("山田, 本文\n10:15", Format::Pasted),
        ("", Format::Pasted),
    ] {
        assert_eq!(format::of_text(head), format, "{head}");
    }
    assert_eq!(format::picture(b"\x89PNG\r\n\x1a\n"), Some(Format::Picture));
    assert_eq!(format::picture(b"GIF89a"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), part in 1_usize..40) {
        if let Some(found) = guess(&bytes, part) {
            let mut text = String::new();
            AsUtf8::new(&bytes[..], found).read_to_string(&mut text).unwrap();
            let _ = (table(&text), paste::messages(&text, NOW), page::messages(&text, NOW));
            lines::Lines::new(text.as_bytes(), NOW).for_each(drop);
        }
    }

    #[test]
    fn arbitrary_pages_and_texts_never_panic(text in "(<[a-z/]{1,5}( data-mid=\"[0-9]{0,3}\")?>|[a-z ]{0,5}|[0-9]{1,2}:[0-9]{2}\n|2026/11/[0-9]{1,2}\n){0,30}") {
        let _ = (page::messages(&text, NOW), paste::messages(&text, NOW));
    }

    #[test]
    fn text_comes_back_from_shift_jis(text in "[ぁ-んァ-ヴa-z,\n]{0,200}") {
        let (bytes, _, unmappable) = SHIFT_JIS.encode(&text);
        prop_assume!(!unmappable && UTF_8.decode_without_bom_handling_and_without_replacement(&bytes).is_none());
        let mut back = String::new();
        AsUtf8::new(&bytes[..], guess(&bytes, 5).unwrap()).read_to_string(&mut back).unwrap();
        prop_assert_eq!(back, text);
    }
}
