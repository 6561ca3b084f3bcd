//! Diagnostics: what went wrong, where, and what to do, as data; and the only renderer.
//!
//! Every stage describes its errors with enums of structured facts and turns them into [`Diagnostic`]s at its edge.
//! [`render`] shows them as rustc would: code, source lines with labels (in several files where need be), notes, and
//! suggestions as patched lines; [`message`] is for a tool that shows source lines itself.

use std::collections::HashSet;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use crate::codes::Code;
use crate::limits::MAX_SHOWN_ERRORS;
use crate::source::{SourceFile, SourceId, SourceMap, Span};

/// One error, with everything that a reader needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, for `pnetc explain`.
    pub code: Code,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where, and what stands there; the primary label comes first. Empty for errors that no source text causes.
    pub labels: Vec<Label>,
    /// Further facts, each a sentence or two.
    pub notes: Vec<String>,
    /// What to do about it.
    pub helps: Vec<Help>,
}

/// A marked place in a source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What stands there; may be empty.
    pub text: String,
    /// Whether this is the place that is wrong, rather than one that explains it.
    pub primary: bool,
}

/// Advice, with a textual change where one would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The advice.
    pub message: String,
    /// Replace the text under the span by the string.
    pub suggestion: Option<(Span, String)>,
}

impl Diagnostic {
    /// An error without a place; add places and advice with the other methods.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), labels: Vec::new(), notes: Vec::new(), helps: Vec::new() }
    }

    /// Adds the place that is wrong.
    #[must_use]
    pub fn primary(mut self, span: Span, text: impl Into<String>) -> Self {
        let position = self.labels.iter().take_while(|label| label.primary).count();
        self.labels.insert(position, Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a place that explains the error.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds a further fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, message: impl Into<String>) -> Self {
        self.helps.push(Help { message: message.into(), suggestion: None });
        self
    }

    /// Adds advice with the text that should stand at `span`.
    #[must_use]
    pub fn suggest(mut self, message: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        self.helps.push(Help { message: message.into(), suggestion: Some((span, replacement.into())) });
        self
    }

    /// The span of the first label, if there is one.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// The name among `candidates` that the author may have meant by `name`: close in edit distance, or the same but for case.
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name this long, and comparing takes time in the square of the length.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let folded = name.to_lowercase().replace('_', "");
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            if candidate.to_lowercase().replace('_', "") == folded {
                return Some((0, candidate));
            }
            let distance = strsim::damerau_levenshtein(name, candidate);
            let allowed = name.chars().count().max(candidate.chars().count()).max(3) / 3;
            // Of a name of one letter, nothing would be left.
            (distance <= allowed && distance < name.chars().count()).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether rendered text carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bare text, for files, tests and compiler messages.
    Plain,
    /// ANSI colours, for a terminal.
    Colored,
}

/// Renders diagnostics as text, in order, a blank line between them, with a last line that counts them.
///
/// Exact repetitions are shown once, and no more than [`MAX_SHOWN_ERRORS`] of them.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colored => Renderer::styled(),
    };
    let mut seen: Vec<&Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        if !seen.contains(&diagnostic) {
            seen.push(diagnostic);
        }
        if seen.len() > MAX_SHOWN_ERRORS {
            break;
        }
    }
    let mut text = String::new();
    for diagnostic in seen.iter().take(MAX_SHOWN_ERRORS) {
        text.push_str(renderer.render(&groups(diagnostic, sources)).trim_end());
        text.push_str("\n\n");
    }
    text.push_str(&summary(diagnostics, &seen, &renderer));
    text
}

