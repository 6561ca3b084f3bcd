//! Python as data: what the translation makes and the layout prints.
//!
//! Invariant: every variable that an expression reads is a [`Py::Name`], so that [`Py::reads`] finds it.

use std::collections::BTreeSet;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Py {
    /// A variable of the function.
    Name(String),
    /// Text without variables: literals, `self.conv1`, names of the file.
    Atom(String),
    /// `callee(arguments)`, each with its keyword.
    Call(Box<Py>, Vec<(Option<String>, Py)>),
    /// `base.name`.
    Attribute(Box<Py>, String),
    /// `base[subscripts]`.
    Index(Box<Py>, Vec<Py>),
    /// `start:end:step` as a subscript.
    Slice([Option<Box<Py>>; 3]),
    /// `[a, b]`.
    List(Vec<Py>),
    /// `(a, b)`.
    Tuple(Vec<Py>),
    /// `{"a": b}`, with the keys as they are written.
    Dict(Vec<(String, Py)>),
    /// `-a`, `not a`.
    Unary(&'static str, Box<Py>),
    /// `a + b`.
    Binary(&'static str, Box<Py>, Box<Py>),
    /// `value if condition else otherwise`.
    Ternary(Box<[Py; 3]>),
    /// `[element for target in iterable if condition]`.
    Comprehension(Box<Py>, Vec<Clause>),
    /// `f"blocks.{s}"`: texts and values.
    Format(Vec<Piece>),
}

/// `for target in iterable if condition`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    pub target: Target,
    pub iterable: Py,
    pub conditions: Vec<Py>,
}

/// A part of a formatted string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Value(Py),
}

/// What an assignment or loop binds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Name(String),
    /// `_`
    Ignore,
    Tuple(Vec<Target>),
    /// `self.conv1`: what is assigned outlives the function.
    Attribute(String),
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stmt {
    Assign(Target, Py),
    /// An expression for its effect.
    Effect(Py),
    /// `list.append(value)` on a variable.
    Append(String, Py),
    For(Target, Py, Vec<Stmt>),
    /// Conditions with their blocks, and the last `else`.
    If(Vec<(Py, Vec<Stmt>)>, Vec<Stmt>),
    Return(Option<Py>),
}

impl Py {
    pub(super) fn name(text: &str) -> Py {
        Py::Name(text.to_owned())
    }

    pub(super) fn atom(text: impl Into<String>) -> Py {
        Py::Atom(text.into())
    }

    /// A call with arguments by position.
    pub(super) fn call(callee: impl Into<String>, arguments: Vec<Py>) -> Py {
        Py::Call(Box::new(Py::atom(callee)), arguments.into_iter().map(|argument| (None, argument)).collect())
    }

    /// A call of a method with arguments by position.
    pub(super) fn method(self, name: &str, arguments: Vec<Py>) -> Py {
        let arguments = arguments.into_iter().map(|argument| (None, argument)).collect();
        Py::Call(Box::new(self.attribute(name)), arguments)
    }

    pub(super) fn attribute(self, name: &str) -> Py {
        Py::Attribute(Box::new(self), name.to_owned())
    }

    pub(super) fn index(self, subscript: Py) -> Py {
        Py::Index(Box::new(self), vec![subscript])
    }

    pub(super) fn binary(operator: &'static str, left: Py, right: Py) -> Py {
        Py::Binary(operator, Box::new(left), Box::new(right))
    }

    /// Whether it may be evaluated twice without harm or cost.
    pub(super) fn is_simple(&self) -> bool {
        matches!(self, Py::Name(_) | Py::Atom(_))
    }

    /// How many calls nest in it.
    pub(super) fn calls(&self) -> usize {
        match self {
            Py::Call(callee, arguments) => {
                1 + arguments.iter().map(|(_, argument)| argument.calls()).max().unwrap_or(0).max(callee.calls())
            }
            Py::Attribute(base, _) | Py::Unary(_, base) => base.calls(),
            Py::Index(base, _) => base.calls(),
            Py::Binary(_, left, right) => left.calls().max(right.calls()),
            _ => 0,
        }
    }

