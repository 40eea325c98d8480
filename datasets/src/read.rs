//! A file to batches of records: opened, recognised, decompressed and parsed beside the caller.
//!
//! Three threads at most: one reads and decompresses into blocks of whole lines, one parses, the
//! caller's takes the batches. The channels between them hold two blocks, so memory is bounded by
//! the decompressor's window and a few blocks whatever the file's size.

mod look;

use crate::{
    filter::{Dropped, Filter},
    listing,
    ndjson::{self, Line},
    record::{Record, Rejected},
    source::{Format, Mapping, ReadProgress},
    table::{self, Columns, Row},
};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Cursor, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

pub use look::{Look, look};

/// Bytes of a block of lines: large enough that the channels cost nothing, small enough that a
/// batch (a few thousand rows) is stored in tens of milliseconds.
const BLOCK: usize = 2 << 20;
/// Bytes of the longest line that is read; Reddit's own longest are a few hundred kilobytes.
const LONGEST_LINE: usize = 64 << 20;
/// Bytes of the largest JSON document that is read (it is held in memory, unlike lines).
const LARGEST_DOCUMENT: u64 = 256 << 20;
/// Bytes that are looked at to recognise a file.
const HEAD: usize = 256 << 10;
/// log2 of the window that the dumps are packed with: 2 GiB.
const WINDOW_LOG: u32 = 31;
/// Rejected rows of one file that are listed; further ones are only counted.
pub const REJECTED_LISTED: u64 = 10_000;

/// How a file is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// `None`: recognised by its content.
    pub format: Option<Format>,
    /// The columns of a table that is not the original query's.
    pub mapping: Option<Mapping>,
    /// The rows that are wanted.
    pub filter: Filter,
}

/// A part of a file, read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Comments and posts, in the order of the file.
    pub records: Vec<Record>,
    /// Rows that could not be read, as long as few enough of them are listed.
    pub rejected: Vec<Rejected>,
    /// How many rows of this batch became what.
    pub counts: Counts,
    /// How far the file has been read.
    pub progress: ReadProgress,
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows seen: lines, rows of a table, elements of a listing. Blank lines do not count.
    pub rows: u64,
    /// Comments taken; a row of a table gives two.
    pub comments: u64,
    /// Posts taken.
    pub posts: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Rows left out, by rule, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
}

impl Counts {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.comments += other.comments;
        self.posts += other.posts;
        self.rejected += other.rejected;
        self.dropped
            .iter_mut()
            .zip(other.dropped)
            .for_each(|(a, b)| *a += b);
    }
}

/// A file, read to its end or stopped by the caller.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How it was read.
    pub format: Format,
    /// How many rows became what.
    pub counts: Counts,
    /// blake3 of the file's bytes, in hexadecimal; `None` when the caller stopped.
    pub hash: Option<String>,
}

