//! The font in every paper: IPAexGothic 004.01, unchanged, under the IPA Font License 1.0 that stands beside it.

use std::io::Read as _;
use std::sync::{Arc, LazyLock};

use flate2::read::GzDecoder;
use krilla::Data;
use krilla::text::{Font, GlyphId};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

/// `ipaexg.ttf`, packed: a twentieth of the program less.
const PACKED: &[u8] = include_bytes!("../fonts/ipaexg.ttf.gz");
/// Bytes of it unpacked.
const SIZE: usize = 6_099_900;

/// Which glyph a character has and how wide it is.
pub(super) struct Face {
    pub(super) font: Font,
    /// For each character of the basic plane; 0 where there is none.
    glyphs: Vec<u16>,
    /// For each glyph, in parts of the size.
    advances: Vec<f32>,
}

impl Face {
    /// `None` only where the file that was compiled in is no font.
    pub(super) fn get() -> Option<&'static Self> {
        static FACE: LazyLock<Option<Face>> = LazyLock::new(Face::read);
        FACE.as_ref()
    }

    fn read() -> Option<Self> {
        let bytes = Arc::new(unpacked()?);
        let font = Font::new(Data::from(Arc::clone(&bytes)), 0)?;
        let file = FontRef::new(&bytes).ok()?;
        let charmap = file.charmap();
        let glyph = |it: u32| char::from_u32(it).and_then(|it| charmap.map(it));
        let glyphs = (0..=0xffff)
            .map(|it| glyph(it).and_then(|it| u16::try_from(it.to_u32()).ok()).unwrap_or(0))
            .collect();
        let metrics = file.glyph_metrics(Size::unscaled(), LocationRef::default());
        let em = font.units_per_em();
        let advances = (0..metrics.glyph_count())
            .map(|it| metrics.advance_width(it.into()).unwrap_or(em) / em)
            .collect();
        Some(Self { font, glyphs, advances })
    }

    /// The glyph of a character that is to be seen.
    pub(super) fn glyph(&self, character: char) -> Option<GlyphId> {
        let place = usize::try_from(u32::from(character)).ok()?;
        self.glyphs.get(place).filter(|it| **it != 0).map(|it| GlyphId::new(u32::from(*it)))
    }

    /// How far the glyph moves on, in parts of the size.
    pub(super) fn advance(&self, glyph: GlyphId) -> f32 {
        let place = usize::try_from(glyph.to_u32()).unwrap_or(usize::MAX);
        self.advances.get(place).copied().unwrap_or(1.0)
    }

    /// Points that a printable text takes.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().filter_map(|it| self.glyph(it)).map(|it| self.advance(it)).sum::<f32>() * size
    }
}

fn unpacked() -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(SIZE);
    GzDecoder::new(PACKED).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::domain::hex;

    /// Unpacked it is the file as it came: packing changes nothing that the licence protects.
    #[test]
    fn the_font_is_the_one_that_its_licence_speaks_of() {
        let bytes = unpacked().unwrap();
        assert_eq!(bytes.len(), SIZE);
        let digest = hex(Sha256::digest(&bytes).as_slice());
        assert_eq!(digest, "3b9955a5e437ffb24c41548e79296fa724822da21ee75dc1b94f6ccdb8f400dd");
    }
}
