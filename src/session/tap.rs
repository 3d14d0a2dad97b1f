//! A way from the session to somebody who reads, or doesn't: bounded, by one rule.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The tap holds this many bytes that nobody has read yet.
pub const TAP_CAPACITY: usize = 1024 * 1024;

/// A reader that takes nothing from a full tap for this long counts as absent.
pub const STALLED_AFTER: Duration = Duration::from_secs(1);

/// A shorter chunk than this is copied while it waits, in bytes: what it's a part of, a whole
/// read as a rule, would stay in memory with it.
const SMALL: usize = 16 * 1024;

/// Copies are put together up to about this many bytes.
const BLOCK: usize = 64 * 1024;

/// A reader that was told of output so long ago is told of more at once; one that was told
/// since, when it's [`ENOUGH`], or else when this has passed: to wake him for each chunk would
/// take longer than to read it.
pub const PAUSE: Duration = Duration::from_millis(1);

/// Bytes that a reader is told of at once.
pub const ENOUGH: usize = 256 * 1024;

/// Whether a full tap waits for its reader, or the oldest bytes make room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patience {
    /// Waits for one who reads, until he has taken nothing for [`STALLED_AFTER`]. While nobody has
    /// ever read, it tells that there is something before it loses any of what has come since
    /// [`Tap::renew`], and waits as long for somebody to take it, or to say that there is nobody
    /// ([`TapReader::absent`]). For output that's kept elsewhere too, or that nobody has to read.
    #[default]
    Brief,
    /// Waits [`STALLED_AFTER`] for somebody to begin to read, and for him as long as it takes.
    Long,
    /// Waits as long as it takes.
    Endless,
}

/// Makes a tap. `readable` is called, on any thread, when bytes have come after a
/// [`TapReader::take`] that found none, at once or within [`PAUSE`], and when the tap has ended.
pub fn tap(readable: impl Fn(&TapReader) + Send + Sync + 'static) -> (Tap, TapReader) {
    patient(Patience::Brief, readable)
}

/// As [`tap`], with the patience that is said.
pub fn patient(
    patience: Patience,
    readable: impl Fn(&TapReader) + Send + Sync + 'static,
) -> (Tap, TapReader) {
    let state = State {
        patience,
        ..State::default()
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        room: Notify::new(),
        readable: Box::new(readable),
    });
    (Tap(shared.clone()), TapReader(shared))
}

/// The session's end of the tap. A reader that is slow slows the session, and loses
/// nothing; without a reader, or with one that has stalled ([`STALLED_AFTER`]), the oldest
/// bytes make room, so that no command waits for somebody to read. Ends when dropped.
pub struct Tap(Arc<Shared>);

/// The reader's end of the tap.
#[derive(Clone)]
pub struct TapReader(Arc<Shared>);

/// A reader's end that keeps nothing.
pub struct WeakReader(Weak<Shared>);

impl WeakReader {
    /// As [`TapReader::absent`].
    pub fn absent(&self) {
        if let Some(shared) = self.0.upgrade() {
            TapReader(shared).absent();
        }
    }
}

struct Shared {
    state: Mutex<State>,
    room: Notify,
    readable: Box<dyn Fn(&TapReader) + Send + Sync>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    /// What comes behind the queue.
    copied: BytesMut,
    size: usize,
    /// Nobody reads, as far as is known: what comes makes room for itself.
    absent: bool,
    /// Somebody found the tap empty and wants to be told.
    hungry: bool,
    /// When he was told last.
    told: Option<Instant>,
    /// He'll be told in a moment.
    telling: bool,
    patience: Patience,
    /// It has no patience any more.
    released: bool,
    /// It was asked whether somebody reads.
    asked: bool,
    /// Bytes that have come since the tap was made or renewed.
    recent: usize,
    /// Somebody has taken something, ever.
    read: bool,
    dropped: u64,
    ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        let mut state = self.state();
        state.released = true;
        state.absent = true;
        drop(state);
        self.room.notify_one();
    }

    /// Tells the reader, now or soon.
    fn tell(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if !state.hungry {
            return;
        }
        let soon = state.told.filter(|told| told.elapsed() < PAUSE);
        match soon {
            Some(told) if state.size < ENOUGH && !state.ended => {
                if std::mem::replace(&mut state.telling, true) {
                    return;
                }
                let shared = self.clone();
                tokio::spawn(async move {
                    sleep_until(told + PAUSE).await;
                    shared.tell_now(shared.state());
                });
            }
            _ => self.tell_now(state),
        }
    }

    fn tell_now(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        state.telling = false;
        if std::mem::take(&mut state.hungry) {
            state.told = Some(Instant::now());
            drop(state);
            (self.readable)(&TapReader(self.clone()));
        }
    }

    /// Asks, once, whether there is somebody who reads.
    fn ask(self: &Arc<Self>) {
        let mut state = self.state();
        if state.unread() && !std::mem::replace(&mut state.asked, true) {
            drop(state);
            (self.readable)(&TapReader(self.clone()));
        }
    }
}