/// Why a file could not be read, or not to its end. The batches before it were good.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in it.
    #[error("{}: the file is empty", .0.display())]
    Empty(PathBuf),
    /// No reader knows it.
    #[error("{}: {what}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it seems to be and what to do.
        what: String,
    },
    /// A table without the columns that were asked for.
    #[error("{}: no column {}; the file has {}", path.display(), list(missing), list(found))]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns that are not there.
        missing: Vec<String>,
        /// The columns that are.
        found: Vec<String>,
    },
    /// A compressed file that stops in the middle or is damaged.
    #[error(
        "{}: the compressed data end or break after row {rows}: {what}; the rows before are kept; \
         get the file again and import it once more",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// Rows read before.
        rows: u64,
        /// What the decompressor said.
        what: String,
    },
    /// The decompressor's window does not fit.
    #[error(
        "{}: unpacking needs {need_mb} MB of memory for its window and {have_mb} MB are free; close \
         other programs, or unpack it elsewhere (zstd -d --long=31) and import the plain file",
        path.display()
    )]
    Memory {
        /// The file.
        path: PathBuf,
        /// Megabytes needed.
        need_mb: u64,
        /// Megabytes free.
        have_mb: u64,
    },
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|n| format!("{n:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reads a file and hands its batches to `take`, in order, until the end or until `take` breaks.
///
/// # Errors
/// See [`Error`]. Batches that were handed over before an error are good.
pub fn read(
    path: &Path,
    options: &Options,
    take: impl FnMut(Batch) -> ControlFlow<()>,
) -> Result<Summary, Error> {
    let input = Input::open(path)?;
    let kind = recognise(&input, options)?;
    let format = options.format.unwrap_or(match kind {
        Kind::Lines => Format::Pushshift,
        Kind::Document => Format::Listing,
        Kind::MappedLines(_) | Kind::Parquet(_) => Format::Mapped,
        Kind::Csv { ref mapping, .. } if *mapping == Mapping::bigquery() => Format::Bigquery,
        Kind::Csv { .. } => Format::Mapped,
    });
    let meter = input.meter.clone();
    let filter = &options.filter;
    let reading = Reading {
        path,
        filter,
        meter: &meter,
        take,
    };
    let (counts, finished) = match kind {
        Kind::Lines => {
            let wanted = WantedSubreddits::new(filter);
            reading.lines(input.reader, |bytes, n, batch| {
                if wanted.as_ref().is_some_and(|w| w.surely_another(bytes)) {
                    batch.counts.dropped[Dropped::Subreddit as usize] += 1;
                } else {
                    take_line(ndjson::line(bytes, true), n, bytes, filter, batch);
                }
            })
        }
        Kind::MappedLines(mapping) => reading.lines(input.reader, |bytes, n, batch| {
            take_row(mapped_line(bytes, &mapping, filter), n, bytes, batch);
        }),
        Kind::Document => reading.document(input.reader),
        Kind::Csv { mapping, delimiter } => reading.csv(input.reader, &mapping, delimiter),
        Kind::Parquet(mapping) => reading.parquet(&mapping),
    }?;
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
    total: u64,
    hasher: Arc<Mutex<blake3::Hasher>>,
}

impl Meter {
    /// blake3 of what was read, when that is the whole file.
    fn hash(&self) -> Option<String> {
        if self.bytes.load(Relaxed) < self.total {
            return None;
        }
        self.hasher
            .lock()
            .ok()
            .map(|h| h.finalize().to_hex().to_string())
    }

    fn progress(&self, rows: u64) -> ReadProgress {
        ReadProgress {
            bytes: self.bytes.load(Relaxed).min(self.total),
            total: self.total,
            rows,
        }
    }
}

/// A file whose bytes are counted and hashed as they are read.
struct Metered {
    file: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.meter.bytes.fetch_add(n as u64, Relaxed);
        if let Ok(mut hasher) = self.meter.hasher.lock() {
            hasher.update(&buffer[..n]);
        }
        Ok(n)
    }
}

/// An opened file: its first bytes (unpacked, decoded) and all of them as a stream of UTF-8.
struct Input<'p> {
    path: &'p Path,
    head: Vec<u8>,
    /// The whole of the text is in `head`.
    head_is_all: bool,
    reader: Box<dyn Read + Send>,
    meter: Meter,
}

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

impl<'p> Input<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        if path.extension().is_some_and(|e| e == "zst_blocks") {
            let what = "files .zst_blocks are a format of its own that ended in 2024-03; get the \
                        month as .zst";
            return Err(Error::Unknown {
                path: path.into(),
                what: what.into(),
            });
        }
        let file = File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if about.is_dir() {
            let what = "is a folder; give the files in it";
            return Err(Error::Unknown {
                path: path.into(),
                what: what.into(),
            });
        }
        let total = about.len();
        if total == 0 {
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
        let magic = fill(&mut raw, 18).map_err(io)?;
        let packed = is_zstd(&magic);
        if magic.starts_with(&[0x1F, 0x8B]) || magic.starts_with(b"PK\x03\x04") {
            let what = "is packed with gzip or zip; unpack it first";
            return Err(Error::Unknown {
                path: path.into(),
                what: what.into(),
            });
        }
        if packed {
            check_window(path, &magic, total, free_memory())?;
        }
        let plain = Cursor::new(magic).chain(raw);
        let mut reader: Box<dyn Read + Send> = if packed {
            let mut decoder = zstd::Decoder::new(plain).map_err(io)?;
            decoder.window_log_max(WINDOW_LOG).map_err(io)?;
            Box::new(decoder)
        } else {
            Box::new(plain)
        };
        let mut head = fill(&mut reader, HEAD).map_err(|e| read_error(path, packed, 0, e))?;
        if head.is_empty() {
            return Err(Error::Empty(path.into()));
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
        } else if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            head.drain(..3);
        }
        let head_is_all = head.len() < HEAD;
        let reader = Box::new(Cursor::new(head.clone()).chain(reader));
        Ok(Self {
            path,
            head,
            head_is_all,
            reader,
            meter,
        })
    }
}

