//! Puts the files where they belong: each is written whole beside its place and then takes it, the configuration last.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;

use crate::config::{Config, ConfigError, LoadArgs};
use crate::platform;

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("{path} cannot be written: {source}; choose another folder with --dir, or change its owner")]
    Io { path: PathBuf, source: io::Error },
}

/// What is to be written.
pub struct Written<'a> {
    pub config: (&'a Path, &'a str),
    /// Each alone in a file that only its owner can read.
    pub secrets: Vec<(PathBuf, &'a SecretString)>,
}

/// Reads the text as a configuration, with the tokens that will stand beside it: what would be refused is never written.
pub fn check(text: &str, tokens: &[(&str, String)], arguments: LoadArgs) -> Result<Config, Refused> {
    let mut file = NamedTempFile::with_suffix(".toml")?;
    file.write_all(text.as_bytes())?;
    let mut env = arguments.env;
    env.retain(|(name, _)| !tokens.iter().any(|(own, _)| own == name));
    env.extend(tokens.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let arguments = LoadArgs { path: Some(file.path().to_owned()), env, cwd: arguments.cwd };
    Ok(Config::load(&arguments)?)
}

/// Why a draft is none.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("no temporary file can be made: {0}")]
    Io(#[from] io::Error),
}

/// All of it, or what was there before: files are made complete beside their places first.
pub fn write(written: &Written<'_>) -> Result<(), FilesError> {
    let (config, text) = written.config;
    let folder = folder_of(config);
    private_folder(folder).map_err(|source| FilesError::Io { path: folder.to_owned(), source })?;
    let mut ready = Vec::new();
    for (path, secret) in &written.secrets {
        ready.push((beside(path, format!("{}\n", secret.expose_secret()).as_bytes())?, path.as_path()));
    }
    ready.push((beside(config, text.as_bytes())?, config));
    for (file, path) in ready {
        file.persist(path).map_err(|it| FilesError::Io { path: path.to_owned(), source: it.error })?;
    }
    // The names too are to outlive a power cut.
    platform::sync_folder(folder).map_err(|source| FilesError::Io { path: folder.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new or empty folder is for its owner alone; one that holds other things is left as it is.
fn private_folder(folder: &Path) -> io::Result<()> {
    platform::make_private_folder(folder)?;
    if fs::read_dir(folder)?.next().is_none() {
        platform::shut_folder(folder)?;
    }
    Ok(())
}

/// Readable for the owner alone; gone again unless it takes its place.
fn beside(path: &Path, content: &[u8]) -> Result<NamedTempFile, FilesError> {
    let make = || {
        let mut file = NamedTempFile::new_in(folder_of(path))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    make().map_err(|source| FilesError::Io { path: path.to_owned(), source })
}
