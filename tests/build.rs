//! Sets the cfg `shared` where the folder of real data exists. Tests that need it are ignored elsewhere, with a reason,
//! so that cargo counts them: `#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]`.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=REPARTEE_SHARED");
    println!("cargo::rustc-check-cfg=cfg(shared)");
    // as `shared` in src/lib.rs
    let folder = match std::env::var_os("REPARTEE_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    };
    if folder.is_dir() {
        println!("cargo::rustc-cfg=shared");
    }
}
