//! A line of `entries.jsonl`: the exact bytes of an entry, and what stands beside it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::{hex, unhex};
use crate::proof::verify::Content;

/// An entry with what this copy has of its content. No `Debug`: the content is other people's words.
pub struct EntryLine {
    pub entry: Vec<u8>,
    pub content: Content,
}

/// Why a line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("not a line of entries in its one form")]
    Shape,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    entry: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_b64: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

impl EntryLine {
    /// The line without its newline. Entry bytes are ASCII in their canonical form; others cannot be written.
    pub fn to_line(&self) -> Result<String, LineError> {
        let entry = std::str::from_utf8(&self.entry).map_err(|_| LineError::Shape)?.to_owned();
        let mut wire = Wire { entry, ..Wire::default() };
        match &self.content {
            Content::None => {}
            Content::Withheld => wire.withheld = true,
            Content::Erased => wire.erased = true,
            Content::Present { salt, bytes } => {
                wire.salt = Some(hex(salt));
                match std::str::from_utf8(bytes) {
                    Ok(text) => wire.content = Some(text.to_owned()),
                    Err(_) => wire.content_b64 = Some(BASE64_STANDARD.encode(bytes)),
                }
            }
        }
        serde_json::to_string(&wire).map_err(|_| LineError::Shape)
    }

    /// Reads a line back; only the spelling of [`EntryLine::to_line`] is accepted.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let wire: Wire = serde_json::from_str(line).map_err(|_| LineError::Shape)?;
        let content = match (wire.salt, wire.content, wire.content_b64, wire.withheld, wire.erased) {
            (None, None, None, false, false) => Content::None,
            (None, None, None, true, false) => Content::Withheld,
            (None, None, None, false, true) => Content::Erased,
            (Some(salt), content, encoded, false, false) => {
                let salt = unhex(&salt).ok_or(LineError::Shape)?;
                let bytes = match (content, encoded) {
                    (Some(text), None) => text.into_bytes(),
                    (None, Some(text)) => BASE64_STANDARD.decode(text).map_err(|_| LineError::Shape)?,
                    _ => return Err(LineError::Shape),
                };
                Content::Present { salt, bytes }
            }
            _ => return Err(LineError::Shape),
        };
        let read = Self { entry: wire.entry.into_bytes(), content };
        if read.to_line()? == line { Ok(read) } else { Err(LineError::Shape) }
    }
}
