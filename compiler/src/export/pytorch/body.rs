//! The translation of one body in one of its forms.
//!
//! A module's body is translated twice: to the constructor, which makes layers and runs them on an example so that each knows
//! the shape of its input, and to `forward`, which runs them. What only one of the two needs is left out afterwards
//! (`liveness`). A function that makes no layers is translated once, as it stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use parameternet_dsl::ast::{Expr, Pattern};
use parameternet_dsl::source::Span;

use super::file::File;
use super::flow::{Holds, Place};
use super::meaning::Scopes;
use super::names::{Unique, can_be_attribute};
use super::python::{Py, Stmt, Target};
use crate::program::FileId;

/// Which form of a body is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A function, or a constant.
    Function,
    /// The constructor of a class.
    Init,
    /// `forward` of a class.
    Forward,
}

/// What is known of a value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Float,
    Tensor,
    Other,
}

/// A variable in Python.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub py: Py,
    pub kind: Kind,
}

/// An attribute for a layer without a name of its own, or for a value that is kept.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub attribute: String,
    /// Several in order, since a loop makes them.
    pub is_list: bool,
}

/// What both forms of a class share.
#[derive(Debug, Default)]
pub(super) struct Class {
    slots: HashMap<Span, Slot>,
    attributes: Unique,
    /// The attributes of parameters.
    statics: BTreeMap<Span, String>,
    /// The attributes that `forward` reads.
    pub read: BTreeSet<String>,
    /// Attributes that are lists, with whether they hold modules that are registered.
    pub lists: BTreeMap<String, bool>,
}

impl Class {
    pub(super) fn new(taken: impl IntoIterator<Item = String>) -> Self {
        let mut class = Class::default();
        taken.into_iter().for_each(|name| class.attributes.reserve(name));
        class
    }

    fn attribute(&mut self, wanted: &str) -> String {
        let mut candidate = wanted.to_owned();
        while !can_be_attribute(&candidate) || self.attributes.is_taken(&candidate) {
            if self.attributes.is_taken(&candidate) && candidate.ends_with('_') {
                return self.attributes.fresh(wanted.trim_end_matches('_'));
            }
            candidate.push('_');
        }
        self.attributes.reserve(candidate.clone());
        candidate
    }

    /// The attribute of a parameter.
    pub(super) fn of_parameter(&mut self, declared: Span, name: &str) -> String {
        if let Some(attribute) = self.statics.get(&declared) {
            return attribute.clone();
        }
        let attribute = self.attribute(name);
        self.statics.insert(declared, attribute.clone());
        attribute
    }

    /// The slot of the call or value at a place in the source.
    pub(super) fn slot(&mut self, at: Span, wanted: &str, is_list: bool, is_registered: bool) -> Slot {
        if let Some(slot) = self.slots.get(&at) {
            return slot.clone();
        }
        let attribute = self.attribute(wanted);
        if is_list {
            self.lists.insert(attribute.clone(), is_registered);
        }
        let slot = Slot { attribute, is_list };
        self.slots.insert(at, slot.clone());
        slot
    }
}

/// See the module's documentation.
pub(super) struct Body<'u, 'p> {
    pub file: &'u mut File<'p>,
    pub class: &'u mut Class,
    pub mode: Mode,
    pub place: Place,
    pub variables: HashMap<Span, Variable>,
    /// The blocks that are being written, innermost last.
    pub blocks: Vec<Vec<Stmt>>,
    /// How many loops are open.
    pub loops: usize,
    /// Names that are assigned again somewhere in the body.
    pub assigned: BTreeSet<String>,
    /// Names of temporary variables.
    pub temporaries: Unique,
    /// What a value that is kept is called, if it gets a name.
    pub kept_name: Option<String>,
    /// Variables that go through lists of slots.
    pub iterators: BTreeMap<String, String>,
}

impl<'u, 'p> Body<'u, 'p> {
    pub(super) fn new(file: &'u mut File<'p>, class: &'u mut Class, mode: Mode, at: FileId) -> Self {
        let temporaries = file.taken.clone();
        Body {
            file,
            class,
            mode,
            place: Place { file: at, scopes: Scopes::new() },
            variables: HashMap::new(),
            blocks: vec![Vec::new()],
            loops: 0,
            assigned: BTreeSet::new(),
            temporaries,
            kept_name: None,
            iterators: BTreeMap::new(),
        }
    }

    /// Keeps temporary variables from having a name that occurs in a part of the program.
    pub(super) fn reserve_words(&mut self, span: Span) {
        let text = self.file.program.sources().snippet(span);
        let words = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
        for word in words.filter(|word| !word.is_empty()) {
            let name = self.file.reserved.identifier(word);
            self.temporaries.reserve(name);
        }
    }

