//! The contract of the store: the same calls on both engines leave the same bytes, rows and answers.

mod answers;
mod engine;
mod ledger;
mod moving;
mod owners;
mod plans;
mod replicas;
mod tables;

use karibarai::store::{PostgresPlace, Store};

use crate::support::{cluster, install_tls};

/// The same store twice.
pub(super) struct Both {
    pub(super) sqlite: Store,
    pub(super) postgres: Store,
    pub(super) place: PostgresPlace,
    _folder: tempfile::TempDir,
}

pub(super) async fn both() -> Both {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let place = cluster::fresh();
    Both {
        sqlite: Store::open(&folder.path().join("k.db")).await.unwrap(),
        postgres: Store::connect(&place).await.unwrap(),
        place,
        _folder: folder,
    }
}

impl Both {
    pub(super) fn each(&self) -> [&Store; 2] {
        [&self.sqlite, &self.postgres]
    }
}

/// Calls both and compares the answers as they print; gives that.
macro_rules! same {
    ($both:expr, $call:ident($($value:expr),*)) => {{
        let one = format!("{:?}", $both.sqlite.$call($($value),*).await);
        let other = format!("{:?}", $both.postgres.$call($($value),*).await);
        assert_eq!(one, other, "{}", stringify!($call));
        one
    }};
}
pub(super) use same;

/// Numbers that look random and are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(super) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()].clone()
    }

    pub(super) fn digest(&mut self, sides: u64) -> [u8; 32] {
        let mut out = [0; 32];
        out[31] = u8::try_from(self.roll(sides)).unwrap();
        out[0] = 7;
        out
    }
}

/// Texts that people write, and texts that try a database.
pub(super) const TEXTS: [&str; 12] = [
    "追加でバナーを3枚お願いできますでしょうか。",
    "",
    "a\0b",
    "\0",
    "\u{10fffe}0 \u{10fffe}",
    "'; DROP TABLE entries; --",
    "\"引用\" \\ $1 %s {}",
    "😀❤\u{fe0f}が か\u{3099}",
    "[download:77]案.pdf (3.2 KB)[/download]",
    "ＬＰ　ﾊﾞﾅｰ\n\r\tlp",
    "\u{feff}\u{200b}\u{e000}\u{e022}\u{f8ff}",
    "1本5,000円(税抜) it's",
];
