//! Event files of TensorBoard: the metrics of runs by step, and their settings as text.
//!
//! A file is a sequence of records (`TFRecord`: length, its checksum, data, its checksum), each an `Event` in protocol
//! buffers (`tensorflow/core/util/event.proto`, `framework/summary.proto`, `framework/tensor.proto` of TensorFlow 2.16).
//! The few fields that are needed are written here, without a library.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::names::file_name;
use repartee_datasets::private;
use repartee_store::marks::Marked;
use repartee_store::runs::Run;

use crate::Engine;
use crate::training::run_now::{config_now, facts_now};

/// The metrics of a run and their tags: TensorBoard groups by what is before the slash.
const SCALARS: [(&str, &str); 5] = [
    ("loss", "loss/train"),
    ("val_loss", "loss/validation"),
    ("lr", "training/learning_rate"),
    ("grad_norm", "training/gradient_norm"),
    ("tokens_per_s", "training/tokens_per_second"),
];
/// The tag of the settings.
const SETTINGS: &str = "settings";

/// Wire types of protocol buffers.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;
/// Fields of an `Event` with its content.
const FILE_VERSION: u32 = 3;
const SUMMARY: u32 = 5;
/// `DT_STRING` of a tensor.
const DT_STRING: u64 = 7;
/// `DATA_CLASS_TENSOR` of a summary.
const DATA_CLASS_TENSOR: u64 = 2;

impl Engine {
    /// Writes the metrics and settings of runs as event files of TensorBoard, each in a folder with the name of its run;
    /// returns the files.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such run; [`Code::Exists`] if a run was exported there before; or if a file
    /// cannot be written.
    pub fn tensorboard_export(&self, runs: &[String], folder: &Path) -> Result<Vec<PathBuf>> {
        let mut files: BTreeMap<PathBuf, Run> = BTreeMap::new();
        for name in runs {
            let run = self.store.run(name)?;
            let path = event_file(&folder.join(file_name(&run.name)), &run);
            match files.get(&path) {
                // named twice
                Some(other) if other.id == run.id => {}
                // names that differ only in what no file name can have
                Some(_) => {
                    let own = format!("{}-{}", file_name(&run.name), run.id);
                    files.insert(event_file(&folder.join(own), &run), run);
                }
                None => _ = files.insert(path, run),
            }
        }
        if let Some(file) = files.keys().find(|file| file.exists()) {
            return Err(taken(file));
        }
        for (file, run) in &files {
            let events = self.events(run)?;
            write(file, &events)?;
        }
        Ok(files.into_keys().collect())
    }

    /// The events of a run, in order of steps.
    fn events(&self, run: &Run) -> Result<Vec<Vec<u8>>> {
        let mut steps: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (metric, tag) in SCALARS {
            for (step, value) in self.store.metric(run.id, metric)? {
                // what was not a number has no point
                if let Some(value) = value {
                    scalar(steps.entry(step).or_default(), tag, value);
                }
            }
        }
        let last = steps.keys().next_back().copied().unwrap_or_default();
        let times = self.times(run, last)?;
        let mut settings = Vec::new();
        text(&mut settings, SETTINGS, &self.settings_text(run)?);
        let begun = times.at(0);
        let mut events = vec![
            event(begun, 0, FILE_VERSION, b"brain.Event:2"),
            event(begun, 0, SUMMARY, &settings),
        ];
        let of_steps = steps.iter();
        events
            .extend(of_steps.map(|(step, values)| event(times.at(*step), *step, SUMMARY, values)));
        Ok(events)
    }

    /// When the steps of a run were done, as far as it is recorded.
    fn times(&self, run: &Run, last: u64) -> Result<Times> {
        let mut known = vec![(0, run.created_ms)];
        let saved = self.store.checkpoints()?.into_iter();
        let saved = saved.filter(|one| one.run_id == run.id);
        known.extend(saved.map(|one| (one.step, one.created_ms)));
        if let Some(job) = &run.job_id
            && let Some(ended) = self.job(job).ok().and_then(|job| job.ended_ms)
        {
            known.push((last, ended));
        }
        Ok(Times::new(known))
    }

