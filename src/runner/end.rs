//! The end of a runner's container: asked for at any time, or with the runner, or with the
//! program.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Runner;
use super::life::Life;
use crate::engine::container;
use crate::engine::transport::Engine;
use crate::error::{Error, Result};
use crate::session::token::Token;

/// What a program's end may be held up by one container that doesn't run yet.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// The pause between two looks for a container that is being made.
const AGAIN: Duration = Duration::from_millis(10);

impl Runner {
    /// Has whatever step is under way fail with [`Error::Stopped`], and those that are still
    /// to begin in its turn.
    pub fn interrupt(&self) {
        self.stops
            .send_modify(|stops| *stops = stops.wrapping_add(1));
    }

    /// Ends whatever there is, and returns when the container is gone. Commands that run or
    /// wait fail with [`Error::Stopped`]. Nothing to end is as good. May be tried again when
    /// it fails.
    pub async fn stop(&self) -> Result<()> {
        let mut life = self.life.lock().await;
        let ended = std::mem::replace(&mut *life, Life::None);
        let (Life::Created(made) | Life::Attached(made, ..) | Life::Started(made, _)) = &ended
        else {
            return Ok(());
        };
        self.close_all().await;
        // What it hasn't removed ends by itself, since nobody is connected to it any more.
        let _ = self.removed().await;
        let removed = container::remove(&made.engine, &made.id).await;
        if removed.is_err() {
            *life = ended;
        }
        removed
    }

    /// Waits until the container is removed that a reset has replaced.
    pub(super) async fn removed(&self) -> Result<()> {
        let removing = self.front().removing.take();
        match removing {
            Some(removing) => removing
                .await
                .unwrap_or_else(|panic| Err(Error::Lost(panic.to_string()))),
            None => Ok(()),
        }
    }

    /// Ends the sessions: first of all, since an engine does nothing for a container while
    /// output of it isn't read.
    pub(super) async fn close_all(&self) {
        self.given_up
            .send_modify(|count| *count = count.wrapping_add(1));
        let session = {
            let mut front = self.front();
            front.stopped = true;
            front.unborn = None;
            front.screen = None;
            front.place = None;
            let beside = front.sessions.drain(..);
            for session in beside.filter_map(|session| session.upgrade()) {
                session.close(Error::Stopped(""));
            }
            front.session.take()
        };
        if let Some(session) = session {
            session.close(Error::Stopped(""));
            session.ended().await;
        }
    }

    /// Removes a container that doesn't run yet, when the program is about to end: nothing
    /// else would. Blocks the thread for at most three seconds; what fails by then
    /// stays.
    pub fn discard(&self) {
        self.interrupt();
        let Some(hello) = self.front().unborn.take() else {
            return;
        };
        let (options, environment) = (self.options.clone(), self.environment.clone());
        // A thread of its own: the runtime may be ending too.
        let discard = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let removal = async {
                let engine = Engine::connect_in(&options, &environment).await?;
                remove_unborn(&engine, &hello, true).await;
                Ok::<_, Error>(())
            };
            let _ = runtime.block_on(async { timeout(LAST_MOMENT, removal).await });
            std::io::Result::Ok(())
        });
        let _ = discard.join();
    }
}

/// Removes the container that was made, or is just being made, to say this hello, for at
/// most [`LAST_MOMENT`]. With `coming`, it's waited for, and tried again until it's gone: an
/// engine lists a container before it can be removed, and one that is starting may refuse.
pub(super) async fn remove_unborn(engine: &Engine, hello: &Token, coming: bool) {
    let removal = async {
        let mut seen = !coming;
        loop {
            match container::remove_labelled(engine, hello).await {
                Ok(true) => seen = true,
                Ok(false) if seen => return,
                Err(_) if !coming => return,
                Ok(false) | Err(_) => {}
            }
            sleep(AGAIN).await;
        }
    };
    let _ = timeout(LAST_MOMENT, removal).await;
}

/// A container that runs ends with its connection; one that doesn't yet has to be removed.
impl Drop for Runner {
    fn drop(&mut self) {
        if let Life::Created(made) | Life::Attached(made, ..) = self.life.get_mut() {
            let (made, runtime) = (made.clone(), made.runtime.clone());
            runtime.spawn(async move { container::remove(&made.engine, &made.id).await });
        }
    }
}
