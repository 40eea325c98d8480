//! From a file to batches of records: opened, recognized, decompressed and parsed on other threads than the caller's.
//!
//! Three threads at most: one reads and decompresses into blocks of whole lines, one parses, the caller's takes the
//! batches. The channels between them hold two blocks, so memory is bounded by the decompressor's window and a few
//! blocks whatever the file's size.

mod columnar;
mod delimited;
mod magic;
mod pages;
mod preview;
mod rows;
mod shape;

use crate::{
    clean::bare_name,
    filter::{Dropped, Filter},
    flat::{Earlier, FlatTable},
    id::in_namespace,
    json::{Event, Json, JsonError, LONGEST_TEXT},
    listing,
    ndjson::{self, Line},
    placeholders,
    record::{GoneRecord, Record, Rejected},
    source::{Format, Mapping, ReadProgress},
    table::{self, Columns, PairRow, Row},
};
use delimited::Found;
use memchr::{memchr, memchr_iter, memmem, memrchr};
use rows::Mapper;
use serde::{Deserialize, Serialize};
use shape::{Kind, recognize};
use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Scope, ScopedJoinHandle},
};

pub use preview::{Preview, preview};

/// Bytes per block of lines: large enough that the channels cost nothing, small enough that a batch (a few thousand
/// rows) is stored in tens of milliseconds.
const BLOCK: usize = 2 << 20;
/// Maximum size of a row in bytes; Reddit's own longest have a few hundred kilobytes.
const LONGEST_ROW: usize = LONGEST_TEXT;
/// Maximum number of records per batch.
const MOST_RECORDS: usize = 8_192;
/// Bytes that are inspected to recognize a file.
const HEAD: usize = 256 << 10;
/// log2 of the dumps' compression window: 2 GiB.
const WINDOW_LOG: u32 = 31;
/// Maximum number of rejected rows listed per file; further ones are only counted.
pub const REJECTED_LISTED: u64 = 10_000;

/// How a file is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// `None`: detected from the content.
    pub format: Option<Format>,
    /// The column mapping of a table that is not the original BigQuery export.
    pub mapping: Option<Mapping>,
    pub filter: Filter,
    /// The namespace of the rows' ids; `None`: ids are Reddit's, or the only ones of their kind. Two forums may both
    /// have a comment 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<String>,
}

/// The records of one part of a file.
#[derive(Debug, Default)]
pub struct Batch {
    /// Comments and posts, in the order of the file.
    pub records: Vec<Record>,
    /// Comments and posts of which the file says that they are gone, whatever the filter does with their rows.
    pub gone: Vec<GoneRecord>,
    /// Reddit's names (`t1_...`, `t3_...`) for records without an id of Reddit, by their ids, from the row's link. Which
    /// of its texts a link means is unknown: a comment's name is that of the row's comment or of its reply.
    pub named: Vec<(i64, String)>,
    /// The format of the file.
    pub format: Option<Format>,
    /// Rows that could not be read, up to the listing limit.
    pub rejected: Vec<Rejected>,
    /// Row counts of this batch by outcome.
    pub counts: Counts,
    pub progress: ReadProgress,
}

/// Row counts by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows seen: lines, rows of a table, elements of a listing. Blank lines do not count.
    pub rows: u64,
    /// Comments imported; a row of a table gives two.
    pub comments: u64,
    pub posts: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Rows dropped, by rule, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
    /// Rows that held NUL characters, which were removed.
    pub nul: u64,
    /// Rows of a table with a quote that is never closed; it is read as an ordinary character.
    pub stray_quotes: u64,
    /// Replacements by placeholders, in the order of [`placeholders::KINDS`].
    pub replaced: placeholders::Replaced,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.comments += other.comments;
        self.posts += other.posts;
        self.rejected += other.rejected;
        self.nul += other.nul;
        self.stray_quotes += other.stray_quotes;
        for (a, b) in self.replaced.iter_mut().zip(other.replaced) {
            *a += b;
        }
        self.dropped
            .iter_mut()
            .zip(other.dropped)
            .for_each(|(a, b)| *a += b);
    }
}

/// The outcome of a file that was read completely or stopped by the caller.
#[derive(Debug, Clone)]
pub struct Summary {
    pub format: Format,
    /// Row counts by outcome.
    pub counts: Counts,
    /// blake3 of the file's bytes, in hexadecimal; `None` if the caller stopped.
    pub hash: Option<String>,
}

/// Why a file could not be read, or not completely. The batches before the error are good.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: the file is empty", .0.display())]
    Empty(PathBuf),
    /// No reader recognizes it.
    #[error("{}: {what}", path.display())]
    Unknown {
        path: PathBuf,
        /// What it seems to be and what to do.
        what: String,
    },
    /// A table without the requested columns.
    #[error("{}: no column {}; the file has {}{hint}", path.display(), list(missing), list(found))]
    Columns {
        path: PathBuf,
        missing: Vec<String>,
        found: Vec<String>,
        /// A similar name, or what to type.
        hint: String,
    },
    /// A table without a column mapping.
    #[error(
        "{}: is a table with the columns {}; map its columns: --map {hint}", path.display(), list(found)
    )]
    Unmapped {
        path: PathBuf,
        found: Vec<String>,
        hint: String,
    },
    /// A reader ended before the end of the file because of a bug of ours.
    #[error(
        "{}: the reader failed after row {rows} ({what}), which is a bug in Repartee; the rows before are \
         kept, and importing the file again continues",
        path.display()
    )]
    Died {
        path: PathBuf,
        rows: u64,
        what: String,
    },
    /// A compressed file that is truncated or damaged.
    #[error(
        "{}: the compressed data end or break {}; download the file again and import it again",
        path.display(), broken_at(*rows, what)
    )]
    Broken {
        path: PathBuf,
        rows: u64,
        /// The decompressor's message.
        what: String,
    },
    /// The decompressor's window does not fit in memory.
    #[error(
        "{}: unpacking needs {need_mb} MB of memory for its window and {have_mb} MB are free; close \
         other programs, or unpack it elsewhere (zstd -d --long=31) and import the plain file",
        path.display()
    )]
    Memory {
        path: PathBuf,
        need_mb: u64,
        have_mb: u64,
    },
}

