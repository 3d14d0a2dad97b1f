//! An engine on another machine through the `ssh` program, as the docker command does it:
//! `docker system dial-stdio` there copies its stdin and stdout to the engine's socket.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

/// What is kept of the program's stderr, in bytes; one screenful says what is wrong.
const WORDS: usize = 4096;
/// How long stderr may stay open once stdout has ended: a connection that ssh shares
/// (`ControlPersist`) holds it open for as long as it lives.
const GRACE: Duration = Duration::from_secs(1);

/// What the ssh program wrote to stderr when it ended without having passed on a byte.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(String);

/// The program's stdin and stdout as one stream. Dropping it ends the program.
pub(super) struct Dialed {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    heard: bool,
    words: watch::Receiver<Vec<u8>>,
    failure: Option<Pin<Box<dyn Future<Output = Failed> + Send>>>,
    _child: Child,
}

/// The program's arguments. It never asks anything (`BatchMode`): there may be nobody to
/// answer, and a question would hang.
fn arguments(target: &str, port: Option<u16>) -> Vec<String> {
    let mut arguments: Vec<String> = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        .map(String::from)
        .into();
    arguments.extend(port.iter().flat_map(|port| ["-p".into(), port.to_string()]));
    arguments.extend(["--", target, "docker", "system", "dial-stdio"].map(String::from));
    arguments
}

/// Starts `program` (`ssh`). Whether it reaches anything shows on the first read.
pub(super) fn dial(program: &str, target: &str, port: Option<u16>) -> io::Result<Dialed> {
    let mut command = Command::new(program);
    command
        .args(arguments(target, port))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0); // a ^C in the terminal is the caller's to handle, not ssh's
    let mut child = command.spawn().map_err(|error| {
        io::Error::other(Failed(format!(
            "the {program} program can't be started: {error}"
        )))
    })?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let (keeper, words) = watch::channel(Vec::new());
    tokio::spawn(keep(stderr, keeper));
    let stdin = Some(stdin);
    Ok(Dialed {
        stdin,
        stdout,
        heard: false,
        words,
        failure: None,
        _child: child,
    })
}

/// Reads stderr to its end, so that the program never waits for us, and keeps the beginning.
async fn keep(mut stderr: ChildStderr, words: watch::Sender<Vec<u8>>) {
    let mut chunk = [0; 1024];
    loop {
        let count = tokio::select! {
            read = stderr.read(&mut chunk) => read.unwrap_or(0),
            () = words.closed() => 0,
        };
        if count == 0 {
            return;
        }
        words.send_modify(|kept| {
            let room = (WORDS - kept.len()).min(count);
            kept.extend_from_slice(&chunk[..room]);
        });
    }
}

/// What the program said, once stderr has ended or the grace is over.
async fn failure(mut words: watch::Receiver<Vec<u8>>) -> Failed {
    let ended = words.wait_for(|_| false);
    let _late = tokio::time::timeout(GRACE, ended).await.is_err();
    let said = String::from_utf8_lossy(&words.borrow()).trim().to_owned();
    Failed(if said.is_empty() {
        "ssh ended without a word".into()
    } else {
        said
    })
}

impl AsyncRead for Dialed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(failure) = &mut self.failure {
            let failed = ready!(failure.as_mut().poll(cx));
            self.failure = None;
            return Poll::Ready(Err(io::Error::other(failed)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buffer))?;
        self.heard |= buffer.filled().len() > before;
        if self.heard || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.failure = Some(Box::pin(failure(self.words.clone())));
        self.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(stdin) = &mut self.stdin else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match ready!(Pin::new(stdin).poll_write(cx, bytes)) {
            // The program has ended; let the read, which knows why, be what fails.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.heard => {
                Poll::Ready(Ok(bytes.len()))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closes the program's stdin: dial-stdio passes that on as a half-close.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Dials with a shell script in ssh's place.
    fn dial_script(script: &str) -> Dialed {
        let path = std::env::temp_dir().join(format!("ssh-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, format!("#!/bin/sh\nrm -f \"$0\"\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        loop {
            match dial(path.to_str().unwrap(), "me@far", Some(2222)) {
                // Another test's fork may still hold the file open for writing.
                Err(error) if error.to_string().contains("Text file busy") => {}
                dialed => return dialed.unwrap(),
            }
        }
    }

    #[test]
    fn ssh_is_told_never_to_ask_and_where_options_end() {
        let far = "-T -o BatchMode=yes -o ConnectTimeout=10 -- far docker system dial-stdio";
        assert_eq!(arguments("far", None).join(" "), far);
        let port = arguments("me@far", Some(2222)).join(" ");
        assert!(
            port.contains("ConnectTimeout=10 -p 2222 -- me@far docker"),
            "{port}"
        );
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_a_shutdown_ends_the_programs_input() {
        let mut dialed = dial_script("cat; echo \"$*\"");
        dialed.write_all(b"ping\n").await.unwrap();
        dialed.shutdown().await.unwrap();
        let mut output = String::new();
        dialed.read_to_string(&mut output).await.unwrap();
        let expected = format!("ping\n{}\n", arguments("me@far", Some(2222)).join(" "));
        assert_eq!(output, expected);
    }

    #[tokio::test]
    async fn what_a_failing_ssh_says_is_the_error() {
        let mut dialed = dial_script("echo 'Permission denied (publickey).' >&2; exit 255");
        _ = dialed.write_all(&[0; 100_000]).await;
        let error = dialed.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "Permission denied (publickey).");
        let mut silent = dial_script("exit 1");
        assert_eq!(
            silent.read_u8().await.unwrap_err().to_string(),
            "ssh ended without a word"
        );
    }

    #[tokio::test]
    async fn a_shared_connection_that_holds_stderr_open_does_not_hide_the_error() {
        let mut dialed =
            dial_script("sleep 5 >&2 & echo 'docker: not found' >&2; exec >&-; exit 127");
        let error = dialed.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "docker: not found");
    }

    #[tokio::test]
    async fn a_missing_ssh_program_is_named() {
        let error = dial("/none/such/ssh", "far", None).err().unwrap();
        assert!(
            error
                .to_string()
                .contains("/none/such/ssh program can't be started"),
            "{error}"
        );
    }
}
