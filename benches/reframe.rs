//! A proxy to an engine that cuts what it prints into frames of so many bytes of payload: a real
//! one puts small writes together as it likes. The zeros that a frame begins with come out so many
//! times, so that it's the reader who is measured, and not who makes them.
//!
//! `reframe LISTEN SOCKET BYTES TIMES`

use std::io::{BufReader, Read, Result, Write, copy};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

/// What a connection begins with that is handed over.
const UPGRADED: &[u8] = b"HTTP/1.1 101 ";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [listen, socket, bytes, times] = &arguments[..] else {
        panic!("reframe LISTEN SOCKET BYTES TIMES")
    };
    let size: usize = bytes.parse().expect("a number of bytes");
    let times: usize = times.parse().expect("a number of times");
    for near in UnixListener::bind(listen)?.incoming() {
        let (near, far) = (near?, UnixStream::connect(socket)?);
        let (mut up, mut upstream) = (near.try_clone()?, far.try_clone()?);
        thread::spawn(move || {
            let _ = copy(&mut up, &mut upstream);
            let _ = upstream.shutdown(Shutdown::Write);
        });
        thread::spawn(move || {
            let _ = down(&far, &near, size, times);
            let _ = near.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

/// Passes answers on as they are, up to the one that hands the connection over.
fn down(mut far: &UnixStream, mut near: &UnixStream, size: usize, times: usize) -> Result<()> {
    let (mut buffer, mut answer) = ([0; 64 * 1024], Vec::new());
    loop {
        let n = far.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        answer.extend_from_slice(&buffer[..n]);
        if answer.starts_with(UPGRADED) {
            // Its head may come in pieces.
            if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                let (head, rest) = answer.split_at(end + 4);
                near.write_all(head)?;
                return reframe(rest.chain(far), near, size, times);
            }
        } else {
            near.write_all(&answer)?;
            answer.clear();
        }
    }
}

fn reframe(frames: impl Read, mut near: &UnixStream, size: usize, times: usize) -> Result<()> {
    let mut frames = BufReader::with_capacity(64 * 1024, frames);
    let (mut header, mut payload, mut out) = ([0; 8], Vec::new(), Vec::new());
    loop {
        frames.read_exact(&mut header)?;
        let [kind, .., a, b, c, d] = header;
        payload.resize(u32::from_be_bytes([a, b, c, d]) as usize, 0);
        frames.read_exact(&mut payload)?;
        let zeros = payload.iter().take_while(|&&byte| byte == 0).count();
        let (zeros, rest) = payload.split_at(zeros);
        cut(kind, zeros, size, &mut out);
        for _ in 0..times {
            near.write_all(&out)?;
        }
        out.clear();
        cut(kind, rest, size, &mut out);
        near.write_all(&out)?;
        out.clear();
    }
}

fn cut(kind: u8, payload: &[u8], size: usize, out: &mut Vec<u8>) {
    for part in payload.chunks(size) {
        out.extend_from_slice(&[kind, 0, 0, 0]);
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(part);
    }
}
