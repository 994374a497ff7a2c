//! Time stamps of others over the ledger's heads, as they lie in the data folder and in a package.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ExportError;
use super::check::ANCHORS;

/// `<size>-<authority>.tsr`, `….pem`: over the checkpoint of that size.
pub(super) fn size_of(name: &str) -> Option<u64> {
    let (size, _) = name.split_once('-')?;
    let size: u64 = size.parse().ok()?;
    name.starts_with(&format!("{size}-")).then_some(size)
}

fn stored(data_dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(data_dir.join("anchors")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if let Some(size) = size_of(name).filter(|_| name.ends_with(".tsr") || name.ends_with(".pem")) {
            found.push((size, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Sizes of the heads that others have stamped.
pub(super) fn sizes(data_dir: &Path) -> io::Result<BTreeSet<u64>> {
    let stamps =
        stored(data_dir)?.into_iter().filter(|(_, path)| path.extension().is_some_and(|it| it == "tsr"));
    Ok(stamps.map(|(size, _)| size).collect())
}

/// Copies those over the package's heads into its folder.
pub(super) fn copy(
    data_dir: &Path,
    heads: &[(u64, String)],
    size: u64,
    folder: &Path,
) -> Result<(), ExportError> {
    let mut sizes: BTreeSet<u64> = heads.iter().map(|(size, _)| *size).collect();
    sizes.insert(size);
    for (_, path) in stored(data_dir)?.into_iter().filter(|(size, _)| sizes.contains(size)) {
        let target = folder.join(ANCHORS);
        fs::create_dir_all(&target)?;
        fs::copy(&path, target.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
