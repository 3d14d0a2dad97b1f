//! Trees of files, to tar and from tar.
//!
//! - [`pack()`] makes an archive of a folder, [`Ignore`] says without what; [`copy()`] takes a
//!   file as it is
//! - [`unpack()`] takes one apart that nobody trusts

pub mod ignore;
mod pack;
mod unpack;

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

pub use ignore::Ignore;
pub use pack::{copy, mode, pack};
pub use unpack::{Partial, unpack};

/// Pieces in which an archive is made, in bytes.
const PIECE: usize = 256 * 1024;

/// How much may come out of a container.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// Folders in one another.
    pub depth: usize,
}

/// An archive on its way, as the blocking side sees it.
pub struct Pipe<T> {
    end: T,
    bytes: Vec<u8>,
    rest: Bytes,
}

impl<T> Pipe<T> {
    fn of(end: T) -> Self {
        Self {
            end,
            bytes: Vec::new(),
            rest: Bytes::new(),
        }
    }
}

impl Pipe<mpsc::Sender<Bytes>> {
    /// Fails when nobody receives any more. Flush it at the end.
    pub fn writer(sender: mpsc::Sender<Bytes>) -> Self {
        Self::of(sender)
    }
}

impl Pipe<mpsc::Receiver<Bytes>> {
    /// Ends when nobody sends any more.
    pub fn reader(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self::of(receiver)
    }
}

impl Write for Pipe<mpsc::Sender<Bytes>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.bytes);
        let sent = self.end.blocking_send(piece.into());
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Read for Pipe<mpsc::Receiver<Bytes>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.end.blocking_recv() {
                Some(bytes) => self.rest = bytes,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
