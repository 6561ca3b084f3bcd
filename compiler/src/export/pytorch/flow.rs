//! What may be in each variable: the tensors that a network computes, or only what is known when it is made.
//!
//! A module in Python has two sides: a constructor, which gets what is known, and `forward`, which gets tensors. In: the
//! program and one network of it. Out: for each variable, parameter and result, whether it may hold (directly, in a list, or as
//! the setting of a callable) a tensor that the network computes, a tensor known from the start, or a callable whose call makes
//! layers; and which functions make layers, so that they become classes as modules do.
//!
//! The answers are the least that hold of every call, found by going through all items until nothing changes. What is said to
//! hold a tensor may hold none at times; the other way around never happens.

use std::collections::{BTreeSet, HashMap, HashSet};

use parameternet_dsl::ast::{
    self, Argument, Block, Expr, ExprKind, FnBody, InstancePath, ItemKind, PathSegment, Pattern, Statement,
    StatementKind, Subscript, ValueBlock,
};
use parameternet_dsl::source::Span;

use super::meaning::{self, Meaning, Scopes, makes_layer};
use crate::program::{FileId, ItemRef, Program};

/// What a value may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holds {
    /// A tensor that the network computes.
    pub tensor: bool,
    /// A tensor that is known when the network is made.
    pub constant: bool,
    /// A callable whose call makes layers.
    pub layers: bool,
    /// A number that is a `float` in Python, even where it is whole.
    pub float: bool,
}

impl Holds {
    const TENSOR: Holds = Holds { tensor: true, constant: false, layers: false, float: false };
    const FLOAT: Holds = Holds { tensor: false, constant: false, layers: false, float: true };

    fn join(self, other: Holds) -> Holds {
        Holds {
            tensor: self.tensor || other.tensor,
            constant: self.constant || other.constant,
            layers: self.layers || other.layers,
            float: self.float || other.float,
        }
    }
}

/// What an item does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Does {
    /// Its calls make layers or learned tensors.
    makes_layers: bool,
    /// It makes constant tensors, or tables of indices.
    makes_constants: bool,
    /// It goes through lists.
    is_long: bool,
}

/// See the module's documentation.
pub(super) struct Flow<'p> {
    program: &'p Program,
    /// The network's hyper-parameters that are set from outside.
    settings: HashMap<String, &'p Expr>,
    variables: HashMap<Span, Holds>,
    /// Parameters that are not given a tensor in every call.
    sometimes: HashSet<Span>,
    returns: HashMap<ItemRef, Holds>,
    does: HashMap<ItemRef, Does>,
    /// Items that are used as values, so that any call of a variable may be theirs.
    values: BTreeSet<usize>,
    reached: Vec<ItemRef>,
    /// What each item uses, in order.
    uses: HashMap<ItemRef, Vec<ItemRef>>,
    /// The names that each item assigns again.
    assigned: HashMap<ItemRef, BTreeSet<String>>,
    /// All parts of the paths of instances, and the names of learned tensors.
    segments: BTreeSet<String>,
    /// Names with which longer paths begin.
    groups: BTreeSet<String>,
    changed: bool,
    /// The item that is gone through.
    current: Option<ItemRef>,
}

/// A place in the program: what names mean there.
#[derive(Debug)]
pub(super) struct Place {
    pub file: FileId,
    pub scopes: Scopes,
}

impl<'p> Flow<'p> {
    /// Goes through the network and all that it reaches.
    pub(super) fn of(program: &'p Program, network: ItemRef, settings: HashMap<String, &'p Expr>) -> Self {
        let mut flow = Flow {
            program,
            settings,
            variables: HashMap::new(),
            sometimes: HashSet::new(),
            returns: HashMap::new(),
            does: HashMap::new(),
            values: BTreeSet::new(),
            reached: vec![network],
            uses: HashMap::new(),
            assigned: HashMap::new(),
            segments: BTreeSet::new(),
            groups: BTreeSet::new(),
            changed: true,
            current: None,
        };
        while flow.changed {
            flow.changed = false;
            let mut position = 0;
            while let Some(item) = flow.reached.get(position).copied() {
                flow.item(item);
                position += 1;
            }
        }
        // Now that it is known what each argument holds.
        flow.sometimes.clear();
        for item in flow.reached.clone() {
            flow.item(item);
        }
        flow
    }

    /// The items that the network reaches, itself first.
    pub(super) fn reached(&self) -> &[ItemRef] {
        &self.reached
    }

    /// What an item uses, in order.
    pub(super) fn uses(&self, item: ItemRef) -> &[ItemRef] {
        self.uses.get(&item).map_or(&[], Vec::as_slice)
    }

