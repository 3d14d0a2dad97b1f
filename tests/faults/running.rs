//! A session whose other end fails when it has been opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docker_exec_napi::Error;
use docker_exec_napi::session::tap::{STALLED_AFTER, TAP_CAPACITY};
use docker_exec_napi::session::{Command, Fd, Outcome, Session};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use crate::peer::{INPUT, Peer, WHY, ended, flood, open, submit, wired, within};

fn gone() -> Error {
    Error::Gone(WHY.into())
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_peer_closes_fails_for_the_peers_reason_wherever_that_is() {
    let plays: [fn(&Peer, &str); 5] = [
        |_, _| {},
        |peer, _| peer.say(Fd::Stdout, "partial"),
        |peer, token| peer.say(Fd::Stdout, format!("\x1e{token} 0\x1f")),
        |peer, token| peer.say(Fd::Stderr, format!("\x1e{token}\x1f")),
        |peer, token| {
            peer.say(Fd::Stdout, format!("\x1e{token} 0\x1f"));
            peer.say(Fd::Stderr, format!("\x1e{token}"));
        },
    ];
    for (i, play) in plays.into_iter().enumerate() {
        let (wiring, mut peer) = wired();
        let (sender, reason) = oneshot::channel();
        let opening = Session::open(wiring, |error| sender.send(error).expect("a test"));
        let session = tokio::join!(opening, peer.start()).0.unwrap();
        let outcome = submit(&session, "echo");
        let token = within(peer.command()).await;
        play(&peer, &token);
        let _tap = peer.hang_up();
        assert_eq!(ended(outcome).await, Err(gone()), "play {i}");
        assert_eq!(within(reason).await, Ok(gone()), "play {i}");
        assert_eq!(within(session.exec(":", 0)).await, Err(gone()), "play {i}");
        within(session.ended()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_bytes_reach_the_tap_even_if_they_begin_a_mark() {
    for last in ["a line\nhalf a line", "x\x1e", "\x1e\x1e"] {
        let (wiring, mut peer) = wired();
        let _session = open(wiring, &mut peer).await;
        peer.say(Fd::Stdout, last);
        let tap = peer.hang_up();
        assert_eq!(within(tap.rest()).await, last);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_without_an_exit_code_is_a_protocol_error_of_its_command_alone() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    for code in ["", "x", "256", "-1", "0x1", "1.0", " 1"] {
        let outcome = submit(&session, "echo");
        let token = within(peer.command()).await;
        peer.mark(&token, code);
        let outcome = ended(outcome).await;
        assert!(
            matches!(outcome, Err(Error::Protocol(_))),
            "{code:?}: {outcome:?}"
        );
    }
    let outcome = submit(&session, "echo");
    let token = within(peer.command()).await;
    peer.mark(&token, "255 hB");
    assert_eq!(ended(outcome).await.unwrap().exit, Ok(255));
}

#[tokio::test(start_paused = true)]
async fn marks_of_other_times_are_output_and_what_follows_a_mark_is_the_taps() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let mut old = peer.hello.to_string();
    for i in 0..3 {
        let outcome = submit(&session, "echo");
        let token = within(peer.command()).await;
        let other = format!("\x1e{old} 9\x1f\x1e{}", &token[..16]);
        peer.say(Fd::Stdout, format!("{other}\x1e{token} {i} h\x1f late{i}"));
        peer.say(Fd::Stderr, format!("err\x1e{token}\x1f"));
        let outcome = ended(outcome).await.unwrap();
        assert_eq!((outcome.exit, outcome.stdout), (Ok(i), other.into()));
        assert_eq!(outcome.stderr, "err");
        old = token;
    }
    let tap = peer.hang_up();
    assert_eq!(within(tap.rest()).await, " late0 late1 late2");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_waiting_commands_fail_in_order_for_one_reason() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let outcomes: Vec<_> = (0..10_000).map(|_| submit(&session, "echo")).collect();
    within(peer.command()).await;
    drop(peer);
    for outcome in outcomes {
        assert_eq!(ended(outcome).await, Err(gone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_input_is_read_on() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, &"x".repeat(100 * INPUT));
    within(peer.asked()).await;
    for _ in 0..1000 {
        peer.say(Fd::Stderr, vec![b'e'; 32 * 1024]);
    }
    within(peer.heard()).await;
    let token = within(peer.command()).await;
    peer.mark(&token, "0 h");
    let outcome = ended(outcome).await.unwrap();
    assert_eq!((outcome.stderr.len(), outcome.truncated), (1024, true));
}

#[tokio::test(start_paused = true)]
async fn a_command_has_its_turn_amid_output_that_does_not_end() {
    const FLOOD: usize = 100_000;
    let (mut wiring, mut peer) = wired();
    let (begin, flooded) = flood(&mut wiring, FLOOD);
    let session = open(wiring, &mut peer).await;
    begin.notify_one();
    tokio::task::yield_now().await;
    let outcome = submit(&session, "echo");
    let token = within(peer.command()).await;
    peer.mark(&token, "0 h");
    assert_eq!(ended(outcome).await.unwrap().exit, Ok(0));
    assert!(
        flooded.load(Ordering::SeqCst) < FLOOD,
        "it waited for the end"
    );
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_no_reader_of_a_full_tap() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let _ = peer.tap.reader.take(1);
    let (sender, outcome) = oneshot::channel();
    let done = |outcome: Outcome| {
        let result = outcome.exit.clone().map(|_| outcome);
        sender.send(result).expect("a test");
    };
    session.submit(Command::plain("yes"), done).unwrap();
    within(peer.command()).await;
    for _ in 0..2 * TAP_CAPACITY / 4096 {
        peer.say(Fd::Stdout, vec![b'y'; 4096]);
    }
    // Passes when nothing else can happen: the session waits for the reader.
    sleep(STALLED_AFTER / 2).await;
    let start = Instant::now();
    session.close(Error::Stopped(" by its test"));
    assert_eq!(ended(outcome).await, Err(Error::Stopped(" by its test")));
    within(session.ended()).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        peer.line().now_or_never().as_deref(),
        Some(""),
        "it's closed"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_the_session_calls_each_done_once_and_hangs_up() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let called = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let called = called.clone();
        let done = move |outcome: Outcome| {
            assert!(
                matches!(outcome.exit, Err(Error::Stopped(_))),
                "{outcome:?}"
            );
            called.fetch_add(1, Ordering::SeqCst);
        };
        session.submit(Command::plain("sleep 1000"), done).unwrap();
    }
    within(peer.command()).await;
    drop(session);
    assert_eq!(within(peer.line()).await, "", "the end of its input");
    assert_eq!(within(peer.tap.rest()).await, "");
    tokio::task::yield_now().await;
    assert_eq!(called.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_ends_between_two_commands_is_replaced_before_the_next() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    for _ in 0..3 {
        peer.shell_ends("137");
        within(peer.shell()).await;
        let outcome = submit(&session, "exit 3");
        within(peer.command()).await;
        peer.shell_ends("3");
        within(peer.shell()).await;
        let outcome = ended(outcome).await.unwrap();
        assert_eq!((outcome.exit, outcome.shell_restarted), (Ok(3), true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_while_the_end_is_looked_into_fails_for_its_reason() {
    let (mut wiring, mut peer) = wired();
    let (found_out, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (find_out, ask) = (found_out.clone(), asked.clone());
    wiring.autopsy = async move {
        ask.notify_one();
        find_out.notified().await;
        gone()
    }
    .boxed();
    let session = open(wiring, &mut peer).await;
    let (_tap, _input) = peer.fall_silent();
    within(asked.notified()).await;
    let outcome = submit(&session, "echo");
    tokio::task::yield_now().await;
    found_out.notify_one();
    assert_eq!(ended(outcome).await, Err(gone()));
}

#[tokio::test(start_paused = true)]
async fn a_command_during_which_the_end_is_looked_into_for_long_fails_for_its_reason() {
    let (mut wiring, mut peer) = wired();
    wiring.autopsy = async {
        sleep(Duration::from_secs(100)).await;
        gone()
    }
    .boxed();
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "echo");
    within(peer.command()).await;
    drop(peer);
    assert_eq!(ended(outcome).await, Err(gone()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_more_input_may_still_say_why() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let peer = peer.deaf();
    let outcome = submit(&session, "echo");
    tokio::task::yield_now().await;
    peer.say(Fd::Stdout, "last words");
    let _tap = peer.hang_up();
    assert_eq!(ended(outcome).await, Err(gone()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_more_input_and_says_nothing_is_lost() {
    let (wiring, mut peer) = wired();
    let session = open(wiring, &mut peer).await;
    let _peer = peer.deaf();
    let outcome = ended(submit(&session, "echo")).await;
    assert!(matches!(outcome, Err(Error::Lost(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_fails_the_command_with_what_it_said() {
    let (mut wiring, mut peer) = wired();
    let broken = Error::Lost("reset by its test".into());
    let error = stream::iter([Err(broken.clone())]);
    wiring.output = wiring.output.chain(error).boxed();
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "echo");
    within(peer.command()).await;
    peer.say(Fd::Stdout, "partial");
    let _all = peer.fall_silent();
    assert_eq!(ended(outcome).await, Err(broken));
}
