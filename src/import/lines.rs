//! One JSON object a line: what `log --json` prints, or any line with a `body`.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{ImportError, MAX_RECORD, Parsed, when};

/// Longest line in bytes: the longest record, each character escaped.
const MAX_LINE: u64 = 6 * MAX_RECORD as u64;

#[derive(Deserialize)]
struct Line {
    kind: Option<String>,
    room_id: Option<RoomId>,
    message_id: Option<Value>,
    account_id: Option<AccountId>,
    name: Option<String>,
    body: Option<String>,
    source_time: Option<String>,
    send_time: Option<i64>,
    /// As the API's message object has it.
    account: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    account_id: AccountId,
    name: Option<String>,
}

/// Reads line by line; lines of our own log that show no message are passed over.
pub(super) struct Lines<R> {
    inner: BufReader<R>,
    line: Vec<u8>,
    n: u64,
    now: UtcMillis,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R, now: UtcMillis) -> Self {
        Self { inner: BufReader::new(inner), line: Vec::new(), n: 0, now }
    }

    /// `None` for a line without a message.
    fn parsed(&self) -> Result<Option<Parsed>, ImportError> {
        let place = self.n;
        let bad = |what| ImportError::Record { at: "line", place, what };
        let record: Value = serde_json::from_slice(&self.line).map_err(|_| bad("it is not JSON"))?;
        if !record.is_object() {
            return Err(bad("it is not a JSON object"));
        }
        let line = Line::deserialize(&record).map_err(|_| bad("its fields are not those of `log --json`"))?;
        let is_message = line.kind.as_deref().is_none_or(|kind| {
            matches!(
                kind,
                "message.created"
                    | "message.updated"
                    | "message.deleted_reported"
                    | "message.imported"
                    | "reply.sent"
            )
        });
        let Some(body) = line.body.filter(|_| is_message) else {
            return match line.kind {
                Some(_) => Ok(None),
                None => Err(bad("it has no `body`")),
            };
        };
        let message = match line.message_id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => MessageId::new(text),
            Some(other) => MessageId::new(other.to_string()),
        };
        let sent_at = match (line.source_time, line.send_time) {
            (Some(text), _) => when::cell(&text, self.now).map(|it| it.at),
            (None, Some(seconds)) => Some(UtcMillis::from_seconds(seconds)),
            (None, None) => None,
        };
        let (account, name) = match line.account {
            Some(person) => (Some(person.account_id), person.name),
            None => (line.account_id, line.name),
        };
        let room = line.room_id;
        Ok(Some(Parsed { place, room, message, account, name, sent_at, year_assumed: false, body, record }))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Parsed, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            self.n += 1;
            let bad = |place, what| Some(Err(ImportError::Record { at: "line", place, what }));
            match (&mut self.inner).take(MAX_LINE).read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(n) if n as u64 == MAX_LINE => return bad(self.n, "it is longer than any message"),
                Ok(_) if self.line.trim_ascii().is_empty() => continue,
                Ok(_) => {}
                Err(_) => return bad(self.n, "it cannot be read"),
            }
            if let Some(parsed) = self.parsed().transpose() {
                return Some(parsed);
            }
        }
    }
}
