//! The engine for the component tests of the window's page: see `window.rs`.

use std::path::Path;
use std::process::ExitCode;

use repartee_tests::window;

const USAGE: &str = "usage: engine-under-test sample FOLDER | serve FOLDER";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["sample", folder] => window::make_sample(Path::new(folder)),
        ["serve", folder] => window::serve(Path::new(folder)),
        ["window", config, project, quiet] => {
            use_own_keychain();
            window::window(Path::new(config), Path::new(project), *quiet == "quiet");
        }
        ["work", project, job] => {
            use_own_keychain();
            if repartee_engine::kinds::work(Path::new(project), job).is_err() {
                return ExitCode::FAILURE;
            }
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// A keychain of this process's own: no test reads or changes that of the machine.
fn use_own_keychain() {
    if let Ok(store) = keyring_core::mock::Store::new() {
        keyring_core::set_default_store(store);
    }
}
