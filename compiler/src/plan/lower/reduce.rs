//! Pooling, resampling and means.

use parameternet_runtime::abi::{Kernel, PoolShape, ResampleShape};

use super::super::PlanError;
use super::super::step::{Along, Mean, Rows, RowsShape, Work};
use super::super::view::{Axis, CHANNELS_LAST, View, merge_all};
use super::convolution::window_shape;
use super::{Image, Lowering, has_contiguous_channels, operand};
use crate::graph::NodeId;
use crate::op::pool::{AvgPool, MaxPool, Mean as MeanOp};
use crate::op::resample::{Mode, Upsample};
use crate::op::window::Window;

impl Lowering<'_> {
    pub(super) fn max_pool(&mut self, id: NodeId, op: MaxPool, x: NodeId) -> View {
        self.pool(id, Kernel::MaxPool, &op.window, false, x)
    }

    pub(super) fn average_pool(&mut self, id: NodeId, op: AvgPool, x: NodeId) -> View {
        self.pool(id, Kernel::AveragePool, &op.window, op.count_padding, x)
    }

    fn pool(&mut self, id: NodeId, kernel: Kernel, window: &Window, count_padding: bool, x: NodeId) -> View {
        let [[_, bottom], [_, right]] = window.padding;
        self.rows(id, kernel, x, |image, out| {
            RowsShape::Pool(PoolShape {
                window: window_shape(window, image, out.axes[3].size),
                channels: image.channels,
                out_stride: out.axes[3].stride,
                bottom,
                right,
                count_padding: usize::from(count_padding),
            })
        })
    }

    pub(super) fn adaptive_average_pool(&mut self, id: NodeId, x: NodeId) -> View {
        self.rows(id, Kernel::AdaptiveAveragePool, x, |image, out| {
            RowsShape::Resample(resample_shape(image, out, false))
        })
    }

    pub(super) fn upsample(&mut self, id: NodeId, op: Upsample, x: NodeId) -> View {
        let kernel = match op.mode {
            Mode::Nearest => Kernel::ResampleNearest,
            Mode::Bilinear => Kernel::ResampleBilinear,
        };
        self.rows(id, kernel, x, |image, out| RowsShape::Resample(resample_shape(image, out, op.align_corners)))
    }

    /// A kernel that writes row by row.
    fn rows(&mut self, id: NodeId, kernel: Kernel, x: NodeId, shape: impl Fn(&Image, &View) -> RowsShape) -> View {
        let image = self.image(x);
        let out = self.target(id, &CHANNELS_LAST, has_contiguous_channels);
        let step = Rows {
            kernel,
            outer: vec![image.batch],
            rows: out.axes[2].size,
            shape: shape(&image, &out),
            image: operand(&image.view, &image.view.axes[..1]),
            out_row_stride: out.axes[2].stride,
            out: operand(&out, &out.axes[..1]),
        };
        self.push(vec![id], Work::Rows(step), 0);
        out
    }

    /// The global average of an image whose sums per channel were taken when it was written.
    fn mean_of_sums(&mut self, id: NodeId, x: NodeId, sums: &View) -> View {
        let dims = self.dims(x);
        let out = self.target(id, &(0..self.dims(id).len()).collect::<Vec<_>>(), |view| view.is_contiguous_along(1));
        let [batch, parts, channels] = [0, 1, 2].map(|dim: usize| sums.axes[dim]);
        let step = Mean {
            outer: vec![batch.size],
            source: operand(sums, &[batch]),
            out: operand(&out, &out.axes[..1]),
            rows: parts.size,
            columns: channels.size,
            row_stride: parts.stride,
            along: Along::Rows { divisor: dims[2] * dims[3] },
        };
        self.push(vec![id], Work::Mean(step), 0);
        out
    }

    /// Means along dimensions: of rows where what remains is contiguous, else of contiguous columns.
    pub(super) fn mean(&mut self, id: NodeId, op: &MeanOp, x: NodeId) -> Result<View, PlanError> {
        if op.dims == [2, 3]
            && let Some(sums) = self.sums.get(&x).cloned()
        {
            return Ok(self.mean_of_sums(id, x, &sums));
        }
        let rank = self.dims(x).len();
        let kept: Vec<usize> = (0..rank).filter(|dim| !op.dims.contains(dim)).collect();
        let reduced: Vec<usize> = (0..rank).filter(|dim| op.dims.contains(dim)).collect();
        let dims = self.dims(id);
        let mut source = self.view(x);
        if Reduction::of(&source, &kept, &reduced).is_none() {
            source = self.dense(x, &[kept.clone(), reduced.clone()].concat());
        }
        // What is kept lies as in the source: its innermost dimension is contiguous in both.
        let own: Vec<usize> = if op.keep { kept.clone() } else { (0..kept.len()).collect() };
        let in_memory = source.order().into_iter().filter_map(|dim| kept.iter().position(|kept| *kept == dim));
        let kept_order: Vec<usize> = in_memory.map(|index| own[index]).collect();
        let singles = (0..dims.len()).filter(|dim| !own.contains(dim));
        let order: Vec<usize> = singles.chain(kept_order).collect();
        let reduction = Reduction::of(&source, &kept, &reduced)
            .ok_or_else(|| self.defect(id, "of a dense tensor every mean can be taken"))?;
        let out = self.target(id, &order, |view| match reduction {
            Reduction::Rows { inner, .. } => view.is_contiguous_along(own[inner]),
            Reduction::Columns { .. } => true,
        });
        let kept_axes: Vec<Axis> = kept.iter().map(|dim| source.axes[*dim]).collect();
        let out_axes: Vec<Axis> = own.iter().map(|dim| out.axes[*dim]).collect();
        let step = match reduction {
            Reduction::Rows { rows, inner } => {
                let columns = kept_axes.get(inner).copied().unwrap_or(Axis { size: 1, stride: 1 });
                let without = |axes: &[Axis]| -> Vec<Axis> {
                    axes.iter().enumerate().filter(|(index, _)| *index != inner).map(|(_, axis)| *axis).collect()
                };
                let merged = merge_all(&[without(&out_axes), without(&kept_axes)]);
                Mean {
                    outer: merged[0].iter().map(|axis| axis.size).collect(),
                    source: operand(&source, &merged[1]),
                    out: operand(&out, &merged[0]),
                    rows: rows.size,
                    columns: columns.size,
                    row_stride: rows.stride,
                    along: Along::Rows { divisor: rows.size },
                }
            }
            Reduction::Columns { columns } => {
                let mut merged = merge_all(&[out_axes, kept_axes]);
                let one = Axis { size: 1, stride: 0 };
                let source_rows = merged[1].pop().unwrap_or(one);
                let out_rows = merged[0].pop().unwrap_or(one);
                Mean {
                    outer: merged[0].iter().map(|axis| axis.size).collect(),
                    source: operand(&source, &merged[1]),
                    out: operand(&out, &merged[0]),
                    rows: out_rows.size,
                    columns: columns.size,
                    row_stride: source_rows.stride,
                    along: Along::Columns { out_stride: out_rows.stride },
                }
            }
        };
        self.push(vec![id], Work::Mean(step), 0);
        Ok(out)
    }
}

