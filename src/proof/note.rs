//! Signed notes: a text with Ed25519 signatures, as <https://c2sp.org/signed-note> fixes them.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::domain::hex;

/// Largest note that is read or signed, in bytes. A checkpoint has about 300.
pub const MAX_NOTE_LEN: usize = 64 * 1024;
/// Most signature lines that a note may have.
pub const MAX_SIGNATURES: usize = 64;

/// The signature type that the specification gives to Ed25519.
const ED25519: u8 = 1;
/// Each signature line begins with an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// Why a note or a key is refused. No variant carries text of the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("a key name is one or more characters without white space, plus sign or control character")]
    Name,
    #[error("not a verifier key of the form name+id+base64 for Ed25519")]
    Key,
    #[error("not a signed note: text that ends in a newline, an empty line, signature lines")]
    Shape,
    #[error("the note is larger than this program reads")]
    TooLarge,
    #[error("the note has no signature of the expected key")]
    Unsigned,
    #[error("the signature of the expected key does not fit the text")]
    Signature,
}

/// The first four bytes of SHA-256 over the name, a newline, the signature type and the public key.
fn key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update([b'\n', ED25519]);
    hash.update(public_key);
    let hash: [u8; 32] = hash.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|it| it.is_whitespace() || it.is_control() || it == '+')
}

/// Valid text of a note: ends in a newline, which is the only ASCII control character in it.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && text.bytes().all(|it| it >= b' ' || it == b'\n')
}

/// A private key with the name that its signatures carry. It has no `Debug` and is wiped from memory when dropped.
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    /// From the 32 secret bytes of RFC 8032. Its own copy is wiped when it is dropped.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, &key.verifying_key().to_bytes())?;
        Ok(Self { key, verifier })
    }

    /// What others need to check the signatures.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The whole note: the text, an empty line and one signature line.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !is_text(text) {
            return Err(NoteError::Shape);
        }
        let mut blob = self.verifier.key_id.to_vec();
        blob.extend(self.key.sign(text.as_bytes()).to_bytes());
        let note = format!("{text}\n{LINE_START}{} {}\n", self.verifier.name, BASE64_STANDARD.encode(blob));
        if note.len() > MAX_NOTE_LEN { Err(NoteError::TooLarge) } else { Ok(note) }
    }
}

/// The public key of a seed, for what depends on the key before it has a name.
pub fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// A public key with the name that its signatures must carry. `Display` writes the verifier key string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key_id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// Refuses what is no point of the curve, and the few weak points for which a signature may fit several texts.
    pub fn new(name: &str, public_key: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name);
        }
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| NoteError::Key)?;
        if key.is_weak() {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), key_id: key_id(name, public_key), key })
    }

    /// Reads a verifier key `name+id+base64`; only the spelling that `Display` writes is accepted.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, public_key)) = key.split_first() else { return Err(NoteError::Key) };
        let verifier = Self::new(name, public_key.try_into().map_err(|_| NoteError::Key)?)?;
        if verifier.to_string() == text { Ok(verifier) } else { Err(NoteError::Key) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 raw bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Gives the text of a note that this key signed. Signatures of other keys must be well-formed and are ignored;
    /// each one of this key must fit.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        if note.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLarge);
        }
        // The text may itself have empty lines: the last one is what separates.
        let at = note.rfind("\n\n").ok_or(NoteError::Shape)?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Shape)?;
        if !is_text(text) {
            return Err(NoteError::Shape);
        }
        let mut signed = false;
        for (count, line) in lines.split('\n').enumerate() {
            if count == MAX_SIGNATURES {
                return Err(NoteError::TooLarge);
            }
            let (name, blob) = signature_line(line).ok_or(NoteError::Shape)?;
            let Some((id, signature)) = blob.split_first_chunk::<4>() else { return Err(NoteError::Shape) };
            if name == self.name && *id == self.key_id {
                let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
                self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
                signed = true;
            }
        }
        if signed { Ok(text) } else { Err(NoteError::Unsigned) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.key_id), BASE64_STANDARD.encode(key))
    }
}

/// Name, and key id with signature, of a line; `None` unless it is well-formed.
fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, blob) = line.strip_prefix(LINE_START)?.split_once(' ')?;
    let blob = BASE64_STANDARD.decode(blob).ok()?;
    (is_key_name(name) && blob.len() > 4).then_some((name, blob))
}

#[cfg(test)]
mod tests;
