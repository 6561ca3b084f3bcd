//! Steps: what a plan does one after the other.
//!
//! A step is a kernel (or loops of its own) with everything constant. Most repeat their work along *outer* dimensions, such
//! as the samples of a batch or the groups of a convolution; each [`Operand`] says how far it moves with each of them.

mod operands;

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{
    Epilogue, GroupedShape, Kernel, NormShape, PoolShape, ResampleShape, Runs, SoftmaxShape, StripShape, WindowShape,
    WinogradInputShape, WinogradOutputShape,
};
use parameternet_runtime::blocking::{self, Blocking, Lines, Product};

use super::ahead::Ahead;
use super::attention::Attention;
use super::cascade::Cascade;
use super::view::Place;
use crate::graph::NodeId;
use crate::op::activation::Activation;
use crate::op::elementwise::Binary;

/// A step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The nodes that it computes, the last of which is its result; none for a copy.
    pub nodes: Vec<NodeId>,
    /// What it does.
    pub work: Work,
    /// Multiply-adds of convolutions, matrix products and mixing.
    pub multiply_adds: u64,
}

/// A pointer: where the first element of an operand lies, and how far it moves along each outer dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// What it points into.
    pub place: Place,
    /// Where in it.
    pub offset: usize,
    /// By how much it moves along each outer dimension.
    pub strides: Vec<usize>,
    /// One past the last element that is read or written through it, over all of the step.
    pub end: usize,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A matrix product, and everything that is one: convolutions of all kinds but those of few channels a group, linear layers, attention.
    Matmul(Matmul),
    /// A linear layer so small that it is generated whole.
    SmallLinear(SmallLinear),
    /// A convolution whose groups are few channels, or one: a depthwise one.
    Grouped(Grouped),
    /// Weights mixed from experts.
    Mix(Mix),
    /// What [`Kernel::GatePanels`] does.
    GatePanels(GatePanels),
    /// Panels that are mixed of experts before they are used.
    MixPanels(MixPanels),
    /// A kernel that writes one row of pixels (or tiles) at a time: pooling, resampling, inputs of Winograd's filtering.
    Rows(Rows),
    /// What [`Kernel::WinogradOutput`] does.
    WinogradOutput(WinogradOutput),
    /// Means along dimensions.
    Mean(Mean),
    /// Softmax of rows.
    Softmax(Softmax),
    /// Layer or group normalisation.
    Norm(Norm),
    /// Entries chosen by a table.
    Gather(Gather),
    /// A matrix copied with rows and columns exchanged.
    Transpose(Transpose),
    /// A function of elements by themselves, and every other copy.
    Elementwise(Elementwise),
    /// Convolutions that are computed some rows at a time.
    Cascade(Cascade),
    /// Attention, computed some rows at a time.
    Attention(Box<Attention>),
}

/// The operands of an epilogue and what it does with them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finish {
    /// Added per column or channel.
    pub bias: Option<Operand>,
    /// Multiplied per column or channel.
    pub gate: Option<Operand>,
    /// Added element by element.
    pub residual: Option<Operand>,
    /// Sums per column or channel of what is written, one vector per unit of rows.
    pub sums: Option<Operand>,
    /// Activations and strides.
    pub shape: Epilogue,
}

/// A matrix product `[rows, depth] × [depth, columns]`, once per outer index.
#[derive(Debug, Clone, PartialEq)]
pub struct Matmul {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of the left factor.
    pub rows: usize,
    /// Products per output.
    pub depth: usize,
    /// Columns of the right factor.
    pub columns: usize,
    /// The left factor.
    pub left: Left,
    /// The right factor.
    pub right: Right,
    /// The output.
    pub out: Operand,
    /// The distance between rows of the output.
    pub out_stride: usize,
    /// What else happens.
    pub finish: Finish,
    /// How the work is cut.
    pub blocking: Blocking,
    /// Weights of a later step that are fetched meanwhile.
    pub ahead: Option<Ahead>,
}

/// The left factor of a [`Matmul`].
#[derive(Debug, Clone, PartialEq)]
pub enum Left {
    /// Rows as they lie in memory.
    Rows {
        /// The first.
        rows: Operand,
        /// The distance between them.
        stride: usize,
    },
    /// What lies under the window of a convolution.
    Window(Box<UnderWindow>),
}

impl Left {
    /// What it reads.
    #[must_use]
    pub fn operand(&self) -> &Operand {
        match self {
            Left::Rows { rows, .. } => rows,
            Left::Window(under) => &under.image,
        }
    }

    /// What it reads, to be changed.
    pub(super) fn operand_mut(&mut self) -> &mut Operand {
        match self {
            Left::Rows { rows, .. } => rows,
            Left::Window(under) => &mut under.image,
        }
    }
}

/// What the windows of a convolution cover. The output's pixels are the rows of the product; those of a row of the output, a *line*, lie
/// evenly.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderWindow {
    /// The image.
    pub image: Operand,
    /// The window.
    pub window: WindowShape,
    /// How the image's rows are copied, block by block, with zeros around them; none where no window leaves the image and it
    /// lies in runs: then it is read as it lies.
    pub strip: Option<StripShape>,
    /// Where the values under a window lie, in the strip or the image.
    pub runs: Runs,
    /// The distance between the windows of neighbouring pixels.
    pub pixel_stride: usize,
    /// The distance between those of neighbouring lines.
    pub line_stride: usize,
    /// How pixels come in lines.
    pub lines: Lines,
}