impl Tap {
    /// Passes `bytes` on, once there is room for them.
    pub async fn push(&self, bytes: Bytes) {
        while !self.has_room(bytes.len()) {
            let room = self.0.room.notified();
            self.0.ask();
            if tokio::time::timeout(STALLED_AFTER, room).await.is_err() {
                self.0.state().stalled();
            }
        }
        let mut state = self.0.state();
        state.put(bytes);
        state.shrink();
        self.0.tell(state);
    }

    /// A command begins: there may be a reader by now, if there never was one.
    pub fn renew(&self) {
        let mut state = self.0.state();
        if state.unread() {
            state.absent = false;
            state.asked = false;
            state.recent = 0;
        }
    }

    /// From now on it has no patience: what comes while it's full makes room.
    pub fn release(&self) {
        self.0.release();
    }

    fn has_room(&self, length: usize) -> bool {
        let state = self.0.state();
        let kept = if state.unread() {
            state.recent
        } else {
            state.size
        };
        state.absent || kept == 0 || kept + length <= TAP_CAPACITY
    }
}

impl State {
    /// Nobody has read yet, who is to be asked for.
    fn unread(&self) -> bool {
        self.patience == Patience::Brief && !self.read && !self.released
    }

    fn stalled(&mut self) {
        self.absent = match self.patience {
            _ if self.released => true,
            Patience::Brief => true,
            Patience::Long => !self.read,
            Patience::Endless => false,
        };
    }

    fn put(&mut self, bytes: Bytes) {
        self.size += bytes.len();
        self.recent += bytes.len();
        let small = bytes.len() < SMALL;
        if small {
            self.copied.extend_from_slice(&bytes);
        }
        if !self.copied.is_empty() && (!small || self.copied.len() >= BLOCK) {
            self.queue.push_back(self.copied.split().freeze());
        }
        if !small {
            self.queue.push_back(bytes);
        }
    }

    fn shrink(&mut self) {
        let kept = match self.absent {
            true => TAP_CAPACITY,
            false if self.unread() => TAP_CAPACITY.max(self.recent),
            false => return,
        };
        while self.size > kept {
            let Some(oldest) = self.queue.front_mut() else {
                break;
            };
            let length = oldest.len().min(self.size - kept);
            oldest.advance(length);
            if oldest.is_empty() {
                self.queue.pop_front();
            }
            self.size -= length;
            self.dropped += length as u64;
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        self.0.tell(state);
    }
}

/// What a [`TapReader::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The next bytes, in order.
    Bytes(Bytes),
    /// None at the moment: `readable` will be called.
    Empty,
    /// There will be none any more.
    Ended,
}

impl TapReader {
    /// As [`Tap::release`].
    pub fn release(&self) {
        self.0.release();
    }

    /// Takes the next bytes, about `max` of them at the most. Never waits.
    pub fn take(&self, max: usize) -> Taken {
        let mut state = self.0.state();
        state.absent = false;
        state.read = true;
        state.hungry = state.size == 0 && !state.ended;
        if state.size == 0 {
            return if state.ended {
                Taken::Ended
            } else {
                Taken::Empty
            };
        }
        let taken = state.take(max);
        drop(state);
        self.0.room.notify_one();
        Taken::Bytes(taken)
    }

    /// Nobody reads yet: an answer to one who asks.
    pub fn absent(&self) {
        let mut state = self.0.state();
        if state.unread() {
            state.absent = true;
            drop(state);
            self.0.room.notify_one();
        }
    }

    /// Keeps nothing of the tap.
    pub fn downgrade(&self) -> WeakReader {
        WeakReader(Arc::downgrade(&self.0))
    }

    /// How many bytes had to make room since this was last asked.
    pub fn dropped(&self) -> u64 {
        std::mem::take(&mut self.0.state().dropped)
    }
}

impl State {
    fn take(&mut self, max: usize) -> Bytes {
        let taken = self.queue.pop_front().unwrap_or_else(|| {
            let length = self.copied.len().min(max.max(1));
            self.copied.split_to(length).freeze()
        });
        self.size -= taken.len();
        taken
    }
}
