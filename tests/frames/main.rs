//! The decoder of the multiplexed stream against a naive oracle: what it says doesn't depend
//! on how the stream was cut; garbage is an error, once; and nothing is allocated on a claim.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use docker_exec_napi::Error;
use docker_exec_napi::engine::frames::{MAX_FRAME, multiplexed, raw};
use docker_exec_napi::session::Fd;
use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

#[path = "../common/counting.rs"]
mod counting;
mod oracle;

use oracle::{all, claim, decode, frame, oracle, read, reader};

/// Fails as a connection does that was reset.
struct Reset;

impl AsyncRead for Reset {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context, _: &mut ReadBuf) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("reset by its test")))
    }
}

fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let (out, err) = (frame(1, b"out\n"), frame(2, b"err\n"));
    let both = [&out[..], &err].concat();
    vec![
        ("nothing", vec![]),
        ("both streams", [&both[..], &both].concat()),
        ("stdin's type", frame(0, b"\x01\0\0\0\0\0\0\x04")),
        (
            "without bytes",
            [frame(1, b""), frame(2, b""), out.clone(), frame(1, b"")].concat(),
        ),
        ("only empty ones", [frame(2, b""), frame(1, b"")].concat()),
        ("the end in a header", [&both[..], &out[..7]].concat()),
        ("the end behind a header", [&both[..], &out[..8]].concat()),
        ("the end in a payload", [&both[..], &out[..11]].concat()),
        ("an unknown type", [&both[..], &frame(3, b"sys")].concat()),
        (
            "a type of text",
            [&out[..], b"HTTP/1.1 500 Oh\r\n\r\n"].concat(),
        ),
        (
            "padding 1",
            [&out[..], &[1, 1, 0, 0, 0, 0, 0, 1, 0]].concat(),
        ),
        (
            "padding 2",
            [&out[..], &[2, 0, 1, 0, 0, 0, 0, 1, 0]].concat(),
        ),
        (
            "padding 3",
            [&out[..], &[1, 0, 0, 1, 0, 0, 0, 1, 0]].concat(),
        ),
        (
            "the longest frame",
            claim(1, MAX_FRAME as u32, b"0123456789"),
        ),
        (
            "too long a frame",
            [&both[..], &claim(1, MAX_FRAME as u32 + 1, b"01234567")].concat(),
        ),
        ("the longest claim", claim(2, u32::MAX, b"")),
        (
            "garbage behind an empty frame",
            [frame(1, b""), vec![0xff; 9]].concat(),
        ),
        ("half of garbage", vec![0xff; 7]),
    ]
}

#[test]
fn no_cut_and_no_two_cuts_change_what_is_said() {
    for (name, stream) in streams() {
        let expected = oracle(&stream);
        for i in 0..=stream.len() {
            for j in i..=stream.len() {
                let chunks = [&stream[..i], &stream[i..j], &stream[j..]];
                assert_eq!(decode(chunks), expected, "{name}, cut at {i} and {j}");
            }
            // A read of nothing is the end, so no empty chunks here.
            let chunks = [&stream[..i], &stream[i..]].into_iter();
            let read = read(chunks.filter(|chunk| !chunk.is_empty()));
            assert_eq!(read, expected, "{name}, cut at {i}");
        }
        assert_eq!(read(stream.chunks(1)), expected, "{name}, byte by byte");
    }
}

