//! What an operation costs: its work as a few named parts, each counted once for every convention.
//!
//! In: the shapes of an operation's inputs and output. Out: a [`Cost`], exact for every graph that [`crate::limits`] allow
//! (sums that leave u64 stay at its largest value). Each operation's rule stands beside its shape rule, as
//! [`super::Operation::cost`]; what the conventions add up is said in [`crate::analysis::convention`].

use crate::shape::Shape;

/// The kinds of work that parts of a cost are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Convolutions, those of dynamic convolutions included.
    Convolution,
    /// Fully connected layers.
    Linear,
    /// Products of two tensors.
    Matmul,
    /// The linear layers that compute the coefficients of experts.
    Coefficients,
    /// The sums over experts that make the filters of each sample.
    Mixing,
    /// Averages over windows, grids and whole images, those of routings included.
    AveragePooling,
    /// Means along dimensions.
    Mean,
    /// Maxima over windows.
    MaxPooling,
    /// Normalisations.
    Normalisation,
    /// Functions of each element by itself, gates of routings included.
    Activation,
    /// Softmax, that of routings included.
    Softmax,
    /// Arithmetic of two tensors.
    Arithmetic,
    /// Biases added to outputs.
    Bias,
    /// Images in another size.
    Resampling,
}

impl Work {
    /// Every kind, in the order of reports.
    pub const ALL: [Work; 14] = [
        Work::Convolution,
        Work::Linear,
        Work::Matmul,
        Work::Coefficients,
        Work::Mixing,
        Work::AveragePooling,
        Work::Mean,
        Work::MaxPooling,
        Work::Normalisation,
        Work::Activation,
        Work::Softmax,
        Work::Arithmetic,
        Work::Bias,
        Work::Resampling,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Work::Convolution => "convolution",
            Work::Linear => "linear",
            Work::Matmul => "matmul",
            Work::Coefficients => "coefficients",
            Work::Mixing => "mixing",
            Work::AveragePooling => "average pooling",
            Work::Mean => "mean",
            Work::MaxPooling => "max pooling",
            Work::Normalisation => "normalisation",
            Work::Activation => "activation",
            Work::Softmax => "softmax",
            Work::Arithmetic => "arithmetic",
            Work::Bias => "bias",
            Work::Resampling => "resampling",
        }
    }
}

/// What fvcore 0.1.5 counts for a part, and the name of its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fvcore {
    /// `conv`, `batch_norm`, ….
    pub operator: &'static str,
    /// Its count.
    pub count: u64,
}

/// A part of the work of an operation, for the whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What kind of work it is.
    pub work: Work,
    /// Multiplications whose products are summed: of convolutions, linear layers, matrix products, routing and mixing.
    pub multiply_adds: u64,
    /// Elements that average pooling reads.
    pub pooled: u64,
    /// What fvcore counts, if anything.
    pub fvcore: Option<Fvcore>,
    /// Floating-point operations of every kind, a multiply-add being two, a function such as `exp` one.
    pub operations: u64,
}

impl Part {
    /// Products that are summed; fvcore counts as many under the name of its operator.
    #[must_use]
    pub fn products(work: Work, operator: &'static str, count: u64) -> Self {
        let fvcore = Some(Fvcore { operator, count });
        Part { work, multiply_adds: count, pooled: 0, fvcore, operations: count.saturating_mul(2) }
    }

    /// Work that only the strict convention counts.
    #[must_use]
    pub fn operations(work: Work, count: u64) -> Self {
        Part { work, multiply_adds: 0, pooled: 0, fvcore: None, operations: count }
    }

    /// The same part, which fvcore counts so.
    #[must_use]
    pub fn as_fvcore(self, operator: &'static str, count: u64) -> Self {
        Part { fvcore: Some(Fvcore { operator, count }), ..self }
    }
}

/// What an operation costs. Parts without any work may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// The parts, each kind of work at most once.
    pub parts: Vec<Part>,
}

impl Cost {
    /// Nothing is computed.
    #[must_use]
    pub fn none() -> Self {
        Cost::default()
    }

    /// The part of one kind of work.
    #[must_use]
    pub fn part(&self, work: Work) -> Option<&Part> {
        self.parts.iter().find(|part| part.work == work)
    }

    /// The multiply-adds of one kind of work.
    #[must_use]
    pub fn multiply_adds(&self, work: Work) -> u64 {
        self.part(work).map_or(0, |part| part.multiply_adds)
    }
}

impl From<Part> for Cost {
    fn from(part: Part) -> Self {
        Cost { parts: vec![part] }
    }
}

impl<const N: usize> From<[Part; N]> for Cost {
    fn from(parts: [Part; N]) -> Self {
        Cost { parts: parts.into_iter().filter(|part| part.operations > 0 || part.fvcore.is_some()).collect() }
    }
}

/// The elements of a shape, as costs count them.
#[must_use]
pub fn elements(shape: &Shape) -> u64 {
    shape.elements() as u64
}

/// The elements of the first input.
#[must_use]
pub fn first(inputs: &[&Shape]) -> u64 {
    inputs.first().map_or(0, |x| elements(x))
}

/// The product of counts.
#[must_use]
pub fn product<const N: usize>(counts: [usize; N]) -> u64 {
    counts.into_iter().fold(1, |product, count| product.saturating_mul(count as u64))
}
