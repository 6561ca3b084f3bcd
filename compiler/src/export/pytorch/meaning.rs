//! What names stand for, as far as the text says: variables, items, operations, functions, words.

use std::collections::HashMap;

use parameternet_dsl::ast::{Argument, Expr, ExprKind, ItemKind, Pattern};
use parameternet_dsl::source::Span;

use crate::elaborate::builtin::{BUILTINS, Builtin};
use crate::op::{self, Default, Definition};
use crate::program::{FileId, ItemRef, Program};

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// A variable, by where it is declared.
    Variable(Span),
    Item(ItemRef),
    Operation(&'static Definition),
    Builtin(&'static Builtin),
    Word(&'static str),
}

/// The variables in scope, by where they are declared.
#[derive(Debug, Clone, Default)]
pub(super) struct Scopes(Vec<HashMap<String, Span>>);

impl Scopes {
    pub(super) fn new() -> Self {
        Scopes(vec![HashMap::new()])
    }

    pub(super) fn push(&mut self) {
        self.0.push(HashMap::new());
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    pub(super) fn declare(&mut self, name: &str, span: Span) {
        if let Some(scope) = self.0.last_mut() {
            scope.insert(name.to_owned(), span);
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Span> {
        self.0.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    /// Where a parameter of that name is declared, if the innermost scope is that of the whole body, in which it is hidden from
    /// now on.
    pub(super) fn given_to_body(&self, name: &str) -> Option<Span> {
        match self.0.as_slice() {
            [parameters, _] => parameters.get(name).copied(),
            _ => None,
        }
    }

    /// Every variable that a name stands for here.
    pub(super) fn visible(&self) -> impl Iterator<Item = Span> {
        self.0.iter().flat_map(HashMap::values).copied()
    }

    /// Where the name is declared, if that is in the innermost scope.
    pub(super) fn innermost(&self, name: &str) -> Option<Span> {
        self.0.last().and_then(|scope| scope.get(name)).copied()
    }
}

/// The names that a pattern binds, with where they stand.
pub(super) fn names(pattern: &Pattern) -> Vec<(String, Span)> {
    match pattern {
        Pattern::Name(name) => vec![(name.text.clone(), name.span)],
        Pattern::Ignore(_) => Vec::new(),
        Pattern::Tuple(parts, _) => parts.iter().flat_map(names).collect(),
    }
}

/// What a name stands for in a file; every name of a program that elaborates stands for something.
pub(super) fn meaning(program: &Program, file: FileId, scopes: &Scopes, name: &str) -> Option<Meaning> {
    if let Some(span) = scopes.lookup(name) {
        return Some(Meaning::Variable(span));
    }
    if let Some(item) = program.lookup(file, name) {
        return Some(Meaning::Item(item));
    }
    if let Some(definition) = op::definition(name) {
        return Some(Meaning::Operation(definition));
    }
    if let Some(builtin) = BUILTINS.iter().copied().find(|builtin| builtin.name == name) {
        return Some(Meaning::Builtin(builtin));
    }
    op::WORDS.iter().copied().find(|word| *word == name).map(Meaning::Word)
}

/// What the callee of a call stands for, if it is a name.
pub(super) fn callee(program: &Program, file: FileId, scopes: &Scopes, callee: &Expr) -> Option<Meaning> {
    match &callee.kind {
        ExprKind::Name(name) => meaning(program, file, scopes, name),
        _ => None,
    }
}

/// Operations that make layers: what is called by name in Python is a constructor.
pub(super) fn makes_layer(definition: &Definition) -> bool {
    matches!(
        definition.name,
        "conv"
            | "dynamic_conv"
            | "linear"
            | "batch_norm"
            | "layer_norm"
            | "group_norm"
            | "prelu"
            | "dropout"
            | "drop_path"
    )
}

/// Whether a call of an operation or module waits for its first argument, so that it is a value.
pub(super) fn waits(program: &Program, of: Meaning, arguments: &[Argument], is_piped: bool) -> bool {
    let first = match of {
        Meaning::Operation(definition) => {
            if definition.build.is_none() {
                return true;
            }
            let first = definition.parameters.first();
            let is_required = first.is_some_and(|first| matches!(first.default, Default::Required | Default::Rest));
            if !definition.takes_tensor() || !is_required {
                return false;
            }
            first.map(|first| first.name.to_owned())
        }
        Meaning::Item(item) => match program.item(item).map(|item| &item.kind) {
            Some(ItemKind::Module(module)) if !arguments.is_empty() => {
                module.parameters.first().filter(|first| first.default.is_none()).map(|first| first.name.text.clone())
            }
            _ => return false,
        },
        Meaning::Variable(_) | Meaning::Builtin(_) | Meaning::Word(_) => return false,
    };
    let Some(first) = first else { return false };
    !is_piped && arguments.iter().all(|argument| argument.name.as_ref().is_some_and(|name| name.text != first))
}
