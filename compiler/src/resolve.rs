//! Names: every name that is used must be defined, in every body, whether something calls it or not.
//!
//! In: a [`Program`] whose files are parsed. Out: an error for each name that means nothing. What a name means is decided
//! again, by the same rules, when the program is evaluated.

use std::collections::HashSet;

use parameternet_dsl::ast::{
    Argument, Block, Clause, Expr, ExprKind, FnBody, InstancePath, Item, ItemKind, Name, Parameter, PathSegment,
    Pattern, Statement, StatementKind, Subscript, ValueBlock,
};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};
use parameternet_dsl::limits::MAX_SHOWN_ERRORS;
use parameternet_dsl::source::Span;

use crate::analysis::budget::check_limits;
use crate::elaborate::builtin;
use crate::op;
use crate::program::{FileId, Program};

/// Checks every file of the program.
pub(crate) fn check(program: &Program) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for (id, file) in program.files() {
        let mut resolver = Resolver {
            program,
            file: id,
            scopes: Vec::new(),
            made: Vec::new(),
            in_network: false,
            quiet: file.incomplete,
            errors: &mut errors,
        };
        for item in &file.ast.items {
            resolver.item(item);
        }
    }
    errors
}

/// The names that the language itself defines.
pub(crate) fn predefined<'a>() -> impl Iterator<Item = &'a str> {
    op::definitions()
        .map(|definition| definition.name)
        .chain(builtin::BUILTINS.iter().map(|builtin| builtin.name))
        .chain(op::WORDS.iter().copied())
}

/// The error for a name that means nothing, given all that could have been meant.
pub(crate) fn unknown_name<'a>(name: &str, span: Span, candidates: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let error = Diagnostic::new(Code::E0103, format!("cannot find `{name}` in this scope"));
    match did_you_mean(name, candidates) {
        Some(meant) => error.primary(span, "not found").suggest("a similar name exists", span, meant),
        None => error.primary(span, "not found in this scope"),
    }
}

/// The error for an `input` outside of a network.
fn misplaced_input(name: &Name, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0310, "`input` belongs in the body of a network")
        .primary(span, "not in this body")
        .help(format!("a module takes its tensors as parameters: add `{}` to them", name.text))
}

