//! The one task that owns a session's connection: sends a line, routes the output, settles
//! the command, and sees to it that there is a shell for the next one.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::link::{Link, Outbox};
use super::marks::{End, Marks};
use super::output::Sink;
use super::script::{self, Reports};
use super::sentinel::{Event, Scanner};
use super::watchdog::{Finding, Watch};
use super::{Beside, Command, End as Reason, Fd, Outcome, Request, Wiring};
use crate::error::{Error, Result};

/// Bytes kept of what a leash says instead of hello.
const LAST_WORDS: usize = 4096;

/// A shell that hasn't said that it's ready for this long isn't one.
const SHELL_READY: Duration = Duration::from_secs(30);

/// Serves the session until it ends, then fails whatever still waits.
pub(super) async fn drive<O, I>(
    wiring: Wiring<O, I>,
    mut queue: mpsc::Receiver<Request>,
    end: super::End,
    ready: oneshot::Sender<Result<()>>,
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
        Ok(()) => {
            let _ = ready.send(Ok(()));
            let Err(reason) = driver.serve(&mut queue).await;
            reason
        }
    };
    drop(driver);
    end.set(reason.clone());
    queue.close();
    while let Some(request) = queue.recv().await {
        (request.done)(Err(reason.clone()));
    }
    ended(reason);
}

