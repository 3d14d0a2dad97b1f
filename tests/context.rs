//! Which engine when the caller doesn't say: variables, docker contexts, the usual sockets.

use std::path::PathBuf;

use docker_exec_napi::Error;
use docker_exec_napi::engine::endpoint::context::Environment;
use docker_exec_napi::engine::endpoint::{Endpoint, EngineOptions, candidates};

mod fakes;
use fakes::Folder;

/// The endpoints' names, or the refusal's message.
fn shown(options: &EngineOptions, environment: &Environment) -> Result<String, String> {
    match candidates(options, environment) {
        Ok(endpoints) => Ok(endpoints
            .iter()
            .map(Endpoint::to_string)
            .collect::<Vec<_>>()
            .join(" ")),
        Err(Error::Argument(message)) => Err(message),
        Err(other) => panic!("not an argument error: {other:?}"),
    }
}

/// A machine with a home of its own.
struct Machine(Environment, Folder);

/// One with these variables.
fn machine(variables: &[(&str, &str)]) -> Machine {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let home = fakes::folder();
    let environment = Environment {
        variables: variables.iter().map(own).collect(),
        home: Some(home.to_path_buf()),
        uid: Some(1000),
    };
    Machine(environment, home)
}

/// Where an environment leads, without options.
fn leads(Machine(environment, _): &Machine) -> Result<String, String> {
    shown(&EngineOptions::default(), environment)
}

#[test]
fn without_anything_the_usual_sockets_are_tried_in_order() {
    let plain = machine(&[]);
    let home = plain.1.display();
    let expected = format!(
        "unix:///var/run/docker.sock unix:///run/user/1000/docker.sock \
         unix://{home}/.docker/run/docker.sock unix://{home}/.docker/desktop/docker.sock \
         unix://{home}/.colima/default/docker.sock unix:///run/user/1000/podman/podman.sock \
         unix:///run/podman/podman.sock"
    );
    assert_eq!(leads(&plain), Ok(expected.clone()));
    let mut options = EngineOptions {
        host: Some(String::new()),
        ..Default::default()
    };
    options.socket_path = Some(String::new());
    assert_eq!(shown(&options, &plain.0), Ok(expected));
    let other = leads(&machine(&[("XDG_RUNTIME_DIR", "/xdg")])).unwrap();
    assert!(
        other.contains(" unix:///xdg/docker.sock ") && other.contains("/xdg/podman/podman.sock")
    );
}

#[test]
fn options_come_before_docker_host_and_docker_host_before_the_context() {
    let machine = machine(&[
        ("DOCKER_HOST", "tcp://env:1"),
        ("DOCKER_CONTEXT", "none such"),
    ]);
    let options = EngineOptions {
        host: Some("opt".into()),
        ..Default::default()
    };
    assert_eq!(shown(&options, &machine.0).as_deref(), Ok("tcp://opt:2375"));
    assert_eq!(leads(&machine).as_deref(), Ok("tcp://env:1"));
}

#[test]
fn docker_host_means_what_it_means_to_docker() {
    for (value, endpoint) in [
        ("unix:///s", "unix:///s"),
        ("tcp://h", "tcp://h:2375"),
        ("http://h:1", "tcp://h:1"),
        ("tcp://:4243", "tcp://127.0.0.1:4243"),
        ("https://h:1", "https://h:1"),
        ("npipe:////./pipe/d", "npipe:////./pipe/d"),
        ("ssh://me@h", "ssh://me@h"),
    ] {
        assert_eq!(
            leads(&machine(&[("DOCKER_HOST", value)])).as_deref(),
            Ok(endpoint)
        );
    }
    let refusal = leads(&machine(&[("DOCKER_HOST", "fd://")])).unwrap_err();
    assert!(refusal.starts_with("DOCKER_HOST: "), "{refusal}");
}

