//! Every command of the window, declared once: the lists below generate the dispatcher, the names, and the TypeScript
//! for the UI.
//!
//! A command takes one struct of parameters and gives one result, both plain JSON. [`app`] has those that need no
//! project, [`project`] those that work on the window's project, [`reddit`] those about Reddit, [`study`] those about
//! the permissions of the study.
//!
//! A query also declares which families of tables it reads: the window repeats it when one of them changes. Names that
//! are only joined in do not count: a rename announces a change of every family.

pub mod app;
pub mod project;
pub mod reddit;
pub mod study;
pub mod typescript;

use std::sync::Arc;

use repartee_core::error::{Error, Result};
use repartee_store::watch::Family;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Engine;

/// The TypeScript signature of one command.
pub(crate) struct Declared {
    pub name: &'static str,
    pub doc: &'static str,
    /// Families of tables that a query reads, none if its result is constant; `None` for a command that acts.
    pub reads: Option<&'static [Family]>,
    pub params: String,
    pub result: String,
}

/// Reads a command's parameters.
fn read<T: DeserializeOwned>(name: &str, params: &Value) -> Result<T> {
    // `null` or nothing: called without parameters
    let given = if params.is_null() {
        &Value::Object(serde_json::Map::new())
    } else {
        params
    };
    T::deserialize(given).map_err(|e| Error::usage(format!("{name}: {e}")))
}

/// Writes a command's result.
fn write<T: Serialize>(result: Result<T>) -> Result<Value> {
    serde_json::to_value(result?)
        .map_err(|e| Error::internal(format!("a result does not fit into JSON: {e}")))
}

/// The queries, each with the families of tables that it declares; none: its result is constant.
pub fn queries() -> Vec<(&'static str, &'static [Family])> {
    let mut types = typescript::Types::new();
    declared(&mut types)
        .into_iter()
        .filter_map(|command| Some((command.name, command.reads?)))
        .collect()
}

/// Answers a command on a project; `None` if there is no such command.
pub fn call(engine: &Arc<Engine>, name: &str, params: &Value) -> Option<Result<Value>> {
    project::call(engine, name, params)
        .or_else(|| reddit::call(engine, name, params))
        .or_else(|| study::call(engine, name, params))
}

/// Every command, in the order of the lists.
pub(crate) fn declared(types: &mut typescript::Types) -> Vec<Declared> {
    let mut all = app::declared(types);
    all.extend(project::declared(types));
    all.extend(reddit::declared(types));
    all.extend(study::declared(types));
    all
}

/// Declares commands: `/// what it does`, `"name" => function, Params => Result`, for a query with
/// `reads [Family, ..]` after its name.
macro_rules! commands {
    ($on:ty { $(
        #[doc = $doc:literal]
        $name:literal $(reads [$($family:ident),*])? => $function:expr, $params:ty => $result:ty;
    )* }) => {
        /// Answers a command of this list; `None` when it is not in it.
        pub(crate) fn call(on: &$on, name: &str, params: &serde_json::Value) -> Option<repartee_core::error::Result<serde_json::Value>> {
            match name {
                $($name => {
                    let function: fn(&$on, $params) -> repartee_core::error::Result<$result> = $function;
                    Some(super::read(name, params).and_then(|params: $params| super::write(function(on, params))))
                })*
                _ => None,
            }
        }

        /// The TypeScript signatures of this list, and the types they name.
        pub(crate) fn declared(types: &mut super::typescript::Types) -> Vec<super::Declared> {
            vec![$(super::Declared {
                name: $name,
                doc: $doc,
                reads: <[&'static [repartee_store::watch::Family]]>::first(
                    &[$(&[$(repartee_store::watch::Family::$family),*])?]
                ).copied(),
                params: types.name_of::<$params>(),
                result: types.name_of::<$result>(),
            }),*]
        }
    };
}
pub(crate) use commands;
