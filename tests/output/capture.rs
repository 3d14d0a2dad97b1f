//! What a result keeps of a stream.

use bytes::Bytes;
use docker_exec_napi::session::output::Capture;
use proptest::prelude::*;

use crate::numbered;

#[test]
fn a_capture_is_cut_only_by_a_byte_above_its_limit() {
    let capture = |limit, pieces: &[&[u8]]| {
        let mut capture = Capture::new(limit, false);
        pieces.iter().for_each(|piece| capture.push(piece));
        capture.finish()
    };
    assert_eq!(capture(0, &[]), (Bytes::new(), false));
    assert_eq!(capture(0, &[b""]), (Bytes::new(), false));
    assert_eq!(capture(0, &[b"a"]), (Bytes::new(), true));
    assert_eq!(capture(4, &[b"ab", b"cd"]), ("abcd".into(), false));
    assert_eq!(capture(4, &[b"ab", b"cde"]), ("abcd".into(), true));
    assert_eq!(
        capture(4, &[b"abcd", b"", b"e", b"f"]),
        ("abcd".into(), true)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_capture_is_the_beginning_of_its_stream(
        lengths in prop::collection::vec(0..50usize, 0..20),
        limit in 0..500usize,
    ) {
        let mut capture = Capture::new(limit, false);
        let mut total = 0;
        for length in &lengths {
            capture.push(&numbered(total, *length));
            total += length;
        }
        prop_assert_eq!(capture.finish(), (numbered(0, total.min(limit)), total > limit));
    }
}
