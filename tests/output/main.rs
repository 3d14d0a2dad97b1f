//! Where output goes: what the tap keeps, whom it waits for, when it tells; what a capture
//! keeps. Time is tokio's paused clock: nothing here sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use docker_exec_napi::session::tap::{STALLED_AFTER, TAP_CAPACITY, Taken, Tap, TapReader, tap};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::{Instant, advance, sleep};

mod capture;
#[path = "../common/counting.rs"]
mod counting;
mod patience;
mod pieces;
mod telling;

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = TAP_CAPACITY / CHUNK;

/// The bytes of a stream in which every place can be told.
fn numbered(from: usize, length: usize) -> Bytes {
    (from..from + length).map(|at| (at % 251) as u8).collect()
}

/// What the tap has at the moment.
fn take_all(reader: &TapReader) -> Vec<u8> {
    let mut all = Vec::new();
    while let Taken::Bytes(bytes) = reader.take(CHUNK) {
        all.extend_from_slice(&bytes);
    }
    all
}

/// A full tap, with a reader that once took from it.
fn full() -> (Tap, TapReader) {
    let (tap, reader) = tap(|_| {});
    assert_eq!(reader.take(1), Taken::Empty);
    for i in 0..CHUNKS {
        let pushed = tap.push(numbered(i * CHUNK, CHUNK)).now_or_never();
        assert!(pushed.is_some(), "no room for chunk {i}");
    }
    (tap, reader)
}

/// Pushes; fails where that would wait for ever.
async fn push(tap: &Tap, bytes: Bytes) {
    let long = 100 * STALLED_AFTER;
    let pushed = tokio::time::timeout(long, tap.push(bytes)).await;
    pushed.expect("an end of waiting");
}

#[tokio::test]
async fn without_a_reader_the_newest_bytes_stay_and_the_others_are_counted() {
    let (tap, reader) = tap(TapReader::absent);
    let (length, count) = (1000, 5000);
    for i in 0..count {
        let pushed = tap.push(numbered(i * length, length)).now_or_never();
        assert!(pushed.is_some(), "chunk {i} waits for nobody");
    }
    let dropped = reader.dropped() as usize;
    let kept = take_all(&reader);
    assert_eq!(kept.len(), TAP_CAPACITY);
    assert_eq!(dropped + kept.len(), count * length);
    assert_eq!(kept, numbered(dropped, kept.len()));
    assert_eq!(reader.dropped(), 0, "it's counted once");
}

