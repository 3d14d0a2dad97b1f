//! The one task that owns a session's connection: sends a line, routes the output, settles
//! the command, and sees to it that there is a shell for the next one.

mod shell;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::cgroup::{Hits, Usage};
use super::link::{Link, Outbox};
use super::marks::{End, Marks};
use super::output::Sink;
use super::script::{self, Reports, Snapshot};
use super::sentinel::{Event, Scanner};
use super::termination::{Cause, Termination};
use super::watchdog::{Finding, Watch};
use super::{Beside, Command, End as Reason, Fd, Outcome, Request, Wiring};
use crate::error::{Error, Result};
use crate::session::token::Token;

/// Bytes kept of what a leash says instead of hello.
const LAST_WORDS: usize = 4096;

/// A leash or a shell that hasn't said that it's ready for this long isn't one.
const SHELL_READY: Duration = Duration::from_secs(15);

/// Chunks of output that go before a command that waits, or before other tasks.
const LATE: usize = 16;

/// Serves the session until it ends, then fails whatever still waits.
pub(super) async fn drive<O, I>(
    wiring: Wiring<O, I>,
    mut queue: mpsc::Receiver<Request>,
    end: super::End,
    ready: oneshot::Sender<Result<String>>,
    ended: impl FnOnce(Error),
) where
    O: Stream<Item = Result<(Fd, Bytes)>> + Unpin,
    I: AsyncWrite + Unpin,
{
    let mut driver = Driver::new(wiring, &end);
    let reason = match driver.open().await {
        Err(reason) => {
            let _ = ready.send(Err(reason.clone()));
            reason
        }
        Ok(leader) => {
            let _ = ready.send(Ok(leader));
            let Err(reason) = driver.serve(&mut queue).await;
            reason
        }
    };
    driver.spill().await;
    drop(driver);
    end.set(reason.clone());
    queue.close();
    while let Some(request) = queue.recv().await {
        request.ticket.withdraw(reason.clone());
    }
    ended(reason);
}

/// What goes with the command of the moment.
#[derive(Default)]
struct Run {
    snapshot: Option<Snapshot>,
    termination: Option<Termination>,
    /// Since it began, when it ended.
    ended: Option<Duration>,
    usage: Option<Usage>,
}

struct Driver<O, I> {
    link: Link<O, I>,
    beside: Beside,
    watch: Watch,
    /// Chunks so far.
    routed: usize,
    scanners: [Scanner; 2],
    marks: Marks,
    hello: Token,
    nonce: Token,
    /// Of the last line sent.
    token: Token,
    reports: Reports,
    /// The process id of what holds the session, in its own namespace.
    leader: String,
    /// The shell's.
    shell: String,
    /// The shell was replaced since the last outcome.
    restarted: bool,
    /// Nothing has reached the limits of the control group yet.
    first: bool,
    /// The limits of the control group, when they were last looked at.
    hits: Hits,
    /// The shell's option flags, as `$-` had them after the last command.
    flags: String,
}

