//! A session goes on by the thread that hands it a command.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use docker_exec_napi::session::Command;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::peer::{ended, flood, open, submit, wired, within};

#[tokio::test(start_paused = true)]
async fn a_command_for_an_idle_session_is_sent_before_submit_returns() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    for _ in 0..3 {
        yield_now().await;
        let first = submit(&session, "echo");
        let token = peer.command().now_or_never().expect("its line");
        let second = submit(&session, "echo");
        assert_eq!(peer.line().now_or_never(), None, "one at a time");
        peer.mark(&token, "1 h");
        assert_eq!(ended(first).await.unwrap().exit, Ok(1));
        let token = within(peer.command()).await;
        peer.mark(&token, "2 h");
        assert_eq!(ended(second).await.unwrap().exit, Ok(2));
    }
}

#[tokio::test(start_paused = true)]
async fn submit_is_not_kept_by_output_that_does_not_end() {
    const FLOOD: usize = 100_000;
    let (mut wiring, mut peer) = wired();
    let (begin, flooded) = flood(&mut wiring, FLOOD);
    let session = open(wiring, &mut peer).await;
    yield_now().await;
    begin.notify_one();
    let outcome = submit(&session, "echo");
    assert!(flooded.load(Ordering::SeqCst) < 100, "{flooded:?} chunks");
    let token = within(peer.command()).await;
    peer.mark(&token, "0 h");
    assert_eq!(ended(outcome).await.unwrap().exit, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_done_that_submits_has_its_command_run() {
    let (wiring, mut peer) = wired();
    let session = Arc::new(open(wiring, &mut peer).await);
    let (sender, outcome) = oneshot::channel();
    let again = session.clone();
    let done = move |_| {
        let _ = sender.send(submit(&again, "echo second"));
    };
    session
        .submit(Command::plain("echo first"), done)
        .expect("a place in the queue");
    for code in ["1", "2"] {
        let token = within(peer.command()).await;
        peer.mark(&token, code);
    }
    let second = within(outcome).await.expect("its `done` is called");
    assert_eq!(ended(second).await.unwrap().exit, Ok(2));
}
