//! How far a container is shut off: profiles, limits in plain words, and what a profile
//! doesn't let a caller undo.

use std::path::{Component, Path};

use bollard::models::{ContainerCreateBody, HostConfig, MountType, ResourcesUlimits};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::error::{Error, Result};

/// How far a container is shut off, before limits and the caller's own fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// What `apt-get install` needs, and nothing more.
    #[default]
    Default,
    /// For data and code that may be hostile.
    Untrusted,
    /// The engine's own defaults.
    None,
}

/// Limits in plain words.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Limits {
    memory: Option<Size>,
    cpus: Option<f64>,
    pids: Option<i64>,
    disk: Option<Size>,
}

/// Bytes, given as a number or as docker's command line takes them (`512m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(i64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Bytes(i64),
            Text(String),
        }
        let wrong = || D::Error::custom("bytes are a number above 0, or text like '512m' or '2g'");
        let bytes = match Given::deserialize(deserializer).map_err(|_| wrong())? {
            Given::Bytes(bytes) => Some(bytes),
            Given::Text(text) => bytes(&text),
        };
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(wrong)
    }
}

fn bytes(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let (number, shift) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 10),
        b'm' => (&text[..text.len() - 1], 20),
        b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    number.parse::<i64>().ok()?.checked_mul(1 << shift)
}

/// What `apt-get install` needs.
const KEPT: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

/// What the engine gives a container by itself.
const USUAL: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Processes and threads of a container, and open files of each.
const PIDS: i64 = 1024;
const OPEN_FILES: i64 = 16_384;

/// The same for [`Profile::Untrusted`], and its other limits.
const UNTRUSTED_PIDS: i64 = 64;
const UNTRUSTED_FILES: i64 = 1024;
const UNTRUSTED_MEMORY: i64 = 256 << 20;
const UNTRUSTED_CPUS: i64 = 1_000_000_000;
const UNTRUSTED_DISK: i64 = 64 << 20;
const UNTRUSTED_SHM: i64 = 8 << 20;

/// `nobody`, where there is one; the number is what counts.
const NOBODY: &str = "65534:65534";

/// Where an untrusted container can write.
const SCRATCH: &str = "/tmp";

/// Fills in what `profile` and `limits` say where the caller's own fields say nothing.
///
/// # Errors
/// [`Error::Argument`] for a limit that is none, and, with [`Profile::Untrusted`], for what
/// would undo it.
pub fn apply(profile: Profile, limits: &Limits, body: &mut ContainerCreateBody) -> Result<()> {
    let mut host = body.host_config.take().unwrap_or_default();
    limit(limits, profile, &mut host)?;
    match profile {
        Profile::None => {}
        Profile::Default => restrict(&mut host, &KEPT, PIDS, OPEN_FILES),
        Profile::Untrusted => {
            if let Some(what) = undone(&host) {
                let why = "it would undo profile 'untrusted': leave it out, or use another profile";
                return Err(Error::Argument(format!("start option {what}: {why}")));
            }
            isolate(body, &mut host);
            restrict(&mut host, &[], UNTRUSTED_PIDS, UNTRUSTED_FILES);
        }
    }
    body.host_config = Some(host);
    Ok(())
}

fn limit(limits: &Limits, profile: Profile, host: &mut HostConfig) -> Result<()> {
    if let Some(Size(bytes)) = limits.memory {
        let memory = *host.memory.get_or_insert(bytes);
        host.memory_swap.get_or_insert(memory);
    }
    if let Some(cpus) = limits.cpus {
        if !(cpus.is_finite() && cpus >= 0.01) {
            let message = format!("start option limits.cpus must be at least 0.01, not {cpus}");
            return Err(Error::Argument(message));
        }
        host.nano_cpus.get_or_insert((cpus * 1e9) as i64);
    }
    if let Some(pids) = limits.pids {
        if pids < 1 {
            let message = format!("start option limits.pids must be at least 1, not {pids}");
            return Err(Error::Argument(message));
        }
        host.pids_limit.get_or_insert(pids);
    }
    if let Some(Size(bytes)) = limits.disk {
        match profile {
            Profile::Untrusted => scratch(host, bytes),
            _ => {
                let options = host.storage_opt.get_or_insert_default();
                options.entry("size".into()).or_insert(bytes.to_string());
            }
        }
    }
    Ok(())
}

fn scratch(host: &mut HostConfig, bytes: i64) {
    let options = format!("rw,nosuid,nodev,noexec,size={bytes},mode=1777");
    let mounts = host.tmpfs.get_or_insert_default();
    mounts.entry(SCRATCH.into()).or_insert(options);
}

fn restrict(host: &mut HostConfig, keep: &[&str], pids: i64, files: i64) {
    if host.privileged != Some(true) {
        host.cap_drop.get_or_insert_with(|| vec!["ALL".into()]);
        host.cap_add
            .get_or_insert_with(|| keep.iter().map(|&name| name.into()).collect());
        host.security_opt
            .get_or_insert_with(|| vec!["no-new-privileges".into()]);
    }
    host.pids_limit.get_or_insert(pids);
    let ulimits = || vec![ulimit("nofile", files)];
    host.ulimits.get_or_insert_with(ulimits);
}

fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.into()),
        soft: Some(value),
        hard: Some(value),
    }
}

fn isolate(body: &mut ContainerCreateBody, host: &mut HostConfig) {
    body.user.get_or_insert_with(|| NOBODY.into());
    body.working_dir.get_or_insert_with(|| SCRATCH.into());
    host.network_mode.get_or_insert_with(|| "none".into());
    if host.network_mode.as_deref() == Some("none") {
        body.network_disabled.get_or_insert(true);
    }
    host.readonly_rootfs.get_or_insert(true);
    scratch(host, UNTRUSTED_DISK);
    host.shm_size.get_or_insert(UNTRUSTED_SHM);
    let memory = *host.memory.get_or_insert(UNTRUSTED_MEMORY);
    host.memory_swap.get_or_insert(memory);
    host.nano_cpus.get_or_insert(UNTRUSTED_CPUS);
    host.ulimits
        .get_or_insert_with(|| vec![ulimit("nofile", UNTRUSTED_FILES), ulimit("core", 0)]);
    let security = host.security_opt.get_or_insert_default();
    if !security
        .iter()
        .any(|option| option.starts_with("no-new-privileges"))
    {
        security.push("no-new-privileges".into());
    }
}

/// The first of the caller's fields that would undo [`Profile::Untrusted`].
fn undone(host: &HostConfig) -> Option<String> {
    let shared = |mode: &Option<String>| {
        let mode = mode.as_deref().unwrap_or_default();
        mode == "host" || mode.starts_with("container:")
    };
    let some = |list: &Option<Vec<String>>| list.is_some();
    let flags = [
        (host.privileged == Some(true), "Privileged"),
        (host.network_mode.as_deref() == Some("host"), "NetworkMode"),
        (shared(&host.pid_mode), "PidMode"),
        (shared(&host.ipc_mode), "IpcMode"),
        (shared(&host.uts_mode), "UTSMode"),
        (shared(&host.userns_mode), "UsernsMode"),
        (
            host.cgroupns_mode
                .is_some_and(|mode| mode.as_ref() == "host"),
            "CgroupnsMode",
        ),
        (
            host.devices.as_ref().is_some_and(|list| !list.is_empty()),
            "Devices",
        ),
        (some(&host.device_cgroup_rules), "DeviceCgroupRules"),
        (some(&host.masked_paths), "MaskedPaths"),
        (some(&host.readonly_paths), "ReadonlyPaths"),
        (some(&host.volumes_from), "VolumesFrom"),
        (host.oom_kill_disable == Some(true), "OomKillDisable"),
    ];
    if let Some((_, name)) = flags.iter().find(|(undoes, _)| *undoes) {
        return Some(format!("HostConfig.{name}"));
    }
    let named = |name: &str, value: &str| Some(format!("HostConfig.{name} {value:?}"));
    let usual = |name: &String| {
        let name = name.to_ascii_uppercase();
        USUAL.contains(&name.strip_prefix("CAP_").unwrap_or(&name))
    };
    if let Some(name) = host.cap_add.iter().flatten().find(|name| !usual(name)) {
        return named("CapAdd", name);
    }
    let loose = |option: &&String| {
        ["unconfined", "disable", "=false", ":false"]
            .iter()
            .any(|end| option.ends_with(end))
    };
    if let Some(option) = host.security_opt.iter().flatten().find(loose) {
        return named("SecurityOpt", option);
    }
    let binds = host.binds.iter().flatten();
    let exposed = |bind: &&String| exposes(bind.split(':').next().unwrap_or_default());
    if let Some(bind) = binds.clone().find(exposed) {
        return named("Binds", bind);
    }
    let mounts = host.mounts.iter().flatten();
    let mut sources = mounts
        .filter(|mount| mount.typ == Some(MountType::BIND))
        .filter_map(|mount| mount.source.as_deref());
    let source = sources.find(|source| exposes(source))?;
    named("Mounts", source)
}

/// Folders of the host that give it away.
const HOSTS: [&str; 10] = [
    "/boot",
    "/dev",
    "/etc",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/run",
];

/// A bind of this path of the host gives a container power over the host: one of [`HOSTS`] or
/// what is in them, a folder that holds one of them, or an engine's socket wherever it is.
fn exposes(source: &str) -> bool {
    if !source.starts_with('/') {
        return false;
    }
    let mut path = std::path::PathBuf::from("/");
    for component in Path::new(source).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                path.pop();
            }
            _ => {}
        }
    }
    let socket = path
        .extension()
        .is_some_and(|extension| extension == "sock");
    socket
        || HOSTS
            .iter()
            .any(|host| path.starts_with(host) || Path::new(host).starts_with(&path))
}
