//! One session, on every shell: what each command does, and that the next one works.

mod common;

use common::{Local, SHELLS};
use docker_exec_napi::Error;
use docker_exec_napi::session::termination::{CONTROLS, Control};
use docker_exec_napi::session::{Command, Options};
use tokio::sync::{mpsc, oneshot};

/// The cases that the tests on a real engine go through too.
#[derive(serde::Deserialize)]
struct Cases {
    /// Command, exit code, stdout: the shell is kept, and nothing comes on stderr.
    kept: Vec<(String, u8, String)>,
    /// Not a command; the shell says so, and is kept.
    wrong: Vec<String>,
    /// Command, exit code, stdout: the shell ends with it.
    ending: Vec<(String, u8, String)>,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../__test__/cases.json")).expect("the cases")
}

#[tokio::test]
async fn ordinary_commands_settle_with_their_own_code_and_output() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        for (command, code, stdout) in &cases().kept {
            let got = local.run(command).await;
            assert_eq!(
                got,
                (*code, stdout.clone(), String::new()),
                "{shell:?}: {command:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_syntax_error_is_the_shells_own_and_keeps_the_shell() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        local.run("kept=yes").await;
        for command in &cases().wrong {
            let (code, stdout, stderr) = local.run(command).await;
            assert!(
                code != 0 && stdout.is_empty() && !stderr.is_empty(),
                "{shell:?}: {command:?}"
            );
        }
        assert_eq!(local.run("echo $kept").await.1, "yes\n", "{shell:?}");
    }
}

#[tokio::test]
async fn a_command_that_ends_its_shell_has_its_code_and_a_fresh_shell_follows() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        for (command, code, stdout) in &cases().ending {
            local.run("mine=1; cd /tmp").await;
            let outcome = local.session.exec(command, 1024).await.unwrap();
            assert_eq!(
                (outcome.exit, &outcome.stdout[..]),
                (Ok(*code), stdout.as_bytes()),
                "{shell:?}: {command:?}"
            );
            assert!(outcome.shell_restarted, "{shell:?}: {command:?}");
            assert_eq!(
                local.run("echo \"$mine\"").await,
                (0, "\n".into(), String::new())
            );
        }
    }
}

#[tokio::test]
async fn options_of_the_shell_hold_and_show_nothing_of_the_wrapper() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        local.run("set -x").await;
        for _ in 0..2 {
            let (code, stdout, stderr) = local.run("echo traced").await;
            assert_eq!((code, stdout.as_str()), (0, "traced\n"), "{shell:?}");
            assert_eq!(
                stderr.trim_start_matches('+'),
                " echo traced\n",
                "{shell:?}"
            );
        }
        local.run("set +x; set -v").await;
        assert_eq!(local.run("echo seen").await.1, "seen\n", "{shell:?}");
        let (_, _, stderr) = local.run("echo again").await;
        assert!(!stderr.contains("printf"), "{shell:?}: {stderr}");
        local.run("set +v").await;
        assert_eq!(
            local.run("echo quiet").await,
            (0, "quiet\n".into(), String::new()),
            "{shell:?}"
        );
        local.run("set -u").await;
        assert_ne!(local.run("echo $nope").await.0, 0, "{shell:?}");
        assert_eq!(local.run(":").await.0, 0, "{shell:?}");
    }
}

#[tokio::test]
async fn redirections_of_the_shell_itself_hold_for_later_commands() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        local.run("exec 2>&1").await;
        assert_eq!(local.run("echo e >&2").await.1, "e\n", "{shell:?}");
        local.run("f=$(mktemp); exec >$f").await;
        assert_eq!(local.run("echo hidden").await.1, "", "{shell:?}");
        assert_eq!(local.run("cat $f >&2; rm $f; exit").await.0, 0, "{shell:?}");
        local.run("exec 1>&-").await;
        assert_ne!(local.run("echo nowhere").await.0, 0, "{shell:?}");
    }
}

#[tokio::test]
async fn traps_leave_the_framing_intact() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        local
            .run("trap 'echo t' EXIT; trap 'echo t' DEBUG; trap 'echo t' ERR")
            .await;
        assert_eq!(local.run("false").await.0, 1, "{shell:?}");
        assert_eq!(local.run("(exit 9)").await.0, 9, "{shell:?}");
        assert_eq!(local.run("exit 8").await.0, 8, "{shell:?}");
    }
}

#[tokio::test]
async fn a_deaf_or_stopped_shell_is_replaced() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        for (command, how) in [
            ("set -n", "deaf"),
            ("command() { :; }", "deaf"),
            ("ulimit -n 3", "deaf"),
            ("kill -STOP $$", "stopped"),
        ] {
            let ended = local.session.exec(command, 1024).await;
            assert_eq!(
                ended,
                Err(Error::ShellRestarted(how)),
                "{shell:?}: {command:?}"
            );
            assert_eq!(
                local.run("echo fresh").await.1,
                "fresh\n",
                "{shell:?}: {command:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_shell_that_waits_for_somebody_is_left_alone() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let command = "d=$(mktemp -d); mkfifo $d/f; (sleep 4; echo late >$d/f) & read x <$d/f; echo $x; rm -r $d";
        assert_eq!(
            local.run(command).await,
            (0, "late\n".into(), String::new()),
            "{shell:?}"
        );
    }
}