    /// The settings and facts of a run as Markdown, with what is missing of the study's permissions.
    fn settings_text(&self, run: &Run) -> Result<String> {
        let mut paragraphs = Vec::from_iter(self.study_mark()?);
        if self.store.is_marked(Marked::Run, run.id)? {
            paragraphs
                .push("Trained on content that has been deleted since: do not publish it.".into());
        }
        paragraphs.push(
            "Steps have no times of their own: they are interpolated between the start of the run, its checkpoints and \
             its end."
                .into(),
        );
        let mut lines = Vec::new();
        if let Ok(config) = config_now(run) {
            let config = config.to_toml()?;
            let set = config.lines().map(str::trim);
            let set = set.filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.extend(set.map(str::to_owned));
        }
        let facts = facts_now(run).and_then(|facts| serde_json::to_value(facts).ok());
        if let Some(serde_json::Value::Object(facts)) = facts {
            lines.extend(
                facts
                    .iter()
                    .map(|(name, value)| format!("{name} = {value}")),
            );
        }
        // indented, it is code, in which nothing is markup
        let code: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
        paragraphs.push(code.join("\n"));
        Ok(paragraphs.join("\n\n"))
    }
}

/// TensorBoard looks for "tfevents" in the names of files, and reads them in the order of their names.
fn event_file(folder: &Path, run: &Run) -> PathBuf {
    let seconds = run.created_ms.max(0) / 1000;
    folder.join(format!("events.out.tfevents.{seconds:010}.repartee"))
}

fn taken(file: &Path) -> Error {
    Error::new(
        Code::Exists,
        format!(
            "{} already exists; choose another folder, or remove it",
            file.display()
        ),
    )
}

/// Writes a new file of records, for its owner alone.
fn write(path: &Path, events: &[Vec<u8>]) -> Result<()> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder).map_err(|e| Error::io("make", folder, &e))?;
    }
    let file = private::create_new(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => taken(path),
        _ => Error::io("write", path, &e),
    })?;
    let mut out = BufWriter::new(file);
    let written = events.iter().try_for_each(|event| record(&mut out, event));
    written.and_then(|()| out.flush()).map_err(|e| {
        // half a file would look like a run that ended early
        let _ = std::fs::remove_file(path);
        Error::io("write", path, &e)
    })
}

/// When steps were done, in milliseconds since 1970, at some of them.
struct Times(Vec<(u64, i64)>);

impl Times {
    /// From known times in any order; those that go back are left out.
    fn new(mut known: Vec<(u64, i64)>) -> Self {
        known.sort_unstable();
        let mut kept: Vec<(u64, i64)> = Vec::new();
        for (step, at) in known {
            if kept.last().is_none_or(|last| last.0 < step && last.1 <= at) {
                kept.push((step, at));
            }
        }
        Self(kept)
    }

    /// The time of a step in seconds since 1970: between two known ones by its share, after the last that one.
    fn at(&self, step: u64) -> f64 {
        let next = self.0.partition_point(|known| known.0 < step);
        let before = next.checked_sub(1).and_then(|at| self.0.get(at));
        let ms = match (before, self.0.get(next)) {
            (Some(a), Some(b)) => {
                let share = (step - a.0) as f64 / (b.0 - a.0) as f64;
                a.1 as f64 + share * (b.1 - a.1) as f64
            }
            (Some(one), None) | (None, Some(one)) => one.1 as f64,
            (None, None) => 0.0,
        };
        ms / 1000.0
    }
}

/// A record of a file: length, its checksum, data, its checksum.
fn record(out: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked(data).to_le_bytes())
}

