//! The life of a runner's container: create, attach, launch; and again, with `reset`.

use std::future::Future;
use std::sync::Arc;

use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::runtime::Handle;
use tokio::sync::MutexGuard;

use super::beside::beside;
use super::end::remove_unborn;
use super::{Event, Runner};
use crate::engine::build::{self, BuildOptions};
use crate::engine::spec::{Pull, Spec};
use crate::engine::terminal::Output;
use crate::engine::transport::{Engine, Hijacked};
use crate::engine::{container, frames, image, terminal};
use crate::error::{Error, Result};
use crate::session::tap::{self, Tap, TapReader};
use crate::session::token::Token;
use crate::session::{Session, Wiring};

const STARTING: &str = " while it was starting";

/// How far the container is.
pub(super) enum Life {
    None,
    Created(Made),
    /// With the id of its image.
    Attached(Made, String, Wire),
    Started(Made, String),
}

#[derive(Clone)]
pub(super) struct Made {
    pub engine: Engine,
    spec: Arc<Spec>,
    pub id: String,
    pub runtime: Handle,
}

impl Made {
    fn new(engine: &Engine, spec: Spec, id: String) -> Self {
        Self {
            engine: engine.clone(),
            spec: Arc::new(spec),
            id,
            runtime: Handle::current(),
        }
    }
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
        let spec = match spec.build.clone() {
            Some(build) => {
                let image = self.built(engine, build, turn).await?;
                Spec {
                    pull: Pull::Never,
                    ..spec.from_image(image)
                }
            }
            None => spec,
        };
        let making = self.make(engine, &spec, turn);
        let id = self.bear(engine, &spec.hello, turn, making).await?;
        *life = Life::Created(Made::new(engine, spec, id.clone()));
        Ok(id)
    }

    /// Gets the image that a container with these options is to be made from: builds it, or
    /// pulls it where `pull` says so. Gives its id.
    pub async fn image(&self, options: &str, turn: u32) -> Result<String> {
        let spec = Spec::parse(options)?;
        let life = self.step(turn)?;
        let Life::None = *life else {
            return Err(Error::AlreadyStarted);
        };
        let engine = self.unless_stopped(turn, self.engine()).await?;
        if let Some(build) = spec.build.clone() {
            return self.built(engine, build, turn).await;
        }
        if spec.pull == Pull::Always {
            self.fetch(engine, &spec, turn).await?;
        }
        let mut found = image::inspect(engine, &spec.image).await?;
        if found.is_none() && spec.pull == Pull::Missing {
            self.fetch(engine, &spec, turn).await?;
            found = image::inspect(engine, &spec.image).await?;
        }
        found
            .and_then(|image| image.id)
            .ok_or_else(|| Error::ImageNotFound {
                image: spec.image,
                reason: "the engine doesn't have it".into(),
            })
    }

    /// Puts a fresh container in the place of the one that was started: with the same
    /// settings, and from the same image. Gives its id; it's to be attached to and launched.
    /// What runs or waits in the old one fails with [`Error::Stopped`].
    pub async fn reset(&self, turn: u32) -> Result<String> {
        let mut life = self.step(turn)?;
        let (old, image) = match &*life {
            Life::Started(made, image) => (made.clone(), image.clone()),
            _ => return Err(Error::NotStarted("reset()")),
        };
        let (engine, spec) = (&old.engine, old.spec.from_image(image));
        self.close_all().await;
        let (of, container) = (engine.clone(), old.id.clone());
        let removing = tokio::spawn(async move { container::remove(&of, &container).await });
        self.front().removing = Some(removing);
        if spec.exclusive() {
            self.removed().await?;
        }
        let creating = container::create(engine, &spec);
        let id = self.bear(engine, &spec.hello, turn, creating).await?;
        *life = Life::Created(Made::new(engine, spec, id.clone()));
        Ok(id)
    }

    /// Has a container made, so that it can be found whatever becomes of it.
    async fn bear(
        &self,
        engine: &Engine,
        hello: &Token,
        turn: u32,
        making: impl Future<Output = Result<String>>,
    ) -> Result<String> {
        self.front().unborn = Some(*hello);
        // Looked at after that, as discard() does it the other way round.
        let made = match self.turn() == turn {
            true => making.await,
            false => Err(Error::Stopped(STARTING)),
        };
        let Err(error) = &made else {
            self.front().stopped = false;
            return made;
        };
        self.front().unborn = None;
        // The engine may have made it without our knowing.
        if !matches!(error, Error::Refused { .. } | Error::Stopped(_)) {
            remove_unborn(engine, hello, false).await;
        }
        made
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

    async fn built(&self, engine: &Engine, options: BuildOptions, turn: u32) -> Result<String> {
        let progress = |line| (self.on_event)(Event::Build(line));
        self.unless_stopped(turn, build::build(engine, options, progress))
            .await
    }

    /// Builds an image, until [`interrupt`](Self::interrupt). Gives its id.
    pub async fn build(&self, options: &str, turn: u32) -> Result<String> {
        let options = BuildOptions::parse(options)?;
        let engine = self.unless_stopped(turn, self.engine()).await?;
        self.built(engine, options, turn).await
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
        let (engine, id) = (&made.engine, &made.id);
        let attaching =
            async { tokio::try_join!(container::attach(engine, id), container::image(engine, id)) };
        let (connection, image) = self.unless_stopped(turn, attaching).await?;
        let (output, input) = split(connection);
        let on_event = self.on_event.clone();
        let readable = move |reader: &TapReader| on_event(Event::Readable(reader.clone()));
        let (tap, reader) = tap::tap(readable);
        self.front().tap = Some(reader);
        *life = Life::Attached(made, image, Wire { output, input, tap });
        Ok(())
    }

    /// Starts the container that was attached to, and waits for its shell.
    pub async fn launch(&self, turn: u32) -> Result<()> {
        let mut life = self.step(turn)?;
        let (made, image, wire) = match std::mem::replace(&mut *life, Life::None) {
            Life::Attached(made, image, wire) => (made, image, wire),
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
        *life = Life::Started(made.clone(), image);
        let opened = self.unless_stopped(turn, self.open(&made, wire)).await;
        let session = opened.map_err(|error| match error {
            Error::NoShell(reason) => Error::ImageUnsuitable {
                image: made.spec.image.clone(),
                reason,
            },
            error => error,
        })?;
        self.removed().await?;
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
            first: true,
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
