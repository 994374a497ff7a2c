//! Randomness as an input, so that tests can repeat a run.

use std::sync::Mutex;

/// Where salts, keys and one-time links come from.
pub trait Entropy: Send + Sync + 'static {
    /// 32 bytes that nobody can guess.
    fn bytes(&self) -> [u8; 32];
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        // Linux, macOS and Windows deliver after boot; going on with guessable salts and keys would be worse than ending.
        getrandom::fill(&mut bytes).expect("the operating system delivers randomness");
        bytes
    }
}

/// A repeatable sequence: for tests alone, since everybody can compute it.
#[derive(Debug)]
pub struct CountingEntropy(Mutex<u64>);

impl CountingEntropy {
    pub fn new(start: u64) -> Self {
        Self(Mutex::new(start))
    }
}

impl Entropy for CountingEntropy {
    fn bytes(&self) -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        let mut count = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *count += 1;
        Sha256::digest(count.to_be_bytes()).into()
    }
}
