//! `[storage.objects]`: a folder, or a bucket of an S3-compatible storage.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::layers::Place;
use super::reader::Reader;
use super::secret;

/// Where no region is given and the storage is not Amazon's: most others take any.
const ANY_REGION: &str = "us-east-1";

/// Where a copy of the record is kept, object by object.
#[derive(Clone, Debug)]
pub enum ObjectsUrl {
    /// A folder.
    Folder(PathBuf),
    Bucket(BucketUrl),
}

/// A part of a bucket of an S3-compatible storage.
#[derive(Clone, Debug)]
pub struct BucketUrl {
    pub bucket: String,
    /// Before the names of all objects; may be empty.
    pub prefix: String,
    /// `None`: Amazon's own, by the region.
    pub endpoint: Option<String>,
    pub region: String,
    pub key_id: String,
    /// From a file of its own (`secret_key_file`).
    pub secret_key: SecretString,
}

/// `None` where no copy is to be kept, or after a problem was noted.
pub(super) fn objects(r: &mut Reader, cwd: &Path) -> Option<ObjectsUrl> {
    let (url, place): (String, Place) = r.take_at("storage.objects.url")?;
    let endpoint = r.take_at::<String>("storage.objects.endpoint")?;
    let region: String = r.take("storage.objects.region")?;
    let key_id: String = r.take("storage.objects.access_key_id")?;
    let secret_key = secret::object_key(r, cwd);
    if url.is_empty() {
        return None;
    }
    if let Some(path) = url.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('\0') {
            let what =
                ("`storage.objects.url` にフォルダがありません", "`storage.objects.url` names no folder");
            let hint = ("例: \"file:///srv/karibarai\"", "e.g. \"file:///srv/karibarai\"");
            r.problem(&place, what, hint);
            return None;
        }
        return Some(ObjectsUrl::Folder(cwd.join(path)));
    }
    let hint = (
        "\"s3://\" とバケット名（続けて接頭辞）か、\"file://\" とフォルダを書いてください",
        "write \"s3://\", a bucket and perhaps a prefix, or \"file://\" and a folder",
    );
    let Some((bucket, prefix)) = url.strip_prefix("s3://").map(|it| it.split_once('/').unwrap_or((it, "")))
    else {
        let what =
            ("`storage.objects.url` の種類がわかりません", "`storage.objects.url` is of no known kind");
        r.problem(&place, what, hint);
        return None;
    };
    let prefix = prefix.trim_matches('/');
    if !names_bucket(bucket)
        || prefix.split('/').any(|it| it.is_empty() && !prefix.is_empty())
        || !plain(prefix)
    {
        let what =
            ("`storage.objects.url` のバケット名が正しくありません", "`storage.objects.url` names no bucket");
        r.problem(&place, what, hint);
        return None;
    }
    let secret_key = match (key_id.is_empty(), secret_key) {
        (false, Some(secret_key)) => secret_key,
        _ => {
            let hint = (
                "[storage.objects] に access_key_id と secret_key_file を書いてください",
                "set access_key_id and secret_key_file under [storage.objects]",
            );
            r.problem(&place, ("バケットには鍵が必要です", "a bucket needs a key"), hint);
            return None;
        }
    };
    Some(ObjectsUrl::Bucket(BucketUrl {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: self::endpoint(r, endpoint)?,
        region: if region.is_empty() { ANY_REGION.to_owned() } else { region },
        key_id,
        secret_key,
    }))
}

/// The outer `None` after a problem, the inner one where none is given.
fn endpoint(r: &mut Reader, (text, place): (String, Place)) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let url = Url::parse(&text).ok().filter(|it| it.host_str().is_some() && it.query().is_none());
    match url {
        Some(url) if url.scheme() == "https" || (url.scheme() == "http" && is_here(&url)) => {
            Some(Some(text.trim_end_matches('/').to_owned()))
        }
        Some(url) if url.scheme() == "http" => {
            let what = (
                "`storage.objects.endpoint` ではメッセージが暗号化されずに送られます",
                "`storage.objects.endpoint` would carry messages over the network in the clear",
            );
            r.problem(&place, what, ("https のアドレスにしてください", "write an https address"));
            None
        }
        _ => {
            let what = (
                "`storage.objects.endpoint` がサーバーのアドレスではありません",
                "`storage.objects.endpoint` is not the address of a server",
            );
            let hint =
                ("例: \"https://s3.isk01.sakurastorage.jp\"", "e.g. \"https://s3.isk01.sakurastorage.jp\"");
            r.problem(&place, what, hint);
            None
        }
    }
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn names_bucket(text: &str) -> bool {
    let fine = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '.');
    (3..=63).contains(&text.len()) && text.chars().all(fine)
}

fn plain(prefix: &str) -> bool {
    let fine = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '/');
    prefix.len() <= 200 && prefix.chars().all(fine) && prefix.split('/').all(|it| it != "." && it != "..")
}
