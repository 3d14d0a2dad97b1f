//! What is kept of a command's output for its result: bounded, by the rule its caller
//! chose; and where the output goes meanwhile.

use bytes::{Buf, Bytes, BytesMut};

use super::Fd;
use super::tap::Tap;

/// What happens to output beyond the bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The first bytes are kept, and the command goes on.
    #[default]
    Head,
    /// The last bytes are kept, and the command goes on.
    Tail,
    /// The first bytes are kept, and the command is ended.
    Error,
}

/// What is to be kept of a command's output.
#[derive(Default)]
pub struct Keep {
    /// Bytes of each stream, and of both together.
    pub limit: usize,
    /// The rule beyond that.
    pub overflow: Overflow,
    /// Keep both streams together as well, in the order of their coming.
    pub all: bool,
    /// Pass each stream on while it comes.
    pub live: Option<[Tap; 2]>,
}

/// One stream of a result.
#[derive(Debug, Default)]
pub struct Capture {
    bytes: BytesMut,
    limit: usize,
    tail: bool,
    truncated: bool,
}

impl Capture {
    /// Keeps the first `limit` bytes, or with `tail` the last.
    pub fn new(limit: usize, tail: bool) -> Self {
        Self {
            limit,
            tail,
            ..Self::default()
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.tail {
            return self.push_tail(bytes);
        }
        let room = self.limit - self.bytes.len();
        self.truncated |= bytes.len() > room;
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Lets twice as much gather before the beginning is cut off, so that each byte is
    /// moved about once.
    fn push_tail(&mut self, bytes: &[u8]) {
        self.truncated |= self.bytes.len() + bytes.len() > self.limit;
        self.bytes
            .extend_from_slice(&bytes[bytes.len().saturating_sub(self.limit)..]);
        if self.bytes.len() > self.limit.saturating_mul(2) {
            self.bytes = BytesMut::from(&self.bytes[self.bytes.len() - self.limit..]);
        }
    }

    /// The bytes kept, and whether there were more.
    pub fn finish(self) -> (Bytes, bool) {
        let mut bytes = self.bytes.freeze();
        bytes.advance(bytes.len().saturating_sub(self.limit));
        (bytes, self.truncated)
    }
}

/// Where the output of the moment goes.
pub(super) enum Sink {
    /// To the session's tap.
    Tap,
    /// Into a result.
    Result(Box<Kept>),
    Nowhere,
}

/// What has been kept so far.
pub(super) struct Kept {
    streams: [Capture; 2],
    all: Option<Capture>,
    pub(super) live: Option<[Tap; 2]>,
    fatal: bool,
}

impl Kept {
    pub(super) fn push(&mut self, fd: Fd, bytes: &[u8]) {
        self.streams[fd as usize].push(bytes);
        if let Some(all) = &mut self.all {
            all.push(bytes);
        }
    }

    /// There was more than may be.
    pub(super) fn overflowed(&self) -> bool {
        self.fatal
            && self
                .streams
                .iter()
                .chain(&self.all)
                .any(|stream| stream.truncated)
    }
}

/// What is left of a sink: stdout, stderr, both, and whether there was more.
pub(super) type Rest = (Bytes, Bytes, Option<Bytes>, bool);

impl Sink {
    pub(super) fn of(keep: Option<Keep>) -> Self {
        let Some(keep) = keep else { return Self::Tap };
        let capture = || Capture::new(keep.limit, keep.overflow == Overflow::Tail);
        Self::Result(Box::new(Kept {
            streams: [capture(), capture()],
            all: keep.all.then(capture),
            live: keep.live,
            fatal: keep.overflow == Overflow::Error,
        }))
    }

    /// Keeps the first `limit` bytes of each stream.
    pub(super) fn head(limit: usize) -> Self {
        Self::of(Some(Keep {
            limit,
            ..Keep::default()
        }))
    }

    pub(super) fn overflowed(&self) -> bool {
        matches!(self, Self::Result(kept) if kept.overflowed())
    }

    pub(super) fn finish(self) -> Rest {
        let Self::Result(kept) = self else {
            return Rest::default();
        };
        let [(stdout, more_out), (stderr, more_err)] = kept.streams.map(Capture::finish);
        let (all, more) = kept.all.map(Capture::finish).unzip();
        (
            stdout,
            stderr,
            all,
            more_out || more_err || more.unwrap_or(false),
        )
    }
}
