//! Builds an image: by the engine's own builder, from a folder, a Dockerfile's text, or both.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bollard::auth::DockerCredentials;
use bollard::models::ProgressDetail;
use bollard::query_parameters::BuildImageOptions;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use regex_lite::{Captures, Regex};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::transport::{Engine, engine_error};
use super::{image, options};
use crate::error::{Error, Result};
use crate::tree::{self, Ignore, Pipe, ignore};

/// Pieces of an archive that may wait on the way.
const PIECES: usize = 16;

/// What is kept of the output of a step, in bytes: the end of it tells most.
const OUTPUT: usize = 64 * 1024;

/// What is to be built.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BuildOptions {
    /// A folder.
    context: Option<PathBuf>,
    /// The text of a Dockerfile, in the place of the folder's.
    dockerfile: Option<String>,
    /// The Dockerfile's path in the folder.
    file: Option<String>,
    /// `name` or `name:tag`.
    tag: Option<String>,
    args: Option<HashMap<String, String>>,
    target: String,
    labels: Option<HashMap<String, String>>,
    platform: String,
    network: Option<String>,
    /// Asks the registry for newer base images.
    pull: bool,
    no_cache: bool,
}

impl BuildOptions {
    /// Reads `build()`'s options, as JSON.
    ///
    /// # Errors
    /// [`Error::Argument`], by name.
    pub fn parse(text: &str) -> Result<Self> {
        let options: Self = options::read("build", options::json(text)?)?;
        options.check()?;
        Ok(options)
    }

    /// Whether they make sense together.
    pub fn check(&self) -> Result<()> {
        let problem = match (&self.context, &self.dockerfile, &self.file) {
            (None, None, _) => "needs a context (a folder), a dockerfile (its text), or both",
            (_, Some(_), Some(_)) => "takes a dockerfile (its text) or a file (in the context)",
            (_, Some(text), None) if froms(text).next().is_none() => {
                "option dockerfile has no FROM: it's the text of a Dockerfile; the path of one in \
                 the context is option file"
            }
            (_, _, Some(file)) if ignore::clean(file).starts_with("..") => {
                "option file must be a path in the context"
            }
            _ => return Ok(()),
        };
        Err(Error::Argument(format!("build {problem}")))
    }
}

/// A line of what the engine says while it builds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_detail: Option<ProgressDetail>,
}

/// Builds it, and gives the image's id. `progress` gets every line of the engine's. Dropping
/// the future ends the build.
///
/// # Errors
/// [`Error::Build`] for what the engine can't build, [`Error::File`] for what can't be read.
pub async fn build(
    engine: &Engine,
    options: BuildOptions,
    mut progress: impl FnMut(Progress),
) -> Result<String> {
    let input = options.clone();
    let read = spawn_blocking(move || Context::read(&input));
    let context = read.await.map_err(panicked)??;
    let credentials = context.credentials(engine, options.pull).await?;
    let query = BuildImageOptions {
        dockerfile: context.dockerfile.clone(),
        t: options.tag,
        nocache: options.no_cache,
        pull: options.pull.then(|| "true".into()),
        rm: true,
        forcerm: true,
        buildargs: options.args,
        labels: options.labels,
        networkmode: options.network,
        platform: options.platform,
        target: options.target,
        ..BuildImageOptions::default()
    };
    let (sender, receiver) = mpsc::channel(PIECES);
    let (failed, mut failure) = oneshot::channel();
    let packing = spawn_blocking(move || context.pack(sender));
    let pieces = pieces(receiver, packing, failed);
    let body = bollard::body_try_stream(pieces);
    let mut lines = engine
        .docker()
        .build_image(query, Some(credentials), Some(body));
    let (mut step, mut id) = (Step::default(), None);
    while let Some(line) = lines.next().await {
        let info = match line {
            Ok(info) => info,
            // What can't be read makes the request fail, but says more.
            Err(error) => {
                let failed = |_| step.failed(engine_error("build", error));
                return Err(failure.try_recv().unwrap_or_else(failed));
            }
        };
        step.follow(info.stream.as_deref().unwrap_or_default());
        id = info.aux.and_then(|aux| aux.id).or(id);
        if info.stream.is_some() || info.status.is_some() {
            progress(Progress {
                stream: info.stream,
                id: info.id,
                status: info.status,
                progress_detail: info.progress_detail,
            });
        }
    }
    id.ok_or_else(|| Error::Lost("the engine's answer ended before the image was there".into()))
}

/// An archive while it's made. One that can't be made whole breaks off, so that the engine
/// doesn't take a part for the whole; `failed` gets the reason.
fn pieces(
    receiver: mpsc::Receiver<Bytes>,
    packing: JoinHandle<Result<()>>,
    failed: oneshot::Sender<Error>,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((receiver, packing, failed)), async |state| {
        let (mut receiver, packing, failed) = state?;
        if let Some(bytes) = receiver.recv().await {
            return Some((Ok(bytes), Some((receiver, packing, failed))));
        }
        let Err(error) = packing.await.unwrap_or_else(|error| Err(panicked(error))) else {
            return None;
        };
        let _ = failed.send(error);
        Some((Err(io::ErrorKind::Other.into()), None))
    })
}

/// What the engine is sent.
struct Context {
    folder: Option<PathBuf>,
    ignore: Ignore,
    /// The Dockerfile's name in the archive.
    dockerfile: String,
    /// Its text.
    text: String,
    /// The text of `.dockerignore`.
    ignored: String,
    args: HashMap<String, String>,
}

