//! `pnetc ops`: the operations of the language.

use parameternet_compiler::op::docs;
use parameternet_dsl::diagnostic::did_you_mean;

use crate::arguments::Ops;
use crate::failure::Failure;
use crate::files;

/// Lists all operations, or documents those that were asked for.
pub(crate) fn run(options: &Ops) -> Result<(), Failure> {
    if options.markdown {
        return files::print(&docs::reference());
    }
    if options.names.is_empty() {
        return files::print(&docs::list());
    }
    let mut pages = Vec::new();
    for name in &options.names {
        pages.push(docs::page(name).ok_or_else(|| {
            let meant = did_you_mean(name, docs::names());
            let hint = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            Failure::Usage(format!("there is no operation `{name}`{hint}"))
        })?);
    }
    files::print(&pages.join("\n"))
}
