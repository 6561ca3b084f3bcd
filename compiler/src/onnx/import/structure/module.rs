//! Instances that are alike become calls of one module.
//!
//! In: items, each at home in an instance. Out: the modules, and the items that are left, in an order of execution. An instance is a
//! candidate if what is in it is computed from at most three values, and one value of it is read outside. From the innermost
//! instances on, candidates of the same place (`blocks[1][0]` and `blocks[3][2]`, `ghost1` and `ghost2`) that can be laid over
//! each other become a module; the items of all others go to the instance around them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::item::{Containers, Item, ItemHead, Setting};
use super::merge::{Instance, Template};
use super::parameter::{Parameter, parameters};
use crate::onnx::import::flow::{Operand, StepId};
use crate::onnx::import::name::camel;
use crate::onnx::import::path::{Path, Segment};
use crate::onnx::import::size::Size;

/// The most values that a module is made of.
const INPUTS: usize = 3;

/// A module of the file.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) template: Template,
    pub(super) parameters: Vec<Parameter>,
}

/// Finds modules. Names that are taken are not given to them.
pub(super) fn found(
    mut items: Vec<Item>,
    outputs: &[StepId],
    shapes: &[Vec<Size>],
    containers: &Containers,
    taken: &mut HashSet<String>,
) -> (Vec<Module>, Vec<Item>) {
    let mut modules = Vec::new();
    let depth = items.iter().map(|item| item.home.0.len()).max().unwrap_or(0);
    for length in (1..=depth).rev() {
        let before = items.clone();
        let count = modules.len();
        items = level(items, length, outputs, shapes, containers, &mut modules, taken);
        if items.is_empty() {
            // Two instances would need each other: they stay what they were.
            modules.truncate(count);
            items = before;
            leave(&mut items, length, containers);
        }
    }
    (modules, items)
}

/// Moves items whose home has so many parts to the instance around it.
fn leave(items: &mut [Item], length: usize, containers: &Containers) {
    for item in items.iter_mut().filter(|item| item.home.0.len() == length) {
        item.home.0.pop();
        item.home = containers.home(std::mem::take(&mut item.home));
    }
}

/// Makes modules of the instances whose paths have so many parts; nothing if they cannot be put in order.
fn level(
    mut items: Vec<Item>,
    length: usize,
    outputs: &[StepId],
    shapes: &[Vec<Size>],
    containers: &Containers,
    modules: &mut Vec<Module>,
    taken: &mut HashSet<String>,
) -> Vec<Item> {
    let mut members: BTreeMap<Path, Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate().filter(|(_, item)| item.home.0.len() == length) {
        members.entry(item.home.clone()).or_default().push(place);
    }
    let mut families: Vec<(String, Vec<Template>)> = Vec::new();
    for (path, members) in members {
        let Some(template) =
            instance(&items, path.clone(), members, outputs, shapes).and_then(|found| Template::of(&found, &items))
        else {
            continue;
        };
        let family = family(&path);
        let place = families.iter().position(|(other, _)| *other == family).unwrap_or_else(|| {
            families.push((family, Vec::new()));
            families.len() - 1
        });
        let Some((_, templates)) = families.get_mut(place) else { continue };
        match templates.iter_mut().find_map(|other| Some((other.with(&template)?, other))) {
            Some((merged, other)) => *other = merged,
            None => templates.push(template),
        }
    }
    let mut replaced: HashMap<usize, Option<Item>> = HashMap::new();
    for template in families.into_iter().flat_map(|(_, templates)| templates) {
        if template.instances.len() < 2 {
            continue;
        }
        let module = modules.len();
        let parameters = parameters(&template, taken);
        for (number, instance) in template.instances.iter().enumerate() {
            let call = call(module, &template, number, &parameters);
            for place in &instance.members {
                replaced.insert(*place, None);
            }
            if let Some(last) = instance.members.last() {
                replaced.insert(*last, Some(call));
            }
        }
        let name = super::super::text::unique(&name(&template, length), taken);
        modules.push(Module { name, template, parameters });
    }
    let mut left: Vec<Item> = Vec::new();
    for (place, item) in items.drain(..).enumerate() {
        match replaced.remove(&place) {
            Some(call) => left.extend(call),
            None => left.push(item),
        }
    }
    leave(&mut left, length, containers);
    ordered(left)
}

