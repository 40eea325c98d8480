//! The browser of a login, as far as the Reddit sandbox needs one.

use std::io::{Read, Write};
use std::net::TcpStream;

use repartee_fake_reddit::Fake;

/// A parameter of a URL.
pub fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').expect("a query").1;
    let pair = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    pair.expect("a parameter").to_owned()
}

/// Requests a URL and returns the head of the answer.
fn get(address: &str) -> String {
    let rest = address.strip_prefix("http://").expect("plain HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("a connection");
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: Mozilla/5.0\r\nconnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    head.to_owned()
}

/// Requests a URL and returns its redirect target.
pub fn location(address: &str) -> String {
    let head = get(address);
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("location: "));
    line.expect("a redirect")["location: ".len()..].to_owned()
}

/// Registers an app of the sandbox with the redirect URL of this login, whose port is any free one.
pub fn register(fake: &Fake, client_id: &str, address: &str) {
    let ends = parameter(address, "redirect_uri")
        .replace("%3A", ":")
        .replace("%2F", "/");
    let mut world = fake.world();
    world.apps.get_mut(client_id).expect("an app").redirect = ends;
}

/// Opens the URL of a login and follows Reddit's redirect to the port of the waiting program.
pub fn log_in(address: &str) {
    let head = get(&location(address));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}
