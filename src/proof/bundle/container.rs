//! The zip file around a package, in one form only: each byte outside the files' own is fixed by `docs/format.md`, so
//! that a changed one is found. Any zip program reads it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::write::{DeflateDecoder, DeflateEncoder};
use flate2::{Compression, Crc};
use sha2::{Digest as _, Sha256};

use super::manifest::{Member, is_safe_path};
use crate::domain::{Digest, hex};

/// Most files in a package.
pub const MAX_MEMBERS: usize = 60_000;
/// Most bytes of a file, packed or not, and of the package: what the plain zip format can count.
pub const MAX_BYTES: u64 = u32::MAX as u64;

/// The comment at the end of the zip file.
const COMMENT: &[u8] = b"karibarai bundle 1";
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22 + COMMENT.len();
/// Bytes moved at a time.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// At this byte the file is not as the format fixes it.
    #[error("byte {0} is not as the format of the package fixes it")]
    Shape(u64),
    #[error("there is no file {0} in the package")]
    Absent(String),
    #[error(
        "the package would be larger than 4 GiB, or have more than {MAX_MEMBERS} files; ask for a shorter span"
    )]
    TooLarge,
}

/// Kept as it is rather than packed: what is packed already, and what seals the rest.
pub fn is_stored(path: &str) -> bool {
    path.starts_with("files/") || path.starts_with("manifest.")
}

/// Whether a file that may be damaged began or ended as a package of ours.
pub fn is_ours(head: &[u8], tail: &[u8]) -> bool {
    let begins = head.get(10..14) == Some(&[0, 0, 0x21, 0]) && head.get(30..40) == Some(b"README.txt");
    begins || tail.windows(9).any(|it| it == b"karibarai")
}

/// What the headers say of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    path: String,
    crc: u32,
    size: u64,
    packed: u64,
    /// Where its local header begins.
    at: u64,
}

