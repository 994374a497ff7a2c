//! Checkpoints: the signed head of a ledger, as <https://c2sp.org/tlog-checkpoint> fixes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::note::{NoteError, Signer, Verifier};
use crate::domain::{Digest, hex};

/// Why a checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the checkpoint is not a note that the key signed")]
    Note(#[source] NoteError),
    #[error("the text of the note is not that of a checkpoint")]
    Shape,
    #[error("the checkpoint is that of another ledger")]
    Origin,
}

/// The ledger's name for itself: lower-case hexadecimal SHA-256 of its first public key (32 raw bytes).
pub fn ledger_id(public_key: &[u8; 32]) -> String {
    let id: Digest = Sha256::digest(public_key).into();
    hex(&id)
}

/// First line of each checkpoint of a ledger, and the name of its key.
pub fn origin(ledger_id: &str) -> String {
    format!("karibarai/{ledger_id}")
}

/// The head of a ledger at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `karibarai/<ledger id>`, see [`origin`].
    pub origin: String,
    /// How many entries the tree has.
    pub size: u64,
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, a line each.
    pub fn to_body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root))
    }

    /// Reads the text of a checkpoint. Extension lines may follow and are ignored, as the specification asks; the
    /// three lines before them have one spelling.
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::read(body).ok_or(CheckpointError::Shape)?;
        if body.starts_with(&checkpoint.to_body()) { Ok(checkpoint) } else { Err(CheckpointError::Shape) }
    }

    fn read(body: &str) -> Option<Self> {
        let mut lines = body.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|it| !it.is_empty() && !it.contains(char::is_control))?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        // An extension line is not empty.
        lines.all(|it| !it.is_empty()).then_some(Self { origin, size, root })
    }

    /// The signed note. The signer's name must be the origin.
    pub fn sign(&self, signer: &Signer) -> Result<String, CheckpointError> {
        if signer.verifier().name() != self.origin {
            return Err(CheckpointError::Origin);
        }
        signer.sign(&self.to_body()).map_err(CheckpointError::Note)
    }

    /// Reads a signed note. The key must have signed it and its name must be the origin.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, CheckpointError> {
        let body = verifier.open(note).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse(body)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(CheckpointError::Origin) }
    }

    /// Origin, size and root on one line, as it can stand in a room for others to keep.
    pub fn to_line(&self) -> String {
        self.to_body().trim_end().replace('\n', " ")
    }

    /// A head that the reader has from elsewhere: a signed note, or any text with a line of [`Checkpoint::to_line`] of this
    /// key's ledger. What the reader kept himself needs no signature.
    pub fn known(text: &str, verifier: &Verifier) -> Result<Self, CheckpointError> {
        match Self::open(text, verifier) {
            Err(CheckpointError::Note(error)) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let heads = words.windows(3).filter(|it| it[0] == verifier.name());
                let mut read = heads.filter_map(|it| Self::parse(&format!("{}\n", it.join("\n"))).ok());
                // Of several the newest says most.
                let newest =
                    read.next().map(|first| read.fold(first, |a, b| if b.size > a.size { b } else { a }));
                newest.ok_or(CheckpointError::Note(error))
            }
            opened => opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::note::public_key;

    fn signer() -> Signer {
        let seed = [7; 32];
        Signer::from_seed(&origin(&ledger_id(&public_key(&seed))), &seed).unwrap()
    }

    fn sample() -> Checkpoint {
        Checkpoint { origin: signer().verifier().name().to_owned(), size: 120, root: [0xfb; 32] }
    }

    #[test]
    fn a_signed_head_reads_back() {
        let note = sample().sign(&signer()).unwrap();
        assert_eq!(Checkpoint::open(&note, signer().verifier()), Ok(sample()));
        let theirs = tlog_tiles::Checkpoint::from_bytes(sample().to_body().as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (&*sample().origin, 120, [0xfb; 32]));
    }

    #[test]
    fn a_head_that_was_kept_from_a_room_is_read_without_a_signature() {
        let key = signer();
        let newer = Checkpoint { size: 130, ..sample() };
        let chat = format!("2026年11月24日\n控え：\n{}\n\n{}\n以上", sample().to_line(), newer.to_line());
        assert_eq!(Checkpoint::known(&chat, key.verifier()), Ok(newer));
        let note = sample().sign(&key).unwrap();
        assert_eq!(Checkpoint::known(&note, key.verifier()), Ok(sample()));
        let stranger = Checkpoint { origin: "karibarai/other".to_owned(), ..sample() };
        for bad in ["", "karibarai", &stranger.to_line(), &sample().to_line().replace(" 120 ", " 0120 ")] {
            assert!(Checkpoint::known(bad, key.verifier()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_ledger_id_is_the_hash_of_the_key() {
        // SHA-256 of 32 zero bytes.
        let id = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
        assert_eq!(ledger_id(&[0; 32]), id);
        assert_eq!(origin(id), format!("karibarai/{id}"));
    }

    #[test]
    fn another_key_or_another_ledger_is_refused() {
        let other = Signer::from_seed(&sample().origin, &[8; 32]).unwrap();
        let note = sample().sign(&other).unwrap();
        let unsigned = Err(CheckpointError::Note(NoteError::Unsigned));
        assert_eq!(Checkpoint::open(&note, signer().verifier()), unsigned);

        let stranger = Checkpoint { origin: "karibarai/other".to_owned(), ..sample() };
        assert_eq!(stranger.sign(&signer()), Err(CheckpointError::Origin));
        let note = signer().sign(&stranger.to_body()).unwrap();
        assert_eq!(Checkpoint::open(&note, signer().verifier()), Err(CheckpointError::Origin));
    }

    #[test]
    fn one_spelling_and_extensions() {
        let body = sample().to_body();
        assert_eq!(Checkpoint::parse(&format!("{body}extension\nmore\n")), Ok(sample()));
        for bad in [
            String::new(),
            body.trim_end().to_owned(),
            format!("{body}\n"),
            format!("{body}extension\n\nmore\n"),
            format!("{body}extension"),
            format!("\n{body}"),
            body.replace("\n120\n", "\n0120\n"),
            body.replace("\n120\n", "\n+120\n"),
            body.replace("\n120\n", "\n-1\n"),
            body.replace("\n120\n", "\n18446744073709551616\n"),
            body.replace("\n120\n", "\n120 \n"),
            body.replace("=\n", "\n"),
            body.replace("=\n", "==\n"),
            body.replace("+/s=", "+/t="),
            body.replacen('\n', "\r\n", 1),
        ] {
            assert_ne!(bad, body);
            assert_eq!(Checkpoint::parse(&bad), Err(CheckpointError::Shape), "{bad}");
        }
    }
}
