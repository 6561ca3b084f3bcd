//! From steps to the text of a file.
//!
//! In: a flow whose steps with weights have paths. Out: a text with a network, and with modules and loops where instances are
//! alike; or, on demand, the network alone. Both mean the same graph, which the caller checks.

mod item;
mod merge;
mod module;
mod parameter;
mod repeat;

use std::collections::{HashMap, HashSet};

use super::flow::{Operand, Operation, StepId};
use super::input::{self, Inputs};
use super::size::show;
use super::text::{self, Atom, Body, Head, Line};
use super::translate::Flow;
use item::{Containers, Item, ItemHead, Setting};
use merge::{Ref, Slot};
use module::Module;
use parameter::{Given, Parameter};

/// What the inputs of modules are called.
const INPUT_NAMES: [&str; 3] = ["x", "other", "third"];

/// The text of a file with the network of a flow; with modules, if they are wished for.
pub(super) fn written(flow: &Flow, inputs: &Inputs, network: &str, with_modules: bool) -> String {
    let mut taken = reserved();
    taken.insert(network.to_owned());
    let containers = Containers::of(&flow.steps);
    let items = item::items(&flow.steps, &containers);
    let outputs: Vec<StepId> = flow.outputs.iter().map(|(_, id)| *id).collect();
    let shapes: Vec<_> = flow.steps.iter().map(|step| step.shape.clone()).collect();
    let (modules, items) = if with_modules {
        module::found(items, &outputs, &shapes, &containers, &mut taken)
    } else {
        (Vec::new(), items)
    };
    let names = input::names(&inputs.inputs, &mut taken);
    let mut head = String::new();
    for (name, input) in names.iter().zip(&inputs.inputs) {
        head.push_str(&format!("input {name}: f32{}\n", show(&input.shape)));
    }
    let (lines, tables) = lines(&items, &outputs, &modules, &mut taken);
    let inputs = flow.steps.iter().enumerate().filter_map(|(place, step)| match step.operation {
        Operation::Input(number) => Some((StepId(place), names.get(number)?.clone())),
        _ => None,
    });
    let several = flow.outputs.len() > 1;
    let results = flow.outputs.iter().map(|(name, id)| (several.then(|| super::path::word(name)), *id));
    let body = Body { inputs: inputs.collect(), lines: &lines, results: results.collect(), taken: taken.clone() };
    let modules: String = modules.iter().map(|module| module_text(module, &modules, &taken)).collect();
    format!("{tables}{modules}network {network} {{\n{head}\n{}}}\n", text::statements(&body))
}

/// The lines of the network, with loops, and the tables that these need.
fn lines(items: &[Item], outputs: &[StepId], modules: &[Module], taken: &mut HashSet<String>) -> (Vec<Line>, String) {
    let mut reads: HashMap<StepId, usize> = HashMap::new();
    for read in items.iter().flat_map(Item::reads).chain(outputs.iter().copied()) {
        *reads.entry(read).or_insert(0) += 1;
    }
    let (mut lines, mut tables) = (Vec::new(), String::new());
    let mut wishes: HashMap<StepId, String> = HashMap::new();
    let mut place = 0;
    while let Some(item) = items.get(place) {
        let rest = items.get(place..).unwrap_or_default();
        if let Some(run) = repeat::run(rest, |value| reads.get(&value).copied().unwrap_or(0), taken) {
            tables.push_str(&run.table.unwrap_or_default());
            let call = text::call(&head_name(item.head, modules), &run.arguments, 40);
            lines.push(Line {
                head: Head::Loop { heads: run.heads, call: format!("{call} as {}", run.path) },
                operands: operands(item),
                arguments: Vec::new(),
                path: None,
                wish: "x".to_owned(),
                output: run.output,
                condition: None,
            });
            place += run.count;
            continue;
        }
        let line = item_line(item, modules, &wishes);
        wishes.insert(item.value, line.wish.clone());
        lines.push(line);
        place += 1;
    }
    (lines, tables)
}

fn head_name(head: ItemHead, modules: &[Module]) -> String {
    match head {
        ItemHead::Module(number) => modules.get(number).map(|module| module.name.clone()).unwrap_or_default(),
        ItemHead::Step(Operation::Call(name)) => name.to_owned(),
        ItemHead::Step(_) => String::new(),
    }
}

fn operands(item: &Item) -> Vec<Atom> {
    let atom = |operand: &Operand| match operand {
        Operand::Step(id) => Atom::Value(*id),
        Operand::Number(number) => Atom::Number(*number),
    };
    item.operands.iter().map(atom).collect()
}

