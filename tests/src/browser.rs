//! The browser in which a person logs in, as far as a fake Reddit needs one.

use std::io::{Read, Write};
use std::net::TcpStream;

use repartee_fake_reddit::Fake;

/// A parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').expect("a query").1;
    let pair = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    pair.expect("a parameter").to_owned()
}

/// Asks for an address and gives the head of the answer.
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

/// Asks for an address and gives the one it leads to, where the browser would go on.
pub fn location(address: &str) -> String {
    let head = get(address);
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("location: "));
    line.expect("a redirect")["location: ".len()..].to_owned()
}

/// Registers an app of the fake with the address at which this login ends: its port is any that was free.
pub fn register(fake: &Fake, client_id: &str, address: &str) {
    let ends = parameter(address, "redirect_uri")
        .replace("%3A", ":")
        .replace("%2F", "/");
    let mut world = fake.world();
    world.apps.get_mut(client_id).expect("an app").redirect = ends;
}

/// Visits the address of a login and goes where Reddit sends it, to the port of the program that waits.
pub fn log_in(address: &str) {
    let head = get(&location(address));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}
