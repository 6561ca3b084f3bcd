//! A whole file: which items it has, what they are called, in which order they stand.

use std::collections::{BTreeSet, HashMap, HashSet};

use parameternet_dsl::ast::{FnBody, ItemKind};

use super::body::{Body, Class, Mode};
use super::flow::Flow;
use super::layout;
use super::liveness::prune;
use super::names::{Reserved, Unique, camel};
use super::python::{Py, Stmt};
use super::runtime;
use crate::program::{ItemRef, Program, item_name};

/// See the module's documentation.
pub(super) struct File<'p> {
    pub program: &'p Program,
    pub flow: Flow<'p>,
    names: HashMap<ItemRef, String>,
    /// The names of all items in Python.
    pub globals: BTreeSet<String>,
    /// What items are called, and what the program calls anything.
    pub taken: Unique,
    pub reserved: Reserved,
    /// The helpers that are used.
    pub helpers: BTreeSet<&'static str>,
    pub uses_partial: bool,
    /// Names below which other layers have theirs.
    pub groups: BTreeSet<String>,
    /// Whether the network returns several outputs by name.
    pub has_named_outputs: bool,
    /// The batch size that the network is made for, if its layers depend on it.
    pub batch: Option<usize>,
}

impl<'p> File<'p> {
    pub(super) fn new(
        program: &'p Program,
        flow: Flow<'p>,
        reserved: Reserved,
        has_named_outputs: bool,
        batch: Option<usize>,
    ) -> Self {
        let mut taken = Unique::default();
        let mut unique = Unique::default();
        let mut names = HashMap::new();
        for item in flow.reached() {
            let Some(name) = program.item(*item).and_then(item_name) else { continue };
            let is_function = matches!(program.item(*item).map(|item| &item.kind), Some(ItemKind::Fn(_)));
            let wanted = if is_function && flow.is_class(*item) { camel(&name.text) } else { name.text.clone() };
            let python = unique.fresh(&reserved.identifier(&wanted));
            taken.reserve(python.clone());
            names.insert(*item, python);
        }
        let globals = names.values().cloned().collect();
        let groups = flow.groups().clone();
        File {
            program,
            flow,
            names,
            globals,
            taken,
            reserved,
            helpers: BTreeSet::from(["Module"]),
            uses_partial: false,
            groups,
            has_named_outputs,
            batch,
        }
    }

    /// What an item is called.
    pub(super) fn item_name(&self, item: ItemRef) -> String {
        self.names.get(&item).cloned().unwrap_or_default()
    }

    /// The text of the file, and the helpers that it has.
    pub(super) fn text(mut self, network: ItemRef, head: &str) -> (String, BTreeSet<&'static str>) {
        let mut order = Vec::new();
        self.depend(network, &mut HashSet::new(), &mut order);
        let mut items = String::new();
        let mut was_constant = false;
        for item in order {
            let Some(definition) = self.program.item(item) else { continue };
            let is_constant = matches!(definition.kind, ItemKind::Const(_));
            let text = match &definition.kind {
                ItemKind::Const(_) => self.constant(item),
                ItemKind::Fn(_) if !self.flow.is_class(item) => self.function(item),
                _ => self.class(item),
            };
            items.push_str(if is_constant && was_constant { "\n" } else { "\n\n" });
            items.push_str(&text);
            was_constant = is_constant;
        }
        // PyTorch sets the attribute `training` itself: where a layer has that name, it must not be taken for the layer.
        let has_training = self.flow.segments().contains("training");
        if has_training {
            self.helpers.insert("set_attribute");
        }
        let mut body = String::new();
        let helpers = runtime::needed(&self.helpers);
        for helper in runtime::texts(&helpers) {
            body.push_str("\n\n");
            body.push_str(helper);
            body.push('\n');
        }
        if has_training {
            body.push_str("\n\nGroup.__setattr__ = set_attribute\n");
        }
        body.push_str(&items);
        let mut out = String::new();
        layout::docs(head, 0, &mut out);
        out.push('\n');
        let mut standard = String::new();
        if body.contains("inspect.") {
            standard.push_str("import inspect\n");
        }
        if body.contains("math.") {
            standard.push_str("import math\n");
        }
        if body.contains("partial(") || body.contains(", partial)") {
            standard.push_str("from functools import partial\n");
        }
        if !standard.is_empty() {
            standard.push('\n');
        }
        out.push_str(&standard);
        out.push_str("import torch\n");
        if body.contains("F.") {
            out.push_str("import torch.nn.functional as F\n");
        }
        out.push_str("from torch import nn\n");
        out.push_str(&body);
        (out, helpers)
    }

    /// Items after those that they use.
    fn depend(&self, item: ItemRef, seen: &mut HashSet<ItemRef>, order: &mut Vec<ItemRef>) {
        // As a list, since a long chain of items may not use up the stack.
        let mut open = vec![(item, 0)];
        seen.insert(item);
        while let Some((item, position)) = open.pop() {
            match self.flow.uses(item).get(position).copied() {
                Some(used) => {
                    open.push((item, position + 1));
                    if seen.insert(used) {
                        open.push((used, 0));
                    }
                }
                None => order.push(item),
            }
        }
    }

