//! Pages of paper: A4, one embedded font, page numbers, a place of proof at the foot of each page. The same text gives the
//! same bytes everywhere: nothing is asked of the machine, not its fonts, not its clock.

mod draw;
mod face;
mod wrap;

use crate::domain::UtcMillis;

use self::face::Face;
use self::wrap::{printable, wrap};

/// Points of a millimetre.
const MM: f32 = 72.0 / 25.4;
/// A4, in points.
const WIDTH: f32 = 210.0 * MM;
const HEIGHT: f32 = 297.0 * MM;
const LEFT: f32 = 30.0 * MM;
const MARGIN: f32 = 25.0 * MM;
/// Points between the margins.
pub(super) const COLUMN: f32 = WIDTH - LEFT - MARGIN;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("the font of this program cannot be read")]
    Font,
    #[error("the pages cannot be written as PDF/A")]
    Write,
}

/// How a text looks. Sizes are points.
#[derive(Clone, Copy)]
pub(super) struct Style {
    size: f32,
    leading: f32,
    quiet: bool,
    bold: bool,
}

/// The text of messages.
pub(super) const BODY: Style = Style { size: 10.5, leading: 17.0, quiet: false, bold: false };
pub(super) const STRONG: Style = Style { bold: true, ..BODY };
/// Times, numbers, notes.
pub(super) const SMALL: Style = Style { size: 8.5, leading: 13.0, quiet: true, bold: false };
/// Tables.
pub(super) const CELL: Style = Style { size: 9.0, leading: 14.0, quiet: false, bold: false };
pub(super) const TITLE: Style = Style { size: 17.0, leading: 28.0, quiet: false, bold: true };
pub(super) const HEADING: Style = Style { size: 12.5, leading: 21.0, quiet: false, bold: true };

/// A text in a column: `x` and `width` are points from the left margin.
pub(super) struct Cell<'a> {
    pub(super) text: &'a str,
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) style: Style,
}

struct Line {
    x: f32,
    /// The base line, from the upper edge.
    y: f32,
    style: Style,
    text: String,
}

/// A filled rectangle, for rules.
struct Bar {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

#[derive(Default)]
struct Sheet {
    lines: Vec<Line>,
    bars: Vec<Bar>,
    /// The first and the last entry that the page shows.
    entries: Option<(u64, u64)>,
}

/// An entry of the list of contents that viewers show.
struct Chapter {
    words: String,
    page: usize,
    y: f32,
}

/// What stands on every page.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    /// Upper left: what this is of.
    pub(super) head: &'a str,
    /// Upper right: the mark of the exhibit.
    pub(super) mark: &'a str,
    /// The first digits of the checkpoint's root.
    pub(super) root: &'a str,
    /// When the newest of what is shown was recorded: the file's date, so that the same pages are the same file.
    pub(super) at: UtcMillis,
}

/// Pages that are being filled.
pub(super) struct Paper {
    face: &'static Face,
    sheets: Vec<Sheet>,
    y: f32,
    entry: Option<u64>,
    chapters: Vec<Chapter>,
}

impl Paper {
    pub(super) fn new() -> Result<Self, PaperError> {
        let face = Face::get().ok_or(PaperError::Font)?;
        Ok(Self { face, sheets: vec![Sheet::default()], y: MARGIN, entry: None, chapters: Vec::new() })
    }

    pub(super) fn pages(&self) -> usize {
        self.sheets.len()
    }

    /// What follows shows this entry.
    pub(super) fn shows(&mut self, entry: Option<u64>) {
        self.entry = entry;
    }

    pub(super) fn new_page(&mut self) {
        self.sheets.push(Sheet::default());
        self.y = MARGIN;
    }

    /// Begins a new page where lines of these styles would not stand together on the present one.
    pub(super) fn keep(&mut self, lines: &[Style]) {
        self.need(lines.iter().map(|it| it.leading).sum());
    }

    /// Begins a new page where less than this is left of the present one.
    fn need(&mut self, points: f32) {
        if self.y > MARGIN && self.y + points > HEIGHT - MARGIN {
            self.new_page();
        }
    }

    pub(super) fn space(&mut self, points: f32) {
        if self.y > MARGIN {
            self.y += points;
        }
    }

    /// A line across the column.
    pub(super) fn rule(&mut self) {
        self.need(1.0);
        let bar = Bar { x: LEFT, y: self.y, width: COLUMN, height: 0.5 };
        self.sheet().bars.push(bar);
        self.y += 1.0;
    }

    /// A heading that is never left alone at the foot, with a place in the list of contents.
    pub(super) fn heading(&mut self, text: &str, style: Style) {
        self.keep(&[style, BODY, BODY, BODY]);
        let (page, y) = (self.sheets.len() - 1, self.y);
        self.chapters.push(Chapter { words: printable(text, self.face), page, y });
        self.text(text, style);
    }

    /// A text over the whole column.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        self.beside(&[Cell { text, x: 0.0, width: COLUMN, style }]);
    }

    /// Texts beside each other, line by line, over as many pages as they need.
    pub(super) fn beside(&mut self, cells: &[Cell<'_>]) {
        let wrapped: Vec<Vec<String>> =
            cells.iter().map(|it| wrap(it.text, self.face, it.style.size, it.width)).collect();
        let leading = cells.iter().map(|it| it.style.leading).fold(0.0, f32::max);
        let mut columns: Vec<_> = wrapped.into_iter().map(Vec::into_iter).collect();
        loop {
            let row: Vec<Option<String>> = columns.iter_mut().map(Iterator::next).collect();
            if row.iter().all(Option::is_none) {
                return;
            }
            self.need(leading);
            self.y += leading;
            let y = self.y - leading * 0.3;
            for (cell, text) in cells.iter().zip(row) {
                let Some(text) = text.filter(|it| !it.is_empty()) else { continue };
                let line = Line { x: LEFT + cell.x, y, style: cell.style, text };
                self.sheet().lines.push(line);
            }
        }
    }

    /// A table: widths are shares of the column. A row goes on over a page's end.
    pub(super) fn table(&mut self, shares: &[f32], head: Option<&[&str]>, rows: &[Vec<String>]) {
        const INSET: f32 = 3.0;
        let total: f32 = shares.iter().sum();
        let row = |paper: &mut Self, texts: &mut dyn Iterator<Item = &str>, style: Style| {
            let mut x = 0.0;
            let mut cells = Vec::with_capacity(shares.len());
            for (text, share) in texts.zip(shares) {
                let width = COLUMN * share / total;
                cells.push(Cell { text, x: x + INSET, width: width - 2.0 * INSET, style });
                x += width;
            }
            paper.beside(&cells);
            paper.y += 2.0;
            paper.rule();
        };
        self.keep(&[CELL, CELL, CELL]);
        self.rule();
        if let Some(head) = head {
            row(self, &mut head.iter().copied(), Style { bold: true, ..CELL });
        }
        for it in rows {
            row(self, &mut it.iter().map(String::as_str), CELL);
        }
        self.space(4.0);
    }

    /// The file.
    pub(super) fn finish(self, frame: &Frame<'_>) -> Result<Vec<u8>, PaperError> {
        draw::draw(&self, frame)
    }

    /// The present page, which from now on shows the present entry.
    fn sheet(&mut self) -> &mut Sheet {
        let entry = self.entry;
        let last = self.sheets.len() - 1;
        let sheet = &mut self.sheets[last];
        if let Some(n) = entry {
            let (first, last) = sheet.entries.unwrap_or((n, n));
            sheet.entries = Some((first.min(n), last.max(n)));
        }
        sheet
    }
}

#[cfg(test)]
mod tests;
