//! `pnetc weights compare`: what differs between two files, in names, shapes, element types and numbers.

use std::collections::BTreeSet;

use parameternet_runtime::{ReadError, StoredTensor, WeightFile};
use serde_json::{Value, json};

use super::{open, shape};
use crate::arguments::weights::Compare;
use crate::failure::Failure;
use crate::files;
use crate::table::{counted, grouped};

/// How many tensors of each kind are shown, unless all are asked for.
const LINES: usize = 20;

/// Shows the differences. With some it fails, having told them; any other failure is trouble.
pub(crate) fn run(options: &Compare) -> Result<(), Failure> {
    let trouble = |failure| Failure::Trouble(Box::new(failure));
    let (from, to) = (open(&options.from).map_err(trouble)?, open(&options.to).map_err(trouble)?);
    let differences = Differences::of(&from, &to, options).map_err(|error| trouble(error.into()))?;
    let shown = if options.json { differences.json() } else { differences.text(options.all) };
    files::print(&shown).map_err(trouble)?;
    if differences.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// How two tensors of a name and shape differ in their numbers.
struct ValueChange<'a> {
    name: &'a str,
    distance: Distance,
}

/// How far two tensors are from each other.
enum Distance {
    /// The largest difference, and that by the largest magnitude in A. Infinite where one has a NaN and the other not.
    Numbers { absolute: f64, relative: f64 },
    /// The elements are no numbers that are read, and their bytes differ.
    Bytes,
}

/// Everything that differs; sorted by name.
struct Differences<'a> {
    only_in_from: Vec<StoredTensor<'a>>,
    only_in_to: Vec<StoredTensor<'a>>,
    shapes: Vec<(StoredTensor<'a>, StoredTensor<'a>)>,
    types: Vec<(StoredTensor<'a>, StoredTensor<'a>)>,
    values: Vec<ValueChange<'a>>,
    /// Tensors of the same name and shape.
    compared: usize,
}

impl<'a> Differences<'a> {
    fn of(from: &'a WeightFile, to: &'a WeightFile, options: &Compare) -> Result<Self, ReadError> {
        let mut found = Differences {
            only_in_from: Vec::new(),
            only_in_to: Vec::new(),
            shapes: Vec::new(),
            types: Vec::new(),
            values: Vec::new(),
            compared: 0,
        };
        let names: BTreeSet<&str> = from.names().chain(to.names()).collect();
        for name in names {
            match (from.stored(name), to.stored(name)) {
                (Some(left), Some(right)) if left.shape != right.shape => found.shapes.push((left, right)),
                (Some(left), Some(right)) => {
                    found.compared += 1;
                    let distance = distance(from, to, &left, &right)?;
                    found.values.extend(
                        distance
                            .filter(|distance| distance.exceeds(options.tolerance))
                            .map(|distance| ValueChange { name: left.name, distance }),
                    );
                    if left.type_name != right.type_name && !options.ignore_dtype {
                        found.types.push((left, right));
                    }
                }
                (Some(left), None) => found.only_in_from.push(left),
                (None, Some(right)) => found.only_in_to.push(right),
                (None, None) => {}
            }
        }
        Ok(found)
    }

    fn is_empty(&self) -> bool {
        self.only_in_from.is_empty()
            && self.only_in_to.is_empty()
            && self.shapes.is_empty()
            && self.types.is_empty()
            && self.values.is_empty()
    }

