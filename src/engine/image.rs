//! Gets images: by the engine's pull, with the credentials that docker's own configuration
//! holds.

use bollard::auth::DockerCredentials;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptions;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use futures_util::StreamExt;

use super::transport::{Engine, engine_error};
use crate::error::{Error, Result};

/// The key of Docker Hub's entry in docker's configuration.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What the engine knows of the image, if it has it.
pub async fn inspect(engine: &Engine, image: &str) -> Result<Option<ImageInspect>> {
    match engine.docker().inspect_image(image).await {
        Ok(image) => Ok(Some(image)),
        Err(error) => match engine_error(&format!("inspect image {image}"), error) {
            Error::Refused { status: 404, .. } => Ok(None),
            error => Err(error),
        },
    }
}

/// Pulls the image; without a tag or digest, `latest`. `progress` gets every status line.
/// Dropping the future ends the pull.
///
/// # Errors
/// [`Error::ImageNotFound`] where the registry has no such image (or hides it),
/// [`Error::Pull`] for everything else that ends a pull; both with the engine's own words.
pub async fn pull(
    engine: &Engine,
    image: &str,
    platform: &str,
    mut progress: impl FnMut(CreateImageInfo),
) -> Result<()> {
    let options = CreateImageOptions {
        from_image: Some(with_tag(image)),
        platform: platform.into(),
        ..Default::default()
    };
    let credentials = credentials(registry(image))
        .await
        .map_err(|reason| failed(image, reason))?;
    let mut lines = engine
        .docker()
        .create_image(Some(options), None, credentials);
    while let Some(line) = lines.next().await {
        match line {
            Ok(info) => progress(info),
            Err(error) => return Err(refused(image, engine_error("pull", error))),
        }
    }
    if inspect(engine, image).await?.is_some() {
        return Ok(());
    }
    Err(failed(
        image,
        "the engine's answer ended before the image was there: try again".into(),
    ))
}

fn refused(image: &str, error: Error) -> Error {
    match error {
        Error::Refused {
            status: 404,
            message,
            ..
        } => Error::ImageNotFound {
            image: image.into(),
            reason: message,
        },
        Error::Refused { message, .. }
            if message.contains("not found") || message.contains("manifest unknown") =>
        {
            Error::ImageNotFound {
                image: image.into(),
                reason: message,
            }
        }
        Error::Refused { message, .. } | Error::Lost(message) => failed(image, message),
        other => other,
    }
}

fn failed(image: &str, reason: String) -> Error {
    Error::Pull {
        image: image.into(),
        reason,
    }
}

/// Without a tag the engine would pull every one.
fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.contains([':', '@']) {
        true => image.into(),
        false => format!("{image}:latest"),
    }
}

/// The registry of an image, as docker's configuration names it. The first part of a name
/// is a registry when it could be no user of Docker Hub.
pub fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
        _ => DOCKER_HUB,
    }
}

/// Credentials from docker's `config.json` or the helpers that it names; none where none
/// are configured.
pub async fn credentials(registry: &str) -> Result<Option<DockerCredentials>, String> {
    let server = registry.to_owned();
    let found = tokio::task::spawn_blocking(move || docker_credential::get_credential(&server));
    let found = found.await.map_err(|error| error.to_string())?;
    let mut credentials = DockerCredentials {
        serveraddress: Some(registry.into()),
        ..Default::default()
    };
    match found {
        Ok(DockerCredential::IdentityToken(token)) => credentials.identitytoken = Some(token),
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            credentials.username = Some(user);
            credentials.password = Some(password);
        }
        Err(error) => return without(registry, error).map(|()| None),
    }
    Ok(Some(credentials))
}

/// Whether a pull can do without the credentials that couldn't be had.
fn without(registry: &str, error: CredentialRetrievalError) -> Result<(), String> {
    use CredentialRetrievalError as Cause;
    let words = |text: &str| text.contains("credentials not found");
    match &error {
        Cause::NoCredentialConfigured | Cause::ConfigNotFound | Cause::ConfigReadError => Ok(()),
        Cause::HelperFailure { stdout, stderr, .. } if words(stdout) || words(stderr) => Ok(()),
        _ => Err(format!(
            "credentials for {registry}: {error}: check docker's config.json"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_latest() {
        for (image, pulled) in [
            ("ubuntu", "ubuntu:latest"),
            ("ubuntu:24.04", "ubuntu:24.04"),
            ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000/a:1"),
            ("a@sha256:0", "a@sha256:0"),
        ] {
            assert_eq!(with_tag(image), pulled);
        }
    }

    #[test]
    fn a_registry_is_known_by_its_name() {
        for (image, host) in [
            ("ubuntu", DOCKER_HUB),
            ("library/ubuntu", DOCKER_HUB),
            ("localhost/a", "localhost"),
            ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000"),
            ("registry.example/a", "registry.example"),
        ] {
            assert_eq!(registry(image), host);
        }
    }
}
