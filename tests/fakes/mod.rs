//! Engines made of a few lines: HTTP on a unix socket, on TCP or over TLS, with an answer
//! chosen by the request's first line.
#![allow(dead_code)] // each test program uses its own part of it

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use docker_exec_napi::engine::endpoint::EngineOptions;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

pub mod authority;

/// What a fake does with a request.
pub enum Reply {
    /// Writes these bytes.
    Raw(String),
    /// Answers 101, then sends back all that comes.
    Echo,
    /// Says nothing, but stays.
    Silence,
    /// Closes the connection.
    Close,
}

/// Chooses the answer to a request's first line, such as `GET /_ping HTTP/1.1`.
pub type Answer = fn(&str) -> Reply;

/// A fake that runs for as long as the test does.
#[derive(Clone, Default)]
pub struct Fake {
    /// Each request's method and path with query, and `closed` for each connection's end.
    pub log: Arc<Mutex<Vec<String>>>,
}

/// An answer with a body.
pub fn http(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Raw(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

/// An engine of API 1.41: answers a ping, lists no containers, echoes on attach.
pub fn engine(request: &str) -> Reply {
    match request {
        ping if ping.contains("/_ping") => http("200 OK", "Api-Version: 1.41\r\n", "OK"),
        attach if attach.contains("/attach") => Reply::Echo,
        _ => http("200 OK", "Content-Type: application/json\r\n", "[]"),
    }
}

impl Fake {
    /// On a new unix socket.
    pub fn unix(answer: Answer) -> (Self, EngineOptions) {
        let folder = folder();
        let path = folder.join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let fake = Self::default();
        let each = fake.clone();
        tokio::spawn(async move {
            let _folder = folder; // for as long as the fake runs
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(each.clone().serve(stream, answer));
            }
        });
        let socket_path = Some(path.to_str().unwrap().to_owned());
        (
            fake,
            EngineOptions {
                socket_path,
                ..Default::default()
            },
        )
    }

    /// On a free port of this machine, over TLS where there is an acceptor.
    pub async fn tcp(answer: Answer, tls: Option<TlsAcceptor>) -> (Self, EngineOptions) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self::default();
        let each = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (fake, tls) = (each.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => fake.serve(stream, answer).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => fake.serve(stream, answer).await,
                            Err(error) => fake.note(&error.to_string()),
                        },
                    }
                });
            }
        });
        let host = Some("127.0.0.1".to_owned());
        (
            fake,
            EngineOptions {
                host,
                port: Some(port),
                ..Default::default()
            },
        )
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until something was noted.
    pub async fn noted(&self, what: &str) {
        while !self.asked().iter().any(|line| line == what) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    fn note(&self, line: &str) {
        self.log.lock().unwrap().push(line.to_owned());
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S, answer: Answer) {
        let mut stream = BufReader::new(stream);
        while let Some(line) = head(&mut stream).await {
            self.note(line.trim_end_matches(" HTTP/1.1"));
            match answer(&line) {
                Reply::Raw(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                Reply::Close => return,
                Reply::Silence => _ = stream.read_u8().await,
                Reply::Echo => {
                    let upgrade =
                        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
                    stream.write_all(upgrade.as_bytes()).await.unwrap();
                    let (mut from, mut to) = tokio::io::split(&mut stream);
                    _ = tokio::io::copy(&mut from, &mut to).await;
                    break;
                }
            }
        }
        self.note("closed");
    }
}

/// Reads one request; its first line.
async fn head<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let (mut first, mut length) = (None, 0);
    loop {
        let mut bytes = Vec::new();
        if stream.read_until(b'\n', &mut bytes).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if line.is_empty() {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            return first;
        }
        if let Some(digits) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = digits.trim().parse().ok()?;
        }
        if first.is_none() && !line.ends_with("HTTP/1.1") {
            return Some(line); // an HTTP server doesn't wait for more of that either
        }
        first.get_or_insert(line);
    }
}

/// A new empty folder in the system's place for temporary files, until it is dropped.
pub struct Folder(PathBuf);

/// Makes one.
pub fn folder() -> Folder {
    let path = std::env::temp_dir().join(format!("docker-exec-napi-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&path).unwrap();
    Folder(path)
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}
