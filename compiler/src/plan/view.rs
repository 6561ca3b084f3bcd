//! Views: where the elements of a tensor lie.
//!
//! A view gives each dimension of a *logical* shape a stride, in elements. Slices, permutations and most reshapes of a value
//! are other views of the same buffer, and cost nothing. Everything here is arithmetic over dimensions and strides.

#![expect(clippy::indexing_slicing, reason = "orders and axes are indices of the view's own dimensions")]

use std::fmt;

use super::BufferId;

/// What a view looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A buffer of the arena.
    Buffer(BufferId),
    /// The prepared weights.
    Weights,
    /// The caller's memory for an input.
    Input(usize),
    /// The caller's memory for an output.
    Output(usize),
    /// A line buffer of the cascade that the step is, or the scores of the attention that it is.
    Lines(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Buffer(id) => write!(f, "{id}"),
            Place::Weights => f.write_str("weights"),
            Place::Input(index) => write!(f, "in{index}"),
            Place::Output(index) => write!(f, "out{index}"),
            Place::Lines(index) => write!(f, "lines{index}"),
        }
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// What it looks into.
    pub place: Place,
    /// Where the first element is.
    pub offset: usize,
    /// Dimensions and strides, outermost first.
    pub axes: Vec<Axis>,
}

/// A dimension of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Axis {
    /// How many.
    pub size: usize,
    /// The distance between neighbours; 0 where they are the same element.
    pub stride: usize,
}

/// The dimensions of images in memory, outermost first: batch, height, width, channels.
pub const CHANNELS_LAST: [usize; 4] = [0, 2, 3, 1];

/// The order of dimensions in memory of a tensor of that rank that nobody asked to lie otherwise: images have their channels
/// last, all else is row-major.
#[must_use]
pub fn natural_order(rank: usize) -> Vec<usize> {
    if rank == 4 { CHANNELS_LAST.to_vec() } else { (0..rank).collect() }
}

impl View {
    /// A dense view of these dimensions, which lie in memory in `order`, outermost first.
    #[must_use]
    pub fn dense(place: Place, offset: usize, dims: &[usize], order: &[usize]) -> View {
        let mut axes: Vec<Axis> = dims.iter().map(|size| Axis { size: *size, stride: 0 }).collect();
        let mut stride = 1;
        for dim in order.iter().rev() {
            axes[*dim].stride = stride;
            stride *= dims[*dim].max(1);
        }
        View { place, offset, axes }
    }

