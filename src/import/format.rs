//! What kind of file it is, by its first bytes.

use crate::files::media_type;

/// A kind of file that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table with a heading line, separated by commas or tabs.
    Csv,
    /// One JSON object a line, as `log --json` prints.
    JsonLines,
    /// Text copied from Chatwork.
    Pasted,
    /// A page saved by a browser.
    Page,
    /// A picture or a document: stored as it is.
    Picture,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Pasted => "text",
            Self::Page => "html",
            Self::Picture => "file",
        }
    }
}

/// PNG, JPEG and PDF are told by their bytes; `None` for text.
pub(super) fn picture(head: &[u8]) -> Option<Format> {
    matches!(media_type(head), "image/png" | "image/jpeg" | "application/pdf").then_some(Format::Picture)
}

/// Of text, by its beginning.
pub(super) fn of_text(head: &str) -> Format {
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let lower = head.get(..head.len().min(1024)).unwrap_or(head).to_ascii_lowercase();
    if head.starts_with('{') {
        Format::JsonLines
    } else if lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<!--") {
        Format::Page
    } else if super::csv::is_heading(head) {
        Format::Csv
    } else {
        Format::Pasted
    }
}
