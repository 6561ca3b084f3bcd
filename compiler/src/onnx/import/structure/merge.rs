//! Instances of one module, laid over each other.
//!
//! Two bodies are walked side by side. Where both have the same operation on the same operands, it is one slot of the module. An
//! operation that only one of them has becomes a slot that can be left out, if the rest fits when its value is that of one of its
//! operands instead: a residual connection, squeeze-and-excite, the projection of a shortcut.

use super::item::{Item, ItemHead, Setting};
use crate::onnx::import::flow::{Literal, Operand, Operation, StepId};
use crate::onnx::import::path::Path;

/// A value in a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ref {
    Input(usize),
    Slot(usize),
    Number(f64),
}

/// The items of an instance.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) path: Path,
    /// In order.
    pub(super) members: Vec<usize>,
    /// Values from outside, in the order in which they are read.
    pub(super) inputs: Vec<StepId>,
    /// The only value that is read outside.
    pub(super) output: StepId,
    /// The channels of the first input, where they are known, and what the language calls them.
    pub(super) channels: Option<i64>,
    pub(super) channels_attribute: &'static str,
    pub(super) output_channels: Option<i64>,
}

/// An operation of a module.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) head: ItemHead,
    /// The instance within that of the module.
    pub(super) path: Option<Path>,
    pub(super) operands: Vec<Ref>,
    /// The item of each instance, `None` where it is left out.
    pub(super) items: Vec<Option<Item>>,
    /// Its value where it is left out.
    pub(super) bypass: Option<Ref>,
}

/// A module that is being made of its instances.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) slots: Vec<Slot>,
    pub(super) inputs: usize,
    pub(super) output: Ref,
    pub(super) instances: Vec<Instance>,
}

/// Functions that take nothing but a tensor, one of which may stand where another does.
pub(super) fn is_activation(head: ItemHead) -> bool {
    let names = ["relu", "relu6", "sigmoid", "hard_sigmoid", "hard_swish", "silu", "tanh"];
    matches!(head, ItemHead::Step(Operation::Call(name)) if names.contains(&name))
}

impl Template {
    /// A module with one instance.
    pub(super) fn of(instance: &Instance, items: &[Item]) -> Option<Template> {
        let members: Vec<&Item> = instance.members.iter().map(|place| items.get(*place)).collect::<Option<_>>()?;
        let reference = |operand: &Operand| match operand {
            Operand::Number(number) => Some(Ref::Number(*number)),
            Operand::Step(id) => match members.iter().position(|item| item.value == *id) {
                Some(slot) => Some(Ref::Slot(slot)),
                None => instance.inputs.iter().position(|input| input == id).map(Ref::Input),
            },
        };
        let slot = |item: &&Item| {
            let path = match &item.path {
                Some(path) => Some(path.after(&instance.path)?),
                None => None,
            };
            let operands = item.operands.iter().map(reference).collect::<Option<_>>()?;
            Some(Slot { head: item.head, path, operands, items: vec![Some((*item).clone())], bypass: None })
        };
        Some(Template {
            slots: members.iter().map(slot).collect::<Option<_>>()?,
            inputs: instance.inputs.len(),
            output: reference(&Operand::Step(instance.output))?,
            instances: vec![instance.clone()],
        })
    }

    /// The module with the only instance of another one added, if they are alike enough.
    pub(super) fn with(&self, other: &Template) -> Option<Template> {
        if self.inputs != other.inputs {
            return None;
        }
        let mut merge = Merge { left: self, right: other, budget: 2_000 };
        let merged = merge.go(State::default())?;
        let weighted = |template: &Template| template.slots.iter().filter(|slot| slot.path.is_some()).count();
        let shared =
            merged.slots.iter().filter(|slot| slot.path.is_some() && slot.items.iter().all(Option::is_some)).count();
        let present = |template: &Template| {
            template.slots.iter().filter(|slot| slot.path.is_some() && slot.items.iter().all(Option::is_some)).count()
        };
        // More than half of the smaller one must be in all, and nothing in two places.
        let smaller = present(self).min(weighted(other));
        let paths: Vec<_> = merged.slots.iter().filter_map(|slot| slot.path.as_ref()).collect();
        let are_different =
            paths.iter().enumerate().all(|(place, path)| !paths.iter().take(place).any(|other| other == path));
        (shared > 0 && shared * 2 > smaller && are_different).then_some(merged)
    }
}

