//! `verify` of an evidence package: the verdict, and where and why it does not fit.

use std::path::Path;

use anyhow::anyhow;

use crate::export::{self, Checked, Fault, FaultAt, OpenError, Remark};
use crate::proof::timestamp::Roots;

use super::problem::{problem_en, problem_ja};
use super::terminal::{Busy, Terminal};
use super::{Exit, Language};

/// Exit 2 where it is absent, unreadable or not a package.
pub(super) fn verify(
    path: &Path,
    known: Option<(&str, &str)>,
    roots: &Roots,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    if !path.exists() {
        return Err(anyhow!("there is nothing at {}", path.display()));
    }
    let busy = Busy::begin(terminal.words("確かめています", "checking"));
    let checked = export::check(path, known, roots);
    drop(busy);
    let checked = match checked {
        Ok(checked) => checked,
        Err(error @ OpenError::NotOurs) => return Err(anyhow!("{} {error}", path.display())),
        Err(error) => return Err(anyhow!(error).context(format!("{} cannot be checked", path.display()))),
    };
    if checked.intact() {
        intact(&checked, known.is_some(), terminal);
        return Ok(Exit::Done);
    }
    terminal.say(terminal.words(
        "不一致: この資料は、作られたときのままではありません",
        "does not fit: the package is not as it was made",
    ));
    for (at, fault) in &checked.faults.list {
        terminal.say(&format!("  {}: {}", place(at, terminal.language), words(fault, terminal.language)));
    }
    let more = checked.faults.total.saturating_sub(checked.faults.list.len() as u64);
    if more > 0 {
        terminal.say(&format!("  … +{more}"));
    }
    Ok(Exit::No)
}

fn intact(checked: &Checked, known: bool, terminal: &Terminal) {
    let Some(manifest) = &checked.manifest else { return };
    let ja = terminal.language == Language::Ja;
    let (counts, chain) = (&manifest.counts, &manifest.chain);
    terminal.say(&if ja {
        format!(
            "改ざんなし: ルーム {} の記録 {}件（通し番号 {}〜{}、抜けなし）、メッセージ {}件、編集 {}回",
            manifest.room, counts.entries, chain.first, chain.last, counts.messages, counts.edits
        )
    } else {
        format!(
            "intact: {} entries of room {} (numbers {} to {}, none missing), {} messages, {} edits",
            counts.entries, manifest.room, chain.first, chain.last, counts.messages, counts.edits
        )
    });
    if counts.withheld > 0 {
        terminal.say(&if ja {
            format!("開示していない内容: {}件（作成者が伏せたもの。改ざんではありません）", counts.withheld)
        } else {
            format!("withheld: {} contents were left out by who made the package; no damage", counts.withheld)
        });
    }
    if counts.erased > 0 {
        terminal.say(&if ja {
            format!("消去された内容: {}件（消去の記録があります。改ざんではありません）", counts.erased)
        } else {
            format!(
                "erased: {} contents were erased, and the erasures are recorded; no damage",
                counts.erased
            )
        });
    }
    terminal.say(&if ja {
        format!("記録台帳 {}（{}件の時点）", manifest.ledger, manifest.tree_size)
    } else {
        format!("ledger {} (at {} entries)", manifest.ledger, manifest.tree_size)
    });
    if known {
        terminal.say(terminal.words(
            "お手元の要約は、この資料の記録台帳の過去と一致します。",
            "the head that you know is in the past of this package's ledger",
        ));
    }
    for remark in &checked.remarks {
        terminal.say(&remark_words(remark, ja));
    }
    for anchor in &checked.anchors {
        let at = anchor.at.japan_text();
        terminal.say(&if ja {
            format!(
                "時刻認証: {}件の時点の記録が {at} までに存在したことを、{} が証明しています",
                anchor.size, anchor.authority
            )
        } else {
            format!(
                "time stamp: {} shows that the first {} entries existed at {at}",
                anchor.authority, anchor.size
            )
        });
    }
    if checked.anchors.is_empty() && !known {
        terminal.say(terminal.words(
            "外部で確かめるものがありません。分かるのは、この資料の中の記録どうしが一致することまでです。",
            "nothing outside confirms this package: what is shown is that its own records agree",
        ));
    }
}

