//! A terminal in a container: an exec beside the leash, since a main process with a
//! terminal wouldn't notice that its client has gone.

use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptions;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future, stream};
use tokio::io::split;
use tokio::sync::mpsc;

use super::spec::Spec;
use super::transport::{Engine, engine_error};
use super::{exec, frames};
use crate::error::{Error, Result};
use crate::session::sentinel::{Event, Scanner};
use crate::session::token::Token;
use crate::session::{Fd, Terminal, script};

/// The engine would detach at ^P^Q, which belongs to the shell's line editor.
pub const DETACH_KEYS: &str = "ctrl-^,ctrl-@,ctrl-_,ctrl-^";

/// A terminal's size until somebody resizes it.
const COLUMNS_ROWS: (u16, u16) = (80, 24);

/// Pieces of typed text that may wait for a terminal that takes none.
const TYPED: usize = 16;

/// Output of a container or terminal, decoded.
pub type Output = Box<dyn Stream<Item = Result<(Fd, Bytes)>> + Send + Unpin>;

/// A terminal that has been opened.
pub struct Opened {
    /// What it shows, for as long as the container lives.
    pub output: Output,
    /// Its side for the session.
    pub terminal: Terminal,
    /// What its supervisor says hello with.
    pub hello: Token,
    /// Types into it.
    pub typed: mpsc::Sender<Bytes>,
    /// The id of its exec.
    pub exec: String,
}

/// Opens a terminal in a container that runs [`script::letterbox`], whose output is `main`.
pub async fn open(engine: &Engine, container: &str, spec: &Spec, main: Output) -> Result<Opened> {
    let (pid, main) = greeting(main, spec.hello).await?;
    let hello = Token::fresh();
    let config = ExecConfig {
        tty: Some(true),
        detach_keys: Some(DETACH_KEYS.into()),
        cmd: Some(script::terminal(&spec.shell, &hello, &pid)),
        ..Default::default()
    };
    let (exec, connection) = exec::attach(engine, container, config).await?;
    let (columns, rows) = COLUMNS_ROWS;
    resize(engine, &exec, columns, rows).await?;
    let (screen, keyboard) = split(connection);
    let (typed, queue) = mpsc::channel(TYPED);
    let terminal = Terminal {
        input: Box::new(keyboard),
        typed: queue,
        letters: script::letters(&pid),
    };
    Ok(Opened {
        output: with_main(frames::raw(screen), main),
        terminal,
        hello,
        typed,
        exec,
    })
}

/// Tells a terminal how large it is.
pub async fn resize(engine: &Engine, exec: &str, columns: u16, rows: u16) -> Result<()> {
    let options = ResizeExecOptions {
        h: rows.into(),
        w: columns.into(),
    };
    let resized = engine.docker().resize_exec(exec, options).await;
    resized.map_err(|error| engine_error("resize exec", error))
}

/// Waits for the letter box's hello; gives its process id, and the output back.
async fn greeting(mut main: Output, hello: Token) -> Result<(String, Output)> {
    let mut scanner = Scanner::default();
    scanner.expect([hello]);
    let (mut pid, mut words) = (None, Vec::new());
    while let Some(chunk) = main.next().await {
        match chunk? {
            (Fd::Stdout, bytes) => scanner.feed(bytes, |event| {
                if let Event::Mark(_, payload) = event {
                    pid = Some(payload);
                }
            }),
            (Fd::Stderr, bytes) => words.extend_from_slice(&bytes),
        }
        if let Some(pid) = pid {
            return Ok((pid, main));
        }
    }
    Err(Error::NoShell(
        String::from_utf8_lossy(&words).trim().into(),
    ))
}

/// The screen's output, which ends with the screen; the main process's, of which there
/// should be none, is read and dropped, and its errors are told.
fn with_main(
    screen: impl Stream<Item = Result<(Fd, Bytes)>> + Send + Unpin + 'static,
    main: Output,
) -> Output {
    let screen = screen.map(Some).chain(stream::iter([None]));
    let main = main.filter_map(|chunk| future::ready(chunk.err().map(|error| Some(Err(error)))));
    let both = stream::select(screen, main);
    Box::new(both.scan((), |(), chunk| future::ready(chunk)))
}
