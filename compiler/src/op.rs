//! Operations: the one place that says what each is called, takes, computes, learns and means.
//!
//! A family of operations lives in one file of [`op/`](self): the attributes (a struct), the shape rule, the weights and the
//! cost rule ([`Operation`]), and the language's view of it, a [`Definition`] with signature, documentation and the function that
//! builds nodes from a call. `pnetc ops` and the language reference are printed from the definitions alone.
//!
//! To add an operation: write its struct and definition in a family file, list the definition in [`definitions`], add a
//! variant to [`Op`], and follow the compiler to the interpreter.

pub mod activation;
pub mod arguments;
pub mod attention;
pub mod call;
pub mod conv;
pub mod cost;
pub mod docs;
pub mod dynamic_conv;
pub mod elementwise;
pub mod error;
pub mod layout;
pub mod linear;
pub mod norm;
pub mod pool;
pub mod regularize;
pub mod resample;
pub mod slice;
pub mod source;
pub mod window;

use crate::shape::Shape;
use crate::weight::WeightDeclaration;
use call::Call;
use cost::Cost;
use error::OpError;

/// What every operation of the graph can say about itself.
pub trait Operation {
    /// The shape of the output for inputs of these shapes.
    ///
    /// # Errors
    /// When the operation does not take inputs of these shapes.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, OpError>;

    /// The weights for inputs of these shapes, for which [`Operation::shape`] succeeded.
    fn weights(&self, _inputs: &[&Shape]) -> Vec<WeightDeclaration> {
        Vec::new()
    }

    /// The work for inputs and an output of these shapes, for which [`Operation::shape`] succeeded: for the whole batch, as
    /// the operation is written, before anything is optimised.
    fn cost(&self, inputs: &[&Shape], output: &Shape) -> Cost;

    /// The attributes as `name=value` pairs, for dumps.
    fn attributes(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident($type:ty) $name:literal)*) => {
        /// An operation of the graph with its attributes. Closed: matched everywhere without a wildcard.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Op {
            $($(#[$doc])* $variant($type),)*
        }

        impl Op {
            /// All names that operations have in dumps.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name in dumps.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Op::$variant(_) => $name,)* }
            }

            /// What the operation says about itself.
            #[must_use]
            pub fn operation(&self) -> &dyn Operation {
                match self { $(Op::$variant(operation) => operation,)* }
            }
        }
    };
}

impl Op {
    /// The name as an author knows it: an activation is its function, an arithmetic operation its sign.
    #[must_use]
    pub fn called(&self) -> String {
        match self {
            Op::Activation(function) => function.to_string(),
            Op::Binary(operator) => operator.to_string(),
            op => op.name().to_owned(),
        }
    }
}

operations! {
    /// An input of the network.
    Input(source::Input) "input"
    /// A learned tensor that belongs to no operation.
    Param(source::Param) "param"
    /// A tensor known at compile time.
    Constant(source::Constant) "constant"
    /// Convolution.
    Conv(conv::Conv) "conv"
    /// The coefficients of a dynamic convolution.
    Routing(dynamic_conv::Routing) "routing"
    /// Convolution with a mixture of experts, by given coefficients.
    DynamicConv(dynamic_conv::DynamicConv) "dynamic_conv"
    /// Fully connected layer over the last dimension.
    Linear(linear::Linear) "linear"
    /// Batch normalisation with running statistics.
    BatchNorm(norm::BatchNorm) "batch_norm"
    /// Layer normalisation over one dimension.
    LayerNorm(norm::LayerNorm) "layer_norm"
    /// Group normalisation.
    GroupNorm(norm::GroupNorm) "group_norm"
    /// A function of each element by itself.
    Activation(activation::Activation) "activation"
    /// ReLU with a learned slope per channel.
    Prelu(activation::Prelu) "prelu"
    /// Softmax along one dimension.
    Softmax(activation::Softmax) "softmax"
    /// Maximum over windows.
    MaxPool(pool::MaxPool) "max_pool"
    /// Average over windows.
    AvgPool(pool::AvgPool) "avg_pool"
    /// Average over windows that divide the input evenly into a grid.
    AdaptiveAvgPool(pool::AdaptiveAvgPool) "adaptive_avg_pool"
    /// Mean along dimensions.
    Mean(pool::Mean) "mean"
    /// `+ - * /` with broadcasting.
    Binary(elementwise::Binary) "binary"
    /// Matrix product over the last two dimensions.
    Matmul(attention::Matmul) "matmul"
    /// Values averaged by how well their keys fit queries.
    Attention(attention::Attention) "attention"
    /// Tensors side by side along one dimension.
    Concat(layout::Concat) "concat"
    /// Every step-th element of a range along each dimension.
    Slice(slice::Slice) "slice"
    /// Rows chosen by a constant table of indices.
    Gather(slice::Gather) "gather"
    /// The same elements in another shape.
    Reshape(layout::Reshape) "reshape"
    /// Dimensions of one element repeated.
    Expand(layout::Expand) "expand"
    /// The dimensions in another order.
    Permute(layout::Permute) "permute"
    /// Elements shifted along dimensions, those that leave coming back at the other end.
    Roll(layout::Roll) "roll"
    /// A constant border.
    Pad(layout::Pad) "pad"
    /// A larger or smaller image.
    Upsample(resample::Upsample) "upsample"
    /// The input; in training, random elements are zeroed.
    Dropout(regularize::Dropout) "dropout"
    /// The input; in training, random samples are zeroed.
    DropPath(regularize::DropPath) "drop_path"
}

