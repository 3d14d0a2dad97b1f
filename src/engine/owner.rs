//! Whose a container is: labels that say so, and the removal of those whose owner has died.
//!
//! A container that runs ends with its client's connection. What may stay is one that its
//! owner had no time to start, and one that can't end: it's paused, say.

use std::collections::HashMap;
use std::fs;
use std::sync::LazyLock;

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptions;
use futures_util::future::join_all;

use super::container;
use super::image;
use super::spec::{HELLO, LABEL};
use super::transport::{Engine, engine_error};
use crate::error::Result;

/// The machine's name, for whoever looks.
const HOST: &str = "docker-exec-napi.host";

/// Where a pid means the same process as here: since when the machine runs, and the
/// namespaces of pids and of times.
const PLACE: &str = "docker-exec-napi.place";

/// The process, and when it was started, in ticks since the machine was: pids are used again.
const PID: &str = "docker-exec-napi.pid";
const STARTED: &str = "docker-exec-napi.started";

type Labels = HashMap<String, String>;

/// The labels of this process; empty where the system doesn't tell enough.
pub fn labels() -> impl Iterator<Item = (String, String)> {
    static LABELS: LazyLock<Labels> = LazyLock::new(|| mine().unwrap_or_default());
    LABELS.clone().into_iter()
}

fn mine() -> Option<Labels> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let labels = [
        (HOST, host.trim().into()),
        (PLACE, place()?),
        (PID, std::process::id().to_string()),
        (STARTED, started("self")?),
    ];
    Some(labels.map(|(name, value)| (name.into(), value)).into())
}

fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = |name| fs::read_link(format!("/proc/self/ns/{name}"));
    let pids = namespace("pid").ok()?;
    // Not on an old kernel.
    let times = namespace("time").unwrap_or_default();
    let place = format!("{} {} {}", boot.trim(), pids.display(), times.display());
    Some(place.trim().into())
}

/// When a process was started: field 22 of proc(5)'s stat, the 20th after the name.
fn started(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(Into::into)
}

/// What became of an owner.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    Alive,
    Dead,
    /// It's on another machine, or can't be seen from here.
    Unknown,
}

fn owner(labels: &Labels) -> Owner {
    let label = |name| labels.get(name).map(String::as_str);
    let (Some(there), Some(pid), Some(then)) = (label(PLACE), label(PID), label(STARTED)) else {
        return Owner::Unknown;
    };
    let Some(pid) = pid.parse().ok().filter(|pid| *pid > 0) else {
        return Owner::Unknown;
    };
    if place().as_deref() != Some(there) {
        return Owner::Unknown;
    }
    match (exists(pid), started(&pid.to_string())) {
        (false, _) => Owner::Dead,
        (true, Some(now)) if now != then => Owner::Dead,
        // Of one that may not be looked at, the start isn't known.
        (true, _) => Owner::Alive,
    }
}

/// Whether there is such a process, whoever's it is.
#[cfg(unix)]
fn exists(pid: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody: it's only looked whether one could be.
    let found = unsafe { libc::kill(pid, 0) } == 0;
    found || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(not(unix))]
fn exists(_: i32) -> bool {
    true
}

/// What [`prune()`] did, by the containers' ids.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Their owners had died.
    pub removed: Vec<String>,
    /// Left alone: whether their owners live can't be seen from here.
    pub unknown: Vec<String>,
}

/// Removes the containers whose owner, a process of this machine, has died. All are tried;
/// the first failure is the result's.
pub async fn prune(engine: &Engine) -> Result<Pruned> {
    let options = ListContainersOptions {
        all: true,
        filters: Some(HashMap::from([("label".into(), vec![LABEL.into()])])),
        ..Default::default()
    };
    let listed = engine.docker().list_containers(Some(options)).await;
    let listed = listed.map_err(|error| engine_error("list containers", error))?;
    let (mut pruned, mut failure) = (Pruned::default(), None);
    // All at once: one that can't be removed holds up no other.
    for settled in join_all(listed.iter().map(|container| settle(engine, container))).await {
        match settled {
            Ok(Settled::Removed(id)) => pruned.removed.push(id),
            Ok(Settled::Unknown(id)) => pruned.unknown.push(id),
            Ok(Settled::Left) => {}
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(pruned), Err)
}

enum Settled {
    Removed(String),
    Unknown(String),
    Left,
}

async fn settle(engine: &Engine, container: &ContainerSummary) -> Result<Settled> {
    let owner = owner(container.labels.as_ref().unwrap_or(&Labels::new()));
    let Some(id) = container.id.clone().filter(|_| owner != Owner::Alive) else {
        return Ok(Settled::Left);
    };
    if inherited(engine, container).await? {
        return Ok(Settled::Left);
    }
    if owner == Owner::Unknown {
        return Ok(Settled::Unknown(id));
    }
    container::remove(engine, &id).await?;
    Ok(Settled::Removed(id))
}

/// Whether the labels are its image's, which was made from a container of ours: then it's
/// somebody else's.
async fn inherited(engine: &Engine, container: &ContainerSummary) -> Result<bool> {
    let hello = |labels: Option<&Labels>| labels.and_then(|labels| labels.get(HELLO)).cloned();
    let image = container.image_id.as_deref().unwrap_or_default();
    let image = image::inspect(engine, image).await?;
    let labels = image.and_then(|image| image.config?.labels);
    let own = hello(container.labels.as_ref());
    Ok(own.is_none() || own == hello(labels.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Labels {
        let mut labels: Labels = labels().collect();
        labels.insert(name.into(), value.into());
        labels
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_an_owner_that_has_certainly_died_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(owner(&labels().collect()), Owner::Alive);
        assert_eq!(owner(&with(PID, &child.id().to_string())), Owner::Dead);
        // Its pid was used again.
        assert_eq!(owner(&with(STARTED, "1")), Owner::Dead);
        for (name, value) in [(PLACE, "elsewhere"), (PID, "x"), (PID, "0"), (PID, "-1")] {
            assert_eq!(owner(&with(name, value)), Owner::Unknown, "{name} {value}");
        }
        assert_eq!(owner(&Labels::new()), Owner::Unknown);
    }
}
