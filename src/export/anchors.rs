//! Time stamps of others over the ledger's heads, on their way into a package.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::anchor;

use super::ExportError;
use super::check::ANCHORS;

/// Sizes of the heads that others have stamped.
pub(super) fn sizes(data_dir: &Path) -> io::Result<BTreeSet<u64>> {
    Ok(anchor::stored(data_dir)?.into_iter().filter(|it| it.is_stamp).map(|it| it.size).collect())
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
    for it in anchor::stored(data_dir)?.into_iter().filter(|it| sizes.contains(&it.size)) {
        let target = folder.join(ANCHORS);
        fs::create_dir_all(&target)?;
        fs::copy(&it.path, target.join(it.path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
