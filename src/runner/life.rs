//! The life of a runner's container: create, attach, launch, and stop at any time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::runtime::Handle;
use tokio::sync::MutexGuard;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::beside::beside;
use super::{Event, Runner};
use crate::engine::spec::{Pull, Spec};
use crate::engine::terminal::Output;
use crate::engine::transport::{Engine, Hijacked};
use crate::engine::{container, frames, image, terminal};
use crate::error::{Error, Result};
use crate::session::tap::{self, Tap};
use crate::session::{Session, Wiring};

/// What a program's end may be held up by one container that doesn't run yet.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// The pause between two looks for a container that is being made.
const AGAIN: Duration = Duration::from_millis(10);

const STARTING: &str = " while it was starting";

/// How far the container is.
pub(super) enum Life {
    None,
    Created(Made),
    Attached(Made, Wire),
    Started(Made),
}

#[derive(Clone)]
pub(super) struct Made {
    engine: Engine,
    spec: Arc<Spec>,
    id: String,
    runtime: Handle,
}

pub(super) struct Wire {
    output: ReadHalf<Hijacked>,
    input: WriteHalf<Hijacked>,
    tap: Tap,
}

impl Runner {
    /// Creates the container; pulls its image where `pull` says so. Gives its id.
    pub async fn create(&self, options: &str, turn: u32) -> Result<String> {
        let spec = Spec::parse(options)?;
        let mut life = self.step(turn)?;
        let Life::None = *life else {
            return Err(Error::AlreadyStarted);
        };
        let engine = self.unless_stopped(turn, self.engine()).await?;
        self.front().unborn = Some(spec.hello);
        // Looked at after that, as discard() does it the other way round.
        if self.turn() != turn {
            self.front().unborn = None;
            return Err(Error::Stopped(STARTING));
        }
        let id = match self.make(engine, &spec, turn).await {
            Ok(id) => id,
            Err(error) => {
                self.front().unborn = None;
                // The engine may have made it without our knowing.
                let answered = matches!(error, Error::Refused { .. } | Error::Stopped(_));
                if !answered {
                    remove_unborn(engine, &spec.hello, false).await;
                }
                return Err(error);
            }
        };
        let made = Made {
            engine: engine.clone(),
            spec: Arc::new(spec),
            id: id.clone(),
            runtime: Handle::current(),
        };
        *life = Life::Created(made);
        self.front().stopped = false;
        Ok(id)
    }

    /// What a start's steps are to be given, asked for when it begins: a stop that is asked
    /// for later overtakes them.
    pub fn turn(&self) -> u32 {
        *self.stops.borrow()
    }

