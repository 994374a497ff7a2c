//! Passwords as argon2id hashes, off the threads that serve, at most two at once: each takes 19 MiB.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::Broken;

/// Characters of a new password at least.
pub(in crate::review) const MIN_CHARS: usize = 10;
/// Bytes that are looked at: a longer one is refused before any work.
pub(in crate::review) const MAX_BYTES: usize = 1024;
const AT_ONCE: usize = 2;

pub(super) struct Passwords(Semaphore);

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Passwords {
    pub(super) async fn hash(&self, text: &str, salt: [u8; 32]) -> Result<String, Broken> {
        let text = text.as_bytes().to_vec();
        self.work(move || {
            let hash: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(&text, &salt[..16]);
            hash.map(|it| it.to_string()).map_err(|_| Broken)
        })
        .await?
    }

    pub(super) async fn fits(&self, text: &str, hash: String) -> Result<bool, Broken> {
        if text.len() > MAX_BYTES {
            return Ok(false);
        }
        let text = text.as_bytes().to_vec();
        self.work(move || {
            let hash = PasswordHash::new(&hash).map_err(|_| Broken)?;
            Ok(Argon2::default().verify_password(&text, &hash).is_ok())
        })
        .await?
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Broken> {
        let _turn = self.0.acquire().await.map_err(|_| Broken)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Broken)
    }
}
