//! One runner: at most one container at a time, and the sessions in it.
//!
//! - `life`: from create to launch; every step may be overtaken by [`Runner::stop`], and
//!   what fails half-way is undone; `end`: whatever ends it
//! - `beside`: more sessions in the same container
//! - `process`: programs of their own in it
//! - `files`: trees of files into it and out of it

mod beside;
mod end;
mod files;
mod life;
pub mod process;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bollard::models::CreateImageInfo;
use bytes::Bytes;
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::engine::build;
use crate::engine::commit::{self, CommitOptions};
use crate::engine::endpoint::EngineOptions;
use crate::engine::endpoint::context::Environment;
use crate::engine::owner::{self, Pruned};
use crate::engine::transport::Engine;
use crate::engine::{image, input, terminal};
use crate::error::{Error, Result};
use crate::session::tap::{Taken, TapReader};
use crate::session::token::Token;
use crate::session::{Command, Future, Session, Ticket};
use life::Life;

/// What happens to a runner without being asked for.
pub enum Event {
    /// [`Runner::read`] has something, after it had nothing, for this reader.
    Readable(TapReader),
    /// A line of a pull's progress.
    Pull(CreateImageInfo),
    /// A line of a build's.
    Build(build::Progress),
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
    pub path: Future<Result<String>>,
    /// Closes it when dropped.
    pub guard: oneshot::Sender<()>,
}

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
    /// How many containers were given up, by a stop or a reset.
    given_up: watch::Sender<u32>,
    front: Mutex<Front>,
}

/// What commands and readers use, without waiting for a step.
#[derive(Default)]
struct Front {
    session: Option<Arc<Session>>,
    /// The container that the session is in.
    place: Option<(Engine, String)>,
    /// What a container says hello with that is being made, and doesn't run yet.
    unborn: Option<Token>,
    /// Removes the container that a reset has replaced.
    removing: Option<JoinHandle<Result<()>>>,
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
            given_up: watch::Sender::new(0),
            front: Mutex::default(),
        }
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

    /// Queues a command; see [`Session::queue`].
    pub fn queue(&self, command: Command, ticket: Ticket) -> Result<()> {
        let (session, stopped) = {
            let front = self.front();
            (front.session.clone(), front.stopped)
        };
        match session {
            Some(session) => session.queue(command, ticket),
            None if stopped => Err(Error::Stopped("")),
            None => Err(Error::NotStarted("a command")),
        }
    }

    /// An input for a command of this container, in a shell of this user's or the container's;
    /// it's opened when its path is awaited.
    pub fn input(&self, user: Option<&str>) -> Result<Input> {
        let (engine, container) = self.place("exec()")?;
        let user = user.map(str::to_owned);
        let (sender, bytes) = mpsc::channel(input::CHUNKS);
        let (guard, done) = oneshot::channel();
        let path = Box::pin(input::open(engine, container, user, bytes, done));
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

    /// Makes an image of what the running container has become. Gives the image's id.
    pub async fn commit(&self, options: &str) -> Result<String> {
        let options = CommitOptions::parse(options)?;
        let (engine, id) = self.place("commit()")?;
        let given_up = self.given_up.subscribe();
        let committed = commit::commit(&engine, &id, options).await;
        committed.map_err(|error| why(&given_up, error))
    }

    /// Removes the containers whose owner, a process of this machine, has died.
    pub async fn prune(&self) -> Result<Pruned> {
        owner::prune(self.engine().await?).await
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something failed that used a container: by its being given up, if it was since
/// `given_up` was subscribed to.
fn why(given_up: &watch::Receiver<u32>, error: Error) -> Error {
    match self::given_up(given_up) {
        false => error,
        true => Error::Stopped(""),
    }
}

/// Whether a container was, since this was subscribed to.
fn given_up(since: &watch::Receiver<u32>) -> bool {
    since.has_changed().unwrap_or(true)
}
