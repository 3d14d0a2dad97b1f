//! The same by property: streams and cuts that nobody thought of.

use docker_exec_napi::session::sentinel::BEGIN;
use proptest::prelude::*;

use crate::oracle::{
    BOTH, NONCE, OTHER, Said, TOKEN, add, feed, held, mark, oracle, scan, scanner,
};

/// Bytes that look like marks, and some that are.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![TOKEN, TOKEN, NONCE, OTHER]);
    let part = (token.clone(), 0..BEGIN, 0..BEGIN).prop_map(|(token, from, to)| {
        let text = format!("\x1e{token}");
        text.as_bytes()[from.min(to)..to.max(from)].to_vec()
    });
    let whole = (token, "[ -~]{0,70}").prop_map(|(token, payload)| mark(token, &payload));
    let piece = prop_oneof![
        4 => whole,
        4 => part,
        2 => prop::collection::vec(Just(0x1e), 1..4),
        2 => prop::collection::vec(prop::sample::select(&b"\x1e\x1f 0a-\0\xff"[..]), 0..6),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Cuts a stream into chunks of these lengths, in turns.
fn cut<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at(stream.len().min(*length));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_chunking_changes_what_is_said(
        stream in stream(),
        lengths in prop::collection::vec(1..60usize, 1..8),
    ) {
        prop_assert_eq!(scan(cut(&stream, &lengths), BOTH), oracle(&stream, BOTH));
        prop_assert_eq!(scan(cut(&stream, &lengths), &[NONCE]), oracle(&stream, &[NONCE]));
    }

    #[test]
    fn no_stream_makes_it_hold_back_more_than_a_mark(stream in stream(), end in any::<prop::sample::Index>()) {
        held(&stream[..end.index(stream.len() + 1)], BOTH);
    }

    #[test]
    fn expecting_others_applies_to_what_is_held_back_and_what_comes(
        before in stream(),
        after in stream(),
        lengths in prop::collection::vec(1..60usize, 1..8),
    ) {
        let held = held(&before, BOTH);
        let sure = &before[..before.len() - held.len()];
        let mut expected = oracle(sure, BOTH);
        for said in oracle(&[&held[..], &after].concat(), &[NONCE, OTHER]) {
            match said {
                Said::Data(data) => add(&mut expected, &data),
                mark => expected.push(mark),
            }
        }
        let (mut scanner, mut said) = (scanner(BOTH), Vec::new());
        for chunk in cut(&before, &lengths) {
            feed(&mut scanner, chunk, &mut said);
        }
        scanner.expect([NONCE, OTHER]);
        for chunk in cut(&after, &lengths) {
            feed(&mut scanner, chunk, &mut said);
        }
        add(&mut said, &scanner.finish());
        prop_assert_eq!(said, expected);
    }
}
