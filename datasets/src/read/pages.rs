//! Pages of a Parquet file, each checked against bounds before it is unpacked.
//!
//! The parquet crate trusts a page's header and unpacks without a limit, so a few bytes can become gigabytes. Here a
//! page is read, measured and unpacked by us, and only then decoded by the crate. Format: Apache Parquet's
//! `parquet.thrift`, in Thrift's compact protocol.

use crate::json::{LONGEST_TEXT, ROW_VALUES};
use parquet::{
    basic::{Compression, Encoding, Type as Physical},
    column::page::{Page, PageMetadata, PageReader},
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, RowGroupMetaData},
        reader::RowGroupReader,
    },
};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Maximum size of the footer in bytes: about 100,000 column chunks.
const LONGEST_FOOTER: u64 = 16 << 20;
/// Maximum number of columns, nested ones included, and maximum nesting.
const MOST_COLUMNS: usize = 20_000;
const DEEPEST: usize = 24;
/// Maximum number of rows per byte of the file: with texts there are far fewer.
const ROWS_PER_BYTE: u64 = 1_000;
/// Maximum size of a page in bytes; DuckDB writes pages of up to 100 MB.
const LARGEST_PAGE: usize = 112 << 20;
/// Maximum bytes of pages and dictionaries of all columns in memory at once.
const ALL_PAGES: usize = 256 << 20;
/// Maximum bytes of a page whose texts may be longer than the page itself.
const DELTA_PAGE: usize = 2 << 20;
/// Maximum number of values of a delta page, and of a dictionary: each allocates memory up front.
const MOST_DELTAS: usize = 4 << 20;
/// Rows that a column reader decodes at once, so that delta-encoded texts stay within bounds.
pub(super) const DECODED_AT_ONCE: usize = 128;

fn err<T>(what: impl Into<String>) -> Result<T> {
    Err(ParquetError::General(what.into()))
}

/// The error for what exceeds a bound.
fn too_large<T>(what: impl std::fmt::Display) -> Result<T> {
    err(format!(
        "{what}; no table of comments is like that: check that this is the right file"
    ))
}

// ---------------------------------------------------------------------------------------------
// Thrift's compact protocol

/// A reader of Thrift's compact protocol; `None` at the end of the bytes or if they are invalid.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

const STRUCT: u8 = 12;

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let n = self.number()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A list's length and element type.
    fn list(&mut self) -> Option<(usize, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => usize::try_from(self.number()?).ok()?,
            n => usize::from(n),
        };
        (length <= self.bytes.len() - self.at).then_some((length, head & 15))
    }

    /// The fields of a struct: `field` consumes the value of each, by its number and type.
    fn fields(&mut self, mut field: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => self.integer()?,
                delta => id + i64::from(delta),
            };
            field(self, id, head & 15)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth == 0 {
            return None;
        }
        match kind {
            1 | 2 => {}
            3 => self.at += 1,
            4..=6 => {
                self.number()?;
            }
            7 => self.at += 8,
            8 => {
                let length = usize::try_from(self.number()?).ok()?;
                self.at = self.at.checked_add(length)?;
            }
            9 | 10 => {
                let (length, kind) = self.list()?;
                for _ in 0..length {
                    match kind {
                        1 | 2 => self.at += 1,
                        kind => self.skip(kind, depth - 1)?,
                    }
                }
            }
            11 => {
                let length = self.number()?;
                let kinds = if length == 0 { 0 } else { self.byte()? };
                for _ in 0..length {
                    self.skip(kinds >> 4, depth - 1)?;
                    self.skip(kinds & 15, depth - 1)?;
                }
            }
            STRUCT => self.fields(|t, _, kind| t.skip(kind, depth - 1))?,
            _ => return None,
        }
        (self.at <= self.bytes.len()).then_some(())
    }
}

