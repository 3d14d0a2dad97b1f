//! The other end of a session, played by a test: no shell, no container, and every fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use docker_exec_napi::session::output::Keep;
use docker_exec_napi::session::tap::{self, Taken, TapReader};
use docker_exec_napi::session::token::{self, Token};
use docker_exec_napi::session::{Beside, Command, Fd, Options, Outcome, Session, Wiring};
use docker_exec_napi::{Error, Result};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// What the session is told when it asks why its output ended.
pub const WHY: &str = "by its test";

/// Bytes of input that wait for the peer to read.
pub const INPUT: usize = 1024;

/// Lines of what a shell reports with.
const REPORT_LINES: usize = 5;

pub type Output = BoxStream<'static, Result<(Fd, Bytes)>>;

/// Says what a leash and a shell would say.
pub struct Peer {
    output: mpsc::UnboundedSender<(Fd, Bytes)>,
    /// Chunks that the session hasn't taken yet.
    unheard: Arc<watch::Sender<usize>>,
    input: BufReader<DuplexStream>,
    pub tap: Watched,
    pub hello: Token,
    nonce: String,
}

/// A session's wiring, and the peer at its other end.
pub fn wired() -> (Wiring<Output, DuplexStream>, Peer) {
    let (output, spoken) = mpsc::unbounded_channel();
    let unheard = Arc::new(watch::Sender::new(0));
    let heard = unheard.clone();
    let (near, far) = tokio::io::duplex(INPUT);
    let readable = Arc::new(Notify::new());
    let told = readable.clone();
    let (tap, reader) = tap::tap(move |_| told.notify_one());
    let hello = Token::fresh();
    let wiring = Wiring {
        // Like the real one, it must not be asked again when it has ended.
        output: stream::unfold((spoken, heard), |(mut spoken, heard)| async {
            let chunk = spoken.recv().await?;
            heard.send_modify(|chunks| *chunks -= 1);
            Some((Ok(chunk), (spoken, heard)))
        })
        .boxed(),
        input: near,
        hello,
        beside: beside(|_| Ok("busy".into())),
        autopsy: async { Error::Gone(WHY.into()) }.boxed(),
        tap,
        first: true,
        terminal: None,
    };
    let peer = Peer {
        output,
        unheard,
        input: BufReader::new(far),
        tap: Watched { reader, readable },
        hello,
        nonce: String::new(),
    };
    (wiring, peer)
}

/// What runs beside the shell; it's given the script.
pub fn beside(answer: impl Fn(&str) -> Result<String> + Send + Sync + 'static) -> Beside {
    Arc::new(move |arguments| {
        let answer = answer(&arguments[1]);
        async { answer }.boxed()
    })
}

/// Adds so many chunks of output without a pause, from when the first of these is told; the
/// second counts them.
pub fn flood(
    wiring: &mut Wiring<Output, DuplexStream>,
    chunks: usize,
) -> (Arc<Notify>, Arc<AtomicUsize>) {
    let (begin, flooded) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let state = (begin.clone(), flooded.clone());
    let flood = stream::unfold(state, move |(begun, count)| async move {
        let before = count.fetch_add(1, Ordering::SeqCst);
        if before == 0 {
            begun.notified().await;
        }
        (before < chunks).then_some((Ok((Fd::Stdout, "y\n".into())), (begun, count)))
    });
    let quiet = std::mem::replace(&mut wiring.output, stream::empty().boxed());
    wiring.output = stream::select(quiet, flood).boxed();
    (begin, flooded)
}

/// An open session over this wiring.
pub async fn open(wiring: Wiring<Output, DuplexStream>, peer: &mut Peer) -> Session {
    let (session, ()) = tokio::join!(Session::open(wiring, |_| {}), peer.start());
    session.expect("an open session")
}

