//! Decodes the stream of an attached container or exec: the Engine's multiplexed frames
//! (`[type, 0, 0, 0, length as big-endian u32]`, then that many bytes; Engine API,
//! "Attach to a container"). Strict and bounded; the decoder is pure.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{Error, Result};
use crate::session::Fd;

const HEADER: usize = 8;

/// The longest frame taken for one, in bytes. Engines send up to 32 KiB; a longer claim
/// than this is garbage. A payload is passed on as it comes, so nothing waits for a frame.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// What one read takes at the most, in bytes.
const READ: usize = 64 * 1024;

/// Shorter payloads of one stream are put together, in bytes: to pass each on would take longer
/// than to copy it.
const SHORT: usize = 4 * 1024;

type Payload = (Fd, Bytes);

/// The decoder of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// The frame that has begun, and the bytes of it still to come.
    frame: Option<(Fd, usize)>,
}

impl Decoder {
    /// The buffer that the next bytes of the stream are to be appended to.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next payload bytes among those that are there, or `None` when more are needed.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a header that the API doesn't know, or too long a frame.
    pub fn decode(&mut self) -> Result<Option<Payload>> {
        let payload = self.piece()?;
        Ok(payload.map(|(fd, bytes)| (fd, self.joined(fd, bytes))))
    }

    /// A payload, and behind it what follows of its stream in short frames.
    fn joined(&mut self, fd: Fd, payload: Bytes) -> Bytes {
        let Some(mut length) = self.short(fd).filter(|_| payload.len() < SHORT) else {
            return payload;
        };
        let mut joined = BytesMut::with_capacity(payload.len() + self.buffer.len());
        joined.extend_from_slice(&payload);
        loop {
            joined.extend_from_slice(&self.buffer[HEADER..HEADER + length]);
            self.buffer.advance(HEADER + length);
            match self.short(fd) {
                Some(next) => length = next,
                None => return joined.freeze(),
            }
        }
    }

    /// The length of the next frame, if it's a short one of this stream, and there whole.
    fn short(&self, fd: Fd) -> Option<usize> {
        let within = self.frame.is_some_and(|(_, left)| left > 0);
        let next = self.buffer.get(..HEADER).filter(|_| !within)?;
        let (of, length) = header(next).ok()?;
        (of == fd && length < SHORT && self.buffer.len() >= HEADER + length).then_some(length)
    }

    /// The next bytes of one frame.
    fn piece(&mut self) -> Result<Option<Payload>> {
        loop {
            match self.frame {
                Some((fd, left)) if left > 0 => {
                    let length = left.min(self.buffer.len());
                    self.frame = Some((fd, left - length));
                    let payload = self.buffer.split_to(length).freeze();
                    return Ok((length > 0).then_some((fd, payload)));
                }
                _ if self.buffer.len() < HEADER => {
                    self.frame = None;
                    return Ok(None);
                }
                _ => self.frame = Some(header(&self.buffer.split_to(HEADER))?),
            }
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Error::Lost`] when it did so within a frame.
    pub fn finish(&self) -> Result<()> {
        let within = self.frame.is_some_and(|(_, left)| left > 0);
        if within || !self.buffer.is_empty() {
            return Err(Error::Lost(
                "the engine ended the stream within a frame".into(),
            ));
        }
        Ok(())
    }
}

fn header(mut header: &[u8]) -> Result<(Fd, usize)> {
    let kind = header.get_u32();
    let length = header.get_u32() as usize;
    let fd = match kind {
        0 | 0x0100_0000 => Fd::Stdout,
        0x0200_0000 => Fd::Stderr,
        _ => {
            return Err(Error::Protocol(format!(
                "a frame that begins with {kind:#010x}"
            )));
        }
    };
    if length > MAX_FRAME {
        return Err(Error::Protocol(format!("a frame of {length} bytes")));
    }
    Ok((fd, length))
}

/// The payloads of a multiplexed stream, in order. Ends when the stream does; after an
/// error nothing follows.
pub fn multiplexed<R>(reader: R) -> impl Stream<Item = Result<(Fd, Bytes)>> + Send + Unpin
where
    R: AsyncRead + Unpin + Send + 'static,
{
    let start = Some((reader, Decoder::default()));
    Box::pin(stream::unfold(start, |state| async {
        let (mut reader, mut decoder) = state?;
        match next(&mut reader, &mut decoder).await {
            Ok(None) => None,
            Ok(Some(payload)) => Some((Ok(payload), Some((reader, decoder)))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

async fn next(
    reader: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> Result<Option<(Fd, Bytes)>> {
    loop {
        if let Some(payload) = decoder.decode()? {
            return Ok(Some(payload));
        }
        decoder.buffer().reserve(READ);
        match reader.read_buf(decoder.buffer()).await {
            Ok(0) => return decoder.finish().map(|()| None),
            Ok(_) => {}
            Err(error) => return Err(Error::Lost(error.to_string())),
        }
    }
}

/// A terminal's stream: everything is its output, whatever the bytes.
pub fn raw<R>(reader: R) -> impl Stream<Item = Result<(Fd, Bytes)>> + Send + Unpin
where
    R: AsyncRead + Unpin + Send + 'static,
{
    Box::pin(stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let mut buffer = BytesMut::with_capacity(READ);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok((Fd::Stdout, buffer.freeze())), Some(reader))),
            Err(error) => Some((Err(Error::Lost(error.to_string())), None)),
        }
    }))
}