/// Checks that a file ends in a footer that can be read in bounded memory and without deep recursion.
pub(super) fn check_footer(file: &mut File) -> Result<()> {
    let length = file.metadata()?.len();
    let mut end = [0; 8];
    if length < 12 {
        return err("it has fewer than 12 bytes");
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut end)?;
    let (size, magic) = end.split_at(4);
    if magic != b"PAR1" {
        return err("it does not end as a Parquet file does; perhaps it is truncated");
    }
    let size = u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    if size + 8 > length {
        return err("its footer is longer than the file");
    }
    if size > LONGEST_FOOTER {
        return too_large(format!("its footer has {} MB", size >> 20));
    }
    file.seek(SeekFrom::Start(length - 8 - size))?;
    let mut footer = vec![0; size as usize];
    file.read_exact(&mut footer)?;
    let mut thrift = Thrift {
        bytes: &footer,
        at: 0,
    };
    let mut rows = 0;
    // children that each open group still expects
    let (mut open, mut columns, mut deepest): (Vec<i64>, usize, usize) = Default::default();
    let walked = thrift.fields(|t, id, kind| match (id, kind) {
        (2, 9) => {
            let (length, kind) = t.list()?;
            for _ in 0..length {
                let mut children = 0;
                match kind {
                    STRUCT => t.fields(|t, id, kind| match (id, kind) {
                        (5, 5) => t.integer().map(|n| children = n),
                        _ => t.skip(kind, 8),
                    })?,
                    kind => t.skip(kind, 8)?,
                }
                columns += 1;
                if let Some(waiting) = open.last_mut() {
                    *waiting -= 1;
                }
                if children > 0 {
                    open.push(children);
                    deepest = deepest.max(open.len());
                }
                while open.last().is_some_and(|n| *n <= 0) {
                    open.pop();
                }
                if columns > MOST_COLUMNS || deepest > DEEPEST {
                    return None;
                }
            }
            Some(())
        }
        (3, 6) => t.integer().map(|n| rows = n),
        _ => t.skip(kind, 16),
    });
    if columns > MOST_COLUMNS || deepest > DEEPEST {
        return too_large(format!(
            "it has more than {MOST_COLUMNS} columns, or columns nested more than {DEEPEST} deep"
        ));
    }
    if walked.is_none() {
        return err("its footer is damaged");
    }
    if rows.unsigned_abs() > length.saturating_mul(ROWS_PER_BYTE) {
        return too_large(format!("it claims {rows} rows in {length} bytes"));
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------
// Pages

#[derive(Debug, Clone, Copy, Default)]
struct Header {
    kind: i64,
    unpacked: usize,
    packed: usize,
    values: u32,
    encoding: i64,
    def_encoding: i64,
    rep_encoding: i64,
    nulls: u32,
    rows: u32,
    def_bytes: usize,
    rep_bytes: usize,
    plain: bool,
}

const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

impl Header {
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let mut header = Self {
            kind: -1,
            ..Self::default()
        };
        let size = |n: i64| usize::try_from(n).ok();
        thrift.fields(|t, id, kind| match (id, kind) {
            (1, 5) => t.integer().map(|n| header.kind = n),
            (2, 5) => t.integer().and_then(size).map(|n| header.unpacked = n),
            (3, 5) => t.integer().and_then(size).map(|n| header.packed = n),
            (5 | 7 | 8, STRUCT) => t.fields(|t, inner, kind| {
                let count = |n: i64| u32::try_from(n).ok();
                match (id, inner, kind) {
                    (_, 1, 5) => t.integer().and_then(count).map(|n| header.values = n),
                    (5 | 7, 2, 5) | (8, 4, 5) => t.integer().map(|n| header.encoding = n),
                    (5, 3, 5) => t.integer().map(|n| header.def_encoding = n),
                    (5, 4, 5) => t.integer().map(|n| header.rep_encoding = n),
                    (8, 2, 5) => t.integer().and_then(count).map(|n| header.nulls = n),
                    (8, 3, 5) => t.integer().and_then(count).map(|n| header.rows = n),
                    (8, 5, 5) => t.integer().and_then(size).map(|n| header.def_bytes = n),
                    (8, 6, 5) => t.integer().and_then(size).map(|n| header.rep_bytes = n),
                    (8, 7, 2) => {
                        header.plain = true;
                        Some(())
                    }
                    _ => t.skip(kind, 8),
                }
            }),
            _ => t.skip(kind, 8),
        })?;
        Some((header, thrift.at))
    }
}

fn encoding(number: i64) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        #[allow(deprecated)] // old files have it
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => return err(format!("its pages have the unknown encoding {other}")),
    })
}

/// The row group whose pages are read within bounds.
pub(super) struct Group<'a> {
    pub(super) file: Arc<Mutex<File>>,
    pub(super) metadata: &'a RowGroupMetaData,
    pub(super) memory: Arc<AtomicUsize>,
}

