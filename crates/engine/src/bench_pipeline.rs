//! Speed of answering one comment with all models in memory: candidates, both classifiers' scores, the pick. The models
//! and tokens are random; what is computed is what a generation computes, from the prompt's tokens to the verdicts.

use std::ops::ControlFlow;
use std::time::Instant;

use repartee_core::error::{Error, Result};
use repartee_models::evaluate::{self, Scores};
use repartee_models::generate::{Completion, Generates, Task};
use repartee_models::text::PairIds;
use repartee_models::{Device, bert, device_name, gpt2};
use repartee_store::threads::Scores as StoredScores;
use serde::{Deserialize, Serialize};

use crate::bases::base::ModelConfig;
use crate::bench::{
    CANDIDATES, Form, NO_END, STEPS, TOKENS, check_length, check_ranges, check_tokens_at_once,
    classifier, config_of, device_for, generator, no_classifier, no_generator, peak_rss_gb,
    random_tokens, sampling, threads,
};
use crate::generation::generate::SCORE_BATCH;
use crate::generation::pick::{Criteria, Scored, pick};

/// Classes of the two classifiers: real or generated; upvote bins.
const CLASSES: [usize; 2] = [2, 4];

/// The settings of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchPipeline {
    /// The generator: gpt2, gpt2-medium, gpt2-large, gpt2-xl, or a folder with a config.json.
    pub model: String,
    /// Both classifiers: bert-base, bert-large, or a folder with a config.json.
    pub classifier: String,
    pub candidates: usize,
    /// Tokens of the comment.
    pub prompt: usize,
    /// New tokens per candidate. A pair to score has `prompt + length` tokens.
    pub length: usize,
    /// Measured comments, after one for warm-up.
    pub steps: usize,
    /// f32; bf16 and int8 on the CPU.
    pub dtype: String,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

/// A measurement with its settings. Times are medians over the comments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineMeasured {
    pub what: &'static str,
    #[serde(flatten)]
    pub bench: BenchPipeline,
    /// Seconds from the prompt's tokens to the verdicts.
    pub median_s: f64,
    /// Milliseconds until the first token of a candidate.
    pub first_token_ms: f64,
    /// Seconds until the last token of the last candidate.
    pub generate_s: f64,
    /// Seconds of the scores of both classifiers.
    pub score_s: f64,
    /// Milliseconds of the pick.
    pub pick_ms: f64,
    /// Seconds of each measured comment.
    pub seconds: Vec<f64>,
    /// Seconds to initialize and pack the three models; not part of the others.
    pub load_s: f64,
    /// Peak memory of the process in gigabytes (10^9 bytes), which includes the unpacked weights of one model.
    pub peak_rss_gb: Option<f64>,
    /// Parameters of the three models.
    pub parameters: usize,
    pub threads: usize,
    /// The device it ran on.
    pub ran_on: String,
    pub version: String,
}

/// The models in memory.
struct Models {
    generator: Box<dyn Generates>,
    realism: Box<dyn Scores>,
    upvotes: Box<dyn Scores>,
}

/// Seconds from the beginning of a comment to the end of each phase.
struct Times {
    first_token: f64,
    generated: f64,
    scored: f64,
    picked: f64,
}