/// Where compressed data break, and what is kept.
fn broken_at(rows: u64, what: &str) -> String {
    match rows {
        0 => format!("before the first row: {what}"),
        _ => format!("after row {rows}: {what}; the rows before are kept"),
    }
}

/// Quoted names, shortened to a readable number.
fn list(names: &[String]) -> String {
    const MOST: usize = 40;
    let short = |name: &String| match name.char_indices().nth(60) {
        Some((at, _)) => format!("{:?}...", &name[..at]),
        None => format!("{name:?}"),
    };
    let mut text = names
        .iter()
        .take(MOST)
        .map(short)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

impl Error {
    /// The error for columns that a mapping names and a file lacks, with similar names.
    fn columns(path: &Path, missing: Vec<String>, found: Vec<String>) -> Self {
        let meant: Vec<String> = missing
            .iter()
            .filter_map(|name| near(name, &found))
            .map(|name| format!("{name:?}"))
            .collect();
        let hint = match meant.is_empty() {
            true => String::new(),
            false => format!("; did you mean {}?", meant.join(", ")),
        };
        Self::Columns {
            path: path.into(),
            missing,
            found,
            hint,
        }
    }

    pub(crate) fn unknown(path: &Path, what: impl Into<String>) -> Self {
        Self::Unknown {
            path: path.into(),
            what: what.into(),
        }
    }
}

/// The name that was probably meant by one that does not exist.
fn near<'a>(name: &str, there: &'a [String]) -> Option<&'a String> {
    /// Maximum length of a name that is compared, in bytes: the edit distance costs the product of both lengths.
    const LONGEST_NAME: usize = 200;
    let folded = name.to_lowercase();
    there
        .iter()
        .filter(|other| name.len().max(other.len()) <= LONGEST_NAME)
        .map(|other| {
            (
                strsim::damerau_levenshtein(&folded, &other.to_lowercase()),
                other,
            )
        })
        .filter(|(distance, other)| {
            // "replies" for "reply"
            let alike = folded
                .chars()
                .zip(other.to_lowercase().chars())
                .take_while(|(a, b)| a == b)
                .count();
            // a one-letter name is not similar to another
            let close = *distance <= name.len().saturating_sub(1).min(1 + name.len() / 4);
            close || alike > 3 && *distance <= name.len() / 2 + 1
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Reads a file and passes its batches to `take`, in order, until the end or until `take` breaks.
///
/// # Errors
/// See [`Error`]. Batches that were passed on before an error are good.
pub fn read(
    path: &Path,
    options: &Options,
    take: impl FnMut(Batch) -> ControlFlow<()>,
) -> Result<Summary, Error> {
    let input = Input::open(path)?;
    let recognized = recognize(&input, options)?;
    let format = options.format.unwrap_or(recognized.format);
    let meter = input.meter.clone();
    let filter = &options.filter;
    let reading = Reading {
        path,
        filter,
        meter: &meter,
        packed: input.packed,
        ids: options.ids.as_deref(),
        format,
        take,
    };
    let (counts, finished) = match recognized.kind {
        Kind::Lines => {
            let wanted = WantedSubreddits::new(filter);
            reading.lines(input.reader, |bytes, n, batches| {
                if wanted.as_ref().is_some_and(|w| w.surely_another(bytes)) {
                    batches.batch.counts.dropped[Dropped::Subreddit as usize] += 1;
                } else {
                    dump_line(bytes, n, filter, batches);
                }
            })
        }
        Kind::WalkedLines => {
            let mut earlier = Earlier::default();
            reading.lines(input.reader, move |bytes, n, batches| {
                walked_line(&mut earlier, bytes, n, filter, batches);
            })
        }
        Kind::MappedLines(mapping) => {
            let mut mapper = Mapper::new(&mapping, filter);
            let done = reading.lines(input.reader, |bytes, n, batches| {
                mapped_line(&mut mapper, bytes, n, batches);
            })?;
            mapper.check(path).map(|()| done)
        }
        Kind::Document => reading.document(input.reader),
        Kind::MappedDocument(mapping, inner) => {
            reading.mapped_document(input.reader, &mapping, inner)
        }
        Kind::Csv(table) => reading.csv(input.reader, &table),
        Kind::Parquet(mapping) => reading.parquet(mapping.as_ref()),
    }?;
    if finished && counts.rows == 0 {
        let what = match recognized.kind_is_table {
            true => "has a header and no rows",
            false => {
                "contains no comment and no post: it is JSON of another kind, or an empty answer"
            }
        };
        return Err(Error::unknown(path, what));
    }
    let hash = finished.then(|| meter.hash()).flatten();
    Ok(Summary {
        format,
        counts,
        hash,
    })
}

// ---------------------------------------------------------------------------------------------
// Opening

/// Bytes of the file read so far, and their hash.
#[derive(Clone)]
struct Meter {
    bytes: Arc<AtomicU64>,
    /// `None`: a pipe, whose size is unknown.
    total: Option<u64>,
    hasher: Arc<Mutex<blake3::Hasher>>,
}

impl Meter {
    /// blake3 of what was read, if that is the whole file.
    fn hash(&self) -> Option<String> {
        if self.bytes.load(Relaxed) < self.total.unwrap_or(0) {
            return None;
        }
        self.hasher
            .lock()
            .ok()
            .map(|h| h.finalize().to_hex().to_string())
    }

    fn progress(&self, rows: u64) -> ReadProgress {
        let bytes = self.bytes.load(Relaxed);
        ReadProgress {
            bytes: bytes.min(self.total.unwrap_or(bytes)),
            total: self.total.unwrap_or(0),
            rows,
        }
    }
}

/// A file whose bytes are counted and hashed as they are read.
struct Metered<R> {
    file: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.meter.bytes.fetch_add(n as u64, Relaxed);
        if let Ok(mut hasher) = self.meter.hasher.lock() {
            hasher.update(&buffer[..n]);
        }
        Ok(n)
    }
}

/// An opened file: its first bytes (unpacked, decoded) and a stream of all of them as UTF-8.
struct Input<'p> {
    path: &'p Path,
    head: Vec<u8>,
    /// `head` holds the whole text.
    head_is_all: bool,
    reader: Box<dyn Read + Send>,
    meter: Meter,
    packed: bool,
}