#[test]
fn every_prefix_ends_as_it_should() {
    for (name, stream) in streams() {
        for end in 0..=stream.len() {
            let prefix = &stream[..end];
            assert_eq!(decode([prefix]), oracle(prefix), "{name}, up to {end}");
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let said = |stream: Vec<u8>| all(multiplexed(reader([&stream[..]])));
    let protocol = |text: &str| vec![Err(Error::Protocol(text.into()))];
    assert_eq!(
        said(frame(3, b"")),
        protocol("a frame that begins with 0x03000000")
    );
    assert_eq!(
        said(b"Hi there".to_vec()),
        protocol("a frame that begins with 0x48692074")
    );
    assert_eq!(
        said(claim(1, 1 << 30, b"")),
        protocol("a frame of 1073741824 bytes")
    );
    let lost = Error::Lost("the engine ended the stream within a frame".into());
    assert_eq!(said(claim(1, 1, b"")), [Err(lost)]);
}

#[test]
fn an_error_comes_behind_the_payload_before_it_and_is_the_last_item() {
    let stream = [frame(1, b"kept"), vec![0xff; 8], frame(1, b"not read")].concat();
    let items = all(multiplexed(reader([&stream[..]])));
    assert_eq!(items.len(), 2, "{items:?}");
    assert_eq!(items[0], Ok((Fd::Stdout, "kept".into())));
    assert!(matches!(items[1], Err(Error::Protocol(_))), "{items:?}");
}

#[test]
fn a_connection_that_breaks_says_how_behind_what_came_before() {
    let lost = Err(Error::Lost("reset by its test".into()));
    let stream = claim(2, 9, b"partial");
    let items = all(multiplexed(reader([&stream[..]]).chain(Reset)));
    assert_eq!(items, [Ok((Fd::Stderr, "partial".into())), lost.clone()]);
    let items = all(raw(reader([&b"partial"[..]]).chain(Reset)));
    assert_eq!(items, [Ok((Fd::Stdout, "partial".into())), lost]);
}

#[test]
fn a_payload_is_passed_on_before_its_frame_is_whole() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut stream = multiplexed(near);
    let send = |bytes: Vec<u8>, far: &mut tokio::io::DuplexStream| {
        let mut write =
            Box::pin(async move { tokio::io::AsyncWriteExt::write_all(far, &bytes).await });
        write.as_mut().now_or_never().expect("room").unwrap();
    };
    send(claim(1, 5, b"ab"), &mut far);
    assert_eq!(
        stream.next().now_or_never(),
        Some(Some(Ok((Fd::Stdout, "ab".into()))))
    );
    assert_eq!(stream.next().now_or_never(), None);
    send(b"cde\x02".to_vec(), &mut far);
    assert_eq!(
        stream.next().now_or_never(),
        Some(Some(Ok((Fd::Stdout, "cde".into()))))
    );
    assert_eq!(stream.next().now_or_never(), None);
}

#[test]
fn a_terminals_bytes_come_untouched_whatever_they_are() {
    for first in 0..=2 {
        let screen = [&frame(first, b"no frame")[..], b"\x1b[1m\0\xff"].concat();
        for end in 1..=screen.len() {
            let read = all(raw(reader([&screen[..end]])));
            assert_eq!(
                read,
                [Ok((Fd::Stdout, Bytes::copy_from_slice(&screen[..end])))]
            );
        }
    }
    assert_eq!(all(raw(reader([]))), []);
}

#[test]
fn a_claim_allocates_nothing() {
    let stream = claim(1, MAX_FRAME as u32, b"0123456789");
    let (peak, (payloads, _)) = counting::peak_of(|| read([&stream[..]]));
    assert_eq!(payloads, [(Fd::Stdout, b"0123456789".to_vec())]);
    assert!(peak < 256 * 1024, "{peak} bytes");
}

#[test]
fn a_long_stream_takes_no_more_memory_than_a_short_one() {
    let frame = frame(1, &[7; 32 * 1024]);
    let endless = reader(std::iter::repeat_n(&frame[..], 1000));
    let mut stream = multiplexed(endless);
    let (peak, bytes) = counting::peak_of(|| {
        let mut bytes = 0;
        while let Some(Some(item)) = stream.next().now_or_never() {
            bytes += item.unwrap().1.len();
        }
        bytes
    });
    assert_eq!(bytes, 1000 * 32 * 1024);
    assert!(peak < 256 * 1024, "{peak} bytes");
}

/// Frames, most of them right, and where the stream is cut off.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..50);
    let piece = prop_oneof![
        20 => (0..3u8, payload()).prop_map(|(kind, payload)| frame(kind, &payload)),
        1 => (any::<u8>(), payload()).prop_map(|(kind, payload)| frame(kind, &payload)),
        1 => (0..3u8, any::<u32>()).prop_map(|(kind, length)| claim(kind, length, b"")),
        1 => prop::collection::vec(0..4u8, 0..20),
    ];
    (prop::collection::vec(piece, 0..12), 0..20usize).prop_map(|(pieces, less)| {
        let mut stream = pieces.concat();
        stream.truncate(stream.len().saturating_sub(less.saturating_sub(10)));
        stream
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_chunking_changes_what_is_said(
        stream in stream(),
        lengths in prop::collection::vec(1..40usize, 1..8),
    ) {
        let (mut chunks, mut rest) = (Vec::new(), &stream[..]);
        for length in lengths.iter().cycle().take_while(|_| !stream.is_empty()) {
            let (chunk, after) = rest.split_at(rest.len().min(*length));
            chunks.push(chunk);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let expected = oracle(&stream);
        prop_assert_eq!(&decode(chunks.iter().copied()), &expected);
        prop_assert_eq!(&read(chunks), &expected);
    }
}
