//! What is left out of a package unless it was asked for: words of people outside the deal, passwords, card numbers.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use crate::domain::{AccountId, EntryKind, MessageId, Role, RoomId};
use crate::proof::bundle::Withhold;

use super::spool::Shown;

/// Who is who in the room.
pub type Roles<'a> = dyn Fn(RoomId, AccountId) -> Role + Send + Sync + 'a;

pub(super) struct Rules<'a> {
    pub(super) withhold: &'a [Withhold],
    pub(super) released: &'a [MessageId],
    /// After a search: what is shown at all.
    pub(super) shown: Option<&'a BTreeSet<MessageId>>,
    pub(super) role: &'a (dyn Fn(AccountId) -> Role + Send + Sync),
}

impl Rules<'_> {
    /// Why the content of this entry is left out; `None` where it is shown.
    pub(super) fn reason(&self, shown: &Shown) -> Option<Withhold> {
        if shown.entry.message.as_ref().is_some_and(|it| self.released.contains(it)) {
            return None;
        }
        if self.shown.is_some_and(|it| is_beside(shown, it)) {
            return Some(Withhold::Unfound);
        }
        if self.withhold.contains(&Withhold::Others) && self.of_another(shown) {
            return Some(Withhold::Others);
        }
        let text = shown.capture.as_ref().map(|it| it.body.as_str()).or_else(|| raw_text(shown));
        let secret = text.is_some_and(looks_secret);
        (secret && self.withhold.contains(&Withhold::Secrets)).then_some(Withhold::Secrets)
    }

    fn of_another(&self, shown: &Shown) -> bool {
        let is_other = |it: AccountId| (self.role)(it) == Role::Other;
        if let Some(it) = &shown.capture {
            return is_other(it.account);
        }
        match shown.entry.kind {
            // What this program cannot read has no known author.
            EntryKind::UnknownEvent => true,
            _ => shown.content::<Somebody>().and_then(|it| it.author()).is_some_and(is_other),
        }
    }
}

/// A message, file or task that belongs to none of these messages. What says who was there and when nobody looked stays.
fn is_beside(shown: &Shown, messages: &BTreeSet<MessageId>) -> bool {
    let entry = &shown.entry;
    match &entry.message {
        Some(message) => !messages.contains(message),
        None => matches!(
            entry.kind,
            EntryKind::TaskCreated
                | EntryKind::TaskUpdated
                | EntryKind::FileStored
                | EntryKind::FileLost
                | EntryKind::UnknownEvent
        ),
    }
}

/// Where the contents that are no messages name a person.
#[derive(Deserialize)]
struct Somebody {
    account_id: Option<AccountId>,
    uploaded_by: Option<AccountId>,
    account: Option<Account>,
    assigned_by_account: Option<Account>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Account {
    Object { account_id: AccountId },
    Number(AccountId),
}

impl Somebody {
    fn author(self) -> Option<AccountId> {
        let account = |it: Option<Account>| {
            it.map(|it| match it {
                Account::Object { account_id } | Account::Number(account_id) => account_id,
            })
        };
        account(self.assigned_by_account).or(self.account_id).or(self.uploaded_by).or(account(self.account))
    }
}

/// Tasks and file names may carry a secret as well; other contents are the program's own.
fn raw_text(shown: &Shown) -> Option<&str> {
    let speaks = matches!(
        shown.entry.kind,
        EntryKind::TaskCreated | EntryKind::TaskUpdated | EntryKind::FileStored | EntryKind::RoomChanged
    );
    shown.record.content_bytes().filter(|_| speaks).and_then(|it| std::str::from_utf8(it).ok())
}

/// A word for a password with something behind it, or digits that are the number of a card.
pub(super) fn looks_secret(text: &str) -> bool {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?i)(?:パスワード|ﾊﾟｽﾜｰﾄﾞ|パスコード|暗証番号|\bpass(?:word|code|wd)?\b|\bpwd?\b|\bpw\b|秘密鍵|\bapi[ _-]?(?:key|token)\b|アクセスキー|認証コード)\s*(?:は|[:：=＝→]|\]|】|」)\s*[「『\x22']?[!-~]{4,}",
        )
        .ok()
    });
    static DIGITS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[0-9０-９](?:[ 　\-－‐]?[0-9０-９]){12,18}").ok());
    let named = NAMED.as_ref().is_some_and(|it| it.is_match(text));
    named || DIGITS.as_ref().is_some_and(|it| it.find_iter(text).any(|found| is_card(found.as_str())))
}

/// 14 to 19 digits beginning like a card's, with the check digit that card numbers have. Ids of messages have one by chance
/// in ten, but begin with 1.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|it| match it {
            '０'..='９' => Some(it as u32 - '０' as u32),
            _ => it.to_digit(10),
        })
        .collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ => (digit * 2) / 10 + (digit * 2) % 10,
        })
        .sum();
    (14..=19).contains(&digits.len()) && matches!(digits.first(), Some(2..=6)) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_cards_are_seen_and_ordinary_talk_is_not() {
        for text in [
            "管理画面のパスワード：abc12345 です",
            "ID/PW\nid: tanaka\npw: hunter2hunter2",
            "Password = Tr0ub4dor&3",
            "カード番号は 4111 1111 1111 1111 です",
            "５５５５５５５５５５５５４４４４",
            "4111-1111-1111-1111",
            "WordPressのパスワードは「xYz-9876」です",
        ] {
            assert!(looks_secret(text), "{text}");
        }
        for text in [
            "パスワードは別途お送りします",
            "パスワードを忘れました",
            "4111 1111 1111 1112",
            "電話は090-1234-5678です",
            "[rp aid=123 to=567890123-1789012345678901248]了解です",
            "請求書番号 20261123-0001",
            "https://example.com/password-reset",
            "記事3本で15,000円、合計4,500文字です。",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }
}
