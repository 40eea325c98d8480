//! Speed of reading a dump: filtering it, loading all of it, joining it into pairs.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use repartee_datasets::read::{self, Options};
use repartee_datasets::{Record, sample};
use serde::{Deserialize, Serialize};

use crate::bench::peak_rss_bytes;
use crate::error::{Code, Error, Result};
use crate::import::Import;
use crate::job::{Ended, Signals};
use crate::pairs::BuildPairs;
use crate::{Engine, Filter, Job, Origin, StudyRecord};

/// What is measured on which dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BenchImport {
    pub file: PathBuf,
    /// Make a synthetic one of so many megabytes (decompressed) first; none: it is there.
    pub write_mb: Option<u64>,
    /// The subreddits of the filtering measurement; empty: the two most frequent.
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
    /// `zstd -dc` alone, seconds; none where there is no `zstd` or the file is not packed.
    pub zstd_s: Option<f64>,
    /// Reading and keeping only the subreddits, seconds.
    pub filter_s: f64,
    /// Rows that were kept.
    pub kept: u64,
    /// Speed of filtering as a share of that of `zstd -dc`.
    pub filter_of_zstd: Option<f64>,
    /// Reading every row into a project, seconds.
    pub load_s: f64,
    /// Rows a second of that.
    pub load_rows_per_s: f64,
    /// Joining into pairs, seconds.
    pub join_s: f64,
    /// Pairs that came of it.
    pub pairs: u64,
    /// Seconds for a million comments joined.
    pub join_s_per_million: f64,
    /// Noting the words of the pairs for the search, seconds.
    pub words_s: f64,
    /// The most memory this process held, gigabytes.
    pub peak_rss_gb: Option<f64>,
    /// The version of Repartee.
    pub version: String,
}

/// Measures. The project it loads into is made beside the file and removed at the end.
///
/// # Errors
/// When the file cannot be read or made, or the disk is full.
pub fn bench_import(bench: &BenchImport, signals: Signals) -> Result<ImportMeasured> {
    if let Some(mb) = bench.write_mb {
        if bench.file.exists() {
            let there = format!(
                "{} is there already; measure it without --write",
                bench.file.display()
            );
            return Err(Error::new(Code::Exists, there));
        }
        let io = |e: std::io::Error| Error::io("write", &bench.file, &e);
        let out = BufWriter::new(File::create(&bench.file).map_err(io)?);
        sample::write_dump(out, 1, mb * 1_000_000).map_err(io)?;
    }
    let file_bytes = std::fs::metadata(&bench.file)
        .map_err(|e| Error::io("read", &bench.file, &e))?
        .len();

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
        // the project is removed when it is measured; nothing is trained on what is in it
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
        peak_rss_gb: peak_rss_bytes().map(|bytes| bytes as f64 / 1e9),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// A project that is removed when the measurement ends, however it ends.
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

/// The two subreddits with the most rows; of equals, the first by name.
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

/// How long `zstd -dc` takes on the file, where there is such a program and the file is packed.
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
