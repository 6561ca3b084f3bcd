//! The text form of a plan: per step the kernel, its geometry, the buffers, the epilogue, multiply-adds and bytes.
//!
//! Operands read `b3+96 ~8:196` for buffer 3 from element 96 on, moving by 8 and 196 along the outer dimensions. Weights that
//! are stored in fewer bytes have the type before them: `int8 weights+96`; their elements are those of the block.

use std::fmt;

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{ActivationShape, WindowShape, WinogradOutputShape};

use super::activation::activation_name;
use super::attention::Attention;
use super::cascade::Stage;
use super::step::{Along, Expression, Finish, Left, Matmul, Mixed, Operand, Right, RowsShape, Step, Work};
use super::{Buffer, BufferId, Plan};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tile = self.options.isa.tile();
        writeln!(f, "plan {}", self.network)?;
        writeln!(f, "  tiles {} x {}, {} thread(s)", tile.rows, tile.columns(), self.options.threads)?;
        writeln!(
            f,
            "  arena {} bytes, at least {} (ratio {:.3})",
            self.arena * 4,
            self.live_peak * 4,
            self.arena_ratio()
        )?;
        writeln!(f, "  scratch {} bytes per thread", self.scratch * 4)?;
        writeln!(f, "  weights {} bytes", self.weights.preparation.length * 4)?;
        writeln!(f, "  multiply-adds {}", self.multiply_adds())?;
        for (kind, ports) in [("in", &self.inputs), ("out", &self.outputs)] {
            for (index, port) in ports.iter().enumerate() {
                writeln!(f, "  {kind}{index} {} {}", port.name, port.shape)?;
            }
        }
        writeln!(f, "\nbuffers")?;
        for (index, Buffer { elements, offset, first, last }) in self.buffers.iter().enumerate() {
            writeln!(f, "  {} {} bytes at {}, steps {first}..={last}", BufferId(index), elements * 4, offset * 4)?;
        }
        writeln!(f, "\nsteps")?;
        let mut first = 0;
        for round in &self.rounds {
            let end = first + round.steps;
            if round.parts > 1 {
                writeln!(f, "  {first}..={} for each of {} samples", end.saturating_sub(1), round.parts)?;
            }
            for (index, step) in self.steps.iter().enumerate().take(end).skip(first) {
                writeln!(f, "  {index} {step}")?;
            }
            first = end;
        }
        Ok(())
    }
}

impl Plan {
    /// How much longer the arena is than what lives at once in the fullest moment.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    pub fn arena_ratio(&self) -> f64 {
        if self.live_peak == 0 { 1.0 } else { self.arena as f64 / self.live_peak as f64 }
    }

    /// Multiply-adds of all steps.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        self.steps.iter().map(|step| step.multiply_adds).sum()
    }

    /// Bytes of weights, inputs, intermediates and outputs that steps read and write: see [`Step::bytes`].
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(Step::bytes).sum()
    }
}

