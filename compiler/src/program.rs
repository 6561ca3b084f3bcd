//! Loading: the files of a program, parsed, with their names tied together.
//!
//! In: a [`Loader`] and the path of the root file. Out: a [`Program`], in which every file that is reached through `use`
//! is parsed and every name is known to mean something (`resolve`).

use std::collections::HashMap;
use std::fmt;

use parameternet_dsl::ast::{self, ItemKind};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{self, Diagnostic, Style, did_you_mean};
use parameternet_dsl::source::{self, LoadError, Loader, SourceId, SourceMap, Span};

use crate::limits::MAX_USE_DEPTH;

/// A file of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileId(usize);

/// A top-level definition of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemRef {
    pub(crate) file: FileId,
    item: usize,
}

/// A parsed program: the root file and every file that it reaches through `use`.
#[derive(Debug)]
pub struct Program {
    sources: SourceMap,
    files: Vec<LoadedFile>,
    root: FileId,
}

/// A file with the names that can be used in it.
#[derive(Debug)]
pub(crate) struct LoadedFile {
    pub(crate) ast: ast::File,
    /// Definitions of the file itself and of the files that it uses.
    names: HashMap<String, ItemRef>,
    /// Whether names may be missing because this file, or one that it uses, did not parse.
    pub(crate) incomplete: bool,
}

/// Why there is no result: errors, with the texts that they point into.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The texts.
    pub sources: SourceMap,
    /// The errors in the order in which they should be read; at least one.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// All errors as text.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        diagnostic::render(&self.diagnostics, &self.sources, style)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Style::Plain).trim_end())
    }
}

impl std::error::Error for Failure {}

impl Program {
    /// Loads the file at `path` and all that it uses.
    ///
    /// # Errors
    /// Every error of text and names in all files together.
    pub fn load(loader: &dyn Loader, path: &str) -> Result<Program, Failure> {
        let mut loading = Loading {
            loader,
            sources: SourceMap::new(),
            files: Vec::new(),
            known: HashMap::new(),
            open: Vec::new(),
            errors: Vec::new(),
        };
        let root = loading.file(path, None);
        let Loading { sources, files, mut errors, .. } = loading;
        let Some(root) = root else { return Err(Failure { sources, diagnostics: errors }) };
        let program = Program { sources, files, root };
        errors.extend(crate::resolve::check(&program));
        if errors.is_empty() {
            return Ok(program);
        }
        errors.sort_by_key(|error| error.span().map(|span| (span.source, span.start)));
        Err(Failure { sources: program.sources, diagnostics: errors })
    }

    /// The texts of the program.
    #[must_use]
    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// The syntax tree of the root file.
    #[must_use]
    pub fn root(&self) -> &ast::File {
        // `root` is an index that `load` made.
        self.file(self.root).map_or(&EMPTY, |file| &file.ast)
    }

    /// The syntax trees of all files.
    pub fn syntax_trees(&self) -> impl Iterator<Item = &ast::File> {
        self.files.iter().map(|file| &file.ast)
    }

    /// The names of the networks of the root file, in order.
    pub fn networks(&self) -> impl Iterator<Item = &ast::Network> {
        self.root().items.iter().filter_map(|item| match &item.kind {
            ItemKind::Network(network) => Some(network),
            _ => None,
        })
    }

    pub(crate) fn root_id(&self) -> FileId {
        self.root
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&LoadedFile> {
        self.files.get(id.0)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (FileId, &LoadedFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index), file))
    }

    pub(crate) fn item(&self, item: ItemRef) -> Option<&ast::Item> {
        self.file(item.file)?.ast.items.get(item.item)
    }

    /// What a name means at the top level of a file.
    pub(crate) fn lookup(&self, file: FileId, name: &str) -> Option<ItemRef> {
        self.file(file)?.names.get(name).copied()
    }

    /// Every top-level name of a file, for did-you-mean.
    pub(crate) fn names(&self, file: FileId) -> impl Iterator<Item = &str> {
        self.file(file).into_iter().flat_map(|file| file.names.keys().map(String::as_str))
    }
}

static EMPTY: ast::File = ast::File { items: Vec::new() };

