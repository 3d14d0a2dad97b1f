//! One runner: at most one container at a time, and the session in it. Every step may be
//! overtaken by [`Runner::stop`], and what fails half-way is undone.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bollard::models::CreateImageInfo;
use bytes::Bytes;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use uuid::Uuid;

use crate::engine::context::Environment;
use crate::engine::endpoint::EngineOptions;
use crate::engine::exec::SessionOptions;
use crate::engine::spec::{Pull, Spec};
use crate::engine::terminal::Output;
use crate::engine::transport::{Engine, Hijacked};
use crate::engine::{container, exec, frames, image, input, terminal};
use crate::error::{Error, Result};
use crate::session::tap::{self, Taken, Tap, TapReader};
use crate::session::{
    Beside, Command, Future as Pending, Outcome, Session, Ticket, Wiring, termination,
};

/// What happens to a runner without being asked for.
#[derive(Debug)]
pub enum Event {
    /// [`Runner::read`] has something, after it had nothing.
    Readable,
    /// A line of a pull's progress.
    Pull(CreateImageInfo),
    /// The container has ended, or was stopped, for this reason.
    Ended(Error),
}

/// Takes a runner's events; called on any thread.
pub type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

/// See [`Runner::input`].
pub struct Input {
    /// Takes what is to be read; dropped, the end of the file.
    pub sender: mpsc::Sender<Bytes>,
    /// Opens it; its path in the container.
    pub path: Pending<Result<String>>,
    /// Closes it when dropped.
    pub guard: oneshot::Sender<()>,
}

/// What a program's end may be held up by one container that doesn't run yet.
const LAST_MOMENT: Duration = Duration::from_millis(500);

const STARTING: &str = " while it was starting";

/// See the module.
pub struct Runner {
    options: EngineOptions,
    environment: Environment,
    on_event: OnEvent,
    engine: OnceCell<Engine>,
    /// Held by whichever step is under way.
    life: tokio::sync::Mutex<Life>,
    /// How many stops were asked for.
    stops: watch::Sender<u32>,
    front: Mutex<Front>,
}

/// How far the container is.
enum Life {
    None,
    Created(Made),
    Attached(Made, Wire),
    Started(Made),
}

#[derive(Clone)]
struct Made {
    engine: Engine,
    spec: Arc<Spec>,
    id: String,
    runtime: Handle,
}

struct Wire {
    output: ReadHalf<Hijacked>,
    input: WriteHalf<Hijacked>,
    tap: Tap,
}

/// What commands and readers use, without waiting for a step.
#[derive(Default)]
struct Front {
    session: Option<Arc<Session>>,
    /// The container that the session is in.
    place: Option<(Engine, String)>,
    /// The name of a container that is being made, and doesn't run yet.
    unborn: Option<String>,
    screen: Option<(Engine, String, mpsc::Sender<Bytes>)>,
    /// Those beside it.
    sessions: Vec<Weak<Session>>,
    tap: Option<TapReader>,
    stopped: bool,
}

impl Runner {
    /// A runner without a container. Nothing is connected yet.
    pub fn new(options: EngineOptions, environment: Environment, on_event: OnEvent) -> Self {
        Self {
            options,
            environment,
            on_event,
            engine: OnceCell::new(),
            life: tokio::sync::Mutex::new(Life::None),
            stops: watch::Sender::new(0),
            front: Mutex::default(),
        }
    }

    /// Creates the container; pulls its image where `pull` says so. Gives its id.
    pub async fn create(&self, options: &str, turn: u32) -> Result<String> {
        let spec = Spec::parse(options)?;
        let mut life = self.step(turn)?;
        let Life::None = *life else {
            return Err(Error::AlreadyStarted);
        };
        let engine = self.unless_stopped(turn, self.engine()).await?;
        self.front().unborn = Some(spec.name.clone());
        let id = match self.make(engine, &spec, turn).await {
            Ok(id) => id,
            Err(error) => {
                self.front().unborn = None;
                // The engine may have made it without our knowing.
                let answered = matches!(error, Error::Refused { .. } | Error::Stopped(_));
                if !answered {
                    let _ = container::remove(engine, &spec.name).await;
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
    fn step(&self, turn: u32) -> Result<tokio::sync::MutexGuard<'_, Life>> {
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
            beside: beside(engine.clone(), id.clone()),
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
    /// else would. Blocks the thread for at most [`LAST_MOMENT`]; whatever fails by then
    /// stays.
    pub fn discard(&self) {
        let Some(name) = self.front().unborn.take() else {
            return;
        };
        let (options, environment) = (self.options.clone(), self.environment.clone());
        // A thread of its own: the runtime may be ending too.
        let discard = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let removal = async {
                    let engine = Engine::connect_in(&options, &environment).await?;
                    container::remove_unborn(&engine, &name).await
                };
                let _ = tokio::time::timeout(LAST_MOMENT, removal).await;
            });
            std::io::Result::Ok(())
        });
        let _ = discard.join();
    }

