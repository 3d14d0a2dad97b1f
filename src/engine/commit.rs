//! Makes an image of what a container has become.

use std::collections::HashMap;

use bollard::models::ContainerConfig;
use bollard::query_parameters::CommitContainerOptions;
use serde::Deserialize;

use super::transport::{Engine, engine_error};
use super::{container, image, options, owner, spec};
use crate::error::{Error, Result};

/// What the image is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CommitOptions {
    /// `name` or `name:tag`.
    tag: Option<String>,
    message: Option<String>,
    author: Option<String>,
    /// Added to the container's.
    labels: HashMap<String, String>,
}

impl CommitOptions {
    /// Reads `commit()`'s options, as JSON.
    ///
    /// # Errors
    /// [`Error::Argument`], by name.
    pub fn parse(text: &str) -> Result<Self> {
        let options: Self = options::read("commit", options::json(text)?)?;
        match options.tag.as_deref() {
            Some(tag) if tag.is_empty() || tag.starts_with(':') => {
                let message =
                    format!("commit option tag needs a name: name or name:tag, not {tag:?}");
                Err(Error::Argument(message))
            }
            _ => Ok(options),
        }
    }
}

/// Makes an image of the container's files, and gives its id. It starts what the container's
/// own image starts, and has none of our labels.
pub async fn commit(engine: &Engine, container: &str, options: CommitOptions) -> Result<String> {
    let base = container::image(engine, container).await?;
    let base = image::inspect(engine, &base).await?;
    let base = base.and_then(|image| image.config).unwrap_or_default();
    // The engine fills in what isn't said, from the container.
    let config = ContainerConfig {
        entrypoint: Some(base.entrypoint.unwrap_or_default()),
        cmd: Some(base.cmd.unwrap_or_default()),
        healthcheck: base.healthcheck,
        labels: Some(unowned().chain(options.labels).collect()),
        ..ContainerConfig::default()
    };
    let (repo, tag) = split(options.tag.as_deref().unwrap_or_default());
    let query = CommitContainerOptions {
        container: Some(container.into()),
        repo,
        tag,
        comment: options.message,
        author: options.author,
        // An engine that pauses a container in which a process is just being started waits for
        // that one for ever, and so does whoever wants to end the container.
        pause: false,
        changes: None,
    };
    let committed = engine.docker().commit_container(query, config).await;
    let committed = committed.map_err(|error| engine_error("commit container", error))?;
    Ok(committed.id)
}

/// Our labels, without a value: leaving them out would leave them as they are.
fn unowned() -> impl Iterator<Item = (String, String)> {
    let ours = [spec::LABEL, spec::HELLO].map(String::from).into_iter();
    let owners = owner::labels().map(|(name, _)| name);
    ours.chain(owners).map(|name| (name, String::new()))
}

/// A name and a tag; a port of a registry is no tag.
fn split(name: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (some(name), some(tag)),
        _ => (some(name), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_after_the_last_colon_that_is_no_port() {
        for (whole, name, tag) in [
            ("", None, None),
            ("a", Some("a"), None),
            ("a:1", Some("a"), Some("1")),
            ("127.0.0.1:5000/a", Some("127.0.0.1:5000/a"), None),
            ("127.0.0.1:5000/a:1", Some("127.0.0.1:5000/a"), Some("1")),
        ] {
            assert_eq!(split(whole), (name.map(Into::into), tag.map(Into::into)));
        }
    }
}