impl BenchPipeline {
    /// Measures.
    ///
    /// # Errors
    /// If a setting is out of range, the dtype or device is not supported, or memory runs out.
    pub fn run(&self) -> Result<PipelineMeasured> {
        let (gpt2, bert) = self.configs()?;
        let (device, form) = device_for(&self.device, &self.dtype)?;
        let started = Instant::now();
        let models = Models::random(&gpt2, &bert, form, &device)?;
        let load_s = started.elapsed().as_secs_f64();
        self.answer(&models, 0)?;
        let times = (1..=self.steps as u64)
            .map(|n| self.answer(&models, n))
            .collect::<Result<Vec<Times>>>()?;
        let of = |phase: fn(&Times) -> f64| median(times.iter().map(phase).collect());
        let mut parameters = gpt2.parameters()?.count();
        for classes in CLASSES {
            parameters += bert.parameters(classes)?.count();
        }
        Ok(PipelineMeasured {
            what: "pipeline",
            bench: self.clone(),
            median_s: of(|t| t.picked),
            first_token_ms: 1e3 * of(|t| t.first_token),
            generate_s: of(|t| t.generated),
            score_s: of(|t| t.scored - t.generated),
            pick_ms: 1e3 * of(|t| t.picked - t.scored),
            seconds: times.iter().map(|t| t.picked).collect(),
            load_s,
            peak_rss_gb: peak_rss_gb(),
            parameters,
            threads: threads(),
            ran_on: device_name(&device).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// The models' configurations, if the lengths fit them.
    fn configs(&self) -> Result<(gpt2::Config, bert::Config)> {
        check_ranges(&[
            ("candidates", self.candidates, CANDIDATES),
            ("prompt", self.prompt, TOKENS),
            ("length", self.length, TOKENS),
            ("steps", self.steps, STEPS),
        ])?;
        let needed = self.prompt + self.length;
        check_tokens_at_once(self.candidates, needed)?;
        let (generator, classifier) = (config_of(&self.model)?, config_of(&self.classifier)?);
        check_length(&self.model, &generator, needed)?;
        check_length(&self.classifier, &classifier, needed)?;
        match (generator, classifier) {
            (ModelConfig::Gpt2(gpt2), ModelConfig::Bert(bert)) => Ok((gpt2, bert)),
            (ModelConfig::Bert(_), _) => Err(no_generator(&self.model)),
            (_, ModelConfig::Gpt2(_)) => Err(no_classifier(&self.classifier)),
        }
    }

    /// Answers the random comment number `n`.
    fn answer(&self, models: &Models, n: u64) -> Result<Times> {
        let vocabulary = models.generator.config().vocab_size;
        let comment = random_tokens(1, vocabulary, self.prompt, n).concat();
        let task = Task {
            key: 0,
            prompt: comment.clone(),
        };
        let sampling = sampling(self.length);
        let started = Instant::now();
        let mut first_token = None;
        let replies = models
            .generator
            .replies(
                &[task],
                self.candidates,
                NO_END,
                &sampling,
                self.candidates,
                &mut |_, _, _| {
                    first_token.get_or_insert_with(|| started.elapsed().as_secs_f64());
                    ControlFlow::Continue(())
                },
            )?
            .concat();
        let generated = started.elapsed().as_secs_f64();
        let scores = models.scores(&comment, &replies)?;
        let scored = started.elapsed().as_secs_f64();
        choose(&replies, &scores)?;
        Ok(Times {
            first_token: first_token.unwrap_or(generated),
            generated,
            scored,
            picked: started.elapsed().as_secs_f64(),
        })
    }
}

impl Models {
    fn random(
        gpt2: &gpt2::Config,
        bert: &bert::Config,
        form: Form,
        device: &Device,
    ) -> Result<Self> {
        let [realism, upvotes] = CLASSES;
        Ok(Self {
            generator: generator(gpt2, form, device)?,
            realism: classifier(bert, realism, form, device)?,
            upvotes: classifier(bert, upvotes, form, device)?,
        })
    }

    /// Both classifiers' scores of each reply to a comment.
    fn scores(&self, comment: &[u32], replies: &[Completion]) -> Result<Vec<StoredScores>> {
        // the generator's ids stand for the classifiers', whose vocabulary is another
        let vocabulary = self.realism.config().vocab_size as u32;
        let pairs: Vec<PairIds> = replies
            .iter()
            .map(|reply| PairIds {
                ids: (comment.iter().chain(&reply.ids))
                    .map(|id| id % vocabulary)
                    .collect(),
                types: [vec![0; comment.len()], vec![1; reply.ids.len()]].concat(),
            })
            .collect();
        let pairs: Vec<&PairIds> = pairs.iter().collect();
        let real = evaluate::probabilities(&*self.realism, &pairs, SCORE_BATCH)?;
        let bins = evaluate::probabilities(&*self.upvotes, &pairs, SCORE_BATCH)?;
        let scores = real.iter().zip(&bins).map(|(real, bins)| StoredScores {
            p_real: real.get(1).map(|p| f64::from(*p)),
            bins: match bins[..] {
                [a, b, c, d] => Some([a, b, c, d].map(f64::from)),
                _ => None,
            },
        });
        Ok(scores.collect())
    }
}

/// Picks among the replies of a comment; their ids stand for their texts. Random classifiers tell nothing apart, so
/// p(real) has no minimum and every candidate is ranked.
fn choose(replies: &[Completion], scores: &[StoredScores]) -> Result<()> {
    let texts: Vec<String> = replies
        .iter()
        .map(|reply| reply.ids.iter().map(|id| format!("{id} ")).collect())
        .collect();
    let scored: Vec<Scored> = texts
        .iter()
        .zip(scores)
        .map(|(text, scores)| Scored {
            thread: 0,
            text,
            p_real: scores.p_real,
            expected_bin: scores.expected_bin(),
            flag: None,
        })
        .collect();
    let criteria = Criteria {
        min_p_real: Some(0.0),
        max_chars: usize::MAX,
        ..Criteria::default()
    };
    let picked = pick(&scored, &criteria);
    match picked.iter().filter(|verdict| verdict.picked).count() {
        1 => Ok(()),
        count => Err(Error::internal(format!(
            "{count} of {} candidates were picked; one was expected",
            picked.len()
        ))),
    }
}

/// The median of at least one value.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(json: serde_json::Result<String>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let json = json.expect("plain data");
        std::fs::write(folder.path().join("config.json"), json).expect("written");
        folder
    }

    #[test]
    fn pipeline_is_measured_in_phases_at_every_precision() {
        let gpt2 = folder_of(serde_json::to_string(&gpt2::Config::new(64, 16, 8, 1, 2)));
        let bert = folder_of(serde_json::to_string(&bert::Config::new(50, 16, 8, 1, 2)));
        let bench = |length, dtype: &str| BenchPipeline {
            model: gpt2.path().display().to_string(),
            classifier: bert.path().display().to_string(),
            candidates: 3,
            prompt: 6,
            length,
            steps: 2,
            dtype: dtype.to_owned(),
            device: "cpu".to_owned(),
        };
        for dtype in ["f32", "bf16", "int8"] {
            let measured = bench(10, dtype).run().expect("measured");
            assert_eq!(measured.seconds.len(), 2);
            assert!(measured.first_token_ms > 0.0);
            assert!(measured.first_token_ms <= 1e3 * measured.generate_s);
            assert!(measured.generate_s < measured.median_s && measured.score_s > 0.0);
        }
        let why = |bench: BenchPipeline| bench.run().expect_err("refused").message;
        assert!(why(bench(11, "f32")).contains("17 tokens do not fit"));
        assert!(why(bench(10, "f64")).contains("no dtype"));
        let huge = BenchPipeline {
            prompt: usize::MAX,
            ..bench(10, "f32")
        };
        assert!(why(huge).contains("prompt is"));
        let many = BenchPipeline {
            candidates: 99_999_999_999,
            ..bench(10, "f32")
        };
        assert!(why(many).contains("candidates is"));
        let swapped = BenchPipeline {
            model: bench(10, "f32").classifier,
            ..bench(10, "f32")
        };
        assert!(why(swapped).contains("generates nothing"));
    }

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
