//! Finds marks in a stream of bytes. Pure: bytes in, events out, no I/O.
//!
//! A mark is `RS token [SP payload] US`, with an expected token and at
//! most [`MAX_PAYLOAD`] printable bytes of payload. Whatever isn't exactly that is
//! data: a mark of another time, a cut one, one that a command made up. The scanner holds
//! back only bytes that may still become a mark, at most [`BEGIN`] + 1 + `MAX_PAYLOAD` of them,
//! and what it says doesn't depend on how the stream was cut into chunks.

use super::token::{self, Token};
use bytes::Bytes;

const RS: u8 = 0x1e;
const US: u8 = 0x1f;

/// Bytes of payload at the most: an exit code and a shell's option flags are some 30.
pub const MAX_PAYLOAD: usize = 64;

/// What a mark begins with, in bytes: RS and its token.
pub const BEGIN: usize = 1 + token::LENGTH;

/// What the scanner found, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes that belong to no mark.
    Data(Bytes),
    /// A mark with an expected token.
    Mark(Token, String),
}

/// The scanner of one stream.
#[derive(Debug, Default)]
pub struct Scanner {
    expected: Vec<(Token, [u8; token::LENGTH])>,
    held: Bytes,
}

enum Verdict {
    Data,
    MayBecome,
    Mark(Token, String, usize),
}

impl Scanner {
    /// From now on these tokens make a mark, and no others.
    pub fn expect(&mut self, tokens: impl IntoIterator<Item = Token>) {
        self.expected.clear();
        for token in tokens {
            self.expected.push((token, token.text()));
        }
    }

    /// Takes the next bytes of the stream. Linear in their number.
    pub fn feed(&mut self, chunk: Bytes, mut found: impl FnMut(Event)) {
        let bytes = self.join_held(chunk);
        let (mut data, mut at) = (0, 0);
        while let Some(offset) = memchr::memchr(RS, &bytes[at..]) {
            at += offset;
            match self.judge(&bytes[at..]) {
                Verdict::Data => at += 1,
                Verdict::MayBecome => {
                    self.held = bytes.slice(at..);
                    break;
                }
                Verdict::Mark(token, payload, length) => {
                    if data < at {
                        found(Event::Data(bytes.slice(data..at)));
                    }
                    found(Event::Mark(token, payload));
                    at += length;
                    data = at;
                }
            }
        }
        let end = bytes.len() - self.held.len();
        if data < end {
            found(Event::Data(bytes.slice(data..end)));
        }
    }

    /// The stream has ended: what was held back was data.
    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }

    fn join_held(&mut self, chunk: Bytes) -> Bytes {
        match self.finish() {
            held if held.is_empty() => chunk,
            held => [held, chunk].concat().into(),
        }
    }

    /// What a text that begins with RS is.
    fn judge(&self, text: &[u8]) -> Verdict {
        let named = &text[1..text.len().min(BEGIN)];
        let Some((token, _)) = self.expected.iter().find(|(_, t)| t.starts_with(named)) else {
            return Verdict::Data;
        };
        if text.len() <= BEGIN {
            return Verdict::MayBecome;
        }
        let rest = &text[BEGIN..];
        let length = rest
            .iter()
            .take(MAX_PAYLOAD + 2)
            .position(|b| !(b' '..=b'~').contains(b));
        match length {
            None if rest.len() < MAX_PAYLOAD + 2 && rest[0] == b' ' => Verdict::MayBecome,
            Some(n) if rest[n] == US && (n == 0 || rest[0] == b' ') => {
                let payload = String::from_utf8_lossy(&rest[n.min(1)..n]).into_owned();
                Verdict::Mark(*token, payload, BEGIN + n + 1)
            }
            _ => Verdict::Data,
        }
    }
}
