//! Tensors as named bytes and back: the form in which the store keeps a checkpoint.
//!
//! A checkpoint is the weights under their Hugging Face names, the optimizer's moments under `m.NAME` and `v.NAME`, and
//! the state record [`crate::train::State`] as JSON. This module knows no file and no table; bytes are little-endian,
//! as in safetensors.

use candle_core::{DType, Device, Tensor};

use crate::{Error, Result};

/// One tensor as bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorBytes {
    pub name: String,
    /// f32, f16, bf16, i64 or u32.
    pub dtype: String,
    pub shape: Vec<usize>,
    /// Elements in row-major order, little-endian.
    pub bytes: Vec<u8>,
}

/// The bytes of a tensor.
///
/// # Errors
/// If its type is none of f32, f16, bf16, i64, u32.
pub fn to_bytes(name: &str, tensor: &Tensor) -> Result<TensorBytes> {
    let flat = tensor.flatten_all()?.to_device(&Device::Cpu)?;
    let bytes = match flat.dtype() {
        DType::F32 => flat
            .to_vec1::<f32>()?
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect(),
        DType::F16 => flat
            .to_vec1::<half::f16>()?
            .into_iter()
            .flat_map(half::f16::to_le_bytes)
            .collect(),
        DType::BF16 => flat
            .to_vec1::<half::bf16>()?
            .into_iter()
            .flat_map(half::bf16::to_le_bytes)
            .collect(),
        DType::I64 => flat
            .to_vec1::<i64>()?
            .into_iter()
            .flat_map(i64::to_le_bytes)
            .collect(),
        DType::U32 => flat
            .to_vec1::<u32>()?
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect(),
        other => {
            return Err(Error::Input(format!(
                "{name}: tensors of type {other:?} are not stored"
            )));
        }
    };
    Ok(TensorBytes {
        name: name.to_owned(),
        dtype: flat.dtype().as_str().to_owned(),
        shape: tensor.dims().to_vec(),
        bytes,
    })
}

/// The tensor of bytes, on a device.
///
/// # Errors
/// If type, shape and number of bytes do not match.
pub fn from_bytes(
    name: &str,
    dtype: &str,
    shape: &[usize],
    bytes: &[u8],
    device: &Device,
) -> Result<Tensor> {
    let dtype = match dtype {
        "f32" => DType::F32,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        "i64" => DType::I64,
        "u32" => DType::U32,
        other => {
            return Err(Error::Input(format!(
                "{name}: unknown tensor type {other:?}"
            )));
        }
    };
    let expected = shape.iter().product::<usize>() * dtype.size_in_bytes();
    if bytes.len() != expected {
        return Err(Error::Input(format!(
            "{name}: {} bytes stored, {dtype:?} of shape {shape:?} has {expected}",
            bytes.len()
        )));
    }
    Ok(Tensor::from_raw_buffer(bytes, dtype, shape, device)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let tensor = Tensor::new(
            &[[1f32, -0.0, f32::MIN_POSITIVE], [3e38, 0.1, 7.0]],
            &Device::Cpu,
        )
        .unwrap();
        for tensor in [
            &tensor,
            &tensor.to_dtype(DType::BF16).unwrap(),
            &tensor.t().unwrap(),
        ] {
            let out = to_bytes("w", tensor).unwrap();
            let back = from_bytes("w", &out.dtype, &out.shape, &out.bytes, &Device::Cpu).unwrap();
            assert_eq!((back.dims(), back.dtype()), (tensor.dims(), tensor.dtype()));
            assert_eq!(to_bytes("w", &back).unwrap(), out);
        }
    }

    #[test]
    fn mismatched_bytes_are_an_error_with_the_name() {
        let error = from_bytes("h.0.ln_1.bias", "f32", &[3], &[0; 8], &Device::Cpu)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("h.0.ln_1.bias") && error.contains("12"),
            "{error}"
        );
        assert!(from_bytes("w", "q4", &[3], &[0; 12], &Device::Cpu).is_err());
    }
}
