//! `y = x · w + b`.

use candle_core::{CpuStorage, CustomOp3, Result, Shape, Tensor};

use super::few_rows::{self, FEW};
use super::{Mat, matmul, slice, sum_rows, tensor, with_slice};

/// Layout of a weight matrix in the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `(in, out)`: GPT-2's Conv1D.
    InOut,
    /// `(out, in)`: torch's Linear.
    OutIn,
}

/// `x (.., in)` times `w`, plus `b (out)`: `(.., out)`.
pub fn linear(x: &Tensor, w: &Tensor, b: &Tensor, layout: Layout) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return linear_ref(x, w, b, layout);
    }
    x.contiguous()?.apply_op3(w, b, Linear(layout))
}

/// Reference of [`linear`].
pub fn linear_ref(x: &Tensor, w: &Tensor, b: &Tensor, layout: Layout) -> Result<Tensor> {
    let w = match layout {
        Layout::InOut => w.clone(),
        Layout::OutIn => w.t()?,
    };
    let width = x.dim(candle_core::D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let y = x.reshape((rows, width))?.matmul(&w)?.broadcast_add(b)?;
    let mut shape = x.dims().to_vec();
    *shape.last_mut().unwrap_or(&mut 0) = b.dim(0)?;
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
        let (xs, ws, bs) = (slice(x, lx)?, slice(w, lw)?, slice(b, lb)?);
        let mut shape = lx.dims().to_vec();
        let (n_in, n_out) = (shape.pop().unwrap_or(0), bs.len());
        if ws.len() != n_in * n_out {
            candle_core::bail!(
                "linear: x {:?}, w {:?}, b {:?}",
                lx.dims(),
                lw.dims(),
                lb.dims()
            );
        }
        shape.push(n_out);
        let rows = xs.len() / n_in.max(1);
        // Starting from the bias saves one pass over the result.
        let mut y = Vec::with_capacity(rows * n_out);
        (0..rows).for_each(|_| y.extend_from_slice(bs));
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

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let n_in = x.dim(candle_core::D::Minus1)?;
        let n_out = b.dim(0)?;
        let rows = x.elem_count() / n_in.max(1);
        with_slice(dy, |dy| {
            let dys = Mat::rows(dy, n_out);
            let dx = with_slice(w, |w| {
                let mut dx = vec![0.; rows * n_in];
                let wt = self.weight(w, n_in, n_out).transposed();
                matmul(
                    (rows, n_in, n_out),
                    &mut dx,
                    n_in,
                    false,
                    1.0,
                    dys,
                    wt,
                    true,
                );
                tensor(dx, x.shape())
            })?;
            let dw = with_slice(x, |x| {
                let mut dw = vec![0.; n_in * n_out];
                let xs = Mat::rows(x, n_in);
                match self.0 {
                    Layout::InOut => {
                        let shape = (n_in, n_out, rows);
                        matmul(
                            shape,
                            &mut dw,
                            n_out,
                            false,
                            1.0,
                            xs.transposed(),
                            dys,
                            true,
                        );
                    }
                    Layout::OutIn => {
                        let shape = (n_out, n_in, rows);
                        matmul(shape, &mut dw, n_in, false, 1.0, dys.transposed(), xs, true);
                    }
                }
                tensor(dw, w.shape())
            })?;
            Ok((
                Some(dx),
                Some(dw),
                Some(tensor(sum_rows(dy, n_out), n_out)?),
            ))
        })
    }
}

#[cfg(test)]
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
                    |i| linear(&i[0], &i[1], &i[2], layout),
                    |i| linear_ref(&i[0], &i[1], &i[2], layout),
                );
            }
        }
    }
}
