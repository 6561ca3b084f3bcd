//! Calls of one module in a row become a loop, over a table where their settings differ.
//!
//! Calls are in a row if each takes the value of the one before and nothing else does, and their paths count: `layer1[0]`,
//! `layer1[1]`, or through a list of lists, `blocks[1][0]`, `blocks[1][1]`, `blocks[2][0]`.

use std::collections::HashSet;

use super::item::{Item, ItemHead, Setting};
use crate::onnx::import::flow::{Literal, StepId};
use crate::onnx::import::path::{Path, Segment};
use crate::onnx::import::text::{literal, unique};

/// The longest list that stands in the head of a loop, in characters.
const INLINE: usize = 70;

/// Calls of one module in a row.
#[derive(Debug)]
pub(super) struct Run {
    /// How many items.
    pub(super) count: usize,
    /// The value of the last one.
    pub(super) output: StepId,
    pub(super) heads: Vec<String>,
    /// The settings of the call in the loop, as they are written.
    pub(super) arguments: Vec<String>,
    pub(super) path: String,
    /// A table that stands before the network.
    pub(super) table: Option<String>,
}

/// The run that begins with the first of these items, if it is one.
pub(super) fn run(items: &[Item], reads: impl Fn(StepId) -> usize, taken: &mut HashSet<String>) -> Option<Run> {
    let first = items.first()?;
    let ItemHead::Module(_) = first.head else { return None };
    let mut count = 1;
    for pair in items.windows(2) {
        let [before, after] = pair else { break };
        let follows = after.head == first.head
            && after.operands.len() == 1
            && after.reads().next() == Some(before.value)
            && reads(before.value) == 1
            && before.path.as_ref().zip(after.path.as_ref()).is_some_and(|(before, after)| comes_after(before, after));
        if !follows {
            break;
        }
        count += 1;
    }
    let calls = items.get(..count).filter(|_| count > 1 && first.operands.len() == 1)?;
    let paths: Vec<&Path> = calls.iter().map(|call| call.path.as_ref()).collect::<Option<_>>()?;
    let places = numbered(paths.first()?);
    let changes = |place: &usize| {
        paths
            .windows(2)
            .any(|pair| pair.first().map(|path| path.0.get(*place)) != pair.last().map(|path| path.0.get(*place)))
    };
    let varying: Vec<usize> = places.into_iter().filter(changes).collect();
    match *varying.as_slice() {
        [place] => Some(simple(calls, &paths, place, taken)),
        [outer, inner] => {
            // The first list must be there from its beginning; else it is a run of its own.
            let starts_late = paths.first().is_some_and(|path| index(path, inner) != Some(0));
            let same_outer = |path: &&&Path| index(path, outer) == paths.first().and_then(|first| index(first, outer));
            let group = paths.iter().take_while(same_outer).count();
            if starts_late {
                return (group > 1).then(|| {
                    simple(calls.get(..group).unwrap_or_default(), paths.get(..group).unwrap_or_default(), inner, taken)
                });
            }
            Some(nested(calls, &paths, outer, inner, taken))
        }
        _ => None,
    }
}

/// The places of a path that are numbers.
fn numbered(path: &Path) -> Vec<usize> {
    path.0.iter().enumerate().filter(|(_, part)| matches!(part, Segment::Index(_))).map(|(place, _)| place).collect()
}

fn index(path: &Path, place: usize) -> Option<usize> {
    match path.0.get(place) {
        Some(Segment::Index(index)) => Some(*index),
        _ => None,
    }
}

/// Whether the second path is the next one in a list, or the first of the next list.
fn comes_after(before: &Path, after: &Path) -> bool {
    if before.0.len() != after.0.len() {
        return false;
    }
    let differing: Vec<usize> =
        (0..before.0.len()).filter(|place| before.0.get(*place) != after.0.get(*place)).collect();
    let step = |place: usize| index(before, place).zip(index(after, place));
    match *differing.as_slice() {
        [place] => {
            // The next one; or, in a list of lists of one element each, the first of the next list.
            step(place).is_some_and(|(before, after)| after == before + 1)
        }
        [outer, inner] => {
            step(outer).is_some_and(|(before, after)| after == before + 1)
                && step(inner).is_some_and(|(_, after)| after == 0)
        }
        _ => false,
    }
}

/// The settings that differ, by name, and those that all calls have.
fn columns(calls: &[Item]) -> (Vec<usize>, Vec<usize>) {
    let settings = calls.first().map_or(0, |call| call.settings.len());
    (0..settings).partition(|place| {
        let mut values = calls.iter().map(|call| call.settings.get(*place).map(|setting| &setting.value));
        let first = values.next();
        !values.all(|value| Some(value) == first)
    })
}

/// The arguments of the call in a loop, and the pattern of what is different in each round.
fn arguments(calls: &[Item], differing: &[usize]) -> (Vec<String>, String) {
    let names = calls.first().map_or(&[][..], |call| call.settings.as_slice());
    let argument = |(place, setting): (usize, &Setting)| {
        let varies = differing.contains(&place);
        let value = if varies { setting.name.clone() } else { literal(&setting.value) };
        match (&setting.default, varies) {
            (Some(default), false) if *default == setting.value => None,
            (Some(_), _) => Some(format!("{}={value}", setting.name)),
            (None, _) => Some(value),
        }
    };
    let arguments = names.iter().enumerate().filter_map(argument).collect();
    let columns: Vec<&str> =
        differing.iter().filter_map(|place| names.get(*place)).map(|setting| setting.name.as_str()).collect();
    let pattern = match columns.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("({})", several.join(", ")),
    };
    (arguments, pattern)
}