/// How a mean can be taken of a view as it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduction {
    /// The reduced dimensions are evenly spaced rows; `inner` is the index among the kept dimensions of the contiguous one.
    Rows { rows: Axis, inner: usize },
    /// The reduced dimensions are contiguous.
    Columns { columns: Axis },
}

impl Reduction {
    fn of(view: &View, kept: &[usize], reduced: &[usize]) -> Option<Reduction> {
        let ordered: Vec<usize> = view.order().into_iter().filter(|dim| reduced.contains(dim)).collect();
        let rows = view.permute(&ordered).merged(0..ordered.len())?;
        let is_contiguous = |dim: &usize| view.axes[*dim].stride == 1 && view.axes[*dim].size > 1;
        let inner = kept.iter().position(is_contiguous);
        if rows.stride == 1 || rows.size == 1 && inner.is_none() {
            return Some(Reduction::Columns { columns: rows });
        }
        let inner = inner?;
        Some(Reduction::Rows { rows, inner })
    }
}

fn resample_shape(image: &Image, out: &View, align_corners: bool) -> ResampleShape {
    ResampleShape {
        height: image.height,
        width: image.width,
        out_height: out.axes[2].size,
        out_width: out.axes[3].size,
        channels: image.channels,
        pixel_stride: image.pixel_stride,
        row_stride: image.row_stride,
        out_stride: out.axes[3].stride,
        align_corners: usize::from(align_corners),
    }
}
