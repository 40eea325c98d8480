//! Data: `import`, `source`, `pairs` and `split`.

pub mod args;
mod run;
mod view;

pub use run::{import, pairs, source, split};
pub use view::set_of;
