//! A project with the synthetic sample in it: imported, paired, split, with two small bases.

use repartee_datasets::{Format, Permission, sample};
use repartee_engine::bases::base::BaseNew;
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::terms::BaseKind;
use repartee_engine::{Ended, Engine, Job};

use crate::Place;

/// Runs a job to completion and returns its outcome.
pub fn done<J: Job>(engine: &Engine, job: &J) -> J::Outcome {
    match engine.start(job, &|_| {}) {
        Ok(Ended::Done(outcome)) => outcome,
        Ok(_) => panic!("{} was paused or canceled", J::KIND),
        Err(error) => panic!("{}: {error} {:?}", J::KIND, error.detail),
    }
}

/// A project with this many threads of the sample, a split "main", and bases "small-gpt2" and "small-bert" from
/// scratch.
pub fn project(threads: u64) -> (Place, Engine) {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, threads).expect("written to memory");
    let file = place.write("sample.ndjson", lines);
    done(
        &engine,
        &Import {
            files: vec![file],
            format: Some(Format::Pushshift),
            permission: Permission::Synthetic,
            ..Import::default()
        },
    );
    done(&engine, &BuildPairs::default());
    done(&engine, &MakeSplit::default());
    for (name, kind) in [
        ("small-gpt2", BaseKind::Gpt2),
        ("small-bert", BaseKind::Bert),
    ] {
        let base = BaseNew {
            name: name.to_owned(),
            kind,
            layers: 2,
            width: 64,
            heads: 2,
            context: 96,
            vocab: 800,
            ..BaseNew::default()
        };
        done(&engine, &base);
    }
    (place, engine)
}
