//! The helpers that exported files bring along: Python that is written by hand, of which each file gets what it uses.
//!
//! A section is what two blank lines separate: one class or function. What a section needs is told from the words in it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// All helpers, in the order in which they stand in exported files.
const TEXTS: &[&str] = &[
    include_str!("runtime/modules.py"),
    include_str!("runtime/layers.py"),
    include_str!("runtime/dynamic_conv.py"),
    include_str!("runtime/functions.py"),
    include_str!("runtime/numbers.py"),
];

struct Section {
    name: &'static str,
    text: &'static str,
    words: BTreeSet<&'static str>,
}

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let texts = TEXTS.iter().flat_map(|text| text.split("\n\n\n")).map(str::trim);
    texts.filter_map(|text| Some(Section { name: name(text)?, text, words: words(text).collect() })).collect()
});

/// The name that a section defines; the head of a file defines none.
fn name(text: &'static str) -> Option<&'static str> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix("def ").or_else(|| line.strip_prefix("class "))?;
        rest.split(['(', ':']).next()
    })
}

/// The names that a section uses, but for those behind a dot and those in its documentation.
fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("\"\"\"") && !line.trim_start().starts_with('#'));
    code.flat_map(|line| {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        line.split(move |character: char| !is_word(character) && character != '.')
            .map(|dotted| dotted.split('.').next().unwrap_or_default())
            .filter(|word| !word.is_empty())
    })
}

/// Whether a helper has that name.
pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.iter().any(|section| section.name == name)
}

/// The name of a helper, which is that of an operation of the language.
pub(super) fn section(name: &'static str) -> &'static str {
    debug_assert!(is_section(name), "there is no helper `{name}`");
    name
}

/// The helpers with these names and all that they need.
pub(super) fn needed(wanted: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let mut needed = wanted.clone();
    loop {
        let more: BTreeSet<&'static str> = SECTIONS
            .iter()
            .filter(|section| needed.contains(section.name))
            .flat_map(|section| section.words.iter().copied())
            .filter(|word| is_section(word) && !needed.contains(word))
            .collect();
        if more.is_empty() {
            return needed;
        }
        needed.extend(more);
    }
}

/// The texts of helpers.
pub(super) fn texts(needed: &BTreeSet<&'static str>) -> Vec<&'static str> {
    SECTIONS.iter().filter(|section| needed.contains(section.name)).map(|section| section.text).collect()
}
