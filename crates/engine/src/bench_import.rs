//! Speed of importing a dump: filtering it, loading all of it, joining it into pairs.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ended, Signals};
use repartee_datasets::read::{self, Options};
use repartee_datasets::{Record, sample};
use serde::{Deserialize, Serialize};

use crate::bench::peak_rss_gb;
use crate::data::import::Import;
use crate::data::pairs::BuildPairs;
use crate::{Engine, Filter, Job, Origin, StudyRecord};

/// Maximum size of a synthetic dump in megabytes: a terabyte.
const MOST_MB: u64 = 1_000_000;

/// What is measured on which dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BenchImport {
    pub file: PathBuf,
    /// First write a synthetic one of this many megabytes (decompressed); none: it exists.
    pub write_mb: Option<u64>,
    /// Subreddits of the filter; empty: the two most frequent.
    pub subreddits: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportMeasured {
    pub what: String,
    #[serde(flatten)]
    pub bench: BenchImport,
    /// Bytes of the file as it is.
    pub file_bytes: u64,
    pub rows: u64,
    /// Seconds of `zstd -dc` alone; none without `zstd` or for an uncompressed file.
    pub zstd_s: Option<f64>,
    /// Seconds to read and keep only the subreddits.
    pub filter_s: f64,
    pub kept: u64,
    /// Speed of filtering relative to `zstd -dc`.
    pub filter_of_zstd: Option<f64>,
    /// Seconds to import every row into a project.
    pub load_s: f64,
    /// Rows per second of the import.
    pub load_rows_per_s: f64,
    /// Seconds to join into pairs.
    pub join_s: f64,
    pub pairs: u64,
    /// Seconds to join a million comments.
    pub join_s_per_million: f64,
    /// Seconds to build the search index.
    pub words_s: f64,
    /// Peak memory of this process in gigabytes.
    pub peak_rss_gb: Option<f64>,
    pub version: String,
}

/// Measures. The project it loads into is created next to the file and removed at the end.
///
/// # Errors
/// If the file cannot be read or created, or the disk is full.
pub fn bench_import(bench: &BenchImport, signals: Signals) -> Result<ImportMeasured> {
    if let Some(mb) = bench.write_mb {
        if mb == 0 || mb > MOST_MB {
            return Err(Error::usage(format!(
                "write is {mb}; it is a number of megabytes from 1 to {MOST_MB}"
            )));
        }
        if bench.file.exists() {
            let there = format!(
                "{} already exists; measure it without --write",
                bench.file.display()
            );
            return Err(Error::new(Code::Exists, there));
        }
        let io = |e: std::io::Error| Error::io("write", &bench.file, &e);
        let out = BufWriter::new(File::create(&bench.file).map_err(io)?);
        sample::write_dump(out, 1, mb * 1_000_000).map_err(io)?;
    }
    let about = std::fs::metadata(&bench.file).map_err(|e| Error::io("read", &bench.file, &e))?;
    if !about.is_file() {
        // it is read three times
        return Err(Error::bad_input(format!(
            "{} is not a file; name a dump that is one",
            bench.file.display()
        )));
    }
    let file_bytes = about.len();

    let mut subreddits = bench.subreddits.clone();
    if subreddits.is_empty() {
        subreddits = most_frequent(&bench.file)?;
    }
    let zstd_s = unpack_alone(&bench.file);
    let begun = Instant::now();
    let filter = Filter {
        subreddits: subreddits.clone(),
        ..Filter::default()
    };
    let mut kept = 0;
    let summary = read::read(
        &bench.file,
        &Options {
            filter,
            ..Options::default()
        },
        |batch| {
            kept += batch.records.len() as u64;
            ControlFlow::Continue(())
        },
    )?;
    let filter_s = begun.elapsed().as_secs_f64();

    let mut name = bench.file.as_os_str().to_owned();
    name.push(format!(".bench-{}.repartee", std::process::id()));
    let project = Scratch(PathBuf::from(name));
    let engine = Engine::create(&project.0)?;
    let begun = Instant::now();
    let import = Import {
        files: vec![bench.file.clone()],
        // the project is removed after measuring; nothing is trained on it
        origin: Some(Origin::Reddit),
        study: StudyRecord::none_of_all(),
        ..Import::default()
    };
    finished(&engine, &import, signals)?;
    let load_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let join = BuildPairs {
        no_search: true,
        ..BuildPairs::default()
    };
    let built = finished(&engine, &join, signals)?;
    let join_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    engine.store.pairs_index(|_| true)?;
    let words_s = begun.elapsed().as_secs_f64();
    let rows = summary.counts.rows;
    Ok(ImportMeasured {
        what: "import".to_owned(),
        bench: BenchImport {
            subreddits,
            ..bench.clone()
        },
        file_bytes,
        rows,
        zstd_s,
        filter_s,
        kept,
        filter_of_zstd: zstd_s.map(|alone| alone / filter_s),
        load_s,
        load_rows_per_s: rows as f64 / load_s,
        join_s,
        pairs: built.kept,
        join_s_per_million: join_s * 1e6 / built.comments.max(1) as f64,
        words_s,
        peak_rss_gb: peak_rss_gb(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// A project that is removed when the measurement ends, also on errors.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(end);
            let _ = std::fs::remove_file(name);
        }
    }
}

fn finished<J: Job>(engine: &Engine, job: &J, signals: Signals) -> Result<J::Outcome> {
    match engine.start(job, signals)? {
        Ended::Done(outcome) => Ok(outcome),
        Ended::Paused | Ended::Cancelled => Err(Error::usage("the measurement was interrupted")),
    }
}

/// The two subreddits with the most rows; ties by name.
fn most_frequent(file: &Path) -> Result<Vec<String>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    read::read(file, &Options::default(), |batch| {
        for record in batch.records {
            let (Record::Comment(repartee_datasets::Comment { subreddit, .. })
            | Record::Post(repartee_datasets::Post { subreddit, .. })) = record;
            *counts.entry(subreddit).or_default() += 1;
        }
        ControlFlow::Continue(())
    })?;
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(counts.into_iter().take(2).map(|(name, _)| name).collect())
}

/// Seconds that `zstd -dc` takes on the file, if the program exists and the file is compressed.
fn unpack_alone(file: &Path) -> Option<f64> {
    file.extension().filter(|ending| *ending == "zst")?;
    let begun = Instant::now();
    let status = Command::new("zstd")
        .args(["-dc", "--long=31", "--memory=2048MB"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    status.success().then(|| begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_sizes_and_folders_are_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let why = |bench: &BenchImport| {
            let error = bench_import(bench, &|_| {}).expect_err("refused");
            error.message
        };
        let file = folder.path().join("dump.zst");
        for write_mb in [0, u64::MAX] {
            let bench = BenchImport {
                file: file.clone(),
                write_mb: Some(write_mb),
                ..BenchImport::default()
            };
            assert!(why(&bench).contains("megabytes from 1 to"));
            assert!(!file.exists());
        }
        let bench = BenchImport {
            file: folder.path().to_owned(),
            ..BenchImport::default()
        };
        assert!(why(&bench).contains("is not a file"));
    }
}
