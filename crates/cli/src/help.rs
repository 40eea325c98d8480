//! Snapshots of `--help` of every command. To accept a change: `INSTA_UPDATE=always cargo test -p repartee-cli`.

use clap::Command;

/// The help of a command and of its subcommands, each below a line with its path.
fn help(command: &Command, path: &str, text: &mut String) {
    let shown = command.clone().render_long_help();
    text.push_str(&format!("$ {path} --help\n{shown}\n"));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        help(sub, &format!("{path} {}", sub.get_name()), text);
    }
}

#[test]
fn help_of_every_command() {
    let mut root = crate::command();
    // Flags of all commands are in the help of `repartee` itself; elsewhere they would only repeat.
    let common: Vec<String> = root
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .map(|arg| arg.get_id().to_string())
        .collect();
    insta::assert_snapshot!("repartee", root.render_long_help().to_string());
    let mut root = common.iter().fold(crate::command(), |root, id| {
        root.mut_arg(id, |arg| arg.hide(true))
    });
    root.build();
    for command in root.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = command.get_name();
        let mut text = String::new();
        help(command, &format!("repartee {name}"), &mut text);
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn old_names_of_commands_and_flags_still_work() {
    for old in [
        "reddit practice",
        "reddit upkeep",
        "reddit settle 1 --again --seen HASH",
        "reddit untwin 1",
        "reddit accounts go some_bot",
        "reddit accounts stop some_bot --why x",
        "reddit login --anew",
        "reddit permit Sub --look",
        "reddit opt-out u/someone --why x",
        "queue reject 1 --why x",
        "evaluate judge --side val",
        "export pairs pairs.csv --split main --side test",
        "job on-failure abc go-on",
        "base remove small",
    ] {
        let args = ["repartee"].into_iter().chain(old.split(' '));
        let parsed = crate::command().try_get_matches_from(args);
        assert!(parsed.is_ok(), "{old}: {}", parsed.unwrap_err());
    }
}
