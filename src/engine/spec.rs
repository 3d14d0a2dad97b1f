//! What `start()` was asked for, and what the engine is asked for in turn: the caller's
//! options in the Engine API's own spelling, checked, over defaults that are safe.

use bollard::models::{ContainerCreateBody, HostConfig};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::build::BuildOptions;
use super::profile::{self, Limits, Profile};
use super::{options, owner};
use crate::error::{Error, Result};
use crate::session::script;
use crate::session::token::Token;

/// The image without an `Image` option. The original had `ubuntu:14.04`, out of support.
pub const DEFAULT_IMAGE: &str = "ubuntu:24.04";

/// Every container of ours carries this label; its value is the package's version.
pub const LABEL: &str = "docker-exec-napi.version";

/// The label that tells a container from every other; its value is the leash's hello.
pub const HELLO: &str = "docker-exec-napi.hello";

/// When to pull the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// When the engine doesn't have it.
    #[default]
    Missing,
    /// Each time.
    Always,
    /// Not at all.
    Never,
}

/// A container to be made.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The image, as the caller wrote it.
    pub image: String,
    /// To be built first; then there is no image yet.
    pub build: Option<BuildOptions>,
    /// When to pull it.
    pub pull: Pull,
    /// `os[/arch[/variant]]`, or empty for the engine's own.
    pub platform: String,
    /// The container's name.
    pub name: String,
    /// It's the caller's.
    pub named: bool,
    /// The commands run in a terminal.
    pub tty: bool,
    /// The shell's path or name; empty for bash where there is one, else sh.
    pub shell: String,
    /// What the leash says hello with.
    pub hello: Token,
    /// The request's body.
    pub body: ContainerCreateBody,
}

/// Options that aren't fields of the request's body as they stand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    #[serde(rename = "Image")]
    image: Option<String>,
    #[serde(rename = "Build")]
    build: Option<BuildOptions>,
    #[serde(rename = "Shell")]
    shell: Option<String>,
    #[serde(rename = "Tty")]
    tty: bool,
    #[serde(rename = "Binds")]
    binds: Option<Vec<String>>,
    #[serde(rename = "VolumesFrom")]
    volumes_from: Option<OneOrMany>,
    name: Option<String>,
    platform: Option<String>,
    pull: Pull,
    profile: Profile,
    limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

const OWN: [&str; 11] = [
    "Image",
    "Build",
    "Shell",
    "Tty",
    "Binds",
    "VolumesFrom",
    "name",
    "platform",
    "pull",
    "profile",
    "limits",
];

/// What a session decides itself, with the reason; elsewhere in the API each is an option.
const DECIDED: [(&str, &str); 10] = [
    (
        "Cmd",
        "the main process is the session's own, and commands go to run()",
    ),
    (
        "Entrypoint",
        "the main process is the session's own, and commands go to run()",
    ),
    ("OpenStdin", "the session holds the container's stdin"),
    (
        "StdinOnce",
        "the container ends with its client's connection",
    ),
    ("AttachStdin", "the session attaches all three streams"),
    ("AttachStdout", "the session attaches all three streams"),
    ("AttachStderr", "the session attaches all three streams"),
    ("Healthcheck", "it would run beside the session's commands"),
    (
        "HostConfig.AutoRemove",
        "the engine removes the container when it ends",
    ),
    (
        "HostConfig.Init",
        "the session needs an init process above its own",
    ),
];

impl Spec {
    /// Reads `start()`'s options, as JSON (`null` for none).
    ///
    /// # Errors
    /// [`Error::Argument`] for what the API doesn't know, a wrong type, or a field that the
    /// session decides; it names the option.
    pub fn parse(options: &str) -> Result<Self> {
        let options: Option<Map<String, Value>> = options::read("start", options::json(options)?)?;
        let mut rest = options.unwrap_or_default();
        rest.retain(|_, value| !value.is_null());
        refuse_decided(&rest)?;
        let own = OWN
            .iter()
            .filter_map(|name| rest.remove_entry(*name))
            .collect();
        let own: Own = options::read("start", Value::Object(own))?;
        let body = options::read("start", Value::Object(rest))?;
        Self::of(own, body)
    }

    fn of(own: Own, mut body: ContainerCreateBody) -> Result<Self> {
        let image = own.image.filter(|image| !image.is_empty());
        if let Some(build) = &own.build {
            build.check()?;
            if image.is_some() {
                let message = "start takes an Image or a Build, not both".into();
                return Err(Error::Argument(message));
            }
        }
        let image = image.unwrap_or_else(|| DEFAULT_IMAGE.into());
        let host = body.host_config.take().unwrap_or_default();
        let mut host = with_volumes(host, own.binds, own.volumes_from);
        ours(&mut host);
        body.host_config = Some(host);
        profile::apply(own.profile, &own.limits, &mut body)?;
        if body.network_disabled == Some(true) {
            // Podman would ignore the former without the latter.
            let host = body.host_config.get_or_insert_default();
            host.network_mode.get_or_insert_with(|| "none".into());
        }
        body.cmd = Some(vec![]);
        body.tty = Some(false);
        body.healthcheck = serde_json::from_value(json!({ "Test": ["NONE"] })).ok();
        for flag in [
            &mut body.open_stdin,
            &mut body.stdin_once,
            &mut body.attach_stdin,
            &mut body.attach_stdout,
            &mut body.attach_stderr,
        ] {
            *flag = Some(true);
        }
        let labels = body.labels.get_or_insert_default();
        labels.insert(LABEL.into(), env!("CARGO_PKG_VERSION").into());
        labels.extend(owner::labels());
        let spec = Self {
            build: own.build,
            pull: own.pull,
            platform: own.platform.unwrap_or_default(),
            named: own.name.is_some(),
            name: own.name.unwrap_or_default(),
            tty: own.tty,
            shell: own.shell.unwrap_or_default(),
            hello: Token::of(0),
            image: String::new(),
            body,
        };
        let build = spec.build.clone();
        Ok(Self {
            build,
            ..spec.from_image(image)
        })
    }

