//! The median rule (Golovin et al. 2017, "Google Vizier", 3.2.1, at one step instead of on average): a run ends early if
//! its validation loss is worse than the median of other runs at the same step.

use std::collections::BTreeMap;

use repartee_core::error::Result;
use repartee_store::Store;

/// What a run is compared with; without other runs it never ends early.
#[derive(Debug, Default)]
pub(super) struct MedianRule {
    /// The validation losses of the other runs at each step.
    losses: BTreeMap<u64, Vec<f64>>,
}

impl MedianRule {
    /// The rule against the runs with these ids.
    pub fn against(store: &Store, runs: &[i64]) -> Result<Self> {
        let mut losses: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for run in runs {
            for (step, loss) in store.metric(*run, "val_loss")? {
                losses.entry(step).or_default().extend(loss);
            }
        }
        Ok(Self { losses })
    }

    /// The median of the other runs at a step, if the loss is worse than that.
    pub fn prunes(&self, step: usize, loss: f64) -> Option<f64> {
        let others = self.losses.get(&(step as u64))?;
        median(others.clone()).filter(|median| loss > *median)
    }
}

/// The middle value, or the mean of the two in the middle; `None` without values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    Some(match values.len() % 2 {
        1 => upper,
        _ => (values[half - 1] + upper) / 2.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn only_losses_of_the_same_step_count_and_an_equal_one_is_not_worse() {
        let rule = MedianRule {
            losses: BTreeMap::from([(10, vec![3.0, 5.0, 4.0]), (20, vec![2.0, 1.0])]),
        };
        assert_eq!(rule.prunes(10, 4.0), None);
        assert_eq!(rule.prunes(10, 4.1), Some(4.0));
        assert_eq!(rule.prunes(20, 1.6), Some(1.5));
        assert_eq!(rule.prunes(20, 1.5), None);
        assert_eq!(rule.prunes(30, 9.0), None);
        assert_eq!(MedianRule::default().prunes(10, 9.0), None);
    }
}