/// The right factor of a [`Matmul`].
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// Panels: weights, or what [`GatePanels`] or [`MixPanels`] made of them.
    Packed {
        /// The first panel.
        panels: Operand,
        /// What their numbers are stored as.
        dtype: Dtype,
    },
    /// The right factors of Strassen's algorithm in panels, of which there are those for half the depth and half the columns, seven times; see
    /// [`Layout::Strassen`](parameternet_runtime::prepare::Layout::Strassen). Rows are taken in pairs.
    Strassen {
        /// The first panel of the first factor.
        panels: Operand,
    },
    /// Experts in panels, mixed panel by panel where they are multiplied.
    Mixed(Mixed),
    /// A computed tensor, packed panel by panel.
    Computed {
        /// Its first element.
        source: Operand,
        /// The distance along `depth`.
        row_stride: usize,
        /// The distance along columns.
        column_stride: usize,
    },
}

/// Experts of which a right factor is mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The first panel of the first expert.
    pub experts: Operand,
    /// The distance between experts.
    pub stride: usize,
    /// How many experts.
    pub count: usize,
    /// The coefficients, one per expert.
    pub coefficients: Operand,
    /// What each row is multiplied by when experts are mixed.
    pub gates: Option<Operand>,
    /// What the numbers of the experts are stored as.
    pub dtype: Dtype,
}

impl Matmul {
    /// What decides how it is cut.
    #[must_use]
    pub fn product(&self) -> Product {
        Product {
            repeats: self.outer.iter().product(),
            rows: self.rows,
            depth: self.depth,
            columns: self.columns,
            lines: match &self.left {
                Left::Rows { .. } => None,
                Left::Window(under) => Some(under.lines),
            },
            makes_panels: !matches!(self.right, Right::Packed { .. } | Right::Strassen { .. }),
            part: part_of_experts(&self.left, &self.right, self.rows, self.depth),
            has_sums: self.finish.sums.is_some(),
            in_halves: self.is_in_halves(),
        }
    }

    /// What decides how it is cut if it is done in so many [parts](parameternet_runtime::program::Round): how often a part repeats it.
    #[must_use]
    pub fn product_of(&self, parts: usize) -> Product {
        let product = self.product();
        Product { repeats: product.repeats / parts.max(1), ..product }
    }

    /// Whether it is done by Strassen's algorithm.
    #[must_use]
    pub fn is_in_halves(&self) -> bool {
        matches!(self.right, Right::Strassen { .. })
    }

    /// The depth and the columns of the matrix that its panels are cut from.
    #[must_use]
    pub fn panel_matrix(&self) -> [usize; 2] {
        let parts = if self.is_in_halves() { 2 } else { 1 };
        [self.depth, self.columns].map(|size| size / parts)
    }
}

/// The depth of the parts of panels that are mixed at a time, see [`Product::part`].
#[must_use]
pub fn part_of_experts(left: &Left, right: &Right, rows: usize, depth: usize) -> Option<usize> {
    match (left, right) {
        (Left::Rows { .. }, Right::Mixed(mixed)) => blocking::part_of_experts(rows, depth, mixed.count, mixed.dtype),
        _ => None,
    }
}

/// `out[r] = activation(bias + sum over k of source[r, k] * weights[k])`, weights `[depth][columns rounded up to 4]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SmallLinear {
    /// Rows.
    pub rows: usize,
    /// Products per output.
    pub depth: usize,
    /// Outputs per row.
    pub columns: usize,
    /// The input; one outer dimension, the rows.
    pub source: Operand,
    /// The weights.
    pub weights: Operand,
    /// Added per column.
    pub bias: Option<Operand>,
    /// What is done at last.
    pub activation: Activation,
    /// The output; one outer dimension, the rows.
    pub out: Operand,
}

/// A convolution of images whose groups are few channels, as many of the output as of the image; the outer dimension is the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouped {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of the output.
    pub rows: usize,
    /// Rows of a unit.
    pub rows_per_unit: usize,
    /// Channels.
    pub channels: usize,
    /// Channels of a unit: whole groups, and whole blocks of weights unless they are all.
    pub channels_per_unit: usize,
    /// The input.
    pub image: Operand,
    /// The weights, in blocks of channels, see [`Kernel::Grouped`].
    pub weights: Operand,
    /// The output.
    pub out: Operand,
    /// The geometry.
    pub shape: GroupedShape,
    /// What else happens.
    pub finish: Finish,
}

impl Grouped {
    /// The weights of a channel.
    #[must_use]
    pub fn taps(&self) -> usize {
        let window = &self.shape.window;
        window.kernel_height * window.kernel_width * self.shape.group
    }

    /// The kernel that computes it.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        if self.shape.group == 1 { Kernel::Depthwise } else { Kernel::Grouped }
    }
}