impl RowGroupReader for Group<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata.column(i);
        let pages = Pages::new(self.file.clone(), column, self.memory.clone())?;
        Ok(Box::new(pages))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&parquet::bloom_filter::Sbbf> {
        None
    }

    fn get_row_iter(
        &self,
        _: Option<parquet::schema::types::Type>,
    ) -> Result<parquet::record::reader::RowIter<'_>> {
        err("rows are read through a tree of readers")
    }
}

/// The pages of a column.
struct Pages {
    file: Arc<Mutex<File>>,
    at: u64,
    left: u64,
    next: Option<Header>,
    codec: Compression,
    physical: Physical,
    max_rep: i16,
    max_def: i16,
    /// Bytes in memory of all columns, and of this one.
    memory: Arc<AtomicUsize>,
    dictionary: usize,
    page: usize,
    /// Bytes of the longest entry of the dictionary.
    longest_entry: usize,
    /// Values of the row that is not complete yet.
    row: usize,
}

impl Pages {
    fn new(
        file: Arc<Mutex<File>>,
        column: &ColumnChunkMetaData,
        memory: Arc<AtomicUsize>,
    ) -> Result<Self> {
        let start = column
            .dictionary_page_offset()
            .unwrap_or(column.data_page_offset());
        let (Ok(at), Ok(left)) = (
            u64::try_from(start),
            u64::try_from(column.compressed_size()),
        ) else {
            return err("a column begins before the file");
        };
        let descr = column.column_descr();
        if descr.physical_type() == Physical::FIXED_LEN_BYTE_ARRAY
            && !(1..=1 << 20).contains(&descr.type_length())
        {
            return too_large(format!("its cells have {} bytes each", descr.type_length()));
        }
        Ok(Self {
            file,
            at,
            left,
            next: None,
            codec: column.compression(),
            physical: column.column_type(),
            max_rep: descr.max_rep_level(),
            max_def: descr.max_def_level(),
            memory,
            dictionary: 0,
            page: 0,
            longest_entry: 0,
            row: 0,
        })
    }

    fn bytes(&self, most: u64) -> Result<Vec<u8>> {
        let Ok(mut file) = self.file.lock() else {
            return err("the file is gone");
        };
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut *file)
            .take(most)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The header of the next non-empty page.
    fn header(&mut self) -> Result<Option<Header>> {
        while self.next.is_none() && self.left > 0 {
            // its statistics may contain long texts
            let mut most = 16 << 10;
            let (header, length) = loop {
                let bytes = self.bytes(self.left.min(most))?;
                match Header::read(&bytes) {
                    Some(read) => break read,
                    None if (bytes.len() as u64) < most || most >= 1 << 20 => {
                        return err("a page header is invalid");
                    }
                    None => most *= 8,
                }
            };
            self.at += length as u64;
            self.left -= length as u64;
            if header.packed as u64 > self.left {
                return err("a page is longer than its column");
            }
            if header.unpacked.max(header.packed) > LARGEST_PAGE {
                return too_large(format!(
                    "a page of it expands to {} MB",
                    header.unpacked.max(header.packed) >> 20
                ));
            }
            if matches!(header.kind, DATA | DICTIONARY | DATA_V2) {
                self.next = Some(header);
            } else {
                self.at += header.packed as u64;
                self.left -= header.packed as u64;
            }
        }
        Ok(self.next)
    }

    /// Accounts for bytes that this column holds in memory.
    fn hold(&mut self, dictionary: usize, page: usize) -> Result<()> {
        self.memory.fetch_sub(self.dictionary + self.page, Relaxed);
        (self.dictionary, self.page) = (dictionary, page);
        let all = self.memory.fetch_add(dictionary + page, Relaxed) + dictionary + page;
        match all > ALL_PAGES {
            false => Ok(()),
            true => too_large(format!("its pages take {} MB in memory", all >> 20)),
        }
    }

