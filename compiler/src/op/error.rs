//! What can be wrong with a call of an operation, as facts.

use parameternet_dsl::codes::Code;
use parameternet_dsl::source::Span;

use crate::limits::{MAX_RANK, MAX_TENSOR_ELEMENTS};
use crate::shape::Shape;

/// Why an operation does not take its arguments, and which argument is to blame.
#[derive(Debug, Clone, PartialEq)]
pub struct OpError {
    /// What is wrong.
    pub kind: OpErrorKind,
    /// The parameter whose argument is to blame; `None` blames the call as a whole.
    pub argument: Option<&'static str>,
}

impl OpError {
    /// Blames an argument.
    #[must_use]
    pub fn at(argument: &'static str, kind: OpErrorKind) -> Self {
        OpError { kind, argument: Some(argument) }
    }
}

impl From<OpErrorKind> for OpError {
    fn from(kind: OpErrorKind) -> Self {
        OpError { kind, argument: None }
    }
}

/// The facts of an [`OpError`]; displayed as the error's headline.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum OpErrorKind {
    #[error("expected {expected}, found {found}")]
    Type { expected: &'static str, found: String },
    #[error("expected {expected}, found {found}")]
    Range { expected: String, found: String },
    #[error("{found} is not a whole number")]
    NotWhole { found: f64 },
    #[error("expected {expected}, found a tensor of shape {found}")]
    Rank { expected: &'static str, found: Shape },
    #[error("{channels} {side} channels do not divide into {groups} groups")]
    Groups { side: &'static str, channels: usize, groups: usize },
    #[error("a window of {axis} {window} does not fit into an input of {axis} {available}, padding included")]
    Window { window: usize, available: usize, axis: &'static str },
    #[error("shapes {left} and {right} do not broadcast{}", clash(left, right))]
    Broadcast { left: Shape, right: Shape },
    #[error("cannot join {first} and {other} along dimension {dim}: {}", difference(first, other, *dim))]
    Concat { first: Shape, other: Shape, dim: usize },
    #[error("cannot reshape {from} ({} elements) to {to} ({} elements)", count(from), count(to))]
    Reshape { from: Shape, to: Shape },
    #[error("cannot reshape {from}: its {} elements do not divide by the {known} of the other dimensions", count(from))]
    ReshapeRest { from: Shape, known: usize },
    #[error("cannot expand {from} to {to}: {}", no_expansion(from, to))]
    Expand { from: Shape, to: Shape },
    #[error("dimension {dim} is out of range for a tensor with {rank} dimensions")]
    Dimension { dim: i64, rank: usize },
    #[error("index {index} is out of range{}", index_limits(*dim, *size))]
    Index { index: i64, dim: Option<usize>, size: usize },
    #[error("cannot multiply {left} by {right}: {}", no_product(left, right))]
    Matmul { left: Shape, right: Shape },
    #[error(
        "the coefficients have shape {found}, but {experts} experts and a batch of {batch} need [{batch}, {experts}]"
    )]
    Coefficients { found: Shape, experts: usize, batch: usize },
    #[error("a tensor of shape {shape} would have {}", excess(shape))]
    TooLarge { shape: Shape },
    #[error("a name has more than {limit} bytes")]
    NameTooLong { limit: usize },
    #[error("the graph has more than {limit} operations")]
    TooManyNodes { limit: usize },
    #[error("`{operation}` has weights, so it needs a name")]
    Unnamed { operation: &'static str },
    #[error("the name `{path}` is already taken")]
    NameTaken { path: String, here: Span, other: Span },
    #[error("there is no routing called `{found}`")]
    Routing { found: String },
    #[error("unknown setting `{name}` of `{of}`")]
    Setting { name: String, of: &'static str, known: Vec<&'static str> },
    #[error("`{operation}` cannot stand here: {reason}")]
    Misplaced { operation: String, reason: &'static str },
}

impl OpErrorKind {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            OpErrorKind::Type { .. } | OpErrorKind::Misplaced { .. } => Code::E0301,
            OpErrorKind::Range { .. } => Code::E0306,
            OpErrorKind::NotWhole { .. } => Code::E0303,
            OpErrorKind::Rank { .. } => Code::E0402,
            OpErrorKind::Groups { .. } => Code::E0403,
            OpErrorKind::Window { .. } => Code::E0404,
            OpErrorKind::Broadcast { .. } | OpErrorKind::Concat { .. } | OpErrorKind::Expand { .. } => Code::E0401,
            OpErrorKind::Reshape { .. } | OpErrorKind::ReshapeRest { .. } => Code::E0405,
            OpErrorKind::Dimension { .. } => Code::E0406,
            OpErrorKind::Index { .. } => Code::E0304,
            OpErrorKind::Matmul { .. } => Code::E0407,
            OpErrorKind::Coefficients { .. } | OpErrorKind::Routing { .. } => Code::E0408,
            OpErrorKind::TooLarge { .. } => Code::E0504,
            OpErrorKind::NameTooLong { .. } => Code::E0502,
            OpErrorKind::TooManyNodes { .. } => Code::E0503,
            OpErrorKind::Unnamed { .. } => Code::E0206,
            OpErrorKind::NameTaken { .. } => Code::E0106,
            OpErrorKind::Setting { .. } => Code::E0201,
        }
    }

    /// Whether the shapes of the tensors in the call explain the error.
    #[must_use]
    pub fn is_about_shapes(&self) -> bool {
        match self {
            OpErrorKind::Rank { .. }
            | OpErrorKind::Groups { .. }
            | OpErrorKind::Window { .. }
            | OpErrorKind::Broadcast { .. }
            | OpErrorKind::Concat { .. }
            | OpErrorKind::Reshape { .. }
            | OpErrorKind::ReshapeRest { .. }
            | OpErrorKind::Expand { .. }
            | OpErrorKind::Dimension { .. }
            | OpErrorKind::Index { .. }
            | OpErrorKind::Matmul { .. }
            | OpErrorKind::Coefficients { .. }
            | OpErrorKind::TooLarge { .. } => true,
            OpErrorKind::Type { .. }
            | OpErrorKind::Range { .. }
            | OpErrorKind::NotWhole { .. }
            | OpErrorKind::TooManyNodes { .. }
            | OpErrorKind::NameTooLong { .. }
            | OpErrorKind::Unnamed { .. }
            | OpErrorKind::NameTaken { .. }
            | OpErrorKind::Routing { .. }
            | OpErrorKind::Setting { .. }
            | OpErrorKind::Misplaced { .. } => false,
        }
    }

    /// What to do about it, where that can be said without seeing the source.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            OpErrorKind::NotWhole { found } => Some(format!(
                "round it: `floor(…)` gives {}, `ceil(…)` gives {}",
                found.floor(),
                found.ceil()
            )),
            OpErrorKind::Groups { channels, groups, .. } => divisors_near(*channels, *groups)
                .map(|(below, above)| format!("{channels} channels divide into {below} or {above} groups")),
            OpErrorKind::Unnamed { operation } => Some(format!(
                "the name of the instance names its weights: `{operation}(…) as conv1`"
            )),
            OpErrorKind::NameTaken { .. } => {
                Some(
                    "names of instances are names of weights, so no two are the same: use another one, or an index inside a loop"
                        .to_owned(),
                )
            }
            OpErrorKind::Window { .. } => Some("use a smaller kernel or stride before this point, or more padding".to_owned()),
            OpErrorKind::TooManyNodes { .. } => Some(
                "loops are unrolled; what one does with each pixel or channel, one operation does with the whole tensor".to_owned(),
            ),
            OpErrorKind::Routing { .. } => Some(
                "write `mlp(…)`, `linear(…)`, or a tensor of shape [batch, experts] that holds the coefficients".to_owned(),
            ),
            OpErrorKind::Broadcast { left, right } => broadcast_advice(left, right),
            OpErrorKind::Dimension { rank: 0, .. } => Some("the tensor has no dimensions: it is a single number".to_owned()),
            OpErrorKind::Dimension { rank, .. } => {
                Some(format!("dimensions are counted from 0 to {}, or from the end, from -1 to -{rank}", rank - 1))
            }
            OpErrorKind::Matmul { left, right } => matmul_advice(left, right),
            OpErrorKind::Setting { known, .. } => Some(format!("known settings: {}", known.join(", "))),
            OpErrorKind::Type { .. }
            | OpErrorKind::Range { .. }
            | OpErrorKind::Rank { .. }
            | OpErrorKind::Concat { .. }
            | OpErrorKind::Reshape { .. }
            | OpErrorKind::ReshapeRest { .. }
            | OpErrorKind::Expand { .. }
            | OpErrorKind::Index { .. }
            | OpErrorKind::Coefficients { .. }
            | OpErrorKind::TooLarge { .. }
            | OpErrorKind::NameTooLong { .. }
            | OpErrorKind::Misplaced { .. } => None,
        }
    }
}