/// `out = sum over e of coefficients[e] * experts[e]`, once per outer index.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// The first expert.
    pub experts: Operand,
    /// The distance between experts.
    pub stride: usize,
    /// How many experts.
    pub count: usize,
    /// The coefficients.
    pub coefficients: Operand,
    /// The mixture.
    pub out: Operand,
    /// Its length.
    pub length: usize,
}

/// The panels of a right factor, each of whose rows is multiplied by a gate; the outer dimension is the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct GatePanels {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of the factor.
    pub depth: usize,
    /// Columns of the factor.
    pub columns: usize,
    /// The first panel of the weights.
    pub panels: Operand,
    /// The gates, one per row.
    pub gates: Operand,
    /// The first panel of the result.
    pub out: Operand,
}

/// The panels of right factors, mixed of experts; the outer dimensions are the batch and groups.
#[derive(Debug, Clone, PartialEq)]
pub struct MixPanels {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of a factor.
    pub depth: usize,
    /// Columns of a factor.
    pub columns: usize,
    /// The experts.
    pub mixed: Mixed,
    /// The first panel of the result, of `f32`s.
    pub out: Operand,
}

/// A kernel that writes one row of pixels at a time; the outer dimension is the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Which.
    pub kernel: Kernel,
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of the output.
    pub rows: usize,
    /// The input.
    pub image: Operand,
    /// The output.
    pub out: Operand,
    /// The distance between rows of pixels of the output.
    pub out_row_stride: usize,
    /// The geometry.
    pub shape: RowsShape,
}

/// The geometry of a [`Rows`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowsShape {
    /// Of [`Kernel::MaxPool`] and [`Kernel::AveragePool`].
    Pool(PoolShape),
    /// Of [`Kernel::WinogradInput`].
    WinogradInput(WinogradInputShape),
    /// Of the others.
    Resample(ResampleShape),
}

/// The outputs of Winograd's filtering, one row of tiles at a time; the outer dimension is the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct WinogradOutput {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of tiles.
    pub rows: usize,
    /// The products, by point and tile.
    pub products: Operand,
    /// The output.
    pub out: Operand,
    /// The geometry.
    pub shape: WinogradOutputShape,
    /// What else happens.
    pub finish: Finish,
}

/// Means; see [`Kernel::MeanRows`] and [`Kernel::MeanColumns`].
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// The input.
    pub source: Operand,
    /// The output.
    pub out: Operand,
    /// Rows.
    pub rows: usize,
    /// Columns, contiguous.
    pub columns: usize,
    /// The distance between rows.
    pub row_stride: usize,
    /// What is summed.
    pub along: Along,
}

/// What a [`Mean`] sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// The rows of each column, divided by `divisor`.
    Rows {
        /// The number of elements that the sums stand for.
        divisor: usize,
    },
    /// The columns of each row; outputs are `out_stride` apart.
    Columns {
        /// The distance between outputs.
        out_stride: usize,
    },
}

/// Softmax of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows.
    pub rows: usize,
    /// The input.
    pub source: Operand,
    /// The output.
    pub out: Operand,
    /// The geometry.
    pub shape: SoftmaxShape,
}

/// Layer or group normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Which.
    pub kernel: Kernel,
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows, or pixels of an image.
    pub rows: usize,
    /// The input.
    pub source: Operand,
    /// The output.
    pub out: Operand,
    /// Multiplied.
    pub weight: Option<Operand>,
    /// Added.
    pub bias: Option<Operand>,
    /// The geometry.
    pub shape: NormShape,
}

/// Entries of `length` contiguous elements chosen by a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// The input.
    pub source: Operand,
    /// The output.
    pub out: Operand,
    /// The table, in the prepared weights.
    pub indices: Operand,
    /// Entries of the table.
    pub count: usize,
    /// Elements of an entry.
    pub length: usize,
    /// The distance between entries of the input.
    pub source_stride: usize,
    /// The distance between entries of the output.
    pub out_stride: usize,
}

/// `out[c, r] = source[r, c]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Transpose {
    /// Outer dimensions.
    pub outer: Vec<usize>,
    /// Rows of the input.
    pub rows: usize,
    /// Columns of the input, contiguous.
    pub columns: usize,
    /// The input.
    pub source: Operand,
    /// The output.
    pub out: Operand,
    /// The distance between rows of the input.
    pub source_stride: usize,
    /// The distance between columns in the output.
    pub out_stride: usize,
}

/// A function of elements by themselves; the outer dimensions are all there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Elementwise {
    /// The dimensions.
    pub outer: Vec<usize>,
    /// What [`Expression::Load`] reads.
    pub operands: Vec<Operand>,
    /// The function.
    pub expression: Expression,
    /// The output.
    pub out: Operand,
}

/// An expression over the operands of an [`Elementwise`] step.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// An element of an operand.
    Load(usize),
    /// A number.
    Constant(f32),
    /// A function of one.
    Activation(Activation, Box<Expression>),
    /// The first where positive, else the first times the second.
    Prelu(Box<Expression>, Box<Expression>),
    /// Arithmetic of two.
    Binary(Binary, Box<Expression>, Box<Expression>),
}