/// An operation (or a group of settings, such as a routing) as the language knows it.
#[derive(Debug)]
pub struct Definition {
    /// What it is called.
    pub name: &'static str,
    /// The heading it stands under in the reference.
    pub family: &'static str,
    /// One sentence without a full stop.
    pub summary: &'static str,
    /// Its parameters; the first is the tensor that `|>` passes.
    pub parameters: &'static [Parameter],
    /// The shape of the result in terms of the parameters.
    pub result: &'static str,
    /// Its weights: name, shape and meaning.
    pub weights: &'static [WeightDoc],
    /// The formula, its source, and whatever else a user should know. Markdown.
    pub details: &'static str,
    /// A body of a network over `x: f32[batch, 8, 16, 16]` that uses it and returns a tensor. Compiled by a test.
    pub example: &'static str,
    /// Makes the nodes of a call; `None` for settings, which only mean something as an argument.
    pub build: Option<Build>,
}

impl Definition {
    /// Whether the first parameter is the tensor (or tensors) that `|>` passes, so that a call without it is a value that
    /// waits for it.
    #[must_use]
    pub fn takes_tensor(&self) -> bool {
        self.parameters.first().is_some_and(|first| first.name == INPUT.name || first.default == Default::Rest)
    }
}

/// See [`Definition::build`].
pub type Build = fn(&mut Call<'_>) -> Result<crate::value::Value, OpError>;

/// A parameter of a [`Definition`].
#[derive(Debug)]
pub struct Parameter {
    /// What it is called.
    pub name: &'static str,
    /// What values it takes, in words.
    pub takes: &'static str,
    /// What it is when not given.
    pub default: Default,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// The default of a [`Parameter`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the variants are the types of the defaults")]
pub enum Default {
    /// It must be given.
    Required,
    Int(i64),
    Float(f64),
    Bool(bool),
    Word(&'static str),
    /// Computed from the other arguments, as the text says.
    Computed(&'static str),
    /// Takes every positional argument, at least one. Only for a first parameter.
    Rest,
}

/// The documentation of one weight.
#[derive(Debug)]
pub struct WeightDoc {
    /// Its name below the instance path.
    pub name: &'static str,
    /// Its shape.
    pub shape: &'static str,
    /// When it is there and what it does.
    pub doc: &'static str,
}

/// A parameter, for the tables of definitions.
pub(crate) const fn parameter(
    name: &'static str,
    takes: &'static str,
    default: Default,
    doc: &'static str,
) -> Parameter {
    Parameter { name, takes, default, doc }
}

/// A weight, for the tables of definitions.
pub(crate) const fn weight(name: &'static str, shape: &'static str, doc: &'static str) -> WeightDoc {
    WeightDoc { name, shape, doc }
}

/// The tensor parameter that most operations begin with.
pub(crate) const INPUT: Parameter = parameter("x", "a tensor", Default::Required, "The input.");

/// Every definition, in the order of the reference.
pub fn definitions() -> impl Iterator<Item = &'static Definition> {
    [
        conv::DEFINITIONS,
        dynamic_conv::DEFINITIONS,
        linear::DEFINITIONS,
        norm::DEFINITIONS,
        activation::DEFINITIONS,
        pool::DEFINITIONS,
        elementwise::DEFINITIONS,
        attention::DEFINITIONS,
        layout::DEFINITIONS,
        slice::DEFINITIONS,
        resample::DEFINITIONS,
        regularize::DEFINITIONS,
        source::DEFINITIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The definition of that name.
#[must_use]
pub fn definition(name: &str) -> Option<&'static Definition> {
    definitions().find(|definition| definition.name == name)
}

/// The words that parameters take, beside the names of operations.
pub const WORDS: &[&str] = &["same", "valid", "nearest", "bilinear", "erf"];