    /// The sizes of the dimensions.
    #[must_use]
    pub fn dims(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.size).collect()
    }

    /// How many elements it shows.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.axes.iter().map(|axis| axis.size).product()
    }

    /// One past the last element it shows; its offset if it shows none.
    #[must_use]
    pub fn end(&self) -> usize {
        if self.elements() == 0 {
            return self.offset;
        }
        self.offset + self.axes.iter().map(|axis| (axis.size - 1) * axis.stride).sum::<usize>() + 1
    }

    /// The dimensions in the order in which they lie in memory, outermost first: those that repeat their elements come before
    /// all others, so that what is contiguous stays innermost. Dimensions of one element, whose stride means nothing, keep
    /// their place among their neighbours.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut real: Vec<usize> = (0..self.axes.len()).filter(|dim| self.axes[*dim].size != 1).collect();
        real.sort_by_key(|dim| match self.axes[*dim].stride {
            0 => std::cmp::Reverse(usize::MAX),
            stride => std::cmp::Reverse(stride),
        });
        let mut order = Vec::with_capacity(self.axes.len());
        let mut singles = (0..self.axes.len()).filter(|dim| self.axes[*dim].size == 1).peekable();
        for dim in real {
            while singles.peek().is_some_and(|single| *single < dim) {
                order.extend(singles.next());
            }
            order.push(dim);
        }
        order.extend(singles);
        order
    }

    /// The part that begins at `start` along a dimension and has every `step`-th of `count` elements.
    #[must_use]
    pub fn slice(&self, dim: usize, start: usize, count: usize, step: usize) -> View {
        let mut part = self.clone();
        let axis = &mut part.axes[dim];
        part.offset += start * axis.stride;
        *axis = Axis { size: count, stride: axis.stride * step };
        part
    }

    /// The dimensions in another order: dimension `i` of the result is dimension `order[i]`.
    #[must_use]
    pub fn permute(&self, order: &[usize]) -> View {
        View { axes: order.iter().map(|dim| self.axes[*dim]).collect(), ..self.clone() }
    }

    /// The view stretched to `dims` by NumPy's rule: missing dimensions are put in front, dimensions of one element repeat.
    #[must_use]
    pub fn broadcast(&self, dims: &[usize]) -> View {
        let missing = dims.len() - self.axes.len();
        let axes =
            dims.iter().enumerate().map(|(dim, size)| match dim.checked_sub(missing).map(|own| self.axes[own]) {
                Some(axis) if axis.size == *size => axis,
                _ => Axis { size: *size, stride: 0 },
            });
        View { axes: axes.collect(), ..self.clone() }
    }

    /// The same elements in row-major order in another shape; `None` if no strides show them so.
    #[must_use]
    pub fn reshape(&self, dims: &[usize]) -> Option<View> {
        if self.elements() == 0 {
            return Some(View {
                axes: dims.iter().map(|size| Axis { size: *size, stride: 0 }).collect(),
                ..self.clone()
            });
        }
        // What neighbours cannot be told apart from one dimension is one, and each new dimension must divide such a run.
        let mut runs = merge(&self.axes).into_iter().rev();
        let mut run = Axis { size: 1, stride: 1 };
        let mut axes = Vec::with_capacity(dims.len());
        for size in dims.iter().rev() {
            if *size == 1 {
                axes.push(Axis { size: 1, stride: 0 });
                continue;
            }
            while run.size == 1 {
                run = runs.next()?;
            }
            if !run.size.is_multiple_of(*size) {
                return None;
            }
            axes.push(Axis { size: *size, stride: run.stride });
            run = Axis { size: run.size / size, stride: run.stride * size };
        }
        axes.reverse();
        Some(View { axes, ..self.clone() })
    }

    /// The dimensions from `from` up to `to` as one: its size and stride; `None` if their neighbours are not evenly apart.
    #[must_use]
    pub fn merged(&self, dims: std::ops::Range<usize>) -> Option<Axis> {
        match merge(&self.axes[dims]).as_slice() {
            [] => Some(Axis { size: 1, stride: 0 }),
            [axis] => Some(*axis),
            _ => None,
        }
    }

    /// Whether neighbours along a dimension lie side by side.
    #[must_use]
    pub fn is_contiguous_along(&self, dim: usize) -> bool {
        self.axes[dim].stride == 1 || self.axes[dim].size <= 1
    }

    /// Whether it shows its elements without gaps, each once.
    #[must_use]
    pub fn is_dense(&self) -> bool {
        let mut stride = 1;
        self.order().iter().rev().all(|dim| {
            let axis = self.axes[*dim];
            let fits = axis.size == 1 || axis.stride == stride;
            stride *= axis.size;
            fits
        })
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if self.offset != 0 {
            write!(f, "+{}", self.offset)?;
        }
        f.write_str("[")?;
        for (index, axis) in self.axes.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "×" }, axis.size)?;
        }
        f.write_str("]")?;
        if !self.is_dense() || self.order() != (0..self.axes.len()).collect::<Vec<_>>() {
            f.write_str(":")?;
            for (index, axis) in self.axes.iter().enumerate() {
                write!(f, "{}{}", if index == 0 { "" } else { "," }, axis.stride)?;
            }
        }
        Ok(())
    }
}

/// The fewest dimensions that show the same elements in the same order: dimensions of one element vanish, and neighbours
/// evenly apart become one.
#[must_use]
pub fn merge(axes: &[Axis]) -> Vec<Axis> {
    let rows: Vec<Vec<Axis>> = merge_all(&[axes.to_vec()]);
    rows.into_iter().next().unwrap_or_default()
}