#[test]
fn docker_tls_verify_turns_tls_on_with_the_files_of_docker_cert_path() {
    let folder = fakes::folder();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let path = folder.to_str().unwrap();
    let tls = [
        ("DOCKER_HOST", "tcp://h"),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", path),
    ];
    let endpoints = candidates(&EngineOptions::default(), &machine(&tls).0).unwrap();
    let Endpoint::Tls {
        port: 2376,
        tls: files,
        ..
    } = &endpoints[0]
    else {
        panic!("{endpoints:?}")
    };
    assert_eq!(files.ca.as_deref(), Some(&b"ca.pem"[..]));
    assert_eq!(
        files.identity,
        Some((b"cert.pem".to_vec(), b"key.pem".to_vec()))
    );
    // Without a path the files are those of docker's own folder.
    let own = [
        ("DOCKER_HOST", "tcp://h"),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CONFIG", path),
    ];
    assert_eq!(
        candidates(&EngineOptions::default(), &machine(&own).0).unwrap(),
        endpoints
    );
    std::fs::remove_file(folder.join("key.pem")).unwrap();
    assert!(
        leads(&machine(&tls))
            .unwrap_err()
            .contains("cert is given without key")
    );
    let missing = [tls[0], tls[1], ("DOCKER_CERT_PATH", "/none/such")];
    assert!(
        leads(&machine(&missing))
            .unwrap_err()
            .contains("\"/none/such\" is not a folder")
    );
}

/// A docker configuration with a context `far` of this meta.json's inner part.
fn with_context(current: &str, endpoint: &str) -> (Machine, PathBuf) {
    let machine = machine(&[]);
    let config = machine.1.join(".docker");
    let meta = config.join("contexts/meta/abc");
    std::fs::create_dir_all(&meta).unwrap();
    std::fs::write(
        config.join("config.json"),
        format!(r#"{{"currentContext": {current:?}}}"#),
    )
    .unwrap();
    let text = format!(r#"{{"Name": "far", "Metadata": {{}}, "Endpoints": {{{endpoint}}}}}"#);
    std::fs::write(meta.join("meta.json"), text).unwrap();
    (machine, config)
}

#[test]
fn the_current_context_is_followed() {
    let (mut machine, config) = with_context("far", r#""docker": {"Host": "tcp://far:1"}"#);
    assert_eq!(leads(&machine).as_deref(), Ok("tcp://far:1"));
    let tls = config.join("contexts/tls/abc/docker");
    std::fs::create_dir_all(&tls).unwrap();
    std::fs::write(tls.join("ca.pem"), "ca").unwrap();
    assert_eq!(leads(&machine).as_deref(), Ok("https://far:1"));
    machine
        .0
        .variables
        .insert("DOCKER_CONTEXT".into(), "default".into());
    assert!(
        leads(&machine)
            .unwrap()
            .starts_with("unix:///var/run/docker.sock ")
    );
    machine
        .0
        .variables
        .insert("DOCKER_CONTEXT".into(), "near".into());
    assert!(
        leads(&machine)
            .unwrap_err()
            .contains("\"near\" does not exist")
    );
    let (machine, _) = with_context("default", "");
    assert!(
        leads(&machine)
            .unwrap()
            .starts_with("unix:///var/run/docker.sock ")
    );
}

#[test]
fn a_context_that_cannot_be_used_is_refused_by_name() {
    let table = [
        (
            r#""docker": {"Host": "tcp://h", "SkipTLSVerify": true}"#,
            "skips the check",
        ),
        (r#""kubernetes": {}"#, "\"far\" has no docker endpoint"),
        (
            r#""docker": {"Host": "ftp://h"}"#,
            "docker context \"far\": ",
        ),
    ];
    for (endpoint, message) in table {
        let refusal = leads(&with_context("far", endpoint).0).unwrap_err();
        assert!(refusal.contains(message), "{refusal}");
    }
    let (machine, config) = with_context("far", "");
    std::fs::write(config.join("config.json"), "{").unwrap();
    assert!(leads(&machine).unwrap_err().contains("config.json: "));
}
