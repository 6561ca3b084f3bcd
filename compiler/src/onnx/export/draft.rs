//! A node before it has a name: an operator, what it reads, and its attributes.

use crate::onnx::proto::{AttributeProto, AttributeType};

/// What gives the value of an operation.
#[derive(Debug)]
pub(super) enum Step {
    /// A node that is still to be written.
    Node(Draft),
    /// A tensor that is there already: the operation does nothing.
    Value(String),
}

impl From<Draft> for Step {
    fn from(draft: Draft) -> Self {
        Step::Node(draft)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) operator: &'static str,
    pub(super) inputs: Vec<String>,
    pub(super) attributes: Vec<AttributeProto>,
}

impl Draft {
    /// An operator on tensors of these names.
    pub(super) fn new(operator: &'static str, inputs: impl Into<Vec<String>>) -> Self {
        Draft { operator, inputs: inputs.into(), attributes: Vec::new() }
    }

    /// With a whole number.
    pub(super) fn integer(self, name: &str, value: usize) -> Self {
        self.with(name, AttributeType::Int, |attribute| attribute.i = Some(whole(value)))
    }

    /// With whole numbers.
    pub(super) fn integers(self, name: &str, values: &[usize]) -> Self {
        self.with(name, AttributeType::Ints, |attribute| attribute.ints = wholes(values))
    }

    /// With a number.
    #[expect(clippy::cast_possible_truncation, reason = "attributes are in single precision")]
    pub(super) fn number(self, name: &str, value: f64) -> Self {
        self.with(name, AttributeType::Float, |attribute| attribute.f = Some(value as f32))
    }

    /// With a word.
    pub(super) fn word(self, name: &str, value: &str) -> Self {
        self.with(name, AttributeType::String, |attribute| attribute.s = Some(value.as_bytes().to_vec()))
    }

    /// With the attributes of a sliding window; a dilation of 1, the default, is left out. `padding` is
    /// `[[top, bottom], [left, right]]`.
    pub(super) fn window(
        self,
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
        padding: [[usize; 2]; 2],
    ) -> Self {
        let [[top, bottom], [left, right]] = padding;
        let window = self.integers("kernel_shape", &kernel).integers("strides", &stride);
        let padded = window.integers("pads", &[top, left, bottom, right]);
        if dilation == [1, 1] { padded } else { padded.integers("dilations", &dilation) }
    }

    fn with(mut self, name: &str, r#type: AttributeType, set: impl FnOnce(&mut AttributeProto)) -> Self {
        let mut attribute = AttributeProto { name: name.to_owned(), r#type: r#type.into(), ..Default::default() };
        set(&mut attribute);
        self.attributes.push(attribute);
        self
    }
}

/// A size or an index as ONNX has it. Those of a graph are far below 2^63.
pub(super) fn whole(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same for several.
pub(super) fn wholes(values: &[usize]) -> Vec<i64> {
    values.iter().copied().map(whole).collect()
}