    /// Begins a step: one at a time.
    fn step(&self, turn: u32) -> Result<MutexGuard<'_, Life>> {
        if self.turn() != turn {
            return Err(Error::Stopped(STARTING));
        }
        self.life.try_lock().map_err(|_| Error::AlreadyStarted)
    }

    async fn make(&self, engine: &Engine, spec: &Spec, turn: u32) -> Result<String> {
        if spec.pull == Pull::Always {
            self.fetch(engine, spec, turn).await?;
        }
        match container::create(engine, spec).await {
            Err(Error::ImageNotFound { .. }) if spec.pull == Pull::Missing => {
                self.fetch(engine, spec, turn).await?;
                container::create(engine, spec).await
            }
            made => made,
        }
    }

    async fn fetch(&self, engine: &Engine, spec: &Spec, turn: u32) -> Result<()> {
        let progress = |info| (self.on_event)(Event::Pull(info));
        let pull = image::pull(engine, &spec.image, &spec.platform, progress);
        self.unless_stopped(turn, pull).await
    }

    /// Attaches to the container that was created.
    pub async fn attach(&self, turn: u32) -> Result<()> {
        let mut life = self.step(turn)?;
        let made = match &*life {
            Life::Created(made) => made.clone(),
            Life::None => return Err(Error::NotStarted("attachContainer()")),
            _ => return Err(Error::AlreadyStarted),
        };
        let connection = self
            .unless_stopped(turn, container::attach(&made.engine, &made.id))
            .await?;
        let (output, input) = split(connection);
        let on_event = self.on_event.clone();
        let (tap, reader) = tap::tap(move || on_event(Event::Readable));
        self.front().tap = Some(reader);
        *life = Life::Attached(made, Wire { output, input, tap });
        Ok(())
    }

    /// Starts the container that was attached to, and waits for its shell.
    pub async fn launch(&self, turn: u32) -> Result<()> {
        let mut life = self.step(turn)?;
        let (made, wire) = match std::mem::replace(&mut *life, Life::None) {
            Life::Attached(made, wire) => (made, wire),
            other => {
                let early = matches!(other, Life::None | Life::Created(_));
                *life = other;
                return Err(if early {
                    Error::NotStarted("startContainer()")
                } else {
                    Error::AlreadyStarted
                });
            }
        };
        *life = Life::Started(made.clone());
        let opened = self.unless_stopped(turn, self.open(&made, wire)).await;
        let session = opened.map_err(|error| match error {
            Error::NoShell(reason) => Error::ImageUnsuitable {
                image: made.spec.image.clone(),
                reason,
            },
            error => error,
        })?;
        let mut front = self.front();
        front.session = Some(Arc::new(session));
        front.place = Some((made.engine.clone(), made.id.clone()));
        front.unborn = None;
        drop(front);
        Ok(())
    }

    async fn open(&self, made: &Made, wire: Wire) -> Result<Session> {
        let Made {
            engine, spec, id, ..
        } = made;
        container::start(engine, id, &spec.image).await?;
        let mut wiring = Wiring {
            output: Box::new(frames::multiplexed(wire.output)) as Output,
            input: wire.input,
            hello: spec.hello,
            beside: beside(engine.clone(), id.clone(), None),
            autopsy: Box::pin(container::autopsy(engine.clone(), id.clone())),
            tap: wire.tap,
            terminal: None,
        };
        if spec.tty {
            let opened = terminal::open(engine, id, spec, wiring.output).await?;
            self.front().screen = Some((engine.clone(), opened.exec, opened.typed));
            wiring.output = opened.output;
            wiring.hello = opened.hello;
            wiring.terminal = Some(opened.terminal);
        }
        let on_event = self.on_event.clone();
        Session::open(wiring, move |reason| on_event(Event::Ended(reason))).await
    }

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
        let (Life::Created(made) | Life::Attached(made, _) | Life::Started(made)) = ended else {
            return Ok(());
        };
        let session = {
            let mut front = self.front();
            front.stopped = true;
            front.unborn = None;
            front.screen = None;
            front.place = None;
            for session in front
                .sessions
                .drain(..)
                .filter_map(|session| session.upgrade())
            {
                session.close(Error::Stopped(""));
            }
            front.session.take()
        };
        if let Some(session) = session {
            session.close(Error::Stopped(""));
            session.ended().await;
        }
        let removed = container::remove(&made.engine, &made.id).await;
        if removed.is_err() {
            *life = Life::Started(made);
        }
        removed
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

    async fn unless_stopped<T>(
        &self,
        turn: u32,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut stops = self.stops.subscribe();
        tokio::select! {
            biased;
            _ = stops.wait_for(|stops| *stops != turn) => Err(Error::Stopped(STARTING)),
            result = work => result,
        }
    }
}

/// Removes the container that was made, or is just being made, to say this hello, for at
/// most [`LAST_MOMENT`]. With `coming`, it's waited for, and tried again until it's gone: an
/// engine lists a container before it can be removed, and one that is starting may refuse.
async fn remove_unborn(engine: &Engine, hello: &Uuid, coming: bool) {
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
        if let Life::Created(made) | Life::Attached(made, _) = self.life.get_mut() {
            let (made, runtime) = (made.clone(), made.runtime.clone());
            runtime.spawn(async move { container::remove(&made.engine, &made.id).await });
        }
    }
}
