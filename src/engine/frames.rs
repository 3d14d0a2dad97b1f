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

/// The longest frame that engines send, in bytes.
const FRAME: usize = HEADER + 32 * 1024;

/// Room for what comes, in bytes: for whole frames, so that few are cut.
const ROOM: usize = 2 * FRAME;

type Payload = (Fd, Bytes);

/// The decoder of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// The frame that has begun, and the bytes of it still to come: some, but for one just begun.
    frame: Option<(Fd, usize)>,
}

impl Decoder {
    /// The buffer that the next bytes of the stream are to be appended to; it has room for some.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < FRAME {
            self.buffer.reserve(ROOM);
        }
        &mut self.buffer
    }

    /// The next payload bytes among those that are there, or `None` when more are needed.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a header that the API doesn't know, or too long a frame.
    pub fn decode(&mut self) -> Result<Option<Payload>> {
        loop {
            let Some((fd, left)) = self.frame else {
                if self.buffer.len() < HEADER {
                    return Ok(None);
                }
                self.frame = Some(header(&self.buffer.split_to(HEADER))?);
                continue;
            };
            let length = left.min(self.buffer.len());
            self.frame = (length < left).then_some((fd, left - length));
            if left == 0 {
                continue;
            }
            return Ok((length > 0).then(|| (fd, self.joined(fd, length))));
        }
    }

    /// A payload, and what follows of its stream: moved up to it, over the headers between.
    fn joined(&mut self, fd: Fd, length: usize) -> Bytes {
        let (mut end, mut next) = (length, length);
        while self.frame.is_none()
            && let Some(Ok((of, length))) = self.buffer.get(next..next + HEADER).map(header)
            && of == fd
        {
            let from = next + HEADER;
            next = self.buffer.len().min(from + length);
            self.buffer.copy_within(from..next, end);
            end += next - from;
            let left = length - (next - from);
            self.frame = (left > 0).then_some((fd, left));
        }
        let joined = self.buffer.split_to(end).freeze();
        self.buffer.advance(next - end);
        joined
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Error::Lost`] when it did so within a frame.
    pub fn finish(&self) -> Result<()> {
        if self.frame.is_some() || !self.buffer.is_empty() {
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
        let mut buffer = BytesMut::with_capacity(ROOM);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok((Fd::Stdout, buffer.freeze())), Some(reader))),
            Err(error) => Some((Err(Error::Lost(error.to_string())), None)),
        }
    }))
}
