//! From `entries.jsonl` and the manifest to every file that people and programs read: the same bytes each time.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::proof::bundle::Manifest;

use super::report::Report;
use super::rows::{self, People, Table};
use super::spool::{Spool, Survey};
use super::{ExportError, readme};

/// Paths of the derived files whose layout the format fixes.
pub(super) const FIXED: [&str; 3] = ["messages.csv", "messages.jsonl", "raw/webhooks.jsonl"];
/// The same of those that each version of the program may lay out anew, but for the papers.
const LAID_OUT: [&str; 3] = ["README.txt", "report.html", "verify.html"];

/// Writes all derived files below `folder`. What is read of the manifest is everything but its list of files. Returns the
/// paths of those that each version of the program may lay out anew.
pub(super) fn derive(
    spool: &Spool,
    survey: &mut Survey,
    manifest: &Manifest,
    root: &str,
    folder: &Path,
) -> Result<Vec<String>, ExportError> {
    let create = |path: &str| -> Result<BufWriter<File>, ExportError> {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(BufWriter::with_capacity(256 * 1024, File::create(path)?))
    };
    let people = People::of(manifest);
    let mut json = create("messages.jsonl")?;
    let mut raw = create("raw/webhooks.jsonl")?;
    let mut table = Table::new(create("messages.csv")?)?;
    let mut report = Report::begin(create("report.html")?, folder, manifest, &people, root)?;
    let later = std::mem::take(&mut survey.later);
    spool.each(|_, shown| {
        if rows::is_listed(shown.entry.kind) {
            rows::json_line(&mut json, &shown, &people)?;
            table.row(&shown, &people)?;
        }
        rows::raw_line(&mut raw, &shown)?;
        report.entry(&shown, &later, &survey.automatic, |it| spool.at(it.offset))
    })?;
    json.flush()?;
    raw.flush()?;
    table.finish()?.flush()?;
    let mut laid_out = report.finish()?;
    laid_out.extend(LAID_OUT.map(str::to_owned));
    survey.later = later;
    for (path, text) in [("README.txt", readme::TEXT), ("verify.html", readme::VERIFY)] {
        let mut file = create(path)?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
    }
    Ok(laid_out)
}