#[tokio::test]
async fn a_command_that_kills_everything_ends_the_session_in_a_typed_way() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        // The supervisor is gone: the shell's own end can't be reported any more.
        assert_eq!(
            local.run("kill -9 $PPID; echo on").await.1,
            "on\n",
            "{shell:?}"
        );
        let ended = local.session.exec("exit 9", 1024).await;
        assert!(matches!(ended, Err(Error::Gone(_))), "{shell:?}: {ended:?}");
        let later = local.session.exec(":", 1024).await;
        assert!(matches!(later, Err(Error::Gone(_))), "{shell:?}: {later:?}");
    }
}

#[tokio::test]
async fn late_output_goes_to_the_tap_and_to_no_result() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        assert_eq!(
            local.run("(sleep 0.3; echo late) & echo now").await.1,
            "now\n",
            "{shell:?}"
        );
        let mut tapped = local.tapped();
        while tapped.is_empty() {
            tokio::task::yield_now().await;
            tapped = local.tapped();
        }
        assert_eq!(tapped, b"late\n", "{shell:?}");
        assert_eq!(local.run("echo next").await.1, "next\n", "{shell:?}");
    }
}

#[tokio::test]
async fn a_thousand_queued_commands_run_in_order_each_with_its_own_code() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let commands: Vec<_> = (0..1000)
            .map(|i| format!("echo {i}; (exit {})", i % 256))
            .collect();
        let all = commands.iter().map(|text| local.session.exec(text, 1024));
        for (i, outcome) in futures_util::future::join_all(all)
            .await
            .into_iter()
            .enumerate()
        {
            let outcome = outcome.unwrap();
            assert_eq!(
                (outcome.exit, outcome.stdout),
                (Ok((i % 256) as u8), format!("{i}\n").into())
            );
        }
    }
}

#[tokio::test]
async fn both_streams_are_whole_when_a_command_settles() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let text = "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
        let (code, stdout, stderr) = local.run(text).await;
        let lines = |name: &str| {
            (0..2000)
                .map(|i| format!("{name} {i}\n"))
                .collect::<String>()
        };
        assert_eq!(
            (code, stdout, stderr),
            (0, lines("out"), lines("err")),
            "{shell:?}"
        );
    }
}

#[tokio::test]
async fn a_long_command_works_and_a_longer_one_is_refused_before_it_is_sent() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let text = format!(": '{}'; echo ok", "x'\\''".repeat(200_000));
        assert_eq!(local.run(&text).await.1, "ok\n", "{shell:?}");
        let refused = local
            .session
            .exec(&"x".repeat(16 * 1024 * 1024 + 1), 0)
            .await;
        assert!(
            matches!(refused, Err(Error::Argument(_))),
            "{shell:?}: {refused:?}"
        );
        let refused = local.session.exec("echo \0", 0).await;
        assert!(
            matches!(refused, Err(Error::Argument(_))),
            "{shell:?}: {refused:?}"
        );
        assert_eq!(local.run("echo on").await.1, "on\n", "{shell:?}");
    }
}

#[tokio::test]
async fn captured_output_is_bounded_and_the_command_still_ends() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let outcome = local
            .session
            .exec("head -c 300000000 /dev/zero; exit 3", 1000)
            .await
            .unwrap();
        assert_eq!(
            (outcome.exit, outcome.stdout.len(), outcome.truncated),
            (Ok(3), 1000, true)
        );
    }
}

#[tokio::test]
async fn closing_ends_the_shell_in_the_middle_of_a_command() {
    for shell in SHELLS {
        let mut local = Local::open(shell).await;
        let running = local.session.exec("trap '' TERM INT HUP; sleep 1000", 0);
        local.session.close(Error::Stopped(" by its test"));
        assert_eq!(running.await, Err(Error::Stopped(" by its test")));
        assert_eq!(
            local.why.lock().unwrap().clone(),
            Some(Error::Stopped(" by its test"))
        );
        local.child.wait().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_shell_is_refused_by_name() {
    let refused = Local::try_open(("dash", "/nonexistent")).await.err();
    assert_eq!(
        refused,
        Some(Error::NoShell("it has no /nonexistent".into()))
    );
    let refused = Local::try_open(("dash", "true")).await.err();
    assert_eq!(
        refused,
        Some(Error::NoShell(
            "its shell ends at once, with exit code 0".into()
        ))
    );
}

#[tokio::test]
async fn a_command_that_has_settled_takes_no_signal() {
    for shell in SHELLS {
        let local = Local::open(shell).await;
        let (control, requests) = mpsc::channel(CONTROLS);
        let (done, told) = oneshot::channel();
        let options = Options {
            control: Some(requests),
            ..Options::default()
        };
        let command = Command {
            text: "(exit 3)".into(),
            options: Some(Box::new(options)),
        };
        let ticket = local.session.submit(command, move |outcome| {
            let sent = control.try_send(Control::Signal("INT".into()));
            let _ = done.send((outcome.exit, sent.is_ok()));
        });
        assert!(ticket.is_ok());
        assert_eq!(told.await, Ok((Ok(3), false)), "{shell:?}");
        assert_eq!(local.run("echo kept").await.1, "kept\n", "{shell:?}");
    }
}