impl Step {
    /// The kernel that does the work, or what the code that is generated for it is called.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        crate::code::steps::name(&self.work)
    }

    /// Bytes of memory that are read and written, each once, gaps of slices included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let operands = self.work.reads().into_iter().chain(self.work.writes());
        operands.map(|operand| (operand.end.saturating_sub(operand.offset) * size_of::<f32>()) as u64).sum()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel())?;
        details(f, &self.work)?;
        if self.multiply_adds > 0 {
            write!(f, "; {} multiply-adds", self.multiply_adds)?;
        }
        write!(f, "; {} bytes", self.bytes())?;
        if !self.nodes.is_empty() {
            let nodes: Vec<String> = self.nodes.iter().map(ToString::to_string).collect();
            write!(f, "; {}", nodes.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if self.offset != 0 {
            write!(f, "+{}", self.offset)?;
        }
        if self.strides.iter().any(|stride| *stride != 0) {
            let strides: Vec<String> = self.strides.iter().map(ToString::to_string).collect();
            write!(f, " ~{}", strides.join(":"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mixed { experts, count, coefficients, gates, dtype, .. } = self;
        write!(f, "mix of {count} from {}{experts} by {coefficients}", stored(*dtype))?;
        if let Some(gates) = gates {
            write!(f, " and gates {gates}")?;
        }
        Ok(())
    }
}

/// Outer dimensions that repeat something, as `2x3 times`.
fn times(f: &mut fmt::Formatter<'_>, outer: &[usize]) -> fmt::Result {
    if outer.iter().product::<usize>() != 1 {
        let outer: Vec<String> = outer.iter().map(ToString::to_string).collect();
        write!(f, " {} times", outer.join("x"))?;
    }
    Ok(())
}

fn details(f: &mut fmt::Formatter<'_>, work: &Work) -> fmt::Result {
    match work {
        Work::Matmul(step) => matmul(f, step),
        Work::SmallLinear(step) => {
            write!(f, " {}x{}x{}: {} * {}", step.rows, step.depth, step.columns, step.source, step.weights)?;
            if let Some(bias) = &step.bias {
                write!(f, " + {bias}")?;
            }
            write!(f, ", {} -> {}", step.activation, step.out)
        }
        Work::Grouped(step) => {
            times(f, &step.outer)?;
            write!(f, " {} rows of {}x{}", step.rows, step.shape.window.out_width, step.channels)?;
            if step.shape.group > 1 {
                write!(f, ", groups of {}", step.shape.group)?;
            }
            window(f, &step.shape.window)?;
            write!(f, ": {} * {}", step.image, step.weights)?;
            finish(f, &step.finish)?;
            write!(f, " -> {} (units of {} rows, {} channels)", step.out, step.rows_per_unit, step.channels_per_unit)
        }
        Work::Mix(step) => {
            times(f, &step.outer)?;
            write!(f, " {} of {}: {} by {} -> {}", step.count, step.length, step.experts, step.coefficients, step.out)
        }
        Work::GatePanels(step) => {
            times(f, &step.outer)?;
            write!(f, " {}x{}: {} by {} -> {}", step.depth, step.columns, step.panels, step.gates, step.out)
        }
        Work::MixPanels(step) => {
            times(f, &step.outer)?;
            write!(f, " {}x{}: {} -> {}", step.depth, step.columns, step.mixed, step.out)
        }
        Work::Rows(step) => {
            times(f, &step.outer)?;
            match step.shape {
                RowsShape::Pool(shape) => {
                    write!(f, " {} rows of {}x{}", step.rows, shape.window.out_width, shape.channels)?;
                    window(f, &shape.window)?;
                }
                RowsShape::WinogradInput(shape) => {
                    write!(f, " {} rows of {} tiles of {} channels", step.rows, shape.tiles, shape.channels)?;
                }
                RowsShape::Resample(shape) => write!(
                    f,
                    " {}x{}x{} from {}x{}",
                    shape.out_height, shape.out_width, shape.channels, shape.height, shape.width
                )?,
            }
            write!(f, ": {} -> {}", step.image, step.out)
        }
        Work::WinogradOutput(step) => {
            times(f, &step.outer)?;
            let WinogradOutputShape { height, width, channels, .. } = step.shape;
            write!(f, " {height}x{width}x{channels}: {}", step.products)?;
            finish(f, &step.finish)?;
            write!(f, " -> {}", step.out)
        }
        Work::Mean(step) => {
            times(f, &step.outer)?;
            let along = match step.along {
                Along::Rows { .. } => "down",
                Along::Columns { .. } => "across",
            };
            write!(f, " {along} {}x{}: {} -> {}", step.rows, step.columns, step.source, step.out)
        }
        Work::Softmax(step) => {
            times(f, &step.outer)?;
            write!(f, " {}x{}: {} -> {}", step.rows, step.shape.columns, step.source, step.out)
        }
        Work::Norm(step) => {
            times(f, &step.outer)?;
            write!(f, " {}x{}x{}: {}", step.rows, step.shape.groups, step.shape.columns, step.source)?;
            for (sign, operand) in [("*", &step.weight), ("+", &step.bias)] {
                if let Some(operand) = operand {
                    write!(f, " {sign} {operand}")?;
                }
            }
            write!(f, " -> {}", step.out)
        }
        Work::Gather(step) => {
            times(f, &step.outer)?;
            write!(f, " {} of {}: {} by {} -> {}", step.count, step.length, step.source, step.indices, step.out)
        }
        Work::Transpose(step) => {
            times(f, &step.outer)?;
            write!(f, " {}x{}: {} -> {}", step.rows, step.columns, step.source, step.out)
        }
        Work::Elementwise(step) => {
            let dims: Vec<String> = step.outer.iter().map(ToString::to_string).collect();
            write!(f, " {}: ", if dims.is_empty() { "1".to_owned() } else { dims.join("x") })?;
            expression(f, &step.expression, &step.operands)?;
            write!(f, " -> {}", step.out)
        }
        Work::Cascade(step) => {
            times(f, &[step.samples])?;
            write!(f, " {} units, {} bytes of scratch memory", step.units, step.scratch() * size_of::<f32>())?;
            for Stage { work, reach, .. } in &step.stages {
                write!(f, " | {} rows each: {}", reach.step, crate::code::steps::name(work))?;
                details(f, work)?;
            }
            Ok(())
        }
        Work::Attention(step) => attention(f, step),
    }
}

fn attention(f: &mut fmt::Formatter<'_>, step: &Attention) -> fmt::Result {
    let Attention { rows_per_unit, scores, softmax, bias, mask, result } = step;
    times(f, &scores.outer)?;
    write!(f, " {}x{}x{}x{}: {}", scores.rows, scores.depth, scores.columns, result.columns, scores.left.operand())?;
    right(f, &scores.right)?;
    write!(f, " / {:?}", softmax.temperature)?;
    for addend in [bias, mask].into_iter().flatten() {
        write!(f, " + {addend}")?;
    }
    f.write_str(", softmax")?;
    right(f, &result.right)?;
    finish(f, &result.finish)?;
    write!(f, " -> {} (units of {rows_per_unit} rows)", result.out)
}

fn matmul(f: &mut fmt::Formatter<'_>, step: &Matmul) -> fmt::Result {
    times(f, &step.outer)?;
    write!(f, " {}x{}x{}", step.rows, step.depth, step.columns)?;
    match &step.left {
        Left::Rows { rows, .. } => write!(f, ": {rows}")?,
        Left::Window(under) => {
            window(f, &under.window)?;
            write!(f, ": {}{}", if under.strip.is_some() { "strips of " } else { "" }, under.image)?;
        }
    }
    right(f, &step.right)?;
    finish(f, &step.finish)?;
    let blocking = step.blocking;
    write!(
        f,
        " -> {} (units of {} rows, {} panels; ",
        step.out,
        blocking.rows_per_unit.min(step.rows),
        blocking.panels_per_unit
    )?;
    match step.product().part {
        Some(part) => write!(f, "{part} places of a panel at a time)")?,
        None => write!(f, "blocks of {} rows)", blocking.rows_per_block)?,
    }
    match &step.ahead {
        Some(ahead) => {
            write!(f, "; fetches {} elements from weights+{} on", ahead.length, ahead.weights.offset + ahead.first)
        }
        None => Ok(()),
    }
}

fn right(f: &mut fmt::Formatter<'_>, right: &Right) -> fmt::Result {
    match right {
        Right::Packed { panels, dtype } => write!(f, " * {}{panels}", stored(*dtype)),
        Right::Strassen { panels } => write!(f, " in halves * {panels}"),
        Right::Mixed(mixed) => write!(f, " * {mixed}"),
        Right::Computed { source, .. } => write!(f, " * {source}"),
    }
}

/// What weights are stored as, if it is not what is computed with.
fn stored(dtype: Dtype) -> String {
    if dtype == Dtype::F32 { String::new() } else { format!("{dtype} ") }
}

fn window(f: &mut fmt::Formatter<'_>, window: &WindowShape) -> fmt::Result {
    write!(f, ", window {}x{}", window.kernel_height, window.kernel_width)?;
    for (name, height, width, default) in [
        ("stride", window.stride_height, window.stride_width, 1),
        ("dilation", window.dilation_height, window.dilation_width, 1),
        ("padding", window.top, window.left, 0),
    ] {
        if (height, width) != (default, default) {
            write!(f, " {name} {height}x{width}")?;
        }
    }
    Ok(())
}

/// An epilogue in the order in which it happens.
fn finish(f: &mut fmt::Formatter<'_>, finish: &Finish) -> fmt::Result {
    let activation = |f: &mut fmt::Formatter<'_>, shape: ActivationShape| {
        if shape.is_identity() { Ok(()) } else { write!(f, ", {}", activation_name(shape)) }
    };
    let operand = |f: &mut fmt::Formatter<'_>, sign: &str, operand: &Option<Operand>| match operand {
        Some(operand) => write!(f, " {sign} {operand}"),
        None => Ok(()),
    };
    operand(f, "+", &finish.bias)?;
    activation(f, finish.shape.before)?;
    operand(f, "*", &finish.gate)?;
    operand(f, "+", &finish.residual)?;
    activation(f, finish.shape.after)?;
    operand(f, "sums", &finish.sums)
}

fn expression(f: &mut fmt::Formatter<'_>, value: &Expression, operands: &[Operand]) -> fmt::Result {
    match value {
        Expression::Load(index) => match operands.get(*index) {
            Some(operand) => write!(f, "{operand}"),
            None => f.write_str("?"),
        },
        Expression::Constant(value) => write!(f, "{value:?}"),
        Expression::Activation(activation, x) => {
            write!(f, "{activation}(")?;
            expression(f, x, operands)?;
            f.write_str(")")
        }
        Expression::Prelu(x, slope) => {
            f.write_str("prelu(")?;
            expression(f, x, operands)?;
            f.write_str(", ")?;
            expression(f, slope, operands)?;
            f.write_str(")")
        }
        Expression::Binary(operator, left, right) => {
            f.write_str("(")?;
            expression(f, left, operands)?;
            write!(f, " {operator} ")?;
            expression(f, right, operands)?;
            f.write_str(")")
        }
    }
}
