//! Settings: built-in defaults, then a file, then the environment, checked as a whole before anything starts.
//!
//! Never: touches the network or the database, knows what a setting is used for, prints a secret.

mod layers;
mod objects;
mod problem;
mod read;
mod reader;
mod rooms;
mod secret;
mod settings;
mod storage;
#[cfg(test)]
mod tests;
mod tuning;
mod value;

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

pub use objects::{BucketUrl, ObjectsUrl};
pub use problem::{ConfigError, Problem, Wording};
pub use settings::{
    ChatworkConfig, Config, ControlRoom, LogConfig, LogFormat, MirrorConfig, MirrorRooms, Mode, OnWithdrawal,
    OwnerConfig, PostgresUrl, QuietDays, QuietHours, ReconcileConfig, ReplyConfig, ReplyOverrides,
    RoomConfig, Said, ServerConfig, StorageConfig, StorageUrl, TemplatesConfig,
};

/// The reference of all settings; what stands in it is the default.
pub const DEFAULT_FILE: &str = include_str!("../../config/karibarai.default.toml");

/// Looked for under the current directory when no file is named.
const USUAL_FILES: [&str; 2] = ["karibarai.toml", "config/karibarai.toml"];

/// A longer file is no configuration.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What the configuration is made of.
pub struct LoadArgs {
    /// `--config`.
    pub path: Option<PathBuf>,
    /// The environment, as [`process_env`] gives it.
    pub env: Vec<(String, String)>,
    /// Where relative paths begin.
    pub cwd: PathBuf,
}

/// The environment of this process: the only place that reads it. Bytes that are not UTF-8 come out as U+FFFD, which no
/// setting accepts.
pub fn process_env() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

impl Config {
    /// Reads and checks everything; on failure all problems at once.
    pub fn load(args: &LoadArgs) -> Result<Self, ConfigError> {
        let file = find_file(args)?;
        read::config(file, &args.env, &args.cwd)
    }

    /// What `serve` needs beyond a valid configuration.
    pub fn validate_for_serve(&self) -> Result<(), ConfigError> {
        if self.chatwork.api_token.is_some() {
            return Ok(());
        }
        let what =
            ("APIトークンがありません（serve には必要です）", "there is no API token, and serve needs one");
        let hint = (
            "[chatwork] の api_token_file か、環境変数 CHATWORK_API_TOKEN で指定してください",
            "set CHATWORK_API_TOKEN, or api_token_file under [chatwork]",
        );
        Err(Problem::new("chatwork.api_token", what, hint).into())
    }
}

/// The file to read, with its text.
fn find_file(args: &LoadArgs) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let from_env = |(name, value): &(String, String)| {
        (name == "KARIBARAI_CONFIG" && !value.is_empty()).then(|| PathBuf::from(value))
    };
    if let Some(path) = args.path.clone().or_else(|| args.env.iter().find_map(from_env)) {
        return match read_file(&args.cwd.join(&path))? {
            Some(text) => Ok(Some((path, text))),
            None => {
                let what = ("このファイルはありません", "there is no such file");
                let hint = (
                    "--config か KARIBARAI_CONFIG のパスを直してください",
                    "correct the path in --config or KARIBARAI_CONFIG",
                );
                Err(Problem::new(path.display(), what, hint).into())
            }
        };
    }
    for name in USUAL_FILES {
        if let Some(text) = read_file(&args.cwd.join(name))? {
            return Ok(Some((PathBuf::from(name), text)));
        }
    }
    Ok(None)
}

/// `None` when there is no such file.
fn read_file(path: &Path) -> Result<Option<String>, ConfigError> {
    let problem = |ja: &str, en: &str, error: Option<std::io::Error>| {
        let why = error.map(|it| format!(": {it}")).unwrap_or_default();
        let hint = ("読み取れるテキストファイルにしてください", "make it a readable text file");
        ConfigError::from(Problem::new(path.display(), (format!("{ja}{why}"), format!("{en}{why}")), hint))
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(problem("開けません", "cannot be opened", Some(error))),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| problem("読めません", "cannot be read", Some(error)))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(problem("1 MiB を超えています", "is longer than 1 MiB", None));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| problem("UTF-8 ではありません", "is not UTF-8", None))
}
