//! When the reader of a tap is told that there is something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docker_exec_napi::session::tap::{ENOUGH, PAUSE, Taken, Tap, TapReader, tap};
use tokio::time::sleep;

use crate::{numbered, take_all};

/// A tap, its reader, and how often that was told.
fn counted() -> (Tap, TapReader, impl Fn() -> usize) {
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    let (tap, reader) = tap(move |_| {
        told.fetch_add(1, Ordering::SeqCst);
    });
    (tap, reader, move || count.load(Ordering::SeqCst))
}

/// Puts some bytes in for a reader who has found nothing; leaves him waiting again.
async fn heard(tap: &Tap, reader: &TapReader) {
    assert_eq!(reader.take(1), Taken::Empty);
    tap.push(numbered(0, 10)).await;
    assert_eq!(take_all(reader), numbered(0, 10));
}

#[tokio::test(start_paused = true)]
async fn of_the_first_bytes_at_once_and_of_more_soon() {
    let (tap, reader, told) = counted();
    heard(&tap, &reader).await;
    assert_eq!(told(), 1);
    for i in 0..10 {
        tap.push(numbered(i * 10, 10)).await;
    }
    assert_eq!(told(), 1);
    sleep(PAUSE + Duration::from_millis(1)).await;
    assert_eq!(told(), 2);
    assert_eq!(take_all(&reader), numbered(0, 100));
    sleep(PAUSE).await;
    tap.push(numbered(0, 10)).await;
    assert_eq!(told(), 3, "long after the last time");
}

#[tokio::test(start_paused = true)]
async fn of_enough_at_once() {
    let (tap, reader, told) = counted();
    heard(&tap, &reader).await;
    tap.push(numbered(0, ENOUGH - 1)).await;
    assert_eq!(told(), 1);
    tap.push(numbered(0, 1)).await;
    assert_eq!(told(), 2);
    sleep(PAUSE * 3).await;
    assert_eq!(told(), 2, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn of_the_end_at_once() {
    let (tap, reader, told) = counted();
    heard(&tap, &reader).await;
    tap.push(numbered(0, 10)).await;
    drop(tap);
    assert_eq!(told(), 2);
    assert_eq!(take_all(&reader), numbered(0, 10));
    assert_eq!(reader.take(1), Taken::Ended);
}

#[tokio::test(start_paused = true)]
async fn of_nothing_who_has_not_found_it_empty() {
    let (tap, reader, told) = counted();
    heard(&tap, &reader).await;
    tap.push(numbered(0, 10)).await;
    assert_eq!(take_all(&reader), numbered(0, 10));
    tap.push(numbered(0, 10)).await;
    let Taken::Bytes(_) = reader.take(5) else {
        panic!("there are ten")
    };
    sleep(PAUSE * 3).await;
    assert_eq!(told(), 1);
}
