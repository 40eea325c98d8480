//! Commands and flags keep working under their old names, and no help shows these.
#![allow(clippy::unwrap_used)]

use clap::{CommandFactory, Parser};

use crate::cli::Cli;

#[test]
fn commands_and_flags_are_understood_under_their_old_names() {
    for (old, new) in [
        (
            "evaluate judge --side val",
            "evaluate judge --partition val",
        ),
        (
            "export pairs out.csv --split main --side val",
            "export pairs out.csv --split main --partition val",
        ),
        ("reddit practice --port 1", "reddit sandbox --port 1"),
        ("reddit upkeep", "reddit maintenance"),
        (
            "reddit untwin 3 --seen x",
            "reddit delete-duplicates 3 --seen x",
        ),
        ("reddit permit tea --look", "reddit permit tea --preview"),
        (
            "reddit settle 1 --again --seen x",
            "reddit resolve 1 --resend --seen x",
        ),
        ("reddit accounts go bot", "reddit accounts resume bot"),
        (
            "reddit accounts stop bot --why x",
            "reddit accounts stop bot --reason x",
        ),
        ("reddit login --anew", "reddit login --force"),
        (
            "reddit opt-out u/someone --why x",
            "reddit opt-out u/someone --reason x",
        ),
        ("queue reject 1 --why x", "queue reject 1 --reason x"),
        (
            "train generator --batch 4 --lr 1e-3",
            "train generator --batch-size 4 --learning-rate 1e-3",
        ),
        ("job on-failure abc go-on", "job on-failure abc continue"),
    ] {
        let read = |line: &str| {
            let words = std::iter::once("repartee").chain(line.split(' '));
            format!("{:?}", Cli::try_parse_from(words).unwrap())
        };
        assert_eq!(read(old), read(new));
    }
}

#[test]
fn no_help_shows_an_old_name() {
    fn walk(command: &mut clap::Command) {
        let help = command.render_long_help().to_string();
        for old in ["--side", "--look", "practice ", "upkeep ", "untwin "] {
            assert!(
                !help.contains(old),
                "{} shows {old}:\n{help}",
                command.get_name()
            );
        }
        command.get_subcommands_mut().for_each(walk);
    }
    walk(&mut Cli::command());
}
