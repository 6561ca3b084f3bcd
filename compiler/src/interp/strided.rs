//! Walking over tensors: strided views, and lanes along one dimension.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use crate::shape::Shape;

/// Calls `visit` with `start + sum(index[d] * strides[d])` for every index below `dims`, the last dimension fastest.
pub(super) fn for_each_offset(dims: &[usize], strides: &[usize], start: usize, visit: &mut impl FnMut(usize)) {
    let ([size, dims @ ..], [stride, strides @ ..]) = (dims, strides) else { return visit(start) };
    for index in 0..*size {
        for_each_offset(dims, strides, start + index * stride, visit);
    }
}

/// The elements of a strided view of `data` in row-major order.
pub(super) fn read(data: &[f64], dims: &[usize], strides: &[usize], start: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(dims.iter().product());
    for_each_offset(dims, strides, start, &mut |offset| out.push(data[offset]));
    out
}

/// Strides that read a tensor of shape `from` as if it had the shape `to` that it broadcasts to.
pub(super) fn broadcast_strides(from: &Shape, to: &[usize]) -> Vec<usize> {
    let missing = to.len() - from.rank();
    let own = from.dims().iter().zip(from.strides()).map(|(size, stride)| if *size == 1 { 0 } else { stride });
    std::iter::repeat_n(0, missing).chain(own).collect()
}

/// A shape seen from one dimension: how many elements stand before it, in it, and after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Along {
    /// The product of the dimensions before.
    pub(super) outer: usize,
    /// The dimension.
    pub(super) size: usize,
    /// The product of the dimensions after, which is the stride of the dimension.
    pub(super) inner: usize,
}

impl Along {
    pub(super) fn new(dims: &[usize], dim: usize) -> Self {
        Along { outer: dims[..dim].iter().product(), size: dims[dim], inner: dims[dim + 1..].iter().product() }
    }

    /// The slab of `inner` elements at `index` of the dimension within block `outer`.
    pub(super) fn slab(self, outer: usize, index: usize) -> std::ops::Range<usize> {
        let start = (outer * self.size + index) * self.inner;
        start..start + self.inner
    }

    /// The tensor with every lane along the dimension changed by `change`.
    pub(super) fn map_lanes(self, data: &[f64], mut change: impl FnMut(&mut [f64])) -> Vec<f64> {
        let mut out = data.to_vec();
        let mut lane = vec![0.0; self.size];
        for outer in 0..self.outer {
            for inner in 0..self.inner {
                let offset = |index: usize| (outer * self.size + index) * self.inner + inner;
                for (index, value) in lane.iter_mut().enumerate() {
                    *value = data[offset(index)];
                }
                change(&mut lane);
                for (index, value) in lane.iter().enumerate() {
                    out[offset(index)] = *value;
                }
            }
        }
        out
    }
}
