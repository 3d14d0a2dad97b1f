//! What can't be reached: each reason, in the words that a user sees, over real sockets.

use std::time::Duration;

use docker_exec_napi::Error;
use docker_exec_napi::engine::endpoint::EngineOptions;
use docker_exec_napi::engine::endpoint::context::Environment;
use docker_exec_napi::engine::transport::Engine;

mod fakes;
use fakes::authority::Authority;
use fakes::{Fake, Reply, engine, http};

/// The lines and the advice for options that lead nowhere.
async fn refusal(mut options: EngineOptions) -> (Vec<String>, String) {
    options.timeout.get_or_insert(Duration::from_secs(10));
    match Engine::connect_in(&options, &Environment::default()).await {
        Err(Error::Unreachable { tried, advice }) => (tried, advice),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("connected"),
    }
}

/// Checks the one line's words and the advice.
async fn says(options: EngineOptions, words: &str, advised: &str) {
    let (tried, advice) = refusal(options).await;
    assert_eq!(tried.len(), 1);
    assert!(tried[0].contains(words), "{tried:?}");
    assert!(advice.contains(advised), "{advice}");
}

fn pem(text: String) -> Option<Vec<u8>> {
    Some(text.into_bytes())
}

#[tokio::test]
async fn a_socket_that_is_not_there() {
    let folder = fakes::folder();
    let path = folder.join("none.sock");
    let socket_path = Some(path.to_str().unwrap().to_owned());
    let options = EngineOptions {
        socket_path,
        ..Default::default()
    };
    says(
        options.clone(),
        "none.sock: no such socket",
        "systemctl start docker",
    )
    .await;
    std::fs::write(&path, "").unwrap();
    says(options, "refused: nothing listens there", "running").await;
}

#[tokio::test]
async fn a_port_where_nothing_listens() {
    let (_fake, options) = Fake::tcp(engine, None).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = EngineOptions {
        port: Some(port),
        ..options
    };
    says(options, "refused: nothing listens there", "-H tcp://").await;
}

#[tokio::test]
async fn a_host_that_has_no_address() {
    let host = Some("none-such.invalid".to_owned());
    let options = EngineOptions {
        host,
        ..Default::default()
    };
    says(
        options,
        "tcp://none-such.invalid:2375: no such host",
        "spelling",
    )
    .await;
}

#[tokio::test]
async fn an_engine_that_never_answers() {
    let (_fake, mut options) = Fake::unix(|_| Reply::Silence);
    options.timeout = Some(Duration::from_millis(200));
    says(
        options,
        "no answer within 200 ms",
        "raise the option timeout",
    )
    .await;
}

#[tokio::test]
async fn something_that_closes_at_once() {
    let (_fake, options) = Fake::unix(|_| Reply::Close);
    says(
        options,
        "closed the connection without an answer",
        "try again",
    )
    .await;
    let (_fake, options) = Fake::tcp(|_| Reply::Close, None).await;
    says(
        options,
        "closed the connection without an answer",
        "protocol: 'https'",
    )
    .await;
}

#[tokio::test]
async fn something_that_is_not_an_engine() {
    let (_fake, options) = Fake::unix(|_| Reply::Raw("220 mail ready\r\n\r\n".into()));
    says(
        options,
        "not like a Docker engine (not HTTP)",
        "Something else listens",
    )
    .await;
    let (_fake, options) = Fake::unix(|_| http("200 OK", "", "<html>\nIt works"));
    says(options, "(HTTP 200: <html>)", "Something else listens").await;
    let (_fake, options) = Fake::unix(|_| http("403 Forbidden", "Api-Version: 1.41\r\n", "no"));
    says(options, "(HTTP 403: no)", "Something else listens").await;
}

