//! Parquet files, row by row; only mapped columns are unpacked.

use super::{
    Batch, Error, Fault, LONGEST_ROW, Metered, Outcome, Reading, pages,
    rows::{Mapper, NO_TIME, NOT_UTF8},
    shape,
};
use crate::{
    flat,
    guard::caught,
    json::ROW_VALUES,
    source::Mapping,
    table::{self, Columns},
};
use jiff::Timestamp;
use parquet::{
    errors::ParquetError,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, SerializedFileReader},
    },
    record::{
        Field, Row,
        reader::{ReaderIter, TreeBuilder},
    },
    schema::types::{SchemaDescPtr, SchemaDescriptor, Type},
};
use serde_json::{Map, Value};
use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
};

/// Cells larger than this on average, within a row group, are no comments.
const MEAN_CELL: i64 = 1 << 20;
/// Maximum bytes of text per byte of the file, and bytes that any file may unpack to: a dictionary may hold every text
/// once, however many rows refer to it.
const UNPACKED_PER_BYTE: u64 = 4_000;
const UNPACKED: u64 = 1 << 30;

/// Opens a file and checks that its cells have a plausible size.
pub(super) fn open(path: &Path) -> Result<SerializedFileReader<File>, Error> {
    let file = File::open(path).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })?;
    if !file.metadata().is_ok_and(|about| about.is_file()) {
        let what =
            "is Parquet, which cannot be read from a pipe; write it to a file and import that";
        return Err(Error::unknown(path, what));
    }
    let whole = || {
        pages::check_footer(&mut file.try_clone()?)?;
        SerializedFileReader::new(file)
    };
    match caught(whole) {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(e)) => Err(bad(path, &e)),
        Err(said) => Err(bad(path, &ParquetError::General(said))),
    }
}

/// The rows of a file, or of some of its columns, each row group within the bounds of [`pages`].
struct Rows<'a> {
    file: Arc<Mutex<File>>,
    reader: &'a SerializedFileReader<File>,
    descr: SchemaDescPtr,
    memory: Arc<std::sync::atomic::AtomicUsize>,
    group: usize,
    rows: Option<ReaderIter>,
}

impl<'a> Rows<'a> {
    fn new(
        path: &Path,
        reader: &'a SerializedFileReader<File>,
        fields: Vec<parquet::schema::types::TypePtr>,
    ) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Io {
            path: path.into(),
            source,
        })?;
        let projection = || {
            let schema = reader.metadata().file_metadata().schema();
            Type::group_type_builder(schema.name())
                .with_fields(fields)
                .build()
                .map(|schema| Arc::new(SchemaDescriptor::new(Arc::new(schema))))
        };
        let descr = match caught(projection) {
            Ok(Ok(descr)) => descr,
            Ok(Err(e)) => return Err(bad(path, &e)),
            Err(said) => return Err(bad(path, &ParquetError::General(said))),
        };
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            reader,
            descr,
            memory: Arc::default(),
            group: 0,
            rows: None,
        })
    }

    fn read(&mut self) -> Result<Option<Row>, ParquetError> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                return row.map(Some);
            }
            self.rows = None;
            let metadata = self.reader.metadata();
            if self.group >= metadata.num_row_groups() {
                return Ok(None);
            }
            let group = pages::Group {
                file: self.file.clone(),
                metadata: metadata.row_group(self.group),
                memory: self.memory.clone(),
            };
            self.group += 1;
            let tree = TreeBuilder::new().with_batch_size(pages::DECODED_AT_ONCE);
            self.rows = Some(tree.as_iter(self.descr.clone(), &group)?);
        }
    }

    /// The next row. If the decoder fails or panics, that is an error about the file.
    fn next(&mut self) -> Result<Option<Row>, String> {
        match caught(|| self.read()) {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(e)) => Err(e.to_string()),
            Err(said) => Err(said),
        }
    }
}

