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