/// The instance of these members, if it can be a call.
fn instance(
    items: &[Item],
    path: Path,
    members: Vec<usize>,
    outputs: &[StepId],
    shapes: &[Vec<Size>],
) -> Option<Instance> {
    let inside: HashMap<StepId, usize> =
        members.iter().filter_map(|place| Some((items.get(*place)?.value, *place))).collect();
    let is_worth_it = members.len() > 1 && members.iter().filter_map(|place| items.get(*place)).any(Item::is_weighted);
    let (first, last) = (*members.first()?, *members.last()?);
    let mut inputs: Vec<StepId> = Vec::new();
    let mut read_outside: HashSet<StepId> =
        outputs.iter().copied().filter(|output| inside.contains_key(output)).collect();
    // What stands between members and depends on them must not be read by them.
    let mut dependent: HashSet<StepId> = HashSet::new();
    for (place, item) in items.iter().enumerate().skip(first) {
        if inside.get(&item.value) == Some(&place) {
            if item.reads().any(|read| dependent.contains(&read)) {
                return None;
            }
            for read in item.reads().filter(|read| !inside.contains_key(read)) {
                if !inputs.contains(&read) {
                    inputs.push(read);
                }
            }
            continue;
        }
        let read_here: Vec<StepId> = item.reads().filter(|read| inside.contains_key(read)).collect();
        if !read_here.is_empty() || place <= last && item.reads().any(|read| dependent.contains(&read)) {
            dependent.insert(item.value);
        }
        read_outside.extend(read_here);
    }
    let mut read_outside = read_outside.into_iter();
    let (Some(output), None) = (read_outside.next(), read_outside.next()) else { return None };
    let fits = is_worth_it && (1..=INPUTS).contains(&inputs.len());
    let channels = |shape: &[Size]| match shape.len() {
        4 => shape.get(1).and_then(|size| size.fixed()),
        _ => shape.last().and_then(|size| size.fixed()),
    };
    let first = inputs.first().and_then(|input| shapes.get(input.0))?;
    let last = shapes.get(output.0)?;
    fits.then_some(Instance {
        path,
        members,
        inputs,
        output,
        channels: channels(first),
        channels_attribute: if first.len() == 4 { "channels" } else { "features" },
        output_channels: channels(last),
    })
}

/// Where instances stand, so that only those are compared that could be of one module: without numbers.
fn family(path: &Path) -> String {
    let part = |part: &Segment| match part {
        Segment::Index(_) => "*".to_owned(),
        Segment::Name(name) => name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned(),
    };
    path.0.iter().map(part).collect::<Vec<_>>().join(".")
}

fn call(module: usize, template: &Template, number: usize, parameters: &[Parameter]) -> Item {
    let instance = template.instances.get(number);
    let settings = parameters.iter().map(|parameter| Setting {
        name: parameter.name.clone(),
        value: parameter.value(number),
        default: parameter.default.clone(),
    });
    let output = instance.map_or(StepId(0), |instance| instance.output);
    let own = template.slots.iter().filter_map(|slot| slot.items.get(number)?.as_ref());
    let last = own.clone().find(|item| item.value == output);
    let path = instance.map(|instance| instance.path.clone()).unwrap_or_default();
    Item {
        head: ItemHead::Module(module),
        operands: instance.iter().flat_map(|instance| &instance.inputs).map(|input| Operand::Step(*input)).collect(),
        settings: settings.collect(),
        home: path.clone(),
        path: Some(path),
        value: output,
        shape: last.map(|item| item.shape.clone()).unwrap_or_default(),
        classes: own.clone().next_back().map(|item| item.classes.clone()).unwrap_or_default(),
    }
}

/// What a module is called: the class that the file says, or the name of its instances.
fn name(template: &Template, length: usize) -> String {
    let items = template.slots.iter().flat_map(|slot| slot.items.iter().flatten());
    let class = items.filter_map(|item| item.classes.get(length)).find(|class| !class.is_empty());
    if let Some(class) = class {
        return camel(class);
    }
    let name = template.instances.first().and_then(|instance| instance.path.last_name()).unwrap_or("part");
    let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '_');
    let singular = if name.len() > 3 { name.strip_suffix('s').unwrap_or(name) } else { name };
    camel(singular)
}

/// The items in an order of execution, as near to the given one as possible; nothing if there is none.
fn ordered(items: Vec<Item>) -> Vec<Item> {
    let values: HashSet<StepId> = items.iter().map(|item| item.value).collect();
    let mut done: HashSet<StepId> = HashSet::new();
    let (mut ordered, mut waiting) = (Vec::with_capacity(items.len()), items);
    loop {
        let before = ordered.len();
        let mut still = Vec::new();
        for item in waiting {
            if item.reads().all(|read| !values.contains(&read) || done.contains(&read)) {
                done.insert(item.value);
                ordered.push(item);
            } else {
                still.push(item);
            }
        }
        if still.is_empty() {
            return ordered;
        }
        if ordered.len() == before {
            return Vec::new();
        }
        waiting = still;
    }
}
