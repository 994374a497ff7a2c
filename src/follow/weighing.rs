//! What the casebook asks of a message or of the outbox. Pure.

use crate::domain::{CaseId, EntryIndex, Label, Labels, MessageId, Tier};
use crate::reply::template::{NoteKind, OffPlatform};
use crate::store::{OutboxRow, OutboxState, Purpose};

/// A reminder of the case is in the room, may be, or is on its way; one that waits for an older text of `message` is
/// taken over by what is decided now. Read after the case itself: the sender may move both in between, but a row never
/// leaves this list.
pub(super) fn has_reminder(replies: &[OutboxRow], case: CaseId, message: &MessageId) -> bool {
    reminders(replies).any(|row| row.case == Some(case) && !is_taken_over(row, message))
}

/// This very message was answered, or may have been.
pub(super) fn answered(replies: &[OutboxRow], message: &MessageId) -> bool {
    reminders(replies).any(|row| {
        row.request.as_ref().is_some_and(|request| request.message == *message)
            && !is_taken_over(row, message)
    })
}

fn reminders(replies: &[OutboxRow]) -> impl Iterator<Item = &OutboxRow> {
    replies.iter().filter(|row| row.purpose == Purpose::Reminder && row.state != OutboxState::Suppressed)
}

fn is_taken_over(row: &OutboxRow, message: &MessageId) -> bool {
    row.state == OutboxState::Waiting && row.request.as_ref().is_some_and(|it| it.message == *message)
}

pub(super) fn decision_key(n: EntryIndex, position: usize) -> String {
    format!("decide:{n}:{position}")
}

pub(super) fn tier_text(tier: Tier) -> &'static str {
    match tier {
        Tier::No => "no",
        Tier::Unsure => "unsure",
        Tier::Certain => "certain",
    }
}

/// Labels that the owner is told of, each with its own explanation.
pub(super) fn notable(labels: Labels, case: Option<CaseId>) -> Vec<(Label, NoteKind<'static>)> {
    let kind = |label| match label {
        Label::NewRequest => None,
        Label::StartBeforeEscrow => Some(NoteKind::StartBeforeEscrow),
        Label::OffPlatformPayment => Some(NoteKind::OffPlatform(OffPlatform::Payment)),
        Label::ContactExchange => Some(NoteKind::OffPlatform(OffPlatform::Contact)),
        Label::OffPlatformDelivery => Some(NoteKind::OffPlatform(OffPlatform::Delivery)),
        Label::ContractPosted => Some(NoteKind::ContractPosted),
        Label::EscrowClaimed => Some(NoteKind::EscrowClaimed { case }),
    };
    let set = Label::ALL.into_iter().filter(|label| labels.get(*label));
    set.filter_map(|label| Some((label, kind(label)?))).collect()
}

/// Words to everybody in a group: nobody in particular was asked.
pub fn calls_everybody(text: &str) -> bool {
    const CALLS: [&str; 8] = [
        "どなたか",
        "どなたでも",
        "どなたが",
        "方いますか",
        "方いませんか",
        "方いらっしゃいますか",
        "方はいますか",
        "募ります",
    ];
    CALLS.iter().any(|call| text.contains(call))
}

/// Takes something back.
const TAKES_BACK: [&str; 16] = [
    "取り消し",
    "取消",
    "取り下げ",
    "取下げ",
    "取りやめ",
    "キャンセル",
    "なかったこと",
    "無かったこと",
    "白紙",
    "見送り",
    "見送らせ",
    "中止",
    "不要になり",
    "必要なくなり",
    "やめておき",
    "忘れてください",
];

/// The same words, where nothing is taken back.
const KEEPS: [&str; 14] = [
    "キャンセル料",
    "キャンセルポリシー",
    "キャンセル規定",
    "キャンセルでき",
    "キャンセル可",
    "キャンセルの場合",
    "キャンセルせず",
    "キャンセルではな",
    "取り消しではな",
    "取り消せま",
    "中止せず",
    "中止ではな",
    "見送りではな",
    "場合は",
];

/// Says what is taken back.
const REQUEST: [&str; 14] = [
    "先ほど",
    "さきほど",
    "さっき",
    "先日",
    "昨日",
    "上記",
    "今回",
    "依頼",
    "お願い",
    "注文",
    "発注",
    "の件",
    "の話",
    "追加分",
];

/// The client takes the request back. Of another message than the request itself it must say what is taken back; a
/// question, a condition or talk of fees takes nothing back.
pub(super) fn takes_back(text: &str, is_the_request: bool) -> bool {
    text.split_inclusive(['。', '\n', '！', '!', '？', '?']).any(|sentence| {
        TAKES_BACK.iter().any(|word| sentence.contains(word))
            && !KEEPS.iter().any(|word| sentence.contains(word))
            && !sentence.trim_end().ends_with(['？', '?'])
            && !["ますか", "でしょうか", "可能です", "ないで"].iter().any(|it| sentence.contains(it))
            && (is_the_request || REQUEST.iter().any(|word| sentence.contains(word)))
    })
}

/// The client asks for no more automatic messages.
pub(super) fn opts_out(text: &str) -> bool {
    const WHAT: [&str; 9] = [
        "自動送信",
        "自動返信",
        "自動投稿",
        "自動メッセージ",
        "自動の返信",
        "自動の投稿",
        "自動で送",
        "ボット",
        "bot",
    ];
    const STOP: [&str; 12] = [
        "やめて",
        "止めて",
        "停止して",
        "停止をお願い",
        "控えて",
        "不要です",
        "いりません",
        "要りません",
        "送らないで",
        "送ってこないで",
        "投稿しないで",
        "オフにして",
    ];
    text.split_inclusive(['。', '\n']).any(|sentence| {
        let sentence = sentence.to_lowercase();
        WHAT.iter().any(|it| sentence.contains(it)) && STOP.iter().any(|it| sentence.contains(it))
    })
}

/// A message without any signal may still matter to a case.
pub(super) fn may_matter(body: &str) -> bool {
    body.contains("crowdworks.jp/") || TAKES_BACK.iter().any(|word| body.contains(word)) || opts_out(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_back_only_by_saying_so() {
        for (text, own, other) in [
            ("すみません、先ほどの件は取り消します。", true, true),
            ("申し訳ありません、今回の依頼はキャンセルでお願いします。", true, true),
            ("追加でお願いしていた3本ですが、見送りとさせてください。", true, true),
            ("キャンセルで", true, false),
            ("先ほどの依頼はなかったことにしてください", true, true),
            ("依頼後のキャンセルはできますか？", false, false),
            ("キャンセル料は発生しますか", false, false),
            ("発注の取り消しは可能ですか？", false, false),
            ("中止になった場合は別途ご相談させてください。", false, false),
            ("先ほどのご依頼、ありがとうございます。", false, false),
            ("イベントが中止になりました。", true, false),
        ] {
            assert_eq!((takes_back(text, true), takes_back(text, false)), (own, other), "{text}");
        }
    }

    #[test]
    fn opting_out_names_what_and_says_stop() {
        assert!(opts_out("自動送信のメッセージはやめていただけますか。"));
        assert!(opts_out("Botの投稿は不要です"));
        assert!(!opts_out("自動返信の設定をお願いします。"));
        assert!(!opts_out("連絡はやめてください。自動車の話です。"));
    }
}