const PACKED_PARQUET: &str =
    "is Parquet, which is packed by itself; unpack it (unzstd FILE) and import what comes out";
const PACKED_TWICE: &str =
    "is packed with zstd again; unpack it (unzstd FILE) and import what comes out";

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The path that means standard input.
pub const STANDARD_INPUT: &str = "-";

/// Whether a path can be read only once: standard input, a pipe, a device.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
        || std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

impl<'p> Input<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        if path.extension().is_some_and(|e| e == "zst_blocks") {
            let what = ".zst_blocks files are a separate format that was discontinued in 2024-03; download \
                        the month as .zst";
            return Err(Error::unknown(path, what));
        }
        let (file, total): (Box<dyn Read + Send>, Option<u64>) =
            if path.as_os_str() == STANDARD_INPUT {
                (Box::new(io::stdin()), None)
            } else {
                let file = File::open(path).map_err(io)?;
                let about = file.metadata().map_err(io)?;
                if about.is_dir() {
                    return Err(Error::unknown(path, "is a folder; give the files in it"));
                }
                let total = about.is_file().then_some(about.len());
                (Box::new(file), total)
            };
        if total == Some(0) {
            return Err(Error::Empty(path.into()));
        }
        let meter = Meter {
            bytes: Arc::default(),
            total,
            hasher: Arc::default(),
        };
        let mut raw = Metered {
            file,
            meter: meter.clone(),
        };
        let magic = fill(&mut raw, 512).map_err(io)?;
        let packed = is_zstd(&magic);
        let by_name = || magic::told_by_name(path, &magic).filter(|_| !packed);
        if let Some(what) = magic::told(&magic).or_else(by_name) {
            return Err(Error::unknown(path, what));
        }
        if packed {
            check_window(path, &magic, total.unwrap_or(u64::MAX), free_memory())?;
        }
        let plain = Cursor::new(magic).chain(raw);
        let mut reader: Box<dyn Read + Send> = if packed {
            let mut decoder = zstd::Decoder::new(plain).map_err(io)?;
            decoder.window_log_max(WINDOW_LOG).map_err(io)?;
            Box::new(decoder)
        } else {
            Box::new(plain)
        };
        let (mut head, broken) = fill_as_far(&mut reader, HEAD);
        match broken {
            // what comes before a broken end is read like any other rows
            Some(e) if head.contains(&b'\n') => reader = Box::new(Broken(Some(e))),
            Some(e) => return Err(read_error(path, packed, 0, e)),
            None if head.is_empty() => return Err(Error::Empty(path.into())),
            None => {}
        }
        let inner = match &head[..] {
            [b'P', b'A', b'R', b'1', ..] => Some(PACKED_PARQUET),
            head if is_zstd(head) => Some(PACKED_TWICE),
            head => magic::told(head),
        };
        if let Some(what) = inner.filter(|_| packed) {
            return Err(Error::unknown(path, format!("unpacked, it {what}")));
        }
        if let Some(encoding) = utf16(&head) {
            let whole = Cursor::new(std::mem::take(&mut head)).chain(reader);
            reader = Box::new(Utf16 {
                from: whole,
                decoder: encoding.new_decoder(),
                out: Cursor::default(),
                done: false,
            });
            head = fill(&mut reader, HEAD).map_err(io)?;
        }
        let head_is_all = head.len() < HEAD;
        // two, if a tool added one to a file that had one
        while head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            head.drain(..3);
        }
        let reader = Box::new(Cursor::new(head.clone()).chain(reader));
        Ok(Self {
            path,
            head,
            head_is_all,
            reader,
            meter,
            packed,
        })
    }
}

/// Whether this is a zstd frame or one of its skippable frames.
fn is_zstd(magic: &[u8]) -> bool {
    magic.starts_with(&ZSTD_MAGIC)
        || (magic.len() >= 4 && magic[0] & 0xF0 == 0x50 && magic[1..4] == [0x2A, 0x4D, 0x18])
}

/// A stream that ends with an error.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self
            .0
            .take()
            .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
    }
}

