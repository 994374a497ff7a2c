//! What the pages call things: states, parts, marks, modes. One word for each, as in the table of `docs/`.

use crate::cases::{Item, Nudge};
use crate::config::Mode;
use crate::domain::{EntryKind, Label, Source};
use crate::reply::decide::Why;

/// The room where the bot talks with its owner alone, where it has no other name.
pub(super) const CONTROL_ROOM: &str = "マイチャット（karibarai との連絡）";

/// What a follower does.
pub(super) fn follower(name: &str) -> &'static str {
    match name {
        "archive" => "整理",
        "detector" => "検出",
        "casebook" => "案件",
        "annex" => "添付ファイルとルームの情報",
        "mirror" => "控えのファイル",
        "tiles" => "証明の準備",
        "watchman" => "見張り",
        crate::search::INDEX_CURSOR => "検索",
        _ => "その他",
    }
}

/// What troubles the bot, and what to do.
pub(super) fn trouble(name: &str) -> &'static str {
    match name {
        "webhook_silent" => {
            "Webhookが届いていないルームがあります。Chatworkの「サービス連携」→「Webhook」で「有効」になっているかご確認ください。"
        }
        "token_refused" => {
            "ChatworkがAPIトークンを受け付けません。「サービス連携」→「API Token」から取り直し、karibarai setup で登録して、ボットを起動し直してください。\
             それまでは、発言の読み取りも投稿もできません。"
        }
        "signatures_refused" => {
            "署名の合わないWebhookが届いています。設定を作り直したときは、新しいトークンを karibarai setup で登録してください。"
        }
        "disk_low" => "ディスクの空きが少なくなっています。使わないファイルを消してください。",
        "disk_full" => "ディスクの空きがほとんどありません。まもなく記録できなくなります。",
        "clock_off" => "このパソコンの時計がChatworkとずれています。時刻を自動で合わせる設定にしてください。",
        "anchor_refused" => {
            "時刻認証局から認証を受けられていません。karibarai checkpoint で理由を確かめられます。"
        }
        "outbox_stuck" => {
            "30分以上、Chatworkに送れないままの投稿があります。送れるようになれば自動で投稿します。"
        }
        "objects_stuck" => {
            "記録の写しを、設定した保管先に置けていません。karibarai verify --objects で理由を確かめられます。"
        }
        _ => "ボットに不具合があります。karibarai doctor でご確認ください。",
    }
}

/// State of a case: its word, what the owner does next, and how it is coloured.
pub(super) fn state(state: &str) -> (&'static str, &'static str, &'static str) {
    match state {
        "requested" => {
            ("依頼あり", "案内はまだです。下書きがあれば、内容を確かめて投稿するか決めてください。", "warn")
        }
        "reminded" => ("案内済み", "クライアントがCrowdWorksで依頼を出すのを待っています。", "info"),
        "posted" => {
            ("掲載の連絡あり", "CrowdWorksで依頼の内容を確かめ、契約と仮払いを待ってください。", "info")
        }
        "escrow_claimed" => (
            "仮払いの連絡あり",
            "CrowdWorksの画面で仮払いを確かめて、「仮払いを確認した」を押してください。",
            "warn",
        ),
        "escrow_confirmed" => ("仮払い確認済み", "作業を始められます。", "good"),
        "working" => ("作業中", "できあがったら、CrowdWorksで納品してください。", "good"),
        "delivered" => ("納品済み", "クライアントの検収を待っています。", "info"),
        "accepted" => ("検収済み", "支払いの確定を待っています。", "info"),
        "paid" => ("支払い済み", "この案件は終わりました。", "good"),
        "dismissed" => ("取消", "この案件は取り消しました。", "off"),
        "withdrawn" => ("取り下げ", "クライアントが取り下げました。", "off"),
        _ => ("不明", "新しい版の karibarai が書いた状態です。", "off"),
    }
}

pub(super) fn is_closed(state: &str) -> bool {
    matches!(state, "paid" | "dismissed" | "withdrawn")
}

/// The way of a case, in order.
pub(super) const STEPS: [(&str, &str); 9] = [
    ("requested", "依頼"),
    ("reminded", "案内"),
    ("posted", "掲載"),
    ("escrow_claimed", "仮払い連絡"),
    ("escrow_confirmed", "仮払い確認"),
    ("working", "作業"),
    ("delivered", "納品"),
    ("accepted", "検収"),
    ("paid", "支払い"),
];

