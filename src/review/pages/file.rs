//! The bytes of a file that a message showed: pictures in the page, everything else as a download.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use crate::domain::{MessageId, RoomId};
use crate::files::Shelf;
use crate::store::{AnnexStore as _, FileRow, FileState};

use super::{Broken, Frame, Login, Review, absent, viewed};
use crate::review::show;

/// What a browser only draws. SVG is none of them: it can run.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Nothing in it runs, wherever it is opened.
const SEALED: &str = "default-src 'none'; sandbox";

/// A file as a message's page names it.
pub(super) struct FileLine {
    pub(super) name: String,
    /// Of a file that is held.
    pub(super) href: Option<String>,
    pub(super) picture: bool,
    pub(super) words: String,
}

/// The files that a message shows.
pub(super) async fn lines(
    review: &Review,
    room: RoomId,
    message: &MessageId,
) -> Result<Vec<FileLine>, Broken> {
    let files = review.0.store.files_of(room, message).await?;
    Ok(files.into_iter().map(|(file, state)| file_line(&file, &state)).collect())
}

fn file_line(file: &FileRow, state: &FileState) -> FileLine {
    let name = show::visible(&file.name);
    match state {
        FileState::Stored(it) => FileLine {
            href: Some(format!("/rooms/{}/messages/{}/files/{}", file.room, file.message, file.file)),
            picture: PICTURES.contains(&it.media_type.as_str()),
            words: show::size(it.size),
            name,
        },
        FileState::Wanted => {
            FileLine { name, href: None, picture: false, words: "これから取得します".to_owned() }
        }
        FileState::Lost { last: false, .. } => FileLine {
            name,
            href: None,
            picture: false,
            words: "まだ取得できていません。もう一度試します".to_owned(),
        },
        FileState::Lost { last: true, .. } => {
            FileLine { name, href: None, picture: false, words: "取得できませんでした".to_owned() }
        }
    }
}

pub(in crate::review) async fn show(
    State(review): State<Review>,
    Extension(login): Extension<Login>,
    Path((room, message, file)): Path<(u64, String, u64)>,
) -> Result<Response, Broken> {
    let room = RoomId(room);
    let Some(message) = MessageId::new(message) else { return nothing(&review, &login).await };
    let files = review.0.store.files_of(room, &message).await?;
    let found = files.into_iter().find(|(row, _)| row.file == file);
    let Some((row, FileState::Stored(stored))) = found else { return nothing(&review, &login).await };
    let Ok(bytes) = Shelf::new(&review.0.config.storage.data_dir).open(&stored.sha256) else {
        return nothing(&review, &login).await;
    };
    viewed(&review, room).await;
    let picture = PICTURES.contains(&stored.media_type.as_str());
    let (kind, how) = match picture {
        true => (stored.media_type.as_str(), "inline"),
        false => ("application/octet-stream", "attachment"),
    };
    let mut response = show::stream(bytes).into_response();
    let headers = response.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Broken);
    headers.insert(header::CONTENT_TYPE, value(kind)?);
    headers.insert(header::CONTENT_LENGTH, stored.size.into());
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SEALED));
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition(how, &row.name))?);
    Ok(response)
}

async fn nothing(review: &Review, login: &Login) -> Result<Response, Broken> {
    absent(Frame::new(review, login, "overview").await?)
}

/// RFC 6266 with the name in UTF-8 (RFC 8187): whatever a sender called his file, it stays inside the value.
fn disposition(how: &str, name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut encoded = String::new();
    for byte in show::visible(name).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{how}; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_header() {
        assert_eq!(
            disposition("attachment", "../a\"; x\r\ny/見積.pdf"),
            "attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D.pdf"
        );
        assert_eq!(disposition("inline", "a b\".png"), "inline; filename*=UTF-8''a%20b%22.png");
    }
}