    fn text(&self, all: bool) -> String {
        let compared = grouped(self.compared as u64);
        if self.is_empty() {
            return format!("There is no difference: {compared} tensors are the same.\n");
        }
        let mut text = String::new();
        let mut section = |what: &str, lines: Vec<String>| {
            if lines.is_empty() {
                return;
            }
            let shown = if all { lines.len() } else { LINES.min(lines.len()) };
            let rest = lines.len() - shown;
            text.push_str(&format!("{} {what}\n", counted(lines.len(), "tensor")));
            lines.into_iter().take(shown).for_each(|line| text.push_str(&format!("  {line}\n")));
            if rest > 0 {
                text.push_str(&format!("  … and {} more (`--all` shows them)\n", grouped(rest as u64)));
            }
        };
        let one = |tensor: &StoredTensor<'_>| {
            format!("{} {} {}", tensor.name.escape_debug(), tensor.type_name, shape(tensor.shape))
        };
        section("only in A", self.only_in_from.iter().map(one).collect());
        section("only in B", self.only_in_to.iter().map(one).collect());
        let shapes = self
            .shapes
            .iter()
            .map(|(from, to)| format!("{}: {} -> {}", from.name.escape_debug(), shape(from.shape), shape(to.shape)));
        section("of another shape", shapes.collect());
        let types = self
            .types
            .iter()
            .map(|(from, to)| format!("{}: {} -> {}", from.name.escape_debug(), from.type_name, to.type_name));
        section("of another element type", types.collect());
        let values = self.values.iter().map(|change| match change.distance {
            Distance::Numbers { absolute, relative } => {
                format!(
                    "{}: by up to {absolute:.3e}, {relative:.3e} of the largest magnitude",
                    change.name.escape_debug()
                )
            }
            Distance::Bytes => format!("{}: other bytes", change.name.escape_debug()),
        });
        section(&format!("of {compared} with other elements"), values.collect());
        text
    }

    fn json(&self) -> String {
        let tensor = |tensor: &StoredTensor<'_>| json!({ "name": tensor.name, "dtype": tensor.type_name, "shape": tensor.shape });
        let value = |change: &ValueChange<'_>| match change.distance {
            // JSON has no infinity: such a distance is null.
            Distance::Numbers { absolute, relative } => {
                json!({ "name": change.name, "absolute": absolute, "relative": relative })
            }
            Distance::Bytes => json!({ "name": change.name, "absolute": Value::Null, "relative": Value::Null }),
        };
        let report = json!({
            "same": self.is_empty(),
            "compared": self.compared,
            "only_in_a": self.only_in_from.iter().map(tensor).collect::<Value>(),
            "only_in_b": self.only_in_to.iter().map(tensor).collect::<Value>(),
            "shapes": self.shapes.iter().map(|(from, to)| json!({ "name": from.name, "a": from.shape, "b": to.shape })).collect::<Value>(),
            "dtypes": self.types.iter().map(|(from, to)| json!({ "name": from.name, "a": from.type_name, "b": to.type_name })).collect::<Value>(),
            "values": self.values.iter().map(value).collect::<Value>(),
        });
        format!("{report:#}\n")
    }
}

impl Distance {
    fn exceeds(&self, tolerance: f64) -> bool {
        match self {
            Distance::Numbers { relative, .. } => *relative > tolerance,
            Distance::Bytes => true,
        }
    }
}

/// How far two tensors of the same shape are from each other; nothing where their bytes are the same.
fn distance(
    from: &WeightFile,
    to: &WeightFile,
    left: &StoredTensor<'_>,
    right: &StoredTensor<'_>,
) -> Result<Option<Distance>, ReadError> {
    if left.type_name == right.type_name && left.bytes.to_vec()? == right.bytes.to_vec()? {
        return Ok(None);
    }
    let (Some(left), Some(right)) = (from.tensor(left.name), to.tensor(right.name)) else {
        return Ok(Some(Distance::Bytes));
    };
    let (mut absolute, mut largest) = (0.0_f64, 0.0_f64);
    for (left, right) in left.to_f64()?.into_iter().zip(right.to_f64()?) {
        // Equal infinities, and two that are no numbers, do not differ.
        if left == right || (left.is_nan() && right.is_nan()) {
            largest = largest.max(left.abs());
            continue;
        }
        let difference = (left - right).abs();
        absolute = absolute.max(if difference.is_nan() { f64::INFINITY } else { difference });
        largest = largest.max(left.abs());
    }
    let relative = if absolute == 0.0 { 0.0 } else { absolute / largest };
    // By nothing, or infinite by infinite.
    Ok(Some(Distance::Numbers { absolute, relative: if relative.is_nan() { f64::INFINITY } else { relative } }))
}
