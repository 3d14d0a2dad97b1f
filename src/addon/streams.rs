//! The streams of a command or a process: what comes is taken by JavaScript, what goes is
//! given by it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either};
use tokio::sync::mpsc;

use super::{Promise, promise};
use crate::session::tap::{Taken, TapReader};

/// Fewer bytes than this are copied: a Buffer that shares them takes longer to make.
const SHARED: usize = 16 * 1024;

/// stdout and stderr, and an input where there is one.
pub(super) struct Streams {
    readers: [TapReader; 2],
    input: Mutex<Option<mpsc::Sender<Bytes>>>,
}

impl Streams {
    pub(super) fn of(readers: [TapReader; 2], input: Option<mpsc::Sender<Bytes>>) -> Self {
        Self {
            readers,
            input: Mutex::new(input),
        }
    }

    /// Output of stream 0 (stdout) or 1 (stderr), as [`taken`].
    pub(super) fn read<'env>(
        &self,
        env: &'env Env,
        stream: u32,
        max: u32,
    ) -> napi::Result<Either<BufferSlice<'env>, bool>> {
        taken(env, self.reader(stream).take(max as usize))
    }

    /// Bytes of it that nobody read in time, since this was last asked.
    pub(super) fn dropped(&self, stream: u32) -> f64 {
        self.reader(stream).dropped() as f64
    }

    fn reader(&self, stream: u32) -> &TapReader {
        &self.readers[usize::from(stream == 1)]
    }

    /// Nobody waits for a reader any more.
    pub(super) fn release(&self) {
        self.readers.iter().for_each(TapReader::release);
    }

    /// Gives input, once some is taken; `false` when no more is.
    pub(super) fn write<'env>(&self, env: &'env Env, chunk: Buffer) -> Promise<'env, bool> {
        let input = self
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let chunk = Vec::from(chunk).into();
        promise(env, async move {
            match input {
                Some(input) => Ok(input.send(chunk).await.is_ok()),
                None => Ok(false),
            }
        })
    }

    /// The end of the input.
    pub(super) fn end(&self) {
        self.input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// What a reader found: bytes; without any, whether there may be more.
pub(super) fn taken(env: &Env, taken: Taken) -> napi::Result<Either<BufferSlice<'_>, bool>> {
    Ok(match taken {
        Taken::Bytes(bytes) => Either::A(buffer(env, bytes)?),
        Taken::Empty => Either::B(true),
        Taken::Ended => Either::B(false),
    })
}

/// A Buffer of the bytes: themselves, if there are many of them.
fn buffer(env: &Env, bytes: Bytes) -> napi::Result<BufferSlice<'_>> {
    if bytes.len() < SHARED {
        return BufferSlice::copy_from(env, bytes);
    }
    let (data, length) = (bytes.as_ptr().cast_mut(), bytes.len());
    // SAFETY: the bytes are nobody else's (a tap gives them away), and stay until the Buffer has
    // been collected, which has them dropped.
    unsafe { BufferSlice::from_external(env, data, length, bytes, |_, bytes| drop(bytes)) }
}
