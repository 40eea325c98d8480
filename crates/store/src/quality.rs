//! Quality: the figure and the speed of a checkpoint at each precision.

use repartee_datasets::Partition;
pub use repartee_terms::Precision;
use rusqlite::{Row, params};

use crate::items::{run_of, still_there};
use crate::watch::Family;
use crate::words::{partition, word};
use crate::{Result, Store};

/// A checkpoint at one precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    pub precision: Precision,
    /// Perplexity of a generator, AUC of a classifier; `None` if it is undefined on the examples.
    pub figure: Option<f64>,
    pub examples: u64,
    /// Where the examples are from.
    pub partition: Partition,
    /// Generated tokens per second of a generator, scored pairs per second of a classifier.
    pub rate: f64,
    /// The instructions of the processor: the rate is of such machines only.
    pub instructions: String,
    /// Milliseconds since 1970.
    pub measured_ms: i64,
}

fn quality_row(row: &Row<'_>) -> rusqlite::Result<Quality> {
    Ok(Quality {
        // the first column is the checkpoint, for the error of an unknown word
        precision: word(row, 1, "quality.precision")?,
        figure: row.get(2)?,
        examples: row.get::<_, i64>(3)?.unsigned_abs(),
        partition: partition(row, 4, "quality.side")?,
        rate: row.get(5)?,
        instructions: row.get(6)?,
        measured_ms: row.get(7)?,
    })
}

impl Store {
    /// Stores the quality of a checkpoint at all measured precisions, in place of an earlier measurement: figures and
    /// rates are compared with each other, so they come from one. A figure that is not finite is stored as undefined.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] if the run was deleted in the meantime.
    pub fn quality_set(&self, checkpoint_id: i64, all: &[Quality]) -> Result<()> {
        self.write(Family::Runs, |db| {
            still_there(db, &[run_of(db, checkpoint_id)?])?;
            db.prepare_cached("DELETE FROM quality WHERE checkpoint_id = ?1")?
                .execute([checkpoint_id])?;
            let mut insert = db.prepare_cached(
                "INSERT INTO quality (checkpoint_id, precision, figure, examples, side, rate, instructions,
                                      measured_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for one in all {
                insert.execute(params![
                    checkpoint_id,
                    one.precision.as_str(),
                    one.figure.filter(|figure| figure.is_finite()),
                    one.examples as i64,
                    one.partition as i64,
                    one.rate,
                    one.instructions,
                    one.measured_ms
                ])?;
            }
            Ok(())
        })
    }

    /// The quality of a checkpoint at each measured precision, in their order; empty if it was never measured.
    pub fn quality(&self, checkpoint_id: i64) -> Result<Vec<Quality>> {
        let mut all = self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT checkpoint_id, precision, figure, examples, side, rate, instructions, measured_ms
                 FROM quality WHERE checkpoint_id = ?1",
            )?;
            let rows = query.query_map([checkpoint_id], quality_row)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        all.sort_by_key(|one| one.precision);
        Ok(all)
    }
}
