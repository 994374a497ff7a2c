//! What the objects are called, under the id of their ledger. Tree and entries are named as C2SP's tlog-tiles has it.

use crate::domain::Entry;

/// The newest signed head; the only object that is written anew.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The public key, as a C2SP note verifier key.
pub(super) const KEY: &str = "ledger.pub";
/// Leaves and nodes of a full tile.
pub(super) const WIDTH: u64 = 256;
/// Tree levels in one tile.
pub(super) const HEIGHT: u32 = 8;

/// The signed head of that size, for good.
pub(super) fn head(size: u64) -> String {
    format!("checkpoints/{size}")
}

/// Hashes of level `level` (counted in tiles); fewer than [`WIDTH`] at the right edge.
pub(super) fn tile(level: u32, index: u64, width: u64) -> String {
    format!("tile/{level}/{}", number(index, width))
}

/// The entries under the tile of level 0 with this number.
pub(super) fn entries(index: u64, width: u64) -> String {
    format!("tile/entries/{}", number(index, width))
}

/// Salt and content of an entry, or the file that it names: all of a message under one prefix. `n` counts in the ledger.
pub(super) fn content(entry: &Entry, n: u64) -> String {
    let room = entry.room.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let message = entry.message.as_ref().map_or("-", |it| it.as_str());
    format!("contents/{room}/{message}/{n}")
}

pub(super) fn file(entry: &Entry, n: u64) -> String {
    content(entry, n) + ".file"
}

/// Groups of three digits, all but the last marked; then the width where it is not full.
fn number(index: u64, width: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH { format!("{text}.p/{width}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_the_specification_has_them() {
        assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(1, 0, 7), "tile/1/000.p/7");
        assert_eq!(entries(1000, 256), "tile/entries/x001/000");
        assert_eq!(entries(999, 1), "tile/entries/999.p/1");
    }

    proptest::proptest! {
        #[test]
        fn another_library_names_tiles_alike(level in 0_u8..6, index in 0_u64..1 << 40, width in 1_u16..=256) {
            let theirs = tlog_tiles::Tile::new(8, level, index, u32::from(width), false).path();
            // It writes the height first, as Go's module log does.
            let ours = tile(u32::from(level), index, u64::from(width));
            proptest::prop_assert_eq!(theirs.replacen("tile/8/", "tile/", 1), ours);
        }
    }
}
