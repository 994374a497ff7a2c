//! Tables: the official export and whatever has a heading line that names the same things.

use std::io::Read;

use serde_json::{Map, Value};

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{ImportError, MAX_RECORD, Parsed, when};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Room,
    Message,
    Account,
    Name,
    Time,
    Body,
}

/// Headings, folded as [`fold`] does. Chatwork does not publish those of its export; these are what such tables use.
const HEADINGS: &[(Column, &[&str])] = &[
    (
        Column::Room,
        &["roomid", "room", "ルームid", "チャットid", "チャットルームid", "グループチャットid", "rid"],
    ),
    (Column::Message, &["messageid", "メッセージid", "発言id", "投稿id", "mid", "id"]),
    (
        Column::Account,
        &[
            "accountid",
            "fromaccountid",
            "アカウントid",
            "送信者id",
            "発言者id",
            "投稿者id",
            "ユーザーid",
            "userid",
            "aid",
        ],
    ),
    (
        Column::Name,
        &[
            "name",
            "accountname",
            "username",
            "sender",
            "from",
            "名前",
            "氏名",
            "表示名",
            "送信者",
            "送信者名",
            "発言者",
            "発言者名",
            "投稿者",
            "投稿者名",
            "アカウント名",
            "ユーザー名",
            "ユーザ名",
        ],
    ),
    (
        Column::Time,
        &[
            "sendtime",
            "sentat",
            "sendat",
            "sendtimestamp",
            "date",
            "datetime",
            "time",
            "timestamp",
            "createdat",
            "日時",
            "日付",
            "時刻",
            "送信日時",
            "投稿日時",
            "発言日時",
            "作成日時",
            "送信時刻",
        ],
    ),
    (
        Column::Body,
        &[
            "body",
            "message",
            "messagebody",
            "text",
            "content",
            "本文",
            "内容",
            "メッセージ",
            "メッセージ内容",
            "発言",
            "発言内容",
            "投稿内容",
            "テキスト",
        ],
    ),
];

/// Without case, width, spaces and signs.
fn fold(heading: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    heading.nfkc().flat_map(char::to_lowercase).filter(|it| it.is_alphanumeric() || *it == 'ー').collect()
}

fn column(heading: &str) -> Option<Column> {
    let folded = fold(heading);
    HEADINGS.iter().find(|(_, names)| names.contains(&folded.as_str())).map(|(column, _)| *column)
}

fn delimiter(head: &str) -> u8 {
    let line = head.lines().next().unwrap_or_default();
    if line.matches('\t').count() > line.matches(',').count() { b'\t' } else { b',' }
}

/// At least two known headings stand in the first line.
pub(super) fn is_heading(head: &str) -> bool {
    let delimiter = char::from(delimiter(head));
    let cells = head.lines().next().unwrap_or_default().split(delimiter);
    cells.filter(|it| column(it.trim().trim_matches('"')).is_some()).count() >= 2
}

/// Reads record by record.
pub(super) struct Table<R> {
    reader: ::csv::Reader<R>,
    headings: Vec<(String, Option<Column>)>,
    record: ::csv::StringRecord,
    now: UtcMillis,
}

impl<R: Read> Table<R> {
    /// `head` is the beginning of the same text.
    pub(super) fn new(inner: R, head: &str, now: UtcMillis) -> Result<Self, ImportError> {
        let mut builder = ::csv::ReaderBuilder::new();
        let mut reader = builder.delimiter(delimiter(head)).flexible(true).from_reader(inner);
        let headings: Vec<(String, Option<Column>)> = reader
            .headers()
            .map_err(|_| ImportError::Record { at: "line", place: 1, what: "it is not a heading line" })?
            .iter()
            .map(|it| (it.to_owned(), column(it)))
            .collect();
        if !headings.iter().any(|(_, column)| *column == Some(Column::Body)) {
            return Err(ImportError::NoBodyColumn);
        }
        Ok(Self { reader, headings, record: ::csv::StringRecord::new(), now })
    }

    fn parsed(&self, place: u64) -> Result<Parsed, ImportError> {
        let bad = |what| ImportError::Record { at: "line", place, what };
        if self.record.as_slice().len() > MAX_RECORD {
            return Err(bad("it is longer than any message"));
        }
        if self.record.len() > self.headings.len() {
            return Err(bad("it has more columns than the first line; is a quotation mark missing?"));
        }
        // The first column of a kind that says something.
        let cell = |wanted: Column| {
            let cells = self.record.iter().zip(&self.headings);
            cells
                .filter(|(_, (_, column))| *column == Some(wanted))
                .map(|(it, _)| it)
                .find(|it| !it.is_empty())
        };
        let number = |wanted, what| match cell(wanted).map(str::trim) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| bad(what)),
        };
        // Date and clock may stand in columns of their own.
        let times: Vec<&str> = self
            .record
            .iter()
            .zip(&self.headings)
            .filter(|(cell, (_, column))| *column == Some(Column::Time) && !cell.trim().is_empty())
            .map(|(cell, _)| cell.trim())
            .collect();
        let sent = times.iter().find_map(|it| when::cell(it, self.now));
        let sent = sent.or_else(|| when::cell(&times.join(" "), self.now));
        let columns: Map<String, Value> = self
            .record
            .iter()
            .zip(&self.headings)
            .enumerate()
            .map(|(n, (cell, (heading, _)))| {
                // Two columns of one name are both kept.
                let twin = self.headings.iter().take(n).any(|(it, _)| it == heading);
                (if twin { format!("{heading}#{}", n + 1) } else { heading.clone() }, cell.into())
            })
            .collect();
        Ok(Parsed {
            place,
            room: number(Column::Room, "the room is not a number")?.map(RoomId),
            message: cell(Column::Message).and_then(|it| MessageId::new(it.trim())),
            account: number(Column::Account, "the account is not a number")?.map(AccountId),
            name: cell(Column::Name).map(str::to_owned),
            sent_at: sent.map(|it| it.at),
            year_assumed: sent.is_some_and(|it| it.year_assumed),
            body: cell(Column::Body).unwrap_or_default().to_owned(),
            record: Value::Object(columns),
        })
    }
}

impl<R: Read> Iterator for Table<R> {
    type Item = Result<Parsed, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let place = self.reader.position().line();
            match self.reader.read_record(&mut self.record) {
                Ok(false) => return None,
                Ok(true) if self.record.iter().all(str::is_empty) => {}
                Ok(true) => {
                    let place = self.record.position().map_or(place, ::csv::Position::line);
                    return Some(self.parsed(place));
                }
                Err(_) => {
                    return Some(Err(ImportError::Record {
                        at: "line",
                        place,
                        what: "it is not a row of the table",
                    }));
                }
            }
        }
    }
}
