//! `messages.jsonl`, `messages.csv` and `raw/webhooks.jsonl`: the entries for programs and for spreadsheets.

use std::collections::HashMap;
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::chatwork::notation;
use crate::domain::{AccountId, EntryIndex, EntryKind, MessageId, RoomId, Source};
use crate::proof::bundle::{Manifest, Person};

use super::ExportError;
use super::spool::{Shown, State};

/// Excel reads a file as UTF-8 only with this mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Who is who in a package.
pub(super) struct People<'a>(HashMap<AccountId, &'a Person>);

impl<'a> People<'a> {
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        Self(manifest.people.iter().map(|it| (it.account, it)).collect())
    }

    /// As the source of the entry calls the author, else as the package does, else by number.
    pub(super) fn name(&self, shown: &Shown) -> Option<String> {
        let it = shown.capture.as_ref()?;
        Some(it.name.clone().unwrap_or_else(|| self.name_of(it.account)))
    }

    pub(super) fn name_of(&self, account: AccountId) -> String {
        let known = self.0.get(&account).and_then(|it| it.name.clone());
        known.unwrap_or_else(|| format!("アカウント {account}"))
    }

    pub(super) fn role(&self, shown: &Shown) -> Option<&'a str> {
        self.0.get(&shown.capture.as_ref()?.account).map(|it| it.role.as_str())
    }
}

/// A version of a message, or its disappearance, stands in the lists of messages.
pub(super) fn is_listed(kind: EntryKind) -> bool {
    kind.is_message_version() || kind == EntryKind::MessageMissingAtRecheck
}

#[derive(Serialize)]
struct Line<'a> {
    n: EntryIndex,
    kind: &'a str,
    room_id: Option<RoomId>,
    message_id: Option<&'a MessageId>,
    version: Option<u64>,
    account_id: Option<AccountId>,
    sender: Option<String>,
    role: Option<&'a str>,
    body: Option<&'a str>,
    sent_at: Option<String>,
    source: &'a str,
    source_time: Option<String>,
    observed_at: String,
    state: &'a str,
}

