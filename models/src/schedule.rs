//! The learning rate over the steps of a run: pure functions, also used to draw the curve.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Decay of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Linear to zero at the last step (BERT, GPT-2 fine-tuning).
    #[default]
    Linear,
    /// Half a cosine to zero at the last step.
    Cosine,
    Constant,
}

/// The learning rate of step `step` (from 0) of `steps`, with `warmup` steps of linear warm-up to `peak`.
///
/// As `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup` of transformers: `peak * step / warmup`
/// below `warmup`, so that the first step of a warm-up has rate zero, then `peak * (steps - step) / (steps - warmup)`,
/// or its cosine.
pub fn lr_at(step: usize, steps: usize, warmup: usize, peak: f64, decay: Decay) -> f64 {
    if step < warmup {
        return peak * step as f64 / warmup as f64;
    }
    let left = steps.saturating_sub(step) as f64 / steps.saturating_sub(warmup).max(1) as f64;
    match decay {
        Decay::Linear => peak * left,
        Decay::Cosine => peak * 0.5 * (1.0 + (std::f64::consts::PI * (1.0 - left)).cos()),
        Decay::Constant => peak,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls_to_zero() {
        let lr = |step| lr_at(step, 20, 4, 2e-3, Decay::Linear);
        assert_eq!(lr(0), 0.0);
        assert_eq!(lr(2), 1e-3);
        assert_eq!(lr(4), 2e-3);
        assert_eq!(lr(12), 1e-3);
        assert_eq!(lr(20), 0.0);
        assert_eq!(lr(99), 0.0);
    }

    #[test]
    fn cosine_and_constant() {
        assert!((lr_at(12, 20, 4, 2e-3, Decay::Cosine) - 1e-3).abs() < 1e-12);
        assert_eq!(lr_at(4, 20, 4, 2e-3, Decay::Cosine), 2e-3);
        assert_eq!(lr_at(19, 20, 4, 2e-3, Decay::Constant), 2e-3);
        assert_eq!(lr_at(0, 0, 0, 1.0, Decay::Linear), 0.0);
    }
}
