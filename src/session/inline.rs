//! A task that goes on at once on the thread of whoever has something for it, if that is what
//! it waits for: to wake another thread would take longer than what is to be done.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module.
pub(super) struct Inline(Arc<Shared>);

struct Shared {
    /// Until it's done.
    work: Mutex<Option<Work>>,
    /// Wakes the runtime's task, which goes on with the work as a rule.
    task: Mutex<Option<Waker>>,
    /// Somebody hands something over, and sees to what is woken by it.
    handing: AtomicBool,
    /// The work can go on.
    woken: AtomicBool,
    runtime: Handle,
}

/// The runtime's task. The work goes with it.
struct Task(Arc<Shared>);

impl Inline {
    /// Starts the work as a task of the current runtime.
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            work: Mutex::new(Some(Box::pin(work))),
            task: Mutex::default(),
            handing: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            runtime: Handle::current(),
        });
        let task = Task(shared.clone());
        tokio::spawn(poll_fn(move |context| {
            let Task(shared) = &task;
            *lock(&shared.task) = Some(context.waker().clone());
            shared.poll(&mut lock(&shared.work))
        }));
        Self(shared)
    }

    /// Hands something over by `hand`. Work that has waited for it goes on now, on this
    /// thread, until it waits again.
    pub(super) fn hand<T>(&self, hand: impl FnOnce() -> T) -> T {
        let Self(shared) = self;
        let Ok(mut work) = shared.work.try_lock() else {
            // It's going on elsewhere.
            return hand();
        };
        shared.handing.store(true, SeqCst);
        let handed = hand();
        if shared.woken.load(SeqCst) {
            let _runtime = shared.runtime.enter();
            // A panic ends the work, as it ends a task, and not its caller.
            let polled = catch_unwind(AssertUnwindSafe(|| shared.poll(&mut work)));
            if !matches!(polled, Ok(Poll::Pending)) {
                shared.woken.store(true, SeqCst);
            }
        }
        shared.handing.store(false, SeqCst);
        if shared.woken.load(SeqCst) {
            shared.wake_task();
        }
        handed
    }
}

impl Shared {
    fn poll(self: &Arc<Self>, work: &mut Option<Work>) -> Poll<()> {
        let Some(mut future) = work.take() else {
            return Poll::Ready(());
        };
        self.woken.swap(false, SeqCst);
        let waker = Waker::from(self.clone());
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            *work = Some(future);
        }
        polled
    }

    fn wake_task(&self) {
        if let Some(task) = &*lock(&self.task) {
            task.wake_by_ref();
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, SeqCst);
        if !self.handing.load(SeqCst) {
            self.wake_task();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        lock(&self.0.work).take();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
