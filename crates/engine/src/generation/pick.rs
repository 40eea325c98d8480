//! Which candidates are selected for the queue: pure rules over scores, each verdict with its reason.

use std::collections::{HashMap, HashSet};

use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_datasets::duplicates::normalized;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Selection criteria. The defaults are those of the original bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Criteria {
    /// p(real) must be above this; requires a realism model. None: [`MIN_P_REAL`] if one scores.
    pub min_p_real: Option<f64>,
    /// Maximum length in characters.
    pub max_chars: usize,
    /// Maximum number of picks per thread.
    pub per_thread: usize,
    /// Whether an echo of the comment, a copy of a training reply, or a repetition may be selected.
    pub keep_flagged: bool,
}

/// Default minimum of p(real).
pub const MIN_P_REAL: f64 = 0.9;

impl Default for Criteria {
    fn default() -> Self {
        Self {
            min_p_real: None,
            max_chars: 1000,
            per_thread: 1,
            keep_flagged: false,
        }
    }
}

impl Criteria {
    /// The minimum of p(real), if it is known.
    pub fn floor(&self) -> f64 {
        self.min_p_real.unwrap_or(MIN_P_REAL)
    }

    /// Refuses a criterion whose model does not score: it would let everything pass.
    ///
    /// # Errors
    /// [`crate::Code::Usage`], naming it.
    pub fn check_models(&self, realism: bool) -> Result<()> {
        match self.min_p_real {
            Some(least) if !realism => Err(Error::usage(format!(
                "min_p_real {least} needs a realism model; name a realism run (--realism RUN), or omit the \
                 criterion"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses criteria that can never select anything or are invalid.
    ///
    /// # Errors
    /// [`crate::Code::Usage`], naming the value and its range.
    pub fn check(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.floor()) {
            return Err(Error::usage(format!(
                "min_p_real is {}; it must be at least 0 and below 1",
                self.floor()
            )));
        }
        if self.max_chars == 0 || self.per_thread == 0 {
            return Err(Error::usage("max_chars and per_thread must be at least 1"));
        }
        Ok(())
    }
}

/// A candidate as the rules see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored<'a> {
    /// The thread it would be posted in.
    pub thread: i64,
    pub text: &'a str,
    /// p(real), if a realism model scored it.
    pub p_real: Option<f64>,
    /// `p1 + 2 p2 + 3 p3` over the upvote bins, if an upvotes model scored it.
    pub expected_bin: Option<f64>,
    /// What is wrong with it: an echo, a copy, a repetition.
    pub flag: Option<&'a str>,
}

/// Whether a candidate is selected, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it is added to the queue.
    pub picked: bool,
    /// The reason, with the figures that decided.
    pub reason: String,
}

/// Selects among all candidates of a generation: one verdict each, in the same order.
///
/// Those that pass the limits are ranked within their thread by expected bin, then by p(real), then by order; the first
/// `per_thread` different texts are selected. Texts that differ in case or punctuation alone are equal.
pub fn pick(candidates: &[Scored], criteria: &Criteria) -> Vec<Verdict> {
    let mut verdicts: Vec<Option<Verdict>> =
        candidates.iter().map(|c| refusal(c, criteria)).collect();
    let mut threads: HashMap<i64, Vec<usize>> = HashMap::new();
    for (i, candidate) in candidates.iter().enumerate() {
        if verdicts[i].is_none() {
            threads.entry(candidate.thread).or_default().push(i);
        }
    }
    for (_, mut members) in threads {
        let rank = |i: &usize| {
            (
                score(candidates[*i].expected_bin),
                score(candidates[*i].p_real),
            )
        };
        members.sort_by(|a, b| {
            rank(b)
                .partial_cmp(&rank(a))
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(a.cmp(b))
        });
        let fit = members.len();
        let mut taken: HashSet<String> = HashSet::new();
        let mut worst_taken = 0;
        for i in members {
            let candidate = &candidates[i];
            let words = normalized(candidate.text);
            verdicts[i] = Some(if taken.contains(&words) {
                Verdict {
                    picked: false,
                    reason: "duplicate of a selected candidate".to_owned(),
                }
            } else if taken.len() < criteria.per_thread {
                taken.insert(words);
                worst_taken = i;
                Verdict {
                    picked: true,
                    reason: why(candidate, criteria, taken.len(), fit),
                }
            } else {
                Verdict {
                    picked: false,
                    reason: outranked(candidate, &candidates[worst_taken]),
                }
            });
        }
    }
    // every candidate was either refused or ranked
    verdicts
        .into_iter()
        .map(|v| {
            v.unwrap_or(Verdict {
                picked: false,
                reason: String::new(),
            })
        })
        .collect()
}

/// A missing score ranks below any, and so does NaN.
fn score(value: Option<f64>) -> f64 {
    value.filter(|v| !v.is_nan()).unwrap_or(f64::NEG_INFINITY)
}

fn refusal(candidate: &Scored, criteria: &Criteria) -> Option<Verdict> {
    let chars = candidate.text.chars().count();
    let reason = if candidate.text.trim().is_empty() {
        "empty".to_owned()
    } else if chars > criteria.max_chars {
        format!("{chars} characters, more than {}", criteria.max_chars)
    } else if let (Some(flag), false) = (candidate.flag, criteria.keep_flagged) {
        flag.to_owned()
    } else {
        match candidate.p_real {
            Some(p) if p.is_nan() => "p(real) is NaN".to_owned(),
            Some(p) if p <= criteria.floor() => {
                format!("p(real) {p:.3} ≤ min {}", criteria.floor())
            }
            _ => return None,
        }
    };
    Some(Verdict {
        picked: false,
        reason,
    })
}

fn why(candidate: &Scored, criteria: &Criteria, place: usize, fit: usize) -> String {
    let mut parts = Vec::new();
    // the user who approves it must know
    if let Some(flag) = candidate.flag {
        parts.push(format!("kept although it is flagged: {flag}"));
    }
    if let Some(p) = candidate.p_real {
        parts.push(format!("p(real) {p:.3} above {}", criteria.floor()));
    }
    parts.push(format!(
        "{}, at most {}",
        counted(candidate.text.chars().count(), "character", "characters"),
        criteria.max_chars
    ));
    let by = match (candidate.expected_bin, candidate.p_real) {
        (Some(bin), _) => format!("expected bin {bin:.2}, "),
        (None, Some(_)) => "no upvotes model, ranked by p(real), ".to_owned(),
        (None, None) => "no model scored it, ranked by order, ".to_owned(),
    };
    parts.push(format!("{by}rank {place} of {fit} eligible"));
    parts.join("; ")
}

fn outranked(candidate: &Scored, taken: &Scored) -> String {
    match (
        candidate.expected_bin,
        taken.expected_bin,
        candidate.p_real,
        taken.p_real,
    ) {
        (Some(a), Some(b), _, _) if a < b => {
            format!("expected bin {a:.2}; the pick of its thread has {b:.2}")
        }
        (_, _, Some(a), Some(b)) if a < b => {
            format!("p(real) {a:.3}; the pick of its thread has {b:.3}")
        }
        _ => "tied with the selected candidate".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(thread: i64, text: &str, p_real: f64, bin: f64) -> Scored<'_> {
        Scored {
            thread,
            text,
            p_real: Some(p_real),
            expected_bin: Some(bin),
            flag: None,
        }
    }

    #[test]
    fn length_of_one_character_is_singular() {
        let verdicts = pick(&[scored(1, "k", 0.95, 1.5)], &Criteria::default());
        let reason = &verdicts[0].reason;
        assert!(reason.contains(" 1 character, at most 1000"), "{reason}");
    }

    #[test]
    fn highest_expected_bin_of_each_thread_is_selected() {
        let candidates = [
            scored(1, "good", 0.95, 1.5),
            scored(1, "better", 0.91, 2.5),
            scored(1, "best but fake", 0.9, 3.0),
            scored(2, "alone", 0.99, 0.1),
        ];
        let verdicts = pick(&candidates, &Criteria::default());
        let picked: Vec<bool> = verdicts.iter().map(|v| v.picked).collect();
        assert_eq!(picked, [false, true, false, true]);
        assert_eq!(
            verdicts[0].reason,
            "expected bin 1.50; the pick of its thread has 2.50"
        );
        assert_eq!(verdicts[2].reason, "p(real) 0.900 ≤ min 0.9");
        assert!(
            verdicts[1].reason.contains("rank 1 of 2 eligible"),
            "{}",
            verdicts[1].reason
        );
    }

    #[test]
    fn length_counts_characters_and_empty_text_is_refused() {
        let long = "é".repeat(1001);
        let edge = "é".repeat(1000);
        let candidates = [
            scored(1, &long, 0.99, 3.0),
            scored(2, &edge, 0.99, 0.0),
            scored(3, " \n", 0.99, 3.0),
        ];
        let verdicts = pick(&candidates, &Criteria::default());
        assert_eq!(verdicts[0].reason, "1001 characters, more than 1000");
        assert!(verdicts[1].picked);
        assert_eq!(verdicts[2].reason, "empty");
    }

    #[test]
    fn duplicate_text_is_selected_once_per_thread() {
        let candidates = [
            scored(1, "same", 0.95, 2.0),
            scored(1, "same ", 0.95, 1.9),
            scored(1, "other", 0.95, 1.0),
        ];
        let criteria = Criteria {
            per_thread: 2,
            ..Criteria::default()
        };
        let picked: Vec<bool> = pick(&candidates, &criteria)
            .iter()
            .map(|v| v.picked)
            .collect();
        assert_eq!(picked, [true, false, true]);
    }

    #[test]
    fn flagged_candidate_is_selected_only_if_flagged_ones_are_kept() {
        let copy = Scored {
            flag: Some("14 words in a row from training pair t1_abc"),
            ..scored(1, "copied", 0.99, 3.0)
        };
        let candidates = [copy, scored(1, "good", 0.95, 1.0)];
        let verdicts = pick(&candidates, &Criteria::default());
        assert!(!verdicts[0].picked && verdicts[1].picked);
        assert_eq!(Some(verdicts[0].reason.as_str()), candidates[0].flag);
        let keeps = Criteria {
            keep_flagged: true,
            ..Criteria::default()
        };
        let verdicts = pick(&candidates, &keeps);
        assert!(verdicts[0].picked && !verdicts[1].picked);
        let flag = "kept although it is flagged: 14 words in a row from training pair t1_abc; ";
        assert!(verdicts[0].reason.starts_with(flag), "{verdicts:?}");
        assert!(!verdicts[1].reason.contains("flagged"));
    }

    #[test]
    fn of_texts_with_the_same_words_the_better_is_selected() {
        let candidates = [
            scored(1, "same words", 0.95, 1.0),
            scored(1, "Same words!", 0.95, 2.0),
        ];
        let criteria = Criteria {
            per_thread: 2,
            ..Criteria::default()
        };
        let verdicts = pick(&candidates, &criteria);
        assert!(!verdicts[0].picked && verdicts[1].picked);
        assert_eq!(verdicts[0].reason, "duplicate of a selected candidate");
    }

    #[test]
    fn without_scores_the_first_is_selected_and_nan_never() {
        let plain = |text| Scored {
            thread: 1,
            text,
            p_real: None,
            expected_bin: None,
            flag: None,
        };
        let verdicts = pick(&[plain("a"), plain("b")], &Criteria::default());
        assert!(verdicts[0].picked && !verdicts[1].picked);
        let nan = pick(&[scored(1, "a", f64::NAN, 1.0)], &Criteria::default());
        assert!(!nan[0].picked);
    }

    #[test]
    fn criterion_without_its_model_is_refused() {
        let asks = |min_p_real| Criteria {
            min_p_real,
            ..Criteria::default()
        };
        let error = asks(Some(0.9)).check_models(false);
        assert!(error.is_err_and(|e| e.message.contains("--realism RUN")));
        assert!(asks(Some(0.9)).check_models(true).is_ok());
        assert!(asks(None).check_models(false).is_ok());
    }

    #[test]
    fn criteria_out_of_range_are_named() {
        let criteria = Criteria {
            min_p_real: Some(1.0),
            ..Criteria::default()
        };
        assert!(
            criteria
                .check()
                .is_err_and(|e| e.message.contains("min_p_real is 1"))
        );
    }
}