    fn unpack(&self, packed: Vec<u8>, header: &Header) -> Result<Vec<u8>> {
        let levels = match header.kind {
            DATA_V2 => header.def_bytes.saturating_add(header.rep_bytes),
            _ => 0,
        };
        if self.codec == Compression::UNCOMPRESSED || header.kind == DATA_V2 && header.plain {
            return Ok(packed);
        }
        if levels > packed.len() || levels > header.unpacked {
            return err("the levels of a page are longer than the page");
        }
        let size = header.unpacked - levels;
        let mut out = Vec::with_capacity(header.unpacked);
        out.extend_from_slice(&packed[..levels]);
        let (from, most) = (&packed[levels..], size as u64 + 1);
        if size > 0 {
            match self.codec {
                Compression::GZIP(_) => {
                    let gzip = flate2::read::MultiGzDecoder::new(from);
                    gzip.take(most).read_to_end(&mut out)?;
                }
                Compression::BROTLI(_) => {
                    let brotli = brotli::Decompressor::new(from, 64 << 10);
                    brotli.take(most).read_to_end(&mut out)?;
                }
                codec => {
                    out.resize(header.unpacked, 0);
                    unpack_into(codec, from, &mut out[levels..])?;
                }
            }
        }
        match out.len() == header.unpacked {
            true => Ok(out),
            false => err("a page does not have its declared size"),
        }
    }

    /// Checks the dictionary before its entries are decoded.
    fn check_dictionary(&mut self, header: &Header, bytes: &[u8]) -> Result<()> {
        let entries = header.values as usize;
        if entries > MOST_DELTAS || entries > 8 * bytes.len() + 8 {
            return too_large(format!(
                "a dictionary of {} bytes has {entries} entries",
                bytes.len()
            ));
        }
        self.longest_entry = match self.physical {
            Physical::BYTE_ARRAY => longest(bytes),
            _ => 16,
        };
        self.hold(bytes.len() + 48 * entries, self.page)
    }

    /// Checks the levels and values of a page before they are decoded.
    fn check_data(&mut self, header: &Header, bytes: &[u8]) -> Result<()> {
        let v2 = header.kind == DATA_V2;
        let values_at = match v2 {
            true => header.rep_bytes.saturating_add(header.def_bytes),
            false => {
                let rep = level_bytes(self.max_rep, header, header.rep_encoding, bytes);
                let rest = bytes.get(rep..).unwrap_or_default();
                rep + level_bytes(self.max_def, header, header.def_encoding, rest)
            }
        };
        let values = bytes.get(values_at..).unwrap_or_default();
        let dictionary = matches!(header.encoding, 2 | 8);
        let deltas = matches!(header.encoding, 5..=7);
        if deltas {
            let texts = deltas_end(values, header.values)?;
            if header.encoding == 7 {
                // the lengths of shared prefixes come first, then those of the suffixes
                deltas_end(values.get(texts..).unwrap_or_default(), header.values)?;
            }
        }
        let longest = match (self.physical, header.encoding) {
            _ if dictionary => self.longest_entry,
            (Physical::BYTE_ARRAY, 0) if bytes.len() > LONGEST_TEXT => longest(values),
            (Physical::BYTE_ARRAY, 7) if bytes.len() > DELTA_PAGE => {
                return too_large(format!("a page of deltas has {} MB", bytes.len() >> 20));
            }
            _ => bytes.len(),
        };
        if longest > LONGEST_TEXT {
            return too_large(format!("a cell of it has {} MB", longest >> 20));
        }
        let most = self.longest_row(header, bytes)?;
        // texts from a dictionary or deltas are longer in a row than in the page
        if most > 1 && (dictionary || deltas) && most.saturating_mul(longest) > 4 * LONGEST_TEXT {
            return too_large(format!(
                "a row of it has {most} texts of up to {longest} bytes"
            ));
        }
        let decoded = if deltas {
            8 * header.values as usize
        } else {
            0
        };
        self.hold(self.dictionary, bytes.len() + decoded)
    }