    fn constant(&mut self, item: ItemRef) -> String {
        let Some(definition) = self.program.item(item) else { return String::new() };
        let ItemKind::Const(constant) = &definition.kind else { return String::new() };
        let mut class = Class::default();
        let name = self.item_name(item);
        let mut body = Body::new(self, &mut class, Mode::Function, item.file);
        body.reserve_words(definition.span);
        let (value, _) = body.expr(&constant.value);
        body.assign(&name, value);
        let statements = body.finish();
        let mut out = String::new();
        comment(&definition.docs, &mut out);
        layout::block(&statements, 0, &mut out);
        out
    }

    fn function(&mut self, item: ItemRef) -> String {
        let Some(definition) = self.program.item(item) else { return String::new() };
        let ItemKind::Fn(function) = &definition.kind else { return String::new() };
        let name = self.item_name(item);
        let mut class = Class::default();
        let assigned = self.flow.assigned(item);
        let mut body = Body::new(self, &mut class, Mode::Function, item.file);
        body.assigned = assigned;
        body.reserve_words(definition.span);
        let signature = body.given_parameters(&function.parameters, false);
        match &function.body {
            FnBody::Expr(expr) => {
                let (value, _) = body.expr(expr);
                body.emit(Stmt::Return(Some(value)));
            }
            FnBody::Block(block) => body.block(block),
        }
        let statements = prune(body.finish());
        let mut out = String::new();
        layout::signature(&name, &signature, 0, &mut out);
        layout::docs(&definition.docs, 4, &mut out);
        layout::block(&statements, 4, &mut out);
        out
    }

    /// A module, a network, or a function that makes layers.
    fn class(&mut self, item: ItemRef) -> String {
        let Some(definition) = self.program.item(item) else { return String::new() };
        let mut class = Class::new(self.flow.segments().iter().cloned());
        let forward = self.half(item, &mut class, Mode::Forward);
        let Some((forward_signature, forward)) = forward else { return String::new() };
        for statement in &forward {
            statement.atoms(&mut |text| {
                if let Some(rest) = text.strip_prefix("self.") {
                    let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_'));
                    class.read.insert(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_owned());
                }
            });
        }
        let Some((init_signature, init)) = self.half(item, &mut class, Mode::Init) else { return String::new() };
        let is_network = matches!(definition.kind, ItemKind::Network(_));
        let mut out = format!("class {}(Module):\n", self.item_name(item));
        layout::docs(&definition.docs, 4, &mut out);
        if !definition.docs.trim().is_empty() {
            out.push('\n');
        }
        if is_network {
            out.push_str("    @torch.no_grad()\n");
        }
        layout::signature("__init__", &init_signature, 4, &mut out);
        out.push_str("        super().__init__()\n");
        for (attribute, is_registered) in &class.lists {
            let list = if *is_registered { "nn.ModuleList()" } else { "[]" };
            out.push_str(&format!("        self.{attribute} = {list}\n"));
        }
        layout::block(&init, 8, &mut out);
        if is_network {
            out.push_str("        self.train()\n");
        }
        out.push('\n');
        layout::signature("forward", &forward_signature, 4, &mut out);
        layout::block(&forward, 8, &mut out);
        if forward.is_empty() {
            out.push_str("        pass\n");
        }
        out
    }

    /// The constructor or `forward` of a class: its parameters and statements.
    #[expect(clippy::type_complexity, reason = "parameters with defaults, and statements")]
    fn half(&mut self, item: ItemRef, class: &mut Class, mode: Mode) -> Option<(Vec<(String, Option<Py>)>, Vec<Stmt>)> {
        let definition = self.program.item(item)?;
        let assigned = self.flow.assigned(item);
        let mut body = Body::new(self, class, mode, item.file);
        body.assigned = assigned;
        body.reserve_words(definition.span);
        let mut signature = vec![("self".to_owned(), None)];
        let (parameters, is_network) = match &definition.kind {
            ItemKind::Fn(function) => (&function.parameters, false),
            ItemKind::Module(module) => (&module.parameters, false),
            ItemKind::Network(network) => (&network.parameters, true),
            _ => return None,
        };
        signature.extend(body.given_parameters(parameters, is_network));
        if let ItemKind::Network(network) = &definition.kind {
            body.batch(network, &mut signature);
        }
        match &definition.kind {
            ItemKind::Fn(function) => match &function.body {
                FnBody::Expr(expr) => {
                    let (value, _) = body.expr(expr);
                    body.emit(Stmt::Return((mode != Mode::Init).then_some(value)));
                }
                FnBody::Block(block) => body.block(block),
            },
            ItemKind::Module(module) => body.block(&module.body),
            ItemKind::Network(network) => body.block(&network.body),
            _ => return None,
        }
        Some((signature, prune(body.finish())))
    }
}

/// Documentation as a comment.
fn comment(docs: &str, out: &mut String) {
    for line in docs.trim().lines() {
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
}