    /// Whether there can't be two at a time: of a name, a port or an address.
    pub fn exclusive(&self) -> bool {
        let host = self.body.host_config.as_ref();
        let ports = host.and_then(|host| host.port_bindings.as_ref());
        let networks = self.body.networking_config.as_ref();
        self.named || ports.is_some_and(|ports| !ports.is_empty()) || networks.is_some()
    }

    /// The same for another container, made from this image.
    pub fn from_image(&self, image: String) -> Self {
        let (mut spec, hello) = (self.clone(), Token::fresh());
        let body = &mut spec.body;
        body.image = Some(image.clone());
        body.entrypoint = Some(match self.tty {
            true => script::letterbox(&hello),
            false => script::leash(&self.shell, &hello),
        });
        let labels = body.labels.get_or_insert_default();
        labels.insert(HELLO.into(), hello.to_string());
        if !self.named {
            spec.name = format!("docker-exec-{}", Uuid::new_v4());
        }
        Self {
            image,
            hello,
            ..spec
        }
    }
}

/// What every container of ours has.
fn ours(host: &mut HostConfig) {
    host.log_config.get_or_insert_with(no_log);
    host.auto_remove = Some(true);
    host.init = Some(true);
}

/// A log driver would write all output to the host's disk, and makes it 30 times slower.
fn no_log() -> bollard::models::HostConfigLogConfig {
    bollard::models::HostConfigLogConfig {
        typ: Some("none".into()),
        config: None,
    }
}

fn with_volumes(
    mut host: HostConfig,
    binds: Option<Vec<String>>,
    from: Option<OneOrMany>,
) -> HostConfig {
    let from = match from {
        None => vec![],
        Some(OneOrMany::One(name)) if name.is_empty() => vec![],
        Some(OneOrMany::One(name)) => vec![name],
        Some(OneOrMany::Many(names)) => names,
    };
    if let Some(binds) = binds {
        host.binds.get_or_insert_default().extend(binds);
    }
    if !from.is_empty() {
        host.volumes_from.get_or_insert_default().extend(from);
    }
    host
}

fn refuse_decided(options: &Map<String, Value>) -> Result<()> {
    let given = |path: &str| match path.split_once('.') {
        None => options.contains_key(path),
        Some((outer, inner)) => options
            .get(outer)
            .and_then(|value| value.get(inner))
            .is_some_and(|v| !v.is_null()),
    };
    match DECIDED.iter().find(|(path, _)| given(path)) {
        Some((path, why)) => Err(Error::Argument(format!(
            "start option {path} can't be set: {why}; leave it out"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: &str) -> String {
        Spec::parse(options).expect_err(options).to_string()
    }

    #[test]
    fn no_options_are_the_originals_defaults_made_safe() {
        for options in [
            "null",
            "{}",
            r#"{"Image":"","Volumes":{},"VolumesFrom":"","Binds":[]}"#,
        ] {
            let spec = Spec::parse(options).unwrap();
            assert_eq!(
                (spec.image.as_str(), spec.pull, spec.tty),
                (DEFAULT_IMAGE, Pull::Missing, false)
            );
            let host = spec.body.host_config.unwrap();
            assert_eq!(
                (host.auto_remove, host.init, host.pids_limit),
                (Some(true), Some(true), Some(1024))
            );
            assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
            assert_eq!(host.volumes_from, None);
        }
    }

    #[test]
    fn the_apis_fields_are_passed_through_and_replace_the_defaults() {
        let spec = Spec::parse(
            r#"{"Env":["A=1"],"User":"1000","Labels":{"a":"b"},"name":"mine","VolumesFrom":["x"],
                "Binds":["/a:/b"],"HostConfig":{"Binds":["/c:/d"],"CapAdd":["NET_RAW"],"Memory":9}}"#,
        )
        .unwrap();
        assert_eq!(
            (spec.name.as_str(), spec.body.user.as_deref()),
            ("mine", Some("1000"))
        );
        assert_eq!(spec.body.labels.unwrap()["a"], "b");
        let host = spec.body.host_config.unwrap();
        assert_eq!(
            (host.memory, host.cap_add.unwrap()),
            (Some(9), vec!["NET_RAW".to_owned()])
        );
        assert_eq!(host.binds.unwrap(), ["/c:/d", "/a:/b"]);
        assert_eq!(host.volumes_from.unwrap(), ["x"]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for (options, words) in [
            (r#"{"image":"x"}"#, "option image is unknown"),
            (
                r#"{"HostConfig":{"memory":1}}"#,
                "option HostConfig.memory is unknown",
            ),
            (r#"{"Env":"A=1"}"#, "option Env"),
            (r#"{"Image":7}"#, "option Image"),
            (
                r#"{"HostConfig":{"Memory":"1g"}}"#,
                "option HostConfig.Memory",
            ),
            (r#"{"pull":"sometimes"}"#, "option pull"),
            (r#"{"Cmd":["ls"]}"#, "option Cmd can't be set"),
            (
                r#"{"HostConfig":{"AutoRemove":false}}"#,
                "option HostConfig.AutoRemove can't be set",
            ),
            ("[]", "the options"),
        ] {
            let message = refusal(options);
            assert!(message.contains(words), "{options}: {message}");
        }
    }
}
