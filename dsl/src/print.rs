//! The syntax tree as text, for `pnetc build --emit ast`: one node per line, children indented below it.
//!
//! In: an [`ast::File`](crate::ast::File). Out: text that shows everything but spans, so that two trees print alike just when they
//! mean the same program text.

use std::fmt::Display;

use crate::ast::{
    Block, Clause, Comparison, Expr, ExprKind, File, FnBody, InstancePath, Item, ItemKind, Limit, Parameter,
    PathSegment, Pattern, Statement, StatementKind, Subscript, UnaryOperator, ValueBlock,
};

/// Prints a tree.
#[must_use]
pub fn print(file: &File) -> String {
    let mut printer = Printer { text: String::new(), depth: 0 };
    for item in &file.items {
        printer.item(item);
    }
    printer.text
}

struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, line: impl Display) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    /// Prints `head`, and below it what `children` print.
    fn node(&mut self, head: impl Display, children: impl FnOnce(&mut Self)) {
        self.line(head);
        self.depth += 1;
        children(self);
        self.depth -= 1;
    }

    fn item(&mut self, item: &Item) {
        for line in item.docs.lines() {
            self.line(format!("/// {line}").trim_end());
        }
        match &item.kind {
            ItemKind::Use(item) => self.line(format_args!("use {:?}", item.path)),
            ItemKind::Const(item) => self.expr(&format!("const {} = ", item.name.text), &item.value),
            ItemKind::Fn(item) => self.node(format_args!("fn {}", item.name.text), |printer| {
                printer.parameters(&item.parameters);
                match &item.body {
                    FnBody::Expr(value) => printer.expr("= ", value),
                    FnBody::Block(block) => printer.block("body", block),
                }
            }),
            ItemKind::Module(item) => self.node(format_args!("module {}", item.name.text), |printer| {
                printer.parameters(&item.parameters);
                printer.block("body", &item.body);
            }),
            ItemKind::Network(item) => self.node(format_args!("network {}", item.name.text), |printer| {
                printer.parameters(&item.parameters);
                printer.block("body", &item.body);
            }),
            ItemKind::Budget(item) => self.node(format_args!("budget {}", item.target.text), |printer| {
                item.limits.iter().for_each(|limit| printer.limit(limit));
            }),
        }
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        for parameter in parameters {
            match &parameter.default {
                Some(default) => self.expr(&format!("parameter {} = ", parameter.name.text), default),
                None => self.line(format_args!("parameter {}", parameter.name.text)),
            }
        }
    }

    fn limit(&mut self, limit: &Limit) {
        let preset = limit.preset.as_ref().map(|preset| format!("({})", preset.text)).unwrap_or_default();
        let comparison = match limit.comparison {
            Comparison::AtMost => "<=",
            Comparison::Below => "<",
        };
        self.expr(&format!("{}{preset} {comparison} ", limit.metric.text), &limit.bound);
    }

    fn block(&mut self, head: &str, block: &Block) {
        self.node(head, |printer| block.statements.iter().for_each(|statement| printer.statement(statement)));
    }

    fn value_block(&mut self, head: &str, block: &ValueBlock) {
        self.node(head, |printer| {
            block.statements.iter().for_each(|statement| printer.statement(statement));
            printer.expr("", &block.value);
        });
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Input { name, dtype, shape } => {
                self.node(format_args!("input {}: {}", name.text, dtype.text), |printer| {
                    shape.iter().for_each(|dimension| printer.expr("", dimension));
                });
            }
            StatementKind::Let { pattern: bound, value } => self.expr(&format!("let {} = ", pattern(bound)), value),
            StatementKind::Assign { name, value } => self.expr(&format!("{} = ", name.text), value),
            StatementKind::For { index, pattern, iterable, body } => {
                self.node(for_head(index.as_ref(), pattern), |printer| {
                    printer.expr("in ", iterable);
                    printer.block("body", body);
                });
            }
            StatementKind::If { branches, otherwise } => self.node("if", |printer| {
                for (condition, block) in branches {
                    printer.expr("condition ", condition);
                    printer.block("then", block);
                }
                otherwise.iter().for_each(|block| printer.block("else", block));
            }),
            StatementKind::Return(values) => self.node("return", |printer| {
                for value in values {
                    let name = value.name.as_ref().map(|name| format!("{} = ", name.text)).unwrap_or_default();
                    printer.expr(&name, &value.value);
                }
            }),
        }
    }

    /// Prints an expression; `label` stands before it on its first line.
    fn expr(&mut self, label: &str, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int(value) => self.line(format_args!("{label}int {value}")),
            ExprKind::Float(value) => self.line(format_args!("{label}float {value:?}")),
            ExprKind::Str(value) => self.line(format_args!("{label}string {value:?}")),
            ExprKind::Bool(value) => self.line(format_args!("{label}bool {value}")),
            ExprKind::Name(name) => self.line(format_args!("{label}name {name}")),
            ExprKind::List(elements) => self.node(format_args!("{label}list"), |printer| {
                elements.iter().for_each(|element| printer.expr("", element));
            }),
            ExprKind::Tuple(elements) => self.node(format_args!("{label}tuple"), |printer| {
                elements.iter().for_each(|element| printer.expr("", element));
            }),
            ExprKind::Comprehension { element, clauses } => {
                self.node(format_args!("{label}comprehension"), |printer| {
                    printer.expr("", element);
                    clauses.iter().for_each(|clause| printer.clause(clause));
                });
            }
            ExprKind::Unary { operator, operand } => {
                let symbol = match operator {
                    UnaryOperator::Negate => "-",
                    UnaryOperator::Not => "!",
                };
                self.node(format_args!("{label}unary {symbol}"), |printer| printer.expr("", operand));
            }
            ExprKind::Binary { operator, left, right, .. } => {
                self.node(format_args!("{label}binary {}", operator.symbol()), |printer| {
                    printer.expr("", left);
                    printer.expr("", right);
                });
            }
            ExprKind::Range { start, end, inclusive } => {
                self.node(format_args!("{label}range {}", if *inclusive { "..=" } else { ".." }), |printer| {
                    printer.expr("", start);
                    printer.expr("", end);
                });
            }
            ExprKind::If { branches, otherwise } => self.node(format_args!("{label}if"), |printer| {
                for (condition, block) in branches {
                    printer.expr("condition ", condition);
                    printer.value_block("then", block);
                }
                printer.value_block("else", otherwise);
            }),
            ExprKind::Call { callee, arguments } => self.node(format_args!("{label}call"), |printer| {
                printer.expr("", callee);
                for argument in arguments {
                    let name = argument.name.as_ref().map(|name| format!("{} = ", name.text)).unwrap_or_default();
                    printer.expr(&format!("argument {name}"), &argument.value);
                }
            }),
            ExprKind::Pipeline { first, stages } => self.node(format_args!("{label}pipeline"), |printer| {
                printer.expr("", first);
                stages.iter().for_each(|stage| printer.expr("|> ", stage));
            }),
            ExprKind::Named { value, path } => self.node(format_args!("{label}named"), |printer| {
                printer.expr("", value);
                printer.path(path);
            }),
            ExprKind::Index { base, subscripts } => self.node(format_args!("{label}index"), |printer| {
                printer.expr("", base);
                subscripts.iter().for_each(|subscript| printer.subscript(subscript));
            }),
            ExprKind::Attribute { base, name } => {
                self.node(format_args!("{label}attribute {}", name.text), |printer| printer.expr("", base));
            }
        }
    }

    fn clause(&mut self, clause: &Clause) {
        self.node(for_head(clause.index.as_ref(), &clause.pattern), |printer| {
            printer.expr("in ", &clause.iterable);
            clause.conditions.iter().for_each(|condition| printer.expr("if ", condition));
        });
    }

    fn subscript(&mut self, subscript: &Subscript) {
        match subscript {
            Subscript::At(index) => self.expr("at ", index),
            Subscript::Slice { start, end, step, .. } => self.node("slice", |printer| {
                for (label, bound) in [("from ", start), ("to ", end), ("by ", step)] {
                    bound.iter().for_each(|bound| printer.expr(label, bound));
                }
            }),
        }
    }

    /// `as blocks[s].conv`, with indices that are more than a name or a number on lines of their own.
    fn path(&mut self, path: &InstancePath) {
        let mut text = String::new();
        let mut complex = Vec::new();
        for segment in &path.segments {
            match segment {
                PathSegment::Name(name) if text.is_empty() => text.push_str(&name.text),
                PathSegment::Name(name) => text.push_str(&format!(".{}", name.text)),
                PathSegment::Index(index) => match &index.kind {
                    ExprKind::Name(name) => text.push_str(&format!("[{name}]")),
                    ExprKind::Int(value) => text.push_str(&format!("[{value}]")),
                    _ => {
                        text.push_str("[..]");
                        complex.push(index);
                    }
                },
            }
        }
        self.node(format_args!("as {text}"), |printer| complex.iter().for_each(|index| printer.expr("index ", index)));
    }
}

fn for_head(index: Option<&Pattern>, element: &Pattern) -> String {
    match index {
        Some(index) => format!("for {}, {}", pattern(index), pattern(element)),
        None => format!("for {}", pattern(element)),
    }
}

fn pattern(bound: &Pattern) -> String {
    match bound {
        Pattern::Name(name) => name.text.clone(),
        Pattern::Ignore(_) => "_".to_owned(),
        Pattern::Tuple(patterns, _) => {
            let inner: Vec<String> = patterns.iter().map(pattern).collect();
            let comma = if inner.len() == 1 { "," } else { "" };
            format!("({}{comma})", inner.join(", "))
        }
    }
}
