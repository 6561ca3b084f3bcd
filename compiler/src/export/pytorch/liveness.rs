//! Leaves out statements whose results nothing needs.
//!
//! The same body is translated twice, once to make layers and once to run them; each time a part of it is needed only. In:
//! the statements of a whole function. Out: those that bear on what it returns, assigns to `self` or does to lists.

use std::collections::BTreeSet;

use super::python::{Py, Stmt, Target};

/// The statements of a function that count.
pub(super) fn prune(statements: Vec<Stmt>) -> Vec<Stmt> {
    let mut live = BTreeSet::new();
    let mut statements = block(statements, &mut live);
    drop_last_returns(&mut statements);
    statements
}

/// Prunes a block; `live` are the variables that are read after it, and then those that are read from its beginning on.
fn block(statements: Vec<Stmt>, live: &mut BTreeSet<String>) -> Vec<Stmt> {
    let end = statements.iter().position(|statement| matches!(statement, Stmt::Return(_)));
    let reached = end.map_or(statements.len(), |end| end + 1);
    let mut kept = Vec::new();
    for statement in statements.into_iter().take(reached).rev() {
        if let Some(statement) = prune_one(statement, live) {
            kept.push(statement);
        }
    }
    kept.reverse();
    kept
}

fn prune_one(statement: Stmt, live: &mut BTreeSet<String>) -> Option<Stmt> {
    match statement {
        Stmt::Assign(target, value) => {
            let mut needed = target.has_attribute();
            target.names(&mut |name| needed |= live.contains(name));
            if !needed {
                return None;
            }
            let target = without_unread(target, live);
            target.names(&mut |name| {
                live.remove(name);
            });
            if let (Target::Name(name), Py::Name(same)) = (&target, &value)
                && name == same
            {
                live.insert(name.clone());
                return None;
            }
            value.reads(live);
            Some(Stmt::Assign(target, value))
        }
        Stmt::Effect(value) => {
            value.reads(live);
            Some(Stmt::Effect(value))
        }
        Stmt::Append(list, value) => {
            if !live.contains(&list) {
                return None;
            }
            value.reads(live);
            Some(Stmt::Append(list, value))
        }
        Stmt::Return(value) => {
            live.clear();
            if let Some(value) = &value {
                value.reads(live);
            }
            Some(Stmt::Return(value))
        }
        Stmt::For(target, iterable, body) => for_loop(target, iterable, body, live),
        Stmt::If(branches, otherwise) => choice(branches, otherwise, live),
    }
}

/// A loop: what a turn reads may be what the turn before wrote.
fn for_loop(target: Target, iterable: Py, body: Vec<Stmt>, live: &mut BTreeSet<String>) -> Option<Stmt> {
    let mut inner = live.clone();
    let (mut at_start, kept) = loop {
        let mut at_start = inner.clone();
        let kept = block(body.clone(), &mut at_start);
        let before = inner.len();
        inner.extend(at_start.iter().cloned());
        if inner.len() == before {
            break (at_start, kept);
        }
    };
    if kept.is_empty() {
        return None;
    }
    let target = without_unread(target, &at_start);
    target.names(&mut |name| {
        at_start.remove(name);
    });
    live.extend(at_start);
    let (target, iterable) = plain_loop(target, iterable);
    iterable.reads(live);
    Some(Stmt::For(target, iterable, kept))
}

/// Leaves out the count or the elements of `enumerate` if only the other is read.
fn plain_loop(target: Target, iterable: Py) -> (Target, Py) {
    let Py::Call(callee, arguments) = &iterable else { return (target, iterable) };
    let (Py::Atom(function), [(None, list)]) = (&**callee, arguments.as_slice()) else { return (target, iterable) };
    if function != "enumerate" {
        return (target, iterable);
    }
    match &target {
        Target::Tuple(parts) => match parts.as_slice() {
            [Target::Ignore, element] => (element.clone(), list.clone()),
            // Iterators such as that of `zip` have no length.
            [count, Target::Ignore] if !matches!(list, Py::Call(..)) => {
                (count.clone(), Py::call("range", vec![Py::call("len", vec![list.clone()])]))
            }
            _ => (target, iterable),
        },
        _ => (target, iterable),
    }
}

/// A choice: without any statement it goes, and where all branches do the same, the condition goes.
fn choice(branches: Vec<(Py, Vec<Stmt>)>, otherwise: Vec<Stmt>, live: &mut BTreeSet<String>) -> Option<Stmt> {
    let after = live.clone();
    let otherwise = block(otherwise, live);
    let mut kept = Vec::new();
    for (condition, body) in branches {
        let mut inside = after.clone();
        let body = block(body, &mut inside);
        live.extend(inside);
        kept.push((condition, body));
    }
    while otherwise.is_empty() && kept.last().is_some_and(|(_, body)| body.is_empty()) {
        kept.pop();
    }
    if kept.is_empty() {
        return None;
    }
    if kept.iter().all(|(_, body)| *body == otherwise) && !otherwise.iter().any(returns) {
        // A block in place of a choice between equals.
        return Some(Stmt::If(Vec::new(), otherwise));
    }
    for (condition, _) in &kept {
        condition.reads(live);
    }
    Some(Stmt::If(kept, otherwise))
}

fn returns(statement: &Stmt) -> bool {
    match statement {
        Stmt::Return(_) => true,
        Stmt::For(_, _, body) => body.iter().any(returns),
        Stmt::If(branches, otherwise) => {
            branches.iter().any(|(_, body)| body.iter().any(returns)) || otherwise.iter().any(returns)
        }
        Stmt::Assign(..) | Stmt::Effect(_) | Stmt::Append(..) => false,
    }
}

/// The target with `_` for what nothing reads.
fn without_unread(target: Target, live: &BTreeSet<String>) -> Target {
    match target {
        Target::Name(name) if !live.contains(&name) => Target::Ignore,
        Target::Tuple(parts) => {
            let parts: Vec<Target> = parts.into_iter().map(|part| without_unread(part, live)).collect();
            if parts.iter().all(|part| *part == Target::Ignore) { Target::Ignore } else { Target::Tuple(parts) }
        }
        other => other,
    }
}

/// A `return` without a value at the very end says nothing.
fn drop_last_returns(statements: &mut Vec<Stmt>) {
    loop {
        match statements.last_mut() {
            Some(Stmt::Return(None)) => drop(statements.pop()),
            Some(Stmt::If(branches, otherwise)) => {
                for (_, body) in branches.iter_mut() {
                    drop_last_returns(body);
                }
                drop_last_returns(otherwise);
                while otherwise.is_empty() && branches.last().is_some_and(|(_, body)| body.is_empty()) {
                    branches.pop();
                }
                if !branches.is_empty() || !otherwise.is_empty() {
                    return;
                }
                statements.pop();
            }
            _ => return,
        }
    }
}