#[tokio::test]
async fn up_to_its_capacity_nothing_is_dropped_and_a_byte_more_drops_one() {
    let (tap, reader) = tap(TapReader::absent);
    for i in 0..CHUNKS {
        tap.push(numbered(i * CHUNK, CHUNK)).await;
    }
    assert_eq!(reader.dropped(), 0);
    tap.push(numbered(TAP_CAPACITY, 1)).await;
    assert_eq!(reader.dropped(), 1);
    assert_eq!(take_all(&reader), numbered(1, TAP_CAPACITY));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_nothing() {
    let (tap, reader) = tap(|_| {});
    assert_eq!(reader.take(1), Taken::Empty);
    let total = 4 * TAP_CAPACITY;
    let push = async move {
        for at in (0..total).step_by(CHUNK) {
            push(&tap, numbered(at, CHUNK)).await;
        }
    };
    let read = async {
        let mut all = Vec::new();
        loop {
            sleep(STALLED_AFTER - Duration::from_millis(1)).await;
            match reader.take(CHUNK) {
                Taken::Bytes(bytes) => all.extend_from_slice(&bytes),
                Taken::Empty => {}
                Taken::Ended => break all,
            }
        }
    };
    let (all, ()) = tokio::join!(read, push);
    assert_eq!(reader.dropped(), 0);
    assert!(all == numbered(0, total), "{} of {total} bytes", all.len());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_reader_is_waited_for_once_and_then_passed_over() {
    let (tap, reader) = full();
    let start = Instant::now();
    push(&tap, numbered(TAP_CAPACITY, CHUNK)).await;
    assert_eq!(start.elapsed(), STALLED_AFTER);
    for i in 1..100 {
        let pushed = tap.push(numbered(TAP_CAPACITY + i * CHUNK, CHUNK));
        assert!(pushed.now_or_never().is_some(), "chunk {i} waits again");
    }
    let dropped = reader.dropped() as usize;
    assert_eq!(dropped, 100 * CHUNK);
    assert_eq!(take_all(&reader), numbered(dropped, TAP_CAPACITY));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_is_waited_for_again() {
    let (tap, reader) = full();
    for i in 0..3 {
        push(&tap, numbered(TAP_CAPACITY + i * CHUNK, CHUNK)).await;
    }
    let dropped = reader.dropped() as usize;
    let Taken::Bytes(first) = reader.take(CHUNK) else {
        panic!("a full tap has something");
    };
    let mut all = first.to_vec();
    push(&tap, numbered(TAP_CAPACITY + 3 * CHUNK, CHUNK)).await;
    let mut waiting = Box::pin(tap.push(numbered(TAP_CAPACITY + 4 * CHUNK, CHUNK)));
    assert!(waiting.as_mut().now_or_never().is_none(), "the tap is full");
    advance(STALLED_AFTER / 2).await;
    assert!(
        waiting.as_mut().now_or_never().is_none(),
        "the reader is back"
    );
    all.extend(take_all(&reader));
    waiting.as_mut().now_or_never().expect("there's room now");
    all.extend(take_all(&reader));
    assert_eq!(reader.dropped(), 0);
    assert_eq!(all, numbered(dropped, TAP_CAPACITY + 5 * CHUNK - dropped));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_waited_for_to_the_end_is_not_pushed() {
    let (tap, reader) = full();
    assert!(tap.push("given up".into()).now_or_never().is_none());
    assert_eq!(take_all(&reader), numbered(0, TAP_CAPACITY));
    assert_eq!((reader.take(1), reader.dropped()), (Taken::Empty, 0));
}

#[tokio::test]
async fn a_chunk_above_the_capacity_comes_through_an_empty_tap() {
    let (tap, reader) = tap(|_| {});
    assert_eq!(reader.take(1), Taken::Empty);
    let large = numbered(0, TAP_CAPACITY + 1);
    assert!(tap.push(large.clone()).now_or_never().is_some());
    assert!(tap.push("x".into()).now_or_never().is_none());
    assert_eq!(take_all(&reader), large);
}

#[tokio::test]
async fn it_tells_once_after_a_take_that_found_nothing() {
    let told = Arc::new(AtomicUsize::new(0));
    let counter = told.clone();
    let (tap, reader) = tap(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let told = || told.load(Ordering::SeqCst);
    tap.push("a".into()).await;
    assert_eq!(told(), 0, "nobody has asked");
    assert_eq!(reader.take(9), Taken::Bytes("a".into()));
    tap.push("b".into()).await;
    assert_eq!(told(), 0, "the last take found something");
    assert_eq!(reader.take(9), Taken::Bytes("b".into()));
    assert_eq!(reader.take(9), Taken::Empty);
    assert_eq!(reader.take(9), Taken::Empty);
    tap.push("c".into()).await;
    assert_eq!(told(), 1);
    tap.push("d".into()).await;
    assert_eq!(told(), 1, "once");
    assert_eq!(take_all(&reader), b"cd");
    drop(tap);
    assert_eq!(
        (told(), reader.take(9)),
        (2, Taken::Ended),
        "of the end, too"
    );
    assert_eq!((told(), reader.take(9)), (2, Taken::Ended));
}

#[tokio::test]
async fn bytes_outlive_the_tap_and_its_end_comes_behind_them() {
    let (tap, reader) = tap(|_| {});
    tap.push("last words".into()).await;
    drop(tap);
    assert_eq!(reader.take(99), Taken::Bytes("last words".into()));
    assert_eq!(reader.take(99), Taken::Ended);
}

#[tokio::test]
async fn whoever_is_told_may_take_at_once() {
    let reader = Arc::new(std::sync::OnceLock::<TapReader>::new());
    let told = reader.clone();
    let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = taken.clone();
    let (tap, made) = tap(move |_| noted.lock().unwrap().push(told.get().unwrap().take(9)));
    assert_eq!(made.take(9), Taken::Empty);
    assert!(reader.set(made).is_ok());
    tap.push("x".into()).await;
    assert_eq!(*taken.lock().unwrap(), [Taken::Bytes("x".into())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_telling_is_lost_between_two_threads() {
    let readable = Arc::new(Notify::new());
    let tell = readable.clone();
    let (tap, reader) = tap(move |_| tell.notify_one());
    let pusher = tokio::spawn(async move {
        for at in 0..50_000 {
            tap.push(numbered(at, 1)).await;
        }
    });
    let read = async {
        let mut all = Vec::new();
        loop {
            match reader.take(CHUNK) {
                Taken::Bytes(bytes) => all.extend_from_slice(&bytes),
                Taken::Empty => readable.notified().await,
                Taken::Ended => break all,
            }
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(60), read).await;
    assert_eq!(all.expect("a lost wake-up"), numbered(0, 50_000));
    pusher.await.unwrap();
}
