//! The models of Repartee: GPT-2 and BERT on candle, how they are trained, run and measured.
//!
//! The crate knows no file of ours and no table. Shapes are written with these letters everywhere:
//! B batch, T tokens, C width, H heads, D width of a head, V vocabulary, N counted rows.

pub mod batch;
pub mod checkpoint;
pub mod generate;
pub mod optim;
pub mod rng;
pub mod schedule;
pub mod text;
pub mod train;

/// What goes wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A tokenizer could not be read, or does not match its model.
    #[error("{0}")]
    Tokenizer(String),
    /// A setting or an input that cannot work: what it is, and what it may be.
    #[error("{0}")]
    Invalid(String),
    /// A loss, gradient or logit is not a finite number.
    #[error("{0}")]
    Diverged(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