/// One diagnostic as text for a tool that shows the first place by itself: what is wrong and what stands there, then the other
/// places, notes and advice.
#[must_use]
pub fn message(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let mut lines = vec![format!("{} [{}]", diagnostic.message, diagnostic.code)];
    let mut labels = diagnostic.labels.iter();
    let first = labels.next().filter(|label| !label.text.is_empty());
    lines.extend(first.map(|label| format!("here: {}", label.text)));
    for label in labels {
        let Some(file) = sources.get(label.span.source) else { continue };
        let (line, column) = file.line_column(label.span.range().start);
        let what = if label.text.is_empty() { "and here" } else { label.text.as_str() };
        lines.push(format!("{}:{line}:{column}: {what}", file.name));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(diagnostic.helps.iter().map(|help| match &help.suggestion {
        // Most advice says in words what to write.
        Some((_, text)) if !text.trim().is_empty() && !help.message.contains(text.trim()) => {
            format!("help: {}: `{}`", help.message, text.trim())
        }
        _ => format!("help: {}", help.message),
    }));
    lines.join("\n")
}

/// "3 errors; `pnetc explain E0103` says more".
fn summary(all: &[Diagnostic], seen: &[&Diagnostic], renderer: &Renderer) -> String {
    let Some(first) = seen.first() else { return String::new() };
    let count = if seen.len() > MAX_SHOWN_ERRORS {
        format!("{} errors, the first {MAX_SHOWN_ERRORS} shown", all.len())
    } else if seen.len() == 1 {
        "1 error".to_owned()
    } else {
        format!("{} errors", seen.len())
    };
    let codes: HashSet<Code> = seen.iter().map(|diagnostic| diagnostic.code).collect();
    let example = if codes.len() == 1 { "" } else { ", for instance" };
    let title = format!("{count}; to know more{example}: `pnetc explain {}`", first.code);
    let mut line = renderer.render(&[Group::with_title(Level::ERROR.no_name().primary_title(title))]);
    line.push('\n');
    line
}

/// The parts that annotate-snippets shows for one diagnostic.
fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Group<'a>> {
    let mut main =
        Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name()));
    let mut order: Vec<SourceId> = Vec::new();
    for label in &diagnostic.labels {
        if !order.contains(&label.span.source) {
            order.push(label.span.source);
        }
    }
    for source in order {
        let Some(file) = sources.get(source) else { continue };
        let annotations = diagnostic.labels.iter().filter(|label| label.span.source == source).map(|label| {
            let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(clamp(label.span, file));
            if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
        });
        main = main.element(Snippet::source(file.text.as_str()).path(file.name.as_str()).annotations(annotations));
    }
    for note in &diagnostic.notes {
        main = main.element(Level::NOTE.message(note.as_str()));
    }
    let mut groups = Vec::new();
    for help in &diagnostic.helps {
        match help.suggestion.as_ref().and_then(|(span, text)| Some((sources.get(span.source)?, *span, text))) {
            Some((file, span, replacement)) => groups.push(
                Level::HELP.secondary_title(help.message.as_str()).element(
                    Snippet::source(file.text.as_str())
                        .path(file.name.as_str())
                        .patch(Patch::new(clamp(span, file), replacement.as_str())),
                ),
            ),
            None => main = main.element(Level::HELP.message(help.message.as_str())),
        }
    }
    groups.insert(0, main);
    groups
}

/// The span's range, forced into the text and onto character boundaries, so that rendering is total.
fn clamp(span: Span, file: &SourceFile) -> Range<usize> {
    let floor = |offset: usize| {
        let mut offset = offset.min(file.text.len());
        while !file.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let range = span.range();
    let start = floor(range.start);
    start..floor(range.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_near_names_only() {
        let names = ["kernel", "stride", "groups", "hard_swish"];
        assert_eq!(did_you_mean("kernal", names), Some("kernel"));
        assert_eq!(did_you_mean("HardSwish", names), Some("hard_swish"));
        assert_eq!(did_you_mean("dilation", names), None);
        assert_eq!(did_you_mean("x", names), None);
    }

    #[test]
    fn spans_outside_the_text_do_not_panic() {
        let mut sources = SourceMap::new();
        let id = sources.add("a.pnet", "é");
        let error = Diagnostic::new(Code::E0001, "odd").primary(Span::new(id, 1, 99), "here");
        assert!(render(&[error], &sources, Style::Plain).contains("E0001"));
    }
}
