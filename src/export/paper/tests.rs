//! Lines, and files that are the same twice.

use super::face::Face;
use super::wrap::{printable, wrap};
use super::*;

fn face() -> &'static Face {
    Face::get().unwrap()
}

#[test]
fn what_cannot_be_seen_is_named() {
    for (text, expected) in [
        ("追加3本、🙏🏻お願い", "追加3本、〔U+1F64F U+1F3FB〕お願い"),
        ("a\u{202e}b\r\n\tc", "a〔U+202E〕b\n    c"),
        ("葛\u{e0100}", "葛"),
        ("♪\u{fe0f}", "♪"),
        ("\u{0}", "〔U+0000〕"),
        ("a\u{1680}b", "a b"),
        ("﷽", "〔U+FDFD〕"),
    ] {
        assert_eq!(printable(text, face()), expected, "{text:?}");
    }
}

#[test]
fn lines_break_where_japanese_breaks_and_nothing_is_lost() {
    // Five full-width characters a line.
    let lines = |text| wrap(text, face(), 10.0, 50.0);
    assert_eq!(lines("ああああああ"), ["あああああ", "あ"]);
    // No line begins with a closing mark or a small kana, none ends with an opening one.
    assert_eq!(lines("あああああ。い"), ["ああああ", "あ。い"]);
    assert_eq!(lines("ああああ「い」"), ["ああああ", "「い」"]);
    assert_eq!(lines("ああああシャツ"), ["ああああ", "シャツ"]);
    assert_eq!(lines("あ\n\nい"), ["あ", "", "い"]);
    assert_eq!(lines(""), [""]);
    // Longer than a line, with nowhere to break.
    let long = "x".repeat(200);
    assert!(lines(&long).len() > 3 && lines(&long).concat() == long);
}

proptest::proptest! {
    #[test]
    fn any_text_fits_the_column(text in "\\PC{0,80}", width in 20.0_f32..200.0) {
        let plain = printable(&text, face());
        proptest::prop_assert!(plain.chars().all(|it| face().glyph(it).is_some()));
        let lines = wrap(&text, face(), 9.0, width);
        for line in &lines {
            proptest::prop_assert!(face().width(line, 9.0) <= width + 0.01, "{line}");
        }
        let bare = |it: &str| it.split_whitespace().collect::<String>();
        proptest::prop_assert_eq!(bare(&lines.concat()), bare(&plain));
    }
}

#[test]
fn the_same_pages_are_the_same_file() {
    let make = || {
        let mut paper = Paper::new().unwrap();
        paper.heading("見出し", TITLE);
        paper.table(&[1.0, 2.0], Some(&["項目", "言葉"]), &[vec!["金額".to_owned(), "5,000円".repeat(400)]]);
        paper.shows(Some(7));
        paper.text(&"行\n".repeat(100), BODY);
        assert!(paper.pages() > 2);
        let frame =
            Frame { title: "題", head: "頭", mark: "甲第1号証", root: "0123", at: UtcMillis(0) };
        paper.finish(&frame).unwrap()
    };
    let first = make();
    assert!(first.starts_with(b"%PDF-1.7") && first == make());
}