    /// The names that an item assigns again.
    pub(super) fn assigned(&self, item: ItemRef) -> BTreeSet<String> {
        self.assigned.get(&item).cloned().unwrap_or_default()
    }

    /// Every name that some path of an instance has.
    pub(super) fn segments(&self) -> &BTreeSet<String> {
        &self.segments
    }

    /// The names with which paths of several parts begin.
    pub(super) fn groups(&self) -> &BTreeSet<String> {
        &self.groups
    }

    /// The value of a hyper-parameter that is set from outside.
    pub(super) fn setting(&self, name: &str) -> Option<&'p Expr> {
        self.settings.get(name).copied()
    }

    /// What a variable may hold.
    pub(super) fn variable(&self, declared: Span) -> Holds {
        self.variables.get(&declared).copied().unwrap_or_default()
    }

    /// Whether a parameter that may hold a tensor is given none in some call.
    pub(super) fn is_sometimes(&self, parameter: Span) -> bool {
        self.sometimes.contains(&parameter)
    }

    /// Whether an item becomes a class.
    pub(super) fn is_class(&self, item: ItemRef) -> bool {
        match self.program.item(item).map(|item| &item.kind) {
            Some(ItemKind::Module(_) | ItemKind::Network(_)) => true,
            Some(ItemKind::Fn(function)) => {
                let does = self.does.get(&item).copied().unwrap_or_default();
                let takes_tensors =
                    function.parameters.iter().any(|parameter| self.variable(parameter.name.span).tensor);
                does.makes_layers || (does.makes_constants && takes_tensors)
            }
            _ => false,
        }
    }

    /// Whether a value is worth being computed once: it makes constants or goes through lists.
    pub(super) fn is_costly(&self, expr: &Expr, place: &Place) -> bool {
        let mut costly = Costly { flow: self, found: false };
        costly.expr(expr, place);
        costly.found
    }

    fn item(&mut self, item: ItemRef) {
        let program = self.program;
        let Some(definition) = program.item(item) else { return };
        self.current = Some(item);
        let mut place = Place { file: item.file, scopes: Scopes::new() };
        let returned = match &definition.kind {
            ItemKind::Const(definition) => self.expr(&definition.value, &mut place),
            ItemKind::Fn(function) => {
                self.parameters(&function.parameters, &mut place, false);
                match &function.body {
                    FnBody::Expr(expr) => self.expr(expr, &mut place),
                    FnBody::Block(block) => self.block(block, &mut place),
                }
            }
            ItemKind::Module(module) => {
                self.parameters(&module.parameters, &mut place, false);
                self.block(&module.body, &mut place)
            }
            ItemKind::Network(network) => {
                self.parameters(&network.parameters, &mut place, true);
                place.scopes.declare("batch", network.name.span);
                self.block(&network.body, &mut place)
            }
            ItemKind::Use(_) | ItemKind::Budget(_) => Holds::default(),
        };
        let known = self.returns.entry(item).or_default();
        let joined = known.join(returned);
        self.changed |= *known != joined;
        *known = joined;
        self.current = None;
    }

    fn parameters(&mut self, parameters: &'p [ast::Parameter], place: &mut Place, is_network: bool) {
        for parameter in parameters {
            let outside = self.settings.get(&parameter.name.text).copied().filter(|_| is_network);
            if let Some(default) = outside.or(parameter.default.as_ref()) {
                let holds = self.expr(default, place);
                self.set(parameter.name.span, holds);
            }
            place.scopes.declare(&parameter.name.text, parameter.name.span);
        }
    }

    fn set(&mut self, declared: Span, holds: Holds) {
        let known = self.variables.entry(declared).or_default();
        let joined = known.join(holds);
        self.changed |= *known != joined;
        *known = joined;
    }

    fn note(&mut self, what: impl FnOnce(&mut Does)) {
        let Some(item) = self.current else { return };
        let does = self.does.entry(item).or_default();
        let before = *does;
        what(does);
        self.changed |= before != *does;
    }

    fn reach(&mut self, item: ItemRef) {
        if let Some(current) = self.current {
            let uses = self.uses.entry(current).or_default();
            if !uses.contains(&item) {
                uses.push(item);
            }
        }
        if !self.reached.contains(&item) {
            self.reached.push(item);
            self.changed = true;
        }
    }

    fn use_as_value(&mut self, item: ItemRef) {
        self.reach(item);
        let position = self.reached.iter().position(|reached| *reached == item);
        if let Some(position) = position {
            self.changed |= self.values.insert(position);
        }
    }

    fn pattern(&mut self, pattern: &Pattern, holds: Holds, place: &mut Place) {
        for (name, span) in meaning::names(pattern) {
            self.set(span, holds);
            place.scopes.declare(&name, span);
        }
    }

    fn block(&mut self, block: &Block, place: &mut Place) -> Holds {
        place.scopes.push();
        let mut returned = Holds::default();
        for statement in &block.statements {
            returned = returned.join(self.statement(statement, place));
        }
        place.scopes.pop();
        returned
    }

    /// What the statement may return.
    fn statement(&mut self, statement: &Statement, place: &mut Place) -> Holds {
        match &statement.kind {
            StatementKind::Input { name, shape, .. } => {
                for size in shape {
                    self.expr(size, place);
                }
                self.set(name.span, Holds::TENSOR);
                place.scopes.declare(&name.text, name.span);
                Holds::default()
            }
            StatementKind::Let { pattern, value } => {
                let holds = self.expr(value, place);
                self.pattern(pattern, holds, place);
                Holds::default()
            }
            StatementKind::Assign { name, value } => {
                let holds = self.expr(value, place);
                if let Some(current) = self.current {
                    self.assigned.entry(current).or_default().insert(name.text.clone());
                }
                if let Some(declared) = place.scopes.lookup(&name.text) {
                    self.set(declared, holds);
                }
                Holds::default()
            }
            StatementKind::For { index, pattern, iterable, body } => {
                let holds = self.expr(iterable, place);
                place.scopes.push();
                if let Some(index) = index {
                    self.pattern(index, Holds::default(), place);
                }
                self.pattern(pattern, holds, place);
                let returned = self.block(body, place);
                place.scopes.pop();
                returned
            }
            StatementKind::If { branches, otherwise } => {
                let mut returned = Holds::default();
                for (condition, block) in branches {
                    self.expr(condition, place);
                    returned = returned.join(self.block(block, place));
                }
                if let Some(block) = otherwise {
                    returned = returned.join(self.block(block, place));
                }
                returned
            }
            StatementKind::Return(values) => {
                values.iter().map(|value| self.expr(&value.value, place)).fold(Holds::default(), Holds::join)
            }
        }
    }

    fn value_block(&mut self, block: &ValueBlock, place: &mut Place) -> Holds {
        place.scopes.push();
        for statement in &block.statements {
            self.statement(statement, place);
        }
        let holds = self.expr(&block.value, place);
        place.scopes.pop();
        holds
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, place: &mut Place) -> Holds {
        exprs.into_iter().map(|expr| self.expr(expr, place)).fold(Holds::default(), Holds::join)
    }

    /// What the value of an expression may hold. Once the flow is complete, this changes nothing.
    pub(super) fn expr(&mut self, expr: &Expr, place: &mut Place) -> Holds {
        match &expr.kind {
            ExprKind::Float(_) => Holds::FLOAT,
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Bool(_) => Holds::default(),
            ExprKind::Name(name) => self.name(name, place),
            ExprKind::List(elements) | ExprKind::Tuple(elements) => self.all(elements, place),
            ExprKind::Comprehension { element, clauses } => {
                self.note(|does| does.is_long = true);
                place.scopes.push();
                for clause in clauses {
                    let holds = self.expr(&clause.iterable, place);
                    if let Some(index) = &clause.index {
                        self.pattern(index, Holds::default(), place);
                    }
                    self.pattern(&clause.pattern, holds, place);
                    self.all(&clause.conditions, place);
                }
                let holds = self.expr(element, place);
                place.scopes.pop();
                holds
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, place),
            ExprKind::Binary { left, right, .. } => {
                let left = self.expr(left, place);
                left.join(self.expr(right, place))
            }
            ExprKind::Range { start, end, .. } => self.all([&**start, &**end], place),
            ExprKind::If { branches, otherwise } => {
                let mut holds = Holds::default();
                for (condition, block) in branches {
                    self.expr(condition, place);
                    holds = holds.join(self.value_block(block, place));
                }
                holds.join(self.value_block(otherwise, place))
            }
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, None, None, place),
            ExprKind::Pipeline { first, stages } => {
                let mut holds = self.expr(first, place);
                for stage in stages {
                    holds = self.stage(stage, holds, place);
                }
                holds
            }
            ExprKind::Named { value, path } => match &value.kind {
                ExprKind::Call { callee, arguments } => self.call(callee, arguments, None, Some(path), place),
                _ => Holds::default(),
            },
            ExprKind::Index { base, subscripts } => {
                for subscript in subscripts {
                    match subscript {
                        Subscript::At(expr) => drop(self.expr(expr, place)),
                        Subscript::Slice { start, end, step, .. } => {
                            self.all([start, end, step].into_iter().flatten(), place);
                        }
                    }
                }
                self.expr(base, place)
            }
            ExprKind::Attribute { base, .. } => {
                self.expr(base, place);
                Holds::default()
            }
        }
    }

    /// What the value after a stage of a pipeline may hold.
    pub(super) fn stage(&mut self, stage: &Expr, piped: Holds, place: &mut Place) -> Holds {
        let (inner, path) = match &stage.kind {
            ExprKind::Named { value, path } => (&**value, Some(path)),
            _ => (stage, None),
        };
        match &inner.kind {
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, Some(piped), path, place),
            _ => self.call(inner, &[], Some(piped), path, place),
        }
    }

    fn name(&mut self, name: &str, place: &mut Place) -> Holds {
        match meaning::meaning(self.program, place.file, &place.scopes, name) {
            Some(Meaning::Variable(declared)) => self.variable(declared),
            Some(Meaning::Item(item)) => {
                if let Some(ItemKind::Const(_)) = self.program.item(item).map(|item| &item.kind) {
                    self.reach(item);
                    let does = self.does.get(&item).copied().unwrap_or_default();
                    self.note(|own| own.makes_constants |= does.makes_constants);
                    return self.returns.get(&item).copied().unwrap_or_default();
                }
                self.use_as_value(item);
                Holds { layers: self.is_class(item), ..Holds::default() }
            }
            Some(Meaning::Operation(definition)) => Holds { layers: makes_layer(definition), ..Holds::default() },
            Some(Meaning::Builtin(_) | Meaning::Word(_)) | None => Holds::default(),
        }
    }

    fn call(
        &mut self,
        callee: &Expr,
        arguments: &[Argument],
        piped: Option<Holds>,
        path: Option<&InstancePath>,
        place: &mut Place,
    ) -> Holds {
        for (position, segment) in path.iter().flat_map(|path| path.segments.iter().enumerate()) {
            match segment {
                PathSegment::Index(expr) => drop(self.expr(expr, place)),
                PathSegment::Name(name) => {
                    self.segments.insert(name.text.clone());
                    if position == 0 && path.is_some_and(|path| path.segments.len() > 1) {
                        self.groups.insert(name.text.clone());
                    }
                }
            }
        }
        let mut given: Vec<(Option<&str>, Holds)> = piped.iter().map(|holds| (None, *holds)).collect();
        for argument in arguments {
            let holds = self.expr(&argument.value, place);
            given.push((argument.name.as_ref().map(|name| name.text.as_str()), holds));
        }
        let all = given.iter().fold(Holds::default(), |all, (_, holds)| all.join(*holds));
        let known = meaning::callee(self.program, place.file, &place.scopes, callee);
        let waits = known.is_some_and(|known| meaning::waits(self.program, known, arguments, piped.is_some()));
        match known {
            Some(Meaning::Operation(definition)) => {
                if waits {
                    return Holds { layers: all.layers || makes_layer(definition), ..all };
                }
                if definition.name == "param" {
                    let texts = arguments.iter().filter_map(|argument| match &argument.value.kind {
                        ExprKind::Str(text) => Some(text.split('.').map(str::to_owned).collect::<Vec<_>>()),
                        _ => None,
                    });
                    self.segments.extend(texts.flatten());
                }
                if makes_layer(definition) || definition.name == "param" {
                    self.note(|does| does.makes_layers = true);
                    return Holds::TENSOR;
                }
                if definition.name == "constant" {
                    self.note(|does| does.makes_constants = true);
                    return Holds { constant: true, ..all };
                }
                if definition.name == "gather" {
                    self.note(|does| does.makes_constants = true);
                }
                all
            }
            Some(Meaning::Builtin(builtin)) => match builtin.name {
                "ceil" | "floor" | "round" | "len" | "make_divisible" => Holds { float: false, ..all },
                "sqrt" => Holds::FLOAT,
                _ => all,
            },
            Some(Meaning::Word(_)) => all,
            Some(Meaning::Item(item)) if self.parameters_of(item).is_some() => self.item_call(item, &given, waits, all),
            _ => {
                let holds = self.expr(callee, place);
                self.unknown_call(holds, &given, path.is_some(), all)
            }
        }
    }

    fn parameters_of(&self, item: ItemRef) -> Option<&'p [ast::Parameter]> {
        match self.program.item(item).map(|item| &item.kind) {
            Some(ItemKind::Fn(function)) => Some(&function.parameters),
            Some(ItemKind::Module(module)) => Some(&module.parameters),
            _ => None,
        }
    }

    fn item_call(&mut self, item: ItemRef, given: &[(Option<&str>, Holds)], waits: bool, all: Holds) -> Holds {
        self.reach(item);
        if waits {
            self.use_as_value(item);
            self.pass(item, given, true);
            return Holds { layers: true, ..all };
        }
        self.pass(item, given, false);
        let does = self.does.get(&item).copied().unwrap_or_default();
        let returned = self.returns.get(&item).copied().unwrap_or_default();
        if self.is_class(item) {
            self.note(|own| own.makes_layers = true);
            return returned.join(Holds::TENSOR);
        }
        self.note(|own| {
            own.makes_constants |= does.makes_constants;
            own.is_long |= does.is_long;
        });
        returned
    }

    /// Passes arguments to the parameters of an item.
    fn pass(&mut self, item: ItemRef, given: &[(Option<&str>, Holds)], is_partial: bool) {
        let Some(parameters) = self.parameters_of(item) else { return };
        let mut positional = given.iter().filter(|(name, _)| name.is_none());
        for parameter in parameters {
            let own = given.iter().find(|(name, _)| *name == Some(parameter.name.text.as_str()));
            let argument = own.or_else(|| if is_partial { None } else { positional.next() });
            if let Some((_, holds)) = argument {
                self.set(parameter.name.span, *holds);
            }
            let is_tensor = argument.is_some_and(|(_, holds)| holds.tensor);
            if !is_tensor && self.sometimes.insert(parameter.name.span) {
                self.changed = true;
            }
        }
    }

    /// A call of a variable: of any item that is used as a value.
    fn unknown_call(&mut self, callee: Holds, given: &[(Option<&str>, Holds)], is_named: bool, all: Holds) -> Holds {
        let items: Vec<ItemRef> =
            self.values.iter().filter_map(|position| self.reached.get(*position)).copied().collect();
        let mut result = all.join(Holds { layers: false, ..callee });
        for item in items {
            self.pass(item, given, false);
            result = result.join(self.returns.get(&item).copied().unwrap_or_default());
        }
        if is_named || callee.layers {
            self.note(|does| does.makes_layers = true);
            result = result.join(Holds::TENSOR);
        }
        // A call with settings alone may be a callable still.
        if given.iter().all(|(name, _)| name.is_some()) {
            result.layers |= callee.layers;
        }
        result
    }
}

