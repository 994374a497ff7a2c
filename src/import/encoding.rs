//! Text in the encodings that Japanese office programs write, as UTF-8.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, SHIFT_JIS, UTF_8};

const PART: usize = 32 << 10;

/// Finds out which encoding a text is in, part by part.
pub(super) struct Guess {
    /// By a mark at the beginning of the file; it wins.
    mark: Option<&'static Encoding>,
    utf8: Option<Decoder>,
    shift_jis: Option<Decoder>,
    scratch: Vec<u8>,
}

impl Guess {
    pub(super) fn new(head: &[u8]) -> Self {
        Self {
            mark: Encoding::for_bom(head).map(|(encoding, _)| encoding),
            utf8: Some(UTF_8.new_decoder_without_bom_handling()),
            // As Windows writes it: code page 932.
            shift_jis: Some(SHIFT_JIS.new_decoder_without_bom_handling()),
            scratch: vec![0; PART * 4],
        }
    }

    pub(super) fn feed(&mut self, part: &[u8], last: bool) {
        for candidate in [&mut self.utf8, &mut self.shift_jis] {
            if candidate.as_mut().is_some_and(|it| !accepts(it, part, last, &mut self.scratch)) {
                *candidate = None;
            }
        }
    }

    /// `None`: neither.
    pub(super) fn found(&self) -> Option<&'static Encoding> {
        let unmarked = self.utf8.as_ref().or(self.shift_jis.as_ref()).map(Decoder::encoding);
        match self.mark {
            Some(mark) if mark == UTF_8 => self.utf8.as_ref().map(Decoder::encoding),
            Some(mark) => Some(mark),
            None => unmarked,
        }
    }
}

fn accepts(decoder: &mut Decoder, mut part: &[u8], last: bool, scratch: &mut [u8]) -> bool {
    loop {
        let (result, read, _) = decoder.decode_to_utf8_without_replacement(part, scratch, last);
        match result {
            DecoderResult::InputEmpty => return true,
            DecoderResult::OutputFull => part = part.get(read..).unwrap_or_default(),
            DecoderResult::Malformed(..) => return false,
        }
    }
}

/// Gives the text as UTF-8, without a mark at its beginning.
pub(super) struct AsUtf8<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Bytes of `raw` from `at` to `filled` are still to be decoded.
    at: usize,
    filled: usize,
    ended: bool,
    /// Decoded and not yet handed out.
    ready: Vec<u8>,
    given: usize,
}

impl<R: Read> AsUtf8<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; PART],
            at: 0,
            filled: 0,
            ended: false,
            ready: Vec::new(),
            given: 0,
        }
    }

    /// Decodes the next part; an empty one is the end.
    fn more(&mut self) -> io::Result<()> {
        self.given = 0;
        self.ready.clear();
        while self.ready.is_empty() {
            if self.at == self.filled && !self.ended {
                self.filled = self.inner.read(&mut self.raw)?;
                self.at = 0;
                self.ended = self.filled == 0;
            }
            self.ready.resize(PART * 3, 0);
            let input = self.raw.get(self.at..self.filled).unwrap_or_default();
            let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.ready, self.ended);
            self.at += read;
            self.ready.truncate(written);
            if self.ended && result == CoderResult::InputEmpty {
                break;
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for AsUtf8<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            // A decoder must not be used after its end.
            if self.ended && self.at == self.filled {
                return Ok(0);
            }
            self.more()?;
        }
        let left = self.ready.get(self.given..).unwrap_or_default();
        let n = left.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), left.get(..n)) {
            to.copy_from_slice(from);
        }
        self.given += n;
        Ok(n)
    }
}
