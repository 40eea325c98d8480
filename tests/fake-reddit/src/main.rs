//! `fake-reddit [--port N] [--seed N] [--posts N]`: serves until it is killed; says on its first line
//! where.

use std::process::ExitCode;

use repartee_fake_reddit::{ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Options, PASSWORD};

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        let read = match arg.as_str() {
            "--port" => value.parse().map(|port| options.port = port).is_ok(),
            "--seed" => value.parse().map(|seed| options.seed = seed).is_ok(),
            "--posts" => value.parse().map(|posts| options.posts = posts).is_ok(),
            _ => false,
        };
        if !read {
            eprintln!("usage: fake-reddit [--port N] [--seed N] [--posts N]; got {arg} {value}");
            return ExitCode::from(2);
        }
    }
    match Fake::start(options) {
        Ok(fake) => {
            println!("{}", fake.base());
            println!(
                "client id {CLIENT_ID}, secret {CLIENT_SECRET}, account {ACCOUNT}, password {PASSWORD}"
            );
            fake.serve_for_ever();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot listen on 127.0.0.1:{}: {error}", options.port);
            ExitCode::from(2)
        }
    }
}