/// How far two bodies have been laid over each other.
#[derive(Debug, Clone, Default)]
struct State {
    slots: Vec<Merged>,
    /// For the slots of both, the slots that they became.
    left: Vec<usize>,
    right: Vec<usize>,
}

/// A slot of both bodies, or of one.
#[derive(Debug, Clone)]
struct Merged {
    left: Option<usize>,
    right: Option<usize>,
    operands: Vec<Ref>,
    bypass: Option<Ref>,
}

struct Merge<'a> {
    left: &'a Template,
    right: &'a Template,
    budget: usize,
}

impl Merge<'_> {
    fn go(&mut self, state: State) -> Option<Template> {
        self.budget = self.budget.checked_sub(1)?;
        let (left, right) = (self.left.slots.get(state.left.len()), self.right.slots.get(state.right.len()));
        match (left, right) {
            (None, None) => return self.finished(&state),
            (Some(left), Some(right)) => {
                if let Some(operands) = self.matched(&state, left, right) {
                    let mut next = state.clone();
                    next.both(operands, left.bypass.map(|bypass| next_ref(&state.left, bypass)));
                    if let Some(found) = self.go(next) {
                        return Some(found);
                    }
                }
            }
            _ => {}
        }
        // What the other side has later on is waited for.
        let comes_later =
            left.is_some_and(|left| self.right.slots.iter().skip(state.right.len()).any(|right| alike(left, right)));
        for by_left in [!comes_later, comes_later] {
            let slot = if by_left { left } else { right };
            for bypass in slot.map(bypasses).unwrap_or_default() {
                let Some(slot) = slot else { continue };
                let mut next = state.clone();
                if by_left {
                    next.only_left(slot, bypass)
                } else {
                    next.only_right(slot, bypass)
                }
                if let Some(found) = self.go(next) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// The operands of a slot that both have.
    fn matched(&self, state: &State, left: &Slot, right: &Slot) -> Option<Vec<Ref>> {
        if !alike(left, right) {
            return None;
        }
        let (Some(Some(left_item)), Some(Some(right_item))) =
            (left.items.iter().find(|item| item.is_some()), right.items.iter().find(|item| item.is_some()))
        else {
            return None;
        };
        if !comparable(&left_item.settings, &right_item.settings) {
            return None;
        }
        left.operands.iter().zip(&right.operands).map(|(left, right)| state.same(*left, *right)).collect()
    }

    fn finished(&self, state: &State) -> Option<Template> {
        let output = state.same(self.left.output, self.right.output)?;
        let slot = |merged: &Merged| {
            let left = merged.left.and_then(|place| self.left.slots.get(place));
            let right = merged.right.and_then(|place| self.right.slots.get(place));
            let either = left.or(right)?;
            let mut items = left.map_or_else(|| vec![None; self.left.instances.len()], |slot| slot.items.clone());
            items.extend(right.map_or_else(|| vec![None; self.right.instances.len()], |slot| slot.items.clone()));
            Some(Slot {
                head: either.head,
                path: either.path.clone(),
                operands: merged.operands.clone(),
                items,
                bypass: merged.bypass,
            })
        };
        Some(Template {
            slots: state.slots.iter().map(slot).collect::<Option<_>>()?,
            inputs: self.left.inputs,
            output,
            instances: self.left.instances.iter().chain(&self.right.instances).cloned().collect(),
        })
    }
}

/// Whether two slots are of one operation and instance.
fn alike(left: &Slot, right: &Slot) -> bool {
    let same_head = left.head == right.head || is_activation(left.head) && is_activation(right.head);
    same_head && left.path == right.path && left.operands.len() == right.operands.len()
}

/// What the value of a slot could be where it is left out.
fn bypasses(slot: &Slot) -> Vec<Ref> {
    match slot.bypass {
        Some(bypass) => vec![bypass],
        None => {
            let mut operands = slot.operands.clone();
            operands.retain(|operand| !matches!(operand, Ref::Number(_)));
            operands.dedup();
            // The residual connection is left out of a sum, not what it is added to.
            operands.sort_by_key(|operand| matches!(operand, Ref::Input(_)));
            operands
        }
    }
}

/// A reference of one body as one of the merged body.
fn next_ref(map: &[usize], reference: Ref) -> Ref {
    match reference {
        Ref::Slot(slot) => map.get(slot).map_or(reference, |merged| Ref::Slot(*merged)),
        other => other,
    }
}

impl State {
    fn both(&mut self, operands: Vec<Ref>, bypass: Option<Ref>) {
        let merged = Merged { left: Some(self.left.len()), right: Some(self.right.len()), operands, bypass };
        self.left.push(self.slots.len());
        self.right.push(self.slots.len());
        self.slots.push(merged);
    }

    fn only_left(&mut self, slot: &Slot, bypass: Ref) {
        let operands = slot.operands.iter().map(|operand| self.latest(next_ref(&self.left, *operand), true)).collect();
        let bypass = self.latest(next_ref(&self.left, bypass), true);
        self.left.push(self.slots.len());
        self.slots.push(Merged { left: Some(self.left.len() - 1), right: None, operands, bypass: Some(bypass) });
    }

    fn only_right(&mut self, slot: &Slot, bypass: Ref) {
        let operands =
            slot.operands.iter().map(|operand| self.latest(next_ref(&self.right, *operand), false)).collect();
        let bypass = self.latest(next_ref(&self.right, bypass), false);
        self.right.push(self.slots.len());
        self.slots.push(Merged { left: None, right: Some(self.right.len() - 1), operands, bypass: Some(bypass) });
    }

    /// The value that an instance of one side sees where slots of the other are left out.
    fn seen(&self, mut reference: Ref, by_left: bool) -> Ref {
        while let Ref::Slot(place) = reference
            && let Some(slot) = self.slots.get(place)
            && (if by_left { slot.left } else { slot.right }).is_none()
            && let Some(bypass) = slot.bypass
        {
            reference = bypass;
        }
        reference
    }

    /// The last slot of the other side alone that one side sees as this value: what follows comes after it.
    fn latest(&self, reference: Ref, by_left: bool) -> Ref {
        if !matches!(reference, Ref::Slot(_)) {
            return reference;
        }
        let is_other = |slot: &Merged| (if by_left { slot.left } else { slot.right }).is_none();
        let last = self
            .slots
            .iter()
            .enumerate()
            .rev()
            .find(|(place, slot)| is_other(slot) && self.seen(Ref::Slot(*place), by_left) == reference);
        last.map_or(reference, |(place, _)| Ref::Slot(place))
    }

    /// A value of both sides as one, if it is the same.
    fn same(&self, left: Ref, right: Ref) -> Option<Ref> {
        let (left, right) = (next_ref(&self.left, left), next_ref(&self.right, right));
        if left == right {
            return Some(left);
        }
        let (seen_left, seen_right) = (self.seen(left, false), self.seen(right, true));
        if seen_left == right {
            return Some(left);
        }
        if seen_right == left {
            return Some(right);
        }
        // Each side has something of its own in between: the later one contains the other.
        let later = match (left, right) {
            (Ref::Slot(left), Ref::Slot(right)) => Ref::Slot(left.max(right)),
            _ => return None,
        };
        (self.seen(later, true) == self.seen(left, true) && self.seen(later, false) == self.seen(right, false))
            .then_some(later)
    }
}

/// Whether two calls differ in nothing but values that can be parameters.
fn comparable(left: &[Setting], right: &[Setting]) -> bool {
    let pairs = left.iter().zip(right);
    left.len() == right.len()
        && pairs.into_iter().all(|(left, right)| {
            let same_kind = matches!(
                (&left.value, &right.value),
                (Literal::Whole(_) | Literal::List(_), Literal::Whole(_) | Literal::List(_))
                    | (Literal::Number(_), Literal::Number(_))
                    | (Literal::Flag(_), Literal::Flag(_))
            );
            let is_word =
                matches!((&left.value, &right.value), (Literal::Word(_), Literal::Word(_))) && left.name == "act";
            left.name == right.name && (left.value == right.value || same_kind || is_word)
        })
}