/// [`merge`] for several views of the same dimensions at once: what becomes one dimension does so in all of them.
#[must_use]
pub fn merge_all(views: &[Vec<Axis>]) -> Vec<Vec<Axis>> {
    let rank = views.first().map_or(0, Vec::len);
    let mut merged: Vec<Vec<Axis>> = vec![Vec::new(); views.len()];
    for dim in 0..rank {
        if views[0][dim].size == 1 {
            continue;
        }
        let joins = merged.iter().zip(views).all(|(done, axes)| {
            let axis = axes[dim];
            done.last().is_some_and(|outer| outer.stride == axis.stride * axis.size)
        });
        for (done, axes) in merged.iter_mut().zip(views) {
            let axis = axes[dim];
            match done.last_mut() {
                Some(outer) if joins => *outer = Axis { size: outer.size * axis.size, stride: axis.stride },
                _ => done.push(axis),
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> View {
        View::dense(Place::Weights, 0, &[2, 6, 4, 5], &CHANNELS_LAST)
    }

    fn strides(view: &View) -> Vec<usize> {
        view.axes.iter().map(|axis| axis.stride).collect()
    }

    #[test]
    fn channels_of_images_lie_side_by_side() {
        assert_eq!(strides(&image()), [120, 1, 30, 6]);
        assert_eq!(image().order(), CHANNELS_LAST);
        assert!(image().is_dense());
        assert_eq!(image().slice(1, 2, 3, 1).end(), 2 * 120 - 6 + 2 + 3);
    }

    #[test]
    fn reshapes_that_need_no_copy_are_views() {
        // Pixels become tokens and channels groups, but channels cannot be merged with the pixels behind them.
        let tokens = image().reshape(&[2, 6, 20]).unwrap();
        assert_eq!(strides(&tokens), [120, 1, 6]);
        assert_eq!(strides(&image().reshape(&[2, 2, 3, 4, 5]).unwrap()), [120, 3, 1, 30, 6]);
        assert_eq!(image().reshape(&[2, 120]), None);
        assert_eq!(image().reshape(&[12, 4, 5]), None);
        assert_eq!(strides(&tokens.permute(&[0, 2, 1]).reshape(&[40, 6]).unwrap()), [6, 1]);
        assert_eq!(image().reshape(&[2, 6, 1, 4, 5, 1]).unwrap().dims(), [2, 6, 1, 4, 5, 1]);
    }

    #[test]
    fn broadcasts_repeat_with_stride_zero() {
        let gate = View::dense(Place::Weights, 0, &[6, 1, 1], &[0, 1, 2]);
        assert_eq!(strides(&gate.broadcast(&[2, 6, 4, 5])), [0, 1, 0, 0]);
    }

    #[test]
    fn what_repeats_lies_outermost() {
        let stretched = View::dense(Place::Weights, 0, &[2, 6, 1, 1], &CHANNELS_LAST).broadcast(&[2, 6, 4, 5]);
        assert_eq!(stretched.order(), [2, 3, 0, 1]);
        assert!(!stretched.is_dense());
    }

    #[test]
    fn merging_keeps_what_any_view_tells_apart() {
        let permuted = image().permute(&CHANNELS_LAST);
        assert_eq!(merge(&permuted.axes), [Axis { size: 240, stride: 1 }]);
        let part = permuted.slice(3, 0, 4, 1);
        assert_eq!(merge(&part.axes), [Axis { size: 40, stride: 6 }, Axis { size: 4, stride: 1 }]);
        let both = merge_all(&[
            permuted.slice(3, 0, 4, 1).axes,
            View::dense(Place::Weights, 0, &[2, 4, 5, 4], &[0, 1, 2, 3]).axes,
        ]);
        assert_eq!(both[1], [Axis { size: 40, stride: 4 }, Axis { size: 4, stride: 1 }]);
    }

    #[test]
    fn the_order_of_single_elements_does_not_matter() {
        let view = View::dense(Place::Weights, 0, &[3, 8, 1, 1], &CHANNELS_LAST);
        assert_eq!(view.order(), [0, 1, 2, 3]);
        assert!(view.is_dense());
    }
}