struct Resolver<'a> {
    program: &'a Program,
    file: FileId,
    scopes: Vec<HashSet<&'a str>>,
    /// The variables made so far in the item at hand, those whose block has ended included.
    made: Vec<&'a Name>,
    /// Whether the body at hand is that of a network.
    in_network: bool,
    /// Names may be missing because of errors that were reported.
    quiet: bool,
    errors: &'a mut Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    fn item(&mut self, item: &'a Item) {
        self.made.clear();
        match &item.kind {
            ItemKind::Use(_) => {}
            ItemKind::Const(definition) => self.expr(&definition.value),
            ItemKind::Fn(definition) => {
                self.parameters(&definition.parameters, |resolver| match &definition.body {
                    FnBody::Expr(expr) => resolver.expr(expr),
                    FnBody::Block(block) => resolver.block(block),
                });
            }
            ItemKind::Module(definition) => {
                self.parameters(&definition.parameters, |resolver| resolver.block(&definition.body));
            }
            ItemKind::Network(definition) => {
                self.parameters(&definition.parameters, |resolver| {
                    resolver.bind("batch");
                    resolver.in_network = true;
                    resolver.block(&definition.body);
                    resolver.in_network = false;
                });
            }
            ItemKind::Budget(budget) => {
                let target =
                    self.program.lookup(self.file, &budget.target.text).and_then(|item| self.program.item(item));
                match target.map(|item| &item.kind) {
                    Some(ItemKind::Network(_) | ItemKind::Module(_)) => {}
                    _ if self.quiet => {}
                    Some(_) => self.errors.push(
                        Diagnostic::new(
                            Code::E0107,
                            format!("`{}` is neither a network nor a module", budget.target.text),
                        )
                        .primary(budget.target.span, "a budget binds a network or a module"),
                    ),
                    None => self.errors.push(self.no_target(&budget.target)),
                }
                self.errors.extend(check_limits(&budget.limits));
                for limit in &budget.limits {
                    self.expr(&limit.bound);
                }
            }
        }
    }

    fn no_target(&self, target: &Name) -> Diagnostic {
        let networks_and_modules = self.program.names(self.file).filter(|name| {
            let item = self.program.lookup(self.file, name).and_then(|item| self.program.item(item));
            matches!(item.map(|item| &item.kind), Some(ItemKind::Network(_) | ItemKind::Module(_)))
        });
        let error = Diagnostic::new(Code::E0107, format!("there is no network or module `{}`", target.text));
        match did_you_mean(&target.text, networks_and_modules) {
            Some(meant) => error.primary(target.span, "not found").suggest("a similar name exists", target.span, meant),
            None => error.primary(target.span, "a budget binds a network or a module"),
        }
    }

    fn parameters(&mut self, parameters: &'a [Parameter], body: impl FnOnce(&mut Self)) {
        self.scopes.push(HashSet::new());
        for parameter in parameters {
            if let Some(default) = &parameter.default {
                self.expr(default);
            }
            let taken = self.scopes.last().is_some_and(|scope| scope.contains(parameter.name.text.as_str()));
            if taken {
                let first = parameters.iter().find(|other| other.name.text == parameter.name.text);
                let error =
                    Diagnostic::new(Code::E0104, format!("two parameters are called `{}`", parameter.name.text))
                        .primary(parameter.name.span, "used again here");
                self.errors.push(match first {
                    Some(first) => error.secondary(first.name.span, "first used here"),
                    None => error,
                });
            }
            self.bind(&parameter.name.text);
        }
        body(self);
        self.scopes.pop();
    }

    fn bind(&mut self, name: &'a str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::Name(name) => {
                self.bind(&name.text);
                self.made.push(name);
            }
            Pattern::Ignore(_) => {}
            Pattern::Tuple(patterns, _) => patterns.iter().for_each(|pattern| self.pattern(pattern)),
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }

    fn name(&mut self, name: &str, span: Span) {
        let known = self.is_local(name)
            || self.program.lookup(self.file, name).is_some()
            || predefined().any(|predefined| predefined == name);
        if known || self.quiet {
            return;
        }
        let mut candidates: Vec<&str> = Vec::new();
        // Errors past those that are shown need no suggestions, which cost time with each name that is known.
        if self.errors.len() < MAX_SHOWN_ERRORS {
            candidates.extend(self.scopes.iter().flatten().copied().chain(self.program.names(self.file)));
            candidates.extend(predefined());
            candidates.sort_unstable();
        }
        let error = unknown_name(name, span, candidates);
        self.errors.push(match self.made.iter().rev().find(|made| made.text == name) {
            // Made before and yet not in scope: its block has ended.
            Some(made) => Diagnostic { helps: Vec::new(), ..error }
                .secondary(made.span, "known inside of its loop or block only")
                .help(format!("make it with `let` before the block, and assign to it inside: `{name} = …`")),
            None => error,
        });
    }

    fn block(&mut self, block: &'a Block) {
        self.scopes.push(HashSet::new());
        self.statements(&block.statements);
        self.scopes.pop();
    }

    fn value_block(&mut self, block: &'a ValueBlock) {
        self.scopes.push(HashSet::new());
        self.statements(&block.statements);
        self.expr(&block.value);
        self.scopes.pop();
    }

    fn statements(&mut self, statements: &'a [Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Input { name, shape, .. } => {
                    if self.in_network {
                        shape.iter().for_each(|dim| self.expr(dim));
                    } else {
                        self.errors.push(misplaced_input(name, statement.span));
                    }
                    self.bind(&name.text);
                }
                StatementKind::Let { pattern, value } => {
                    self.expr(value);
                    self.pattern(pattern);
                }
                StatementKind::Assign { name, value } => {
                    self.expr(value);
                    self.assigned(name);
                }
                StatementKind::For { index, pattern, iterable, body } => {
                    self.expr(iterable);
                    self.scopes.push(HashSet::new());
                    index.iter().for_each(|index| self.pattern(index));
                    self.pattern(pattern);
                    self.block(body);
                    self.scopes.pop();
                }
                StatementKind::If { branches, otherwise } => {
                    for (condition, block) in branches {
                        self.expr(condition);
                        self.block(block);
                    }
                    otherwise.iter().for_each(|block| self.block(block));
                }
                StatementKind::Return(values) => values.iter().for_each(|value| self.expr(&value.value)),
            }
        }
    }

    fn assigned(&mut self, name: &'a Name) {
        if self.is_local(&name.text) || self.quiet {
            return;
        }
        let error = Diagnostic::new(Code::E0103, format!("cannot assign to `{}`: no such variable", name.text));
        let mut locals: Vec<&str> = Vec::new();
        if self.errors.len() < MAX_SHOWN_ERRORS {
            locals.extend(self.scopes.iter().flatten());
        }
        let is_global = self.program.lookup(self.file, &name.text).is_some();
        let is_predefined = predefined().any(|predefined| predefined == name.text);
        let error = match did_you_mean(&name.text, locals) {
            _ if is_global || is_predefined => {
                Diagnostic::new(Code::E0309, format!("`{}` cannot be assigned to", name.text))
                    .primary(
                        name.span,
                        format!(
                            "{}, so it never changes",
                            if is_global { "defined at the top level" } else { "part of the language" }
                        ),
                    )
                    .help(format!("to use the name for something else in this body, write `let {} = …`", name.text))
            }
            Some(meant) => error.primary(name.span, "not found").suggest("a similar name exists", name.span, meant),
            None => error.primary(name.span, "not found in this scope").suggest(
                "to make a new variable, use `let`",
                name.span,
                format!("let {}", name.text),
            ),
        };
        self.errors.push(error);
        // Reported once; later uses mean this one.
        self.bind(&name.text);
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) | ExprKind::Bool(_) => {}
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::List(values) | ExprKind::Tuple(values) => values.iter().for_each(|value| self.expr(value)),
            ExprKind::Comprehension { element, clauses } => {
                self.scopes.push(HashSet::new());
                clauses.iter().for_each(|clause| self.clause(clause));
                self.expr(element);
                self.scopes.pop();
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } | ExprKind::Range { start: left, end: right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::If { branches, otherwise } => {
                for (condition, block) in branches {
                    self.expr(condition);
                    self.value_block(block);
                }
                self.value_block(otherwise);
            }
            ExprKind::Call { callee, arguments } => {
                self.expr(callee);
                self.arguments(arguments);
            }
            ExprKind::Pipeline { first, stages } => {
                self.expr(first);
                stages.iter().for_each(|stage| self.expr(stage));
            }
            ExprKind::Named { value, path } => {
                self.expr(value);
                self.path(path);
            }
            ExprKind::Index { base, subscripts } => {
                self.expr(base);
                subscripts.iter().for_each(|subscript| self.subscript(subscript));
            }
            ExprKind::Attribute { base, .. } => self.expr(base),
        }
    }

    fn clause(&mut self, clause: &'a Clause) {
        self.expr(&clause.iterable);
        clause.index.iter().for_each(|index| self.pattern(index));
        self.pattern(&clause.pattern);
        clause.conditions.iter().for_each(|condition| self.expr(condition));
    }

    fn arguments(&mut self, arguments: &'a [Argument]) {
        arguments.iter().for_each(|argument| self.expr(&argument.value));
    }

    fn path(&mut self, path: &'a InstancePath) {
        for segment in &path.segments {
            if let PathSegment::Index(index) = segment {
                self.expr(index);
            }
        }
    }

    fn subscript(&mut self, subscript: &'a Subscript) {
        match subscript {
            Subscript::At(index) => self.expr(index),
            Subscript::Slice { start, end, step, .. } => {
                [start, end, step].into_iter().flatten().for_each(|part| self.expr(part));
            }
        }
    }
}
