//! `pnetc explain`: what an error code means.

use std::fmt::Write;

use parameternet_dsl::codes::Code;

use crate::arguments::Explain;
use crate::failure::Failure;
use crate::files;

/// Prints the explanation of a code, or the list of all codes.
pub(crate) fn run(options: &Explain) -> Result<(), Failure> {
    let Some(code) = &options.code else {
        let mut text = String::new();
        for code in Code::ALL {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{code}  {}", code.title());
        }
        return files::print(&text);
    };
    let code: Code = code.parse().map_err(|error: parameternet_dsl::codes::UnknownCode| {
        Failure::Usage(format!("{error}; `pnetc explain` lists all"))
    })?;
    files::print(&format!("{code}: {}\n\n{}", code.title(), code.explanation()))
}