/// As [`fill`], with the bytes before an error.
fn fill_as_far(reader: &mut impl Read, n: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut buffer = Vec::new();
    let read = reader.take(n as u64).read_to_end(&mut buffer);
    (buffer, read.err())
}

/// Reads until `n` bytes are there or the end.
fn fill(reader: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    reader.take(n as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

/// Turns a read error into what it means for the file.
fn read_error(path: &Path, packed: bool, rows: u64, e: io::Error) -> Error {
    let what = e.to_string();
    if what.contains("llocation error") {
        let mb = |bytes: u64| bytes >> 20;
        let (need_mb, have_mb) = (mb(1 << WINDOW_LOG), mb(free_memory().unwrap_or(0)));
        return Error::Memory {
            path: path.into(),
            need_mb,
            have_mb,
        };
    }
    if e.kind() == io::ErrorKind::InvalidData && what.starts_with("line ") {
        return Error::unknown(path, what);
    }
    if packed && let Some(what) = refused_frame(&what) {
        let kept = match rows {
            0 => String::new(),
            _ => format!("; the {rows} rows before are kept"),
        };
        return Error::unknown(path, format!("{what}{kept}"));
    }
    // The system's errors have a code; the decompressor's do not.
    if packed && e.raw_os_error().is_none() {
        return Error::Broken {
            path: path.into(),
            rows,
            what,
        };
    }
    Error::Io {
        path: path.into(),
        source: e,
    }
}

/// What a good zstd frame needs that it does not get, by the decompressor's message.
fn refused_frame(what: &str) -> Option<&'static str> {
    if what.contains("requires too much memory") {
        return Some(
            "has a zstd frame with a window of more than 2 GiB; unpack it with the program that packed it, and \
             import the plain file",
        );
    }
    what.contains("Dictionary mismatch").then_some(
        "has a zstd frame that was packed with a dictionary; unpack it with that dictionary (zstd -d -D DICTIONARY \
         FILE) and import what comes out",
    )
}

/// The window of the zstd frame that starts with `head`, in bytes (RFC 8878, 3.1.1.1.2); `None` for a skippable frame,
/// or for one whose window is its whole (small) content.
fn window_of(head: &[u8]) -> Option<u64> {
    let (&descriptor, &window) = (head.get(4)?, head.get(5)?);
    let single_segment = descriptor & 0x20 != 0;
    if !head.starts_with(&ZSTD_MAGIC) || single_segment {
        return None;
    }
    let base = 1u64 << (10 + (window >> 3));
    Some(base + base / 8 * u64::from(window & 7))
}

/// Refuses a file whose window does not fit into free memory (`None`: unknown).
///
/// The window fills only as text is decompressed, and text of this kind compresses about 8 times, at most about 30: a
/// small file never needs the 2 GiB that its header names.
fn check_window(path: &Path, head: &[u8], file: u64, free: Option<u64>) -> Result<(), Error> {
    let (Some(window), Some(free)) = (window_of(head), free) else {
        return Ok(());
    };
    if window > 1 << WINDOW_LOG {
        return Ok(()); // the decompressor refuses it, whatever the memory
    }
    let need = window.min(file.saturating_mul(32)) + (64 << 20);
    if need > free {
        return Err(Error::Memory {
            path: path.into(),
            need_mb: need >> 20,
            have_mb: free >> 20,
        });
    }
    Ok(())
}

/// Bytes of memory available without swapping; `None` where the system does not say (only Linux does, in
/// /proc/meminfo).
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kb| kb << 10)
}