/// The name that an item defines.
pub(crate) fn item_name(item: &ast::Item) -> Option<&ast::Name> {
    match &item.kind {
        ItemKind::Const(definition) => Some(&definition.name),
        ItemKind::Fn(definition) => Some(&definition.name),
        ItemKind::Module(definition) => Some(&definition.name),
        ItemKind::Network(definition) => Some(&definition.name),
        ItemKind::Use(_) | ItemKind::Budget(_) => None,
    }
}

/// The state of [`Program::load`].
struct Loading<'a> {
    loader: &'a dyn Loader,
    sources: SourceMap,
    files: Vec<LoadedFile>,
    /// Files by path; `None` for those that could not be loaded.
    known: HashMap<String, Option<FileId>>,
    /// The files that are being loaded, outermost first.
    open: Vec<String>,
    errors: Vec<Diagnostic>,
}

impl Loading<'_> {
    /// Loads a file once; `None` if it cannot be had, which was reported.
    fn file(&mut self, path: &str, used_by: Option<&ast::Use>) -> Option<FileId> {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        if self.open.len() >= MAX_USE_DEPTH {
            let error = Diagnostic::new(Code::E0101, format!("files use each other more than {MAX_USE_DEPTH} deep"));
            self.errors.push(match used_by {
                Some(clause) => error.primary(clause.path_span, "one file too many"),
                None => error,
            });
            self.known.insert(path.to_owned(), None);
            return None;
        }
        let text = match self.loader.load(path) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(self.unreadable(path, used_by, &error));
                self.known.insert(path.to_owned(), None);
                return None;
            }
        };
        let source = self.sources.add(path, text);
        let (ast, errors) = parameternet_dsl::parse(&self.sources, source);
        let mut incomplete = !errors.is_empty();
        self.errors.extend(errors);
        self.open.push(path.to_owned());
        let used = self.uses(path, &ast, &mut incomplete);
        self.open.pop();
        let id = FileId(self.files.len());
        let mut names = HashMap::new();
        let mut spans: HashMap<String, Span> = HashMap::new();
        for (index, item) in ast.items.iter().enumerate() {
            let Some(name) = item_name(item) else { continue };
            if let Some(first) = spans.insert(name.text.clone(), name.span) {
                self.errors.push(defined_twice(name.text.as_str(), name.span, first, None));
            }
            names.insert(name.text.clone(), ItemRef { file: id, item: index });
        }
        for (file, use_span) in used {
            self.import(file, use_span, &mut names, &mut spans);
        }
        self.files.push(LoadedFile { ast, names, incomplete });
        self.known.insert(path.to_owned(), Some(id));
        Some(id)
    }

    /// Loads what a file uses.
    fn uses(&mut self, path: &str, ast: &ast::File, incomplete: &mut bool) -> Vec<(FileId, Span)> {
        let mut used = Vec::new();
        for item in &ast.items {
            let ItemKind::Use(clause) = &item.kind else { continue };
            let target = source::join(path, &clause.path);
            if let Some(position) = self.open.iter().position(|open| *open == target) {
                let circle: Vec<&str> =
                    self.open.iter().skip(position).map(String::as_str).chain([target.as_str()]).collect();
                let error = Diagnostic::new(Code::E0102, "files use each other in a circle")
                    .primary(clause.path_span, "this file is already being loaded")
                    .note(format!("the circle: {}", circle.join(" → ")))
                    .help("move what both need into a third file that uses neither");
                self.errors.push(error);
                *incomplete = true;
                continue;
            }
            match self.file(&target, Some(clause)) {
                Some(file) if used.iter().any(|(other, _)| *other == file) => {}
                Some(file) => {
                    *incomplete |= self.files.get(file.0).is_some_and(|file| file.incomplete);
                    used.push((file, clause.path_span));
                }
                None => *incomplete = true,
            }
        }
        used
    }

    /// Brings the definitions of a used file into scope.
    fn import(
        &mut self,
        file: FileId,
        use_span: Span,
        names: &mut HashMap<String, ItemRef>,
        spans: &mut HashMap<String, Span>,
    ) {
        let Some(used) = self.files.get(file.0) else { return };
        for (index, item) in used.ast.items.iter().enumerate() {
            let Some(name) = item_name(item) else { continue };
            let target = ItemRef { file, item: index };
            match names.get(&name.text) {
                Some(existing) if *existing == target => {}
                Some(_) => {
                    let first = spans.get(&name.text).copied().unwrap_or(name.span);
                    self.errors.push(defined_twice(&name.text, use_span, first, Some(name.span)));
                }
                None => {
                    names.insert(name.text.clone(), target);
                    spans.insert(name.text.clone(), name.span);
                }
            }
        }
    }

    fn unreadable(&self, path: &str, used_by: Option<&ast::Use>, error: &LoadError) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(Code::E0101, format!("cannot use `{path}`: {error}"));
        if let Some(clause) = used_by {
            diagnostic = diagnostic.primary(clause.path_span, "");
        }
        if *error != LoadError::NotFound {
            return diagnostic;
        }
        // Only the names are compared: a long folder that both share says nothing.
        let similar = self.loader.similar(path);
        let meant = did_you_mean(file_name(path), similar.iter().map(|path| file_name(path)));
        let meant = meant.and_then(|meant| similar.iter().find(|path| file_name(path) == meant));
        match (meant, used_by) {
            (Some(meant), Some(clause)) => match renamed(&clause.path, path, meant) {
                Some(written) => {
                    diagnostic.suggest("there is a similar file", clause.path_span, format!("\"{written}\""))
                }
                None => diagnostic.help(format!("there is a file `{meant}`")),
            },
            (Some(meant), None) => diagnostic.help(format!("there is a file `{meant}`")),
            (None, Some(_)) => diagnostic.help("paths are relative to the file that says `use`"),
            (None, None) => diagnostic,
        }
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The path `written` in a `use` that led to `path`, so that it leads to `meant`, if that lies in the same folder.
fn renamed(written: &str, path: &str, meant: &str) -> Option<String> {
    let folder = |path: &'_ str| path.len() - file_name(path).len();
    if path.get(..folder(path)) != meant.get(..folder(meant)) {
        return None;
    }
    Some(format!("{}{}", written.get(..folder(written))?, file_name(meant)))
}

