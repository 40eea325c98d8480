//! Rows with a value that cannot be read: the error names the row, and a list omits it without hiding the others.

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Error as Sql, Row};

use crate::items::ItemKind;
use crate::words::UnknownWord;
use crate::{Result, Store};

/// A value that cannot be read (invalid UTF-8, another type), with its place.
#[derive(Debug, thiserror::Error)]
#[error("{what} {id}, {column}: {why}")]
pub(crate) struct BadValue {
    /// pair, comment, reply, ...
    what: &'static str,
    id: String,
    column: String,
    why: String,
}

/// What is wrong with a value, and the column of the query; `None`: the error is of another kind.
fn fault(error: &Sql) -> Option<(usize, String)> {
    match error {
        Sql::Utf8Error(at, _) => Some((*at, "it has bytes that are not UTF-8".to_owned())),
        Sql::InvalidColumnType(at, _, kind) => Some((*at, format!("it is of type {kind}"))),
        Sql::IntegralValueOutOfRange(at, n) => Some((*at, format!("{n} is out of range"))),
        Sql::FromSqlConversionFailure(at, _, why)
            if !why.is::<UnknownWord>() && !why.is::<BadValue>() =>
        {
            Some((*at, why.to_string()))
        }
        _ => None,
    }
}

/// The message of an error about one value, with its place as far as it is known; `None`: the error is of another kind.
pub(crate) fn bad_value(error: &Sql) -> Option<String> {
    match error {
        Sql::FromSqlConversionFailure(_, _, why) if why.is::<BadValue>() => Some(why.to_string()),
        error => fault(error).map(|(_, why)| why),
    }
}

/// Reads a row like `read`; the error of a value that cannot be read names the row. The first column of the query is
/// its id.
pub(crate) fn of_row<T>(
    what: &'static str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> impl Fn(&Row<'_>) -> rusqlite::Result<T> {
    move |row| {
        read(row).map_err(|error| match fault(&error) {
            None => error,
            Some((at, why)) => {
                let column = row
                    .as_ref()
                    .column_name(at)
                    .unwrap_or("a column")
                    .to_owned();
                let id = match row.get_ref(0) {
                    Ok(ValueRef::Integer(id)) => id.to_string(),
                    Ok(ValueRef::Text(id)) => String::from_utf8_lossy(id).into_owned(),
                    _ => "without an id".to_owned(),
                };
                let bad = BadValue {
                    what,
                    id,
                    column,
                    why,
                };
                Sql::FromSqlConversionFailure(at, Type::Text, bad.into())
            }
        })
    }
}

/// The rows that can be read; one with an unreadable value (invalid UTF-8, another type) is omitted, and the check of
/// the file names it.
pub(crate) fn readable<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> Result<Vec<T>> {
    let mut good = Vec::new();
    for row in rows {
        match row {
            Ok(row) => good.push(row),
            Err(
                error @ (Sql::Utf8Error(..)
                | Sql::FromSqlConversionFailure(..)
                | Sql::IntegralValueOutOfRange(..)
                | Sql::InvalidColumnType(..)),
            ) => tracing::warn!("an unreadable row was left out: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(good)
}

impl Store {
    /// The numbers of all items of a kind, including unreadable ones.
    pub fn item_numbers(&self, kind: ItemKind) -> Result<Vec<i64>> {
        let (table, is_there) = (kind.table(), kind.is_there(""));
        self.numbers(&format!(
            "SELECT id FROM {table} WHERE {is_there} ORDER BY id"
        ))
    }

    /// The numbers of all replies in the queue, including unreadable ones.
    pub fn reply_numbers(&self) -> Result<Vec<i64>> {
        self.numbers("SELECT id FROM reply ORDER BY id")
    }

    fn numbers(&self, sql: &str) -> Result<Vec<i64>> {
        self.read(|db| {
            let mut query = db.prepare(sql)?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
