//! What a court's system takes: every exhibit as one file in one folder, of the kinds PDF, JPEG and PNG, under short names
//! that begin with the number of the exhibit.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Attached;
use crate::export::ExportError;
use crate::files::{Shelf, media_type};

/// Bytes by which a kind of file is known.
const HEAD: u64 = 32;

/// The folder with what lies in it.
pub(super) struct Flat {
    folder: PathBuf,
    /// Number of the exhibit, name of the file, name here.
    laid: Vec<(usize, String, String)>,
    /// Number and name of what is of another kind, or not in the package.
    left: Vec<(usize, String)>,
}

/// Lays the report and the files of the package flat.
pub(super) fn lay_flat(files: &[Attached], shelf: &Shelf, package: &Path) -> Result<Flat, ExportError> {
    let folder = package.join("court");
    fs::create_dir_all(&folder)?;
    let mut flat = Flat { folder, laid: Vec::new(), left: Vec::new() };
    for number in 1.. {
        let (from, to) = match number {
            1 => ("report.pdf".to_owned(), "ko-001.pdf".to_owned()),
            _ => (format!("report-{number}.pdf"), format!("ko-001-{number}.pdf")),
        };
        let from = package.join(from);
        if !from.is_file() {
            break;
        }
        fs::copy(from, flat.folder.join(&to))?;
        flat.laid.push((1, "チャットの記録".to_owned(), to));
    }
    for (number, file) in (2..).zip(files) {
        let source = file.sha256.map(|it| shelf.path(&it)).filter(|it| it.is_file());
        let kind = source.as_deref().map(extension).transpose()?.flatten();
        let (Some(source), Some(extension)) = (source, kind) else {
            flat.left.push((number, file.name.clone()));
            continue;
        };
        let name = format!("ko-{number:03}.{extension}");
        fs::copy(source, flat.folder.join(&name))?;
        flat.laid.push((number, file.name.clone(), name));
    }
    Ok(flat)
}

/// By what the file is, not by what it is called.
fn extension(path: &Path) -> Result<Option<&'static str>, ExportError> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(match media_type(&head) {
        "application/pdf" => Some("pdf"),
        "image/jpeg" => Some("jpg"),
        "image/png" => Some("png"),
        _ => None,
    })
}

impl Flat {
    /// What the list of exhibits says of it.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec!["提出用のファイルは court フォルダーに、次の名前で入っています。".to_owned()];
        words.extend(
            self.laid.iter().map(|(number, name, here)| format!("甲第{number}号証　{name}　→　{here}")),
        );
        words.extend(self.left.iter().map(|(number, name)| {
            format!(
                "甲第{number}号証　{name}　→　PDF・JPEG・PNGではないか、この資料に入っていないため、court フォルダーにはありません。PDFにしてから提出してください。"
            )
        }));
        words
    }

    /// Adds the papers that go with the exhibits.
    pub(super) fn add_papers(&self, papers: &Path) -> Result<(), ExportError> {
        for name in ["facts.pdf", "timeline.pdf", "exhibits.pdf"] {
            fs::copy(papers.join(name), self.folder.join(name))?;
        }
        Ok(())
    }
}