/// True for a zstd frame or one of its skippable frames.
fn is_zstd(magic: &[u8]) -> bool {
    magic.starts_with(&ZSTD_MAGIC)
        || (magic.len() >= 4 && magic[0] & 0xF0 == 0x50 && magic[1..4] == [0x2A, 0x4D, 0x18])
}

/// Reads until `n` bytes are there or the end.
fn fill(reader: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    reader.take(n as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

/// Reports a read error as what it means for the file.
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
    // The system's errors carry a code; the decompressor's do not.
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

/// The window of the zstd frame that starts with `head`, in bytes (RFC 8878, 3.1.1.1.2); `None`
/// for a skippable frame, or for one whose window is its whole (small) content.
fn window_of(head: &[u8]) -> Option<u64> {
    let (&descriptor, &window) = (head.get(4)?, head.get(5)?);
    let single_segment = descriptor & 0x20 != 0;
    if !head.starts_with(&ZSTD_MAGIC) || single_segment {
        return None;
    }
    let base = 1u64 << (10 + (window >> 3));
    Some(base + base / 8 * u64::from(window & 7))
}

/// Refuses a file whose window does not fit into the memory that is free (`None`: unknown).
///
/// The window fills as the text does, and text of this kind packs about 8 times, at most some 30:
/// a small file never needs the 2 GiB that its header names.
fn check_window(path: &Path, head: &[u8], file: u64, free: Option<u64>) -> Result<(), Error> {
    let (Some(window), Some(free)) = (window_of(head), free) else {
        return Ok(());
    };
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

/// Bytes of memory that can be had without swapping; `None` where the system does not say (only
/// Linux does, in /proc/meminfo).
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

/// The encoding of a UTF-16 file: by its mark, or by the zero bytes of Latin text without one.
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

/// A UTF-16 stream as UTF-8; what is not UTF-16 becomes U+FFFD.
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
// Recognising

enum Kind {
    Lines,
    MappedLines(Mapping),
    Document,
    Csv { mapping: Mapping, delimiter: u8 },
    Parquet(Mapping),
}

/// What the file is, by its first bytes; a mapping says that it is a table.
fn recognise(input: &Input, options: &Options) -> Result<Kind, Error> {
    let unknown = |what: String| Error::Unknown {
        path: input.path.into(),
        what,
    };
    let head = &input.head;
    let mapping = options.mapping.clone();
    if head.starts_with(b"PAR1") {
        return Ok(Kind::Parquet(mapping.unwrap_or_else(Mapping::bigquery)));
    }
    let first = head.iter().find(|b| !b.is_ascii_whitespace());
    match (first, options.format) {
        (None, _) => Err(Error::Empty(input.path.into())),
        (_, Some(Format::Listing)) => Ok(Kind::Document),
        (_, Some(Format::Pushshift | Format::Sample)) => Ok(Kind::Lines),
        (Some(b'['), None) => Ok(Kind::Document),
        (Some(b'{'), _) => match mapping {
            Some(mapping) => Ok(Kind::MappedLines(mapping)),
            None if is_ndjson(head, input.head_is_all) => Ok(Kind::Lines),
            None => Ok(Kind::Document),
        },
        _ if looks_like_csv(head) || mapping.is_some() => {
            let delimiter = delimiter_of(head);
            let mapping = mapping.unwrap_or_else(Mapping::bigquery);
            Ok(Kind::Csv { mapping, delimiter })
        }
        _ if has_json_line(head) => Ok(Kind::Lines),
        _ if head.contains(&0) => Err(unknown("is binary, of a kind that no reader knows".into())),
        _ => Err(unknown(
            "is neither NDJSON (a JSON object a line) nor a table with a header; for a table, name \
             its columns: --map comment=COLUMN,reply=COLUMN"
                .into(),
        )),
    }
}

/// The whole lines of the head; the last, cut one only when it is all there.
fn head_lines(head: &[u8], is_all: bool) -> impl Iterator<Item = &[u8]> {
    let whole = if is_all {
        head.len()
    } else {
        memrchr(b'\n', head).unwrap_or(0)
    };
    head[..whole]
        .split(|b| *b == b'\n')
        .filter(|l| !l.trim_ascii().is_empty())
}

/// True when a line is an object by itself and no wrapper around a document.
fn is_ndjson(head: &[u8], is_all: bool) -> bool {
    head_lines(head, is_all).take(50).any(|line| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line)
            .is_ok_and(|o| !o.contains_key("data") && !o.contains_key("request"))
    })
}

fn has_json_line(head: &[u8]) -> bool {
    head_lines(head, true)
        .take(50)
        .any(|l| l.starts_with(b"{\"") && l.trim_ascii().ends_with(b"}"))
}

/// True when the first line holds separators and no JSON.
fn looks_like_csv(head: &[u8]) -> bool {
    let line = &head[..memchr(b'\n', head).unwrap_or(head.len())];
    let json = line
        .trim_ascii_start()
        .first()
        .is_some_and(|b| matches!(b, b'{' | b'['));
    !json && !head.contains(&0) && line.iter().any(|b| matches!(b, b',' | b'\t' | b';'))
}

/// The separator that the header holds most of.
fn delimiter_of(head: &[u8]) -> u8 {
    let line = &head[..memchr(b'\n', head).unwrap_or(head.len())];
    let count = |d: u8| memchr_iter(d, line).count();
    // The last of equals wins in max_by_key: the comma.
    [b';', b'\t', b',']
        .into_iter()
        .max_by_key(|d| count(*d))
        .unwrap_or(b',')
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
    take: F,
}

/// The counts, and whether the end was reached.
type Outcome = Result<(Counts, bool), Error>;

impl<F: FnMut(Batch) -> ControlFlow<()>> Reading<'_, F> {
    /// Reads lines: unpacked on one thread, given to `parse` (the line, its number, the batch) on
    /// another, taken on this one.
    fn lines(
        self,
        reader: Box<dyn Read + Send>,
        parse: impl Fn(&[u8], u64, &mut Batch) + Send,
    ) -> Outcome {
        let (path, meter) = (self.path, self.meter.clone());
        let packed = self.is_packed();
        std::thread::scope(|scope| {
            let (to_parser, blocks) = sync_channel::<Block>(2);
            let (to_caller, batches) = sync_channel::<Batch>(2);
            // Empty buffers go back to the reading thread, so that blocks are allocated once.
            let (used, spare) = sync_channel::<Vec<u8>>(4);
            let unpacking = scope.spawn(move || blocks_of(reader, &to_parser, &spare));
            scope.spawn(move || {
                let (mut rows, mut listed) = (0, 0);
                for Block {
                    mut text,
                    first_line,
                } in blocks
                {
                    let mut batch = Batch::default();
                    let mut start = 0;
                    let ends = memchr_iter(b'\n', &text).chain(std::iter::once(text.len()));
                    for (line, end) in (first_line..).zip(ends) {
                        let bytes = text[start..end].trim_ascii();
                        if !bytes.is_empty() {
                            batch.counts.rows += 1;
                            parse(bytes, line, &mut batch);
                        }
                        start = end + 1;
                    }
                    rows += batch.counts.rows;
                    batch.progress = meter.progress(rows);
                    list_rejected(&mut batch, &mut listed);
                    text.clear();
                    let _ = used.try_send(text);
                    if to_caller.send(batch).is_err() {
                        return; // the caller has stopped
                    }
                }
            });
            let (counts, finished) = self.take_all(batches);
            match unpacking.join() {
                Ok(Err(e)) if finished => Err(read_error(path, packed, counts.rows, e)),
                _ => Ok((counts, finished)),
            }
        })
    }

    /// Takes batches until the channel closes or the caller breaks.
    fn take_all(mut self, batches: Receiver<Batch>) -> (Counts, bool) {
        let mut counts = Counts::default();
        for batch in batches {
            counts.add(&batch.counts);
            if (self.take)(batch).is_break() {
                return (counts, false);
            }
        }
        (counts, true)
    }

    /// Reads a JSON document, held in memory as a whole.
    fn document(mut self, mut reader: Box<dyn Read + Send>) -> Outcome {
        let mut text = Vec::new();
        let limited = reader
            .by_ref()
            .take(LARGEST_DOCUMENT + 1)
            .read_to_end(&mut text);
        limited.map_err(|e| read_error(self.path, self.is_packed(), 0, e))?;
        if text.len() as u64 > LARGEST_DOCUMENT {
            return Err(self.unknown(format!(
                "is one JSON document of more than {} MB; import NDJSON (a JSON object a line)",
                LARGEST_DOCUMENT >> 20
            )));
        }
        let document: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|e| self.unknown(format!("is not a whole JSON document: {e}")))?;
        let mut batch = Batch::default();
        let filter = self.filter;
        listing::walk(&document, &mut |line, element| {
            batch.counts.rows += 1;
            let n = batch.counts.rows;
            let excerpt = match line {
                Line::Bad(_) => element.to_string(),
                _ => String::new(),
            };
            take_line(line, n, excerpt.as_bytes(), filter, &mut batch);
        });
        list_rejected(&mut batch, &mut 0);
        batch.progress = self.meter.progress(batch.counts.rows);
        let counts = batch.counts;
        let finished = (self.take)(batch).is_continue();
        Ok((counts, finished))
    }

    /// Reads a table of text, parsed on a thread of its own.
    fn csv(self, reader: Box<dyn Read + Send>, mapping: &Mapping, delimiter: u8) -> Outcome {
        let (path, packed, filter, meter) =
            (self.path, self.is_packed(), self.filter, self.meter.clone());
        let mut csv = csv_reader(reader, delimiter);
        let header: Vec<String> = csv
            .headers()
            .map_err(|e| csv_error(path, e))?
            .iter()
            .map(|h| h.trim().to_owned())
            .collect();
        let columns = self.columns(mapping, &header)?;
        std::thread::scope(|scope| {
            let (to_caller, batches) = sync_channel(2);
            let parsing = scope.spawn(move || {
                let mut batches = Batches::new(to_caller, meter);
                let mut record = csv::ByteRecord::new();
                let mut joined = Vec::new();
                loop {
                    match csv.read_byte_record(&mut record) {
                        Ok(true) => {}
                        Ok(false) => {
                            batches.send();
                            return Ok(());
                        }
                        Err(e) => {
                            batches.send();
                            return Err(e);
                        }
                    }
                    let line = record.position().map_or(0, csv::Position::line);
                    let row = if record.len() == header.len() {
                        match utf8_cells(&record) {
                            Some(cells) => table::row(&columns, filter, |i| cells.get(i).copied()),
                            None => Row::Bad("holds bytes that are not UTF-8".into()),
                        }
                    } else {
                        Row::Bad(format!(
                            "has {} cells where the header has {}",
                            record.len(),
                            header.len()
                        ))
                    };
                    joined.clear();
                    if matches!(row, Row::Bad(_)) {
                        joined = record.iter().collect::<Vec<_>>().join(&delimiter);
                    }
                    if !batches.row(row, line, &joined) {
                        return Ok(());
                    }
                }
            });
            let (counts, finished) = self.take_all(batches);
            match parsing.join() {
                Ok(Err(e)) if finished => Err(match e.into_kind() {
                    csv::ErrorKind::Io(e) => read_error(path, packed, counts.rows, e),
                    other => Error::Unknown {
                        path: path.into(),
                        what: format!("{other:?}"),
                    },
                }),
                _ => Ok((counts, finished)),
            }
        })
    }

    /// Reads a Parquet file, parsed on a thread of its own; only the mapped columns are unpacked.
    fn parquet(self, mapping: &Mapping) -> Outcome {
        use parquet::{
            file::reader::{FileReader, SerializedFileReader},
            record::Field,
            schema::types::Type,
        };
        let path = self.path;
        let bad = |e: parquet::errors::ParquetError| Error::Unknown {
            path: path.into(),
            what: format!("is not a whole Parquet file: {e}"),
        };
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        // The hash is of the file's bytes; the reader below jumps about in them.
        let mut whole = Metered {
            file: File::open(path).map_err(io)?,
            meter: self.meter.clone(),
        };
        self.meter.bytes.store(0, Relaxed);
        if let Ok(mut hasher) = self.meter.hasher.lock() {
            hasher.reset();
        }
        io::copy(&mut whole, &mut io::sink()).map_err(io)?;
        let file = SerializedFileReader::new(File::open(path).map_err(io)?).map_err(bad)?;
        let schema = file.metadata().file_metadata().schema();
        let named: Vec<_> = mapping
            .columns()
            .into_iter()
            .map(|(_, c)| c.to_owned())
            .collect();
        let all: Vec<String> = schema
            .get_fields()
            .iter()
            .map(|f| f.name().to_owned())
            .collect();
        self.columns(mapping, &all)?;
        let fields: Vec<_> = schema
            .get_fields()
            .iter()
            .filter(|f| named.iter().any(|n| n == f.name()))
            .cloned()
            .collect();
        let header: Vec<String> = fields.iter().map(|f| f.name().to_owned()).collect();
        let columns = self.columns(mapping, &header)?;
        let projection = Type::group_type_builder(schema.name())
            .with_fields(fields)
            .build()
            .map_err(bad)?;
        let (filter, meter) = (self.filter, self.meter.clone());
        std::thread::scope(|scope| {
            let (to_caller, batches) = sync_channel(2);
            let parsing = scope.spawn(move || -> Result<(), parquet::errors::ParquetError> {
                let mut batches = Batches::new(to_caller, meter);
                for (n, row) in file.get_row_iter(Some(projection))?.enumerate() {
                    let row = match row {
                        Ok(row) => row,
                        Err(e) => {
                            batches.send();
                            return Err(e);
                        }
                    };
                    let cells: Vec<Option<String>> = row
                        .get_column_iter()
                        .map(|(_, field)| match field {
                            Field::Null => None,
                            Field::Str(text) => Some(text.clone()),
                            other => Some(other.to_string()),
                        })
                        .collect();
                    let row = table::row(&columns, filter, |i| cells.get(i)?.as_deref());
                    let excerpt = match row {
                        Row::Bad(_) => {
                            let texts: Vec<_> =
                                cells.iter().map(|c| c.as_deref().unwrap_or("")).collect();
                            texts.join(",")
                        }
                        _ => String::new(),
                    };
                    if !batches.row(row, n as u64 + 1, excerpt.as_bytes()) {
                        return Ok(());
                    }
                }
                batches.send();
                Ok(())
            });
            let (counts, finished) = self.take_all(batches);
            match parsing.join() {
                Ok(Err(e)) if finished => Err(bad(e)),
                _ => Ok((counts, finished)),
            }
        })
    }

    fn columns(&self, mapping: &Mapping, header: &[String]) -> Result<Columns, Error> {
        Columns::find(mapping, header).map_err(|missing| Error::Columns {
            path: self.path.into(),
            missing,
            found: header.to_vec(),
        })
    }

    fn unknown(&self, what: String) -> Error {
        Error::Unknown {
            path: self.path.into(),
            what,
        }
    }

    /// A packed file has been recognised by its first bytes; asked again only for error reports.
    fn is_packed(&self) -> bool {
        File::open(self.path)
            .and_then(|mut f| fill(&mut f, 4))
            .is_ok_and(|head| is_zstd(&head))
    }
}

