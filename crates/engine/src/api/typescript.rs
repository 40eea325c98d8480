//! The TypeScript API, generated from the Rust types, so that the two cannot drift apart.

use std::collections::BTreeMap;

use ts_rs::{Config, TS, TypeVisitor};

use super::Declared;
use crate::app_state::AppEvent;
use crate::kinds;

/// The declarations of all types named so far.
pub(crate) struct Types {
    config: Config,
    declarations: BTreeMap<String, String>,
}

impl Types {
    pub(crate) fn new() -> Self {
        Self {
            // ids that do not fit a JavaScript number are strings already
            config: Config::default().with_large_int("number"),
            declarations: BTreeMap::new(),
        }
    }

    /// The name of a type where it is used; declares it and everything it contains.
    pub(crate) fn name_of<T: TS + ?Sized + 'static>(&mut self) -> String {
        self.visit::<T>();
        T::name(&self.config)
    }
}

impl TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // library types (numbers, lists) have no declaration
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            if self.declarations.contains_key(&name) {
                return;
            }
            let docs = T::docs().map(|docs| comment(&docs, "")).unwrap_or_default();
            let declaration = T::decl(&self.config);
            self.declarations
                .insert(name, format!("{docs}export {}\n", tidy(&declaration)));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// A declaration with each field on a line of its own, and its comment on one line above it.
fn tidy(declaration: &str) -> String {
    let mut out = String::new();
    let mut lines = declaration.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line != "/**" {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let words = lines.by_ref().take_while(|line| *line != "*/");
        let words: Vec<&str> = words
            .map(|line| line.trim_start_matches('*').trim())
            .collect();
        out.push_str(&format!("  /** {} */\n  ", words.join(" ")));
    }
    out.trim_end().to_owned()
}

/// Text as a TypeScript comment.
fn comment(text: &str, indent: &str) -> String {
    let text = text.trim();
    if text.starts_with("/**") {
        return format!("{indent}{text}\n");
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    match lines.as_slice() {
        [one] => format!("{indent}/** {one} */\n"),
        many => {
            let body: String = many
                .iter()
                .map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n")
                .collect();
            format!("{indent}/**\n{body}{indent} */\n")
        }
    }
}

fn commands(out: &mut String, declared: &[Declared]) {
    for command in declared {
        out.push_str(&comment(command.doc, "  "));
        out.push_str(&format!(
            "  {:?}: {{ params: {}; result: {} }};\n",
            command.name, command.params, command.result
        ));
    }
}

/// The families of tables that each query reads, as a constant.
fn reads(out: &mut String, declared: &[Declared]) {
    out.push_str(
        "\n/** The families of tables that each query reads: when one of them changes, its results are stale. */\n\
         export const READS = {\n",
    );
    for command in declared {
        if let Some(families) = command.reads {
            let families: Vec<String> = families
                .iter()
                .map(|family| format!("{:?}", family.as_str()))
                .collect();
            out.push_str(&format!(
                "  {:?}: [{}],\n",
                command.name,
                families.join(", ")
            ));
        }
    }
    out.push_str("} as const satisfies { readonly [C in keyof Commands]?: readonly Family[] };\n");
}

/// The generated files, by their path below `ui/src`.
pub fn files() -> [(&'static str, String); 2] {
    let css = format!(
        "/* Written by `cargo run -p repartee-engine --example typescript`; a test fails when it is stale. */\n\n{}",
        repartee_charts::page_css()
    );
    [("host/api.ts", api()), ("chart/chart.css", css)]
}

/// Every type, the map of commands, the map of jobs, the events, and what each query reads.
fn api() -> String {
    let mut types = Types::new();
    let declared = super::declared(&mut types);
    let jobs = kinds::declared(&mut types);
    types.visit::<AppEvent>();
    let mut out = String::from(
        "// Written by `cargo run -p repartee-engine --example typescript`; a test fails when it is stale.\n\n",
    );
    for declaration in types.declarations.values() {
        out.push_str(declaration);
        out.push('\n');
    }
    out.push_str("/** Every command by name, with its parameters and result. */\nexport interface Commands {\n");
    commands(&mut out, &declared);
    out.push_str("}\n\n/** Every kind of job, with its parameters and outcome. */\nexport interface Jobs {\n");
    for (kind, params, outcome) in jobs {
        out.push_str(&format!(
            "  {kind:?}: {{ params: {params}; outcome: {outcome} }};\n"
        ));
    }
    out.push_str("}\n");
    reads(&mut out, &declared);
    out
}