/// The encoding of a UTF-16 file: by its byte order mark, or by the zero bytes of Latin text without one.
fn utf16(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    match head {
        [0xFF, 0xFE, ..] => return Some(encoding_rs::UTF_16LE),
        [0xFE, 0xFF, ..] => return Some(encoding_rs::UTF_16BE),
        _ => {}
    }
    let sample = &head[..head.len().min(512) & !1];
    let zeros = |odd: usize| {
        sample
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let many = sample.len() / 5; // of the half that would be zero in English text
    if sample.is_empty() || sample.starts_with(b"PAR1") {
        None
    } else if zeros(1) > many && zeros(0) == 0 {
        Some(encoding_rs::UTF_16LE)
    } else if zeros(0) > many && zeros(1) == 0 {
        Some(encoding_rs::UTF_16BE)
    } else {
        None
    }
}

/// A UTF-16 stream as UTF-8; invalid UTF-16 becomes U+FFFD.
struct Utf16<R> {
    from: R,
    decoder: encoding_rs::Decoder,
    out: Cursor<Vec<u8>>,
    done: bool,
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.out.read(buffer)?;
            if n > 0 || self.done {
                return Ok(n);
            }
            let raw = fill(&mut self.from, 64 << 10)?;
            self.done = raw.is_empty();
            let most = self
                .decoder
                .max_utf8_buffer_length(raw.len())
                .unwrap_or(4 * raw.len() + 16);
            let mut text = vec![0; most];
            let (_, _, written, _) = self.decoder.decode_to_utf8(&raw, &mut text, self.done);
            text.truncate(written);
            self.out = Cursor::new(text);
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Reading

/// A block of whole lines, and the number of its first line.
struct Block {
    text: Vec<u8>,
    first_line: u64,
}

struct Reading<'a, F> {
    path: &'a Path,
    filter: &'a Filter,
    meter: &'a Meter,
    packed: bool,
    ids: Option<&'a str>,
    format: Format,
    take: F,
}

/// The counts, and whether the end was reached.
type Outcome = Result<(Counts, bool), Error>;

/// Why a reader's thread ended early.
enum Fault {
    Io(io::Error),
    Json(JsonError),
    /// Anything else, as a sentence about the file.
    What(String),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<JsonError> for Fault {
    fn from(e: JsonError) -> Self {
        match e {
            JsonError::Io(e) => Self::Io(e),
            other => Self::Json(other),
        }
    }
}

/// A thread's result, or its panic message.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, String> {
    thread
        .join()
        .map_err(|panic| crate::guard::panic_text(&*panic).to_owned())
}

impl<F: FnMut(Batch) -> ControlFlow<()>> Reading<'_, F> {
    /// Reads lines: unpacked on one thread, passed to `parse` (the line, its number, the batches) on another, consumed
    /// on this one.
    fn lines(
        self,
        reader: Box<dyn Read + Send>,
        mut parse: impl FnMut(&[u8], u64, &mut Batches) + Send,
    ) -> Outcome {
        let (path, packed, meter) = (self.path, self.packed, self.meter.clone());
        std::thread::scope(|scope| {
            let (to_parser, blocks) = sync_channel::<Block>(2);
            let (to_caller, batches) = sync_channel::<Batch>(2);
            // Empty buffers go back to the reading thread, so that blocks are allocated once.
            let (used, spare) = sync_channel::<Vec<u8>>(4);
            let unpacking = scope.spawn(move || blocks_of(reader, &to_parser, &spare));
            let parsing = scope.spawn(move || {
                let mut batches = Batches::new(to_caller, meter);
                for Block {
                    mut text,
                    first_line,
                } in blocks
                {
                    let nul = holds_nul(&text);
                    let mut start = 0;
                    let ends = memchr_iter(b'\n', &text).chain(std::iter::once(text.len()));
                    for (line, end) in (first_line..).zip(ends) {
                        let bytes = without_mark(text[start..end].trim_ascii());
                        start = end + 1;
                        if bytes.is_empty() {
                            continue;
                        }
                        batches.batch.counts.rows += 1;
                        if nul {
                            batches.batch.counts.nul += u64::from(holds_nul(bytes));
                        }
                        parse(bytes, line, &mut batches);
                        // short rows take more memory than their bytes
                        if batches.batch.records.len() >= MOST_RECORDS && !batches.send() {
                            return; // the caller has stopped
                        }
                    }
                    if !batches.send() {
                        return;
                    }
                    if text.capacity() <= 2 * BLOCK {
                        text.clear();
                        let _ = used.try_send(text);
                    }
                }
            });
            let (counts, finished) = self.take_all(batches);
            let died = |what| Error::Died {
                path: path.into(),
                rows: counts.rows,
                what,
            };
            let read = joined(unpacking).map_err(died)?;
            joined(parsing).map_err(died)?;
            match read {
                Err(e) if finished => Err(read_error(path, packed, counts.rows, e)),
                _ => Ok((counts, finished)),
            }
        })
    }

    /// Passes on batches until the channel closes or the caller breaks.
    fn take_all(mut self, batches: Receiver<Batch>) -> (Counts, bool) {
        let mut counts = Counts::default();
        for mut batch in batches {
            if self.filter.placeholders {
                placeholders::replace_all(&mut batch);
            }
            if let Some(namespace) = self.ids {
                batch.records.iter_mut().for_each(|r| r.move_to(namespace));
                (batch.gone.iter_mut()).for_each(|gone| gone.id = in_namespace(namespace, gone.id));
                (batch.named.iter_mut()).for_each(|(id, _)| *id = in_namespace(namespace, *id));
            }
            batch.format = Some(self.format);
            counts.add(&batch.counts);
            if (self.take)(batch).is_break() {
                return (counts, false);
            }
        }
        (counts, true)
    }

    /// Reads with one thread that parses and gathers batches, and one (this) that consumes them. The end counts as
    /// reached only if the parsing thread reports it: a thread that fails or dies fails the reading.
    fn gathered<'s>(
        self,
        parse: impl FnOnce(&mut Batches) -> Result<(), Fault> + Send + 's,
    ) -> Outcome {
        let (path, packed, meter) = (self.path, self.packed, self.meter.clone());
        std::thread::scope(|scope: &Scope<'_, '_>| {
            let (to_caller, batches) = sync_channel(2);
            let parsing = scope.spawn(move || {
                let mut batches = Batches::new(to_caller, meter);
                let parsed = parse(&mut batches);
                batches.send();
                parsed
            });
            let (counts, finished) = self.take_all(batches);
            let parsed = joined(parsing).map_err(|what| Error::Died {
                path: path.into(),
                rows: counts.rows,
                what,
            })?;
            match parsed {
                Err(fault) if finished => Err(match fault {
                    Fault::Io(e) => read_error(path, packed, counts.rows, e),
                    Fault::What(what) => Error::unknown(path, what),
                    Fault::Json(e) => {
                        let kept = match counts.rows {
                            0 => "",
                            _ => "; what came before is kept",
                        };
                        Error::unknown(path, format!("is not a complete JSON document: {e}{kept}"))
                    }
                }),
                _ => Ok((counts, finished)),
            }
        })
    }

    /// Reads JSON documents as a stream.
    fn document(self, reader: Box<dyn Read + Send>) -> Outcome {
        let filter = self.filter;
        self.gathered(move |batches| {
            let json = BufReader::with_capacity(64 << 10, reader);
            listing::walk(json, &mut |line, excerpt| {
                let n = batches.total_rows() + 1;
                batches.line(line, n, excerpt.as_bytes(), filter)
            })?;
            Ok(())
        })
    }

    /// Reads a JSON document whose objects are the rows of a table: those of the outermost array, or (`inner`) those of
    /// the arrays in the outermost object.
    fn mapped_document(
        self,
        reader: Box<dyn Read + Send>,
        mapping: &Mapping,
        inner: bool,
    ) -> Outcome {
        let (path, filter) = (self.path, self.filter);
        let mut mapper = Mapper::new(mapping, filter);
        let to = &mut mapper;
        let done = self.gathered(move |batches| {
            let mut json = Json::new(BufReader::with_capacity(64 << 10, reader));
            let mut rows = 0;
            while let Some(event) = json.next_event()? {
                // arrays around the rows, or an object around the arrays and its other fields
                let around = match event {
                    Event::Array => !inner || json.depth() <= 2,
                    Event::Object => inner && json.depth() == 1,
                    Event::Key | Event::End => true,
                    _ => inner && json.depth() == 1,
                };
                if around {
                    continue;
                }
                let value = json.value(event)?;
                rows += 1;
                if rows > listing::HOPELESS && to.objects() == 0 {
                    return Err(Fault::What(
                        "is an array of numbers or texts, not of objects with columns".into(),
                    ));
                }
                let excerpt = excerpt_of(&value);
                if !to.take(&value, rows, excerpt.as_bytes(), batches) {
                    break;
                }
            }
            Ok(())
        })?;
        mapper.check(path).map(|()| done)
    }

    /// Reads a table of text.
    fn csv(self, reader: Box<dyn Read + Send>, table: &shape::Table) -> Outcome {
        let (path, filter, delimiter) = (self.path, self.filter, table.delimiter);
        let mut csv = table.rows(BufReader::with_capacity(64 << 10, reader));
        let header = table
            .header(&mut csv)
            .map_err(|e| read_error(path, self.packed, 0, e))?;
        let columns = Columns::find(&table.mapping, &header);
        let mut flat = FlatTable::find(&table.mapping, &header);
        let missing = match (&columns, &flat) {
            (Err(missing), _) if !table.mapping.is_flat() => Some(missing.clone()),
            (_, Err(missing)) if table.mapping.is_flat() => Some(missing.clone()),
            _ => None,
        };
        if let Some(missing) = missing {
            return Err(Error::columns(path, missing, header));
        }
        once_each(path, &table.mapping, &header)?;
        let is_flat = table.mapping.is_flat();
        self.gathered(move |batches| {
            while let Some((line, found)) = csv.next()? {
                // files that were put together, each with its header
                if csv.cells().map(<[u8]>::trim_ascii).eq(header.iter().map(String::as_bytes)) {
                    continue;
                }
                batches.batch.counts.stray_quotes += u64::from(found == Found::Stray);
                let cells: Option<Vec<&str>> =
                    csv.cells().map(|cell| std::str::from_utf8(cell).ok()).collect();
                let count = csv.cells().count();
                let bad = match &cells {
                    _ if count != header.len() && found == Found::Stray => Some(format!(
                        "the quote opened in line {line} is never closed; taken literally, it has {count} \
                         cells where the header has {}",
                        header.len()
                    )),
                    _ if count != header.len() => Some(format!(
                        "has {count} cells where the header has {}",
                        header.len()
                    )),
                    None => Some("contains bytes that are not UTF-8; save the table as CSV UTF-8".to_owned()),
                    Some(cells) => {
                        let nul = cells.iter().any(|c| memchr(0, c.as_bytes()).is_some());
                        batches.batch.counts.nul += u64::from(nul);
                        None
                    }
                };
                let cells = cells.unwrap_or_default();
                let joined = || csv.cells().collect::<Vec<_>>().join(&delimiter);
                let go_on = match (bad, &columns, &mut flat) {
                    (Some(reason), ..) => batches.row(Row::Bad(reason), line, &joined()),
                    (None, _, Ok(flat)) if is_flat => {
                        let got = flat.row(|i| cell_of(&cells, i));
                        let excerpt = match got {
                            Line::Bad(_) => joined(),
                            _ => Vec::new(),
                        };
                        batches.line(got, line, &excerpt, filter)
                    }
                    (None, Ok(columns), _) => {
                        let row = table::row(columns, filter, |i| cell_of(&cells, i));
                        let excerpt = match row {
                            Row::Bad(_) => joined(),
                            _ => Vec::new(),
                        };
                        batches.row(row, line, &excerpt)
                    }
                    _ => true,
                };
                if !go_on {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// The text of a cell; `None`: the null of MySQL, PostgreSQL and Hive.
fn cell_of<'a>(cells: &[&'a str], i: usize) -> Option<&'a str> {
    cells.get(i).copied().filter(|cell| cell.trim() != r"\N")
}

/// A line without the byte order mark of a file that was appended to another.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
}

/// Refuses a mapped column whose name two columns have: either may be meant.
fn once_each(path: &Path, mapping: &Mapping, header: &[String]) -> Result<(), Error> {
    for (_, name) in mapping.columns() {
        let times = header.iter().filter(|h| h.trim() == name.trim()).count();
        if times > 1 {
            return Err(twice(path, name, times));
        }
    }
    Ok(())
}

fn twice(path: &Path, name: &str, times: usize) -> Error {
    let what = format!("has {times} columns named {name:?}; rename all but one of them");
    Error::unknown(path, what)
}

/// Whether a text contains NUL, literally or as a JSON escape.
fn holds_nul(text: &[u8]) -> bool {
    memchr(0, text).is_some() || memmem::find(text, b"\\u0000").is_some()
}

/// Cuts a stream into blocks that end at a line's end and sends them, until the end, an error or a closed channel. A
/// last line without `\n` is sent too, but not if the stream failed inside it.
fn blocks_of(
    mut reader: Box<dyn Read + Send>,
    to_parser: &SyncSender<Block>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut first_line = 1;
    let mut text: Vec<u8> = Vec::with_capacity(BLOCK + BLOCK / 8);
    loop {
        let begun = text.len();
        // Enough to fill the block, or as much again if a line is longer than it.
        let want = if begun < BLOCK { BLOCK - begun } else { begun };
        let result = reader.by_ref().take(want as u64).read_to_end(&mut text);
        let got = text.len() - begun;
        let end = result.is_ok() && got < want;
        let whole = match memrchr(b'\n', &text) {
            _ if end => text.len(),
            Some(at) => at + 1,
            None => 0,
        };
        if whole == 0 && result.is_ok() && !end {
            if text.len() > LONGEST_ROW {
                return Err(delimited::too_long(first_line));
            }
            continue;
        }
        let mut next = spare
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(BLOCK + BLOCK / 8));
        next.extend_from_slice(&text[whole..]);
        text.truncate(whole);
        let lines = memchr_iter(b'\n', &text).count() as u64;
        if !text.is_empty() && to_parser.send(Block { text, first_line }).is_err() {
            return Ok(()); // the parser has stopped because the caller has
        }
        first_line += lines;
        text = next;
        result?;
        if end {
            return Ok(());
        }
    }
}

