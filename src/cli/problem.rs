//! What does not fit in a ledger, in the words of both languages.

use crate::proof::verify::{Place as At, ProblemCode};

use super::Language;

pub(super) fn problem_words(at: &At, code: &ProblemCode, language: Language) -> String {
    let place = match (at, language) {
        (At::Entry(n), Language::Ja) => format!("記録 {n}"),
        (At::Entry(n), Language::En) => format!("entry {n}"),
        (At::Head { size, label }, Language::Ja) => format!("要約 {label}（{size}件）"),
        (At::Head { size, label }, Language::En) => format!("head {label} ({size} entries)"),
    };
    let words = match language {
        Language::Ja => problem_ja(code),
        Language::En => problem_en(code),
    };
    format!("{place}: {words}")
}

pub(super) fn problem_ja(code: &ProblemCode) -> String {
    match code {
        ProblemCode::NotAnEntry(_) => "記録の形をしていません".to_owned(),
        ProblemCode::Missing { until } => format!("ここから {until} の前までの記録がありません"),
        ProblemCode::Duplicated => "同じ番号の記録が重なっています".to_owned(),
        ProblemCode::Misplaced { says } => format!("番号が違います（記録自身は {says} と述べています）"),
        ProblemCode::LeafDiffers => "記録の文字が変わっています（ハッシュ不一致）".to_owned(),
        ProblemCode::ContentDiffers => "内容が変わっています（ハッシュ不一致）".to_owned(),
        ProblemCode::ContentMissing => "内容がなくなっています".to_owned(),
        ProblemCode::ContentUnexpected => "ないはずの内容があります".to_owned(),
        ProblemCode::ErasedUndeclared => "内容が、記録を残さずに消されています".to_owned(),
        ProblemCode::RoomNumber { .. } => "部屋の通し番号が続いていません".to_owned(),
        ProblemCode::RoomPrevious => "部屋の前の記録とつながりません".to_owned(),
        ProblemCode::RoomChainUnexpected => "部屋の通し番号が、あるはずのない記録にあります".to_owned(),
        ProblemCode::VersionDecreased => "版の番号が戻っています".to_owned(),
        ProblemCode::RootDiffers => "署名したときの記録と違います（過去が書き換えられています）".to_owned(),
        ProblemCode::RolledBack => {
            "署名したときより記録が少なくなっています（古い写しに戻されたか、末尾が削られています）"
                .to_owned()
        }
    }
}

pub(super) fn problem_en(code: &ProblemCode) -> String {
    match code {
        ProblemCode::NotAnEntry(error) => format!("not an entry: {error}"),
        ProblemCode::Missing { until } => format!("no entries from here to before {until}"),
        ProblemCode::Duplicated => "a second entry under this number".to_owned(),
        ProblemCode::Misplaced { says } => format!("stands in the wrong place (it says that it is {says})"),
        ProblemCode::LeafDiffers => "its bytes were changed (hash differs)".to_owned(),
        ProblemCode::ContentDiffers => "its content was changed (hash differs)".to_owned(),
        ProblemCode::ContentMissing => "its content is gone".to_owned(),
        ProblemCode::ContentUnexpected => "has content that it should not have".to_owned(),
        ProblemCode::ErasedUndeclared => "its content was removed without a record of it".to_owned(),
        ProblemCode::RoomNumber { .. } => "the room's numbers do not follow each other".to_owned(),
        ProblemCode::RoomPrevious => "is not linked to the room's entry before".to_owned(),
        ProblemCode::RoomChainUnexpected => "carries a room's number that it should not have".to_owned(),
        ProblemCode::VersionDecreased => "the version goes backwards".to_owned(),
        ProblemCode::RootDiffers => "the past is not the one that was signed".to_owned(),
        ProblemCode::RolledBack => {
            "fewer entries than were signed: an older copy, or the end was cut off".to_owned()
        }
    }
}
