//! Writes the TypeScript API and the charts' style sheet into the UI's source: `cargo run -p repartee-engine --example
//! typescript`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src");
    for (file, content) in repartee_engine::api::typescript::files() {
        std::fs::write(ui.join(file), content)?;
        println!("{file}");
    }
    Ok(())
}
