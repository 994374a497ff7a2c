//! Lines of a text: what cannot be printed is named, and lines break where Japanese and Latin text may break (UAX #14).

use unicode_linebreak::linebreaks;

use super::face::Face;

/// The text in characters that the font has. Others, and those that are not to be seen, stand as `〔U+202E〕`; variation
/// selectors, which choose among the shapes of a character, are left out.
pub(super) fn printable(text: &str, face: &Face) -> String {
    let mut out = String::with_capacity(text.len());
    let mut named = false;
    for character in text.chars() {
        if matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}') {
            continue;
        }
        let plain = match character {
            '\n' => Some('\n'),
            '\t' => Some(' '),
            '\r' => continue,
            // Spaces of all widths that the font lacks.
            it if it.is_whitespace() && face.glyph(it).is_none() => Some(' '),
            it if is_hidden(it) => None,
            it => face.glyph(it).map(|_| it),
        };
        if named && plain.is_some() {
            out.push('〕');
        }
        match plain {
            Some('\n') => out.push('\n'),
            Some(' ') if character == '\t' => out.push_str("    "),
            Some(it) => out.push(it),
            None => {
                out.push_str(if named { " " } else { "〔" });
                out.push_str(&format!("U+{:04X}", u32::from(character)));
            }
        }
        named = plain.is_none();
    }
    if named {
        out.push('〕');
    }
    out
}

/// Controls and format characters (Unicode Cc and Cf), which would be invisible or turn the text around.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The lines of a text at this size in this width, both in points. An empty line stays one.
pub(super) fn wrap(text: &str, face: &Face, size: f32, width: f32) -> Vec<String> {
    let text = printable(text, face);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = Line { face, size, width, text: String::new(), used: 0.0 };
        let mut begin = 0;
        for (end, _) in linebreaks(paragraph) {
            line.add(&paragraph[begin..end], &mut lines);
            begin = end;
        }
        lines.push(line.text.trim_end().to_owned());
    }
    lines
}

struct Line<'a> {
    face: &'a Face,
    size: f32,
    width: f32,
    text: String,
    used: f32,
}

impl Line<'_> {
    /// Adds a piece that should stay together; spaces at its end may stand beyond the edge.
    fn add(&mut self, piece: &str, lines: &mut Vec<String>) {
        let seen = self.face.width(piece.trim_end(), self.size);
        if self.used > 0.0 && self.used + seen > self.width {
            self.turn(lines);
        }
        if seen <= self.width {
            self.text.push_str(piece);
            self.used += self.face.width(piece, self.size);
            return;
        }
        // Longer than a line: broken where the line is full.
        for character in piece.chars() {
            let wide = self.face.glyph(character).map_or(0.0, |it| self.face.advance(it) * self.size);
            if self.used > 0.0 && self.used + wide > self.width {
                self.turn(lines);
            }
            self.text.push(character);
            self.used += wide;
        }
    }

    fn turn(&mut self, lines: &mut Vec<String>) {
        lines.push(self.text.trim_end().to_owned());
        self.text.clear();
        self.used = 0.0;
    }
}
