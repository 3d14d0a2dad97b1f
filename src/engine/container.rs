//! One container, by the calls of the Engine API in the order that loses nothing: create,
//! attach, start, and in the end remove.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error as Theirs;
use bollard::query_parameters::{
    CreateContainerOptions, EventsOptions, ListContainersOptions, RemoveContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::spec::{HELLO, Spec};
use super::transport::{Engine, Hijacked, engine_error};
use crate::error::{Error, Result};
use crate::session::token::Token;

/// Starts in flight in this process: more at once take the engine longer in total.
const STARTS: usize = 4;
static STARTING: Semaphore = Semaphore::const_new(STARTS);

/// How long to look for the event that says why a container ended.
const EVENT: Duration = Duration::from_millis(500);

/// How long an answer is waited for that an engine may forget to give.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Creates the container, and gives its id.
///
/// # Errors
/// [`Error::ImageNotFound`] when the engine doesn't have the image.
pub async fn create(engine: &Engine, spec: &Spec) -> Result<String> {
    let options = CreateContainerOptions {
        name: Some(spec.name.clone()),
        platform: spec.platform.clone(),
    };
    match engine
        .docker()
        .create_container(Some(options), spec.body.clone())
        .await
    {
        Ok(created) => Ok(created.id),
        Err(error) => Err(match engine_error("create container", error) {
            Error::Refused {
                status: 404,
                message,
                ..
            } => Error::ImageNotFound {
                image: spec.image.clone(),
                reason: message,
            },
            error => error,
        }),
    }
}

/// The id of the image that the container was made from.
pub async fn image(engine: &Engine, container: &str) -> Result<String> {
    let inspected = engine.docker().inspect_container(container, None).await;
    let inspected = inspected.map_err(|error| engine_error("inspect container", error))?;
    let none = || Error::Protocol("a container without an image".into());
    inspected.image.ok_or_else(none)
}

/// Attaches to all three streams of the container's main process.
pub async fn attach(engine: &Engine, container: &str) -> Result<Hijacked> {
    let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
    engine.hijack(&path, None).await
}

/// Starts the container; at most a few at a time.
///
/// # Errors
/// [`Error::ImageUnsuitable`] when there is no `/bin/sh` to run in it.
pub async fn start(engine: &Engine, container: &str, image: &str) -> Result<()> {
    let _turn = STARTING.acquire().await;
    let Err(error) = engine.docker().start_container(container, None).await else {
        return Ok(());
    };
    Err(match engine_error("start container", error) {
        Error::Refused { message, .. } if message.contains("/bin/sh") => Error::ImageUnsuitable {
            image: image.into(),
            reason: format!("it has no /bin/sh that can be run ({})", message.trim()),
        },
        error => error,
    })
}

/// Kills the container (SIGKILL). One that doesn't run any more is as good.
pub async fn kill(engine: &Engine, container: &str) -> Result<()> {
    match engine.docker().kill_container(container, None).await {
        Ok(()) => Ok(()),
        Err(error) => match engine_error("kill container", error) {
            Error::Refused {
                status: 404 | 409, ..
            } => Ok(()),
            error => Err(error),
        },
    }
}

/// Removes the container with its anonymous volumes, running or not, and returns when it's
/// gone. One that is gone already is as good.
pub async fn remove(engine: &Engine, container: &str) -> Result<()> {
    let time = engine.timeout();
    let removal = async {
        loop {
            match try_remove(engine, container).await {
                // Podman, while it tidies up after a container that has just ended.
                Err(Error::Refused {
                    status: 500,
                    message,
                    ..
                }) if message.contains("container state improper") => {
                    sleep(AGAIN).await;
                }
                removed => return removed,
            }
        }
    };
    timeout(time, removal).await.unwrap_or_else(|_| {
        Err(Error::Timeout {
            doing: "remove container".into(),
            after: time,
        })
    })
}

/// The pause before a container is tried again that can't be removed just now.
const AGAIN: Duration = Duration::from_millis(10);

async fn try_remove(engine: &Engine, container: &str) -> Result<()> {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        ..Default::default()
    };
    match engine
        .docker()
        .remove_container(container, Some(options))
        .await
    {
        Ok(()) => Ok(()),
        Err(error) => match engine_error("remove container", error) {
            Error::Refused { status: 404, .. } => Ok(()),
            Error::Refused { status: 409, .. } => removed(engine, container).await,
            error => Err(error),
        },
    }
}

/// Has the container removed that was made to say this hello; whether one is listed. By its
/// label: a name may be somebody else's. One that is being made may be listed and not be
/// found yet, so it's gone only when it isn't listed any more.
pub async fn remove_labelled(engine: &Engine, hello: &Token) -> Result<bool> {
    let label = format!("{HELLO}={hello}");
    let options = ListContainersOptions {
        all: true,
        filters: Some(HashMap::from([("label".into(), vec![label])])),
        ..Default::default()
    };
    let listed = engine.docker().list_containers(Some(options)).await;
    let listed = listed.map_err(|error| engine_error("list containers", error))?;
    let Some(id) = listed.into_iter().find_map(|container| container.id) else {
        return Ok(false);
    };
    remove(engine, &id).await.map(|()| true)
}

/// Waits until the engine has removed the container, which it is about to. Asks again now and
/// then: an engine that is asked just as it removes the container never answers.
async fn removed(engine: &Engine, container: &str) -> Result<()> {
    loop {
        match timeout(ASK_AGAIN, wait(engine, container, "removed")).await {
            Ok(Ok(_) | Err(Error::Refused { status: 404, .. })) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
}

/// Waits for a condition (`not-running`, `next-exit`, `removed`), and gives the exit code.
pub async fn wait(engine: &Engine, container: &str, condition: &str) -> Result<i64> {
    let options = WaitContainerOptions {
        condition: condition.into(),
    };
    match engine
        .docker()
        .wait_container(container, Some(options))
        .next()
        .await
    {
        Some(Ok(response)) => Ok(response.status_code),
        Some(Err(Theirs::DockerContainerWaitError { error, code })) if error.is_empty() => Ok(code),
        Some(Err(error)) => Err(engine_error("wait for container", error)),
        None => Err(Error::Lost("the engine ended its answer to wait".into())),
    }
}

/// Why the output of a container has ended, as far as the engine knows.
pub async fn autopsy(engine: Engine, container: String) -> Error {
    died(engine, container)
        .await
        .unwrap_or_else(|| Error::Gone("it has ended".into()))
}

/// How a container has ended, if the engine tells in time that it has.
pub async fn died(engine: Engine, container: String) -> Option<Error> {
    let events = EventsOptions {
        since: Some("0".into()),
        until: None,
        filters: Some(HashMap::from([("container".into(), vec![container])])),
    };
    let mut events = engine.docker().events(Some(events));
    let mut memory = "";
    let found = timeout(EVENT, async {
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| engine_error("events", error))?;
            match event.action.as_deref() {
                Some("oom") => memory = ", after it ran out of memory",
                Some("die") => return Ok::<_, Error>(exit_code(event.actor)),
                _ => {}
            }
        }
        Ok(None)
    });
    match found.await {
        Ok(Ok(Some(code))) => Some(Error::Gone(format!(
            "it ended with exit code {code}{memory}"
        ))),
        Ok(Err(error)) => Some(Error::Lost(error.to_string())),
        Ok(Ok(None)) | Err(_) => None,
    }
}

fn exit_code(actor: Option<bollard::models::EventActor>) -> Option<String> {
    actor?.attributes?.remove("exitCode")
}