    /// Values of the longest row, by the repetition levels of a page.
    fn longest_row(&mut self, header: &Header, bytes: &[u8]) -> Result<usize> {
        if self.max_rep == 0 {
            return Ok(1);
        }
        let (mut row, mut longest) = (self.row, self.row);
        let mut count = |begins: bool, n: usize| {
            if begins {
                row = 0;
            }
            row += n;
            longest = longest.max(row);
        };
        let levels = match (header.kind, header.rep_encoding) {
            (DATA_V2, _) => bytes.get(..header.rep_bytes),
            (_, 3) => bytes.first_chunk().and_then(|size| {
                let size = u32::from_le_bytes(*size) as usize;
                bytes.get(4..size.checked_add(4)?)
            }),
            // bit-packed, as in the oldest files: in the worst case, all in one row
            _ => {
                count(false, header.values as usize);
                None
            }
        };
        let whole = levels.is_none_or(|levels| {
            runs(
                levels,
                self.max_rep,
                header.values as usize,
                &mut |level, n| match level {
                    0 => count(true, 1),
                    _ => count(false, n),
                },
            )
        });
        self.row = row;
        if !whole {
            return err("the levels of a page are truncated");
        }
        match longest > ROW_VALUES {
            false => Ok(longest),
            true => too_large(format!("a row of it has {longest} values")),
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.memory.fetch_sub(self.dictionary + self.page, Relaxed);
    }
}

/// Unpacks into exactly the size that the header declares.
fn unpack_into(codec: Compression, from: &[u8], to: &mut [u8]) -> Result<()> {
    let bad = |e: &dyn std::fmt::Display| {
        ParquetError::General(format!("a page cannot be unpacked ({codec}): {e}"))
    };
    let size = match codec {
        Compression::SNAPPY => snap::raw::Decoder::new()
            .decompress(from, to)
            .map_err(|e| bad(&e))?,
        Compression::ZSTD(_) => zstd::bulk::Decompressor::new()
            .and_then(|mut zstd| zstd.decompress_to_buffer(from, &mut to[..]))
            .map_err(|e| bad(&e))?,
        Compression::LZ4_RAW => lz4_flex::block::decompress_into(from, to).map_err(|e| bad(&e))?,
        // with Hadoop's framing; older writers omit it
        Compression::LZ4 => match hadoop(from, to) {
            Some(size) => size,
            None => lz4_flex::block::decompress_into(from, to).map_err(|e| bad(&e))?,
        },
        codec => {
            return err(format!(
                "its pages are packed with {codec}, which is not read"
            ));
        }
    };
    match size == to.len() {
        true => Ok(()),
        false => err("a page does not have its declared size"),
    }
}

/// LZ4 with Hadoop's framing: unpacked and packed size, then the bytes.
fn hadoop(mut from: &[u8], to: &mut [u8]) -> Option<usize> {
    let mut done = 0_usize;
    while let Some((head, rest)) = from.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *head;
        let unpacked = u32::from_be_bytes([a, b, c, d]) as usize;
        let packed = u32::from_be_bytes([e, f, g, h]) as usize;
        let frame = rest.get(..packed)?;
        let part = to.get_mut(done..done.checked_add(unpacked)?)?;
        if lz4_flex::block::decompress_into(frame, part).ok()? != unpacked {
            return None;
        }
        done += unpacked;
        from = &rest[packed..];
    }
    from.is_empty().then_some(done)
}

/// Where a list of deltas ends, if it has no more values than its page.
fn deltas_end(bytes: &[u8], values: u32) -> Result<usize> {
    let mut thrift = Thrift { bytes, at: 0 };
    let numbers = [thrift.number(), thrift.number(), thrift.number()];
    let ([Some(block), Some(minis), Some(count)], Some(_)) = (numbers, thrift.integer()) else {
        return err("a page of deltas is truncated");
    };
    if minis == 0 || minis > 1 << 12 || block > 1 << 20 || count > u64::from(values) {
        return err("a page of deltas is invalid");
    }
    if count > MOST_DELTAS as u64 {
        return too_large(format!("a page of deltas has {count} values"));
    }
    let each = block / minis;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let (Some(_), widths) = (thrift.integer(), thrift.at) else {
            return err("a page of deltas is truncated");
        };
        thrift.at += minis as usize;
        for mini in 0..minis as usize {
            if left == 0 {
                break;
            }
            let Some(&width) = bytes.get(widths + mini) else {
                return err("a page of deltas is truncated");
            };
            thrift.at += (each as usize * usize::from(width)).div_ceil(8);
            left = left.saturating_sub(each.max(1));
        }
    }
    Ok(thrift.at)
}

/// Bytes of a page's levels, which precede its values.
fn level_bytes(max: i16, header: &Header, encoding: i64, bytes: &[u8]) -> usize {
    let width = (i16::BITS - max.leading_zeros()) as usize;
    match (max, encoding, bytes.first_chunk()) {
        (0, ..) => 0,
        (_, 3, Some(size)) => (u32::from_le_bytes(*size) as usize).saturating_add(4),
        _ => (header.values as usize * width).div_ceil(8),
    }
}

/// Length in bytes of the longest of several length-prefixed texts.
fn longest(mut bytes: &[u8]) -> usize {
    let mut longest = 0;
    while let Some((size, rest)) = bytes.split_first_chunk() {
        let size = u32::from_le_bytes(*size) as usize;
        longest = longest.max(size);
        bytes = rest.get(size..).unwrap_or_default();
    }
    longest
}