struct Driver<O, I> {
    link: Link<O, I>,
    beside: Beside,
    scanners: [Scanner; 2],
    marks: Marks,
    hello: Uuid,
    nonce: Uuid,
    /// Of the last line sent.
    token: Uuid,
    reports: Reports,
    /// The shell's process id, in its own namespace.
    shell: String,
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
            output: wiring.output,
            input: wiring.input,
            terminal: wiring.terminal,
            closing: end.0.subscribe(),
            autopsy: wiring.autopsy,
            tap: wiring.tap,
            outbox: Outbox::default(),
            keys: Outbox::default(),
        };
        Self {
            link,
            beside: wiring.beside,
            marks: Marks::of(streams),
            scanners: Default::default(),
            hello: wiring.hello,
            nonce: Uuid::nil(),
            token: Uuid::nil(),
            reports: Reports::of("self", false),
            shell: String::new(),
            flags: String::new(),
        }
    }

    /// Waits for the leash's hello, then for a shell.
    async fn open(&mut self) -> Result<()> {
        let mut words = Sink::capture(LAST_WORDS);
        match self.until(self.hello, &mut words, None).await {
            Ok(End::Mark(pid)) => {
                self.reports = Reports::of(&pid, self.link.terminal.is_some());
            }
            Ok(_) => return Err(Error::Protocol("a report before its shell".into())),
            Err(error) => return Err(last_words(words).map_or(error, Error::NoShell)),
        }
        self.fresh_shell().await
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
        loop {
            if self.marks.shell_ended() {
                self.fresh_shell().await?;
                self.expect(self.nonce);
            }
            tokio::select! {
                biased;
                chunk = self.link.next() => self.route(chunk?, &mut Sink::Tap).await?,
                request = queue.recv() => return request.ok_or(Error::Stopped("")),
            }
        }
    }

    /// Runs one command to its end, and calls its `done`.
    async fn settle(&mut self, Request { command, done }: Request) -> Result<()> {
        let mut sink = command.capture.map_or(Sink::Tap, Sink::capture);
        match self.execute(command, &mut sink).await {
            Err(error) => {
                done(Err(error.clone()));
                Err(error)
            }
            Ok(End::Replaced(how)) => {
                done(Err(Error::ShellRestarted(how)));
                self.fresh_shell().await
            }
            Ok(End::Mark(payload)) => {
                let (code, flags) = payload.split_once(' ').unwrap_or((&payload, ""));
                self.flags = flags.to_owned();
                done(outcome(code, sink, false));
                Ok(())
            }
            Ok(End::ShellEnded(code)) => {
                done(outcome(&code, sink, true));
                self.fresh_shell().await
            }
        }
    }

    async fn execute(&mut self, command: Command, sink: &mut Sink) -> Result<End> {
        let mut text = command.text;
        if self.link.terminal.is_none() && self.flags.contains(['x', 'v']) {
            text = self.hushed(text).await?;
        }
        let token = Uuid::new_v4();
        self.link.send(&script::line(&text, &token, &self.reports));
        let watch = Watch::new(self.beside.clone(), self.shell.clone());
        self.until(token, sink, Some(watch)).await
    }

    /// Turns the shell's tracing and echo off; gives the command that turns them on again.
    async fn hushed(&mut self, text: String) -> Result<String> {
        let on: String = self
            .flags
            .chars()
            .filter(|flag| "xv".contains(*flag))
            .collect();
        let token = Uuid::new_v4();
        self.link.send(&script::hush(&token, &self.reports));
        match self.until(token, &mut Sink::Nowhere, None).await? {
            End::Mark(_) => Ok(format!("set -{on}\n{text}")),
            End::ShellEnded(_) | End::Replaced(_) => {
                self.fresh_shell().await?;
                Ok(text)
            }
        }
    }

    async fn fresh_shell(&mut self) -> Result<()> {
        self.nonce = Uuid::new_v4();
        self.marks.clear();
        self.flags.clear();
        let token = Uuid::new_v4();
        self.link
            .outbox
            .put(script::fresh_shell(&self.nonce).as_bytes());
        self.link.send(&script::first_line(&token, &self.reports));
        let mut sink = Sink::Tap;
        let ready = self.until(token, &mut sink, None);
        match tokio::time::timeout(SHELL_READY, ready).await {
            Ok(Ok(End::Mark(pid))) => self.shell = pid,
            Ok(Ok(End::ShellEnded(code))) => {
                return Err(Error::NoShell(format!(
                    "its shell ends at once, with exit code {code}"
                )));
            }
            Ok(Ok(End::Replaced(_))) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                return Err(Error::NoShell(
                    "its shell doesn't execute what it reads".into(),
                ));
            }
        }
        Ok(())
    }

    /// Reads until the mark of `token` has come on both streams, or the supervisor's has.
    async fn until(&mut self, token: Uuid, sink: &mut Sink, watch: Option<Watch>) -> Result<End> {
        self.expect(token);
        self.token = token;
        self.marks.command = Default::default();
        let mut watch = watch;
        let mut replaced = None;
        loop {
            if let Some(end) = self.marks.end() {
                return Ok(replaced.map_or(end, End::Replaced));
            }
            tokio::select! {
                biased;
                chunk = self.link.next() => {
                    self.route(chunk?, sink).await?;
                    if let Some(watch) = &mut watch { watch.heard(); }
                }
                finding = Watch::next(&mut watch) => match finding? {
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

    /// Passes output on: a command's to its sink, what comes behind its mark to the tap.
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
                    Sink::Capture(streams) if self.marks.command[fd as usize].is_none() => {
                        streams[fd as usize].push(&bytes);
                    }
                    Sink::Nowhere if self.marks.command[fd as usize].is_none() => {}
                    _ => self.link.pour(bytes).await?,
                },
            }
        }
        Ok(())
    }

    /// Marks that mean something: the supervisor's and `token`'s; on a terminal also those
    /// of the prompts that follow the last command.
    fn expect(&mut self, token: Uuid) {
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

fn outcome(code: &str, sink: Sink, shell_restarted: bool) -> Result<Outcome> {
    let [(stdout, more_out), (stderr, more_err)] = sink.finish();
    let exit_code = code
        .parse()
        .map_err(|_| Error::Protocol(format!("a mark with {code:?} where an exit code belongs")))?;
    let truncated = more_out || more_err;
    Ok(Outcome {
        exit_code,
        stdout,
        stderr,
        truncated,
        shell_restarted,
    })
}

fn last_words(words: Sink) -> Option<String> {
    let [(stdout, _), (stderr, _)] = words.finish();
    let texts = [stderr, stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    texts.into_iter().find(|text| !text.is_empty())
}