impl Context {
    fn read(options: &BuildOptions) -> Result<Self> {
        let folder = options.context.clone();
        let path = |name: &str| folder.as_deref().unwrap_or(Path::new("")).join(name);
        let read = |path: PathBuf| {
            let failed = |error: io::Error| Error::file(path.display(), error);
            // A pipe would be waited for.
            if !std::fs::metadata(&path).map_err(failed)?.is_file() {
                return Err(Error::file(path.display(), "it's no file"));
            }
            std::fs::read_to_string(&path).map_err(failed)
        };
        let mut ignored = None;
        if folder.is_some() && path(ignore::NAME).exists() {
            ignored = Some(read(path(ignore::NAME))?);
        }
        let ignore = Ignore::parse(ignored.as_deref().unwrap_or_default())?;
        let (dockerfile, text) = match &options.dockerfile {
            Some(text) => (format!(".dockerfile-{}", Uuid::new_v4()), text.clone()),
            None => {
                let name = ignore::clean(options.file.as_deref().unwrap_or("Dockerfile"));
                let text = read(path(&name))?;
                (name, text)
            }
        };
        let mut own = String::new();
        if options.dockerfile.is_some() {
            // The engine takes out of the build what it needed only for itself.
            own = format!("\n{dockerfile}\n");
            if ignored.is_none() {
                own += ignore::NAME;
            }
        }
        Ok(Self {
            folder,
            ignore,
            dockerfile,
            text,
            ignored: ignored.unwrap_or_default() + &own,
            args: options.args.clone().unwrap_or_default(),
        })
    }

    fn pack(self, sender: mpsc::Sender<Bytes>) -> Result<()> {
        let mut more = vec![(self.dockerfile, self.text.into_bytes())];
        if !self.ignored.is_empty() {
            more.push((ignore::NAME.into(), self.ignored.into_bytes()));
        }
        let writer = Pipe::writer(sender);
        tree::pack(self.folder.as_deref(), &self.ignore, &more, writer)
    }

    /// Those of the registries that base images are to be pulled from.
    async fn credentials(
        &self,
        engine: &Engine,
        pull: bool,
    ) -> Result<HashMap<String, DockerCredentials>> {
        let mut found = HashMap::new();
        for name in froms(&self.text) {
            let name = expand(name, &self.text, &self.args);
            let registry = image::registry(&name);
            if found.contains_key(registry) {
                continue;
            }
            match image::inspect(engine, &name).await {
                Ok(Some(_)) if !pull => continue,
                // Whether it's a name is for the builder to say.
                Err(Error::Refused { .. }) => continue,
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            let credentials = image::credentials(registry).await;
            if let Some(credentials) = credentials.map_err(|reason| unbuilt(&name, reason))? {
                found.insert(registry.to_owned(), credentials);
            }
        }
        Ok(found)
    }
}

/// The name with the values of `$NAME` and `${NAME}`: the caller's, or those that the
/// Dockerfile's `ARG` says.
fn expand(name: &str, text: &str, args: &HashMap<String, String>) -> String {
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"\$\{?([A-Za-z_]\w*)\}?"));
    static ARG: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?im)^[ \t]*ARG[ \t]+([A-Za-z_]\w*)="?([^\s"]*)"#));
    let said: HashMap<&str, &str> = ARG
        .captures_iter(text)
        .map(|found| found.extract())
        .map(|(_, [name, value])| (name, value))
        .collect();
    let value = |found: &Captures| {
        let given = args.get(&found[1]).map(String::as_str);
        let value = given.or_else(|| said.get(&found[1]).copied());
        value.unwrap_or_default().to_owned()
    };
    VARIABLE.replace_all(name, value).into_owned()
}

fn unbuilt(image: &str, reason: String) -> Error {
    Error::Build {
        step: format!("FROM {image}"),
        output: String::new(),
        reason,
    }
}

/// The images that a Dockerfile's text begins stages with.
fn froms(text: &str) -> impl Iterator<Item = &str> {
    static FROM: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)"));
    let found = FROM.captures_iter(text);
    found.filter_map(|found| Some(found.get(1)?.as_str()))
}

/// The step that a build is at, and what it has printed.
#[derive(Default)]
struct Step {
    name: String,
    output: String,
}

impl Step {
    fn follow(&mut self, text: &str) {
        /// What the engine says itself, and the colour that it gives to stderr.
        static ITS_OWN: LazyLock<Regex> = LazyLock::new(|| {
            regex(
                r"^ ---> (?:Running in )?[0-9a-f]{12}\n$|^ ---> Using cache\n$|^Removing intermediate container [0-9a-f]{12}\n$|\x1b\[91m|\x1b\[0m",
            )
        });
        if text.starts_with("Step ") {
            self.name = text.trim().into();
            self.output.clear();
            return;
        }
        self.output += &ITS_OWN.replace_all(text, "");
        if self.output.len() > 2 * OUTPUT {
            let end = self.output.len() - OUTPUT;
            let end = (end..).find(|at| self.output.is_char_boundary(*at));
            self.output.drain(..end.unwrap_or_default());
        }
    }

    fn failed(self, error: Error) -> Error {
        match error {
            Error::Refused { message, .. } => Error::Build {
                step: self.name,
                output: self.output,
                reason: message,
            },
            error => error,
        }
    }
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("it's a regular expression")
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::file("the context", error)
}