fn remark_words(remark: &Remark, ja: bool) -> String {
    match (remark, ja) {
        (Remark::OtherLayout(version), true) => {
            format!(
                "report.html や report.pdf は karibarai {version} が作ったもので、ハッシュと署名だけを確かめました"
            )
        }
        (Remark::OtherLayout(version), false) => {
            format!(
                "report.html and report.pdf were laid out by karibarai {version}: only its hash and signature were checked"
            )
        }
        (Remark::FileLeftOut(sha256), true) => {
            format!("記録にあるファイル（SHA-256 {sha256}）の中身は、この資料に入っていません")
        }
        (Remark::FileLeftOut(sha256), false) => {
            format!("the bytes of a recorded file (SHA-256 {sha256}) are not in the package")
        }
        (Remark::UnknownAuthority(path), true) => {
            format!(
                "{path}: この時刻認証局を信頼するかどうかは指定されていません（--authority 証明書ファイル）"
            )
        }
        (Remark::UnknownAuthority(path), false) => {
            format!("{path}: the authority of this time stamp is not known here (--authority CERTIFICATE)")
        }
    }
}

fn place(at: &FaultAt, language: Language) -> String {
    match (at, language) {
        (FaultAt::Byte(at), Language::Ja) => format!("{at} バイト目"),
        (FaultAt::Byte(at), Language::En) => format!("byte {at}"),
        (FaultAt::File(path), _) => path.clone(),
        (FaultAt::Entry(n), Language::Ja) => format!("記録 {n}"),
        (FaultAt::Entry(n), Language::En) => format!("entry {n}"),
        (FaultAt::Head { size, label }, Language::Ja) => format!("要約 {label}（{size}件）"),
        (FaultAt::Head { size, label }, Language::En) => format!("head {label} ({size} entries)"),
    }
}

fn words(fault: &Fault, language: Language) -> String {
    let (ja, en): (String, String) = match fault {
        Fault::Container => (
            "zipファイルの形が、作られたときと違います".into(),
            "the zip file is not of the form in which packages are made".into(),
        ),
        Fault::Manifest(error) => ("一覧（manifest）の形か署名が正しくありません".into(), error.to_string()),
        Fault::Key => (
            "検証鍵がないか、この資料の記録台帳のものではありません".into(),
            "the key is missing or is not that of the package's ledger".into(),
        ),
        Fault::Absent => ("ファイルがありません".into(), "is missing".into()),
        Fault::Added => {
            ("作られたときにはなかったファイルです".into(), "was not in the package when it was made".into())
        }
        Fault::Differs => {
            ("中身が変わっています（ハッシュ不一致）".into(), "was changed (hash differs)".into())
        }
        Fault::Line(number) => {
            (format!("{number} 行目の形が正しくありません"), format!("line {number} is not of its form"))
        }
        Fault::Entry(code) => (problem_ja(code), problem_en(code)),
        Fault::Stranger => ("この資料に属さない記録です".into(), "does not belong in this package".into()),
        Fault::Cover => (
            "記録と証明がここでつながりません（記録の削除・追加・入れ替え）".into(),
            "entries and proof do not meet here: entries were removed, added or swapped".into(),
        ),
        Fault::Head => (
            "署名された要約と、記録から計算した値が一致しません".into(),
            "the entries do not lead to this signed head".into(),
        ),
        Fault::Derived => (
            "読むための内容が、元の記録の内容と違います".into(),
            "says something else than the entries".into(),
        ),
        Fault::Declared => (
            "記録の件数・欠落・通し番号が、一覧（manifest）の申告と違います".into(),
            "the entries are not those that the manifest declares (counts, gaps, numbers)".into(),
        ),
        Fault::Inclusion => (
            "証明が、この記録から署名済みの要約へつながりません".into(),
            "the proof does not lead from its entry to the checkpoint".into(),
        ),
        Fault::Anchor(error) => ("時刻認証が、この要約に対するものではありません".into(), error.to_string()),
        Fault::KnownDiffers => (
            "お手元の要約は別の記録台帳のものか、過去が書き換えられています".into(),
            "the head that you know is another ledger's, or the past was changed".into(),
        ),
        Fault::KnownNewer { ends } => (
            format!(
                "この資料は {ends}件の時点までで、お手元の要約より古いものです（古い写しか、末尾が削られています）"
            ),
            format!(
                "the package ends at {ends} entries, before the head that you know: an older copy, or cut off"
            ),
        ),
        Fault::KnownNotShown => (
            "お手元の要約がこの記録台帳の過去にあることを、この資料は示していません".into(),
            "nothing in the package shows that its ledger contains the head that you know".into(),
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
