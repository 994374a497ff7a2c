//! The bot's words: the built-in templates with the owner's files in their place.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use crate::reply::template::{TemplateError, Templates};

/// A longer file holds no templates.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Why there are no words.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    #[error("the template file {path} cannot be read: {source}; see files in [templates]")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the template file {0} is longer than 256 KiB")]
    TooLong(PathBuf),
    #[error("the template file {0} is not UTF-8")]
    NotText(PathBuf),
    #[error("the templates are refused (`karibarai template check` lists this too):\n{0}")]
    Refused(TemplateError),
}

/// Reads and checks; all faults of all files come at once.
pub fn load_templates(files: &[PathBuf]) -> Result<Templates, TextsError> {
    let files = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Templates::from_files(&files).map_err(TextsError::Refused)
}

fn read(path: &PathBuf) -> Result<(String, String), TextsError> {
    let failed = |source| TextsError::File { path: path.clone(), source };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(TextsError::TooLong(path.clone()));
    }
    let text = String::from_utf8(bytes).map_err(|_| TextsError::NotText(path.clone()))?;
    Ok((path.display().to_string(), text))
}
