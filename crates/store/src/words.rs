//! Words of the tables as values. Each enum has its words once; a word that it does not know is damage, never another
//! value.

use std::str::FromStr;

use repartee_datasets::Partition;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};

/// A word that this version does not know, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{column} of the row {row} is {word:?}, which this version of Repartee does not know")]
pub(crate) struct UnknownWord {
    /// Table and column: "run.kind".
    column: &'static str,
    /// Its id.
    row: String,
    word: String,
}

/// The word in a column as a value. The first column of the query is the row's id.
pub(crate) fn word<T: FromStr>(
    row: &Row<'_>,
    at: usize,
    column: &'static str,
) -> rusqlite::Result<T> {
    let word = row.get_ref(at)?.as_str()?;
    match word.parse() {
        Ok(value) => Ok(value),
        Err(_) => Err(unknown(row, at, column, word.to_owned(), Type::Text)?),
    }
}

/// The number in a column as a partition; any other number than those of the three is damage, too. The first column of
/// the query is the row's id.
pub(crate) fn partition(
    row: &Row<'_>,
    at: usize,
    column: &'static str,
) -> rusqlite::Result<Partition> {
    let number: i64 = row.get(at)?;
    match Partition::from_number(number) {
        Some(partition) => Ok(partition),
        None => Err(unknown(row, at, column, number.to_string(), Type::Integer)?),
    }
}

fn unknown(
    row: &Row<'_>,
    at: usize,
    column: &'static str,
    word: String,
    kind: Type,
) -> rusqlite::Result<rusqlite::Error> {
    let row = match row.get_ref(0)? {
        ValueRef::Integer(id) => id.to_string(),
        id => id.as_str()?.to_owned(),
    };
    let unknown = UnknownWord { column, row, word };
    Ok(rusqlite::Error::FromSqlConversionFailure(
        at,
        kind,
        unknown.into(),
    ))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::Error;
    use crate::bases::BaseKind;
    use crate::fakes::FinishReason;
    use crate::jobs::{JobState, Want};
    use crate::queue::ReplyState;
    use crate::runs::{ModelKind, Role};

    fn read<T: FromStr>(text: &str) -> crate::Result<T> {
        let db = Connection::open_in_memory().expect("a database");
        let row = |row: &Row<'_>| word(row, 1, "table.column");
        Ok(db.query_row("SELECT 7, ?1", [text], row)?)
    }

    #[test]
    fn unknown_words_are_damage_that_names_table_row_and_word() {
        fn refused<T: FromStr + std::fmt::Debug>() {
            for text in ["", "Done", "done ", "another"] {
                let error = read::<T>(text).expect_err(text);
                assert!(matches!(error, Error::Damaged(_)), "{error:?}");
                let said = error.to_string();
                for part in ["table.column", "row 7", &format!("{text:?}")] {
                    assert!(said.contains(part), "{said}");
                }
            }
        }
        refused::<ModelKind>();
        refused::<Role>();
        refused::<JobState>();
        refused::<Want>();
        refused::<FinishReason>();
        refused::<BaseKind>();
        refused::<ReplyState>();
    }

    #[test]
    fn unknown_partitions_are_damage_that_names_table_row_and_number() {
        let read = |number: i64| -> crate::Result<Partition> {
            let db = Connection::open_in_memory().expect("a database");
            let row = |row: &Row<'_>| partition(row, 1, "table.side");
            Ok(db.query_row("SELECT 7, ?1", [number], row)?)
        };
        for partition in Partition::ALL {
            assert_eq!(read(partition as i64).expect("known"), partition);
        }
        for number in [-1, 3, 77, i64::MAX] {
            let error = read(number).expect_err("unknown");
            assert!(matches!(error, Error::Damaged(_)), "{error:?}");
            let said = error.to_string();
            for part in ["table.side", "row 7", &format!("\"{number}\"")] {
                assert!(said.contains(part), "{said}");
            }
        }
    }

    #[test]
    fn words_are_read_as_they_were_written() {
        for state in ReplyState::ALL {
            assert_eq!(read::<ReplyState>(state.as_str()).expect("known"), *state);
        }
        for kind in ModelKind::ALL {
            assert_eq!(read::<ModelKind>(kind.as_str()).expect("known"), *kind);
        }
        assert_eq!(read::<BaseKind>("gpt2").expect("known"), BaseKind::Gpt2);
        assert_eq!(
            read::<JobState>("cancelled").expect("known"),
            JobState::Cancelled
        );
        assert_eq!(
            read::<FinishReason>("end").expect("known"),
            FinishReason::End
        );
    }
}
