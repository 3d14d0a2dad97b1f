//! A session whose shell says nothing: what the watchdog finds, and what it doesn't.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docker_exec_napi::session::{Beside, Fd};
use docker_exec_napi::{Error, Result};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::peer::{beside, ended, open, submit, wired, within};

/// Answers looks with these findings in turns, the last one for ever; tells of a kill.
fn finds(findings: &'static [&str]) -> (Beside, Arc<Notify>) {
    let killed = Arc::new(Notify::new());
    let (tell, looks) = (killed.clone(), AtomicUsize::new(0));
    let answers = beside(move |script| {
        if script.starts_with("kill") {
            tell.notify_one();
            return Ok(String::new());
        }
        let look = looks.fetch_add(1, Ordering::SeqCst);
        Ok(format!("{}\n", findings[look.min(findings.len() - 1)]))
    });
    (answers, killed)
}

/// What a command that never reports ends with.
async fn silent(beside: Beside) -> Result<u8> {
    let (mut wiring, mut peer) = wired();
    wiring.beside = beside;
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "echo");
    within(peer.command()).await;
    let outcome = ended(outcome).await;
    let later = within(session.exec(":", 0)).await;
    assert_eq!(
        later.err(),
        outcome.clone().err(),
        "the session ends with it"
    );
    outcome.and_then(|outcome| outcome.exit)
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_answer_a_look_in_time_ends_the_session() {
    let error = Error::Timeout {
        doing: "an exec".into(),
        after: Duration::from_secs(30),
    };
    let answer = error.clone();
    assert_eq!(
        silent(beside(move |_| Err(answer.clone()))).await,
        Err(error)
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_the_container_is_gone_ends_the_session() {
    let error = Error::Gone("it was removed".into());
    let answer = error.clone();
    assert_eq!(
        silent(beside(move |_| Err(answer.clone()))).await,
        Err(error)
    );
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_is_twice_not_there_ends_the_session() {
    let outcome = silent(finds(&["busy", "missing", "busy", "missing"]).0).await;
    assert!(matches!(outcome, Err(Error::Gone(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_look_without_an_answer_ends_nothing() {
    let unable = || Error::Refused {
        doing: "exec".into(),
        status: 500,
        message: "no".into(),
    };
    let kinds: [Beside; 4] = [
        Arc::new(|_| std::future::pending().boxed()),
        beside(move |_| Err(unable())),
        beside(|_| Err(Error::Lost("its test".into()))),
        beside(|_| Ok("deafening\n".into())),
    ];
    for beside in kinds {
        let (mut wiring, mut peer) = wired();
        wiring.beside = beside;
        let session = open(wiring, &mut peer).await;
        let outcome = submit(&session, "sleep 10000");
        let token = within(peer.command()).await;
        sleep(Duration::from_secs(10_000)).await;
        peer.mark(&token, "4 h");
        assert_eq!(ended(outcome).await.unwrap().exit, Ok(4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shell_found_deaf_or_stopped_twice_is_killed_and_replaced() {
    for (finding, how) in [
        (&["busy", "deaf"][..], "deaf"),
        (&["stopped"], "stopped"),
        (
            &["deaf", "stopped", "deaf", "busy", "deaf", "deaf", "busy"],
            "deaf",
        ),
    ] {
        let (mut wiring, mut peer) = wired();
        let (beside, killed) = finds(finding);
        wiring.beside = beside;
        let session = open(wiring, &mut peer).await;
        let outcome = submit(&session, "set -n");
        within(peer.command()).await;
        within(killed.notified()).await;
        peer.shell_ends("137");
        within(peer.shell()).await;
        assert_eq!(ended(outcome).await, Err(Error::ShellRestarted(how)));
        let outcome = submit(&session, "echo");
        let token = within(peer.command()).await;
        peer.mark(&token, "0 h");
        assert!(!ended(outcome).await.unwrap().shell_restarted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shell_found_deaf_once_or_heard_in_between_is_left_alone() {
    let (mut wiring, mut peer) = wired();
    let looks = Arc::new(Notify::new());
    let looked = looks.clone();
    wiring.beside = beside(move |script| {
        assert!(!script.starts_with("kill"), "it's alive");
        looked.notify_one();
        Ok("deaf".into())
    });
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "slow");
    let token = within(peer.command()).await;
    for _ in 0..10 {
        within(looks.notified()).await;
        peer.say(Fd::Stdout, "x");
    }
    peer.mark(&token, "0 h");
    assert_eq!(ended(outcome).await.unwrap().stdout, "x".repeat(10));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_shell_is_found_even_if_something_beside_it_prints_on() {
    let (mut wiring, mut peer) = wired();
    let (beside, killed) = finds(&["stopped"]);
    wiring.beside = beside;
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "yes & kill -STOP $$");
    within(peer.command()).await;
    let prints_on = async {
        loop {
            peer.say(Fd::Stdout, "y\n");
            sleep(Duration::from_millis(500)).await;
        }
    };
    within(async {
        tokio::select! {
            () = killed.notified() => {}
            () = prints_on => {}
        }
    })
    .await;
    peer.shell_ends("137");
    within(peer.shell()).await;
    assert_eq!(ended(outcome).await, Err(Error::ShellRestarted("stopped")));
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_reports_before_it_is_killed_is_kept() {
    let (mut wiring, mut peer) = wired();
    let looks = Arc::new(Notify::new());
    let looked = looks.clone();
    wiring.beside = beside(move |_| {
        looked.notify_one();
        Ok("stopped".into())
    });
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "kill -STOP $$");
    let token = within(peer.command()).await;
    within(looks.notified()).await;
    within(looks.notified()).await;
    tokio::task::yield_now().await;
    peer.mark(&token, "0 h");
    let outcome = ended(outcome).await.unwrap();
    assert_eq!((outcome.exit, outcome.shell_restarted), (Ok(0), false));
    let outcome = submit(&session, "echo");
    let token = within(peer.command()).await;
    peer.mark(&token, "1 h");
    assert_eq!(ended(outcome).await.unwrap().exit, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_shell_stopped_while_its_trace_is_turned_off_is_replaced_too() {
    let (mut wiring, mut peer) = wired();
    let (beside, killed) = finds(&["stopped"]);
    wiring.beside = beside;
    let session = open(wiring, &mut peer).await;
    let outcome = submit(&session, "set -x");
    let token = within(peer.command()).await;
    peer.mark(&token, "0 hx");
    ended(outcome).await.unwrap();
    let outcome = submit(&session, "echo");
    let hush = within(peer.line()).await;
    assert!(hush.contains("set +xv"), "{hush}");
    within(killed.notified()).await;
    peer.shell_ends("137");
    within(peer.shell()).await;
    let token = within(peer.command()).await;
    peer.mark(&token, "0 h");
    ended(outcome).await.unwrap();
}
