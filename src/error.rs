//! What can go wrong, by who must act. Every variant has a Node-style code, and a message
//! that says what happened, to what, and what to do.

use std::time::Duration;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes of an output that a message shows: the last ones tell most.
const SHOWN: usize = 2000;

/// One failure. It can be cloned, because one lost connection fails every queued command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `ERR_INVALID_ARG_VALUE`, the caller: a value that can't be used. Nothing was changed.
    #[error("{0}")]
    Argument(String),

    /// `ERR_NOT_STARTED`, the caller: the runner has no running container yet.
    #[error("{0} needs a started runner: await start() first")]
    NotStarted(&'static str),

    /// `ERR_ALREADY_STARTED`, the caller: one runner has one container.
    #[error("this runner already has a container: await stop() first, or make another runner")]
    AlreadyStarted,

    /// `ERR_STOPPED`, the caller: `stop()` came first, or the stream was ended.
    #[error("the runner was stopped{0}")]
    Stopped(&'static str),

    /// `ERR_QUEUE_FULL`, the caller: too many commands wait in one runner.
    #[error("{0} commands are waiting in this runner: await some of them first")]
    QueueFull(usize),

    /// `ERR_ENGINE_UNREACHABLE`, whoever runs the machine: no engine answered.
    #[error("no Docker engine could be reached.\n{}\n{advice}", tried.join("\n"))]
    Unreachable {
        /// One line an endpoint: where, and what happened.
        tried: Vec<String>,
        /// What to do about it.
        advice: String,
    },

    /// `ERR_ENGINE_TIMEOUT`, whoever runs the engine: it took the request and said nothing.
    #[error("the engine did not answer {doing} within {} ms", after.as_millis())]
    Timeout {
        /// The request, in the Engine API's words.
        doing: String,
        /// How long it was given.
        after: Duration,
    },

    /// `ERR_ENGINE_RESPONSE`, the caller or whoever runs the engine: it refused. The
    /// message ends with the engine's own words.
    #[error("{doing}: {message} (HTTP {status})")]
    Refused {
        /// What was asked of it.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },

    /// `ERR_IMAGE_NOT_FOUND`, the caller: the image isn't here and can't be had.
    #[error("image {image}: {reason}")]
    ImageNotFound {
        /// The image as it was asked for.
        image: String,
        /// The engine's own words.
        reason: String,
    },

    /// `ERR_PULL_FAILED`, whoever runs the registry or the network: the image can't be had
    /// right now. Trying again is safe.
    #[error("image {image} can't be pulled: {reason}")]
    Pull {
        /// The image as it was asked for.
        image: String,
        /// The engine's own words.
        reason: String,
    },

    /// `ERR_BUILD_FAILED`, the caller: an image can't be built.
    #[error("the build failed{}: {reason}{}", at(step), below(output))]
    Build {
        /// The instruction, in the engine's words; empty before the first.
        step: String,
        /// The end of what it printed.
        output: String,
        /// The engine's own words.
        reason: String,
    },

    /// `ERR_IMAGE_UNSUITABLE`, the caller: the image lacks what a shell session needs.
    #[error("image {image} can't hold a shell session: {reason}")]
    ImageUnsuitable {
        /// The image as it was asked for.
        image: String,
        /// What is missing.
        reason: String,
    },

    /// `ERR_IMAGE_UNSUITABLE`, the caller: the place where a session was to be can't hold one.
    #[error("no shell session can run there: {0}")]
    NoShell(String),

    /// `ERR_SPAWN_FAILED`, the caller: the container has no such program. Nothing was run.
    #[error("{file} can't be run in the container: {reason}")]
    Spawn {
        /// The program, as it was asked for.
        file: String,
        /// What is in the way.
        reason: String,
    },

    /// `ERR_FILE`, the caller: a file or folder, here or in the container, can't be read or
    /// written.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// What is in the way.
        reason: String,
    },

    /// `ERR_UNSAFE_FILES`, the container: it gave what would be dangerous here, or more than was
    /// allowed. Nothing of it was kept.
    #[error("the container gave {entry:?}, which was refused: {reason}")]
    Unsafe {
        /// Which file, folder or link.
        entry: String,
        /// What it would do.
        reason: String,
    },

    /// `ERR_ABORTED`, the caller: taken back before it began.
    #[error("the command was aborted before it began")]
    Aborted,

    /// `ERR_CONTAINER_GONE`, nobody or the command: the container ended.
    #[error("the container is gone: {0}")]
    Gone(String),

    /// `ERR_CONNECTION_LOST`, whoever runs the engine: the connection broke, and the
    /// container ends with it.
    #[error("the connection to the container was lost: {0}")]
    Lost(String),

    /// `ERR_ENGINE_PROTOCOL`, us or whoever runs the engine: what came isn't the protocol.
    #[error("the engine sent what its API doesn't allow: {0}")]
    Protocol(String),

    /// `ERR_SHELL_RESTARTED`, the command: it left the shell deaf or stopped, so that no
    /// exit code could be had. A fresh shell stands ready.
    #[error(
        "the command left its shell {0}, so its exit code is unknown; a fresh shell was \
         started (working directory and variables are lost, files are not)"
    )]
    ShellRestarted(&'static str),
}

impl Error {
    /// An [`Error::File`].
    pub(crate) fn file(path: impl ToString, reason: impl ToString) -> Self {
        Self::File {
            path: path.to_string(),
            reason: reason.to_string(),
        }
    }

    /// The code that JavaScript sees as `error.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Argument(_) => "ERR_INVALID_ARG_VALUE",
            Self::NotStarted(_) => "ERR_NOT_STARTED",
            Self::AlreadyStarted => "ERR_ALREADY_STARTED",
            Self::Stopped(_) => "ERR_STOPPED",
            Self::QueueFull(_) => "ERR_QUEUE_FULL",
            Self::Unreachable { .. } => "ERR_ENGINE_UNREACHABLE",
            Self::Timeout { .. } => "ERR_ENGINE_TIMEOUT",
            Self::Refused { .. } => "ERR_ENGINE_RESPONSE",
            Self::ImageNotFound { .. } => "ERR_IMAGE_NOT_FOUND",
            Self::Pull { .. } => "ERR_PULL_FAILED",
            Self::Build { .. } => "ERR_BUILD_FAILED",
            Self::ImageUnsuitable { .. } | Self::NoShell(_) => "ERR_IMAGE_UNSUITABLE",
            Self::Spawn { .. } => "ERR_SPAWN_FAILED",
            Self::File { .. } => "ERR_FILE",
            Self::Unsafe { .. } => "ERR_UNSAFE_FILES",
            Self::Aborted => "ERR_ABORTED",
            Self::Gone(_) => "ERR_CONTAINER_GONE",
            Self::Lost(_) => "ERR_CONNECTION_LOST",
            Self::Protocol(_) => "ERR_ENGINE_PROTOCOL",
            Self::ShellRestarted(_) => "ERR_SHELL_RESTARTED",
        }
    }
}

fn at(step: &str) -> String {
    match step {
        "" => String::new(),
        step => format!(" at {step}"),
    }
}

/// The end of an output, on lines of its own.
fn below(output: &str) -> String {
    let output = output.trim();
    let start = output.len().saturating_sub(SHOWN);
    let start = (start..).find(|at| output.is_char_boundary(*at));
    match &output[start.unwrap_or_default()..] {
        "" => String::new(),
        end => format!("\n{end}"),
    }
}
