//! `README.txt`: what the package is, how to check it with and without karibarai, what it does not prove.

/// Japanese, then English; the same in every package.
pub(super) const TEXT: &str = include_str!("templates/README.txt");