/// One round of a loop as a row of its table.
fn row(call: &Item, differing: &[usize]) -> String {
    let values: Vec<String> = differing
        .iter()
        .map(|place| call.settings.get(*place).map_or_else(String::new, |setting| literal(&setting.value)))
        .collect();
    match values.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

/// The rows of a table as a list; equal ones at its end are said once.
fn list(rows: &[String]) -> String {
    let same = rows.iter().rev().take_while(|row| rows.last() == Some(row)).count();
    let (different, equal) = rows.split_at_checked(rows.len() - same).unwrap_or_default();
    match (different, equal) {
        ([], [row, _, ..]) => format!("[{row}] * {same}"),
        (rows, [row, _, ..]) if rows.join(", ").len() < 80 => format!("[{}] + [{row}] * {same}", rows.join(", ")),
        _ if rows.join(", ").len() > 90 => format!("[\n{},\n]", rows.join(",\n")),
        _ => format!("[{}]", rows.join(", ")),
    }
}

/// A path with expressions in place of some numbers.
fn path_with(path: &Path, replaced: &[(usize, String)]) -> String {
    let mut text = String::new();
    for (place, part) in path.0.iter().enumerate() {
        match (replaced.iter().find(|(at, _)| *at == place), part) {
            (Some((_, expression)), _) => text.push_str(&format!("[{expression}]")),
            (None, Segment::Index(index)) => text.push_str(&format!("[{index}]")),
            (None, Segment::Name(name)) if place == 0 => text.push_str(name),
            (None, Segment::Name(name)) => text.push_str(&format!(".{name}")),
        }
    }
    text
}

fn offset(variable: &str, start: usize) -> String {
    if start == 0 { variable.to_owned() } else { format!("{variable} + {start}") }
}

fn simple(calls: &[Item], paths: &[&Path], place: usize, taken: &mut HashSet<String>) -> Run {
    let (differing, _) = columns(calls);
    let (arguments, pattern) = arguments(calls, &differing);
    let first = paths.first().copied().cloned().unwrap_or_default();
    let start = index(&first, place).unwrap_or(0);
    taken.insert("i".to_owned());
    let (head, variable, table) = if differing.is_empty() {
        (format!("for i in {start}..{}", start + calls.len()), "i".to_owned(), None)
    } else {
        let rows: Vec<String> = calls.iter().map(|call| row(call, &differing)).collect();
        let list = list(&rows);
        if list.len() <= INLINE && !list.contains('\n') {
            (format!("for i, {pattern} in {list}"), offset("i", start), None)
        } else {
            let (name, table) =
                table(&first, place, &pattern, &rows.iter().map(|row| format!("{row},\n")).collect::<String>(), taken);
            (format!("for i, {pattern} in {name}"), offset("i", start), Some(table))
        }
    };
    Run {
        count: calls.len(),
        output: calls.last().map_or(StepId(0), |call| call.value),
        heads: vec![format!("{head} {{\n")],
        arguments,
        path: path_with(&first, &[(place, variable)]),
        table,
    }
}

fn nested(calls: &[Item], paths: &[&Path], outer: usize, inner: usize, taken: &mut HashSet<String>) -> Run {
    let (differing, _) = columns(calls);
    let (arguments, pattern) = arguments(calls, &differing);
    let first = paths.first().copied().cloned().unwrap_or_default();
    let start = index(&first, outer).unwrap_or(0);
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    for (call, path) in calls.iter().zip(paths) {
        match groups.last_mut() {
            Some(group) if index(path, inner) != Some(0) => group.push(call),
            _ => groups.push(vec![call]),
        }
    }
    taken.extend(["i", "j", "stage", "count"].map(str::to_owned));
    let (heads, table) = if differing.is_empty() {
        let counts: Vec<String> = groups.iter().map(|group| group.len().to_string()).collect();
        (vec![format!("for i, count in [{}] {{\n", counts.join(", ")), "for j in 0..count {\n".to_owned()], None)
    } else {
        let stage = |group: &Vec<&Item>| {
            let rows: Vec<String> = group.iter().map(|call| row(call, &differing)).collect();
            format!("{},\n", list(&rows))
        };
        let (name, table) = table(&first, outer, &pattern, &groups.iter().map(stage).collect::<String>(), taken);
        (vec![format!("for i, stage in {name} {{\n"), format!("for j, {pattern} in stage {{\n")], Some(table))
    };
    Run {
        count: calls.len(),
        output: calls.last().map_or(StepId(0), |call| call.value),
        heads,
        arguments,
        path: path_with(&first, &[(outer, offset("i", start)), (inner, "j".to_owned())]),
        table,
    }
}

/// A table of the file, named after the list of instances.
fn table(path: &Path, place: usize, pattern: &str, rows: &str, taken: &mut HashSet<String>) -> (String, String) {
    let list = Path(path.0.iter().take(place).cloned().collect());
    let wish = list.last_name().unwrap_or("table").to_uppercase();
    let name = unique(&wish, taken);
    let columns = pattern.trim_matches(['(', ')']);
    let text = format!("/// The instances of `{}`: {columns}.\nconst {name} = [\n{rows}]\n\n", list.dotted());
    (name, text)
}

/// A literal that a setting has.
pub(super) fn written(value: &Literal, batch: &str) -> String {
    literal(value).replace("batch", batch)
}
