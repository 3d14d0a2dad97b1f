//! The floor: a container's shell over a plain unix socket, with nothing but the standard
//! library. Two of them: `same` sends exactly the script that the addon sends, and waits for
//! both marks; `plain` sends `COMMAND;echo MARK` to a bare bash, and waits for that.
//!
//! `floor SOCKET IMAGE` answers each line of stdin, `[CASE, TEXT, n]`, with n times in
//! nanoseconds, as JSON: of the command TEXT by `same`, by `plain` (its output kept), or by
//! `discarded` (that of `plain`, not kept); or, by `start`, of a start with the options TEXT
//! until a first command has settled.

use std::io::{BufRead, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use docker_exec_napi::engine::spec::Spec;
use docker_exec_napi::session::script::{self, Reports};
use docker_exec_napi::session::token::Token;
use serde_json::{Value, json};
use uuid::Uuid;

fn main() -> Result<()> {
    // `cargo bench` adds arguments of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [socket, image] = &arguments[..] else {
        panic!("floor SOCKET IMAGE")
    };
    let mut same = Same::open(socket, &json!({ "Image": image }).to_string())?;
    let mut plain = Plain::open(socket, image)?;
    for line in std::io::stdin().lock().lines() {
        let (case, text, count): (String, String, usize) = serde_json::from_str(&line?)?;
        let times: Vec<u64> = (0..count)
            .map(|_| match case.as_str() {
                "same" => same.run(&text),
                "start" => start(socket, &text),
                _ => plain.run(&text, case == "plain"),
            })
            .collect::<Result<_>>()?;
        println!("{}", json!(times));
    }
    same.attached.remove()?;
    plain.0.remove()
}

/// A container, and the connection to its main process.
struct Attached {
    socket: String,
    container: String,
    stream: UnixStream,
    frames: Frames,
    seen: Vec<u8>,
}

/// Takes the frames of a multiplexed stream apart.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    /// A header that hasn't come whole.
    header: Vec<u8>,
    /// Bytes of the frame's payload still to come.
    left: usize,
}

impl Frames {
    /// Reads once.
    fn read(&mut self, stream: &mut UnixStream, mut payload: impl FnMut(&[u8])) -> Result<()> {
        self.buffer.resize(64 * 1024, 0);
        let n = stream.read(&mut self.buffer)?;
        assert!(n > 0, "the container ended");
        let mut rest = &self.buffer[..n];
        while !rest.is_empty() {
            if self.left == 0 {
                let (header, after) = rest.split_at(rest.len().min(8 - self.header.len()));
                self.header.extend_from_slice(header);
                rest = after;
                if self.header.len() == 8 {
                    self.left = u32::from_be_bytes(self.header[4..].try_into().unwrap()) as usize;
                    self.header.clear();
                }
                continue;
            }
            let (part, after) = rest.split_at(rest.len().min(self.left));
            payload(part);
            self.left -= part.len();
            rest = after;
        }
        Ok(())
    }
}

impl Attached {
    fn start(socket: &str, body: &Value) -> Result<Self> {
        let created = request(socket, "POST", "/containers/create", &body.to_string())?;
        let container = field(&created, "\"Id\":\"");
        let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        let mut stream = UnixStream::connect(socket)?;
        write!(
            stream,
            "POST /v1.41{path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )?;
        // Attached before it starts, or its hello may be missed.
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.extend_from_slice(&byte);
        }
        let path = format!("/containers/{container}/start");
        request(socket, "POST", &path, "")?;
        Ok(Self {
            socket: socket.into(),
            container,
            stream,
            frames: Frames::default(),
            seen: vec![],
        })
    }

    /// Reads until `mark` has come so many times, and keeps what comes.
    fn until(&mut self, mark: &str, times: usize) -> Result<()> {
        self.seen = Vec::new();
        let (mut found, mut from) = (0, 0);
        while found < times {
            let seen = &mut self.seen;
            self.frames.read(&mut self.stream, |payload| {
                seen.extend_from_slice(payload);
            })?;
            while let Some(at) = memchr::memmem::find(&seen[from..], mark.as_bytes()) {
                found += 1;
                from += at + mark.len();
            }
            from = from.max(seen.len().saturating_sub(mark.len()));
        }
        Ok(())
    }