/// What a message is in a case.
pub(super) fn part(part: &str) -> &'static str {
    match part {
        "request" => "依頼",
        "joined" => "続きの依頼",
        "reminder" => "案内",
        "follow_up" => "続きの案内",
        "claim" => "連絡",
        "withdrawal" => "取り下げ",
        "link" => "リンク",
        _ => "関係するメッセージ",
    }
}

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::NewRequest => "新しい依頼",
        Label::StartBeforeEscrow => "仮払い前の着手",
        Label::OffPlatformPayment => "外での支払い",
        Label::ContactExchange => "連絡先の交換",
        Label::OffPlatformDelivery => "外での納品",
        Label::ContractPosted => "掲載の連絡",
        Label::EscrowClaimed => "仮払いの連絡",
    }
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "記録だけ（observe）",
        Mode::Suggest => "文案を渡す（suggest）",
        Mode::Approve => "承認したら投稿（approve）",
        Mode::Auto => "自動で投稿（auto）",
    }
}

pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Webhook => "Webhook",
        Source::Poll => "API",
        Source::Sent => "ボットの投稿",
        Source::Import => "取り込み",
        Source::System => "このプログラム",
    }
}

/// An entry about a message.
pub(super) fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::MessageCreated => "最初の確認",
        EntryKind::MessageUpdated => "編集",
        EntryKind::MessageSeen => "同じ内容の確認",
        EntryKind::MessageDeletedReported => "削除",
        EntryKind::MessageMissingAtRecheck => "所在不明",
        EntryKind::ReplySent => "ボットの投稿",
        other => other.as_str(),
    }
}

/// Why a draft was not posted by itself.
pub(super) fn why(why: &str) -> &'static str {
    match why {
        "unsure" => "新しい依頼かどうか、はっきりしませんでした。",
        "mode" => "このルームの設定では、自動では投稿しません。",
        "owner_active" => "ご本人が会話中でした。",
        "owner_answered" => "ご本人がすでに返信していました。",
        "too_old" => "見つけた時には、時間がたっていました。",
        "budget" => "今日の投稿数の上限に達していました。",
        "quiet_hours" => "投稿しない時間帯でした。",
        "approve" => "投稿には、承認が必要です。",
        _ => "自動では投稿しませんでした。",
    }
}

/// An item of Article 3 of the Freelance Act (フリーランス・事業者間取引適正化等法).
pub(super) fn item(item: Item) -> &'static str {
    match item {
        Item::ClientName => "発注者の名称",
        Item::ClientAddress => "発注者の住所",
        Item::CommissionDay => "業務を委託した日",
        Item::Deliverable => "業務の内容",
        Item::DueDay => "納期",
        Item::Place => "納品の場所",
        Item::InspectionDay => "検査の完了日",
        Item::Reward => "報酬の額",
        Item::PaymentDay => "支払期日",
        Item::PaymentWay => "支払いの方法",
    }
}

/// What the owner is told of when a case stands still.
pub(super) fn nudge(nudge: Nudge) -> &'static str {
    match nudge {
        Nudge::EscrowPending => "仮払いの連絡がない",
        Nudge::ClaimPending => "仮払いをまだ確認していない",
        Nudge::InspectionWeek => "納品のあと、検収されていない",
        Nudge::Silence => "だれも発言していない",
        Nudge::DeadlineNear => "期日が近い",
    }
}

/// Why the rehearsal shows no post.
pub(super) fn verdict(why: Why) -> &'static str {
    match why {
        Why::NotClient => "クライアントではない人の発言です。",
        Why::Unsure => "依頼かどうか、はっきりしません。",
        Why::CaseReminded => "この案件では、すでに案内しています。",
        Why::CasePosted => "掲載か仮払いの連絡がある案件です。",
        Why::SaysPosted => "掲載か仮払いの連絡を含みます。",
        Why::DecidedBefore => "編集前の文で、すでに案内しています。",
        Why::OwnerAnswered => "ご本人がすぐに返信していました。",
        Why::OwnerActive => "ご本人が会話中でした。",
        Why::CallsEverybody => "全員への呼びかけです。",
        Why::RoomBudget | Why::Budget => "1日の上限に達していました。",
        _ => "",
    }
}

/// What an act of the owner gave.
pub(super) fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "done" => "記録しました。",
        "same" => "すでにその状態です。何も変えていません。",
        "not_read" => {
            "読み取れませんでした。何も変えていません。静かな時間は 22:00-07:00 のように書いてください。"
        }
        "queued" => "投稿します。直前にルームを読み直して、問題がなければ送ります。",
        "retracted" => "投稿した案内を、ルームから削除します。投稿したことと削除したことは、記録に残ります。",
        "rejected" => "投稿しないことにしました。",
        "again" => "文案が新しくなっています。内容をもう一度確かめてください。",
        "already" => "この文案は、すでに決まっています。",
        "reminded" => "この案件では、すでに案内しています。",
        "stopped" => "停止中のため、投稿しません。",
        "not_here" => "このルームの設定では、ボットは投稿しません。文を写して、ご自身で投稿してください。",
        "no_draft" => "文案はありません。",
        "noted" => "書き留めました。",
        "password" => "パスワードを保存しました。",
        _ => return None,
    })
}