/// Cuts a stream into blocks that end at a line's end and sends them on, until the end, an error or
/// a closed channel. A last line without `\n` is sent too, but not when the stream broke in it.
fn blocks_of(
    mut reader: Box<dyn Read + Send>,
    to_parser: &SyncSender<Block>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut first_line = 1;
    let mut text: Vec<u8> = Vec::with_capacity(BLOCK + BLOCK / 8);
    loop {
        let begun = text.len();
        // Enough to fill the block, or as much again when one line is longer than it.
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
            if text.len() > LONGEST_LINE {
                return Err(io::Error::other(format!(
                    "line {first_line} is longer than {} MB; this is not NDJSON",
                    LONGEST_LINE >> 20
                )));
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

/// Subreddits that are wanted, looked for in a line's bytes before it is parsed.
struct WantedSubreddits<'a> {
    key: memmem::Finder<'static>,
    names: Vec<&'a [u8]>,
}

impl<'a> WantedSubreddits<'a> {
    /// `None` when every subreddit is wanted, or when a name holds what JSON would escape.
    fn new(filter: &'a Filter) -> Option<Self> {
        let names: Vec<_> = filter.subreddits.iter().map(String::as_bytes).collect();
        let plain = names.iter().all(|n| {
            n.iter()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b))
        });
        (!names.is_empty() && plain).then(|| Self {
            key: memmem::Finder::new(br#""subreddit":""#),
            names,
        })
    }

    /// True when the line names subreddits and none that is wanted. In a JSON text these bytes can
    /// only be a key with its value (inside a string the quotes would be escaped); a line that
    /// spells the key otherwise, or not at all, is parsed.
    fn surely_another(&self, line: &[u8]) -> bool {
        let mut named = false;
        for at in self.key.find_iter(line) {
            let value = &line[at + self.key.needle().len()..];
            let Some(end) = memchr(b'"', value) else {
                return false;
            };
            let name = &value[..end];
            if name.contains(&b'\\') || self.names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                return false;
            }
            named = true;
        }
        named
    }
}