    /// Reads until `mark` has come, and keeps nothing.
    fn skip(&mut self, mark: &str) -> Result<()> {
        let mark = mark.as_bytes();
        let (mut found, mut seam) = (false, Vec::new());
        while !found {
            self.frames.read(&mut self.stream, |payload| {
                seam.extend_from_slice(&payload[..payload.len().min(mark.len())]);
                found |= memchr::memmem::find(&seam, mark).is_some()
                    || memchr::memmem::find(payload, mark).is_some();
                if payload.len() > mark.len() {
                    seam = payload[payload.len() - mark.len()..].to_vec();
                }
            })?;
        }
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        let path = format!("/containers/{}?force=1", self.container);
        request(&self.socket, "DELETE", &path, "").map(drop)
    }
}

/// The script of the addon.
struct Same {
    attached: Attached,
    reports: Reports,
}

impl Same {
    fn open(socket: &str, options: &str) -> Result<Self> {
        let spec = Spec::parse(options).expect("options of start()");
        let mut attached = Attached::start(socket, &serde_json::to_value(&spec.body)?)?;
        attached.until(&mark(&spec.hello), 2)?;
        let text = String::from_utf8_lossy(&attached.seen).into_owned();
        let reports = Reports::of(&field(&text, &format!("{} ", spec.hello)), false);
        let token = Token::fresh();
        let first = script::fresh_shell(&Token::fresh()) + &script::first_line(&token, &reports);
        attached.stream.write_all(first.as_bytes())?;
        attached.until(&mark(&token), 2)?;
        Ok(Self { attached, reports })
    }

    fn run(&mut self, command: &str) -> Result<u64> {
        let begin = Instant::now();
        let token = Token::fresh();
        let line = script::line(command, &token, &self.reports);
        self.attached.stream.write_all(line.as_bytes())?;
        self.attached.until(&mark(&token), 2)?;
        Ok(begin.elapsed().as_nanos() as u64)
    }
}

fn mark(token: &Token) -> String {
    format!("\u{1e}{token}")
}

/// A bare bash.
struct Plain(Attached);

impl Plain {
    fn open(socket: &str, image: &str) -> Result<Self> {
        let mut plain = Self(Attached::start(
            socket,
            &json!({
                "Image": image, "Cmd": ["bash"], "OpenStdin": true, "StdinOnce": true,
                "AttachStdin": true, "AttachStdout": true, "AttachStderr": true,
                "HostConfig": { "AutoRemove": true, "LogConfig": { "Type": "none" }, "Init": true },
            }),
        )?);
        plain.run(":", true)?;
        Ok(plain)
    }

    fn run(&mut self, command: &str, kept: bool) -> Result<u64> {
        let begin = Instant::now();
        let token = Uuid::new_v4().to_string();
        self.0
            .stream
            .write_all(format!("{command};echo {token}\n").as_bytes())?;
        match kept {
            true => self.0.until(&token, 1)?,
            false => self.0.skip(&token)?,
        }
        Ok(begin.elapsed().as_nanos() as u64)
    }
}

fn start(socket: &str, options: &str) -> Result<u64> {
    let begin = Instant::now();
    let mut same = Same::open(socket, options)?;
    same.run(":")?;
    let time = begin.elapsed().as_nanos() as u64;
    same.attached.remove()?;
    Ok(time)
}

fn request(socket: &str, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    write!(
        stream,
        "{method} /v1.41{path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(
        answer.starts_with("HTTP/1.1 2"),
        "{method} {path}: {answer}"
    );
    Ok(answer)
}

/// What follows `name`, up to a quote or the end of a mark.
fn field(text: &str, name: &str) -> String {
    let rest = text.split_once(name).expect(name).1;
    rest.split(['"', '\u{1f}'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
