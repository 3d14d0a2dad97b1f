//! The tap and the sizes of what is pushed and taken: they matter to nobody.

use bytes::{Bytes, BytesMut};
use docker_exec_napi::session::tap::{TAP_CAPACITY, Taken, tap};
use futures_util::FutureExt;
use proptest::prelude::*;

use crate::{CHUNK, counting, numbered, take_all};

#[test]
fn its_memory_is_bounded_however_small_the_pieces_of_the_output() {
    let one_byte_of_a_large_read = || {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        buffer.extend_from_slice(b"x");
        buffer.freeze()
    };
    let (tap, reader) = tap(|_| {});
    let (peak, ()) = counting::peak_of(|| {
        for _ in 0..2000 {
            tap.push(one_byte_of_a_large_read()).now_or_never().unwrap();
        }
    });
    assert!(peak < 4 * TAP_CAPACITY, "{peak} bytes for 2000");
    take_all(&reader);
    let (peak, ()) = counting::peak_of(|| {
        for _ in 0..TAP_CAPACITY {
            tap.push(Bytes::from_static(b"x")).now_or_never().unwrap();
        }
    });
    assert!(peak < 4 * TAP_CAPACITY, "{peak} bytes for {TAP_CAPACITY}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn small_pieces_are_joined_up_to_what_was_asked_for(
        lengths in prop::collection::vec(1..300usize, 0..40),
        max in 300..2000usize,
    ) {
        let (tap, reader) = tap(|_| {});
        let mut total = 0;
        for length in &lengths {
            tap.push(numbered(total, *length)).now_or_never().unwrap();
            total += length;
        }
        let mut all = Vec::new();
        while let Taken::Bytes(bytes) = reader.take(max) {
            prop_assert!(bytes.len() <= max);
            all.extend_from_slice(&bytes);
            prop_assert!(bytes.len() + 300 > max || all.len() == total, "{} bytes", bytes.len());
        }
        prop_assert_eq!(all, numbered(0, total));
    }

    #[test]
    fn whatever_the_sizes_the_order_is_kept(
        lengths in prop::collection::vec(prop_oneof![1..300usize, 16_000..17_000usize], 0..50),
        takes in prop::collection::vec(0..100_000usize, 0..20),
    ) {
        let (tap, reader) = tap(|_| {});
        let (mut pushed, mut all) = (0, Vec::new());
        let mut takes = takes.into_iter();
        for length in &lengths {
            tap.push(numbered(pushed, *length)).now_or_never().unwrap();
            pushed += length;
            if length % 2 == 0 && let Some(max) = takes.next() {
                let Taken::Bytes(bytes) = reader.take(max) else {
                    panic!("nothing taken");
                };
                all.extend_from_slice(&bytes);
            }
        }
        all.extend(take_all(&reader));
        prop_assert_eq!((all, reader.dropped()), (numbered(0, pushed).to_vec(), 0));
    }
}
