//! Whole numbers of a model: sizes of dimensions, and what is computed from them. Some are so many *per sample*: the batch is not
//! known when a network is imported, so that shapes keep it as a factor.
//!
//! Invariant: no number has the batch as a factor twice; arithmetic that would need that, or a sum with and without it, has no
//! result.

/// A whole number, or its product with the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub(super) value: i64,
    pub(super) per_sample: bool,
}

impl Size {
    pub(super) const ONE: Size = Size::known(1);
    /// The batch itself.
    pub(super) const BATCH: Size = Size { value: 1, per_sample: true };

    pub(super) const fn known(value: i64) -> Self {
        Size { value, per_sample: false }
    }

    /// The number, if it does not depend on the batch.
    pub(super) fn fixed(self) -> Option<i64> {
        (!self.per_sample || self.value == 0).then_some(self.value)
    }

    pub(super) fn times(self, other: Size) -> Option<Size> {
        let per_sample = self.per_sample || other.per_sample;
        let twice = self.per_sample && other.per_sample;
        (!twice).then_some(Size { value: self.value.checked_mul(other.value)?, per_sample })
    }

    /// The quotient, if there is no remainder.
    pub(super) fn divided(self, other: Size) -> Option<Size> {
        if other.value == 0 || self.value.checked_rem(other.value)? != 0 || (other.per_sample && !self.per_sample) {
            return None;
        }
        Some(Size { value: self.value / other.value, per_sample: self.per_sample && !other.per_sample })
    }

    pub(super) fn plus(self, other: Size) -> Option<Size> {
        if other.value == 0 {
            return Some(self);
        }
        if self.value == 0 {
            return Some(other);
        }
        let sum = Size { value: self.value.checked_add(other.value)?, per_sample: self.per_sample };
        (self.per_sample == other.per_sample).then_some(sum)
    }

    pub(super) fn negated(self) -> Size {
        Size { value: self.value.saturating_neg(), ..self }
    }
}

/// The product of all, 1 for none.
pub(super) fn product(sizes: &[Size]) -> Option<Size> {
    sizes.iter().try_fold(Size::ONE, |product, size| product.times(*size))
}

/// Sizes that do not depend on the batch.
pub(super) fn known(sizes: &[i64]) -> Vec<Size> {
    sizes.iter().copied().map(Size::known).collect()
}

/// As it is told to people: `[batch, 3, 224, 224]`.
pub(super) fn show(shape: &[Size]) -> String {
    let size = |size: &Size| match (size.per_sample, size.value) {
        (true, 1) => "batch".to_owned(),
        (true, value) => format!("{value}*batch"),
        (false, value) => value.to_string(),
    };
    format!("[{}]", shape.iter().map(size).collect::<Vec<_>>().join(", "))
}
