//! Weights: the learned tensors and buffers of a network, their roles, and the deterministic values of `pnetc init`.

use std::fmt;
use std::sync::Arc;

use parameternet_dsl::source::Span;
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::weights::{ReadError, TensorSpec};

use crate::graph::{Graph, WeightId};
use crate::op::elementwise::Binary;
use crate::shape::Shape;

/// What a weight is for. It decides whether the weight is trained and how it is initialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The kernel of a convolution, an expert, or the matrix of a linear layer.
    Kernel {
        /// Inputs per output: `C_in / groups * K * K` for convolutions and experts, in-features for linear layers.
        fan_in: usize,
    },
    /// The scale of a normalisation.
    Scale,
    /// Anything added to a channel.
    Bias,
    /// The running mean of a batch norm: a buffer.
    RunningMean,
    /// The running variance of a batch norm: a buffer.
    RunningVariance,
    /// A tensor of `param`, or anything else that is learned.
    Free,
}

impl Role {
    /// Whether training changes the weight by gradient; running statistics are buffers.
    #[must_use]
    pub fn is_trainable(self) -> bool {
        match self {
            Role::RunningMean | Role::RunningVariance => false,
            Role::Kernel { .. } | Role::Scale | Role::Bias | Role::Free => true,
        }
    }

    /// The value of `pnetc init` for the draw `u` in [-1, 1): variance-preserving for kernels (`gain / fan_in`), near the
    /// identity for normalisations, small for all else. Computed in f32 but for the square root, which is taken in f64.
    #[must_use]
    pub fn initial(self, u: f32, gain: f64) -> f32 {
        match self {
            Role::Kernel { fan_in } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "the scale is a small number"
                )]
                let scale = (gain / fan_in.max(1) as f64).sqrt() as f32;
                u * scale
            }
            Role::Scale => 1.0 + 0.25 * u,
            Role::RunningVariance => 1.0 + 0.5 * u,
            Role::RunningMean | Role::Bias | Role::Free => 0.1 * u,
        }
    }
}

/// A weight of an operation before it has a full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightDeclaration {
    /// Its name below the operation's path: `weight`, `running_mean`, `cond_conv.weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
    /// Whether files may hold it with all dimensions after the first merged (see [`TensorSpec::flat_tail`]).
    pub flat_tail: bool,
}

impl WeightDeclaration {
    /// A weight stored in its own shape.
    pub fn new(name: &'static str, shape: impl Into<Shape>, role: Role) -> Self {
        WeightDeclaration { name, shape: shape.into(), role, flat_tail: false }
    }

    /// The same, also accepted with all dimensions after the first merged.
    #[must_use]
    pub fn or_flat(mut self) -> Self {
        self.flat_tail = true;
        self
    }
}

/// A weight of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Its full name: the instance path and the operation's own name for it, joined by dots.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
    /// See [`WeightDeclaration::flat_tail`].
    pub flat_tail: bool,
    /// The call that made its operation.
    pub span: Span,
    /// Where its values come from.
    pub recipe: Recipe,
}

/// Where the values of a [`Weight`] come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipe {
    /// The file of weights, under the weight's name.
    Stored,
    /// Known at compile time, in row-major order.
    Constant(Arc<[f64]>),
    /// `1 / sqrt(of + eps)`, computed once when weights are prepared.
    InverseSqrt {
        /// The weight.
        of: WeightId,
        /// Added to it.
        eps: f64,
    },
    /// `left operator right`, where `right` lies along dimension `dim` of `left`, computed once when weights are prepared.
    Vector {
        /// What is done.
        operator: Binary,
        /// The weight that gives the shape.
        left: WeightId,
        /// A weight with as many elements as the dimension has.
        right: WeightId,
        /// The dimension of `left` that it lies along.
        dim: usize,
    },
    /// The sum of two weights of the same shape.
    Sum {
        /// One.
        left: WeightId,
        /// The other.
        right: WeightId,
    },
    /// A convolution's kernel inside a larger one, zeros around it.
    Embed {
        /// The kernel `[out, in / groups, height, width]`.
        of: WeightId,
        /// Rows above and columns left of it.
        offset: [usize; 2],
        /// Height and width of the result.
        kernel: [usize; 2],
    },
    /// A convolution's kernel of height and width 1 that passes on each channel times its factor.
    Diagonal {
        /// A factor per channel.
        of: WeightId,
        /// Input channels per group: output `o` takes input `o % inputs` of its group.
        inputs: usize,
    },
    /// Elements of weights in another order: element `i` is element `indices[i]` of the weights laid end to end. A learned
    /// tensor that is reshaped, permuted or looked up in a table is one.
    Select {
        /// The weights.
        of: Vec<WeightId>,
        /// A position for each element of the result.
        indices: Arc<[u32]>,
    },
}

impl Recipe {
    /// The weights that the values are computed from.
    #[must_use]
    pub fn operands(&self) -> Vec<WeightId> {
        match self {
            Recipe::Stored | Recipe::Constant(_) => Vec::new(),
            Recipe::InverseSqrt { of, .. } | Recipe::Embed { of, .. } | Recipe::Diagonal { of, .. } => vec![*of],
            Recipe::Vector { left, right, .. } | Recipe::Sum { left, right } => vec![*left, *right],
            Recipe::Select { of, .. } => of.clone(),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipe::Stored => f.write_str("stored"),
            Recipe::Constant(values) => write!(f, "constant of {} elements", values.len()),
            Recipe::InverseSqrt { of, eps } => write!(f, "1 / sqrt({of} + {eps:?})"),
            Recipe::Vector { operator, left, right, dim } => write!(f, "{left} {operator} {right} along {dim}"),
            Recipe::Sum { left, right } => write!(f, "{left} + {right}"),
            Recipe::Embed { of, offset: [row, column], kernel: [height, width] } => {
                write!(f, "{of} at [{row}, {column}] of {height}x{width}")
            }
            Recipe::Diagonal { of, .. } => write!(f, "diagonal of {of}"),
            Recipe::Select { of, indices } => {
                let of: Vec<String> = of.iter().map(ToString::to_string).collect();
                write!(f, "{} elements of {}", indices.len(), of.join(", "))
            }
        }
    }
}

impl Weight {
    /// What a file of weights must hold for it.
    #[must_use]
    pub fn spec(&self) -> TensorSpec {
        TensorSpec { name: self.name.clone(), shape: self.shape.dims().to_vec(), flat_tail: self.flat_tail }
    }

    /// The values of `pnetc init`: drawn from the weight's name alone, scaled by its role.
    #[must_use]
    pub fn initial(&self, gain: f64) -> Vec<f32> {
        self.initials(gain).collect()
    }

    fn initials(&self, gain: f64) -> impl Iterator<Item = f32> {
        parameternet_runtime::synth::tensor(&self.name, self.shape.elements()).map(move |u| self.role.initial(u, gain))
    }
}

/// The stored weights of a graph with the values of `pnetc init`, for programs without a file of weights.
#[derive(Debug, Clone, Copy)]
pub struct InitialTensors<'g> {
    /// The graph, before or after passes.
    pub graph: &'g Graph,
    /// See [`Role::initial`].
    pub gain: f64,
}

impl TensorSource for InitialTensors<'_> {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        let weight = self.graph.weights().get(index);
        elements.extend(weight.into_iter().flat_map(|weight| weight.initials(self.gain)));
        Ok(weight.is_some())
    }
}