fn item_line(item: &Item, modules: &[Module], wishes: &HashMap<StepId, String>) -> Line {
    let arguments: Vec<String> = item
        .settings
        .iter()
        .filter(|setting| !setting.is_default())
        .map(|setting| setting_text(setting, None, "batch"))
        .collect();
    let path = item.path.as_ref().map(ToString::to_string);
    let before = item.reads().next().and_then(|read| wishes.get(&read)).cloned();
    let wish = wish(item.head, item.path.as_ref().and_then(|path| path.last_name()), before);
    let dotted = item.path.as_ref().map(super::path::Path::dotted);
    line(item.head, modules, operands(item), arguments, path, dotted, wish, item.value)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a line")]
fn line(
    head: ItemHead,
    modules: &[Module],
    operands: Vec<Atom>,
    mut arguments: Vec<String>,
    mut path: Option<String>,
    dotted: Option<String>,
    wish: String,
    output: StepId,
) -> Line {
    if head == ItemHead::Step(Operation::Param) {
        arguments.insert(0, format!("{:?}", dotted.unwrap_or_default()));
        path = None;
    }
    // Dimensions at the end that are taken whole need not be said.
    while head == ItemHead::Step(Operation::Slice) && arguments.last().is_some_and(|last| last == ":") {
        arguments.pop();
    }
    let head = match head {
        ItemHead::Step(operation) => Head::Operation(operation),
        ItemHead::Module(_) => Head::Call(head_name(head, modules)),
    };
    Line { head, operands, arguments, path, wish, output, condition: None }
}

/// What the value of an operation could be called: by the instance, else by what came before.
fn wish(head: ItemHead, instance: Option<&str>, before: Option<String>) -> String {
    let word = match head {
        ItemHead::Step(Operation::Infix('+')) => "sum",
        ItemHead::Step(Operation::Infix('*')) => "product",
        ItemHead::Step(Operation::Infix(_)) => "scaled",
        ItemHead::Step(Operation::Slice) => "part",
        ItemHead::Step(Operation::Call("global_avg_pool" | "mean")) => "pooled",
        ItemHead::Step(Operation::Call("concat")) => "joined",
        ItemHead::Step(Operation::Call("attention" | "softmax")) => "attended",
        _ => return instance.map(str::to_owned).or(before).unwrap_or_else(|| "y".to_owned()),
    };
    word.to_owned()
}

fn setting_text(setting: &Setting, given: Option<String>, batch: &str) -> String {
    let value = given.unwrap_or_else(|| repeat::written(&setting.value, batch));
    match setting.default {
        Some(_) => format!("{}={value}", setting.name),
        None => value,
    }
}

fn module_text(module: &Module, modules: &[Module], taken: &HashSet<String>) -> String {
    let Module { name, template, parameters } = module;
    let mut taken = taken.clone();
    taken.extend(parameters.iter().map(|parameter| parameter.name.clone()));
    let inputs: Vec<&str> = INPUT_NAMES.iter().take(template.inputs).copied().collect();
    let place = |reference: Ref| match reference {
        Ref::Input(input) => Atom::Value(StepId(input)),
        Ref::Slot(slot) => Atom::Value(StepId(template.inputs + slot)),
        Ref::Number(number) => Atom::Number(number),
    };
    let mut wishes: HashMap<StepId, String> = HashMap::new();
    let mut lines = Vec::new();
    for (number, slot) in template.slots.iter().enumerate() {
        let output = StepId(template.inputs + number);
        let operands: Vec<Atom> = slot.operands.iter().map(|operand| place(*operand)).collect();
        let before = operands
            .iter()
            .find_map(|operand| if let Atom::Value(value) = operand { wishes.get(value).cloned() } else { None });
        let wish = wish(slot.head, slot.path.as_ref().and_then(|path| path.last_name()), before);
        wishes.insert(output, wish.clone());
        let (path, dotted) =
            (slot.path.as_ref().map(ToString::to_string), slot.path.as_ref().map(super::path::Path::dotted));
        let mut line = line(slot.head, modules, operands, slot_arguments(module, slot), path, dotted, wish, output);
        if let Some(activation) = parameter::activation(slot, parameters) {
            line.head = Head::Call(activation.to_owned());
        }
        if let (Some(condition), Some(bypass)) = (parameter::condition(slot, parameters), left_out(module, slot))
            && let Atom::Value(bypass) = place(bypass)
        {
            line.condition = Some((condition, bypass));
        }
        lines.push(line);
    }
    let result = match place(template.output) {
        Atom::Value(value) => value,
        Atom::Number(_) => StepId(0),
    };
    let body = Body {
        inputs: inputs.iter().enumerate().map(|(number, name)| (StepId(number), (*name).to_owned())).collect(),
        lines: &lines,
        results: vec![(None, result)],
        taken,
    };
    let parameter = |parameter: &Parameter| match &parameter.default {
        Some(default) => format!("{} = {}", parameter.name, text::literal(default)),
        None => parameter.name.clone(),
    };
    let all: Vec<String> =
        inputs.iter().map(|name| (*name).to_owned()).chain(parameters.iter().map(parameter)).collect();
    let docs = documentation(module);
    format!("{docs}{} {{\n{}}}\n\n", text::call(&format!("module {name}"), &all, 0), text::statements(&body))
}

/// The value of a slot where it is left out, and with it all slots that depend on the same parameter.
fn left_out(module: &Module, slot: &Slot) -> Option<Ref> {
    let condition = |slot: &Slot| parameter::condition(slot, &module.parameters);
    let mut bypass = slot.bypass?;
    while let Ref::Slot(place) = bypass
        && let Some(other) = module.template.slots.get(place)
        && condition(other) == condition(slot)
        && let Some(further) = other.bypass
    {
        bypass = further;
    }
    Some(bypass)
}

/// Where the module occurs.
fn documentation(module: &Module) -> String {
    let instances = &module.template.instances;
    let shown: Vec<String> = instances.iter().take(3).map(|instance| format!("`{}`", instance.path)).collect();
    let rest = instances.len() - shown.len();
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    format!("/// {}{more}.\n", shown.join(", "))
}

fn slot_arguments(module: &Module, slot: &Slot) -> Vec<String> {
    let settings = slot.items.iter().flatten().next().map_or(&[][..], |item| item.settings.as_slice());
    let argument = |(place, setting): (usize, &Setting)| {
        let value = match parameter::given(&module.template, slot, place, &module.parameters) {
            Given::Default => return None,
            Given::Literal(value) => repeat::written(&value, "x.batch"),
            Given::Text(text) => text,
        };
        Some(setting_text(setting, Some(value), "x.batch"))
    };
    settings.iter().enumerate().filter_map(argument).collect()
}

/// Names that mean something already.
fn reserved() -> HashSet<String> {
    let operations = crate::op::definitions().map(|definition| definition.name.to_owned());
    operations.chain(["batch", "param", "len", "max", "min", "range"].map(str::to_owned)).collect()
}