impl Head {
    /// The part that both kinds of headers share, from "version needed" to "extra length".
    fn shared(&self) -> Vec<u8> {
        let method: u16 = if is_stored(&self.path) { 0 } else { 8 };
        let mut out = Vec::with_capacity(26);
        // Version 2.0; names are UTF-8; method; midnight, 1 January 1980.
        for value in [20, 0x0800, method, 0, 0x21] {
            out.extend(value.to_le_bytes());
        }
        for value in [self.crc, narrow(self.packed), narrow(self.size)] {
            out.extend(value.to_le_bytes());
        }
        out.extend(u16::try_from(self.path.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend([0, 0]);
        out
    }

    fn local(&self) -> Vec<u8> {
        [&LOCAL.to_le_bytes()[..], &self.shared(), self.path.as_bytes()].concat()
    }

    fn central(&self) -> Vec<u8> {
        let mut out = CENTRAL.to_le_bytes().to_vec();
        // Made by version 2.0 on Unix.
        out.extend([20, 3]);
        out.extend(self.shared());
        // No comment, disk 0, no internal attributes; a regular file that its owner may write.
        out.extend([0; 6]);
        out.extend((0o100_644_u32 << 16).to_le_bytes());
        out.extend(narrow(self.at).to_le_bytes());
        out.extend(self.path.as_bytes());
        out
    }
}

fn end(members: usize, central_at: u64, central_len: u64) -> Vec<u8> {
    let count = u16::try_from(members).unwrap_or(u16::MAX).to_le_bytes();
    let mut out = END.to_le_bytes().to_vec();
    out.extend([0; 4]);
    out.extend([count, count].concat());
    out.extend(narrow(central_len).to_le_bytes());
    out.extend(narrow(central_at).to_le_bytes());
    out.extend(u16::try_from(COMMENT.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(COMMENT);
    out
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Counts and hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    crc: Crc,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), crc: Crc::new(), bytes: 0 }
    }

    fn digest(self) -> Digest {
        self.hash.finalize().into()
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.crc.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Sizes and hashes of a file, as it is and as it is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub size: u64,
    pub sha256: Digest,
    pub packed_size: u64,
    pub packed_sha256: Digest,
}

impl Packed {
    /// The line of the manifest.
    pub fn member(&self, path: &str) -> Member {
        let packed = !is_stored(path);
        Member {
            path: path.to_owned(),
            size: self.size,
            sha256: hex(&self.sha256),
            packed_size: packed.then_some(self.packed_size),
            packed_sha256: packed.then(|| hex(&self.packed_sha256)),
        }
    }
}

/// Writes a package, one file after the other.
pub struct Packer<W: Write + Seek> {
    out: W,
    at: u64,
    heads: Vec<Head>,
}

impl<W: Write + Seek> Packer<W> {
    pub fn new(out: W) -> Self {
        Self { out, at: 0, heads: Vec::new() }
    }

    pub fn add(&mut self, path: &str, data: &mut impl Read) -> Result<Packed, ContainerError> {
        if self.heads.len() >= MAX_MEMBERS || !is_safe_path(path) {
            return Err(ContainerError::TooLarge);
        }
        let mut head = Head { path: path.to_owned(), crc: 0, size: 0, packed: 0, at: self.at };
        self.out.write_all(&head.local())?;
        let mut packed = Hashing::new(&mut self.out);
        let (crc, size, sha256) = if is_stored(path) {
            let mut plain = Hashing::new(&mut packed);
            io::copy(data, &mut plain)?;
            (plain.crc.sum(), plain.bytes, plain.digest())
        } else {
            let mut plain = Hashing::new(DeflateEncoder::new(&mut packed, Compression::default()));
            io::copy(data, &mut plain)?;
            plain.inner.try_finish()?;
            (plain.crc.sum(), plain.bytes, plain.digest())
        };
        let (packed_size, packed_sha256) = (packed.bytes, packed.digest());
        (head.crc, head.size, head.packed) = (crc, size, packed_size);
        let begin = self.at;
        self.at += (LOCAL_LEN + path.len()) as u64 + packed_size;
        if size > MAX_BYTES || self.at > MAX_BYTES {
            return Err(ContainerError::TooLarge);
        }
        self.out.seek(SeekFrom::Start(begin))?;
        self.out.write_all(&head.local())?;
        self.out.seek(SeekFrom::Start(self.at))?;
        self.heads.push(head);
        Ok(Packed { size, sha256, packed_size, packed_sha256 })
    }

    /// Writes the list at the end.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        let central: Vec<u8> = self.heads.iter().flat_map(Head::central).collect();
        if self.at + (central.len() + END_LEN) as u64 > MAX_BYTES {
            return Err(ContainerError::TooLarge);
        }
        self.out.write_all(&central)?;
        self.out.write_all(&end(self.heads.len(), self.at, central.len() as u64))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A package to be read; every byte of its headers was compared with the one form.
pub struct Container<R> {
    file: R,
    heads: Vec<Head>,
}

impl<R: Read + Seek> Container<R> {
    pub fn open(mut file: R) -> Result<Self, ContainerError> {
        let len = file.seek(SeekFrom::End(0))?;
        let end_at = len.checked_sub(END_LEN as u64).ok_or(ContainerError::Shape(len))?;
        let tail = read_at(&mut file, end_at, END_LEN)?;
        let field =
            |at: usize| tail.get(at..at + 4).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes);
        let count = tail.get(10..12).and_then(|it| it.try_into().ok()).map_or(0, u16::from_le_bytes);
        let (central_len, central_at) = (field(12).unwrap_or(0), u64::from(field(16).unwrap_or(0)));
        if len > MAX_BYTES
            || central_at + u64::from(central_len) != end_at
            || tail != end(usize::from(count), central_at, u64::from(central_len))
        {
            return Err(ContainerError::Shape(end_at));
        }
        let central = read_at(&mut file, central_at, central_len as usize)?;
        let mut heads = Vec::new();
        let (mut rest, mut next) = (central.as_slice(), 0);
        while !rest.is_empty() {
            let at = end_at - rest.len() as u64;
            let head = central_head(rest, next).ok_or(ContainerError::Shape(at))?;
            let local = head.local();
            let found = read_at(&mut file, next, local.len())?;
            if let Some(differs) = found.iter().zip(&local).position(|(a, b)| a != b) {
                return Err(ContainerError::Shape(next + differs as u64));
            }
            next += local.len() as u64 + head.packed;
            rest = &rest[CENTRAL_LEN + head.path.len()..];
            heads.push(head);
        }
        if next != central_at || heads.len() != usize::from(count) || heads.len() > MAX_MEMBERS {
            return Err(ContainerError::Shape(central_at));
        }
        Ok(Self { file, heads })
    }

    /// The paths in the order of the file.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.heads.iter().map(|it| it.path.as_str())
    }

    /// Unpacks a file into `out`, never more than its header says.
    pub fn extract(&mut self, path: &str, out: &mut dyn Write) -> Result<Packed, ContainerError> {
        let head = self.heads.iter().find(|it| it.path == path);
        let head = head.ok_or_else(|| ContainerError::Absent(path.to_owned()))?;
        let data_at = head.at + (LOCAL_LEN + path.len()) as u64;
        self.file.seek(SeekFrom::Start(data_at))?;
        let plain = Hashing::new(Bounded { inner: out, left: head.size });
        let mut packed_hash = Sha256::new();
        let mut data = (&mut self.file).take(head.packed);
        let mut chunk = vec![0; CHUNK];
        let mut sink: Box<dyn Sink<'_> + '_> =
            if is_stored(path) { Box::new(plain) } else { Box::new(DeflateDecoder::new(plain)) };
        let mut packed_size = 0;
        loop {
            let count = data.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            packed_size += count as u64;
            packed_hash.update(&chunk[..count]);
            sink.write_all(&chunk[..count]).map_err(|error| broken(error, data_at))?;
        }
        let plain = sink.end().map_err(|error| broken(error, data_at))?;
        if plain.bytes != head.size || plain.crc.sum() != head.crc || packed_size != head.packed {
            return Err(ContainerError::Shape(data_at));
        }
        let packed_sha256 = packed_hash.finalize().into();
        Ok(Packed { size: plain.bytes, sha256: plain.digest(), packed_size, packed_sha256 })
    }
}

/// What cannot be unpacked is damage of the file, not of the disk.
fn broken(error: io::Error, at: u64) -> ContainerError {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            ContainerError::Shape(at)
        }
        io::ErrorKind::WriteZero => ContainerError::Shape(at),
        _ => ContainerError::Io(error),
    }
}

