//! Laws on random texts: nothing panics, spans lie in the text, formatting is idempotent and changes no meaning.

use parameternet_dsl::ast::File;
use parameternet_dsl::diagnostic::{Diagnostic, Style, render};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::programs::{ALPHABET, program};
use crate::{format, parse, source};

/// The tree without positions, told apart from what `print` shows.
fn without_spans(file: &File) -> String {
    let debug = format!("{file:?}");
    let mut parts = debug.split("Span {");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    text
}

/// The comments of a text, found without the grammar: what follows the first `//` of a line outside of strings.
fn comments(text: &str) -> Vec<&str> {
    let comment = |line: &'_ str| {
        let (mut quoted, mut escaped) = (false, false);
        for (index, character) in line.char_indices() {
            if !quoted && line.get(index..).is_some_and(|rest| rest.starts_with("//")) {
                return Some(index);
            }
            quoted ^= character == '"' && !escaped;
            escaped = quoted && character == '\\' && !escaped;
        }
        None
    };
    text.lines().filter_map(|line| line.get(comment(line)?..)).map(str::trim_end).collect()
}

/// Formatting changes neither tree nor comments, and formatting again changes nothing.
fn assert_formats(text: &str) {
    let once = format(text).unwrap_or_else(|| panic!("does not parse:\n{text}"));
    let (before, _) = parse(text);
    let (after, diagnostics) = parse(&once);
    assert!(diagnostics.is_empty(), "formatted text does not parse:\n{text}\n----\n{once}");
    assert_eq!(without_spans(&before), without_spans(&after), "\n{text}\n----\n{once}");
    assert_eq!(parameternet_dsl::print(&before), parameternet_dsl::print(&after));
    assert_eq!(comments(text), comments(&once), "\n{text}\n----\n{once}");
    assert_eq!(format(&once).as_deref(), Some(once.as_str()), "\n{text}\n----\n{once}");
    for line in once.lines() {
        assert_eq!(line, line.trim_end(), "trailing space:\n{once}");
    }
    assert!(!once.contains("\n\n\n") && !once.starts_with('\n') && !once.ends_with("\n\n"), "{once}");
}

/// Errors point into the text, and rendering them works.
fn assert_sound(text: &str) -> Vec<Diagnostic> {
    let (_, diagnostics) = parse(text);
    for diagnostic in &diagnostics {
        assert!(!diagnostic.labels.is_empty() && !diagnostic.message.is_empty(), "{diagnostic:?}");
        let labels = diagnostic.labels.iter().map(|label| label.span);
        for span in labels.chain(diagnostic.helps.iter().filter_map(|help| Some(help.suggestion.as_ref()?.0))) {
            assert!(text.get(span.range()).is_some(), "{diagnostic:?} points outside of\n{text}");
        }
    }
    let (sources, _) = source(text);
    assert_eq!(render(&diagnostics, &sources, Style::Colored).is_empty(), diagnostics.is_empty());
    if diagnostics.is_empty() {
        assert_formats(text);
    } else {
        assert!(format(text).is_none());
    }
    diagnostics
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn random_characters_do_no_harm(text in any::<String>()) {
        assert_sound(&text);
    }

    #[test]
    fn random_tokens_do_no_harm(tokens in vec(prop::sample::select(&ALPHABET[..]), 0..60)) {
        assert_sound(&tokens.join(" "));
        assert_sound(&tokens.concat());
    }

    #[test]
    fn random_tokens_in_a_block_do_no_harm(tokens in vec(prop::sample::select(&ALPHABET[..]), 0..12)) {
        assert_sound(&format!("module m(x) {{ {} }}", tokens.join(" ")));
        assert_sound(&format!("module m(x) {{ let y = f(x, {}) }}", tokens.join(" ")));
    }

    #[test]
    fn mutated_programs_do_no_harm(
        tape in vec(any::<u8>(), 0..300),
        edits in vec((any::<prop::sample::Index>(), 0..3_usize, prop::sample::select(&ALPHABET[..])), 1..4),
    ) {
        let mut text = program(&tape);
        for (place, remove, insert) in edits {
            let mut start = place.index(text.len() + 1);
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            let end = (start + remove).min(text.len());
            if text.is_char_boundary(end) {
                text.replace_range(start..end, insert);
            }
        }
        assert_sound(&text);
    }

    #[test]
    fn one_missing_token_is_one_error(tape in vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>()) {
        let text = program(&tape);
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let missing = place.index(words.len());
        let text: String = words.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, word)| *word).collect();
        // The generator puts several statements on a line, and each that turns into an expression is an error of its own.
        prop_assert!(assert_sound(&text).len() <= 8, "{text}");
    }

    #[test]
    fn random_programs_format(tape in vec(any::<u8>(), 0..600)) {
        let text = program(&tape);
        let diagnostics = assert_sound(&text);
        prop_assert!(diagnostics.is_empty(), "{:?}\n{}", diagnostics, text);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the law holds on the files of the repository, which have to be read")]
fn every_network_of_the_repository_formats() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))];
    while let Some(folder) = folders.pop() {
        // A packaged crate stands alone.
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pnet") {
                let text = std::fs::read_to_string(&path).unwrap();
                let (sources, id) = source(&text);
                let (_, diagnostics) = parameternet_dsl::parse(&sources, id);
                assert!(diagnostics.is_empty(), "{}\n{}", path.display(), render(&diagnostics, &sources, Style::Plain));
                assert_formats(&text);
            }
        }
    }
}
