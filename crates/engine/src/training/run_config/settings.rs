//! All settings of a run. To add one, add a row here and use it where it matters; its TOML comment, flag, help, form and
//! checks follow from the row.

use repartee_models::batch::LossMask;
use repartee_models::schedule::Decay;

use super::declare::*;
use super::{ClassWeights, ModelKind};

/// The largest whole number of a TOML file that a double holds exactly: 2^63 - 1024.
const MOST_WHOLE: f64 = 9_223_372_036_854_774_784.0;

settings! {
    /// The settings of a run.
    pub struct RunConfig {
        /// generator, realism or upvotes.
        kind: ModelKind = ModelKind::Generator => Row {
            choices: &["generator", "realism", "upvotes"],
            ..ESSENTIAL
        };
        /// Name of the run.
        name: String = String::new() => Row { empty: "the kind and a number", ..ESSENTIAL };
        /// Base model.
        base: String = String::new() => Row {
            item: Some(FieldType::Base),
            empty: "the only one of the right kind",
            ..ESSENTIAL
        };
        /// Split to train on.
        split: String = "main".to_owned() => Row { item: Some(FieldType::Split), ..ESSENTIAL };
        /// The set of fakes.
        fakes: String = String::new() => Row {
            item: Some(FieldType::Fakes),
            empty: "the only one of the split",
            kinds: &[ModelKind::Realism],
            ..ESSENTIAL
        };
        /// Number of epochs. Ignored if steps is set.
        epochs: f64 = 3.0 => Row {
            range: (1e-3, 1e6),
            unused: |config| config.steps > 0,
            ..ESSENTIAL
        };
        /// Max optimizer steps; 0: use epochs.
        steps: usize = 0 => Row { range: (0.0, 1e9), ..ESSENTIAL };
        /// Batch size. The largest that fits in memory is fastest.
        batch_size: usize = 8, 16 => Row {
            alias: "batch",
            range: EXAMPLES_AT_ONCE,
            ..ESSENTIAL
        };
        /// Peak learning rate. 5e-5 suits fine-tuning; use 1e-3 for a small model from scratch.
        learning_rate: f64 = 5e-5 => Row { alias: "lr", range: (1e-9, 10.0), ..ESSENTIAL };
        /// Max length of an example, in tokens. At least half of it is kept for the reply.
        max_tokens: usize = 256, 128 => Row {
            label: "Max sequence length",
            range: (16.0, 65536.0),
            ..ESSENTIAL
        };
        /// "none", or "balanced" so that rare classes count as much as frequent ones.
        class_weights: ClassWeights = ClassWeights::None => Row {
            choices: &["none", "balanced"],
            kinds: CLASSIFIERS,
            ..ESSENTIAL
        };
        /// Max number of training examples, sampled by the seed; 0: all.
        limit: usize = 0 => Row { label: "Max training examples", ..EXAMPLES };
        /// "reply" computes the loss on the reply only, "all" on the comment too.
        loss: LossMask = LossMask::Reply => Row {
            label: "Loss on",
            choices: &["reply", "all"],
            kinds: &[ModelKind::Generator],
            ..EXAMPLES
        };
        /// The share of real replies among the examples, between 0 and 1.
        real_share: f64 = 0.5 => Row { range: (0.05, 0.95), kinds: &[ModelKind::Realism], ..EXAMPLES };
        /// Gradient accumulation: the effective batch size is batch_size times this.
        accumulate: usize = 1 => Row {
            label: "Gradient accumulation steps",
            range: EXAMPLES_AT_ONCE,
            ..OPTIMIZER
        };
        /// Warmup ratio: the share of all steps in which the learning rate rises from 0 to its peak.
        warmup: f64 = 0.1 => Row { range: (0.0, 1.0), ..OPTIMIZER };
        /// Learning-rate schedule after warmup: "linear", "cosine" or "constant".
        decay: Decay = Decay::Linear => Row {
            label: "LR scheduler",
            choices: &["linear", "cosine", "constant"],
            ..OPTIMIZER
        };
        /// AdamW's weight decay, on matrices only.
        weight_decay: f64 = 0.01 => Row { range: (0.0, 10.0), ..OPTIMIZER };
        /// Max gradient norm; 0: no clipping.
        clip_norm: f64 = 1.0 => Row { label: "Gradient clipping (max norm)", ..OPTIMIZER };
        /// Dropout probability; below 0: use the base's config.
        dropout: f64 = -1.0 => Row {
            range: (-1.0, 0.9),
            unused: |config| config.dropout < 0.0,
            ..OPTIMIZER
        };
        /// Validate every N steps; 0: ten times per run.
        validate_every: usize = 0 => Row { label: "Validate every", ..VALIDATION };
        /// Max number of validation examples; 0: all.
        validate_limit: usize = 1000 => Row { label: "Validation examples", ..VALIDATION };
        /// Early-stopping patience, in validations without improvement; 0: off.
        patience: usize = 0, 4 => VALIDATION;
        /// Sample replies to generate at each validation, to comments of the validation set.
        samples: usize = 3 => Row {
            label: "Samples per validation",
            range: (0.0, 100.0),
            kinds: &[ModelKind::Generator],
            ..VALIDATION
        };
        /// Save a checkpoint every N steps; 0: every 3 minutes. A killed run resumes from its last checkpoint.
        save_every: usize = 0 => Row { label: "Checkpoint every", ..VALIDATION };
        /// Random seed. The same seed on the same machine gives the same bits.
        seed: u64 = 1 => Row { range: (0.0, MOST_WHOLE), ..SYSTEM };
        /// auto, cpu, cuda or metal.
        device: String = "auto".to_owned() => Row {
            choices: &["auto", "cpu", "cuda", "metal"],
            ..SYSTEM
        };
    }
}