    /// Adds the variables that the expression reads.
    pub(super) fn reads(&self, names: &mut BTreeSet<String>) {
        match self {
            Py::Name(name) => {
                names.insert(name.clone());
            }
            Py::Atom(_) => {}
            Py::Call(callee, arguments) => {
                callee.reads(names);
                arguments.iter().for_each(|(_, argument)| argument.reads(names));
            }
            Py::Attribute(base, _) | Py::Unary(_, base) => base.reads(names),
            Py::Index(base, subscripts) => {
                base.reads(names);
                subscripts.iter().for_each(|subscript| subscript.reads(names));
            }
            Py::Slice(parts) => parts.iter().flatten().for_each(|part| part.reads(names)),
            Py::List(elements) | Py::Tuple(elements) => elements.iter().for_each(|element| element.reads(names)),
            Py::Dict(entries) => entries.iter().for_each(|(_, value)| value.reads(names)),
            Py::Binary(_, left, right) => {
                left.reads(names);
                right.reads(names);
            }
            Py::Ternary(parts) => parts.iter().for_each(|part| part.reads(names)),
            Py::Comprehension(element, clauses) => {
                let mut inner = BTreeSet::new();
                element.reads(&mut inner);
                for clause in clauses.iter().rev() {
                    clause.conditions.iter().for_each(|condition| condition.reads(&mut inner));
                    clause.target.names(&mut |name| {
                        inner.remove(name);
                    });
                    clause.iterable.reads(&mut inner);
                }
                names.extend(inner);
            }
            Py::Format(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Text(_) => {}
                Piece::Value(value) => value.reads(names),
            }),
        }
    }

    /// Visits every [`Py::Atom`].
    pub(super) fn atoms(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Py::Atom(text) => visit(text),
            Py::Name(_) => {}
            Py::Call(callee, arguments) => {
                callee.atoms(visit);
                arguments.iter().for_each(|(_, argument)| argument.atoms(visit));
            }
            Py::Attribute(base, _) | Py::Unary(_, base) => base.atoms(visit),
            Py::Index(base, subscripts) => {
                base.atoms(visit);
                subscripts.iter().for_each(|subscript| subscript.atoms(visit));
            }
            Py::Slice(parts) => parts.iter().flatten().for_each(|part| part.atoms(visit)),
            Py::List(elements) | Py::Tuple(elements) => elements.iter().for_each(|element| element.atoms(visit)),
            Py::Dict(entries) => entries.iter().for_each(|(_, value)| value.atoms(visit)),
            Py::Binary(_, left, right) => {
                left.atoms(visit);
                right.atoms(visit);
            }
            Py::Ternary(parts) => parts.iter().for_each(|part| part.atoms(visit)),
            Py::Comprehension(element, clauses) => {
                element.atoms(visit);
                for clause in clauses {
                    clause.iterable.atoms(visit);
                    clause.conditions.iter().for_each(|condition| condition.atoms(visit));
                }
            }
            Py::Format(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Text(_) => {}
                Piece::Value(value) => value.atoms(visit),
            }),
        }
    }
}

impl Target {
    /// Visits the variables that are bound.
    pub(super) fn names(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Target::Name(name) => visit(name),
            Target::Tuple(parts) => parts.iter().for_each(|part| part.names(visit)),
            Target::Ignore | Target::Attribute(_) => {}
        }
    }

    /// Whether something outlives the function through it.
    pub(super) fn has_attribute(&self) -> bool {
        match self {
            Target::Attribute(_) => true,
            Target::Tuple(parts) => parts.iter().any(Target::has_attribute),
            Target::Name(_) | Target::Ignore => false,
        }
    }
}

impl Stmt {
    /// Visits every [`Py::Atom`] of the statement.
    pub(super) fn atoms(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Stmt::Assign(_, value) | Stmt::Effect(value) | Stmt::Append(_, value) => value.atoms(visit),
            Stmt::For(_, iterable, body) => {
                iterable.atoms(visit);
                body.iter().for_each(|statement| statement.atoms(visit));
            }
            Stmt::If(branches, otherwise) => {
                for (condition, block) in branches {
                    condition.atoms(visit);
                    block.iter().for_each(|statement| statement.atoms(visit));
                }
                otherwise.iter().for_each(|statement| statement.atoms(visit));
            }
            Stmt::Return(value) => value.iter().for_each(|value| value.atoms(visit)),
        }
    }
}