/// Queues a command; what it ends with.
pub fn submit(session: &Session, text: &str) -> oneshot::Receiver<Result<Outcome>> {
    let (done, outcome) = oneshot::channel();
    let keep = Keep {
        limit: 1024,
        ..Keep::default()
    };
    let options = Options {
        keep: Some(keep),
        ..Options::default()
    };
    let command = Command {
        text: text.into(),
        options: Some(Box::new(options)),
    };
    let taken = session.submit(command, |outcome| {
        let _ = done.send(outcome.exit.clone().map(|_| outcome));
    });
    taken.expect("a place in the queue");
    outcome
}

impl Peer {
    pub fn say(&self, fd: Fd, bytes: impl Into<Bytes>) {
        self.unheard.send_modify(|chunks| *chunks += 1);
        let _ = self.output.send((fd, bytes.into()));
    }

    /// A mark as the shell prints it: with a payload on stdout, without on stderr.
    pub fn mark(&self, token: &str, payload: &str) {
        self.say(Fd::Stdout, format!("\x1e{token} {payload}\x1f"));
        self.say(Fd::Stderr, format!("\x1e{token}\x1f"));
    }

    pub fn hello(&self) {
        self.mark(&self.hello.to_string(), "7");
    }

    /// Says hello, and then starts the first shell.
    pub async fn start(&mut self) {
        self.hello();
        self.shell().await;
    }

    /// Starts the shell that is asked for, as process 8.
    pub async fn shell(&mut self) {
        let asked = self.line().await;
        self.nonce = asked.strip_prefix("#@").expect("a nonce").to_owned();
        let token = self.command().await;
        for _ in 0..REPORT_LINES {
            self.line().await;
        }
        self.mark(&token, "8");
    }

    /// The shell has ended.
    pub fn shell_ends(&self, code: &str) {
        self.mark(&self.nonce, code);
    }

    /// Waits until the session has heard all that was said.
    pub async fn heard(&self) {
        let mut unheard = self.unheard.subscribe();
        let _ = unheard.wait_for(|chunks| *chunks == 0).await;
    }

    /// Waits for input, and leaves it.
    pub async fn asked(&mut self) {
        self.input.fill_buf().await.expect("input");
    }

    /// The next line of input.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        self.input.read_line(&mut line).await.expect("UTF-8");
        line.trim_end_matches('\n').to_owned()
    }

    /// Reads a command's line; the token that it's to be marked with.
    pub async fn command(&mut self) -> String {
        let line = self.line().await;
        let marked = line
            .split_once("__dx ")
            .or_else(|| line.split_once("\\036"));
        let (_, token) = marked.expect("a mark in its line");
        token[..token::LENGTH].to_owned()
    }

    /// Takes no input any more.
    pub fn deaf(mut self) -> Self {
        self.input = BufReader::new(tokio::io::duplex(1).0);
        self
    }

    /// Ends the output, and takes no input any more.
    pub fn hang_up(self) -> Watched {
        self.tap
    }

    /// Ends the output, but still takes some input.
    pub fn fall_silent(self) -> (Watched, BufReader<DuplexStream>) {
        (self.tap, self.input)
    }
}

/// The reader of a session's tap.
pub struct Watched {
    pub reader: TapReader,
    readable: Arc<Notify>,
}

impl Watched {
    /// What comes, up to the end.
    pub async fn rest(&self) -> String {
        let mut all = Vec::new();
        loop {
            match self.reader.take(usize::MAX) {
                Taken::Bytes(bytes) => all.extend_from_slice(&bytes),
                Taken::Empty => self.readable.notified().await,
                Taken::Ended => break String::from_utf8_lossy(&all).into_owned(),
            }
        }
    }
}

/// Fails where the test would hang: after a day of the paused clock.
pub async fn within<T>(future: impl std::future::Future<Output = T>) -> T {
    let day = Duration::from_secs(24 * 60 * 60);
    tokio::time::timeout(day, future).await.expect("an end")
}

/// How a command has ended.
pub async fn ended(outcome: oneshot::Receiver<Result<Outcome>>) -> Result<Outcome> {
    within(outcome).await.expect("its `done` is called")
}
