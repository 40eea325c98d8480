//! `y = x · w + b`, or `y = x · w`.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Result, Shape, Tensor};

use super::few_rows::{self, FEW};
use super::{Mat, is_fused, matmul, slice, sum_rows, tensor, with_slice};

/// Layout of a weight matrix in the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `(in, out)`: GPT-2's Conv1D.
    InOut,
    /// `(out, in)`: torch's Linear.
    OutIn,
}

/// `x (.., in)` times `w`, plus `b (out)` if there is one: `(.., out)`.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>, layout: Layout) -> Result<Tensor> {
    if !is_fused(x) {
        return linear_ref(x, w, b, layout);
    }
    let x = x.contiguous()?;
    match b {
        Some(b) => x.apply_op3(w, b, Linear(layout)),
        None => x.apply_op2(w, Linear(layout)),
    }
}

/// Reference of [`linear`].
pub fn linear_ref(x: &Tensor, w: &Tensor, b: Option<&Tensor>, layout: Layout) -> Result<Tensor> {
    let w = match layout {
        Layout::InOut => w.clone(),
        Layout::OutIn => w.t()?,
    };
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let mut y = x.reshape((rows, width))?.matmul(&w)?;
    if let Some(b) = b {
        y = y.broadcast_add(b)?;
    }
    let mut shape = x.dims().to_vec();
    *shape.last_mut().unwrap_or(&mut 0) = w.dim(1)?;
    y.reshape(shape)
}

struct Linear(Layout);

impl Linear {
    /// `w` as an `(in, out)` matrix.
    fn weight<'a>(&self, w: &'a [f32], n_in: usize, n_out: usize) -> Mat<'a> {
        match self.0 {
            Layout::InOut => Mat::rows(w, n_out),
            Layout::OutIn => Mat::rows(w, n_in).transposed(),
        }
    }
}

impl Linear {
    fn forward(
        &self,
        (xs, lx): (&CpuStorage, &candle_core::Layout),
        (ws, lw): (&CpuStorage, &candle_core::Layout),
        bias: Option<(&CpuStorage, &candle_core::Layout)>,
    ) -> Result<(CpuStorage, Shape)> {
        let (xs, ws) = (slice(xs, lx)?, slice(ws, lw)?);
        let bias = bias.map(|(b, layout)| slice(b, layout)).transpose()?;
        let (rows_of_w, columns_of_w) = lw.shape().dims2()?;
        let n_out = match self.0 {
            Layout::InOut => columns_of_w,
            Layout::OutIn => rows_of_w,
        };
        let mut shape = lx.dims().to_vec();
        let n_in = shape.pop().unwrap_or(0);
        if ws.len() != n_in * n_out || bias.is_some_and(|b| b.len() != n_out) {
            candle_core::bail!(
                "linear: x {:?}, w {:?}, b {:?}",
                lx.dims(),
                lw.dims(),
                bias.map(<[f32]>::len)
            );
        }
        shape.push(n_out);
        let rows = xs.len() / n_in.max(1);
        // Starting from the bias saves one pass over the result.
        let mut y = match bias {
            Some(bias) => bias.repeat(rows),
            None => vec![0.; rows * n_out],
        };
        let product = (rows, n_out, n_in);
        match self.0 {
            Layout::InOut if rows <= FEW => few_rows::add_in_out(xs, ws, &mut y, product),
            Layout::OutIn if rows <= FEW => few_rows::add_out_in(xs, ws, &mut y, product),
            _ => {
                let (xs, ws) = (Mat::rows(xs, n_in), self.weight(ws, n_in, n_out));
                matmul(product, &mut y, n_out, true, 1.0, xs, ws, true);
            }
        }
        Ok((CpuStorage::F32(y), shape.into()))
    }

