//! Why a model cannot be imported: facts, and the sentences made of them.
//!
//! What stands in the way at single nodes is collected, so that all of it is told at once.

/// A model that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no message of ONNX, or one that contradicts itself.
    #[error("no ONNX model: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: String,
    },
    /// Inputs have dimensions whose size the file does not say.
    #[error("the size of some dimensions is not known")]
    UnknownSizes(Vec<UnknownSize>),
    /// Sizes were given for dimensions that no input has.
    #[error("no input has a dimension called {}", .names.join(", "))]
    NoSuchSize {
        /// Their names.
        names: Vec<String>,
        /// The names of dimensions that inputs have.
        known: Vec<String>,
    },
    /// Nodes that the language has nothing for.
    #[error("the model has what the language cannot say")]
    Obstacles(Vec<Obstacle>),
    /// The text that was made of the model is not what it should be: a defect of the importer.
    #[error("the network that was made of the model is not right: {reason}")]
    Defect {
        /// What the compiler says about it.
        reason: String,
    },
}

/// A dimension without a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSize {
    /// The input.
    pub input: String,
    /// Which dimension, from 0.
    pub dim: usize,
    /// What to call it when its size is given: the file's own name, or `input.dim`.
    pub name: String,
}

/// Something at a node that the language cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The node, or a tensor.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Why not.
    pub reason: Reason,
}

/// Why a node has no equal in the language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The operator as such.
    #[error("the language has no such operation")]
    Operator,
    /// The operator is not of ONNX's own sets.
    #[error("it belongs to the operators of `{0}`")]
    Domain(String),
    /// An attribute has a value that the language has nothing for.
    #[error("`{name}` is {value}")]
    Attribute {
        /// The attribute.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// An operand that must be a constant is computed.
    #[error("its {0} is computed by the network")]
    Computed(&'static str),
    /// An operand is missing.
    #[error("its {0} is missing")]
    Missing(&'static str),
    /// Shapes contradict each other, or do not say enough.
    #[error("{0}")]
    Shape(String),
    /// A tensor has elements of a type that cannot be read.
    #[error("elements of type {0}")]
    Type(String),
    /// A tensor has another number of elements than its shape says.
    #[error("its data does not have the size that its shape says")]
    Length,
    /// The elements are in another file, which cannot be read.
    #[error("its elements are in another file, `{location}`: {reason}")]
    External {
        /// The file, relative to the model.
        location: String,
        /// Why not.
        reason: String,
    },
    /// What it computes is only known as a part of something larger, which was not found.
    #[error("the language has it only as a part of {0}")]
    Alone(&'static str),
}
