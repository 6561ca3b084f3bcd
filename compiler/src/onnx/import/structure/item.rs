//! What bodies consist of: steps, and calls of the modules that were made of steps.

use std::collections::{BTreeSet, HashMap};

use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, Step, StepId};
use crate::onnx::import::path::{Path, Segment};
use crate::onnx::import::size::Size;

/// A step or a call, whose value is that of a step.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) head: ItemHead,
    pub(super) operands: Vec<Operand>,
    pub(super) settings: Vec<Setting>,
    /// The instance, from the root of the network.
    pub(super) path: Option<Path>,
    /// The instance whose body this stands in.
    pub(super) home: Path,
    pub(super) value: StepId,
    pub(super) shape: Vec<Size>,
    /// The classes of the instances on the way to `home`, as far as known.
    pub(super) classes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ItemHead {
    Step(Operation),
    /// A module by its number.
    Module(usize),
}

/// What an item is called with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: Literal,
    /// What it is if it is not given; without one, it is given by its place.
    pub(super) default: Option<Literal>,
}

impl Setting {
    pub(super) fn is_default(&self) -> bool {
        self.default.as_ref() == Some(&self.value)
    }
}

impl From<&Argument> for Setting {
    fn from(argument: &Argument) -> Self {
        Setting { name: argument.name.to_owned(), value: argument.value.clone(), default: argument.default.clone() }
    }
}

impl Item {
    pub(super) fn reads(&self) -> impl Iterator<Item = StepId> {
        self.operands.iter().filter_map(|operand| if let Operand::Step(id) = operand { Some(*id) } else { None })
    }

    /// Whether there are weights in it.
    pub(super) fn is_weighted(&self) -> bool {
        self.path.is_some()
    }
}

/// The items of all steps but inputs, each at home in the innermost instance that could be a module.
pub(super) fn items(steps: &[Step], places: &Containers) -> Vec<Item> {
    let mut homes: Vec<Path> = Vec::with_capacity(steps.len());
    let mut readers: HashMap<StepId, Vec<usize>> = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        step.reads().for_each(|read| readers.entry(read).or_default().push(place));
    }
    let mut items = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let is_weighted = !step.weights.is_empty();
        let home = if is_weighted {
            places.home(step.path.split_last().map(|(home, _)| home).unwrap_or_default())
        } else if step.scope.is_known {
            places.home(step.scope.path.clone())
        } else {
            // Where its operand and its next reader both are.
            let before = step.first().and_then(|id| homes.get(id.0)).cloned().unwrap_or_default();
            let readers = readers.get(&StepId(place)).into_iter().flatten();
            let after = readers.filter_map(|reader| steps.get(*reader)).find(|reader| !reader.weights.is_empty());
            let after = after.and_then(|reader| reader.path.split_last()).map(|(home, _)| home);
            places.home(after.map_or(before.clone(), |after| common(&before, &after)))
        };
        homes.push(home.clone());
        if matches!(step.operation, Operation::Input(_)) {
            continue;
        }
        let mut settings: Vec<Setting> = step.arguments.iter().map(Setting::from).collect();
        if step.operation == Operation::Param {
            let shape = step.shape.iter().map(|size| Literal::Whole(size.value)).collect();
            settings.push(Setting { name: "shape".to_owned(), value: Literal::List(shape), default: None });
        }
        items.push(Item {
            head: ItemHead::Step(step.operation),
            operands: step.operands.clone(),
            settings,
            path: is_weighted.then(|| step.path.clone()),
            home,
            value: StepId(place),
            shape: step.shape.clone(),
            classes: step.scope.classes.clone(),
        });
    }
    items
}

fn common(left: &Path, right: &Path) -> Path {
    Path(left.0.iter().zip(&right.0).take_while(|(left, right)| left == right).map(|(left, _)| left.clone()).collect())
}

/// The instances that hold others.
pub(super) struct Containers(BTreeSet<Path>);

impl Containers {
    /// All instances around steps with weights, but for lists, whose parts are numbered, and for those that hold lists of instances:
    /// what is in them stands in the body around, where lists become loops.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut children: HashMap<Path, BTreeSet<Segment>> = HashMap::new();
        for step in steps.iter().filter(|step| !step.weights.is_empty()) {
            for length in 0..step.path.0.len() {
                let (prefix, rest) = step.path.0.split_at_checked(length).unwrap_or_default();
                children.entry(Path(prefix.to_vec())).or_default().extend(rest.first().cloned());
            }
        }
        let is_list = |path: &Path| {
            children.get(path).is_some_and(|parts| parts.iter().all(|part| matches!(part, Segment::Index(_))))
        };
        let holds_instances = |path: &Path| {
            let parts = children.get(path).into_iter().flatten();
            parts.map(|part| path.child(part)).any(|part| children.contains_key(&part))
        };
        let holds_list = |path: &Path| {
            let parts = children.get(path).into_iter().flatten();
            parts.map(|part| path.child(part)).any(|part| is_list(&part) && holds_instances(&part))
        };
        let paths = children.keys().filter(|path| !path.is_empty() && !is_list(path) && !holds_list(path));
        Containers(paths.cloned().collect())
    }

    /// The innermost of them that something at this path is in.
    pub(super) fn home(&self, mut path: Path) -> Path {
        while !path.is_empty() && !self.0.contains(&path) {
            path.0.pop();
        }
        path
    }
}
