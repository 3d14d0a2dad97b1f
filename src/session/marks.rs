//! What the marks in a session's output have said so far.

/// The payloads of the marks that were seen, by stream.
pub(super) struct Marks {
    streams: usize,
    pub(super) command: [Option<String>; 2],
    pub(super) supervisor: [Option<String>; 2],
}

/// How waiting for a mark ended.
pub(super) enum End {
    /// It came on both streams; its payload.
    Mark(String),
    /// The shell ended, with this exit code.
    ShellEnded(String),
    /// The shell was found like this, and killed.
    Replaced(&'static str),
}

impl Marks {
    /// None, of an output with so many streams.
    pub(super) fn of(streams: usize) -> Self {
        Self {
            streams,
            command: Default::default(),
            supervisor: Default::default(),
        }
    }

    /// Forgets them, for a fresh shell.
    pub(super) fn clear(&mut self) {
        *self = Self::of(self.streams);
    }

    /// Both streams have shown the supervisor's mark.
    pub(super) fn shell_ended(&self) -> bool {
        self.supervisor[..self.streams].iter().all(Option::is_some)
    }

    /// Whether it's over: both streams have shown the command's mark, or both the
    /// supervisor's.
    pub(super) fn end(&mut self) -> Option<End> {
        if self.command[..self.streams].iter().all(Option::is_some) {
            return self.command[0].take().map(End::Mark);
        }
        if self.shell_ended() {
            let reported = self.command[0].take();
            let code = reported
                .as_deref()
                .and_then(|payload| payload.split(' ').next());
            return code
                .map(str::to_owned)
                .or(self.supervisor[0].take())
                .map(End::ShellEnded);
        }
        None
    }
}