/// Finds out whether an expression makes constants or goes through lists.
struct Costly<'f, 'p> {
    flow: &'f Flow<'p>,
    found: bool,
}

impl Costly<'_, '_> {
    fn item(&mut self, item: ItemRef) {
        let does = self.flow.does.get(&item).copied().unwrap_or_default();
        self.found |= does.makes_constants || does.is_long;
    }

    fn expr(&mut self, expr: &Expr, place: &Place) {
        let program = self.flow.program;
        match &expr.kind {
            ExprKind::Comprehension { .. } => self.found = true,
            ExprKind::Name(name) => match meaning::meaning(program, place.file, &place.scopes, name) {
                Some(Meaning::Item(item)) => {
                    let is_const = matches!(program.item(item).map(|item| &item.kind), Some(ItemKind::Const(_)));
                    let makes = self.flow.does.get(&item).is_some_and(|does| does.makes_constants);
                    self.found |= is_const && makes;
                }
                _ => {}
            },
            ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.iter().for_each(|part| self.expr(part, place)),
            ExprKind::Unary { operand, .. } => self.expr(operand, place),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, place);
                self.expr(right, place);
            }
            ExprKind::If { branches, otherwise } => {
                for (condition, block) in branches {
                    self.expr(condition, place);
                    self.expr(&block.value, place);
                }
                self.expr(&otherwise.value, place);
            }
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, place),
            ExprKind::Pipeline { first, stages } => {
                self.expr(first, place);
                for stage in stages {
                    match &stage.kind {
                        ExprKind::Call { callee, arguments } => self.call(callee, arguments, place),
                        _ => self.call(stage, &[], place),
                    }
                }
            }
            ExprKind::Index { base, .. } => self.expr(base, place),
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Bool(_)
            | ExprKind::Range { .. }
            | ExprKind::Named { .. }
            | ExprKind::Attribute { .. } => {}
        }
    }

    fn call(&mut self, callee: &Expr, arguments: &[Argument], place: &Place) {
        match meaning::callee(self.flow.program, place.file, &place.scopes, callee) {
            Some(Meaning::Item(item)) => self.item(item),
            Some(Meaning::Operation(definition)) => self.found |= definition.name == "constant",
            _ => {}
        }
        for argument in arguments {
            self.expr(&argument.value, place);
        }
    }
}
