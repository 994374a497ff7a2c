//! `[storage]`: a file of SQLite, or a schema of PostgreSQL.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use crate::platform;

use super::layers::Place;
use super::objects::objects;
use super::reader::Reader;
use super::secret;
use super::settings::{PostgresUrl, StorageConfig, StorageUrl};

const FILES_QUOTA_MB: RangeInclusive<u64> = 0..=100_000_000;
const WARN_FREE_MB: RangeInclusive<u64> = 0..=100_000_000;
const CONNECTIONS: RangeInclusive<u64> = 2..=500;
/// PostgreSQL cuts longer names off.
const LONGEST_SCHEMA: usize = 63;
const MEBIBYTE: u64 = 1 << 20;

/// `None` only after a problem was noted.
pub(super) fn storage(r: &mut Reader, cwd: &Path) -> Option<StorageConfig> {
    let url = url(r, cwd);
    Some(StorageConfig {
        url: url?,
        data_dir: data_dir(r, cwd)?,
        files_quota: r.number("storage.files_quota_mb", FILES_QUOTA_MB)? * MEBIBYTE,
        warn_free: r.number("storage.warn_free_mb", WARN_FREE_MB)?,
        objects: objects(r, cwd),
    })
}

fn url(r: &mut Reader, cwd: &Path) -> Option<StorageUrl> {
    let (text, place): (String, Place) = r.take_at("storage.url")?;
    let schema = schema(r)?;
    let connections = r.number("storage.connections", CONNECTIONS)?.try_into().ok()?;
    let ca_files: Vec<String> = r.take("storage.ca_files")?;
    let password = secret::password(r, cwd);
    let hint = (
        "\"sqlite:\" とパスを書いてください（例: \"sqlite:data/karibarai.db\"）",
        "write \"sqlite:\" and a path, e.g. \"sqlite:data/karibarai.db\"",
    );
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        let hint = (
            "例: \"postgres://karibarai@db.example.jp/karibarai\"",
            "e.g. \"postgres://karibarai@db.example.jp/karibarai\"",
        );
        match Url::parse(&text) {
            Ok(url) if url.path().len() < 2 => {
                let what = (
                    "`storage.url` にPostgreSQLのデータベース名がありません",
                    "`storage.url` names no database of PostgreSQL",
                );
                r.problem(&place, what, hint);
            }
            // The same rule as for tokens.
            Ok(url) if holds_password(&url) && !place.is_env() => {
                let what = (
                    "`storage.url` にパスワードが入っています（設定ファイルには書けません）",
                    "`storage.url` holds a password, which does not belong in a configuration file",
                );
                let hint = (
                    "パスワードだけを別のファイルに保存し、password_file に書いてください",
                    "put it alone into a file of its own and name that in password_file",
                );
                r.problem(&place, what, hint);
            }
            Ok(_) => {}
            Err(_) => {
                let what = (
                    "`storage.url` がPostgreSQLのアドレスではありません",
                    "`storage.url` is not an address of PostgreSQL",
                );
                r.problem(&place, what, hint);
            }
        }
        return Some(StorageUrl::Postgres(PostgresUrl {
            url: SecretString::from(text),
            password,
            schema,
            connections,
            ca_files: ca_files.into_iter().map(|it| cwd.join(it)).collect(),
        }));
    }
    let path = text.strip_prefix("sqlite:").map(|it| it.strip_prefix("//").unwrap_or(it));
    match path {
        Some(path) if names_file(path, platform::HAS_DRIVES) => {
            return Some(StorageUrl::Sqlite(cwd.join(path)));
        }
        Some(_) => {
            let what = ("`storage.url` にファイル名がありません", "`storage.url` does not name a file");
            r.problem(&place, what, hint);
        }
        None => {
            let what = ("`storage.url` の種類がわかりません", "`storage.url` is of no known kind");
            r.problem(&place, what, hint);
        }
    }
    Some(StorageUrl::Sqlite(PathBuf::new()))
}

/// In memory nothing would outlive the 200; options would change what the store relies on.
fn names_file(path: &str, drives: bool) -> bool {
    let mut letters = path.chars();
    let drive = matches!(
        (letters.next(), letters.next(), letters.next()),
        (Some('a'..='z' | 'A'..='Z'), Some(':'), Some('/' | '\\'))
    );
    let path = if drive && drives { &path[2..] } else { path };
    !path.is_empty() && !path.contains([':', '?', '\0'])
}

fn holds_password(url: &Url) -> bool {
    url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
}

fn schema(r: &mut Reader) -> Option<String> {
    let (text, place): (String, Place) = r.take_at("storage.schema")?;
    let first = text.starts_with(|it: char| it.is_ascii_lowercase() || it == '_');
    let rest = text.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
    if !first || !rest || text.len() > LONGEST_SCHEMA || text.starts_with("pg_") {
        let what =
            ("`storage.schema` がスキーマの名前ではありません", "`storage.schema` is no name of a schema");
        let hint = (
            "英小文字、数字、`_` で書いてください（例: \"karibarai\"）",
            "write a name of small letters, digits and `_`, e.g. \"karibarai\"",
        );
        r.problem(&place, what, hint);
    }
    Some(text)
}

fn data_dir(r: &mut Reader, cwd: &Path) -> Option<PathBuf> {
    let (text, place): (String, Place) = r.take_at("storage.data_dir")?;
    if text.is_empty() || text.contains('\0') {
        let what = (
            "`storage.data_dir` がフォルダの名前ではありません",
            "`storage.data_dir` does not name a directory",
        );
        let hint = ("フォルダを書いてください（例: \"data\"）", "name one, e.g. \"data\"");
        r.problem(&place, what, hint);
    }
    Some(cwd.join(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_stand_on_a_drive_where_there_are_drives() {
        for path in ["data/karibarai.db", "/var/lib/仮払い の記録/k.db"] {
            assert!(names_file(path, true) && names_file(path, false), "{path}");
        }
        for path in ["C:\\Users\\山田 太郎\\仮払い\\karibarai.db", "d:/karibarai.db"] {
            assert!(names_file(path, true) && !names_file(path, false), "{path}");
        }
        for path in ["", ":memory:", "a.db?mode=ro", "C:karibarai.db", "C:\\a:b", "1:\\a"] {
            assert!(!names_file(path, true), "{path}");
        }
    }
}
