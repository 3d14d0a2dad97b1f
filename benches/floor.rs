//! The floor: the same script to the same container, over a plain unix socket, with nothing
//! but the standard library. Reads a number of commands from each line of stdin, and
//! answers with their latencies in nanoseconds, as a JSON array.
//!
//! `floor SOCKET IMAGE`

use std::io::{BufRead, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use docker_exec_napi::engine::spec::Spec;
use docker_exec_napi::session::script::{self, Reports};
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
    let mut shell = Shell::open(socket, image)?;
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse().expect("a number of commands");
        let times: Vec<u128> = (0..count).map(|_| shell.run(":")).collect::<Result<_>>()?;
        println!("{times:?}");
    }
    request(
        socket,
        "DELETE",
        &format!("/containers/{}?force=1", shell.container),
        "",
    )
    .map(drop)
}

struct Shell {
    stream: UnixStream,
    reports: Reports,
    container: String,
    seen: Vec<u8>,
}

impl Shell {
    fn open(socket: &str, image: &str) -> Result<Self> {
        let spec = Spec::parse(&format!(r#"{{"Image":"{image}"}}"#)).expect("a spec");
        let body = serde_json::to_string(&spec.body)?;
        let created = request(socket, "POST", "/containers/create", &body)?;
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
        request(
            socket,
            "POST",
            &format!("/containers/{container}/start"),
            "",
        )?;
        let reports = Reports::of("self", false);
        let mut shell = Self {
            stream,
            reports,
            container,
            seen: vec![],
        };
        shell.until(&spec.hello)?;
        let text = String::from_utf8_lossy(&shell.seen).into_owned();
        shell.reports = Reports::of(&field(&text, &format!("{} ", spec.hello)), false);
        let token = Uuid::new_v4();
        let first =
            script::fresh_shell(&Uuid::new_v4()) + &script::first_line(&token, &shell.reports);
        shell.stream.write_all(first.as_bytes())?;
        shell.until(&token)?;
        Ok(shell)
    }

    fn run(&mut self, command: &str) -> Result<u128> {
        let begin = Instant::now();
        let token = Uuid::new_v4();
        self.stream
            .write_all(script::line(command, &token, &self.reports).as_bytes())?;
        self.until(&token)?;
        Ok(begin.elapsed().as_nanos())
    }

    /// Reads until the mark has come twice.
    fn until(&mut self, token: &Uuid) -> Result<()> {
        let mark = format!("\u{1e}{token}");
        self.seen.clear();
        let mut buffer = [0; 65536];
        while memchr::memmem::find_iter(&self.seen, mark.as_bytes()).count() < 2 {
            let n = self.stream.read(&mut buffer)?;
            assert!(
                n > 0,
                "the container ended: {}",
                String::from_utf8_lossy(&self.seen)
            );
            self.seen.extend_from_slice(&buffer[..n]);
        }
        Ok(())
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
