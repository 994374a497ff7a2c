//! The papers of a case in their three forms: a page, paper, and for tables a spreadsheet.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use askama::Template;

use crate::domain::UtcMillis;
use crate::export::ExportError;
use crate::export::paper::{BODY, Frame, HEADING, Paper, SMALL, TITLE};
use crate::export::report::STYLE;
use crate::export::rows::Sheet;

pub(super) struct Section {
    pub(super) heading: String,
    pub(super) notes: Vec<String>,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
}

pub(super) fn section(heading: &str, columns: &'static [&'static str], rows: Vec<Vec<String>>) -> Section {
    Section { heading: heading.to_owned(), notes: Vec::new(), columns, rows }
}

#[derive(Template)]
#[template(path = "case_page.html", config = "src/export/askama.toml", escape = "html")]
struct Page<'a> {
    style: &'a str,
    title: &'a str,
    lead: &'a [String],
    sections: &'a [Section],
}

/// Where papers are written.
pub(super) struct Sheets<'a> {
    pub(super) folder: &'a Path,
    /// The first digits of the checkpoint's root.
    pub(super) root: &'a str,
    pub(super) at: UtcMillis,
}

impl Sheets<'_> {
    /// Writes `name.html` and `name.pdf`.
    pub(super) fn write(
        &self,
        name: &str,
        title: &str,
        lead: &[String],
        sections: &[Section],
    ) -> Result<(), ExportError> {
        let page = Page { style: STYLE, title, lead, sections };
        fs::write(self.folder.join(format!("{name}.html")), page.render()?)?;
        let mut paper = Paper::new()?;
        paper.heading(title, TITLE);
        for line in lead {
            paper.text(line, SMALL);
        }
        for section in sections {
            paper.space(8.0);
            paper.heading(&section.heading, HEADING);
            for note in &section.notes {
                paper.text(note, BODY);
            }
            if !section.rows.is_empty() {
                let shares: Vec<f32> = section.columns.iter().map(|it| share(it)).collect();
                paper.table(&shares, Some(section.columns), &section.rows);
            }
        }
        let head = lead.first().map(String::as_str).unwrap_or_default();
        let frame = Frame { title, head, mark: "", root: self.root, at: self.at };
        Ok(fs::write(self.folder.join(format!("{name}.pdf")), paper.finish(&frame)?)?)
    }
}

/// How wide a column is beside the others.
fn share(column: &str) -> f32 {
    match column {
        "内容" | "言葉" => 3.0,
        // A day in Japanese fits one line.
        "年月日・時刻" => 2.4,
        "メッセージのリンク" | "標目" | "立証趣旨" | "作成年月日" => 1.8,
        "名前" => 1.4,
        "証拠" | "号証" => 0.9,
        _ => 1.1,
    }
}

pub(super) fn sheet(path: &Path, columns: &[&str], rows: &[Vec<String>]) -> Result<(), ExportError> {
    let mut sheet = Sheet::new(File::create(path)?, columns)?;
    for row in rows {
        sheet.row(row.clone())?;
    }
    Ok(sheet.finish()?.flush()?)
}