#[tokio::test]
async fn plain_http_to_an_engine_that_speaks_tls() {
    let (_fake, options) = Fake::tcp(
        |_| {
            http(
                "400 Bad Request",
                "",
                "Client sent an HTTP request to an HTTPS server.\n",
            )
        },
        None,
    )
    .await;
    says(options, "it speaks TLS", "protocol: 'https'").await;
    let (_fake, options) = Fake::tcp(engine, Some(Authority::new().server("127.0.0.1"))).await;
    says(options, "(not HTTP)", "protocol: 'https'").await;
}

#[tokio::test]
async fn tls_to_an_engine_that_speaks_plain_http() {
    let (_fake, mut options) = Fake::tcp(
        |_| Reply::Raw("HTTP/1.1 400 Bad Request\r\n\r\n".into()),
        None,
    )
    .await;
    options.protocol = Some("https".into());
    options.ca = pem(Authority::new().pem);
    says(options, "it speaks plain HTTP", "Leave out ca").await;
}

#[tokio::test]
async fn tls_with_a_client_certificate_works() {
    let authority = Authority::new();
    let (fake, mut options) = Fake::tcp(engine, Some(authority.server("127.0.0.1"))).await;
    let (cert, key) = authority.sign("client");
    (options.ca, options.cert, options.key) = (pem(authority.pem), pem(cert), pem(key));
    let engine = Engine::connect_in(&options, &Environment::default())
        .await
        .unwrap();
    assert!(
        engine
            .endpoint()
            .to_string()
            .starts_with("https://127.0.0.1:")
    );
    engine.docker().list_containers(None).await.unwrap();
    engine.hijack("/containers/x/attach", None).await.unwrap();
    assert_eq!(fake.asked()[1], "GET /v1.41/containers/json");
}

#[tokio::test]
async fn certificates_that_do_not_hold() {
    let authority = Authority::new();
    let (_fake, options) = Fake::tcp(engine, Some(authority.server("127.0.0.1"))).await;
    let with = |ca: &Authority| EngineOptions {
        ca: pem(ca.pem.clone()),
        ..options.clone()
    };
    says(
        with(&Authority::new()),
        "its certificate can't be trusted",
        "as ca",
    )
    .await;
    says(
        with(&authority),
        "rejected the TLS connection: CertificateRequired",
        "give cert",
    )
    .await;
    let (cert, key) = Authority::new().sign("client");
    let strange = EngineOptions {
        cert: pem(cert),
        key: pem(key),
        ..with(&authority)
    };
    says(
        strange,
        "rejected the TLS connection",
        "its own authority signed",
    )
    .await;
    let (_fake, options) = Fake::tcp(engine, Some(authority.server("other.example"))).await;
    let options = EngineOptions {
        ca: pem(authority.pem),
        ..options
    };
    says(
        options,
        "not valid for name",
        "a host that the certificate is for",
    )
    .await;
}

#[tokio::test]
async fn certificates_that_are_none_are_argument_errors() {
    let authority = Authority::new();
    let ((cert, key), (_, other)) = (authority.sign("a"), authority.sign("b"));
    let table = [
        (
            Some("/path/ca.pem".into()),
            None,
            None,
            "ca holds no certificate",
        ),
        (
            None,
            Some(cert.clone()),
            Some("SECRET".into()),
            "key holds no unencrypted",
        ),
        (
            None,
            Some("?".into()),
            Some(key),
            "cert holds no certificate",
        ),
        (None, Some(cert), Some(other), "cert and key don't fit"),
    ];
    for (ca, cert, key, message) in table {
        let ca = ca
            .or_else(|| Some(authority.pem.clone()))
            .map(String::into_bytes);
        let (cert, key) = (cert.map(String::into_bytes), key.map(String::into_bytes));
        let options = EngineOptions {
            host: Some("h".into()),
            ca,
            cert,
            key,
            ..Default::default()
        };
        let error = Engine::connect_in(&options, &Environment::default())
            .await
            .err()
            .unwrap();
        assert_eq!(error.code(), "ERR_INVALID_ARG_VALUE");
        assert!(error.to_string().contains(message) && !error.to_string().contains("SECRET"));
    }
}
