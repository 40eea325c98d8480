//! Stopping within a forward pass: a request must not wait for the end of a long prompt or a large batch.
//!
//! A pass asks between its products, five times a block.

use std::sync::Arc;

use crate::{Error, Result};

/// Says whether the work is to end. It is asked between products, so it must cost next to nothing.
pub type StopCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether a model's passes are to end early; by default they never are.
#[derive(Clone, Default)]
pub struct Stop(Option<StopCheck>);

impl Stop {
    pub fn when(requested: StopCheck) -> Self {
        Self(Some(requested))
    }

    /// Ends the pass if that is requested.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn check(&self) -> Result<()> {
        match &self.0 {
            Some(requested) if requested() => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }
}

/// For tests: says yes from the `n`th time on that it is asked, from 1, and counts.
#[cfg(test)]
pub(crate) fn at(n: usize) -> (Stop, Arc<std::sync::atomic::AtomicUsize>) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let stop = Stop::when(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed) + 1 >= n
    }));
    (stop, asked)
}
