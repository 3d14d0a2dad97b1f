//! How long a full tap waits for its reader, by its patience.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docker_exec_napi::session::tap::{
    Patience, STALLED_AFTER, TAP_CAPACITY, Taken, TapReader, patient, tap,
};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use crate::{CHUNK, CHUNKS, numbered, take_all};

const EVER: u32 = 1000;

#[tokio::test(start_paused = true)]
async fn a_long_one_waits_for_a_reader_to_begin_and_then_for_as_long_as_it_takes() {
    let (tap, reader) = patient(Patience::Long, |_| {});
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
    let (tap, reader) = patient(Patience::Endless, |_| {});
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

/// What one who is asked answers, and how many bytes a tap loses that is filled at once, to
/// one byte more than it holds; how often he was asked meanwhile, and how long it took.
async fn asked(answer: fn(&TapReader)) -> (u64, usize, Duration) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let (tap, reader) = tap(move |reader| {
        counter.fetch_add(1, Ordering::SeqCst);
        answer(reader);
    });
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "there was room");
    let start = Instant::now();
    for i in 0..3 {
        tap.push(numbered(TAP_CAPACITY + i, 1)).await;
    }
    let times = asked.load(Ordering::SeqCst);
    (reader.dropped(), times, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_brief_one_asks_once_before_anything_is_lost() {
    assert_eq!(asked(TapReader::absent).await, (3, 1, Duration::ZERO));
    let silent = asked(|_| {}).await;
    assert_eq!(silent, (3, 1, STALLED_AFTER), "nobody has answered");
    let reads = |reader: &TapReader| drop(reader.take(1));
    assert_eq!(asked(reads).await, (0, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_brief_one_asks_once_more_for_what_comes_after_it_was_renewed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let (tap, reader) = tap(move |reader| {
        counter.fetch_add(1, Ordering::SeqCst);
        reader.absent();
    });
    let times = || asked.load(Ordering::SeqCst);
    for i in 0..=CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    assert_eq!((times(), reader.dropped()), (1, CHUNK as u64));
    tap.renew();
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    let older = (times(), reader.dropped());
    assert_eq!(
        older,
        (1, TAP_CAPACITY as u64),
        "older bytes make room unasked"
    );
    tap.push(numbered(TAP_CAPACITY, 1)).await;
    assert_eq!((times(), reader.dropped()), (2, 1));
    assert_eq!(take_all(&reader), numbered(1, TAP_CAPACITY));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_read_is_not_absent() {
    let (tap, reader) = tap(|_| panic!("it's known who reads"));
    tap.push(numbered(0, CHUNK)).await;
    assert_eq!(reader.take(CHUNK), Taken::Bytes(numbered(0, CHUNK)));
    reader.absent();
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    let more = tap.push(numbered(TAP_CAPACITY, CHUNK));
    assert!(more.now_or_never().is_none(), "he's waited for");
}

#[tokio::test(start_paused = true)]
async fn released_none_waits_any_more() {
    for patience in [Patience::Long, Patience::Endless] {
        let (tap, reader) = patient(patience, |_| {});
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