/// An `Event` with one field of content.
fn event(seconds: f64, step: u64, field: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    key(&mut out, 1, FIXED64);
    out.extend_from_slice(&seconds.to_le_bytes());
    // a field without a value is 0
    if step > 0 {
        key(&mut out, 2, VARINT);
        varint(&mut out, step);
    }
    bytes(&mut out, field, content);
    out
}

/// Adds a number to a `Summary`.
fn scalar(summary: &mut Vec<u8>, tag: &str, number: f64) {
    let mut value = Vec::new();
    bytes(&mut value, 1, tag.as_bytes());
    key(&mut value, 2, FIXED32);
    value.extend_from_slice(&(number as f32).to_le_bytes());
    bytes(summary, 1, &value);
}

/// Adds a text to a `Summary`: a tensor of one string, for the plugin "text".
fn text(summary: &mut Vec<u8>, tag: &str, text: &str) {
    let mut dimension = Vec::new();
    key(&mut dimension, 1, VARINT);
    varint(&mut dimension, 1);
    let mut shape = Vec::new();
    bytes(&mut shape, 2, &dimension);
    let mut tensor = Vec::new();
    key(&mut tensor, 1, VARINT);
    varint(&mut tensor, DT_STRING);
    bytes(&mut tensor, 2, &shape);
    bytes(&mut tensor, 8, text.as_bytes());
    let mut plugin = Vec::new();
    bytes(&mut plugin, 1, b"text");
    let mut metadata = Vec::new();
    bytes(&mut metadata, 1, &plugin);
    key(&mut metadata, 4, VARINT);
    varint(&mut metadata, DATA_CLASS_TENSOR);
    let mut value = Vec::new();
    bytes(&mut value, 1, tag.as_bytes());
    bytes(&mut value, 8, &tensor);
    bytes(&mut value, 9, &metadata);
    bytes(summary, 1, &value);
}

/// The key of a field: its number and its wire type.
fn key(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from((field << 3) | wire));
}

fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    key(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Seven bits per byte, the lowest first; the highest bit says that more follow.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// CRC-32C (Castagnoli), by bytes.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            // the reflected polynomial
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

fn crc32c(data: &[u8]) -> u32 {
    let rest = |crc: u32, byte: &u8| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    !data.iter().fold(u32::MAX, rest)
}

/// As `TFRecord` stores a checksum, so that one over data with checksums in it is no fixed point.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_has_the_published_values() {
        // RFC 3720, B.4, and the check value of the catalog of parametrised CRC algorithms
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        for (data, crc) in [
            (&b"123456789"[..], 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&up, 0x46dd_794e),
            (&down, 0x113f_db5c),
            (&[], 0),
        ] {
            assert_eq!(crc32c(data), crc, "{data:?}");
        }
    }

    #[test]
    fn record_and_event_have_the_published_bytes() {
        // the first event of a file of TensorFlow, at one second
        let event = event(1.0, 0, FILE_VERSION, b"brain.Event:2");
        let expected = b"\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0dbrain.Event:2";
        assert_eq!(event, expected);
        let mut out = Vec::new();
        record(&mut out, &event).expect("written to memory");
        assert_eq!(out.len(), 8 + 4 + event.len() + 4);
        assert_eq!(out[..8], (event.len() as u64).to_le_bytes());
        let mut long = Vec::new();
        varint(&mut long, 300);
        assert_eq!(long, [0xac, 0x02]); // the example of the encoding guide
    }

    #[test]
    fn times_are_interpolated_and_never_go_back() {
        let times = Times::new(vec![
            (0, 1000),
            (20, 5000),
            (10, 2000),
            (15, 1500),
            (20, 6000),
        ]);
        assert_eq!(times.at(0), 1.0);
        assert_eq!(times.at(5), 1.5);
        assert_eq!(times.at(10), 2.0);
        assert_eq!(times.at(15), 3.5);
        assert_eq!(times.at(20), 5.0);
        assert_eq!(times.at(99), 5.0);
        assert_eq!(Times::new(vec![(0, 7000)]).at(3), 7.0);
    }
}
