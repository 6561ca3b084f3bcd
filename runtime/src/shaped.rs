//! Arrays whose type is the shape of a tensor.

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl<T: Sealed, const N: usize> Sealed for [T; N] {}
}

/// `f32`, or arrays of arrays of it: a tensor with its shape in the type, in row-major order.
///
/// ```
/// use parameternet_runtime::Shaped;
///
/// let image: &[[f32; 3]; 2] = Shaped::view(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).ok_or("six numbers")?;
/// assert_eq!(image[1], [3.0, 4.0, 5.0]);
/// assert_eq!(image.elements().len(), 6);
/// # Ok::<(), &str>(())
/// ```
pub trait Shaped: private::Sealed + Sized {
    /// How many elements it has.
    const ELEMENTS: usize;

    /// Several of them, out of their elements; what does not make a whole one is left out.
    fn many(elements: &[f32]) -> &[Self];

    /// The elements of several.
    fn elements_of(many: &[Self]) -> &[f32];

    /// The tensor with these elements; `None` if there are more or fewer than it has.
    #[must_use]
    fn view(elements: &[f32]) -> Option<&Self> {
        match Self::many(elements) {
            [one] if elements.len() == Self::ELEMENTS => Some(one),
            _ => None,
        }
    }

    /// The elements.
    #[must_use]
    fn elements(&self) -> &[f32] {
        Self::elements_of(core::slice::from_ref(self))
    }
}

impl Shaped for f32 {
    const ELEMENTS: usize = 1;

    fn many(elements: &[f32]) -> &[f32] {
        elements
    }

    fn elements_of(many: &[f32]) -> &[f32] {
        many
    }
}

impl<T: Shaped, const N: usize> Shaped for [T; N] {
    const ELEMENTS: usize = N * T::ELEMENTS;

    fn many(elements: &[f32]) -> &[[T; N]] {
        T::many(elements).as_chunks().0
    }

    fn elements_of(many: &[[T; N]]) -> &[f32] {
        T::elements_of(many.as_flattened())
    }
}