/// Adds a line's outcome to the batch.
fn take_line(line: Line, n: u64, bytes: &[u8], filter: &Filter, batch: &mut Batch) {
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
        Line::Dropped(rule) => batch.counts.dropped[rule as usize] += 1,
        Line::Bad(reason) => {
            batch.counts.rejected += 1;
            batch.rejected.push(Rejected::new(n, reason, bytes));
        }
    }
}

/// Adds a row's outcome to the batch.
fn take_row(row: Row, n: u64, bytes: &[u8], batch: &mut Batch) {
    match row {
        Row::Pair(pair) => {
            let (post, comment, reply) = *pair;
            batch.counts.comments += 2;
            batch.counts.posts += u64::from(post.is_some());
            batch.records.extend(post.map(Record::Post));
            batch.records.extend([comment, reply].map(Record::Comment));
        }
        Row::Dropped(rule) => batch.counts.dropped[rule as usize] += 1,
        Row::Bad(reason) => {
            batch.counts.rejected += 1;
            batch.rejected.push(Rejected::new(n, reason, bytes));
        }
    }
}

/// A line of JSON read as a table's row: the keys are the columns.
fn mapped_line(bytes: &[u8], mapping: &Mapping, filter: &Filter) -> Row {
    let object = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes) {
        Ok(object) => object,
        Err(e) => return Row::Bad(format!("not a JSON object: {e}")),
    };
    let header: Vec<String> = object.keys().cloned().collect();
    let cells: Vec<Option<String>> = object
        .into_iter()
        .map(|(_, value)| match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
        .collect();
    // An optional column may be missing in a line; the two texts may not.
    let named = |name: &Option<String>| name.clone().filter(|n| header.contains(n));
    let here = Mapping {
        score: named(&mapping.score),
        comment_score: named(&mapping.comment_score),
        post: named(&mapping.post),
        post_score: named(&mapping.post_score),
        subreddit: named(&mapping.subreddit),
        post_author: named(&mapping.post_author),
        comment_author: named(&mapping.comment_author),
        reply_author: named(&mapping.reply_author),
        created: named(&mapping.created),
        ..mapping.clone()
    };
    match Columns::find(&here, &header) {
        Ok(columns) => table::row(&columns, filter, |i| cells.get(i)?.as_deref()),
        Err(missing) => Row::Bad(format!(
            "has no {}; it has {}",
            list(&missing),
            list(&header)
        )),
    }
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

    /// Adds a row; false when the caller has stopped.
    fn row(&mut self, row: Row, n: u64, excerpt: &[u8]) -> bool {
        self.batch.counts.rows += 1;
        if let Row::Pair(pair) = &row {
            let (post, comment, reply) = pair.as_ref();
            self.bytes += comment.body.len() + reply.body.len();
            self.bytes += post.as_ref().map_or(0, |p| p.title.len());
        }
        take_row(row, n, excerpt, &mut self.batch);
        // The channel holds two batches; a batch of a block's size keeps memory as with lines.
        if self.bytes < BLOCK && self.batch.counts.rows < 4096 {
            true
        } else {
            self.send()
        }
    }

    /// Sends what is gathered; false when the caller has stopped.
    fn send(&mut self) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.rows += batch.counts.rows;
        batch.progress = self.meter.progress(self.rows);
        list_rejected(&mut batch, &mut self.listed);
        self.to.send(batch).is_ok()
    }
}

fn csv_reader<R: Read>(reader: R, delimiter: u8) -> csv::Reader<R> {
    // `flexible`: rows of another length are reported one by one instead of ending the file.
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(reader)
}

fn csv_error(path: &Path, e: csv::Error) -> Error {
    let what = format!("the header cannot be read: {e}");
    match e.into_kind() {
        csv::ErrorKind::Io(source) => Error::Io {
            path: path.into(),
            source,
        },
        _ => Error::Unknown {
            path: path.into(),
            what,
        },
    }
}

fn utf8_cells(record: &csv::ByteRecord) -> Option<Vec<&str>> {
    record
        .iter()
        .map(|cell| std::str::from_utf8(cell).ok())
        .collect()
}

#[cfg(test)]
mod tests;
