//! The variables of one body while it is evaluated.

use std::collections::HashMap;

use crate::graph::InstanceId;
use crate::program::FileId;
use crate::value::Value;

/// What kind of body is evaluated; some statements belong to some bodies only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Network,
    Module,
    Function,
    Constant,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Environment {
    /// The file whose top-level names are in scope.
    pub file: FileId,
    /// The instance that calls in this body belong to.
    pub instance: InstanceId,
    /// What kind of body this is.
    pub body: Body,
    scopes: Vec<HashMap<String, Value>>,
}

impl Environment {
    pub(super) fn new(file: FileId, instance: InstanceId, body: Body) -> Self {
        Environment { file, instance, body, scopes: vec![HashMap::new()] }
    }

    /// Makes a new variable in the innermost scope.
    pub(super) fn bind(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    /// Gives an existing variable another value; whether there is one.
    pub(super) fn assign(&mut self, name: &str, value: Value) -> bool {
        let variable = self.scopes.iter_mut().rev().find_map(|scope| scope.get_mut(name));
        variable.map(|existing| *existing = value).is_some()
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flat_map(HashMap::keys).map(String::as_str)
    }

    pub(super) fn push(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn pop(&mut self) {
        self.scopes.pop();
    }
}
