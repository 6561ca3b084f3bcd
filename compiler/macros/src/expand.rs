//! From the tokens of the macro to those that it stands for.
//!
//! In: tokens, and the folder of the crate. Out: a module for each network, with the errors of what is wrong in it.
//! Invariant: whatever goes in, items come out.

use std::path::Path;

use parameternet_compiler::analysis::budget;
use parameternet_compiler::backend::rust::{self, Documentation, RustError, module_name};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{Failure, Program};
use parameternet_compiler::weight::Weight;
use parameternet_dsl::diagnostic::did_you_mean;
use parameternet_dsl::source::{Loader, join};
use parameternet_runtime::weights::WeightFileProblem;
use parameternet_runtime::{TensorSpec, WeightFile};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, LitStr};

use crate::files::{Files, INLINE};
use crate::invocation::{FileForm, HyperParameter, Invocation, Settings};
use crate::module::{further_stub, module, network_names, stub};
use crate::report;
use crate::source_map::SourceText;

/// What a use of the macro in a crate stands for.
pub(crate) fn expand(tokens: TokenStream, folder: &Path) -> TokenStream {
    match Invocation::of(tokens) {
        Ok(Invocation::File(form)) => file(*form, folder),
        Ok(Invocation::Inline(tokens)) => inline(tokens, folder),
        Err(error) => error.to_compile_error(),
    }
}

