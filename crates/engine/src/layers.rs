//! The order of the areas: a file uses only its own area and those below it. That of the crates is kept by the
//! compiler; see ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up. What is in none of these is on top: commands, the list of jobs, the state of windows, the demo.
const AREAS: [&str; 7] = [
    "items",
    "data",
    "bases",
    "training",
    "queue",
    "generation",
    "evaluation",
];

/// What every area may use: the re-exports of `lib.rs` are lower crates, `Engine` and its traits.
fn is_shared(name: &str) -> bool {
    let lib = include_str!("lib.rs");
    let declared = format!("mod {name};");
    !lib.lines().any(|line| line.ends_with(&declared))
}

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

/// What uses something above it: `data/pairs.rs uses training`.
fn violations(file: &str, source: &str) -> Vec<String> {
    let rank = |area: &str| AREAS.iter().position(|known| *known == area);
    let own = name(
        file.split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs"),
    );
    let Some(own) = rank(own) else {
        return Vec::new();
    };
    let above = |name: &&str| match rank(name) {
        Some(other) => other > own,
        None => !is_shared(name),
    };
    let found = used(source).into_iter().filter(above);
    found.map(|name| format!("{file} uses {name}")).collect()
}

#[test]
fn no_area_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    assert!(all.len() > AREAS.len());
    for area in AREAS {
        let is_there = root.join(area).is_dir() || root.join(format!("{area}.rs")).is_file();
        assert!(is_there, "no area {area}");
    }
    let mut wrong = Vec::new();
    for path in &all {
        let file = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        wrong.extend(violations(&file, &fs::read_to_string(path).unwrap()));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_uses_something_above_it_is_named() {
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
    ] {
        assert_eq!(violations(file, source).join(", "), wrong);
    }
}