fn defined_twice(name: &str, span: Span, first: Span, imported: Option<Span>) -> Diagnostic {
    let error =
        Diagnostic::new(Code::E0104, format!("`{name}` is defined twice")).secondary(first, "first defined here");
    match imported {
        None => error.primary(span, "defined again here").help("rename one of them"),
        Some(definition) => error
            .primary(span, format!("this file brings in another `{name}`"))
            .secondary(definition, "defined again here")
            .help("rename one of them"),
    }
}

/// A loader for texts in memory: programs inside other programs, and tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryLoader {
    files: HashMap<String, String>,
}

impl MemoryLoader {
    /// A loader that knows one file.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        MemoryLoader::default().with(path, text)
    }

    /// The same, knowing one more file.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Loader for MemoryLoader {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        self.files.get(path).cloned().ok_or(LoadError::NotFound)
    }

    fn similar(&self, _path: &str) -> Vec<String> {
        let mut paths: Vec<String> = self.files.keys().cloned().collect();
        paths.sort_unstable();
        paths
    }
}

/// Parses `text` as the value of the constant `name`, in a source of its own.
pub(crate) fn parse_setting(sources: &mut SourceMap, name: &str, text: &str) -> Result<ast::Expr, Vec<Diagnostic>> {
    let prefix = format!("const {name} = ");
    let source: SourceId = sources.add(format!("--set {name}"), format!("{prefix}{text}"));
    let (file, errors) = parameternet_dsl::parse(sources, source);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut items = file.items.into_iter().map(|item| item.kind);
    match (items.next(), items.next()) {
        (Some(ItemKind::Const(definition)), None) => Ok(definition.value),
        _ => {
            let span = Span::new(source, prefix.len(), prefix.len() + text.len());
            Err(vec![Diagnostic::new(Code::E0001, "expected one value").primary(span, "not a value")])
        }
    }
}