/// Number of values and bytes of a field.
fn weight(field: &Field) -> (usize, usize) {
    let sum = |fields: &mut dyn Iterator<Item = &Field>| {
        fields
            .map(weight)
            .fold((1, 0), |sum, w| (sum.0 + w.0, sum.1 + w.1))
    };
    match field {
        Field::Str(text) => (1, text.len()),
        Field::Bytes(bytes) => (1, bytes.len()),
        Field::Group(row) => sum(&mut row.get_column_iter().map(|(_, field)| field)),
        Field::ListInternal(list) => sum(&mut list.elements().iter()),
        Field::MapInternal(map) => sum(&mut map.entries().iter().flat_map(|(k, v)| [k, v])),
        _ => (1, 16),
    }
}

fn bad(path: &Path, e: &ParquetError) -> Error {
    Error::unknown(path, format!("cannot be read as Parquet: {e}"))
}

pub(super) fn columns(file: &SerializedFileReader<File>) -> Vec<String> {
    let schema = file.metadata().file_metadata().schema();
    schema
        .get_fields()
        .iter()
        .map(|f| f.name().to_owned())
        .collect()
}

/// The mapping of a table, detected by its column names.
pub(super) fn mapping_of(path: &Path, columns: &[String]) -> Result<Mapping, Error> {
    if Columns::find(&Mapping::bigquery(), columns).is_ok() {
        return Ok(Mapping::bigquery());
    }
    flat::guess(columns).ok_or_else(|| shape::unmapped(path, columns.to_vec()))
}

/// The top-level column of a mapped name.
fn root_of<'a>(name: &str, columns: &'a [String]) -> Option<&'a String> {
    let inside = name.match_indices('.').map(|(at, _)| &name[..at]);
    std::iter::once(name)
        .chain(inside)
        .find_map(|root| columns.iter().find(|c| *c == root))
}

impl<F: FnMut(Batch) -> ControlFlow<()>> Reading<'_, F> {
    /// Reads a Parquet file.
    pub(super) fn parquet(self, mapping: Option<&Mapping>) -> Outcome {
        let (path, filter) = (self.path, self.filter);
        let file = open(path)?;
        let all = columns(&file);
        let mapping = match mapping {
            Some(mapping) => mapping.clone(),
            None => mapping_of(path, &all)?,
        };
        let mut named: Vec<&str> = mapping
            .columns()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        if mapping.is_flat() {
            for name in flat::names_about() {
                let is = |column: &&String| column.trim().eq_ignore_ascii_case(name);
                named.extend(all.iter().filter(is).map(String::as_str));
            }
        }
        let missing: Vec<String> = named
            .iter()
            .filter(|name| root_of(name, &all).is_none())
            .map(|name| (*name).to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Error::columns(path, missing, all));
        }
        let wanted = |name: &str| {
            named
                .iter()
                .any(|n| root_of(n, &all).is_some_and(|root| root == name))
        };
        for name in &named {
            let root = root_of(name, &all);
            let times = all.iter().filter(|column| Some(*column) == root).count();
            if times > 1 {
                return Err(super::twice(path, name, times));
            }
        }
        check_sizes(path, file.metadata(), wanted)?;
        let schema = file.metadata().file_metadata().schema();
        let fields: Vec<_> = schema
            .get_fields()
            .iter()
            .filter(|f| wanted(f.name()))
            .cloned()
            .collect();
        self.hash_file()?;
        let total = file.metadata().file_metadata().num_rows();
        let mut mapper = Mapper::new(&mapping, filter);
        let to = &mut mapper;
        let most = self
            .meter
            .bytes
            .load(Relaxed)
            .saturating_mul(UNPACKED_PER_BYTE)
            .saturating_add(UNPACKED);
        let done = self.gathered(move |batches| {
            let whole = |e| Fault::What(format!("cannot be read as Parquet: {e}"));
            let (mut read, mut unpacked): (i64, u64) = (0, 0);
            let mut rows = Rows::new(path, &file, fields).map_err(|e| Fault::What(e.to_string()))?;
            while let Some(row) = rows.next().map_err(whole)? {
                read += 1;
                let (values, bytes) = row
                    .get_column_iter()
                    .map(|(_, field)| weight(field))
                    .fold((0, 0), |sum, w| (sum.0 + w.0, sum.1 + w.1));
                unpacked += bytes as u64;
                if unpacked > most {
                    return Err(Fault::What(format!(
                        "expands to more than {} MB of text, far more than a file of its size can contain; \
                         check that this is the right file",
                        most >> 20
                    )));
                }
                if values > ROW_VALUES || bytes > LONGEST_ROW {
                    let reason = format!(
                        "has {values} values and {} MB; no row of comments is that large",
                        bytes >> 20
                    );
                    if !batches.row(table::Row::Bad(reason), read.unsigned_abs(), &[]) {
                        return Ok(());
                    }
                    continue;
                }
                let fields = row.get_column_iter();
                let value: Map<String, Value> = fields
                    .map(|(name, field)| (name.clone(), value_of(field)))
                    .collect();
                let value = Value::Object(value);
                let nul = row.get_column_iter().any(|(_, field)| {
                    matches!(field, Field::Str(text) if text.contains('\0'))
                });
                batches.batch.counts.nul += u64::from(nul);
                let excerpt = super::excerpt_of(&value);
                if !to.take(&value, read.unsigned_abs(), excerpt.as_bytes(), batches) {
                    return Ok(());
                }
            }
            match read == total {
                true => Ok(()),
                false => Err(Fault::What(format!(
                    "is not a complete Parquet file: it claims {total} rows, and {read} could be read"
                ))),
            }
        })?;
        mapper.check(path).map(|()| done)
    }

    /// Hashes the whole file: rows are read out of order.
    fn hash_file(&self) -> Result<(), Error> {
        let io = |source| Error::Io {
            path: self.path.into(),
            source,
        };
        let mut whole = Metered {
            file: File::open(self.path).map_err(io)?,
            meter: self.meter.clone(),
        };
        self.meter.bytes.store(0, Relaxed);
        if let Ok(mut hasher) = self.meter.hasher.lock() {
            hasher.reset();
        }
        io::copy(&mut whole, &mut io::sink()).map_err(io)?;
        Ok(())
    }
}

