//! How long a full tap waits for its reader, by its patience.

use docker_exec_napi::session::tap::{Patience, STALLED_AFTER, TAP_CAPACITY, patient};
use tokio::time::timeout;

use crate::{CHUNK, CHUNKS, numbered, take_all};

const EVER: u32 = 1000;

#[tokio::test(start_paused = true)]
async fn a_long_one_waits_for_a_reader_to_begin_and_then_for_as_long_as_it_takes() {
    let (tap, reader) = patient(Patience::Long, || {});
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    let more = tap.push(numbered(TAP_CAPACITY, CHUNK));
    timeout(STALLED_AFTER * 2, more)
        .await
        .expect("nobody has begun to read");
    assert_eq!(reader.dropped(), CHUNK as u64);

    assert_eq!(take_all(&reader), numbered(CHUNK, TAP_CAPACITY));
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    let more = tap.push(numbered(TAP_CAPACITY, CHUNK));
    timeout(STALLED_AFTER * EVER, more)
        .await
        .expect_err("somebody reads");
    assert_eq!(reader.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_endless_one_waits_also_for_nobody() {
    let (tap, reader) = patient(Patience::Endless, || {});
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    let more = tap.push(numbered(TAP_CAPACITY, CHUNK));
    timeout(STALLED_AFTER * EVER, more)
        .await
        .expect_err("it waits");
    assert_eq!(take_all(&reader), numbered(0, TAP_CAPACITY));
    assert_eq!(reader.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn released_none_waits_any_more() {
    for patience in [Patience::Long, Patience::Endless] {
        let (tap, reader) = patient(patience, || {});
        assert!(take_all(&reader).is_empty());
        for i in 0..CHUNKS {
            tap.push(numbered(i * CHUNK, CHUNK)).await;
        }
        let waiting = tap.push(numbered(TAP_CAPACITY, CHUNK));
        let ((), ()) = tokio::join!(waiting, async { reader.release() });
        tap.push(numbered(TAP_CAPACITY + CHUNK, CHUNK)).await;
        assert_eq!(reader.dropped(), 2 * CHUNK as u64, "{patience:?}");
    }
}