/// Takes packed bytes and hands back what they came to.
trait Sink<'a>: Write {
    fn end(self: Box<Self>) -> io::Result<Hashing<Bounded<'a>>>;
}

impl<'a> Sink<'a> for Hashing<Bounded<'a>> {
    fn end(self: Box<Self>) -> io::Result<Hashing<Bounded<'a>>> {
        Ok(*self)
    }
}

impl<'a> Sink<'a> for DeflateDecoder<Hashing<Bounded<'a>>> {
    fn end(self: Box<Self>) -> io::Result<Hashing<Bounded<'a>>> {
        self.finish()
    }
}

/// Refuses to write more than was announced.
struct Bounded<'a> {
    inner: &'a mut dyn Write,
    left: u64,
}

impl Write for Bounded<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.len() as u64 > self.left {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than announced"));
        }
        let written = self.inner.write(buffer)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn read_at(file: &mut (impl Read + Seek), at: u64, len: usize) -> Result<Vec<u8>, ContainerError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() == len { Ok(bytes) } else { Err(ContainerError::Shape(at)) }
}

/// The first header of the list, if it is in the one form and speaks of a file whose local header stands at `at`.
fn central_head(bytes: &[u8], at: u64) -> Option<Head> {
    let field = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes).map(u64::from);
    let name_len = usize::from(u16::from_le_bytes(bytes.get(28..30)?.try_into().ok()?));
    let path = std::str::from_utf8(bytes.get(CENTRAL_LEN..CENTRAL_LEN + name_len)?).ok()?.to_owned();
    let head = Head { path, crc: narrow(field(16)?), packed: field(20)?, size: field(24)?, at };
    (is_safe_path(&head.path) && bytes.starts_with(&head.central())).then_some(head)
}
