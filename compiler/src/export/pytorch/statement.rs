//! Statements in Python.

use parameternet_dsl::ast::{Block, Expr, ExprKind, Pattern, Statement, StatementKind, ValueBlock};

use super::body::{Body, Kind, Mode};
use super::meaning;
use super::names::string;
use super::python::{Py, Stmt, Target};

impl Body<'_, '_> {
    /// A block in a scope of its own.
    pub(super) fn block(&mut self, block: &Block) {
        self.place.scopes.push();
        for statement in &block.statements {
            self.statement(statement);
        }
        self.place.scopes.pop();
    }

    pub(super) fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Input { name, shape, .. } => {
                let python = self.python_name(&name.text);
                if self.mode == Mode::Init {
                    let sizes = shape.iter().map(|size| self.whole(size)).collect();
                    self.assign(&python, Py::call("torch.zeros", sizes));
                }
                self.declare(&name.text, name.span, python, Kind::Tensor);
            }
            StatementKind::Let { pattern, value } => self.binding(pattern, value),
            StatementKind::Assign { name, value } => {
                let variable =
                    self.place.scopes.lookup(&name.text).and_then(|declared| self.variables.get(&declared)).cloned();
                if let Some(Py::Name(python)) = variable.map(|variable| variable.py) {
                    self.assign_value(&python, &name.text, value);
                }
            }
            StatementKind::For { index, pattern, iterable, body } => {
                self.for_loop(index.as_ref(), pattern, iterable, body);
            }
            StatementKind::If { branches, otherwise } => {
                let branches: Vec<_> = branches
                    .iter()
                    .map(|(condition, block)| {
                        let (before, (condition, _)) = self.within(|body| body.expr(condition));
                        let (statements, ()) = self.within(|body| body.block(block));
                        (before, condition, statements)
                    })
                    .collect();
                let (otherwise, ()) = self.within(|body| otherwise.iter().for_each(|block| body.block(block)));
                self.choice(branches, otherwise);
            }
            StatementKind::Return(values) => {
                let value = match values.as_slice() {
                    [only] if only.name.is_none() || !self.file.has_named_outputs => self.returned(&only.value),
                    named if named.iter().all(|value| value.name.is_some()) => {
                        // Named outputs of a network.
                        let pairs = named.iter().map(|value| {
                            let key = value.name.as_ref().map_or_else(String::new, |name| string(&name.text));
                            let (value, _) = self.expr(&value.value);
                            (key, value)
                        });
                        Py::Dict(pairs.collect())
                    }
                    several => Py::Tuple(several.iter().map(|value| self.expr(&value.value).0).collect()),
                };
                self.emit(Stmt::Return((self.mode != Mode::Init).then_some(value)));
            }
        }
    }

    /// The value of a `return`: a variable that ends here may serve for its stages.
    fn returned(&mut self, value: &Expr) -> Py {
        let hint = match &value.kind {
            ExprKind::Pipeline { first, stages } => match &first.kind {
                ExprKind::Name(name) if !stages.iter().skip(1).any(|stage| self.mentions(stage.span, name)) => {
                    let declared = self.place.scopes.lookup(name);
                    match declared.and_then(|declared| self.variables.get(&declared)).map(|variable| &variable.py) {
                        Some(Py::Name(python)) => Some(python.clone()),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        };
        self.expr_into(value, hint.as_deref()).0
    }

    fn binding(&mut self, pattern: &Pattern, value: &Expr) {
        match pattern {
            Pattern::Name(name) => {
                let python = self.python_name(&name.text);
                let kind = self.assign_value(&python, &name.text, value);
                self.declare(&name.text, name.span, python, kind);
            }
            _ => {
                let (value, _) = self.expr(value);
                let target = self.declare_pattern(pattern, Kind::Other);
                self.emit(Stmt::Assign(target, value));
            }
        }
    }

    /// Assigns the value of an expression to the Python variable of a name.
    fn assign_value(&mut self, python: &str, name: &str, value: &Expr) -> Kind {
        if let ExprKind::If { branches, otherwise } = &value.kind {
            let assign = |body: &mut Self, block: &ValueBlock| {
                body.place.scopes.push();
                for statement in &block.statements {
                    body.statement(statement);
                }
                let kind = body.assign_value(python, name, &block.value);
                body.place.scopes.pop();
                kind
            };
            let branches: Vec<_> = branches
                .iter()
                .map(|(condition, block)| {
                    let (before, (condition, _)) = self.within(|body| body.expr(condition));
                    let (statements, kind) = self.within(|body| assign(body, block));
                    (before, condition, statements, kind)
                })
                .collect();
            let (last, last_kind) = self.within(|body| assign(body, otherwise));
            let kind = if branches.iter().all(|(.., kind)| *kind == last_kind) { last_kind } else { Kind::Other };
            let simple: Option<Vec<(Py, Py)>> = branches
                .iter()
                .map(|(before, condition, statements, _)| {
                    let value = only_value(statements, python).filter(|_| before.is_empty())?;
                    Some((condition.clone(), value.clone()))
                })
                .collect();
            if let (Some(simple), Some(last)) = (simple, only_value(&last, python)) {
                let value = ternary(simple, last.clone());
                if super::layout::flat(&value).len() <= MAX_TERNARY {
                    self.assign(python, value);
                    return kind;
                }
            }
            let branches =
                branches.into_iter().map(|(before, condition, block, _)| (before, condition, block)).collect();
            self.choice(branches, last);
            return kind;
        }
        let is_safe = match &value.kind {
            ExprKind::Pipeline { stages, .. } => !stages.iter().skip(1).any(|stage| self.mentions(stage.span, name)),
            _ => false,
        };
        self.kept_name = Some(name.to_owned());
        let (value, kind) = self.expr_into(value, Some(python).filter(|_| is_safe));
        self.assign(python, value);
        kind
    }

    /// A chain of conditions, each with what has to be computed before it.
    pub(super) fn choice(&mut self, branches: Vec<(Vec<Stmt>, Py, Vec<Stmt>)>, otherwise: Vec<Stmt>) {
        let mut rest = otherwise;
        let mut chain: Vec<(Py, Vec<Stmt>)> = Vec::new();
        for (before, condition, block) in branches.into_iter().rev() {
            chain.push((condition, block));
            if !before.is_empty() {
                chain.reverse();
                let choice = Stmt::If(std::mem::take(&mut chain), rest);
                rest = before;
                rest.push(choice);
            }
        }
        if chain.is_empty() {
            for statement in rest {
                self.emit(statement);
            }
        } else {
            chain.reverse();
            self.emit(Stmt::If(chain, rest));
        }
    }

    fn for_loop(&mut self, index: Option<&Pattern>, pattern: &Pattern, iterable: &Expr, body: &Block) {
        let (list, element) = self.iterable(iterable);
        self.place.scopes.push();
        let (target, list) = self.loop_target(index, pattern, list, element);
        self.loops += 1;
        let (statements, ()) = self.within(|inner| inner.block(body));
        self.loops -= 1;
        self.place.scopes.pop();
        self.emit(Stmt::For(target, list, statements));
    }

    /// The target of a loop and what it goes through, with a running index if there is one.
    pub(super) fn loop_target(
        &mut self,
        index: Option<&Pattern>,
        pattern: &Pattern,
        list: Py,
        element: Kind,
    ) -> (Target, Py) {
        match index {
            None => (self.declare_pattern(pattern, element), list),
            Some(index) => {
                let index = self.declare_pattern(index, Kind::Int);
                let target = Target::Tuple(vec![index, self.declare_pattern(pattern, element)]);
                (target, Py::call("enumerate", vec![list]))
            }
        }
    }

    /// What a loop goes through, and the type of its elements.
    pub(super) fn iterable(&mut self, expr: &Expr) -> (Py, Kind) {
        let element = match &expr.kind {
            ExprKind::Range { .. } => Kind::Int,
            _ => Kind::Other,
        };
        if let ExprKind::Call { callee, arguments } = &expr.kind
            && let Some(meaning::Meaning::Builtin(builtin)) =
                meaning::callee(self.file.program, self.place.file, &self.place.scopes, callee)
            && matches!(builtin.name, "zip" | "reversed")
            && arguments.iter().all(|argument| argument.name.is_none())
        {
            // No list is needed.
            let arguments = arguments.iter().map(|argument| self.expr(&argument.value).0).collect();
            return (Py::call(builtin.name, arguments), element);
        }
        (self.expr(expr).0, element)
    }
}

/// How long a choice between values on one line may be.
const MAX_TERNARY: usize = 100;

/// The value, if all that the statements do is to assign it to the variable.
fn only_value<'s>(statements: &'s [Stmt], variable: &str) -> Option<&'s Py> {
    match statements {
        [Stmt::Assign(Target::Name(name), value)] if name == variable => Some(value),
        _ => None,
    }
}

/// `a if x else b if y else c`; just the value where all are the same.
pub(super) fn ternary(branches: Vec<(Py, Py)>, otherwise: Py) -> Py {
    if branches.iter().all(|(_, value)| *value == otherwise) {
        return otherwise;
    }
    branches
        .into_iter()
        .rev()
        .fold(otherwise, |rest, (condition, value)| Py::Ternary(Box::new([value, condition, rest])))
}