/// A module made of a file.
fn file(mut form: FileForm, folder: &Path) -> TokenStream {
    let files = Files::new(folder, None);
    let path = form.path.value();
    // Paths inside programs use `/` everywhere.
    let path = join("", &if cfg!(windows) { path.replace('\\', "/") } else { path });
    let mut errors = std::mem::take(&mut form.errors);
    let content = match network_of_file(&form, &files, &path, &mut errors) {
        Ok((graph, mut documentation)) => {
            let embedded =
                form.settings.weights.as_ref().and_then(|weights| embedded(weights, &graph, &files, &mut errors));
            let mut lines = form.documentation.clone();
            if !lines.is_empty() && !documentation.network.is_empty() {
                lines.push(String::new());
            }
            documentation.network.splice(0..0, lines);
            items(&graph, &form.settings, embedded, documentation).map_err(|error| {
                errors.push(Error::new(form.path.span(), error));
                vec![graph.network.clone()]
            })
        }
        Err(names) => Err(names),
    };
    let content = match content {
        Ok(items) => {
            let errors = errors.iter().map(Error::to_compile_error);
            quote!(#items #(#errors)*)
        }
        Err(names) => stub(&names, &errors),
    };
    let watched = files.watched();
    module(&form, &format!("A network of `{path}`."), &quote!(#content #watched))
}

/// The network that is asked for, with what its author says of it. Where there is none, the names that it may have.
fn network_of_file(
    form: &FileForm,
    files: &Files<'_>,
    path: &str,
    errors: &mut Vec<Error>,
) -> Result<(Graph, Documentation), Vec<String>> {
    let asked = form.settings.network.as_ref().map(ToString::to_string);
    let names = |program: Option<&Program>| match (&asked, program) {
        (Some(name), _) => vec![name.clone()],
        (None, Some(program)) => program.networks().map(|network| network.name.text.clone()).collect(),
        (None, None) => network_names(&files.load(path).unwrap_or_default()),
    };
    let program = Program::load(files, path).map_err(|failure| {
        errors.extend(report::file(&failure, form));
        names(None)
    })?;
    let request = |parameters: &[&HyperParameter]| Request {
        network: asked.clone(),
        batch: form.settings.batch.unwrap_or(1),
        settings: parameters.iter().map(|parameter| (parameter.key(), parameter.value.text().to_owned())).collect(),
    };
    let chosen = program.networks().find(|network| asked.as_ref().is_none_or(|name| network.name.text == *name));
    let is_known = |parameter: &&HyperParameter| {
        let key = parameter.key();
        chosen.is_none_or(|network| network.parameters.iter().any(|parameter| parameter.name.text == key))
    };
    let (known, unknown): (Vec<_>, Vec<_>) = form.settings.hyper_parameters.iter().partition(is_known);
    for parameter in unknown {
        // Alone, so that what the compiler says is about this one.
        if let Err(failure) = elaborate(&program, &request(&[parameter])) {
            errors.extend(report::unknown(failure, parameter));
        }
    }
    let request = request(&known);
    let graph = elaborate(&program, &request).map_err(|failure| {
        errors.extend(report::file(&failure, form));
        names(Some(&program))
    })?;
    if let Err(failure) = budget::check(&program, &request, &graph, &[]) {
        errors.extend(report::file(&failure, form));
    }
    let documentation = Documentation::of(&program, &graph.network);
    Ok((graph, documentation))
}

/// The bytes of the weights as an expression, once they are known to fit.
fn embedded(weights: &LitStr, graph: &Graph, files: &Files<'_>, errors: &mut Vec<Error>) -> Option<TokenStream> {
    let written = weights.value();
    let path = files.path(&written);
    // So that messages have the path as it is written.
    let shown = Some(written.clone());
    match WeightFile::open(&path) {
        Ok(file) => {
            let expected: Vec<TensorSpec> = graph.stored_weights().map(Weight::spec).collect();
            if let Err(mut mismatch) = file.bind(&expected) {
                mismatch.path = shown;
                errors.push(Error::new(weights.span(), mismatch));
            }
        }
        Err(mut error) => {
            error.path = shown;
            let mut message = error.to_string();
            if matches!(error.problem, WeightFileProblem::Open { .. }) {
                let similar = files.neighbours(&written, "safetensors");
                if let Some(meant) = did_you_mean(&written, similar.iter().map(String::as_str)) {
                    message.push_str(&format!("\nhelp: there is a file `{meant}`"));
                }
            }
            errors.push(Error::new(weights.span(), message));
            // The function that gives them stays, so that its uses bring no further errors.
            return Some(quote!(&[]));
        }
    }
    let path = path.to_str()?;
    Some(quote!(::core::include_bytes!(#path)))
}

/// Modules made of the text of a program.
fn inline(tokens: TokenStream, folder: &Path) -> TokenStream {
    let text = SourceText::of(tokens);
    let files = Files::new(folder, Some(text.text()));
    let mut failures = Vec::new();
    let mut modules = Vec::new();
    // Networks with errors, by name.
    let mut wrong = Vec::new();
    match Program::load(&files, INLINE) {
        Ok(program) => {
            let networks: Vec<&str> = program.networks().map(|network| network.name.text.as_str()).collect();
            if networks.is_empty() {
                // Asking for one says that there is none.
                failures.extend(elaborate(&program, &Request::default()).err());
            }
            for name in networks {
                match network_of_text(&program, name, &mut failures) {
                    Some(Ok(items)) => modules.push((name.to_owned(), items)),
                    Some(Err(error)) => {
                        let error = Error::new(name_span(&text, name), error);
                        modules.push((name.to_owned(), stub(&[name.to_owned()], &[error])));
                    }
                    None => wrong.push(name.to_owned()),
                }
            }
        }
        Err(failure) => {
            failures.push(failure);
            wrong = network_names(text.text());
        }
    }
    let mut errors = report::inline(failures, &text);
    let mut seen: Vec<String> = Vec::new();
    let mut head = |network: &str| {
        let name = module_name(network);
        let is_new = !seen.contains(&name.to_string());
        seen.push(name.to_string());
        is_new.then(|| quote!(pub mod #name))
    };
    let mut expansion = TokenStream::new();
    let mut first = None;
    for network in wrong {
        let Some(head) = head(&network) else { continue };
        let items = match &first {
            Some(first) => further_stub(&network, first),
            None => stub(std::slice::from_ref(&network), &std::mem::take(&mut errors)),
        };
        first.get_or_insert_with(|| module_name(&network));
        expansion.extend(module(&head, "A network with errors.", &items));
    }
    expansion.extend(errors.iter().map(Error::to_compile_error));
    for (network, items) in modules {
        match head(&network) {
            Some(head) => expansion.extend(module(&head, &format!("The network `{network}`."), &items)),
            None => {
                let message =
                    format!("another network makes a module `{}`, too: rename one of them", module_name(&network));
                expansion.extend(Error::new(name_span(&text, &network), message).to_compile_error());
            }
        }
    }
    let watched = files.watched();
    quote!(#expansion #watched)
}

/// Where a text gives a network its name.
fn name_span(text: &SourceText, network: &str) -> Span {
    let name = text.after("network", |name| name == network);
    name.and_then(|range| text.spans(&range)).map_or_else(Span::call_site, |(first, _)| first)
}

/// The items of the module of a network.
///
/// # Errors
/// When it computes nothing, or has a name that Rust cannot have there.
fn items(
    graph: &Graph,
    settings: &Settings,
    embedded: Option<TokenStream>,
    documentation: Documentation,
) -> Result<TokenStream, RustError> {
    let runtime = quote!(::parameternet::runtime);
    let Settings { layout, experts_dtype, .. } = *settings;
    rust::generate(graph, &rust::Options { runtime, layout, experts_dtype, embedded, documentation })
}

/// A network of a text as items; `None` if the compiler says what is wrong.
fn network_of_text(
    program: &Program,
    name: &str,
    failures: &mut Vec<Failure>,
) -> Option<Result<TokenStream, RustError>> {
    let request = Request { network: Some(name.to_owned()), ..Request::default() };
    let graph = elaborate(program, &request).map_err(|failure| failures.push(failure)).ok()?;
    if let Err(failure) = budget::check(program, &request, &graph, &[]) {
        failures.push(failure);
    }
    Some(items(&graph, &Settings::default(), None, Documentation::of(program, name)))
}