impl<O, I> Driver<O, I>
where
    O: Stream<Item = Result<(Fd, Bytes)>> + Unpin,
    I: AsyncWrite + Unpin,
{
    fn new(wiring: Wiring<O, I>, end: &Reason) -> Self {
        let streams = if wiring.terminal.is_some() { 1 } else { 2 };
        let link = Link {
            output: wiring.output.fuse(),
            input: wiring.input,
            broken: None,
            terminal: wiring.terminal,
            closing: end.0.subscribe(),
            expected: end.1.clone(),
            autopsy: wiring.autopsy,
            tap: wiring.tap,
            outbox: Outbox::default(),
            keys: Outbox::default(),
        };
        Self {
            link,
            watch: Watch::new(wiring.beside.clone()),
            routed: 0,
            beside: wiring.beside,
            marks: Marks::of(streams),
            scanners: Default::default(),
            hello: wiring.hello,
            nonce: Token::of(0),
            token: Token::of(0),
            reports: Reports::of("self", false),
            leader: String::new(),
            shell: String::new(),
            flags: String::new(),
            first: wiring.first,
            hits: Hits::default(),
            restarted: false,
        }
    }

    /// Waits for the leash's hello, then for a shell. Gives the leash's process id.
    async fn open(&mut self) -> Result<String> {
        let mut words = Sink::head(LAST_WORDS);
        let hello = self.until(self.hello, &mut words, false, None);
        let silent = || Err(Error::NoShell("it doesn't start".into()));
        match timeout(SHELL_READY, hello)
            .await
            .unwrap_or_else(|_| silent())
        {
            Ok(End::Mark(pid)) => {
                self.reports = Reports::of(&pid, self.link.terminal.is_some());
                self.leader.clone_from(&pid);
                self.new_shell().await?;
                if !self.first {
                    self.limit(&[]).await?;
                }
                Ok(pid)
            }
            Ok(_) => Err(Error::Protocol("a report before its shell".into())),
            Err(error @ (Error::Gone(_) | Error::Lost(_) | Error::NoShell(_))) => {
                Err(last_words(words).map_or(error, Error::NoShell))
            }
            Err(error) => Err(error),
        }
    }

    async fn serve(&mut self, queue: &mut mpsc::Receiver<Request>) -> Result<Infallible> {
        loop {
            let request = self.idle(queue).await?;
            self.settle(request).await?;
        }
    }

    /// Waits for the next command; output goes to the tap, and a shell that ends is
    /// replaced at once.
    async fn idle(&mut self, queue: &mut mpsc::Receiver<Request>) -> Result<Request> {
        self.expect(self.nonce);
        let mut passed = 0;
        loop {
            if self.marks.shell_ended() {
                self.fresh_shell(None).await?;
                self.restarted = true;
                self.expect(self.nonce);
            }
            tokio::select! {
                biased;
                chunk = self.link.next(), if passed < LATE => {
                    passed = if queue.is_empty() { 0 } else { passed + 1 };
                    self.route(chunk?, &mut Sink::Tap).await?;
                }
                request = queue.recv() => return request.ok_or(Error::Stopped("")),
            }
        }
    }

    /// Runs one command to its end, and calls its `done`; then sees to a shell for the next.
    async fn settle(&mut self, request: Request) -> Result<()> {
        let Request { command, ticket } = request;
        let Some(done) = ticket.take() else {
            return Ok(());
        };
        let Command { text, options } = command;
        let mut options = options.map(|options| *options).unwrap_or_default();
        let explain = options.explain;
        if options.keep.is_none() {
            self.link.tap.renew();
        }
        let mut sink = Sink::of(options.keep.take());
        let mut run = Run::default();
        let end = self.execute(text, options, &mut sink, &mut run).await;
        let end = end.map_err(|error| self.link.why(error));
        let (exit, shell_ended) = match &end {
            Err(error) => (Err(error.clone()), false),
            Ok(End::Replaced(how)) => (Err(Error::ShellRestarted(how)), true),
            Ok(End::ShellEnded(code)) => (exit_code(code), true),
            Ok(End::Mark(payload)) => {
                let (code, flags) = payload.split_once(' ').unwrap_or((payload, ""));
                self.flags = flags.to_owned();
                (exit_code(code), false)
            }
        };
        let (stdout, stderr, all, truncated) = sink.finish();
        // Over: from here on nobody can ask anything of it.
        let (cause, duration) = match run.termination.take() {
            Some(termination) => {
                let ended = run.ended.unwrap_or_else(|| termination.elapsed());
                (termination.cause(), ended)
            }
            None => (None, Duration::ZERO),
        };
        let restore = run.snapshot.map(|snapshot| snapshot.restore);
        let (mut next, mut limit) = (end.map(|_| ()), None);
        let explained = explain && matches!(exit, Ok(1..));
        if explained {
            // Only a shell that lives can tell.
            if shell_ended {
                next = self.fresh_shell(restore.clone()).await;
            }
            if next.is_ok() {
                match self.limit(&stderr).await {
                    Ok(found) => limit = found,
                    Err(error) => next = Err(error),
                }
            }
        }
        done(Outcome {
            exit,
            stdout,
            stderr,
            all,
            truncated,
            cause,
            shell_restarted: shell_ended | std::mem::take(&mut self.restarted),
            usage: run.usage,
            limit,
            duration,
        });
        if shell_ended && !explained && next.is_ok() {
            return self.fresh_shell(restore).await;
        }
        next
    }

    /// Reads until the mark of `token` has come on both streams, or the supervisor's has;
    /// `watched` where the watch has begun.
    async fn until(
        &mut self,
        token: Token,
        sink: &mut Sink,
        watched: bool,
        mut termination: Option<&mut Termination>,
    ) -> Result<End> {
        self.expect(token);
        self.token = token;
        self.marks.command = Default::default();
        let mut replaced = None;
        loop {
            match (self.marks.end(), replaced) {
                (Some(End::ShellEnded(_)), Some(how)) => return Ok(End::Replaced(how)),
                (Some(end), _) => return Ok(end),
                (None, _) => {}
            }
            if let Some(termination) = &mut termination
                && sink.overflowed()
            {
                termination.begin(Cause::Overflow);
            }
            tokio::select! {
                chunk = self.link.next() => {
                    self.route(chunk?, sink).await?;
                    self.watch.heard();
                }
                step = step(&mut termination) => step?,
                finding = self.watch.next(), if watched => match finding? {
                    Finding::Busy => {}
                    Finding::Stopped => replaced = Some("stopped"),
                    Finding::Deaf => replaced = Some("deaf"),
                    Finding::Missing => return Err(Error::Gone(
                        "the command killed the supervisor of its shell".into()
                    )),
                },
            }
        }
    }

    /// Passes output on: a command's to its sink, what comes behind its mark to the tap. Lets
    /// others have their turn now and then, be it of a runtime or of a thread that has handed
    /// a command over.
    async fn route(&mut self, (fd, bytes): (Fd, Bytes), sink: &mut Sink) -> Result<()> {
        let mut events = Vec::new();
        self.scanners[fd as usize].feed(bytes, |event| events.push(event));
        for event in events {
            match event {
                Event::Mark(token, payload) if token == self.nonce => {
                    self.marks.supervisor[fd as usize] = Some(payload);
                }
                Event::Mark(token, payload) if token == self.token => {
                    let payload = payload.strip_prefix(script::PROMPT).unwrap_or(&payload);
                    self.marks.command[fd as usize].get_or_insert_with(|| payload.to_owned());
                }
                Event::Mark(..) => {}
                Event::Data(bytes) => match sink {
                    Sink::Result(kept) if self.marks.command[fd as usize].is_none() => {
                        kept.push(fd, &bytes);
                        if let Some(live) = &kept.live {
                            self.link.pour(&live[fd as usize], bytes).await?;
                        }
                    }
                    Sink::Nowhere if self.marks.command[fd as usize].is_none() => {}
                    _ => self.link.spill(bytes).await?,
                },
            }
        }
        self.routed += 1;
        if self.routed.is_multiple_of(LATE) {
            yield_now().await;
        }
        Ok(())
    }

    /// What the scanners have held back is output after all.
    async fn spill(&mut self) {
        let [stdout, stderr] = &mut self.scanners;
        for held in [stdout.finish(), stderr.finish()] {
            if !held.is_empty() {
                let _ = self.link.spill(held).await;
            }
        }
    }

    /// Marks that mean something: the supervisor's and `token`'s; on a terminal also those
    /// of the prompts that follow the last command.
    fn expect(&mut self, token: Token) {
        let prompt = self
            .link
            .terminal
            .as_ref()
            .map_or(self.nonce, |_| self.token);
        for scanner in &mut self.scanners {
            scanner.expect([token, self.nonce, prompt]);
        }
    }
}

fn exit_code(code: &str) -> Result<u8> {
    let wrong = |_| Error::Protocol(format!("a mark with {code:?} where an exit code belongs"));
    code.parse().map_err(wrong)
}

async fn step(termination: &mut Option<&mut Termination>) -> Result<()> {
    match termination {
        Some(termination) => termination.step().await,
        None => std::future::pending().await,
    }
}

fn last_words(words: Sink) -> Option<String> {
    let (stdout, stderr, ..) = words.finish();
    let texts = [stderr, stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    texts.into_iter().find(|text| !text.is_empty())
}