/// Refuses columns with cells larger than any text that a person wrote.
fn check_sizes(
    path: &Path,
    metadata: &ParquetMetaData,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    for group in metadata.row_groups() {
        for column in group.columns() {
            let parts = column.column_path().parts();
            let Some(name) = parts.first().filter(|name| wanted(name)) else {
                continue;
            };
            let (bytes, cells) = (column.uncompressed_size(), column.num_values().max(1));
            if bytes > LONGEST_ROW as i64 && bytes / cells > MEAN_CELL {
                return Err(Error::unknown(
                    path,
                    format!(
                        "has a column {name:?} with cells of {} MB; no comment is that long: check that \
                         this is the right file",
                        (bytes / cells) >> 20
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The first rows, for a preview.
pub(super) fn first_rows(
    path: &Path,
    file: &SerializedFileReader<File>,
    rows: usize,
) -> Result<Vec<Map<String, Value>>, Error> {
    let schema = file.metadata().file_metadata().schema();
    let mut found: Vec<Map<String, Value>> = Vec::new();
    // one column after another, so that wide tables stay within the bounds of a few columns
    for field in schema.get_fields() {
        let mut column = Rows::new(path, file, vec![field.clone()])?;
        for at in 0..rows {
            let row = column
                .next()
                .map_err(|e| bad(path, &ParquetError::General(e)))?;
            let Some(row) = row else { break };
            if found.len() <= at {
                found.push(Map::new());
            }
            for (name, field) in row.get_column_iter() {
                found[at].insert(name.clone(), value_of(field));
            }
        }
    }
    Ok(found)
}

/// A field as JSON. Times and dates are texts in ISO 8601.
pub(super) fn value_of(field: &Field) -> Value {
    let time = |moment: Result<Timestamp, jiff::Error>, seconds: i64| match moment {
        Ok(moment) => Value::String(moment.to_string()),
        Err(_) => Value::Object(Map::from_iter([(NO_TIME.to_owned(), seconds.into())])),
    };
    let float = |x: f64| match x.is_finite() {
        true => Value::from(x),
        false => Value::Null,
    };
    match field {
        Field::Null => Value::Null,
        Field::Bool(b) => Value::Bool(*b),
        Field::Byte(n) => Value::from(*n),
        Field::Short(n) => Value::from(*n),
        Field::Int(n) => Value::from(*n),
        Field::Long(n) => Value::from(*n),
        Field::UByte(n) => Value::from(*n),
        Field::UShort(n) => Value::from(*n),
        Field::UInt(n) => Value::from(*n),
        Field::ULong(n) => Value::from(*n),
        Field::Float16(x) => float(f64::from(f32::from(*x))),
        Field::Float(x) => float(f64::from(*x)),
        Field::Double(x) => float(*x),
        Field::Str(text) => Value::String(text.clone()),
        // many writers omit the annotation that says it is text
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => Value::Object(Map::from_iter([(NOT_UTF8.to_owned(), Value::Null)])),
        },
        Field::Date(days) => {
            let seconds = i64::from(*days) * 86_400;
            match Timestamp::from_second(seconds) {
                Ok(day) => Value::String(day.strftime("%Y-%m-%d").to_string()),
                Err(e) => time(Err(e), seconds),
            }
        }
        Field::TimestampMillis(n) => time(Timestamp::from_millisecond(*n), n.div_euclid(1_000)),
        Field::TimestampMicros(n) => time(Timestamp::from_microsecond(*n), n.div_euclid(1_000_000)),
        Field::TimeMillis(n) => Value::from(*n),
        Field::TimeMicros(n) => Value::from(*n),
        Field::Decimal(_) => decimal(&field.to_string()),
        Field::Group(row) => Value::Object(
            row.get_column_iter()
                .map(|(name, field)| (name.clone(), value_of(field)))
                .collect(),
        ),
        Field::ListInternal(list) => list.elements().iter().map(value_of).collect(),
        Field::MapInternal(map) => Value::Object(
            map.entries()
                .iter()
                .map(|(key, value)| (text_of(&value_of(key)), value_of(value)))
                .collect(),
        ),
    }
}

/// A decimal number in all its digits: as a number if that holds them, otherwise as text.
fn decimal(text: &str) -> Value {
    let exact = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    if let Ok(whole) = exact.parse::<i64>() {
        return whole.into();
    }
    match exact.parse::<f64>() {
        Ok(x) if x.to_string() == exact => x.into(),
        _ => exact.into(),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_texts_in_iso_8601() {
        assert_eq!(
            value_of(&Field::TimestampMillis(1_554_076_800_250)),
            "2019-04-01T00:00:00.25Z"
        );
        assert_eq!(
            value_of(&Field::TimestampMicros(1_554_076_800_000_000)),
            "2019-04-01T00:00:00Z"
        );
        assert_eq!(value_of(&Field::Date(17_987)), "2019-04-01");
        for field in [Field::TimestampMillis(1 << 62), Field::Date(i32::MAX)] {
            assert!(value_of(&field).get(NO_TIME).is_some(), "{field:?}");
        }
    }

    #[test]
    fn decimals_keep_all_their_digits() {
        for (text, value) in [
            ("9007199254740993.", Value::from(9_007_199_254_740_993_i64)),
            (
                "9007199254740993.00",
                Value::from(9_007_199_254_740_993_i64),
            ),
            ("100.", Value::from(100)),
            ("0.00", Value::from(0)),
            ("-3.70", Value::from(-3.7)),
            ("1.234", Value::from(1.234)),
            (
                "123456789012345678901234567890.",
                Value::from("123456789012345678901234567890"),
            ),
            (
                "0.12345678901234567890",
                Value::from("0.1234567890123456789"),
            ),
        ] {
            assert_eq!(decimal(text), value, "{text}");
        }
    }
}
