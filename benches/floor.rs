//! The floor: a container's shell over a plain unix socket, with nothing but the standard
//! library. Two of them: `same` sends exactly the script that the addon sends, and waits for
//! both marks; `plain` sends `COMMAND;echo MARK` to a bare bash, and waits for that.
//!
//! `floor SOCKET IMAGE` answers each line of stdin, a JSON array, with a line of JSON:
//! `["same" or "plain", COMMAND, n]` with the latencies of n such commands in nanoseconds.

use std::io::{BufRead, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use docker_exec_napi::engine::spec::Spec;
use docker_exec_napi::session::script::{self, Reports};
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
    let mut same = Same::open(socket, image)?;
    let mut plain = Plain::open(socket, image)?;
    for line in std::io::stdin().lock().lines() {
        let (case, command, count): (String, String, usize) = serde_json::from_str(&line?)?;
        let times: Vec<u64> = (0..count)
            .map(|_| match case.as_str() {
                "same" => same.run(&command),
                _ => plain.run(&command),
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
    seen: Vec<u8>,
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
            seen: vec![],
        })
    }

    /// Reads until `mark` has come so many times.
    fn until(&mut self, mark: &str, times: usize) -> Result<()> {
        self.seen.clear();
        let mut buffer = [0; 65536];
        let (mut found, mut from) = (0, 0);
        while found < times {
            let n = self.stream.read(&mut buffer)?;
            let seen = String::from_utf8_lossy(&self.seen);
            assert!(n > 0, "the container ended: {seen}");
            self.seen.extend_from_slice(&buffer[..n]);
            while let Some(at) = memchr::memmem::find(&self.seen[from..], mark.as_bytes()) {
                found += 1;
                from += at + mark.len();
            }
            from = from.max(self.seen.len().saturating_sub(mark.len()));
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
    fn open(socket: &str, image: &str) -> Result<Self> {
        let spec = Spec::parse(&json!({ "Image": image }).to_string()).expect("a spec");
        let mut attached = Attached::start(socket, &serde_json::to_value(&spec.body)?)?;
        attached.until(&mark(&spec.hello), 2)?;
        let text = String::from_utf8_lossy(&attached.seen).into_owned();
        let reports = Reports::of(&field(&text, &format!("{} ", spec.hello)), false);
        let token = Uuid::new_v4();
        let first = script::fresh_shell(&Uuid::new_v4()) + &script::first_line(&token, &reports);
        attached.stream.write_all(first.as_bytes())?;
        attached.until(&mark(&token), 2)?;
        Ok(Self { attached, reports })
    }

    fn run(&mut self, command: &str) -> Result<u64> {
        let begin = Instant::now();
        let token = Uuid::new_v4();
        let line = script::line(command, &token, &self.reports);
        self.attached.stream.write_all(line.as_bytes())?;
        self.attached.until(&mark(&token), 2)?;
        Ok(begin.elapsed().as_nanos() as u64)
    }
}

fn mark(token: &Uuid) -> String {
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
        plain.run(":")?;
        Ok(plain)
    }

    fn run(&mut self, command: &str) -> Result<u64> {
        let begin = Instant::now();
        let token = Uuid::new_v4().to_string();
        self.0
            .stream
            .write_all(format!("{command};echo {token}\n").as_bytes())?;
        self.0.until(&token, 1)?;
        Ok(begin.elapsed().as_nanos() as u64)
    }
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
