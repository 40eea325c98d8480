//! Tauri's build step. Writes an empty page if the window's files are not built, so that
//! `cargo check` needs no Node.

use std::path::Path;

fn main() {
    let dist = Path::new("../ui/dist");
    if !dist.join("index.html").exists() {
        let page = "<!doctype html><title>Repartee</title><p>The window's files are not built. Run make app.</p>\n";
        let written = std::fs::create_dir_all(dist)
            .and_then(|()| std::fs::write(dist.join("index.html"), page));
        if let Err(error) = written {
            println!("cargo::warning={}: {error}", dist.display());
        }
    }
    println!("cargo::rerun-if-changed=../ui/dist");
    let commands =
        tauri_build::AppManifest::new().commands(&["rpc", "window_new", "notify", "open_outside"]);
    if let Err(error) =
        tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))
    {
        println!("cargo::error={error:#}");
    }
}
