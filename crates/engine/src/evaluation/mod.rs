//! Predictions of a checkpoint on a partition: their figures, charts, comparisons and outcomes.

pub mod at_share;
pub mod audit;
pub mod chart;
pub mod compared;
pub mod confidence;
pub mod curves;
pub mod decoding;
pub mod evaluate;
pub mod figures;
pub(crate) mod labels;
pub mod outcomes;
pub mod paired;
pub mod quality;
pub mod slices;
pub mod thresholds;
