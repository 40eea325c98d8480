//! A pseudo-terminal for a command: types input, and records output.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs a command in a terminal. Each pair is a text to wait for and the input to type then. Returns whether it
/// succeeded, and everything the terminal received.
///
/// # Panics
/// If the system provides no terminal, or the command ends before everything was typed.
pub fn run(mut command: Command, typed: &[(&str, &str)]) -> (bool, String) {
    // neither becomes the terminal of this process
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("the terminal is ours");
    unlockpt(&master).expect("the terminal opens");
    let name = ptsname(&master, Vec::<u8>::new()).expect("its name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&name, flags, Mode::empty()).expect("its other end");
    let (mut master, slave) = (File::from(master), File::from(slave));
    command
        .stdin(slave.try_clone().expect("the terminal"))
        .stdout(slave.try_clone().expect("the terminal"))
        .stderr(slave);
    let mut child = command.spawn().expect("the command starts");
    // the command has its end; ours would keep the terminal open
    drop(command);
    let mut shown = Vec::new();
    let mut typed = typed.iter();
    let mut next = typed.next();
    let mut looked = 0;
    let mut bytes = [0; 4096];
    // the end of the last process in a terminal is reported as an I/O error
    while let Ok(n @ 1..) = master.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..n]);
        if let Some((waited, line)) = next {
            let new = String::from_utf8_lossy(&shown[looked..]);
            if new.contains(waited) {
                looked = shown.len();
                master.write_all(line.as_bytes()).expect("typed");
                next = typed.next();
            }
        }
    }
    let ended = child.wait().expect("the command ends");
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(next.is_none(), "{next:?} was not asked for: {shown}");
    (ended.success(), shown)
}
