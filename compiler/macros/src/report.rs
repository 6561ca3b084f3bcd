//! Errors of the compiler as errors of Rust, on the tokens that cause them.
//!
//! In: a [`Failure`], and what the tokens of the macro mean. Out: errors. One that lies in the macro is on its very tokens; one in
//! a file is shown with its lines, on the path of the file.

use parameternet_compiler::program::Failure;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{self, Diagnostic, Style};
use parameternet_dsl::limits::MAX_SHOWN_ERRORS;
use parameternet_dsl::source::{SourceId, SourceMap, join};
use proc_macro2::{Ident, Span};
use quote::quote;
use syn::Error;

use crate::files::INLINE;
use crate::invocation::{FileForm, HyperParameter, similar_key};
use crate::source_map::SourceText;

/// An error over all tokens from the first to the last.
fn between((first, last): (Span, Span), message: impl std::fmt::Display) -> Error {
    let [first, last] = [first, last].map(|span| Ident::new("place", span));
    Error::new_spanned(quote!(#first #last), message)
}

/// The errors of a program that is written in the macro.
pub(crate) fn inline(failures: Vec<Failure>, text: &SourceText) -> Vec<Error> {
    let mut seen: Vec<Diagnostic> = Vec::new();
    let mut errors = Vec::new();
    for failure in failures {
        let file = text.file().unwrap_or(INLINE);
        let sources = renamed(&failure.sources, |name| if name == INLINE { file.to_owned() } else { name.to_owned() });
        let inline = failure.sources.iter().find(|(_, source)| source.name == INLINE).map(|(id, _)| id);
        for diagnostic in failure.diagnostics {
            if seen.contains(&diagnostic) {
                continue;
            }
            errors.push(in_text(&diagnostic, &sources, inline, text));
            seen.push(diagnostic);
        }
    }
    let hidden = errors.len().saturating_sub(MAX_SHOWN_ERRORS);
    errors.truncate(MAX_SHOWN_ERRORS);
    if hidden > 0 {
        errors.push(Error::new(Span::call_site(), format!("and {hidden} more errors")));
    }
    errors
}

fn in_text(diagnostic: &Diagnostic, sources: &SourceMap, inline: Option<SourceId>, text: &SourceText) -> Error {
    let Some(first) = diagnostic.span() else {
        return Error::new(Span::call_site(), diagnostic::message(diagnostic, sources));
    };
    if Some(first.source) == inline
        && let Some(spans) = text.spans(&first.range())
    {
        return between(spans, diagnostic::message(diagnostic, sources));
    }
    // The error is in a file that the text uses: where it shows up in the text, or else where the file is named.
    let label = diagnostic.labels.iter().find(|label| Some(label.span.source) == inline);
    let file = sources.get(first.source).map(|file| file.name.as_str());
    let spans = match label {
        Some(label) => text.spans(&label.span.range()),
        None => file.and_then(|file| text.spans(&text.after("use", |path| is_path(path, file))?)),
    };
    let rendered = diagnostic::render(std::slice::from_ref(diagnostic), sources, Style::Plain);
    let message = format!("there is an error in a file that the network uses\n\n{}", rendered.trim_end());
    between(spans.unwrap_or((Span::call_site(), Span::call_site())), message)
}

/// Whether a literal is the path that leads to a file.
fn is_path(literal: &str, file: &str) -> bool {
    literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(|path| join(INLINE, path) == file)
}

/// The errors of a program in a file.
pub(crate) fn file(failure: &Failure, form: &FileForm) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut others = Vec::new();
    let sources = renamed(&failure.sources, |name| match name.strip_prefix("--set ") {
        Some(name) => format!("{name} in parameternet!"),
        None => name.to_owned(),
    });
    for diagnostic in &failure.diagnostics {
        if let Some(network) = &form.settings.network
            && diagnostic.code == Code::E0105
            && diagnostic.labels.is_empty()
        {
            errors.push(Error::new(network.span(), diagnostic::message(diagnostic, &sources)));
        } else if let Some((parameter, range)) = in_setting(diagnostic, &failure.sources, form) {
            errors.push(between(parameter.spans(&range), diagnostic::message(diagnostic, &sources)));
        } else {
            others.push(diagnostic.clone());
        }
    }
    if !others.is_empty() {
        let rendered = diagnostic::render(&others, &sources, Style::Plain);
        let message = format!("the network cannot be compiled\n\n{}", rendered.trim_end());
        errors.push(Error::new(form.path.span(), message));
    }
    errors
}

/// The hyper-parameter in whose value an error lies, and where.
fn in_setting<'a>(
    diagnostic: &Diagnostic,
    sources: &SourceMap,
    form: &'a FileForm,
) -> Option<(&'a HyperParameter, std::ops::Range<usize>)> {
    let span = diagnostic.span()?;
    let source = sources.get(span.source)?;
    let name = source.name.strip_prefix("--set ")?;
    let parameter = form.settings.hyper_parameters.iter().find(|parameter| parameter.key() == name)?;
    // The compiler reads the value behind some words of its own.
    let before = source.text.len().checked_sub(parameter.value.text().len())?;
    let range = span.range();
    Some((parameter, range.start.saturating_sub(before)..range.end.saturating_sub(before)))
}

/// The errors for a setting that is no hyper-parameter of the network.
pub(crate) fn unknown(failure: Failure, parameter: &HyperParameter) -> Vec<Error> {
    let key = similar_key(&parameter.key());
    let errors = failure.diagnostics.into_iter().map(|diagnostic| {
        let diagnostic = match key {
            Some(key) => diagnostic.help(format!("did you mean the key `{key}`?")),
            None => diagnostic,
        };
        Error::new(parameter.name.span(), diagnostic::message(&diagnostic, &failure.sources))
    });
    errors.collect()
}

/// The same texts with other names.
fn renamed(sources: &SourceMap, name: impl Fn(&str) -> String) -> SourceMap {
    let mut renamed = SourceMap::new();
    for (_, source) in sources.iter() {
        renamed.add(name(&source.name), source.text.clone());
    }
    renamed
}
