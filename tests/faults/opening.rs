//! A session that can't be opened.

use std::io::Cursor;
use std::time::Duration;

use docker_exec_napi::Error;
use docker_exec_napi::engine::frames::multiplexed;
use docker_exec_napi::session::{Fd, Session};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::peer::{Peer, WHY, wired, within};

/// Opens a session over what this peer says; why that fails.
async fn refused(play: impl AsyncFnOnce(Peer)) -> Error {
    let (wiring, peer) = wired();
    let (sender, ended) = oneshot::channel();
    let opening = Session::open(wiring, |reason| sender.send(reason).expect("a test"));
    let (session, ()) = within(async { tokio::join!(opening, play(peer)) }).await;
    let error = session.err().expect("no session");
    assert_eq!(
        within(ended).await,
        Ok(error.clone()),
        "it ends, and says why"
    );
    error
}

#[tokio::test(start_paused = true)]
async fn garbage_in_place_of_hello_is_a_protocol_error() {
    let frames: [&[u8]; 4] = [
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        &[0xff; 64],
        &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        &[1, 0, 0, 0, 0, 0, 0, 2, b'h', b'i', 9, 9, 9, 9, 9, 9, 9, 9],
    ];
    for garbage in frames {
        let (mut wiring, _peer) = wired();
        wiring.output = multiplexed(Cursor::new(garbage)).boxed();
        let error = within(Session::open(wiring, |_| {})).await.err();
        assert!(matches!(error, Some(Error::Protocol(_))), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_before_it_is_ready_is_gone_for_its_own_reason() {
    let gone = Error::Gone(WHY.into());
    let half = async |peer: Peer| peer.say(Fd::Stdout, format!("\x1e{} 7\x1f", peer.hello));
    assert_eq!(refused(async |peer| drop(peer)).await, gone);
    assert_eq!(
        refused(async |peer| peer.say(Fd::Stdout, "\x1e")).await,
        gone
    );
    assert_eq!(refused(half).await, gone);
    assert_eq!(refused(async |peer| peer.hello()).await, gone);
    let asked = async |mut peer: Peer| {
        peer.hello();
        peer.line().await;
    };
    assert_eq!(refused(asked).await, gone);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_in_place_of_hello_is_the_reason() {
    for fd in [Fd::Stdout, Fd::Stderr] {
        let error = refused(async |peer| peer.say(fd, " it has no cat\n")).await;
        assert_eq!(error, Error::NoShell("it has no cat".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_says_hello_is_given_up_in_bounded_time() {
    let error = refused(async |mut peer| {
        // Until the session hangs up.
        assert_eq!(peer.line().await, "");
    });
    let error = error.await;
    assert!(
        matches!(error, Error::NoShell(_) | Error::Timeout { .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_is_not_ready_after_thirty_seconds_is_given_up() {
    let start = Instant::now();
    let error = refused(async |mut peer| {
        peer.hello();
        while !peer.line().await.is_empty() {}
    });
    let reason = "its shell doesn't execute what it reads";
    assert_eq!(error.await, Error::NoShell(reason.into()));
    assert_eq!(start.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_ends_at_once_is_no_shell() {
    let error = refused(async |mut peer| {
        peer.hello();
        let nonce = peer.line().await.replace("#@", "");
        peer.mark(&nonce, "127");
        while !peer.line().await.is_empty() {}
    });
    let reason = "its shell ends at once, with exit code 127";
    assert_eq!(error.await, Error::NoShell(reason.into()));
}

#[tokio::test(start_paused = true)]
async fn giving_up_opening_hangs_up() {
    let (wiring, mut peer) = wired();
    let (sender, ended) = oneshot::channel();
    let opening = Session::open(wiring, |reason| sender.send(reason).expect("a test"));
    assert!(opening.now_or_never().is_none());
    assert_eq!(within(peer.line()).await, "");
    let reason = within(ended).await.expect("a reason");
    assert!(matches!(reason, Error::Stopped(_)), "{reason:?}");
}
