//! Which engine: what each option, variable and file means. Nothing is connected.

use docker_exec_napi::Error;
use docker_exec_napi::engine::endpoint::context::Environment;
use docker_exec_napi::engine::endpoint::{Endpoint, EngineOptions, candidates, port};

type Change = fn(&mut EngineOptions);

/// The endpoint for some options and no environment, or the refusal's message.
fn named(change: Change) -> Result<String, String> {
    let mut options = EngineOptions::default();
    change(&mut options);
    match candidates(&options, &Environment::default()) {
        Ok(endpoints) => Ok(endpoints.iter().map(Endpoint::to_string).collect()),
        Err(Error::Argument(message)) => Err(message),
        Err(other) => panic!("not an argument error: {other:?}"),
    }
}

fn host(options: &mut EngineOptions, host: &str) {
    options.host = Some(host.into());
}

fn pem() -> Option<Vec<u8>> {
    Some(b"SECRET".to_vec())
}

#[test]
fn every_spelling_of_the_options_has_its_meaning() {
    #[rustfmt::skip] // one line a rule
    let table: &[(Change, &str)] = &[
        (|o| o.socket_path = Some("/run/d.sock".into()), "unix:///run/d.sock"),
        (|o| o.socket_path = Some("unix:///run/d.sock".into()), "unix:///run/d.sock"),
        (|o| o.socket_path = Some(r"\\.\pipe\docker".into()), "npipe:////./pipe/docker"),
        (|o| { host(o, ""); o.port = Some(4243) }, "tcp://127.0.0.1:4243"),
        (|o| o.port = Some(4243), "tcp://127.0.0.1:4243"),
        (|o| host(o, "127.0.0.1"), "tcp://127.0.0.1:2375"),
        (|o| { host(o, "http://127.0.0.1"); o.port = Some(4243) }, "tcp://127.0.0.1:4243"),
        (|o| { host(o, "http://127.0.0.1/"); o.port = Some(4243) }, "tcp://127.0.0.1:4243"),
        (|o| host(o, "tcp://1.2.3.4:2375"), "tcp://1.2.3.4:2375"),
        (|o| { host(o, "tcp://1.2.3.4:99"); o.port = Some(99) }, "tcp://1.2.3.4:99"),
        (|o| host(o, "TCP://build-1.example"), "tcp://build-1.example:2375"),
        (|o| host(o, "[::1]"), "tcp://[::1]:2375"),
        (|o| host(o, "::1"), "tcp://[::1]:2375"),
        (|o| host(o, "tcp://[fe80::1]:99"), "tcp://[fe80::1]:99"),
        (|o| host(o, "https://docker.example"), "https://docker.example:2376"),
        (|o| { host(o, "h"); o.protocol = Some("https".into()) }, "https://h:2376"),
        (|o| { host(o, "http://h"); o.protocol = Some("https".into()) }, "https://h:2376"),
        (|o| { host(o, "h"); o.ca = pem() }, "https://h:2376"),
        (|o| { host(o, "tcp://h:99"); o.cert = pem(); o.key = pem() }, "https://h:99"),
        (|o| { host(o, "h"); o.protocol = Some("http".into()) }, "tcp://h:2375"),
        (|o| host(o, "ssh://me@h:2222"), "ssh://me@h:2222"),
        (|o| { host(o, "me@h"); o.protocol = Some("ssh".into()) }, "ssh://me@h"),
        (|o| host(o, "unix:///run/d.sock"), "unix:///run/d.sock"),
        (|o| host(o, "npipe:////./pipe/d"), "npipe:////./pipe/d"),
    ];
    for (row, (change, endpoint)) in table.iter().enumerate() {
        assert_eq!(named(*change).as_deref(), Ok(*endpoint), "row {row}");
    }
}

#[test]
fn contradictions_are_refused_with_what_to_do() {
    #[rustfmt::skip] // one line a rule
    let table: &[(Change, &str)] = &[
        (|o| { o.socket_path = Some("/s".into()); host(o, "h") }, "give one or the other"),
        (|o| { o.socket_path = Some("/s".into()); o.ca = pem() }, "give one or the other"),
        (|o| { host(o, "h"); o.key = pem() }, "key is given without cert"),
        (|o| { host(o, "h"); o.cert = pem() }, "cert is given without key"),
        (|o| { host(o, "h"); o.protocol = Some("ftp".into()) }, "one of http, https, ssh"),
        (|o| host(o, "ftp://h"), "\"ftp\" is not one of unix"),
        (|o| { host(o, "tcp://h:1"); o.port = Some(2) }, "has port 1 in it, but port is 2"),
        (|o| o.port = Some(0), "1 to 65535"),
        (|o| host(o, "tcp://h:65536"), "not a number from 1 to 65535"),
        (|o| host(o, "tcp://h:"), "not a number from 1 to 65535"),
        (|o| host(o, "tcp://h/path"), "not an engine's address"),
        (|o| host(o, "tcp://[::1"), "not an engine's address"),
        (|o| host(o, "two words"), "not an engine's address"),
        (|o| host(o, "tcp://me@h"), "only ssh:// takes"),
        (|o| { host(o, "https://h"); o.protocol = Some("http".into()) }, "contradict"),
        (|o| { host(o, "h"); o.protocol = Some("http".into()); o.ca = pem() }, "contradict"),
        (|o| { host(o, "unix:///s"); o.port = Some(1) }, "is a local socket"),
        (|o| host(o, "unix://s"), "three slashes"),
        (|o| o.ca = pem(), "need a host"),
        (|o| o.protocol = Some("https".into()), "need a host"),
        (|o| host(o, "ssh://-oProxyCommand=x"), "not"),
        (|o| host(o, "ssh://-h"), "not ssh://user@host:port"),
        (|o| host(o, "ssh://"), "not ssh://user@host:port"),
        (|o| host(o, "ssh://me:word@h"), "not ssh://user@host:port"),
    ];
    for (row, (change, message)) in table.iter().enumerate() {
        let refusal = named(*change).expect_err(&format!("row {row}"));
        assert!(refusal.contains(message), "row {row}: {refusal}");
    }
    assert!(port("70000").is_err() && port("").is_err() && port("4243") == Ok(4243));
}

#[test]
fn debug_output_never_shows_keys() {
    let (ca, cert, key) = (pem(), pem(), pem());
    let options = EngineOptions {
        host: Some("h".into()),
        ca,
        cert,
        key,
        ..Default::default()
    };
    let endpoints = candidates(&options, &Environment::default()).unwrap();
    let output = format!("{options:?} {endpoints:?}");
    let bytes = format!("{:?}", &b"SECRET"[..]);
    assert!(!output.contains("SECRET") && !output.contains(bytes.trim_matches(['[', ']'])));
}