    /// The statements that were written.
    pub(super) fn finish(mut self) -> Vec<Stmt> {
        let mut statements: Vec<Stmt> = self
            .iterators
            .iter()
            .map(|(attribute, local)| {
                let list = Py::call("iter", vec![Py::atom(format!("self.{attribute}"))]);
                Stmt::Assign(Target::Name(local.clone()), list)
            })
            .collect();
        statements.extend(self.blocks.pop().unwrap_or_default());
        statements
    }

    pub(super) fn emit(&mut self, statement: Stmt) {
        if let Some(block) = self.blocks.last_mut() {
            block.push(statement);
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: Py) {
        if value != Py::name(name) {
            self.emit(Stmt::Assign(Target::Name(name.to_owned()), value));
        }
    }

    /// Runs something that writes statements, and returns these beside its result.
    pub(super) fn within<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> (Vec<Stmt>, T) {
        self.blocks.push(Vec::new());
        let result = run(self);
        (self.blocks.pop().unwrap_or_default(), result)
    }

    pub(super) fn helper(&mut self, name: &'static str) -> Py {
        self.file.helpers.insert(name);
        Py::atom(name)
    }

    pub(super) fn helper_call(&mut self, name: &'static str, arguments: Vec<Py>) -> Py {
        self.file.helpers.insert(name);
        Py::call(name, arguments)
    }

    /// What the value of an expression may hold.
    pub(super) fn holds(&mut self, expr: &Expr) -> Holds {
        self.file.flow.expr(expr, &mut self.place)
    }

    /// A variable that is in no other's way.
    pub(super) fn temporary(&mut self, wanted: &str) -> String {
        self.temporaries.fresh(wanted)
    }

    /// The value as a variable (or something as simple), so that it can be used twice.
    pub(super) fn simple(&mut self, value: Py, hint: Option<&str>) -> Py {
        if value.is_simple() {
            return value;
        }
        let name = hint.map_or_else(|| self.temporary("y"), str::to_owned);
        self.assign(&name, value);
        Py::Name(name)
    }

    /// What a name that is about to be declared will be called.
    pub(super) fn python_name(&self, name: &str) -> String {
        let own = self.file.reserved.identifier(name);
        // A name of the innermost scope is given away.
        let reused = self.place.scopes.innermost(name).or_else(|| self.place.scopes.given_to_body(name));
        if let Some(Variable { py: Py::Name(existing), .. }) = reused.and_then(|declared| self.variables.get(&declared))
        {
            return existing.clone();
        }
        let is_free = |candidate: &str| {
            !self.file.globals.contains(candidate)
                && !self.place.scopes.visible().any(|declared| {
                    Some(declared) != reused
                        && matches!(self.variables.get(&declared), Some(Variable { py: Py::Name(other), .. }) if other == candidate)
                })
        };
        let candidates = (2u64..).map(|number| format!("{own}{number}"));
        let with_underscore = format!("{}_", own.trim_end_matches('_'));
        let mut candidates = [own.clone(), with_underscore].into_iter().chain(candidates);
        candidates.find(|candidate| is_free(candidate)).unwrap_or(own)
    }

    /// Declares a variable under a Python name.
    pub(super) fn declare(&mut self, name: &str, declared: Span, python: String, kind: Kind) {
        let kind = if self.assigned.contains(name) { Kind::Other } else { kind };
        self.place.scopes.declare(name, declared);
        self.variables.insert(declared, Variable { py: Py::Name(python), kind });
    }

    /// Declares the names of a pattern and returns the target that binds them.
    pub(super) fn declare_pattern(&mut self, pattern: &Pattern, kind: Kind) -> Target {
        match pattern {
            Pattern::Ignore(_) => Target::Ignore,
            Pattern::Name(name) => {
                let python = self.python_name(&name.text);
                self.declare(&name.text, name.span, python.clone(), kind);
                Target::Name(python)
            }
            Pattern::Tuple(parts, _) => {
                Target::Tuple(parts.iter().map(|part| self.declare_pattern(part, Kind::Other)).collect())
            }
        }
    }

    /// Whether the text of a span has the name as a word; comments count, too.
    pub(super) fn mentions(&self, span: Span, name: &str) -> bool {
        let text = self.file.program.sources().snippet(span);
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        text.match_indices(name).any(|(start, _)| {
            let before = text.get(..start).and_then(|text| text.chars().next_back());
            let after = text.get(start + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    }

    /// The iterator over a list of slots.
    pub(super) fn next_of(&mut self, attribute: &str) -> Py {
        let local = match self.iterators.get(attribute) {
            Some(local) => local.clone(),
            None => {
                let local = self.temporary(attribute);
                self.iterators.insert(attribute.to_owned(), local.clone());
                local
            }
        };
        Py::call("next", vec![Py::Name(local)])
    }
}
