//! What went wrong, as diagnostics: facts become text here and nowhere else in elaboration.

use parameternet_dsl::ast::BinaryOperator;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};
use parameternet_dsl::source::Span;

use super::Frame;
use super::arithmetic::ValueError;
use super::call::Formal;
use crate::graph::build::{GraphBuilder, Site};
use crate::graph::{Instance, InstanceId, NodeId, Path};
use crate::limits::MAX_ERRORS;
use crate::op::arguments::Bound;
use crate::op::call::describe;
use crate::op::error::{OpError, OpErrorKind};
use crate::op::{Definition, INPUT};
use crate::value::{Given, Value};

/// The errors so far, at most [`MAX_ERRORS`]. One that many instances share is kept once, with a count.
#[derive(Debug, Default)]
pub(super) struct Report {
    errors: Vec<(Diagnostic, usize)>,
}

impl Report {
    pub(super) fn add(&mut self, error: Diagnostic) {
        let same = |other: &Diagnostic| other.code == error.code && other.span() == error.span();
        let is_full = self.errors.len() >= MAX_ERRORS;
        match self.errors.iter_mut().find(|(other, _)| same(other)) {
            Some((_, count)) => *count += 1,
            None if is_full => {}
            None => self.errors.push((error, 1)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.errors.len()
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let noted = |(error, count): (Diagnostic, usize)| match count {
            1 => error,
            2 => error.note("the same happens once more"),
            more => error.note(format!("the same happens {} more times", more - 1)),
        };
        self.errors.into_iter().map(noted).collect()
    }
}

/// Adds where in the instance tree an error happened, and the call that led there.
pub(super) fn in_context(mut error: Diagnostic, instance: Option<&Instance>, frame: Option<&Frame>) -> Diagnostic {
    if let Some(frame) = frame {
        let inside = error.labels.iter().any(|label| label.span == frame.span);
        if !inside {
            error = error.secondary(frame.span, format!("in this call of `{}`", frame.name));
        }
    }
    match instance {
        Some(instance) if !instance.path.is_empty() => {
            error.note(format!("in `{}`, an instance of `{}`", shortened(&instance.path), instance.module))
        }
        _ => error,
    }
}

/// A path; of a very deep one the beginning and the end.
fn shortened(path: &Path) -> String {
    const SHOWN: usize = 6;
    match (path.0.get(..SHOWN), path.0.get(path.0.len().saturating_sub(SHOWN)..)) {
        (Some(first), Some(last)) if path.0.len() > 3 * SHOWN => {
            format!("{}.….{}", Path(first.to_vec()), Path(last.to_vec()))
        }
        _ => path.to_string(),
    }
}

/// A value of the wrong kind.
pub(super) fn wrong_type(expected: &str, found: &Value, span: Span) -> Diagnostic {
    let error = Diagnostic::new(Code::E0301, format!("expected {expected}, found {}", found.kind()))
        .primary(span, format!("this is {}", describe(found)));
    advise_pipe(error, found)
}

/// A value that waits for its input usually lacks its `|>`.
fn advise_pipe(error: Diagnostic, found: &Value) -> Diagnostic {
    match found {
        Value::Callable(_) => error.help(format!("give it its input: `x |> {found}`")),
        _ => error,
    }
}

pub(super) fn not_iterable(found: &Value, span: Span) -> Diagnostic {
    let error = wrong_type("a list or a range to go through", found, span);
    match found {
        Value::Int(_) => error.suggest("to count, go through a range", beginning(span), "0.."),
        _ => error,
    }
}

/// The empty place where a span begins.
fn beginning(span: Span) -> Span {
    Span { end: span.start, ..span }
}

/// The empty place where a span ends.
pub(super) fn end(span: Span) -> Span {
    Span { start: span.end, ..span }
}

/// `1 argument`, `2 arguments`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn pattern(wanted: usize, span: Span, found: &Value, value_span: Span) -> Diagnostic {
    match found.length() {
        Some(length) => {
            let message = format!("the pattern has {}, the value has {length}", counted(wanted, "part"));
            Diagnostic::new(Code::E0305, message)
                .primary(span, format!("{} here", counted(wanted, "part")))
                .secondary(value_span, format!("the value {found} comes from here"))
        }
        None => Diagnostic::new(Code::E0305, format!("{} cannot be taken apart", found.kind()))
            .primary(span, format!("{} here", counted(wanted, "part")))
            .secondary(value_span, format!("this is {}", describe(found))),
    }
}

pub(super) fn value_error(error: &ValueError, span: Span) -> Diagnostic {
    let code = match error {
        ValueError::Type { .. } => Code::E0301,
        ValueError::Operands { .. } | ValueError::Operand { .. } => Code::E0302,
        ValueError::Overflow | ValueError::DivisionByZero | ValueError::NotFinite => Code::E0303,
        ValueError::Lengths { .. } => Code::E0305,
        ValueError::TooLong | ValueError::StringTooLong | ValueError::TooDeep => Code::E0502,
        ValueError::Missing => Code::E0202,
    };
    Diagnostic::new(code, error.to_string()).primary(span, "")
}

/// `left operator right` on values that it does not take.
pub(super) fn operands(
    operator: BinaryOperator,
    left: (&Value, Span),
    right: (&Value, Span),
    span: Span,
) -> Diagnostic {
    let message = format!("`{}` does not take {} and {}", operator.symbol(), left.0.kind(), right.0.kind());
    let error = Diagnostic::new(Code::E0302, message)
        .primary(span, "")
        .secondary(left.1, describe(left.0))
        .secondary(right.1, describe(right.0));
    let error = match (left.0, right.0) {
        (Value::Tensor(_), Value::Tensor(_)) => error.help("tensors take `+`, `-`, `*` and `/`"),
        (Value::Tensor(_), Value::Int(_) | Value::Float(_)) | (Value::Int(_) | Value::Float(_), Value::Tensor(_)) => {
            error.help("the elements of a tensor are not known at compile time; its sizes are: `x.channels`, `x.shape`")
        }
        (Value::List(_), Value::Int(_) | Value::Float(_)) | (Value::Int(_) | Value::Float(_), Value::List(_)) => {
            let symbol = operator.symbol();
            error.help(format!("to compute with each element, write `[value {symbol} … for value in list]`"))
        }
        _ => error,
    };
    advise_pipe(advise_pipe(error, left.0), right.0)
}

pub(super) fn unknown_argument(callee: &str, formals: &[Formal<'_>], name: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::new(Code::E0201, format!("`{callee}` has no parameter `{name}`"));
    match did_you_mean(name, formals.iter().map(|formal| formal.name)) {
        Some(meant) => error.primary(span, "unknown argument").suggest("a similar parameter exists", span, meant),
        None => error.primary(span, "unknown argument").note(signature(callee, formals)),
    }
}

pub(super) fn too_many(callee: &str, formals: &[Formal<'_>], span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0203, format!("`{callee}` takes at most {}", counted(formals.len(), "argument")))
        .primary(span, "one too many")
        .note(signature(callee, formals))
        .note("`|>` passes its value as the first argument")
}

pub(super) fn given_twice(callee: &str, name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(Code::E0204, format!("`{callee}` gets `{name}` twice"))
        .primary(span, "given again here")
        .secondary(first, "first given here")
}

pub(super) fn missing(callee: &str, formals: &[Formal<'_>], missing: &[Formal<'_>], span: Span) -> Diagnostic {
    let names: Vec<String> = missing.iter().map(|formal| format!("`{}`", formal.name)).collect();
    Diagnostic::new(Code::E0202, format!("`{callee}` needs {}", names.join(" and ")))
        .primary(span, if names.len() == 1 { "an argument is missing" } else { "arguments are missing" })
        .note(signature(callee, formals))
}

/// `its parameters: x, out, kernel=…`.
fn signature(callee: &str, formals: &[Formal<'_>]) -> String {
    if formals.is_empty() {
        return format!("`{callee}` has no parameters");
    }
    let mut names: Vec<String> = Vec::new();
    for formal in formals {
        let name = match (formal.rest, formal.required) {
            (true, _) => format!("{}…", formal.name),
            (false, true) => formal.name.to_owned(),
            (false, false) => format!("{}=…", formal.name),
        };
        // An operation that is also a routing has the parameters of both.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("its parameters: `{callee}({})`", names.join(", "))
}

/// An error of an operation, at one place.
pub(super) fn op_error_at(kind: &OpErrorKind, span: Span) -> Diagnostic {
    let error = Diagnostic::new(kind.code(), kind.to_string()).primary(place(kind, span), "");
    finish_op_error(error, kind)
}

/// Where an error is shown: names that are taken have a place of their own.
fn place(kind: &OpErrorKind, otherwise: Span) -> Span {
    match kind {
        OpErrorKind::NameTaken { here, .. } => *here,
        _ => otherwise,
    }
}

fn finish_op_error(mut error: Diagnostic, kind: &OpErrorKind) -> Diagnostic {
    if let OpErrorKind::NameTaken { here, other, .. } = kind {
        if other != here {
            error = error.secondary(*other, "first used here");
        } else if let Some(label) = error.labels.first_mut() {
            label.text = "this gives the same name again".to_owned();
        }
    }
    match kind.advice() {
        Some(advice) => error.help(advice),
        None => error,
    }
}

/// An error of an operation: the argument to blame, and where the tensors that it got came from.
pub(super) fn op_error(
    op_error: &OpError,
    definition: &Definition,
    arguments: &[Option<Bound>],
    site: &Site,
    builder: &GraphBuilder,
) -> Diagnostic {
    let blamed = op_error.argument.and_then(|name| {
        let position = definition.parameters.iter().position(|parameter| parameter.name == name)?;
        arguments.get(position)?.as_ref()
    });
    let of = match op_error.argument {
        Some(name) => format!("`{name}` of `{}`: ", definition.name),
        None => String::new(),
    };
    let message = match &op_error.kind {
        OpErrorKind::Type { .. }
        | OpErrorKind::Range { .. }
        | OpErrorKind::NotWhole { .. }
        | OpErrorKind::Rank { .. } => format!("{of}{}", op_error.kind),
        kind => kind.to_string(),
    };
    let mut error = Diagnostic::new(op_error.kind.code(), message);
    let blamed_value = blamed.map(|bound| &bound.value);
    let blamed_span = blamed.map(|bound| bound.span).filter(|_| !matches!(blamed_value, Some(Value::Tensor(_))));
    error = error.primary(place(&op_error.kind, blamed_span.unwrap_or(site.span)), "");
    // What moves elements takes sizes and dimensions that depend on the shape.
    let is_about_shapes = op_error.kind.is_about_shapes()
        || (matches!(op_error.kind, OpErrorKind::Range { .. }) && definition.family == "Layout");
    let shown = if is_about_shapes { arguments } else { &[] };
    let instance = site.instance;
    for bound in shown.iter().flatten() {
        if let Value::Tensor(node) = &bound.value {
            error = shape_label(error, *node, instance, builder);
        }
        if let Value::List(values) = &bound.value {
            let tensors = values.iter().filter_map(|value| match value {
                Value::Tensor(node) => Some(*node),
                _ => None,
            });
            error = tensors.fold(error, |error, node| shape_label(error, node, instance, builder));
        }
    }
    if let (OpErrorKind::Type { expected: "a tensor", .. }, Some(value)) = (&op_error.kind, blamed_value) {
        error = advise_pipe(error, value);
    }
    if let (OpErrorKind::Range { expected, .. }, Some(Bound { value: Value::Str(text), span })) =
        (&op_error.kind, blamed)
        && expected.contains(&format!("`{text}`"))
    {
        error = error.suggest("words stand without quotes", *span, text.to_string());
    }
    finish_op_error(error, &op_error.kind)
}

/// `leaky_relu(0.1)`, `conv(16)`: a setting stands where the input should.
pub(super) fn no_input(definition: &Definition, given: &Given) -> Diagnostic {
    let name = definition.parameters.first().map_or("", |first| first.name);
    let found = describe(&given.value);
    let message = format!("`{name}` of `{}`: expected a tensor, found {found}", definition.name);
    let error = advise_pipe(Diagnostic::new(Code::E0301, message).primary(given.span, ""), &given.value);
    match definition.parameters {
        [first, setting, ..] if first.name == INPUT.name && !matches!(given.value, Value::Callable(_)) => error
            .suggest(
                "the first argument is the input; to give a setting and leave the input open, name it",
                beginning(given.span),
                format!("{}=", setting.name),
            ),
        _ => error,
    }
}

/// An error of arithmetic with tensors.
pub(super) fn tensor_operands(
    kind: &OpErrorKind,
    span: Span,
    operands: &[(NodeId, Span)],
    instance: InstanceId,
    builder: &GraphBuilder,
) -> Diagnostic {
    let mut error = Diagnostic::new(kind.code(), kind.to_string()).primary(span, "");
    let operands = if kind.is_about_shapes() { operands } else { &[] };
    for (node, operand) in operands {
        if *operand != span {
            error = error.secondary(*operand, builder.shape(*node).to_string());
        }
    }
    for (node, operand) in operands {
        if builder.span(*node) != Some(*operand) {
            error = shape_label(error, *node, instance, builder);
        }
    }
    finish_op_error(error, kind)
}

/// Says where a tensor comes from and what shape it has. If another instance made it than the one where the error is, that is
/// named: the place in the source may be the same.
fn shape_label(error: Diagnostic, node: NodeId, instance: InstanceId, builder: &GraphBuilder) -> Diagnostic {
    let Some(span) = builder.span(node) else { return error };
    let origin = builder.origin(node).filter(|origin| !origin.path.is_empty());
    let own_path = builder.instance_path(instance);
    let suffix = match origin {
        Some(origin) if origin.path != own_path => format!(", in `{}`", shortened(&origin.path)),
        _ => String::new(),
    };
    let text = format!("shape {} comes from here{suffix}", builder.shape(node));
    if error.labels.iter().any(|label| label.span == span && label.text == text) {
        return error;
    }
    error.secondary(span, text)
}
