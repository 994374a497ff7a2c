//! `report.pdf`: what a court takes. Its text is read back by a program of others.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::evidence::{karibarai, story, text};

fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a PDF as a viewer copies it, without its line breaks: of whole pages, or of what stands between head and foot.
fn copied(pdf: &Path, part: &[&str]) -> String {
    let arguments = [part, &["-nopgbrk", pdf.to_str().unwrap(), "-"]].concat();
    told("pdftotext", &arguments).split_whitespace().collect::<Vec<_>>().join("")
}

const INNER: [&str; 8] = ["-x", "0", "-y", "60", "-W", "600", "-H", "725"];

#[tokio::test(flavor = "multi_thread")]
async fn the_report_on_paper_says_what_the_page_says() {
    let bot = story().await;
    bot.client_says(&format!(
        "[info][title]長い仕様[/title]{}[/info]",
        "なにごとも、確かめてから。".repeat(5_000)
    ));
    bot.client_says("葛\u{e0100}城さん\u{202e}fdp.exe\u{202c} を、ｶﾅで、한국어で、[To:1]\n\n[qt][qtmeta aid=1 time=2]前の話[/qt]Ω≒∮");
    bot.settled().await;
    bot.looked().await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let room = bot.world.direct_room.to_string();
    let made = karibarai(here, &["export", "--room", &room, "--out", "a.zip"], &bot.settings());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract('report.pdf', sys.argv[2])";
    told("python3", &["-c", script, here.join("a.zip").to_str().unwrap(), here.to_str().unwrap()]);
    let pdf = here.join("report.pdf");

    told("qpdf", &["--check", pdf.to_str().unwrap()]);
    let info = told("pdfinfo", &[pdf.to_str().unwrap()]);
    assert!(info.contains("A4") && info.contains("チャットの記録"), "{info}");
    let fonts = told("pdffonts", &[pdf.to_str().unwrap()]);
    let fonts: Vec<&str> = fonts.lines().skip(2).collect();
    assert!(!fonts.is_empty() && fonts.iter().all(|it| it.contains("IPAexGothic")), "{fonts:?}");
    // Embedded, a subset, with a map back to characters.
    assert!(fonts.iter().all(|it| it.matches("yes").count() == 3), "{fonts:?}");

    let (words, whole) = (copied(&pdf, &INNER), copied(&pdf, &[]));
    for wanted in [
        "1本5,000円",
        "1本3,000円",
        "編集されています",
        "後から削除されました",
        "この資料では開示していません",
        "見ていなかった時間",
        "甲第2号証ファイル見積書.pdf",
        "<script>alert(1)</script>〔U+1F600〕",
        "長い仕様",
        "葛城さん〔U+202E〕fdp.exe〔U+202C〕を、ｶﾅで",
        ">前の話",
        "Ω≒",
        "日本時間",
    ] {
        assert!(words.contains(wanted), "{wanted}");
    }
    assert!(words.matches("なにごとも").count() == 5_000, "{}", words.matches("なにごとも").count());
    assert!(!words.contains("hunter2"));
    // Every page has its number, the mark and the place of its proof.
    let pages = info.lines().find_map(|it| it.strip_prefix("Pages:")).unwrap().trim();
    for page in 1..=pages.parse::<usize>().unwrap() {
        assert!(whole.contains(&format!("{page}/{pages}")), "{page}");
    }
    let pages: usize = pages.parse().unwrap();
    assert_eq!(whole.matches("照合").count(), pages + 1, "the first page speaks of it");
    assert_eq!(whole.matches("甲第1号証").count(), pages);
    // Nothing in it leads anywhere or runs.
    let bytes = fs::read(&pdf).unwrap();
    for forbidden in ["/JavaScript", "/URI", "/Launch", "/EmbeddedFile"] {
        assert!(!bytes.windows(forbidden.len()).any(|it| it == forbidden.as_bytes()), "{forbidden}");
    }
    bot.finish().await;
}
