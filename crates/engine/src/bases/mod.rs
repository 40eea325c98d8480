//! Pretrained checkpoints: made, imported, downloaded, exported.

pub mod base;
pub mod bundle;
pub(crate) mod card;
pub mod hub;
pub(crate) mod permission;
