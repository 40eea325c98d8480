//! The order of the files of the engine and of the command line: each uses only its own area and those below it. The
//! order of the crates is kept by the compiler; see ARCHITECTURE.md.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

struct Layers {
    /// The folder of the sources.
    src: &'static str,
    /// Files and folders, from the bottom up. What is not listed is on top of all.
    areas: &'static [&'static str],
}

const ENGINE: Layers = Layers {
    src: "../crates/engine/src",
    areas: &[
        "items",
        "data",
        "bases",
        "training",
        "queue",
        "generation",
        "evaluation",
    ],
};

const COMMAND_LINE: Layers = Layers {
    src: "../crates/cli/src",
    areas: &[
        "terminal",
        "out",
        "flags",
        "watch",
        "columns",
        "editor",
        "preempt",
        "app",
        "confirm",
        "bundle",
        "cluster",
        "items",
        "study",
        "data",
        "models",
        "training",
        "generation",
        "queue",
        "evaluation",
        "jobs",
        "bench",
        "project",
        "reddit",
    ],
};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// The first names after `crate::`, also in groups: `crate::{Engine, data::pairs}`.
fn used(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, head) in source.match_indices("crate::") {
        // `repartee_core::`, `$crate::`
        if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &source[at + head.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(name(rest));
            continue;
        };
        let (mut depth, mut expects) = (1, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => expects = true,
                c if expects && !c.is_whitespace() => {
                    found.push(name(&group[i..]));
                    expects = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

impl Layers {
    fn rank(&self, area: &str) -> Option<usize> {
        self.areas.iter().position(|known| *known == area)
    }

    /// What uses something above it: `data/pairs.rs uses training`. `modules` are those that `lib.rs` declares; any
    /// other name is a re-export of a lower crate. Tests may use everything.
    fn violations(&self, modules: &[String], file: &str, source: &str) -> Vec<String> {
        let first = file.split('/').next().unwrap_or_default();
        let Some(own) = self.rank(first.trim_end_matches(".rs")) else {
            return Vec::new();
        };
        let above = |name: &&str| match self.rank(name) {
            Some(other) => other > own,
            None => modules.iter().any(|module| module == name),
        };
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let found = used(code).into_iter().filter(above);
        found.map(|name| format!("{file} uses {name}")).collect()
    }
}

#[test]
fn no_area_uses_one_above_it() {
    for layers in [ENGINE, COMMAND_LINE] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(layers.src);
        let modules: Vec<String> = fs::read_to_string(root.join("lib.rs"))
            .unwrap()
            .lines()
            .filter_map(|line| {
                line.strip_suffix(';')?
                    .split("mod ")
                    .nth(1)
                    .map(str::to_owned)
            })
            .collect();
        for area in layers.areas {
            assert!(
                modules.iter().any(|module| module == area),
                "no area {area}"
            );
        }
        let mut all = Vec::new();
        files(&root, &mut all);
        assert!(all.len() > layers.areas.len());
        let mut wrong = Vec::new();
        for path in &all {
            let file = path.strip_prefix(&root).unwrap().to_string_lossy();
            let source = fs::read_to_string(path).unwrap();
            wrong.extend(layers.violations(&modules, &file.replace('\\', "/"), &source));
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}

#[test]
fn what_uses_something_above_it_is_named() {
    let modules = ["items", "data", "training", "queue", "api", "generation"].map(str::to_owned);
    for (file, source, wrong) in [
        (
            "data/pairs.rs",
            "use crate::training::Train;",
            "data/pairs.rs uses training",
        ),
        (
            "items.rs",
            "crate::{Engine, data::{a, b}}",
            "items.rs uses data",
        ),
        (
            "queue.rs",
            "fn f() { crate::api::x() }",
            "queue.rs uses api",
        ),
        (
            "evaluation/chart.rs",
            "use crate::{Engine, data::x, generation::y};",
            "",
        ),
        ("api/app.rs", "use crate::evaluation::chart;", ""),
        (
            "items.rs",
            "use repartee_crate::data; use crate::error::Error;",
            "",
        ),
        (
            "items.rs",
            "use crate::Engine; #[cfg(test)] mod tests { use crate::data; }",
            "",
        ),
    ] {
        assert_eq!(ENGINE.violations(&modules, file, source).join(", "), wrong);
    }
}
