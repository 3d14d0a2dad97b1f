//! A connection to a unix socket that isn't woken by its peer's reading, as tokio's own is:
//! that would be once for each command, for nothing.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// See the module.
pub(super) struct Local {
    stream: AsyncFd<UnixStream>,
    /// While the socket takes no more: waits until it does.
    full: Option<AsyncFd<UnixStream>>,
}

impl Local {
    pub(super) async fn connect(path: &Path) -> io::Result<Self> {
        let stream = tokio::net::UnixStream::connect(path).await?.into_std()?;
        Ok(Self {
            stream: registered(stream, Interest::READABLE)?,
            full: None,
        })
    }

    fn poll_writing(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(self.stream.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_room(context))?;
                }
                written => {
                    self.full = None;
                    return Poll::Ready(written);
                }
            }
        }
    }

    /// Waits for room, after there was none.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let full = match self.full.take() {
            Some(full) => full,
            None => registered(self.stream.get_ref().try_clone()?, Interest::WRITABLE)?,
        };
        let full = self.full.insert(full);
        ready!(full.poll_write_ready(context))?.clear_ready();
        Poll::Ready(Ok(()))
    }
}

fn registered(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a `UnixStream` owns its descriptor, which stays the same, and open, until it's
    // dropped: after it was taken off the reactor.
    unsafe { Ok(AsyncFd::register_with_interest(stream, interest)?) }
}

impl AsyncRead for Local {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.stream.poll_read_ready(context))?;
            let free = buffer.remaining();
            match guard.try_io(|stream| receive(stream.get_ref(), buffer)) {
                Ok(Ok(read)) => {
                    // As much as there was: the next is told of.
                    if 0 < read && read < free {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

/// Appends what has come to the buffer, which needn't be zeroed for it.
fn receive(stream: &UnixStream, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: nothing but the system writes to the free space, and only that many bytes of it.
    unsafe {
        let free = buffer.unfilled_mut();
        let read = libc::recv(stream.as_raw_fd(), free.as_mut_ptr().cast(), free.len(), 0);
        let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
        buffer.assume_init(read);
        buffer.advance(read);
        Ok(read)
    }
}

impl AsyncWrite for Local {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |mut stream| stream.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.get_ref().shutdown(std::net::Shutdown::Write))
    }
}
