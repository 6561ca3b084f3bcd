//! Expressions in Python.

use parameternet_dsl::ast::{BinaryOperator, Clause, Expr, ExprKind, Subscript, UnaryOperator, ValueBlock};

use super::body::{Body, Kind, Mode};
use super::meaning::{self, Meaning};
use super::names::string;
use super::python::{self, Py, Stmt, Target};
use super::statement::ternary;
use crate::backend::names::snake_case;

impl Body<'_, '_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> (Py, Kind) {
        self.expr_into(expr, None)
    }

    /// The value of an expression; `hint` is a variable that stages on the way may use.
    pub(super) fn expr_into(&mut self, expr: &Expr, hint: Option<&str>) -> (Py, Kind) {
        if self.mode != Mode::Function && self.file.flow.is_costly(expr, &self.place) && !self.holds(expr).tensor {
            return self.kept(expr);
        }
        self.kept_name = None;
        self.plain(expr, hint)
    }

    /// A value that is computed once, in the constructor.
    fn kept(&mut self, expr: &Expr) -> (Py, Kind) {
        let wanted = match &expr.kind {
            _ if self.kept_name.is_some() => self.kept_name.take().unwrap_or_default(),
            ExprKind::Call { callee, .. } => match &callee.kind {
                ExprKind::Name(name) => snake_case(name),
                _ => "constant".to_owned(),
            },
            _ => "constant".to_owned(),
        };
        let slot = self.class.slot(expr.span, &wanted, self.loops > 0, true);
        let attribute = format!("self.{}", slot.attribute);
        if self.mode == Mode::Forward {
            let value =
                if slot.is_list { self.next_of(&slot.attribute).attribute("value") } else { Py::atom(attribute) };
            return (value, Kind::Other);
        }
        let (value, kind) = self.plain(expr, None);
        if !self.class.read.contains(&slot.attribute) {
            return (value, kind);
        }
        if slot.is_list {
            let kept = self.helper_call("Kept", vec![value]);
            self.emit(Stmt::Effect(Py::atom(attribute.clone()).method("append", vec![kept])));
            return (Py::atom(format!("{attribute}[-1].value")), kind);
        }
        let name = Py::atom(string(&slot.attribute));
        self.emit(Stmt::Effect(Py::call("self.keep", vec![name, value])));
        (Py::atom(attribute), kind)
    }

    /// A value that is not kept, however costly it is.
    pub(super) fn unkept(&mut self, expr: &Expr) -> Py {
        self.plain(expr, None).0
    }

    fn plain(&mut self, expr: &Expr, hint: Option<&str>) -> (Py, Kind) {
        match &expr.kind {
            ExprKind::Int(value) => (Py::atom(value.to_string()), Kind::Int),
            ExprKind::Float(value) => (Py::atom(format!("{value:?}")), Kind::Float),
            ExprKind::Str(text) => (Py::atom(string(text)), Kind::Other),
            ExprKind::Bool(value) => (Py::atom(if *value { "True" } else { "False" }), Kind::Other),
            ExprKind::Name(name) => self.name(name),
            ExprKind::List(elements) => (Py::List(self.elements(elements)), Kind::Other),
            ExprKind::Tuple(elements) => (Py::Tuple(self.elements(elements)), Kind::Other),
            ExprKind::Comprehension { element, clauses } => (self.comprehension(element, clauses), Kind::Other),
            ExprKind::Unary { operator, operand } => {
                let (operand, kind) = self.expr(operand);
                match operator {
                    UnaryOperator::Negate => (Py::Unary("-", Box::new(operand)), kind),
                    UnaryOperator::Not => (Py::Unary("not ", Box::new(operand)), Kind::Other),
                }
            }
            ExprKind::Binary { operator, left, right, .. } => self.binary(*operator, left, right),
            ExprKind::Range { start, end, inclusive } => {
                let is_zero = matches!(start.kind, ExprKind::Int(0));
                let start = self.whole(start);
                let mut end = self.whole(end);
                if *inclusive {
                    end = match &end {
                        Py::Atom(text) if text.parse::<i64>().is_ok() => {
                            Py::atom((text.parse::<i64>().unwrap_or(0).saturating_add(1)).to_string())
                        }
                        _ => Py::binary("+", end, Py::atom("1")),
                    };
                }
                let arguments = if is_zero { vec![end] } else { vec![start, end] };
                (Py::call("range", arguments), Kind::Other)
            }
            ExprKind::If { branches, otherwise } => self.choice_of_values(branches, otherwise),
            ExprKind::Call { .. } | ExprKind::Pipeline { .. } | ExprKind::Named { .. } => self.calls(expr, hint),
            ExprKind::Index { base, subscripts } => self.index(base, subscripts),
            ExprKind::Attribute { base, name } => {
                let (base, _) = self.expr(base);
                let shape = |position: &str| base.clone().attribute("shape").index(Py::atom(position));
                match name.text.as_str() {
                    "batch" => (shape("0"), Kind::Int),
                    "channels" => (shape("1"), Kind::Int),
                    "height" => (shape("2"), Kind::Int),
                    "width" => (shape("3"), Kind::Int),
                    "features" => (shape("-1"), Kind::Int),
                    "rank" => (base.attribute("ndim"), Kind::Int),
                    _ => (Py::call("list", vec![base.attribute("shape")]), Kind::Other),
                }
            }
        }
    }

    fn elements(&mut self, elements: &[Expr]) -> Vec<Py> {
        elements.iter().map(|element| self.expr(element).0).collect()
    }

    /// A whole number: what might be a float in Python is converted.
    pub(super) fn whole(&mut self, expr: &Expr) -> Py {
        let is_float = self.holds(expr).float;
        let (value, kind) = self.expr(expr);
        if is_float && kind != Kind::Int { Py::call("int", vec![value]) } else { value }
    }

    /// A number that may be rounded: a quotient need not be whole where it could.
    pub(super) fn real(&mut self, expr: &Expr) -> Py {
        match &expr.kind {
            ExprKind::Binary { operator: BinaryOperator::Divide, left, right, .. } => {
                let (left, right) = (self.expr(left).0, self.expr(right).0);
                Py::binary("/", left, right)
            }
            _ => self.expr(expr).0,
        }
    }

    fn name(&mut self, name: &str) -> (Py, Kind) {
        match meaning::meaning(self.file.program, self.place.file, &self.place.scopes, name) {
            Some(Meaning::Variable(declared)) => match self.variables.get(&declared) {
                Some(variable) => (variable.py.clone(), variable.kind),
                None => (Py::name(name), Kind::Other),
            },
            Some(Meaning::Item(item)) => (Py::atom(self.file.item_name(item)), Kind::Other),
            Some(Meaning::Operation(definition)) => (self.operation_name(definition.name), Kind::Other),
            Some(Meaning::Builtin(builtin)) => (self.builtin_name(builtin.name), Kind::Other),
            Some(Meaning::Word(word)) => (Py::atom(string(word)), Kind::Other),
            None => (Py::name(name), Kind::Other),
        }
    }

    fn comprehension(&mut self, element: &Expr, clauses: &[Clause]) -> Py {
        self.place.scopes.push();
        let before_names = self.variables.clone();
        // First as one expression; layers, and choices with statements, need a loop.
        let (mut statements, (clauses_py, value)) = self.within(|body| {
            body.loops += 1;
            let mut parts = Vec::new();
            let mut is_first = true;
            let mut needs_loop = false;
            for clause in clauses {
                let (before, part) = body.within(|body| {
                    let (list, kind) = body.iterable(&clause.iterable);
                    let (target, iterable) = body.loop_target(clause.index.as_ref(), &clause.pattern, list, kind);
                    (target, iterable)
                });
                let conditions: Vec<(Vec<Stmt>, Py)> = clause
                    .conditions
                    .iter()
                    .map(|condition| {
                        let (before, (condition, _)) = body.within(|body| body.expr(condition));
                        (before, condition)
                    })
                    .collect();
                needs_loop |=
                    (!is_first && !before.is_empty()) || conditions.iter().any(|(before, _)| !before.is_empty());
                is_first = false;
                parts.push((before, part, conditions));
            }
            let (before, (value, _)) = body.within(|body| body.expr(element));
            body.loops -= 1;
            needs_loop |= !before.is_empty();
            (parts, (needs_loop, before, value))
        });
        self.place.scopes.pop();
        let (needs_loop, before, value) = value;
        if !needs_loop {
            let mut clauses = Vec::new();
            for (before, (target, iterable), conditions) in clauses_py {
                before.into_iter().for_each(|statement| self.emit(statement));
                let conditions = conditions.into_iter().map(|(_, condition)| condition).collect();
                clauses.push(python::Clause { target, iterable, conditions });
            }
            statements.into_iter().for_each(|statement| self.emit(statement));
            return Py::Comprehension(Box::new(value), clauses);
        }
        // Variables of the loop would stay after it.
        drop(before_names);
        let list = self.temporary("values");
        self.assign(&list, Py::List(Vec::new()));
        statements.extend(before);
        statements.push(Stmt::Append(list.clone(), value));
        for (before, (target, iterable), conditions) in clauses_py.into_iter().rev() {
            for (before, condition) in conditions.into_iter().rev() {
                let choice = Stmt::If(vec![(condition, statements)], Vec::new());
                statements = before;
                statements.push(choice);
            }
            let turn = Stmt::For(target, iterable, statements);
            statements = before;
            statements.push(turn);
        }
        statements.into_iter().for_each(|statement| self.emit(statement));
        Py::Name(list)
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) -> (Py, Kind) {
        if let BinaryOperator::And | BinaryOperator::Or = operator {
            let (left, _) = self.expr(left);
            let (before, (right, _)) = self.within(|body| body.expr(right));
            let symbol = if operator == BinaryOperator::And { "and" } else { "or" };
            if before.is_empty() {
                return (Py::binary(symbol, left, right), Kind::Other);
            }
            // What the right side needs is computed only if the left side does not decide.
            let result = self.temporary("decided");
            self.assign(&result, left);
            let condition = match operator {
                BinaryOperator::And => Py::name(&result),
                _ => Py::Unary("not ", Box::new(Py::name(&result))),
            };
            let mut block = before;
            block.push(Stmt::Assign(Target::Name(result.clone()), right));
            self.emit(Stmt::If(vec![(condition, block)], Vec::new()));
            return (Py::Name(result), Kind::Other);
        }
        let (left_holds, right_holds) = (self.holds(left), self.holds(right));
        let is_float = left_holds.float || right_holds.float || left_holds.tensor || right_holds.tensor;
        let ((left, left_kind), (right, right_kind)) = (self.expr(left), self.expr(right));
        let kind = match (left_kind, right_kind) {
            (Kind::Tensor, _) | (_, Kind::Tensor) => Kind::Tensor,
            (Kind::Int, Kind::Int) => Kind::Int,
            (Kind::Float, Kind::Float | Kind::Int) | (Kind::Int, Kind::Float) => Kind::Float,
            _ => Kind::Other,
        };
        match operator {
            BinaryOperator::Divide if is_float => {
                (Py::binary("/", left, right), if kind == Kind::Int { Kind::Other } else { kind })
            }
            BinaryOperator::Divide => (self.helper_call("divide", vec![left, right]), Kind::Other),
            BinaryOperator::Remainder => {
                // The remainder of the language is never negative.
                let is_positive = matches!(&right, Py::Atom(text) if text.parse::<u64>().is_ok());
                let right = if is_positive { right } else { Py::call("abs", vec![right]) };
                (Py::binary("%", left, right), Kind::Int)
            }
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Multiply => {
                (Py::binary(operator.symbol(), left, right), kind)
            }
            _ => (Py::binary(operator.symbol(), left, right), Kind::Other),
        }
    }

    /// A choice between values within an expression.
    fn choice_of_values(&mut self, branches: &[(Expr, ValueBlock)], otherwise: &ValueBlock) -> (Py, Kind) {
        let value = |body: &mut Self, block: &ValueBlock| body.within(|body| body.value_block(block));
        let translated: Vec<_> = branches
            .iter()
            .map(|(condition, block)| {
                let (before, (condition, _)) = self.within(|body| body.expr(condition));
                (before, condition, value(self, block))
            })
            .collect();
        let last = value(self, otherwise);
        let kinds: Vec<Kind> = translated.iter().map(|(.., (_, (_, kind)))| *kind).collect();
        let kind = if kinds.iter().all(|kind| *kind == last.1.1) { last.1.1 } else { Kind::Other };
        let is_plain = translated.iter().all(|(before, _, (block, _))| before.is_empty() && block.is_empty());
        if is_plain && last.0.is_empty() {
            let branches = translated.into_iter().map(|(_, condition, (_, (value, _)))| (condition, value)).collect();
            return (ternary(branches, last.1.0), kind);
        }
        let result = self.temporary("value");
        let assigned = |(mut block, (value, _)): (Vec<Stmt>, (Py, Kind))| {
            block.push(Stmt::Assign(Target::Name(result.clone()), value));
            block
        };
        let branches =
            translated.into_iter().map(|(before, condition, value)| (before, condition, assigned(value))).collect();
        let otherwise = assigned(last);
        self.choice(branches, otherwise);
        (Py::Name(result), kind)
    }

    fn value_block(&mut self, block: &ValueBlock) -> (Py, Kind) {
        self.place.scopes.push();
        for statement in &block.statements {
            self.statement(statement);
        }
        let value = self.expr(&block.value);
        self.place.scopes.pop();
        value
    }

    fn index(&mut self, base: &Expr, subscripts: &[Subscript]) -> (Py, Kind) {
        let is_shape = matches!(&base.kind, ExprKind::Attribute { name, .. } if name.text == "shape");
        let (base, kind) = match &base.kind {
            // The parts of a shape are taken without making a list of it.
            ExprKind::Attribute { base, name } if name.text == "shape" => {
                (self.expr(base).0.attribute("shape"), Kind::Other)
            }
            _ => self.expr(base),
        };
        let mut is_slice = false;
        let parts: Vec<Py> = subscripts
            .iter()
            .map(|subscript| match subscript {
                Subscript::At(expr) => self.whole(expr),
                Subscript::Slice { start, end, step, .. } => {
                    is_slice = true;
                    let mut part = |part: &Option<Expr>| part.as_ref().map(|part| Box::new(self.whole(part)));
                    Py::Slice([part(start), part(end), part(step)])
                }
            })
            .collect();
        let value = Py::Index(Box::new(base), parts);
        match (is_shape, is_slice) {
            (true, true) => (Py::call("list", vec![value]), Kind::Other),
            (true, false) => (value, Kind::Int),
            (false, _) => (value, if kind == Kind::Tensor { Kind::Tensor } else { Kind::Other }),
        }
    }
}