/// Decodes levels in the hybrid of runs and bit packing, passing on each level with its count; false if the bytes end
/// too early.
fn runs(bytes: &[u8], max: i16, values: usize, each: &mut dyn FnMut(u32, usize)) -> bool {
    let width = (i16::BITS - max.leading_zeros()) as usize;
    let mut thrift = Thrift { bytes, at: 0 };
    let mut left = values;
    while left > 0 {
        let Some(head) = thrift.number() else {
            return false;
        };
        let n = usize::try_from(head >> 1).unwrap_or(usize::MAX);
        if head & 1 == 0 {
            let mut level = 0;
            for byte in 0..width.div_ceil(8) {
                let Some(part) = thrift.byte() else {
                    return false;
                };
                level |= u32::from(part) << (8 * byte);
            }
            if n == 0 {
                return false;
            }
            each(level, n.min(left));
            left -= n.min(left);
            continue;
        }
        if n == 0 {
            return false;
        }
        let mut bits = 0u32;
        let mut held = 0;
        for _ in 0..n.saturating_mul(8) {
            if left == 0 {
                break;
            }
            while held < width {
                let Some(byte) = thrift.byte() else {
                    return false;
                };
                bits |= u32::from(byte) << held;
                held += 8;
            }
            each(bits & ((1 << width) - 1), 1);
            bits >>= width;
            held -= width;
            left -= 1;
        }
    }
    true
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        self.next = None;
        self.hold(self.dictionary, header.unpacked)?;
        let packed = self.bytes(header.packed as u64)?;
        if packed.len() != header.packed {
            return err("a page is truncated");
        }
        self.at += header.packed as u64;
        self.left -= header.packed as u64;
        let bytes = self.unpack(packed, &header)?;
        let num_values = header.values;
        if header.kind == DICTIONARY {
            self.page = 0;
            self.memory.fetch_sub(header.unpacked, Relaxed);
            self.check_dictionary(&header, &bytes)?;
            return Ok(Some(Page::DictionaryPage {
                num_values,
                encoding: encoding(header.encoding)?,
                is_sorted: false,
                buf: bytes.into(),
            }));
        }
        self.check_data(&header, &bytes)?;
        if header.kind == DATA {
            return Ok(Some(Page::DataPage {
                num_values,
                encoding: encoding(header.encoding)?,
                def_level_encoding: encoding(header.def_encoding)?,
                rep_level_encoding: encoding(header.rep_encoding)?,
                statistics: None,
                buf: bytes.into(),
            }));
        }
        let size = |n: usize| u32::try_from(n).map_err(|e| ParquetError::General(e.to_string()));
        Ok(Some(Page::DataPageV2 {
            num_values,
            encoding: encoding(header.encoding)?,
            num_nulls: header.nulls,
            num_rows: header.rows,
            def_levels_byte_len: size(header.def_bytes)?,
            rep_levels_byte_len: size(header.rep_bytes)?,
            is_compressed: false,
            statistics: None,
            buf: bytes.into(),
        }))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.header()?.map(|header| PageMetadata {
            num_rows: (header.kind == DATA_V2).then_some(header.rows as usize),
            num_levels: (header.kind != DICTIONARY).then_some(header.values as usize),
            is_dict: header.kind == DICTIONARY,
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(header) = self.header()? {
            self.next = None;
            self.at += header.packed as u64;
            self.left -= header.packed as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A size as Thrift's compact protocol writes one: seven bits a byte.
    fn size(mut n: u64, out: &mut Vec<u8>) {
        while n > 0x7F {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
    }

    /// A number as it writes one: zigzag.
    fn number(n: i64, out: &mut Vec<u8>) {
        size(((n << 1) ^ (n >> 63)) as u64, out);
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// What a footer with such columns (of each, how many it has inside) and so many rows is found to be.
    fn footer(columns: &[i64], rows: i64) -> String {
        // field 2, a list of structs; each with field 5, a number, or empty; field 3, a number; the end
        let mut footer = vec![0x29, 0xFC];
        size(columns.len() as u64, &mut footer);
        for inside in columns {
            if *inside > 0 {
                footer.push(0x55);
                number(*inside, &mut footer);
            }
            footer.push(0);
        }
        footer.push(0x16);
        number(rows, &mut footer);
        footer.push(0);
        let length = (footer.len() as u32).to_le_bytes();
        let bytes = [&b"PAR1"[..], &footer, &length, b"PAR1"].concat();
        match check_footer(&mut file(&bytes)) {
            Ok(()) => String::new(),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn a_footer_is_measured_before_it_is_read() {
        assert_eq!(footer(&[2, 0, 0], 5), "");
        let mut wide = vec![0; MOST_COLUMNS + 1];
        wide[0] = MOST_COLUMNS as i64;
        assert!(footer(&wide, 5).contains("columns"));
        let mut deep = vec![1; DEEPEST + 1];
        deep.push(0);
        assert!(footer(&deep, 5).contains("nested more than"));
        let rows = footer(&[2, 0, 0], i64::MAX);
        assert!(rows.contains("rows in"), "{rows}");
        // a file that takes no space
        let mut long = tempfile::tempfile().unwrap();
        long.set_len(2 * LONGEST_FOOTER).unwrap();
        long.seek(SeekFrom::End(0)).unwrap();
        let length = (LONGEST_FOOTER as u32 + 1).to_le_bytes();
        long.write_all(&[&length[..], b"PAR1"].concat()).unwrap();
        let error = check_footer(&mut long).unwrap_err().to_string();
        assert!(error.contains("its footer has 16 MB"), "{error}");
    }

    /// A column of texts whose pages are these bytes.
    fn pages(bytes: &[u8]) -> Pages {
        Pages {
            file: Arc::new(Mutex::new(file(bytes))),
            at: 0,
            left: bytes.len() as u64,
            next: None,
            codec: Compression::UNCOMPRESSED,
            physical: Physical::BYTE_ARRAY,
            max_rep: 0,
            max_def: 0,
            memory: Arc::default(),
            dictionary: 0,
            page: 0,
            longest_entry: 0,
            row: 0,
        }
    }

    fn said<T>(got: Result<T>) -> String {
        got.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_page_is_measured_before_it_is_unpacked() {
        let page = |unpacked: usize| {
            // fields 1 to 3: its kind, the bytes that it becomes, those that it has
            let mut bytes = vec![0x15, 0, 0x15];
            number(unpacked as i64, &mut bytes);
            bytes.extend([0x15, 0, 0]);
            said(pages(&bytes).get_next_page())
        };
        assert!(!page(LARGEST_PAGE).contains("expands"));
        assert!(page(LARGEST_PAGE + 1).contains("a page of it expands to 112 MB"));
        assert!(said(pages(b"").hold(ALL_PAGES, 1)).contains("256 MB in memory"));
        assert_eq!(said(pages(b"").hold(ALL_PAGES, 0)), "");
    }

    #[test]
    fn what_a_page_becomes_is_measured_before_it_is_decoded() {
        let header = |encoding, values| Header {
            encoding,
            values,
            ..Header::default()
        };
        let dictionary =
            |values, bytes| said(pages(b"").check_dictionary(&header(0, values), &vec![0; bytes]));
        assert!(dictionary(200, 16).contains("200 entries"));
        let many = MOST_DELTAS + 1;
        assert!(dictionary(many as u32, many).contains("entries"));
        assert_eq!(dictionary(4, 16), "");

        let data =
            |encoding, bytes: &[u8]| said(pages(b"").check_data(&header(encoding, 1), bytes));
        let mut long = vec![b'x'; LONGEST_TEXT + 5];
        long[..4].copy_from_slice(&(LONGEST_TEXT as u32 + 1).to_le_bytes());
        assert!(data(0, &long).contains("a cell of it has 16 MB"));
        // two lists of one delta each, then the texts
        let mut deltas = [0x80, 0x01, 4, 1, 0].repeat(2);
        assert_eq!(data(7, &deltas), "");
        deltas.resize(DELTA_PAGE + 1, 0);
        assert!(data(7, &deltas).contains("a page of deltas has 2 MB"));
        // 128 values a block, in 4 parts; how many in all
        let count = |n: usize| {
            let mut list = vec![0x80, 0x01, 4];
            size(n as u64, &mut list);
            list.push(0);
            list
        };
        assert!(said(deltas_end(&count(40), 39)).contains("is invalid"));
        let many = count(MOST_DELTAS + 1);
        assert!(said(deltas_end(&many, u32::MAX)).contains("a page of deltas has"));
    }
}
