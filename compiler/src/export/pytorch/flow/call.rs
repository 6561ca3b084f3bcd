//! Calls: which arguments reach which parameters, and what comes back.

use parameternet_dsl::ast::{self, Argument, Expr, ExprKind, InstancePath, ItemKind, PathSegment};

use super::{Flow, Holds, Place};
use crate::export::pytorch::meaning::{self, Meaning, makes_layer};
use crate::program::ItemRef;

impl<'p> Flow<'p> {
    pub(super) fn call(
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
