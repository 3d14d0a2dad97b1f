//! The transport against engines made of a few lines: paths, versions, time limits, errors,
//! and connections taken over.

use std::time::Duration;

use bollard::query_parameters::{CreateImageOptions, WaitContainerOptions};
use docker_exec_napi::Error;
use docker_exec_napi::engine::endpoint::EngineOptions;
use docker_exec_napi::engine::endpoint::context::Environment;
use docker_exec_napi::engine::transport::{Engine, engine_error};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod fakes;
use fakes::{Fake, Reply, engine, http};

async fn connect(options: &EngineOptions) -> Result<Engine, Error> {
    Engine::connect_in(options, &Environment::default()).await
}

async fn list(engine: &Engine) -> Result<usize, Error> {
    let listed = engine.docker().list_containers(None).await;
    let listed = listed.map_err(|error| engine_error("list containers", error))?;
    Ok(listed.len())
}

/// A newer engine than ours.
fn newer(request: &str) -> Reply {
    match request.contains("/_ping") {
        true => http("200 OK", "Api-Version: 9.1\r\n", "OK"),
        false => engine(request),
    }
}

/// An engine that answers a ping, and then nothing more.
fn mute(request: &str) -> Reply {
    if request.contains("/_ping") {
        engine(request)
    } else {
        Reply::Silence
    }
}

