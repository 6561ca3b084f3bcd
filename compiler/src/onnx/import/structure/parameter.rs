//! The parameters of a module: what differs between its instances.

use std::collections::HashSet;

use super::item::{Item, ItemHead, Setting};
use super::merge::{Slot, Template};
use crate::onnx::import::flow::{Literal, Operation};
use crate::onnx::import::text::unique;

/// A parameter of a module.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// Its value in each instance; `None` where nothing there depends on it.
    values: Vec<Option<Literal>>,
    pub(super) default: Option<Literal>,
    /// What is set by it.
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// A number of channels.
    Channels,
    /// Whether slots are there.
    Presence,
    /// A setting of this name.
    Setting(String),
    /// An activation.
    Activation,
}

impl Parameter {
    /// The value in an instance.
    pub(super) fn value(&self, instance: usize) -> Literal {
        let own = self.values.get(instance).cloned().flatten();
        own.or_else(|| self.default.clone())
            .or_else(|| self.values.iter().flatten().next().cloned())
            .unwrap_or(Literal::Flag(false))
    }
}

impl Parameter {
    /// Whether it is 0 where something is left out, and nowhere else.
    fn counts_presence(&self) -> bool {
        self.kind == Kind::Channels && self.default == Some(Literal::Whole(0))
    }

    fn is_set(&self) -> Vec<bool> {
        self.values.iter().map(Option::is_some).collect()
    }
}

fn presence_of(set: &[bool]) -> Vec<Option<Literal>> {
    set.iter().map(|set| Some(Literal::Flag(*set))).collect()
}

/// What stands for a setting in the body of a module.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// Nothing: it is the default everywhere.
    Default,
    Literal(Literal),
    /// A parameter, or what follows from the input.
    Text(String),
}

/// The parameters that the slots of a template need, those with defaults last.
pub(super) fn parameters(template: &Template, taken: &HashSet<String>) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = Vec::new();
    let mut names: HashSet<String> = taken.iter().cloned().chain(super::INPUT_NAMES.map(str::to_owned)).collect();
    let output = output_channels(template);
    for slot in &template.slots {
        for (place, _) in settings(slot).iter().enumerate() {
            let values = values(slot, place);
            let Some(setting) = settings(slot).get(place) else { continue };
            if is_constant(slot, &values) || from_input(template, setting, &values).is_some() {
                continue;
            }
            let kind = kind(setting);
            if let Some(known) = found.iter_mut().find(|known| known.kind == kind && agree(&known.values, &values)) {
                known.values.iter_mut().zip(values).for_each(|(known, value)| *known = known.take().or(value));
                continue;
            }
            let instance = slot.path.as_ref().and_then(|path| path.last_name());
            let plain = match kind {
                Kind::Channels if agree(&values, &output) => "out",
                Kind::Channels if !names.contains("hidden") => "hidden",
                Kind::Channels => "channels",
                _ => setting.name.as_str(),
            };
            let name = match instance {
                Some(instance) if plain == "channels" || names.contains(plain) => {
                    unique(&format!("{instance}_{plain}"), &mut names)
                }
                _ => unique(plain, &mut names),
            };
            found.push(Parameter { name, values, default: None, kind });
        }
        if is_choice(slot) {
            let values = activations(slot);
            if !found.iter().any(|known| known.kind == Kind::Activation && agree(&known.values, &values)) {
                let name = unique("act", &mut names);
                found.push(Parameter { name, values, default: None, kind: Kind::Activation });
            }
        } else if slot.items.iter().any(Option::is_none) {
            let values = presence(slot);
            if found.iter().any(|known| known.kind == Kind::Presence && known.values == values) {
                continue;
            }
            let name = unique(flag_name(template, slot), &mut names);
            found.push(Parameter { name, values, default: None, kind: Kind::Presence });
        }
    }
    for parameter in &mut found {
        if parameter.kind != Kind::Channels {
            parameter.default = usual(&parameter.values);
        } else if agree(&parameter.values, &output) {
            parameter
                .values
                .iter_mut()
                .zip(&output)
                .for_each(|(value, output)| *value = value.take().or_else(|| output.clone()));
        } else if parameter.values.iter().any(Option::is_none) {
            parameter.default = Some(Literal::Whole(0));
        }
    }
    // No channels of something is to be without it.
    let by_channels: Vec<Vec<bool>> =
        found.iter().filter(|parameter| parameter.counts_presence()).map(Parameter::is_set).collect();
    found.retain(|parameter| {
        let is_said = || by_channels.iter().any(|set| presence_of(set) == parameter.values);
        parameter.kind != Kind::Presence || !is_said()
    });
    found.sort_by_key(|parameter| parameter.default.is_some());
    found
}

/// What a setting of a slot is in the body of the module.
pub(super) fn given(template: &Template, slot: &Slot, place: usize, parameters: &[Parameter]) -> Given {
    let values = values(slot, place);
    let Some(setting) = settings(slot).get(place) else { return Given::Default };
    if is_constant(slot, &values) {
        let defaults =
            slot.items.iter().flatten().all(|item| item.settings.get(place).is_some_and(Setting::is_default));
        return if defaults { Given::Default } else { Given::Literal(setting.value.clone()) };
    }
    if let Some(text) = from_input(template, setting, &values) {
        return Given::Text(text);
    }
    let kind = kind(setting);
    let parameter = parameters.iter().find(|parameter| parameter.kind == kind && agree(&parameter.values, &values));
    Given::Text(parameter.map_or_else(|| "missing".to_owned(), |parameter| parameter.name.clone()))
}

