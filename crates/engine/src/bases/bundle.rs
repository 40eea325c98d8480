//! Models in the project file: writes tensors and tokenizer files to bundles and reads them back.

use repartee_core::error::Result;
use repartee_models::checkpoint;
use repartee_models::text::Files;
use repartee_models::weights::Tensors;
use repartee_store::Store;
use repartee_store::blobs::{Part, Stored};

/// Stores tensors and files; what the project already has is not stored twice.
///
/// `each` is called with the number of bytes done after each part.
///
/// # Errors
/// If the file cannot be written, or `each` asks to stop.
pub fn put<E: From<crate::Error>>(
    store: &Store,
    tensors: &Tensors,
    files: &Files,
    mut each: impl FnMut(u64) -> Result<(), E>,
) -> Result<Vec<Stored>, E> {
    let mut parts = Vec::with_capacity(tensors.len() + files.len());
    let mut done = 0;
    for (name, tensor) in tensors {
        let t = checkpoint::to_bytes(name, tensor).map_err(crate::Error::from)?;
        let part = Part {
            name,
            dtype: Some(&t.dtype),
            shape: Some(&t.shape),
            bytes: &t.bytes,
        };
        parts.push(store.put(&part).map_err(crate::Error::from)?);
        done += t.bytes.len() as u64;
        each(done)?;
    }
    for (name, bytes) in files {
        let part = Part {
            name,
            dtype: None,
            shape: None,
            bytes,
        };
        parts.push(store.put(&part).map_err(crate::Error::from)?);
        done += bytes.len() as u64;
        each(done)?;
    }
    Ok(parts)
}

/// Reads a bundle: its tensors, on the CPU in their stored types, and its files.
///
/// # Errors
/// [`crate::Code::Damaged`] if bytes differ from those that were stored.
pub fn get(store: &Store, bundle_id: i64) -> Result<(Tensors, Files)> {
    let (mut tensors, mut files) = (Tensors::new(), Files::new());
    for part in store.bundle(bundle_id)? {
        let bytes = store.bytes(&part)?;
        match (&part.dtype, &part.shape) {
            (Some(dtype), Some(shape)) => {
                let cpu = &repartee_models::Device::Cpu;
                let tensor = checkpoint::from_bytes(&part.name, dtype, shape, &bytes, cpu)?;
                tensors.insert(part.name, tensor);
            }
            _ => {
                files.insert(part.name, bytes);
            }
        }
    }
    Ok((tensors, files))
}

/// Only the files of a bundle: a tokenizer without its model.
///
/// # Errors
/// As [`get`].
pub fn files(store: &Store, bundle_id: i64) -> Result<Files> {
    let parts = store.bundle(bundle_id)?;
    parts
        .into_iter()
        .filter(|part| part.dtype.is_none())
        .map(|part| {
            let bytes = store.bytes(&part)?;
            Ok((part.name, bytes))
        })
        .collect()
}
