//! What the papers of a case call things.

use crate::domain::UtcMillis;

use super::Audience;

pub(super) fn day(at: UtcMillis) -> String {
    at.japan().strftime("%Y年%-m月%-d日").to_string()
}

pub(super) fn excerpt(text: &str, limit: usize) -> String {
    let mut out: String = text.chars().take(limit).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

pub(super) fn title(audience: Audience) -> &'static str {
    match audience {
        Audience::Court => "事実の経過（裁判所提出用の案）",
        Audience::Lawyer => "事実の経過（弁護士への説明用）",
        Audience::CrowdWorks => "事実の経過（クラウドワークスへの説明用）",
    }
}

pub(super) fn state_words(state: &str) -> &'static str {
    match state {
        "requested" => "依頼",
        "reminded" => "仮払いの案内",
        "posted" => "クラウドワークスへの依頼の登録（発言）",
        "escrow_claimed" => "仮払いをしたとの発言",
        "escrow_confirmed" => "仮払いの確認",
        "working" => "着手",
        "delivered" => "納品",
        "accepted" => "検収",
        "paid" => "支払い",
        "dismissed" => "案件の取り下げ",
        "withdrawn" => "依頼の撤回",
        _ => "案件の変化",
    }
}
