//! From filled pages to a PDF/A-2u file: fonts embedded, text that can be copied and searched.

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::luma;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::{Glyph as _, KrillaGlyph};

use crate::domain::UtcMillis;

use super::face::Face;
use super::wrap::wrap;
use super::{
    COLUMN, Frame, HEIGHT, LEFT, Line, MARGIN, MM, Paper, PaperError, SMALL, STRONG, Sheet, Style, WIDTH,
};

/// As on the pages: what is quiet has a contrast of 7 to 1.
const QUIET: u8 = 0x59;
/// Base lines of head and foot.
const HEAD: f32 = 15.0 * MM;
const FOOT: f32 = HEIGHT - 13.0 * MM;

pub(super) fn draw(paper: &Paper, frame: &Frame<'_>) -> Result<Vec<u8>, PaperError> {
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A2_U).finish();
    let settings = SerializeSettings {
        configuration: configuration.map_err(|_| PaperError::Write)?,
        enable_tagging: false,
        ..SerializeSettings::default()
    };
    let mut document = Document::new_with(settings);
    document.set_metadata(
        Metadata::new()
            .title(frame.title.to_owned())
            .creator(concat!("karibarai ", env!("CARGO_PKG_VERSION")).to_owned())
            .language("ja".to_owned())
            .creation_date(date(frame.at)),
    );
    for (number, sheet) in (1..).zip(&paper.sheets) {
        let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(PaperError::Write)?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        content(&mut surface, sheet, paper.face);
        for line in margins(sheet, number, paper, frame) {
            print(&mut surface, &line, paper.face);
        }
        surface.finish();
        page.finish();
    }
    let mut outline = Outline::new();
    for it in &paper.chapters {
        let place = XyzDestination::new(it.page, Point::from_xy(LEFT, it.y));
        outline.push_child(OutlineNode::new(it.words.clone(), place));
    }
    document.set_outline(outline);
    document.finish().map_err(|_| PaperError::Write)
}

fn content(surface: &mut Surface<'_>, sheet: &Sheet, face: &Face) {
    surface.set_stroke(None);
    surface.set_fill(Some(grey(0x8c)));
    for bar in &sheet.bars {
        let Some(area) = Rect::from_xywh(bar.x, bar.y, bar.width, bar.height) else { continue };
        let mut path = PathBuilder::new();
        path.push_rect(area);
        if let Some(path) = path.finish() {
            surface.draw_path(&path);
        }
    }
    for line in &sheet.lines {
        print(surface, line, face);
    }
}

/// Head and foot of a page.
fn margins(sheet: &Sheet, number: usize, paper: &Paper, frame: &Frame<'_>) -> Vec<Line> {
    let face = paper.face;
    let right = |text: String, y, style: Style| Line {
        x: WIDTH - MARGIN - face.width(&text, style.size),
        y,
        style,
        text,
    };
    let first =
        |text: &str, width| wrap(text, face, SMALL.size, width).into_iter().next().unwrap_or_default();
    let mut lines = Vec::new();
    let head = first(frame.head, COLUMN * 0.8);
    lines.push(Line { x: LEFT, y: HEAD, style: SMALL, text: head });
    lines.push(right(frame.mark.to_owned(), HEAD, STRONG));
    let proof = match sheet.entries {
        Some((first, last)) if first == last => format!("照合　記録 {first}　要約 {}", frame.root),
        Some((first, last)) => format!("照合　記録 {first}–{last}　要約 {}", frame.root),
        None => format!("照合　要約 {}", frame.root),
    };
    lines.push(Line { x: LEFT, y: FOOT, style: SMALL, text: first(&proof, COLUMN * 0.8) });
    lines.push(right(format!("{number} / {}", paper.sheets.len()), FOOT, SMALL));
    lines
}

fn print(surface: &mut Surface<'_>, line: &Line, face: &Face) {
    let mut glyphs = Vec::with_capacity(line.text.len());
    for (at, character) in line.text.char_indices() {
        let Some(glyph) = face.glyph(character) else { continue };
        let range = at..at + character.len_utf8();
        glyphs.push(KrillaGlyph::new(glyph, face.advance(glyph), 0.0, 0.0, 0.0, range, None));
    }
    if glyphs.iter().all(|it| it.x_advance(1.0) == 0.0) {
        return;
    }
    let ink = grey(if line.style.quiet { QUIET } else { 0 });
    // The font has one weight: a thin line around the letters makes them bold.
    let stroke = Stroke { paint: ink.paint.clone(), width: line.style.size * 0.035, ..Stroke::default() };
    surface.set_stroke(line.style.bold.then_some(stroke));
    surface.set_fill(Some(ink));
    let start = Point::from_xy(line.x, line.y);
    surface.draw_glyphs(start, &glyphs, face.font.clone(), &line.text, line.style.size, false);
}

/// The standard asks for a date.
fn date(at: UtcMillis) -> DateTime {
    let at = at.japan();
    let part = |it: i8| u8::try_from(it).unwrap_or_default();
    DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(9)
        .utc_offset_minute(0)
}

fn grey(value: u8) -> Fill {
    Fill { paint: luma::Color::new(value).into(), ..Fill::default() }
}
