//! What may be in each variable: the tensors that a network computes, or only what is known when it is made.
//!
//! A module in Python has two sides: a constructor, which gets what is known, and `forward`, which gets tensors. In: the
//! program and one network of it. Out: for each variable, parameter and result, whether it may hold (directly, in a list, or as
//! the setting of a callable) a tensor that the network computes, a tensor known from the start, or a callable whose call makes
//! layers; and which functions make layers, so that they become classes as modules do.
//!
//! The answers are the least that hold of every call, found by going through all items until nothing changes. What is said to
//! hold a tensor may hold none at times; the other way around never happens.

mod call;
mod costly;
mod walk;

use std::collections::{BTreeSet, HashMap, HashSet};

use parameternet_dsl::ast::{self, Expr, FnBody, ItemKind};
use parameternet_dsl::source::Span;

use super::meaning::Scopes;
use crate::program::{FileId, ItemRef, Program};
use costly::Costly;

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

    /// Whether some `fn` is used as a value.
    pub(super) fn has_functions_as_values(&self) -> bool {
        let mut items = self.values.iter().filter_map(|position| self.reached.get(*position));
        items.any(|item| matches!(self.program.item(*item).map(|item| &item.kind), Some(ItemKind::Fn(_))))
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
}