fn failing(request: &str) -> Reply {
    match request {
        ping if ping.contains("/_ping") => engine(ping),
        attach if attach.contains("/attach") => {
            http("404 Not Found", "", r#"{"message":"No such container: x"}"#)
        }
        exec if exec.contains("/exec/") => http("500 Internal Server Error", "", "plain words\n"),
        pull if pull.contains("/images/create") => http(
            "200 OK",
            "",
            "{\"errorDetail\":{\"message\":\"no disk\"},\"error\":\"no disk\"}\n",
        ),
        _ => Reply::Close,
    }
}

#[tokio::test]
async fn the_negotiated_version_is_in_the_path_through_bollard_and_directly() {
    let (fake, options) = Fake::unix(engine);
    let engine = connect(&options).await.unwrap();
    assert_eq!(engine.version(), "1.41");
    assert_eq!(list(&engine).await, Ok(0));
    engine
        .hijack("/containers/x/attach?stream=1", None)
        .await
        .unwrap();
    let expected = [
        "GET /_ping",
        "GET /v1.41/containers/json",
        "POST /v1.41/containers/x/attach?stream=1",
    ];
    assert_eq!(fake.asked()[..3], expected);
}

#[tokio::test]
async fn against_a_newer_engine_our_own_version_is_spoken() {
    let (_fake, options) = Fake::tcp(newer, None).await;
    let engine = connect(&options).await.unwrap();
    let bollards = engine.docker().client_version();
    let ours = bollard::API_DEFAULT_VERSION;
    assert_eq!(
        engine.version(),
        format!("{}.{}", ours.major_version, ours.minor_version)
    );
    assert_eq!(bollards.minor_version, ours.minor_version);
}

#[tokio::test]
async fn an_engine_that_names_no_version_gets_the_oldest() {
    let (_fake, options) = Fake::unix(|_| http("200 OK", "", "OK"));
    assert_eq!(connect(&options).await.unwrap().version(), "1.24");
}

#[tokio::test]
async fn a_pinned_version_is_spoken_whatever_the_engine_says() {
    for pinned in ["1.30", "v1.30"] {
        let (fake, mut options) = Fake::unix(newer);
        options.version = Some(pinned.into());
        let engine = connect(&options).await.unwrap();
        assert_eq!(list(&engine).await, Ok(0));
        assert_eq!(fake.asked()[1], "GET /v1.30/containers/json");
    }
    for nonsense in ["", "1", "1.", "v", "1.x", "1.41.1", "+1.4", "latest"] {
        let options = EngineOptions {
            version: Some(nonsense.into()),
            ..Default::default()
        };
        let refused = connect(&options).await.err().unwrap();
        assert!(
            refused.to_string().contains("is not an API version"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn requests_share_connections() {
    let (fake, options) = Fake::unix(engine);
    let engine = connect(&options).await.unwrap();
    for _ in 0..20 {
        list(&engine).await.unwrap();
    }
    assert!(!fake.asked().contains(&"closed".into()));
    drop(engine);
    fake.noted("closed").await;
}

#[tokio::test]
async fn the_first_engine_that_answers_is_taken() {
    let (_fake, options) = Fake::unix(engine);
    let socket = options.socket_path.unwrap();
    let runtime = socket.strip_suffix("/docker.sock").unwrap();
    let variables = [("XDG_RUNTIME_DIR".into(), runtime.into())].into();
    let environment = Environment {
        variables,
        ..Default::default()
    };
    let limit = EngineOptions {
        timeout: Some(Duration::from_secs(5)),
        ..Default::default()
    };
    let engine = Engine::connect_in(&limit, &environment).await.unwrap();
    // On a machine with an engine of its own, that one comes first.
    let own = std::os::unix::net::UnixStream::connect("/var/run/docker.sock").is_ok();
    assert!(own || engine.endpoint().to_string() == format!("unix://{socket}"));
}

#[tokio::test]
async fn an_engine_that_says_nothing_is_a_timeout_error_in_milliseconds() {
    let (_fake, mut options) = Fake::unix(mute);
    options.timeout = Some(Duration::from_millis(500));
    let engine = connect(&options).await.unwrap();
    let after = Duration::from_millis(500);
    let timeout = Error::Timeout {
        doing: "GET /containers/json".into(),
        after,
    };
    assert_eq!(list(&engine).await, Err(timeout));
    let timeout = Error::Timeout {
        doing: "POST /containers/x/attach".into(),
        after,
    };
    assert_eq!(
        engine.hijack("/containers/x/attach?a=b", None).await.err(),
        Some(timeout)
    );
}

#[tokio::test]
async fn work_that_is_answered_when_it_is_done_has_no_time_limit() {
    let (_fake, mut options) = Fake::unix(mute);
    options.timeout = Some(Duration::from_millis(500));
    let engine = connect(&options).await.unwrap();
    let mut waiting = engine
        .docker()
        .wait_container("x", None::<WaitContainerOptions>);
    let long = Duration::from_secs(1);
    assert!(tokio::time::timeout(long, waiting.next()).await.is_err());
    let mut pulling = engine
        .docker()
        .create_image(None::<CreateImageOptions>, None, None);
    assert!(tokio::time::timeout(long, pulling.next()).await.is_err());
}

#[tokio::test]
async fn a_hijacked_connection_is_bytes_both_ways_and_closes_when_dropped() {
    let (fake, options) = Fake::tcp(engine, None).await;
    let engine = connect(&options).await.unwrap();
    let body = Some(json!({ "Detach": false }));
    let mut hijacked = engine.hijack("/containers/x/attach", body).await.unwrap();
    hijacked.write_all(b"\0\x01\xffbytes").await.unwrap();
    let mut echo = [0; 8];
    hijacked.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"\0\x01\xffbytes");
    assert!(!fake.asked().contains(&"closed".into()));
    drop(hijacked);
    fake.noted("closed").await;
    assert_eq!(list(&engine).await, Ok(0));
}

#[tokio::test]
async fn shutting_a_hijacked_connection_down_closes_one_half() {
    let (_fake, options) = Fake::unix(engine);
    let engine = connect(&options).await.unwrap();
    let mut hijacked = engine.hijack("/containers/x/attach", None).await.unwrap();
    hijacked.write_all(b"last words").await.unwrap();
    hijacked.shutdown().await.unwrap();
    let mut echo = String::new();
    hijacked.read_to_string(&mut echo).await.unwrap();
    assert_eq!(echo, "last words");
}

#[tokio::test]
async fn a_refusal_carries_the_engines_words() {
    let (_fake, options) = Fake::unix(failing);
    let engine = connect(&options).await.unwrap();
    let refused = |doing: &str, status, message: &str| {
        let (doing, message) = (doing.into(), message.into());
        Some(Error::Refused {
            doing,
            status,
            message,
        })
    };
    let attach = engine
        .hijack("/containers/x/attach?stdin=1", None)
        .await
        .err();
    assert_eq!(
        attach,
        refused("POST /containers/x/attach", 404, "No such container: x")
    );
    let exec = engine.hijack("/exec/x/start", None).await.err();
    assert_eq!(exec, refused("POST /exec/x/start", 500, "plain words"));
    let pull = CreateImageOptions {
        from_image: Some("i".into()),
        ..Default::default()
    };
    let pulled = engine
        .docker()
        .create_image(Some(pull), None, None)
        .next()
        .await
        .unwrap();
    let pulled = pulled.err().map(|error| engine_error("pull i", error));
    assert_eq!(pulled, refused("pull i", 200, "no disk"));
}

#[tokio::test]
async fn a_success_that_hands_nothing_over_is_a_protocol_error() {
    let (_fake, options) = Fake::unix(engine);
    let engine = connect(&options).await.unwrap();
    let error = engine.hijack("/something/else", None).await.err().unwrap();
    assert!(
        matches!(&error, Error::Protocol(words) if words.contains("instead of 101")),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost_and_an_engine_that_went_away_is_unreachable() {
    let (_fake, options) = Fake::unix(failing);
    let engine = connect(&options).await.unwrap();
    let lost = list(&engine).await.unwrap_err();
    assert!(
        matches!(&lost, Error::Lost(words) if words.contains("closed")),
        "{lost}"
    );
    std::fs::remove_file(options.socket_path.unwrap()).unwrap();
    let gone = list(&engine).await.unwrap_err();
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone}");
}
