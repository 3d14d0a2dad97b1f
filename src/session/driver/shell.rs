//! What a driver has its shell do: a command, lines of ours around it, and a fresh shell
//! where the old one has ended.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Driver, Run, SHELL_READY};
use crate::error::{Error, Result};
use crate::session::cgroup::{self, Hits, Limit, Usage};
use crate::session::marks::End;
use crate::session::output::Sink;
use crate::session::script::{self, Reports, Snapshot};
use crate::session::termination::Termination;
use crate::session::token::Token;
use crate::session::{Fd, Future, Options};

/// What a command has left behind is looked for so long: a look takes some 40 ms.
const SWEEPING: Duration = Duration::from_secs(5);

/// Tries to get a snapshot.
const SNAPSHOTS: usize = 3;

impl<O, I> Driver<O, I>
where
    O: Stream<Item = Result<(Fd, Bytes)>> + Unpin,
    I: AsyncWrite + Unpin,
{
    pub(super) async fn execute(
        &mut self,
        mut text: String,
        options: Options,
        sink: &mut Sink,
        run: &mut Run,
    ) -> Result<End> {
        if self.link.terminal.is_none() && self.flags.contains(['x', 'v']) {
            text = self.hushed(text).await?;
        }
        if options.restore {
            run.snapshot = self.snapshot().await?;
        }
        if let Some(stdin) = options.stdin {
            let path = self.meanwhile(stdin).await??;
            text = script::with_stdin(&text, &path);
        }
        let before = match options.usage {
            true => self.measure().await?,
            false => None,
        };
        let token = Token::fresh();
        self.link.send(&script::line(&text, &token, &self.reports));
        let (beside, shell) = (self.beside.clone(), self.shell.clone());
        let termination = run.termination.insert(Termination::new(
            beside,
            &self.leader,
            shell,
            run.snapshot.as_ref(),
            options.limits,
            options.control,
        ));
        self.watch.begin(&self.shell);
        let end = self.until(token, sink, true, Some(termination)).await;
        self.watch.end();
        let end = end?;
        run.ended = Some(termination.elapsed());
        let shell_ended = !matches!(end, End::Mark(_));
        self.sweep(termination, shell_ended).await?;
        // Not in a shell that has ended, or that would show our line (`set -x`, `set -v`).
        if let (Some(before), End::Mark(report)) = (before, &end)
            && !report.contains(['x', 'v'])
        {
            let after = self.measure().await?;
            run.usage = after.map(|after| Usage {
                cpu: after.cpu.saturating_sub(before.cpu),
                ..after
            });
        }
        Ok(end)
    }

    /// Kills what a command that was ended has left behind, until nothing of it is found. Where
    /// the engine refuses that, it's left.
    async fn sweep(&mut self, termination: &mut Termination, shell_ended: bool) -> Result<()> {
        let deadline = Instant::now() + SWEEPING;
        let mut room = true;
        while Instant::now() < deadline {
            let Some(sweep) = termination.sweep(shell_ended) else {
                return Ok(());
            };
            let Ok(swept) = timeout_at(deadline, self.meanwhile(sweep)).await else {
                break;
            };
            let Ok(count) = swept? else {
                return Ok(());
            };
            if count.trim() == "0" {
                return Ok(());
            }
            room = count.trim().parse::<u32>().is_ok();
        }
        if room {
            return Ok(());
        }
        let text = "it was given up: it has no room for what would end what a command left behind";
        Err(Error::Gone(text.into()))
    }

    /// What the shell's control group has used so far, if the shell can read that.
    async fn measure(&mut self) -> Result<Option<Usage>> {
        let printed = self.ask(cgroup::usage).await?;
        Ok(printed.and_then(|text| Usage::parse(&text)))
    }

    /// The limit of the control group that was reached since the last look; or that a
    /// command's words tell of. Not in a shell that would show our line: on a terminal, or
    /// with `set -x` or `set -v`.
    pub(super) async fn limit(&mut self, stderr: &[u8]) -> Result<Option<Limit>> {
        if self.link.terminal.is_some() || self.flags.contains(['x', 'v']) {
            return Ok(None);
        }
        let Some(printed) = self.ask(cgroup::hits).await? else {
            return Ok(None);
        };
        let hits = Hits::parse(&printed);
        let before = std::mem::replace(&mut self.hits, hits);
        Ok(hits.since(before, stderr))
    }

    /// What the shell prints for a script, between two frames.
    async fn ask(&mut self, script: fn(&Token) -> String) -> Result<Option<String>> {
        let frame = Token::fresh();
        let mut sink = Sink::head(script::MAX_COMMAND);
        let line = |token: &Token, reports: &Reports| script::line(&script(&frame), token, reports);
        self.aside(line, &mut sink).await?;
        let (stdout, stderr, ..) = sink.finish();
        let (printed, beside) = cgroup::framed(&String::from_utf8_lossy(&stdout), &frame);
        self.spilled([Bytes::from(beside), stderr]).await?;
        Ok(printed)
    }

    /// What came beside an answer: other output.
    async fn spilled(&mut self, outputs: [Bytes; 2]) -> Result<()> {
        for output in outputs.into_iter().filter(|output| !output.is_empty()) {
            self.link.spill(output).await?;
        }
        Ok(())
    }

    /// Awaits something else; what the shell prints meanwhile goes to the tap.
    pub(super) async fn meanwhile<T>(&mut self, mut other: Future<T>) -> Result<T> {
        loop {
            tokio::select! {
                done = &mut other => return Ok(done),
                chunk = self.link.next() => self.route(chunk?, &mut Sink::Tap).await?,
            }
        }
    }

    /// What is to be known about the shell if the next command has to be ended; nothing
    /// where jobs print so much that it can't be had whole.
    pub(super) async fn snapshot(&mut self) -> Result<Option<Snapshot>> {
        for _ in 0..SNAPSHOTS {
            let frame = Token::fresh();
            let mut sink = Sink::head(script::MAX_COMMAND);
            let line = |token: &Token, reports: &Reports| script::snapshot(&frame, token, reports);
            self.aside(line, &mut sink).await?;
            let (stdout, stderr, ..) = sink.finish();
            let (snapshot, beside) = Snapshot::read(&String::from_utf8_lossy(&stdout), &frame);
            self.spilled([Bytes::from(beside), stderr]).await?;
            if snapshot.is_some() {
                return Ok(snapshot);
            }
        }
        Ok(None)
    }

    /// Turns the shell's tracing and echo off; gives the command that turns them on again.
    pub(super) async fn hushed(&mut self, text: String) -> Result<String> {
        let on: String = self
            .flags
            .chars()
            .filter(|flag| "xv".contains(*flag))
            .collect();
        match self.aside(script::hush, &mut Sink::Nowhere).await? {
            true => Ok(format!("set -{on}\n{text}")),
            false => Ok(text),
        }
    }

    /// Has the shell execute a line of ours before a command; whether it's still the same
    /// shell then.
    pub(super) async fn aside(
        &mut self,
        line: impl FnOnce(&Token, &Reports) -> String,
        sink: &mut Sink,
    ) -> Result<bool> {
        let token = Token::fresh();
        self.link.send(&line(&token, &self.reports));
        self.watch.begin(&self.shell);
        let end = self.until(token, sink, true, None).await;
        self.watch.end();
        match end? {
            End::Mark(_) => Ok(true),
            End::ShellEnded(_) | End::Replaced(_) => {
                self.another_shell().await?;
                self.restarted = true;
                Ok(false)
            }
        }
    }

    /// Has the supervisor start a shell, and gives it back what `restore` says.
    pub(super) async fn fresh_shell(&mut self, restore: Option<String>) -> Result<()> {
        self.another_shell().await?;
        if let Some(text) = restore {
            let line = |token: &Token, reports: &Reports| script::line(&text, token, reports);
            self.aside(line, &mut Sink::Nowhere).await?;
        }
        Ok(())
    }

    /// A new shell where there was one before: the image isn't to blame for it.
    async fn another_shell(&mut self) -> Result<()> {
        self.new_shell().await.map_err(|error| match error {
            Error::NoShell(why) => Error::Gone(format!("it has no shell any more: {why}")),
            error => error,
        })
    }

    pub(super) async fn new_shell(&mut self) -> Result<()> {
        self.nonce = Token::fresh();
        self.marks.clear();
        self.flags.clear();
        let token = Token::fresh();
        self.link
            .outbox
            .put(script::fresh_shell(&self.nonce).as_bytes());
        self.link.send(&script::first_line(&token, &self.reports));
        let mut sink = Sink::Tap;
        let ready = self.until(token, &mut sink, false, None);
        let silent = || {
            Err(Error::NoShell(
                "its shell doesn't execute what it reads".into(),
            ))
        };
        match timeout(SHELL_READY, ready)
            .await
            .unwrap_or_else(|_| silent())?
        {
            End::Mark(pid) => self.shell = pid,
            End::ShellEnded(code) => {
                let reason = format!("its shell ends at once, with exit code {code}");
                return Err(Error::NoShell(reason));
            }
            End::Replaced(_) => {}
        }
        Ok(())
    }
}
