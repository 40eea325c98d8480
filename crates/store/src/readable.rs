//! Lists in which one unreadable row does not hide the others.

use rusqlite::Error as Sql;

use crate::items::ItemKind;
use crate::{Result, Store};

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
