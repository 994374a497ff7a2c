//! Key files: 32 bytes as hexadecimal text, readable for their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::domain::{self, Entropy};
use crate::platform;
use crate::proof::note::Verifier;

use super::LedgerError;

/// `None` where the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, LedgerError> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => match domain::unhex(text.trim()) {
            Some(key) => Ok(Some(Zeroizing::new(key))),
            None => Err(LedgerError::Key { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::File { path: path.to_owned(), source }),
    }
}

/// Makes a new key; never overwrites one.
pub(super) fn create(path: &Path, entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let key = Zeroizing::new(entropy.bytes());
    let digits = Zeroizing::new(domain::hex(&*key));
    let text = Zeroizing::new(format!("{}\n", *digits));
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Whole or absent: half a key under its name would keep every later start from making one.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut beside = tempfile::Builder::new()
            .prefix("key-")
            .suffix(".new")
            .make_in(folder, |beside| platform::private(&mut options).open(beside))?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        beside.persist_noclobber(path).map_err(|it| it.error)?;
        super::checkpoints::sync_folder(path)
    };
    write().map_err(|source| LedgerError::File { path: path.to_owned(), source })?;
    Ok(key)
}

/// Writes the public key where it is missing or another.
pub(super) fn publish(path: &Path, verifier: &Verifier) -> Result<(), LedgerError> {
    let text = format!("{verifier}\n");
    if fs::read_to_string(path).is_ok_and(|it| it == text) {
        return Ok(());
    }
    super::checkpoints::replace(path, text.as_bytes())
        .map_err(|source| LedgerError::File { path: path.to_owned(), source })
}

pub(super) fn published(path: &Path) -> Result<Option<Verifier>, LedgerError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Verifier::parse(text.strip_suffix('\n').unwrap_or(&text))?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::File { path: path.to_owned(), source }),
    }
}
