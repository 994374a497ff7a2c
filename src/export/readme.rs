//! `README.txt`: what the package is, how to check it with and without karibarai, what it does not prove; and `verify.html`,
//! which checks it in a browser.

/// Japanese, then English; the same in every package.
pub(super) const TEXT: &str = include_str!("templates/README.txt");

/// Written from docs/format.md alone, so that what it finds is a second opinion; the same in every package.
pub(super) const VERIFY: &str = include_str!("templates/verify.html");
