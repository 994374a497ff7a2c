//! Webhook signatures: HMAC-SHA256 over the raw body, checked against every configured token. The only maker of
//! [`VerifiedBody`].
//!
//! Never: looks into the body, says more than a kind of refusal, prints a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Where Chatwork puts the signature.
pub const SIGNATURE_HEADER: &str = "x-chatworkwebhooksignature";

/// Bytes of a decoded token, and of a signature.
const LEN: usize = 32;

/// Characters of 32 bytes in base64.
const TEXT_LEN: usize = 44;

/// What a request carried in one of the two places where a signature may stand.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    Absent,
    /// The value; of the query parameter after percent-decoding, where a `+` may have become a space.
    One(&'a [u8]),
    /// More than once, or unreadable before it reached this module.
    Malformed,
}

impl<'a> Presented<'a> {
    /// From all values under the name: twice is malformed, even if both say the same.
    pub fn from_all(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Malformed,
        }
    }
}

/// Why a request is not Chatwork's. For counters: the caller is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    #[error("no signature")]
    Missing,
    #[error("the signature is not base64 of 32 bytes, or stands there twice")]
    Malformed,
    #[error("header and query carry different signatures")]
    Disagree,
    #[error("no webhook token is configured")]
    NoTokens,
    #[error("the signature fits none of the webhook tokens")]
    Mismatch,
}

impl Rejection {
    /// Short name for a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Disagree => "disagree",
            Self::NoTokens => "no_tokens",
            Self::Mismatch => "mismatch",
        }
    }
}

/// Why a webhook token cannot be used; names its place in the configuration, from 1, never its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error(
        "webhook token {position} is not base64 as Chatwork shows it (44 characters, no space, no line feed)"
    )]
    NotBase64 { position: usize },
    #[error("webhook token {position} decodes to {bytes} bytes, not 32: is it the API token?")]
    Length { position: usize, bytes: usize },
}

/// The keyed hashes of all configured webhook tokens, ready to be cloned per request.
#[derive(Clone)]
pub struct Tokens(Vec<Hmac<Sha256>>);

impl Tokens {
    /// In the order of the configuration. The list may be empty: then every request is refused.
    pub fn new(tokens: Vec<SecretString>) -> Result<Self, TokenError> {
        let keyed = |(n, token): (usize, SecretString)| {
            let position = n + 1;
            let decoded = STANDARD.decode(token.expose_secret());
            let key = Zeroizing::new(decoded.map_err(|_| TokenError::NotBase64 { position })?);
            if key.len() != LEN {
                return Err(TokenError::Length { position, bytes: key.len() });
            }
            Hmac::new_from_slice(&key).map_err(|_| TokenError::Length { position, bytes: key.len() })
        };
        Ok(Self(tokens.into_iter().enumerate().map(keyed).collect::<Result<_, _>>()?))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Accepts a body whose signature fits one of the tokens. All tokens are tried, each in constant time, so that
    /// the time says nothing about which of them fits.
    pub fn verify(
        &self,
        body: Bytes,
        header: Presented<'_>,
        query: Presented<'_>,
    ) -> Result<VerifiedBody, Rejection> {
        let header = decode(header, false)?;
        let query = decode(query, true)?;
        let claimed = match (header, query) {
            (None, None) => return Err(Rejection::Missing),
            (Some(header), Some(query)) if !bool::from(header.ct_eq(&query)) => {
                return Err(Rejection::Disagree);
            }
            (Some(claimed), _) | (None, Some(claimed)) => claimed,
        };
        if self.is_empty() {
            return Err(Rejection::NoTokens);
        }
        let mut found = None;
        for (token_n, keyed) in self.0.iter().enumerate() {
            let fits = keyed.clone().chain_update(&body).verify_slice(&claimed).is_ok();
            found = found.or(fits.then_some(token_n));
        }
        let token_n = found.ok_or(Rejection::Mismatch)?;
        Ok(VerifiedBody { body, signature: STANDARD.encode(claimed), token_n })
    }
}

/// Counts only.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.0.len()).finish()
    }
}

/// As Chatwork signs with this token; `None` for what is no webhook token.
pub fn sign(token: &SecretString, body: &[u8]) -> Option<String> {
    let key = Zeroizing::new(STANDARD.decode(token.expose_secret()).ok().filter(|it| it.len() == LEN)?);
    let keyed = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    Some(STANDARD.encode(keyed.chain_update(body).finalize().into_bytes()))
}

/// Strict base64 of exactly 32 bytes. A form decoder turns an unescaped `+` of a query into a space: turned back.
fn decode(presented: Presented<'_>, repair: bool) -> Result<Option<[u8; LEN]>, Rejection> {
    let text = match presented {
        Presented::Absent => return Ok(None),
        Presented::Malformed => return Err(Rejection::Malformed),
        Presented::One(text) => <[u8; TEXT_LEN]>::try_from(text).map_err(|_| Rejection::Malformed)?,
    };
    let text = if repair { text.map(|byte| if byte == b' ' { b'+' } else { byte }) } else { text };
    let decoded = STANDARD.decode(text).map_err(|_| Rejection::Malformed)?;
    decoded.try_into().map(Some).map_err(|_| Rejection::Malformed)
}

/// Bytes that the holder of a webhook token signed. Its existence is the proof: nothing else can make one.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedBody {
    body: Bytes,
    signature: String,
    token_n: usize,
}

impl VerifiedBody {
    /// The raw bytes as received.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// In the one canonical base64 spelling.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Which token fits: its place in the configuration, from 0.
    pub fn token_n(&self) -> usize {
        self.token_n
    }

    /// Body, signature, token number.
    pub fn into_parts(self) -> (Bytes, String, usize) {
        (self.body, self.signature, self.token_n)
    }
}

/// Lengths only.
impl std::fmt::Debug for VerifiedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedBody")
            .field("body_bytes", &self.body.len())
            .field("token_n", &self.token_n)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
