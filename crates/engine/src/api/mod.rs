//! Every command of the window, declared once: the lists below generate the dispatcher, the names, and the TypeScript
//! for the UI.
//!
//! A command takes one struct of parameters and gives one result, both plain JSON. [`app`] has those that need no
//! project, [`project`] those that work on the window's project, [`reddit`] those about Reddit, [`study`] those about
//! the permissions of the study.

pub mod app;
pub mod project;
pub mod reddit;
pub mod study;
pub mod typescript;

use repartee_core::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The TypeScript signature of one command.
pub(crate) struct Declared {
    pub name: &'static str,
    pub doc: &'static str,
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

/// Declares commands: `/// what it does`, `"name" => function: Params => Result`.
macro_rules! commands {
    ($on:ty { $(#[doc = $doc:literal] $name:literal => $function:expr, $params:ty => $result:ty;)* }) => {
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
                params: types.name_of::<$params>(),
                result: types.name_of::<$result>(),
            }),*]
        }
    };
}
pub(crate) use commands;
