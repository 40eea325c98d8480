//! Outcomes of posted replies next to the upvotes model's prediction: the table and its chart.

use std::path::PathBuf;

use repartee_charts::Picture;
use repartee_core::error::Result;
use repartee_datasets::BinEdges;
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::data::examples;
use crate::evaluation::chart::save;

/// A reading of a posted reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Reading {
    /// Seconds after it was posted, or later: 3600, 86400, 604800.
    pub after_s: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// None: hidden, or gone.
    pub score: Option<i64>,
    /// deleted, removed, or empty: it exists.
    pub gone: String,
}

/// A posted reply with prediction and outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutcomeRow {
    pub reply: i64,
    /// posted or withdrawn.
    pub state: ReplyState,
    pub subreddit: String,
    /// Without the footer.
    pub text: String,
    pub link: String,
    /// Milliseconds since 1970.
    pub posted_ms: Option<i64>,
    /// p(real) of the realism model.
    pub p_real: Option<f64>,
    /// Probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
    /// The most probable bin, 0 to 3, as in the queue.
    pub predicted: Option<u32>,
    /// `p1 + 2 p2 + 3 p3`, as in the queue.
    pub expected_bin: Option<f64>,
    /// The bin of the last score read, by the edges of the model's split.
    pub actual: Option<u32>,
    /// In order.
    pub readings: Vec<Reading>,
}

/// All posted replies with their outcomes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Outcomes {
    /// The latest first.
    pub rows: Vec<OutcomeRow>,
    /// `counts[actual][predicted]` over the four bins.
    pub counts: [[u32; 4]; 4],
    /// How many fell into the predicted bin.
    pub right: u32,
    /// How many have both.
    pub judged: u32,
    /// How many of these are in the most common actual bin: the majority-class baseline.
    pub majority: u32,
    pub removed: u32,
}

impl Engine {
    /// All posted replies with prediction and outcome.
    pub fn outcomes(&self) -> Result<Outcomes> {
        let readings = self.store.outcomes()?;
        let mut all = Outcomes::default();
        let mut replies = self.store.replies(Some(ReplyState::Posted))?;
        replies.extend(self.store.replies(Some(ReplyState::Withdrawn))?);
        // an abandoned one may never have been posted
        replies.retain(|reply| reply.outbox.posted_ms.is_some());
        replies.sort_by_key(|reply| std::cmp::Reverse((reply.outbox.posted_ms, reply.id)));
        for reply in replies {
            let generation = self.store.generation(reply.generation_id)?;
            let edges = match generation.upvotes {
                Some(checkpoint) => self.edges_of(checkpoint)?,
                // stored when its models were deleted
                None => serde_json::from_str::<serde_json::Value>(&generation.config)
                    .ok()
                    .and_then(|config| serde_json::from_value(config["edges"].clone()).ok()),
            };
            let of: Vec<Reading> = readings
                .iter()
                .filter(|o| o.reply_id == reply.id)
                .map(|o| Reading {
                    after_s: o.after_s,
                    at_ms: o.at_ms,
                    score: o.score,
                    gone: o.gone.clone(),
                })
                .collect();
            let row = row(reply, edges, of);
            all.removed += u32::from(row.readings.iter().any(|r| r.gone == "removed"));
            if let (Some(predicted), Some(actual)) = (row.predicted, row.actual) {
                all.counts[actual as usize][predicted as usize] += 1;
                all.judged += 1;
                all.right += u32::from(predicted == actual);
            }
            all.rows.push(row);
        }
        let of_bin = |row: &[u32; 4]| row.iter().sum::<u32>();
        all.majority = all.counts.iter().map(of_bin).max().unwrap_or(0);
        Ok(all)
    }

    /// The bin edges that an upvotes checkpoint was trained with.
    fn edges_of(&self, checkpoint: i64) -> Result<Option<BinEdges>> {
        let split = self.store.checkpoint_by_id(checkpoint)?.split_id;
        Ok(self
            .store
            .split_by_id(split)?
            .and_then(|split| examples::edges(&split).ok()))
    }

    /// Draws the confusion matrix of predicted and actual upvote bins.
    ///
    /// # Errors
    /// [`Code::NotFound`] if no reply has both.
    pub fn outcomes_chart(&self) -> Result<Picture> {
        let outcomes = self.outcomes()?;
        let counts: Vec<Vec<u64>> = outcomes
            .counts
            .iter()
            .map(|row| row.iter().map(|n| u64::from(*n)).collect())
            .collect();
        let heading = self.heading(
            "Upvotes: predicted and actual bin".to_owned(),
            format!(
                "{} of {} posted replies of this project in the predicted bin, by the last score that was read; always predicting the most common bin gets {} right; {} are removed",
                outcomes.right, outcomes.judged, outcomes.majority, outcomes.removed
            ),
        )?;
        let names: Vec<String> = (0..4).map(|bin| format!("bin {bin}")).collect();
        Ok(repartee_charts::confusion(&heading, &names, &counts)?)
    }
}

impl Engine {
    /// Draws it into files; the extension gives the format: .svg, .png or .csv. A name without one gives all three.
    /// Returns the files written.
    ///
    /// # Errors
    /// As [`Posting::outcomes_chart`]; or if a file cannot be written.
    pub fn outcomes_chart_files(&self, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
        save(files, || self.outcomes_chart())
    }
}

fn row(reply: Reply, edges: Option<BinEdges>, readings: Vec<Reading>) -> OutcomeRow {
    let score = readings.iter().rev().find_map(|reading| reading.score);
    OutcomeRow {
        reply: reply.id,
        state: reply.state,
        subreddit: reply.subreddit,
        text: reply.text,
        link: reply.link,
        posted_ms: reply.outbox.posted_ms,
        p_real: reply.scores.p_real,
        predicted: reply.scores.predicted_bin(),
        expected_bin: reply.scores.expected_bin(),
        bins: reply.scores.bins,
        actual: edges
            .zip(score)
            .map(|(edges, score)| edges.bin(score) as u32),
        readings,
    }
}