/// What an index has to be in: a dimension of a tensor, or a list.
fn index_limits(dim: Option<usize>, size: usize) -> String {
    match dim {
        Some(dim) => format!(" for dimension {dim} of size {size}"),
        None => format!(": there are {size} elements"),
    }
}

/// The dimension that keeps two shapes from broadcasting, and its sizes.
fn clash(left: &Shape, right: &Shape) -> String {
    let sizes = left.dims().iter().rev().zip(right.dims().iter().rev());
    let mut clashes = sizes.enumerate().filter(|(_, (a, b))| a != b && **a != 1 && **b != 1);
    // The outermost one is the one that authors think of first: channels before rows and columns.
    let Some((from_end, (a, b))) = clashes.next_back() else { return String::new() };
    let dim = if left.rank() == right.rank() {
        (left.rank() - 1 - from_end).to_string()
    } else {
        format!("-{}", from_end + 1)
    };
    format!(": {a} against {b} in dimension {dim}")
}

/// `[N, C]` or `[C]` does not broadcast with `[N, C, H, W]` although it has one number for each channel.
fn broadcast_advice(left: &Shape, right: &Shape) -> Option<String> {
    let (image, other) = if left.rank() > right.rank() { (left, right) } else { (right, left) };
    let [_, channels, _, _] = image.nchw()?;
    let batch = match other.dims() {
        [batch, features] if *features == channels => *batch,
        [features] if *features == channels => 1,
        _ => return None,
    };
    Some(format!(
        "dimensions are aligned at the last one; a number for each channel has the shape [{batch}, {channels}, 1, 1]"
    ))
}

