//! Tokens: from the environment or from files of their own, never from the configuration file.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::layers::{ONE_OF_TWO, Place, Raw};
use super::problem::Problem;
use super::reader::Reader;

/// A longer file holds no token.
const MAX_TOKEN_BYTES: u64 = 4096;

/// The API token, if one is set anywhere.
pub(super) fn api_token(reader: &mut Reader, cwd: &Path) -> Option<SecretString> {
    let file: Option<(String, Place)> = reader.take_at("chatwork.api_token_file");
    let file = file.filter(|(path, _)| !path.is_empty());
    let file_place = file.as_ref().map(|(_, place)| place);
    match given(reader, "chatwork.api_token", "api_token_file", file_place) {
        Some((text, place)) => reader.note(api_token_form(text.trim()).map_err(|what| wrong(&place, what))),
        None => {
            let (path, place) = file?;
            let text =
                reader.note(read_token(cwd, &path, &place, ("トークンのファイル", "the token file")))?;
            reader.note(api_token_form(&text).map_err(|what| wrong(&place, what)))
        }
    }
}

/// The webhook tokens, in the order given.
pub(super) fn webhook_tokens(reader: &mut Reader, cwd: &Path) -> Vec<SecretString> {
    let files: Option<(Vec<String>, Place)> = reader.take_at("chatwork.webhook_token_files");
    let files = files.filter(|(paths, _)| !paths.is_empty());
    let files_place = files.as_ref().map(|(_, place)| place);
    match given(reader, "chatwork.webhook_tokens", "webhook_token_files", files_place) {
        Some((text, place)) => text
            .split(',')
            .filter_map(|it| reader.note(webhook_token_form(it.trim()).map_err(|what| wrong(&place, what))))
            .collect(),
        None => {
            let Some((paths, place)) = files else {
                return Vec::new();
            };
            let read = |(n, path): (usize, &String)| {
                let n = n + 1;
                let which = (format!("{n} 番目のトークンのファイル"), format!("token file {n} of those"));
                let text = reader.note(read_token(cwd, path, &place, (&which.0, &which.1)))?;
                reader.note(webhook_token_form(&text).map_err(|what| wrong(&place, what)))
            };
            paths.iter().enumerate().filter_map(read).collect()
        }
    }
}

/// A token that the environment gives. `files` is where files for the same are named: the environment wins over the
/// configuration file, but two orders of the same rank are refused.
fn given(reader: &mut Reader, key: &str, files_key: &str, files: Option<&Place>) -> Option<(String, Place)> {
    let setting = reader.take_raw(key)?;
    let Raw::Env(text) = setting.raw else {
        let what = (
            format!("`{key}` は設定ファイルには書けません"),
            format!("`{key}` does not belong in a configuration file"),
        );
        let hint = (
            format!("トークンだけを別のファイルに保存し、{files_key} に書いてください"),
            format!("put the token alone into a file of its own and name that in {files_key}"),
        );
        reader.problem(&setting.place, what, hint);
        return None;
    };
    if files.is_some_and(Place::is_env) {
        let what = (
            format!("同じものを指定する {files_key} もあります"),
            format!("set beside {files_key}, which gives the same"),
        );
        reader.problem(&setting.place, what, ONE_OF_TWO);
        return None;
    }
    if text.trim().is_empty() {
        return None;
    }
    Some((text, setting.place))
}

/// The password of the database, if a file gives one.
pub(super) fn password(reader: &mut Reader, cwd: &Path) -> Option<SecretString> {
    let (path, place): (String, Place) = reader.take_at("storage.password_file")?;
    if path.is_empty() {
        return None;
    }
    reader
        .note(read_token(cwd, &path, &place, ("パスワードのファイル", "the password file")))
        .map(|it| SecretString::from(it.as_str()))
}

/// The secret half of the key to an object storage, if a file gives one.
pub(super) fn object_key(reader: &mut Reader, cwd: &Path) -> Option<SecretString> {
    let (path, place): (String, Place) = reader.take_at("storage.objects.secret_key_file")?;
    if path.is_empty() {
        return None;
    }
    reader
        .note(read_token(cwd, &path, &place, ("鍵のファイル", "the key file")))
        .map(|it| SecretString::from(it.as_str()))
}

fn wrong(place: &Place, what: (&'static str, &'static str)) -> Problem {
    let hint =
        ("Chatworkのページからもう一度コピーしてください", "copy the token again from Chatwork's page");
    Problem::new(place, what, hint)
}

fn api_token_form(text: &str) -> Result<SecretString, (&'static str, &'static str)> {
    let fine = (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let wrong =
        ("ここで指定された内容はAPIトークンではありません", "what is given here cannot be an API token");
    if fine { Ok(SecretString::from(text)) } else { Err(wrong) }
}

fn webhook_token_form(text: &str) -> Result<SecretString, (&'static str, &'static str)> {
    match STANDARD.decode(text) {
        Ok(key) if !key.is_empty() && text.len() <= 512 => Ok(SecretString::from(text)),
        _ => Err((
            "ここで指定された内容はWebhookのトークン（Base64）ではありません",
            "what is given here cannot be a webhook token (Base64)",
        )),
    }
}

/// The one token of a file, which messages call `which`. They do not repeat the path: it may be a token, pasted in the
/// wrong place.
fn read_token(
    cwd: &Path,
    path: &str,
    place: &Place,
    which: (&str, &str),
) -> Result<Zeroizing<String>, Problem> {
    let problem = |what: (&str, &str), hint: (&str, &str)| {
        let (ja, en) = which;
        let what = (format!("ここに書かれた{ja}{}", what.0), format!("{en} named here {}", what.1));
        Problem::new(place, what, hint)
    };
    let alone = ("トークンだけを書いてください", "write the token alone into it");
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            let what = ("がありません", "does not exist");
            problem(what, ("作るか、パスを直してください", "create it, or correct the path"))
        }
        ErrorKind::PermissionDenied => {
            let what = ("を読む権限がありません", "may not be read");
            let hint = (
                "プログラムを動かすユーザーに読む権限を与えてください",
                "give the program's user the right to read it",
            );
            problem(what, hint)
        }
        kind => {
            let (ja, en) = (format!("が読めません（{kind}）"), format!("cannot be read: {kind}"));
            let hint = ("読み取れるテキストファイルにしてください", "make it a readable text file");
            problem((&ja, &en), hint)
        }
    };
    // Taken whole at once: a buffer that grows leaves its earlier bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_TOKEN_BYTES as usize + 2));
    let file = File::open(cwd.join(path)).map_err(failed)?;
    file.take(MAX_TOKEN_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TOKEN_BYTES {
        return Err(problem(("が長すぎます", "is too long"), alone));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| problem(("がテキストではありません", "is not text"), alone))?;
    // Some editors put a byte order mark at the start.
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.lines().count() {
        0 => Err(problem(("が空です", "is empty"), ("トークンを書いてください", "write the token into it"))),
        1 => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(problem(
            ("に複数の行があります", "has several lines"),
            ("1つのファイルに1つのトークンを書いてください", "write one token into each file"),
        )),
    }
}
