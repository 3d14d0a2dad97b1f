//! What a multiplexed stream says, found naively: the whole of it at once.

use std::io::Cursor;

use bytes::Bytes;
use docker_exec_napi::engine::frames::{Decoder, MAX_FRAME, multiplexed};
use docker_exec_napi::session::Fd;
use docker_exec_napi::{Error, Result};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};

pub type Payloads = Vec<(Fd, Vec<u8>)>;

#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    Clean,
    WithinAFrame,
    Garbage,
}

pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    claim(kind, payload.len() as u32, payload)
}

pub fn claim(kind: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, 0], &length.to_be_bytes()[..], payload].concat()
}

/// Adds a payload so that its pieces don't matter.
fn add(payloads: &mut Payloads, fd: Fd, bytes: &[u8]) {
    match payloads.last_mut() {
        _ if bytes.is_empty() => {}
        Some((last, payload)) if *last == fd => payload.extend_from_slice(bytes),
        _ => payloads.push((fd, bytes.to_vec())),
    }
}

pub fn oracle(mut stream: &[u8]) -> (Payloads, Ending) {
    let mut payloads = Vec::new();
    while stream.len() >= 8 {
        let length = u32::from_be_bytes(stream[4..8].try_into().unwrap()) as usize;
        let fd = match stream[..4] {
            [0 | 1, 0, 0, 0] if length <= MAX_FRAME => Fd::Stdout,
            [2, 0, 0, 0] if length <= MAX_FRAME => Fd::Stderr,
            _ => return (payloads, Ending::Garbage),
        };
        let there = &stream[8..stream.len().min(8 + length)];
        add(&mut payloads, fd, there);
        if there.len() < length {
            return (payloads, Ending::WithinAFrame);
        }
        stream = &stream[8 + length..];
    }
    let clean = stream.is_empty();
    (
        payloads,
        if clean {
            Ending::Clean
        } else {
            Ending::WithinAFrame
        },
    )
}

fn ending(result: Result<()>) -> Ending {
    match result {
        Ok(()) => Ending::Clean,
        Err(Error::Lost(_)) => Ending::WithinAFrame,
        Err(Error::Protocol(_)) => Ending::Garbage,
        Err(other) => panic!("{other}"),
    }
}

pub fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Payloads, Ending) {
    let (mut decoder, mut payloads) = (Decoder::default(), Vec::new());
    for chunk in chunks {
        decoder.buffer().extend_from_slice(chunk);
        loop {
            match decoder.decode() {
                Ok(Some((fd, bytes))) => {
                    assert!(!bytes.is_empty(), "a payload without a byte");
                    add(&mut payloads, fd, &bytes);
                }
                Ok(None) => break,
                Err(error) => return (payloads, ending(Err(error))),
            }
        }
    }
    (payloads, ending(decoder.finish()))
}

pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// A connection whose reads give one chunk each.
pub fn reader<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Reader {
    chunks
        .into_iter()
        .map(|chunk| Cursor::new(chunk.to_vec()))
        .fold(Box::new(tokio::io::empty()), |before: Reader, chunk| {
            Box::new(before.chain(chunk))
        })
}

/// Everything that a stream gives, up to its end, if it has one.
pub fn all<S: Stream<Item = Result<(Fd, Bytes)>>>(stream: S) -> Vec<Result<(Fd, Bytes)>> {
    stream
        .take(100_000)
        .collect()
        .now_or_never()
        .expect("nothing to wait for")
}

pub fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Payloads, Ending) {
    let mut payloads = Vec::new();
    let mut items = all(multiplexed(reader(chunks))).into_iter();
    while let Some(item) = items.next() {
        match item {
            Ok((fd, bytes)) => add(&mut payloads, fd, &bytes),
            Err(error) => {
                assert_eq!(items.next(), None, "something follows an error");
                return (payloads, ending(Err(error)));
            }
        }
    }
    (payloads, Ending::Clean)
}