/// What keeps a shape from being expanded to another.
fn no_expansion(from: &Shape, to: &Shape) -> String {
    if from.rank() > to.rank() {
        return format!("it has {} dimensions, the new shape {}", from.rank(), to.rank());
    }
    let mut sizes = from.dims().iter().rev().zip(to.dims().iter().rev()).enumerate();
    match sizes.rfind(|(_, (own, new))| own != new && **own != 1) {
        Some((from_end, (own, new))) => {
            format!(
                "dimension {} has {own} elements, not {new}, and only single ones repeat",
                from.rank() - 1 - from_end
            )
        }
        None => "they differ".to_owned(),
    }
}

/// What keeps two shapes from being joined along `dim`.
fn difference(first: &Shape, other: &Shape, dim: usize) -> String {
    if first.rank() != other.rank() {
        return format!("they have {} and {} dimensions", first.rank(), other.rank());
    }
    let mut sizes = first.dims().iter().zip(other.dims()).enumerate();
    match sizes.find(|(index, (a, b))| *index != dim && a != b) {
        Some((index, (a, b))) => format!("{a} against {b} in dimension {index}"),
        None => "they differ".to_owned(),
    }
}

/// The last two dimensions of a shape.
fn matrix(shape: &Shape) -> Option<[usize; 2]> {
    match shape.dims() {
        [.., rows, columns] => Some([*rows, *columns]),
        _ => None,
    }
}

/// What keeps two shapes from being multiplied as matrices.
fn no_product(left: &Shape, right: &Shape) -> String {
    match (matrix(left), matrix(right)) {
        (Some([_, inner]), Some([rows, _])) if inner != rows => format!("{inner} columns against {rows} rows"),
        _ => "the dimensions before the last two do not broadcast".to_owned(),
    }
}

/// Transposing the right factor is what is missing most often.
fn matmul_advice(left: &Shape, right: &Shape) -> Option<String> {
    let ([_, inner], [rows, columns]) = (matrix(left)?, matrix(right)?);
    if inner == rows || inner != columns {
        return None;
    }
    let mut order: Vec<String> = (0..right.rank()).map(|dim| dim.to_string()).collect();
    let last = order.len() - 1;
    order.swap(last, last - 1);
    Some(format!("transposed, the right factor would fit: `permute([{}])`", order.join(", ")))
}

/// How a shape exceeds what a tensor may hold.
fn excess(shape: &Shape) -> String {
    if shape.rank() > MAX_RANK {
        return format!("{} dimensions, and at most {MAX_RANK} are allowed", shape.rank());
    }
    format!("{} elements, and at most {MAX_TENSOR_ELEMENTS} are allowed", count(shape))
}

/// How many elements a shape has; it need not be one that a tensor may have.
fn count(shape: &Shape) -> String {
    shape.elements_exact().map_or_else(|| "more than 2^128".to_owned(), |count| count.to_string())
}

/// The divisors of `number` nearest to `near` from below and from above.
fn divisors_near(number: usize, near: usize) -> Option<(usize, usize)> {
    let near = near.min(number);
    let below = (1..=near).rev().find(|candidate| number.is_multiple_of(*candidate))?;
    let above = (near..=number).find(|candidate| number.is_multiple_of(*candidate))?;
    (below != above).then_some((below, above))
}