    /// Opens another shell in the running container, beside the first: with its own queue,
    /// directory and variables. `tap` takes the output that belongs to no result. It ends
    /// with the runner's container at the latest.
    pub async fn session(
        &self,
        options: &str,
        tap: Tap,
        ended: impl FnOnce(Error) + Send + 'static,
    ) -> Result<Arc<Session>> {
        let options = SessionOptions::parse(options)?;
        let (engine, id) = self.place("session()")?;
        let hello = Uuid::new_v4();
        let connection = exec::attach(&engine, &id, options.config(&hello)).await?;
        let (output, input) = split(connection);
        let dead = container::died(engine.clone(), id.clone());
        let autopsy = async {
            dead.await
                .unwrap_or_else(|| Error::Lost("its leash was killed".into()))
        };
        let wiring = Wiring {
            output: frames::multiplexed(output),
            input,
            hello,
            beside: beside(engine, id),
            autopsy: Box::pin(autopsy),
            tap,
            terminal: None,
        };
        let session = Arc::new(Session::open(wiring, ended).await?);
        let mut front = self.front();
        front.sessions.retain(|other| other.strong_count() > 0);
        front.sessions.push(Arc::downgrade(&session));
        Ok(session)
    }

    /// Ends a session, and all that its commands have started and that still descends from
    /// it.
    pub async fn close(&self, session: &Session) -> Result<()> {
        let reason = Error::Stopped(", or this session of it closed");
        session.expect_end(reason.clone());
        if let Ok((engine, id)) = self.place("close()") {
            exec::shell(&engine, &id, termination::kill_below(session.leader())).await?;
        }
        session.close(reason);
        session.ended().await;
        Ok(())
    }

    /// The running container.
    fn place(&self, caller: &'static str) -> Result<(Engine, String)> {
        let front = self.front();
        match front.place.clone() {
            Some(place) => Ok(place),
            None if front.stopped => Err(Error::Stopped("")),
            None => Err(Error::NotStarted(caller)),
        }
    }

    /// Queues a command; see [`Session::submit`].
    pub fn run(
        &self,
        command: Command,
        done: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<Ticket> {
        let (session, stopped) = {
            let front = self.front();
            (front.session.clone(), front.stopped)
        };
        match session {
            Some(session) => session.submit(command, done),
            None if stopped => Err(Error::Stopped("")),
            None => Err(Error::NotStarted("run()")),
        }
    }

    /// An input for a command of this container, which is opened when its path is awaited.
    pub fn input(&self) -> Result<Input> {
        let (engine, container) = self.place("exec()")?;
        let (sender, bytes) = mpsc::channel(input::CHUNKS);
        let (guard, done) = oneshot::channel();
        let path = Box::pin(input::open(engine, container, bytes, done));
        Ok(Input {
            sender,
            path,
            guard,
        })
    }

    /// Takes output that belongs to no result, about `max` bytes at the most.
    pub fn read(&self, max: usize) -> Taken {
        self.front()
            .tap
            .as_ref()
            .map_or(Taken::Empty, |tap| tap.take(max))
    }

    /// Types `bytes` into the terminal, once it takes them. Without a terminal: `false`.
    pub async fn type_in(&self, bytes: Bytes) -> Result<bool> {
        let screen = self.front().screen.clone();
        let Some((_, _, typed)) = screen else {
            return Ok(false);
        };
        typed
            .send(bytes)
            .await
            .map(|()| true)
            .map_err(|_| Error::Stopped(""))
    }

    /// Tells the terminal how large it is.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let screen = self.front().screen.clone();
        match screen {
            Some((engine, exec, _)) => terminal::resize(&engine, &exec, columns, rows).await,
            None => Err(Error::Argument(
                "resize() needs a terminal: start with Tty: true".into(),
            )),
        }
    }

    /// Bytes that nobody read in time, since this was last asked.
    pub fn dropped(&self) -> u64 {
        self.front().tap.as_ref().map_or(0, TapReader::dropped)
    }

    /// The engine; the first call connects.
    pub async fn engine(&self) -> Result<&Engine> {
        self.engine
            .get_or_try_init(|| Engine::connect_in(&self.options, &self.environment))
            .await
    }

    /// Pulls an image, whether or not the engine has it.
    pub async fn pull(&self, image: &str) -> Result<()> {
        let progress = |info| (self.on_event)(Event::Pull(info));
        image::pull(self.engine().await?, image, "", progress).await
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

    fn front(&self) -> std::sync::MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn beside(engine: Engine, id: String) -> Beside {
    Arc::new(move |arguments| {
        let (engine, id) = (engine.clone(), id.clone());
        Box::pin(async move { exec::shell(&engine, &id, arguments).await })
    })
}