/// Writes `messages.jsonl`.
pub(super) fn json_line(out: &mut impl Write, shown: &Shown, people: &People<'_>) -> Result<(), ExportError> {
    let (entry, capture) = (&shown.entry, shown.capture.as_ref());
    let line = Line {
        n: entry.n,
        kind: entry.kind.as_str(),
        room_id: entry.room,
        message_id: entry.message.as_ref(),
        version: entry.version,
        account_id: capture.map(|it| it.account),
        sender: people.name(shown),
        role: people.role(shown),
        body: capture.map(|it| it.body.as_str()),
        sent_at: capture.map(|it| it.send_time.to_string()),
        source: entry.source.as_str(),
        source_time: entry.source_time.map(|it| it.to_string()),
        observed_at: entry.observed_at.to_string(),
        state: shown.state.as_str(),
    };
    serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// A table for spreadsheets.
pub(super) struct Sheet<W: Write>(csv::Writer<W>);

impl<W: Write> Sheet<W> {
    pub(super) fn new(mut out: W, columns: &[&str]) -> Result<Self, ExportError> {
        out.write_all(BOM)?;
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(columns)?;
        Ok(Self(csv))
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) -> Result<(), ExportError> {
        Ok(self.0.write_record(cells.into_iter().map(defused))?)
    }

    pub(super) fn finish(self) -> Result<W, ExportError> {
        self.0.into_inner().map_err(|error| ExportError::File(std::io::Error::other(error.to_string())))
    }
}

/// `messages.csv`.
pub(super) struct Table<W: Write>(Sheet<W>);

const COLUMNS: [&str; 10] = [
    "記録番号",
    "種類",
    "送信日時（日本時間）",
    "記録日時（日本時間）",
    "送信者",
    "アカウントID",
    "立場",
    "本文",
    "版",
    "メッセージのリンク",
];

impl<W: Write> Table<W> {
    pub(super) fn new(out: W) -> Result<Self, ExportError> {
        Ok(Self(Sheet::new(out, &COLUMNS)?))
    }

    pub(super) fn row(&mut self, shown: &Shown, people: &People<'_>) -> Result<(), ExportError> {
        let (entry, capture) = (&shown.entry, shown.capture.as_ref());
        let body = match (shown.state, capture) {
            (State::Withheld, _) => "（この資料では開示していません）".to_owned(),
            (State::Erased, _) => "（内容は消去されています）".to_owned(),
            (State::Shown, Some(it)) => notation::parse(&it.body).plain_text(),
            (State::Shown, None) => String::new(),
        };
        let sent = capture.map(|it| it.send_time.japan_text()).unwrap_or_default();
        let link = match (entry.room, &entry.message) {
            (Some(room), Some(message)) => message_link(room, message),
            _ => String::new(),
        };
        let cells = [
            entry.n.to_string(),
            kind_words(entry.kind).to_owned(),
            sent,
            entry.observed_at.japan_text(),
            people.name(shown).unwrap_or_default(),
            capture.map(|it| it.account.to_string()).unwrap_or_default(),
            people.role(shown).map(role_words).unwrap_or_default().to_owned(),
            body,
            entry.version.map(|it| it.to_string()).unwrap_or_default(),
            link,
        ];
        self.0.row(cells)
    }

    pub(super) fn finish(self) -> Result<W, ExportError> {
        self.0.finish()
    }
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
fn defused(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        _ => cell,
    }
}

/// Where Chatwork shows the message to who is in the room.
pub(super) fn message_link(room: RoomId, message: &MessageId) -> String {
    format!("https://www.chatwork.com/#!rid{room}-{message}")
}

pub(super) fn role_words(role: &str) -> &'static str {
    match role {
        "owner" => "受注者（本人）",
        "client" => "発注者",
        "bot" => "自動投稿",
        _ => "その他",
    }
}

pub(super) fn kind_words(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::MessageCreated => "投稿",
        EntryKind::MessageUpdated => "編集",
        EntryKind::MessageDeletedReported => "削除",
        EntryKind::MessageMissingAtRecheck => "所在不明",
        EntryKind::MessageSeen => "再確認",
        EntryKind::FileFound => "ファイルの確認",
        EntryKind::FileStored => "ファイル",
        EntryKind::FileLost => "取得できなかったファイル",
        EntryKind::TaskCreated => "タスク追加",
        EntryKind::TaskUpdated => "タスク変更",
        EntryKind::MemberJoined => "参加",
        EntryKind::MemberLeft => "退出",
        EntryKind::MemberRenamed => "名前の変更",
        EntryKind::MemberChanged => "権限の変更",
        EntryKind::RoomFound => "ルームの確認",
        EntryKind::RoomChanged => "ルームの変更",
        EntryKind::RoomAccessLost => "閲覧不可",
        EntryKind::GapFound => "欠落",
        EntryKind::ReplySent => "自動投稿",
        _ => "その他の記録",
    }
}

/// The content of a webhook's entry, see `docs/format.md`.
#[derive(Deserialize)]
struct Webhook {
    body: Option<String>,
    body_b64: Option<String>,
    signature: String,
}

#[derive(Serialize)]
struct Raw<'a> {
    n: EntryIndex,
    signature: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_b64: Option<&'a str>,
}

/// Writes a line of `raw/webhooks.jsonl` for an entry that came by a webhook and is shown.
pub(super) fn raw_line(out: &mut impl Write, shown: &Shown) -> Result<(), ExportError> {
    if shown.entry.source != Source::Webhook {
        return Ok(());
    }
    let Some(webhook) = shown.content::<Webhook>() else { return Ok(()) };
    let raw = Raw {
        n: shown.entry.n,
        signature: &webhook.signature,
        body: webhook.body.as_deref(),
        body_b64: webhook.body_b64.as_deref(),
    };
    serde_json::to_writer(&mut *out, &raw).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}