/// Subreddits of the filter, searched for in a line's bytes before it is parsed.
struct WantedSubreddits<'a> {
    key: memmem::Finder<'static>,
    names: Vec<&'a [u8]>,
}

impl<'a> WantedSubreddits<'a> {
    /// `None` if the filter allows every subreddit, or if a name contains a character that JSON escapes.
    fn new(filter: &'a Filter) -> Option<Self> {
        let names: Vec<_> = filter
            .subreddits
            .iter()
            .map(|name| bare_name(name).as_bytes())
            .collect();
        let plain = names.iter().all(|n| {
            n.iter()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b))
        });
        (!names.is_empty() && plain).then(|| Self {
            key: memmem::Finder::new(br#""subreddit":""#),
            names,
        })
    }

    /// True if the line names one subreddit, and the filter does not allow it. In JSON text these bytes can only be a key
    /// with its value (inside a string the quotes would be escaped); a line that spells the key otherwise, lacks it, or
    /// has several (a crosspost, two objects), is parsed.
    fn surely_another(&self, line: &[u8]) -> bool {
        let mut found = self.key.find_iter(line);
        let (Some(at), None) = (found.next(), found.next()) else {
            return false;
        };
        let value = &line[at + self.key.needle().len()..];
        let Some(end) = memchr(b'"', value) else {
            return false;
        };
        let name = &value[..end];
        let name = name.strip_prefix(b"r/").unwrap_or(name);
        !name.contains(&b'\\') && !self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

/// Adds a line's outcome to the batch.
fn take_line(line: Line, n: u64, bytes: &[u8], filter: &Filter, batch: &mut Batch) {
    let gone = match &line {
        Line::Record(record) => GoneRecord::of_placeholder(record),
        Line::DeletedLater(gone) => gone.clone(),
        Line::Bad(_) => None,
    };
    batch
        .gone
        .extend(gone.filter(|gone| filter.wants_subreddit(&gone.subreddit)));
    match line {
        Line::Record(Record::Comment(comment)) => match filter.drops_comment(&comment) {
            Some(rule) => batch.counts.dropped[rule as usize] += 1,
            None => {
                batch.counts.comments += 1;
                batch.records.push(Record::Comment(comment));
            }
        },
        Line::Record(Record::Post(post)) => match filter.drops_post(&post) {
            Some(rule) => batch.counts.dropped[rule as usize] += 1,
            None => {
                batch.counts.posts += 1;
                batch.records.push(Record::Post(post));
            }
        },
        Line::DeletedLater(_) => batch.counts.dropped[Dropped::DeletedLater as usize] += 1,
        Line::Bad(reason) => reject(reason, n, bytes, batch),
    }
}

/// Lists a bad row, up to the limit.
fn reject(reason: String, n: u64, bytes: &[u8], batch: &mut Batch) {
    batch.counts.rejected += 1;
    if (batch.rejected.len() as u64) < REJECTED_LISTED {
        batch.rejected.push(Rejected::new(n, reason, bytes));
    }
}

/// Adds a row's outcome to the batch.
fn take_row(row: Row, n: u64, bytes: &[u8], batch: &mut Batch) {
    match row {
        Row::Pair(pair) => {
            let PairRow {
                post,
                comment,
                reply,
                link,
            } = *pair;
            if let Some(name) = link.comment {
                (batch.named).extend([(comment.id, name.clone()), (reply.id, name)]);
            }
            if let (Some(post), Some(name)) = (&post, link.post) {
                batch.named.push((post.id, name));
            }
            batch.counts.comments += 2;
            batch.counts.posts += u64::from(post.is_some());
            batch.records.extend(post.map(Record::Post));
            batch.records.extend([comment, reply].map(Record::Comment));
        }
        Row::Dropped(rule) => batch.counts.dropped[rule as usize] += 1,
        Row::Bad(reason) => reject(reason, n, bytes, batch),
    }
}

/// A line of a dump.
fn dump_line(bytes: &[u8], n: u64, filter: &Filter, batches: &mut Batches) {
    let mut taken: u64 = 0;
    ndjson::lines(bytes, true, &mut |line| {
        batches.another_of_line(&mut taken);
        take_line(line, n, bytes, filter, &mut batches.batch);
    });
}

/// A line of JSON read as a table's row: the keys are the columns. Rows that lost the line break between them are read
/// one by one.
fn mapped_line(mapper: &mut Mapper, bytes: &[u8], n: u64, batches: &mut Batches) {
    let mut json = Json::new(bytes);
    let mut taken: u64 = 0;
    loop {
        let value = match json.next_event() {
            Ok(Some(first)) => json.value(first),
            Ok(None) => return,
            Err(e) => Err(e),
        };
        batches.another_of_line(&mut taken);
        let batch = &mut batches.batch;
        let value = match value {
            Ok(value) => value,
            Err(e) => return reject(format!("not a JSON object: {e}"), n, bytes, batch),
        };
        for got in mapper.rows(&value) {
            match got {
                rows::Got::Row(row) => take_row(row, n, bytes, batch),
                rows::Got::Line(line) => take_line(line, n, bytes, mapper.filter(), batch),
            }
        }
        if !value.is_object() {
            return;
        }
    }
}

/// A line that is a document by itself: an utterance, a thread, a listing.
fn walked_line(
    earlier: &mut Earlier,
    bytes: &[u8],
    n: u64,
    filter: &Filter,
    batches: &mut Batches,
) {
    let mut taken: u64 = 0;
    let walked = listing::walk_after(earlier, bytes, &mut |line, _| {
        let go_on = batches.another_of_line(&mut taken);
        take_line(line, n, bytes, filter, &mut batches.batch);
        go_on
    });
    if let Err(e) = walked {
        batches.another_of_line(&mut taken);
        reject(
            format!("not a JSON object: {e}"),
            n,
            bytes,
            &mut batches.batch,
        );
    }
}

/// The beginning of a row, to identify it, with its id if it has one.
fn excerpt_of(value: &serde_json::Value) -> String {
    let serde_json::Value::Object(object) = value else {
        return String::new();
    };
    let mut excerpt: String = object
        .values()
        .find_map(|v| v.as_str())
        .map(|text| text.chars().take(crate::record::EXCERPT).collect())
        .unwrap_or_default();
    let id = ["id", "name", "reply_id"]
        .into_iter()
        .find_map(|key| object.get(key));
    match id {
        Some(serde_json::Value::String(id)) if id.len() <= 20 => {
            excerpt.push_str(&format!(" \"id\":\"{id}\""));
        }
        Some(serde_json::Value::Number(id)) => excerpt.push_str(&format!(" \"id\":\"{id}\"")),
        _ => {}
    }
    excerpt
}

/// Keeps the list of rejected rows of a file within [`REJECTED_LISTED`].
fn list_rejected(batch: &mut Batch, listed: &mut u64) {
    batch
        .rejected
        .truncate((REJECTED_LISTED - *listed) as usize);
    *listed += batch.rejected.len() as u64;
}

/// Rows of a table gathered into batches and sent.
struct Batches {
    to: SyncSender<Batch>,
    meter: Meter,
    batch: Batch,
    rows: u64,
    listed: u64,
    bytes: usize,
}

impl Batches {
    fn new(to: SyncSender<Batch>, meter: Meter) -> Self {
        Self {
            to,
            meter,
            batch: Batch::default(),
            rows: 0,
            listed: 0,
            bytes: 0,
        }
    }

    fn total_rows(&self) -> u64 {
        self.rows + self.batch.counts.rows
    }

    /// Adds a row; false if the caller has stopped.
    fn row(&mut self, row: Row, n: u64, excerpt: &[u8]) -> bool {
        self.batch.counts.rows += 1;
        if let Row::Pair(pair) = &row {
            self.bytes += pair.comment.body.len() + pair.reply.body.len();
            self.bytes += pair.post.as_ref().map_or(0, |p| p.title.len());
        }
        take_row(row, n, excerpt, &mut self.batch);
        self.full()
    }

    /// Adds the outcome of a line or an element; false if the caller has stopped.
    fn line(&mut self, line: Line, n: u64, excerpt: &[u8], filter: &Filter) -> bool {
        self.batch.counts.rows += 1;
        self.bytes += match &line {
            Line::Record(Record::Comment(c)) => c.body.len(),
            Line::Record(Record::Post(p)) => p.title.len() + p.selftext.len(),
            _ => 0,
        };
        take_line(line, n, excerpt, filter, &mut self.batch);
        self.full()
    }

    /// Counts a row of a line beyond the first, which is counted with the line, and sends the batch if the line has
    /// filled it; false if the caller has stopped.
    fn another_of_line(&mut self, taken: &mut u64) -> bool {
        let go_on = self.batch.records.len() < MOST_RECORDS || self.send();
        self.batch.counts.rows += u64::from(*taken > 0);
        *taken += 1;
        go_on
    }

    /// Sends the batch if it is full; false if the caller has stopped.
    fn full(&mut self) -> bool {
        // The channel holds two batches; batches of a block's size keep memory as low as with lines.
        if self.bytes < BLOCK && self.batch.counts.rows < 4096 {
            true
        } else {
            self.send()
        }
    }

    /// Sends the current batch; false if the caller has stopped.
    fn send(&mut self) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.rows += batch.counts.rows;
        batch.progress = self.meter.progress(self.rows);
        list_rejected(&mut batch, &mut self.listed);
        self.to.send(batch).is_ok()
    }
}

#[cfg(test)]
mod tests;