    /// Gradients of `x` and `w` for that of the result.
    fn backward(&self, x: &Tensor, w: &Tensor, dy: &Tensor) -> Result<(Tensor, Tensor)> {
        let (n_in, n_out) = (x.dim(D::Minus1)?, dy.dim(D::Minus1)?);
        let rows = x.elem_count() / n_in.max(1);
        with_slice(dy, |dy| {
            let dys = Mat::rows(dy, n_out);
            let dx = with_slice(w, |w| {
                let mut dx = vec![0.; rows * n_in];
                let (shape, wt) = (
                    (rows, n_in, n_out),
                    self.weight(w, n_in, n_out).transposed(),
                );
                matmul(shape, &mut dx, n_in, false, 1.0, dys, wt, true);
                tensor(dx, x.shape())
            })?;
            let dw = with_slice(x, |x| {
                let mut dw = vec![0.; n_in * n_out];
                let xs = Mat::rows(x, n_in);
                let (shape, row, a, b) = match self.0 {
                    Layout::InOut => ((n_in, n_out, rows), n_out, xs.transposed(), dys),
                    Layout::OutIn => ((n_out, n_in, rows), n_in, dys.transposed(), xs),
                };
                matmul(shape, &mut dw, row, false, 1.0, a, b, true);
                tensor(dw, w.shape())
            })?;
            Ok((dx, dw))
        })
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &candle_core::Layout,
        w: &CpuStorage,
        lw: &candle_core::Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, dy)?;
        Ok((Some(dx), Some(dw)))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &candle_core::Layout,
        w: &CpuStorage,
        lw: &candle_core::Layout,
        b: &CpuStorage,
        lb: &candle_core::Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), Some((b, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, dy)?;
        let n_out = b.dim(0)?;
        let db = with_slice(dy, |dy| tensor(sum_rows(dy, n_out), n_out))?;
        Ok((Some(dx), Some(dw), Some(db)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{random, twins};
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn equals_its_reference() {
        let mut s = Stream::new(1, "linear");
        for (b, t, n_in, n_out) in [(1, 1, 1, 1), (2, 3, 5, 7), (3, 17, 33, 64), (1, 70, 16, 3)] {
            for (layout, shape) in [
                (Layout::InOut, [n_in, n_out]),
                (Layout::OutIn, [n_out, n_in]),
            ] {
                let inputs = [
                    random(&mut s, &[b, t, n_in]),
                    random(&mut s, &shape),
                    random(&mut s, &[n_out]),
                ];
                twins(
                    &inputs,
                    |i| linear(&i[0], &i[1], Some(&i[2]), layout),
                    |i| linear_ref(&i[0], &i[1], Some(&i[2]), layout),
                );
                twins(
                    &inputs[..2],
                    |i| linear(&i[0], &i[1], None, layout),
                    |i| linear_ref(&i[0], &i[1], None, layout),
                );
            }
        }
    }

    /// Few rows and many, in both layouts: bit for bit, so that no result depends on whether a zero bias is passed.
    #[test]
    fn without_a_bias_equals_a_bias_of_zeros() {
        let mut s = Stream::new(2, "linear");
        for rows in [1, FEW, FEW + 1] {
            for (layout, shape) in [(Layout::InOut, [33, 70]), (Layout::OutIn, [70, 33])] {
                let (x, w) = (random(&mut s, &[rows, 33]), random(&mut s, &shape));
                let zeros = Tensor::zeros(70, candle_core::DType::F32, x.device()).unwrap();
                let bits = |b| {
                    let y = linear(&x, &w, b, layout).unwrap().flatten_all().unwrap();
                    let y = y.to_vec1::<f32>().unwrap();
                    y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
                };
                assert_eq!(bits(None), bits(Some(&zeros)), "{rows} {layout:?}");
            }
        }
    }

    #[test]
    fn bias_of_another_width_is_refused() {
        let zeros = |shape: &[usize]| {
            Tensor::zeros(shape, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap()
        };
        let (x, w, b) = (zeros(&[2, 3]), zeros(&[3, 4]), zeros(&[5]));
        assert!(linear(&x, &w, Some(&b), Layout::InOut).is_err());
        assert!(linear(&x, &w, None, Layout::OutIn).is_err());
    }
}