/// What must hold for a slot to be there.
pub(super) fn condition(slot: &Slot, parameters: &[Parameter]) -> Option<String> {
    if is_choice(slot) || slot.items.iter().all(Option::is_some) {
        return None;
    }
    let values = presence(slot);
    parameters.iter().find_map(|known| match known.kind {
        Kind::Presence if known.values == values => Some(known.name.clone()),
        Kind::Channels if known.counts_presence() && presence_of(&known.is_set()) == values => {
            Some(format!("{} > 0", known.name))
        }
        _ => None,
    })
}

/// The parameter that says which activation a slot is.
pub(super) fn activation<'p>(slot: &Slot, parameters: &'p [Parameter]) -> Option<&'p str> {
    if !is_choice(slot) {
        return None;
    }
    let values = activations(slot);
    parameters
        .iter()
        .find(|known| known.kind == Kind::Activation && agree(&known.values, &values))
        .map(|known| known.name.as_str())
}

/// The settings of an instance that has the slot.
fn settings(slot: &Slot) -> &[Setting] {
    slot.items.iter().flatten().next().map_or(&[], |item| item.settings.as_slice())
}

fn values(slot: &Slot, place: usize) -> Vec<Option<Literal>> {
    let value = |item: &Option<Item>| Some(item.as_ref()?.settings.get(place)?.value.clone());
    slot.items.iter().map(value).collect()
}

fn kind(setting: &Setting) -> Kind {
    match setting.name.as_str() {
        "out" | "groups" | "hidden" => Kind::Channels,
        name if name.ends_with("_out") || name.ends_with("channels") => Kind::Channels,
        name if name == "act" && matches!(setting.value, Literal::Word(_)) => Kind::Activation,
        name => Kind::Setting(name.to_owned()),
    }
}

/// Whether every instance has the same, or each has what is the default for it.
fn is_constant(slot: &Slot, values: &[Option<Literal>]) -> bool {
    let mut known = values.iter().flatten();
    let first = known.next();
    if known.all(|value| Some(value) == first) {
        return true;
    }
    // Defaults of a padding follow the kernel.
    let place = settings(slot).iter().position(|setting| setting.name == "padding");
    place.is_some_and(|place| {
        self::values(slot, place) == values
            && slot.items.iter().flatten().all(|item| item.settings.get(place).is_some_and(Setting::is_default))
    })
}

/// Whether two lists say the same where both say something, which they do somewhere.
fn agree(left: &[Option<Literal>], right: &[Option<Literal>]) -> bool {
    let mut both =
        left.iter().zip(right).filter_map(|(left, right)| Some((left.as_ref()?, right.as_ref()?))).peekable();
    both.peek().is_some() && both.all(|(left, right)| left == right)
}

/// A number of channels that is that of the input.
fn from_input(template: &Template, setting: &Setting, values: &[Option<Literal>]) -> Option<String> {
    if kind(setting) != Kind::Channels {
        return None;
    }
    // The first slot that reads the input alone knows its shape no better than the shape of what it reads.
    let channels = template.instances.iter().map(|instance| instance.channels.map(Literal::Whole)).collect::<Vec<_>>();
    let attribute = template.instances.first()?.channels_attribute;
    agree(&channels, values).then(|| format!("x.{attribute}"))
}

fn output_channels(template: &Template) -> Vec<Option<Literal>> {
    template.instances.iter().map(|instance| instance.output_channels.map(Literal::Whole)).collect()
}

fn presence(slot: &Slot) -> Vec<Option<Literal>> {
    slot.items.iter().map(|item| Some(Literal::Flag(item.is_some()))).collect()
}

/// Whether a slot is a function of each element, but not the same everywhere.
fn is_choice(slot: &Slot) -> bool {
    let names = activations(slot);
    let mut names = names.iter();
    let first = names.next();
    super::merge::is_activation(slot.head) && !names.all(|name| Some(name) == first)
}

fn activations(slot: &Slot) -> Vec<Option<Literal>> {
    let name = |item: &Option<Item>| match item.as_ref().map(|item| item.head) {
        Some(ItemHead::Step(Operation::Call(name))) => Some(Literal::Word(name.to_owned())),
        Some(_) => None,
        None => Some(Literal::Word("identity".to_owned())),
    };
    slot.items.iter().map(name).collect()
}

/// What says whether a slot is there is called like the first slot with weights of those.
fn flag_name<'t>(template: &'t Template, slot: &'t Slot) -> &'t str {
    let values = presence(slot);
    let same = template.slots.iter().filter(|other| presence(other) == values);
    let name = same.clone().find_map(|slot| slot.path.as_ref()?.first_name());
    match (name, slot.head) {
        (Some(name), _) => name,
        (None, ItemHead::Step(Operation::Infix('+'))) => "residual",
        (None, ItemHead::Step(Operation::Call("global_avg_pool"))) => "pooled",
        _ => "variant",
    }
}

/// The value that more than half of the instances have.
fn usual(values: &[Option<Literal>]) -> Option<Literal> {
    let known: Vec<&Literal> = values.iter().flatten().collect();
    let count = |value: &Literal| known.iter().filter(|other| **other == value).count();
    known.iter().find(|value| count(value) * 2 > known.len()).map(|value| (*value).clone())
}
