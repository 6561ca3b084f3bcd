//! `pnetc weights list`: names, types, shapes and sizes, or with `--for` what fits a network.

use std::collections::BTreeMap;
use std::path::Path;

use parameternet_runtime::{StoredTensor, WeightFile};
use serde_json::{Value, json};

use super::{fit, open, shape};
use crate::arguments::weights::List;
use crate::failure::Failure;
use crate::files;
use crate::table::{Align, Table, counted, grouped};

/// Shows every file. Where one does not fit the network of `--for` it fails, having told so.
pub(crate) fn run(options: &List) -> Result<(), Failure> {
    let opened: Vec<(&Path, WeightFile)> =
        options.files.iter().map(|path| Ok((path.as_path(), open(path)?))).collect::<Result<_, Failure>>()?;
    if let Some(program) = &options.program {
        return fit::run(options, program, &opened);
    }
    let listings: Vec<Listing<'_>> = opened.iter().map(|(path, file)| Listing::new(path, file, options)).collect();
    if options.json {
        return files::print(&format!("{:#}\n", listings.iter().map(Listing::json).collect::<Value>()));
    }
    let texts: Vec<String> = listings.iter().map(Listing::text).collect();
    files::print(&texts.join("\n"))
}

/// What is listed of a file.
struct Listing<'a> {
    path: &'a Path,
    file: &'a WeightFile,
    tensors: Vec<StoredTensor<'a>>,
}

impl<'a> Listing<'a> {
    fn new(path: &'a Path, file: &'a WeightFile, options: &List) -> Self {
        let wanted =
            |name: &str| options.filter.is_empty() || options.filter.iter().any(|filter| filter.is_match(name));
        let tensors = file.names().filter(|name| wanted(name)).filter_map(|name| file.stored(name)).collect();
        Listing { path, file, tensors }
    }

    fn elements(&self) -> usize {
        self.tensors.iter().map(elements).sum()
    }

    fn bytes(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.bytes.len()).sum()
    }

    /// How many tensors have each element type.
    fn types(&self) -> BTreeMap<&str, usize> {
        let mut types = BTreeMap::new();
        for tensor in &self.tensors {
            *types.entry(tensor.type_name.as_str()).or_insert(0) += 1;
        }
        types
    }

    fn text(&self) -> String {
        let types: Vec<String> = self.types().into_iter().map(|(name, count)| format!("{count} {name}")).collect();
        let tensors = counted(self.tensors.len(), "tensor");
        let of = match self.tensors.len() == self.file.len() {
            true => String::new(),
            false => format!(" of {}", grouped(self.file.len() as u64)),
        };
        let mut text = format!(
            "{}: {tensors}{of} ({}), {}, {}\n",
            self.path.display(),
            types.join(", "),
            counted(self.elements(), "element"),
            counted(self.bytes(), "byte"),
        );
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("type", Align::Left),
            ("shape", Align::Left),
            ("elements", Align::Right),
            ("bytes", Align::Right),
        ]);
        for tensor in &self.tensors {
            table.row([
                tensor.name.escape_debug().to_string(),
                tensor.type_name.clone(),
                shape(tensor.shape),
                grouped(elements(tensor) as u64),
                grouped(tensor.bytes.len() as u64),
            ]);
        }
        text.push_str(&table.render());
        if self.file.notes().len() > 0 {
            text.push_str("metadata\n");
            let mut table = Table::facts();
            for (key, value) in self.file.notes() {
                table.fact(&key.escape_debug().to_string(), note(value));
            }
            text.push_str(&table.render());
        }
        text
    }

    fn json(&self) -> Value {
        let tensor = |tensor: &StoredTensor<'_>| {
            json!({
                "name": tensor.name,
                "dtype": tensor.type_name,
                "shape": tensor.shape,
                "elements": elements(tensor),
                "bytes": tensor.bytes.len(),
            })
        };
        json!({
            "file": self.path.display().to_string(),
            "tensors": self.tensors.iter().map(tensor).collect::<Value>(),
            "elements": self.elements(),
            "bytes": self.bytes(),
            "metadata": self.file.notes().collect::<BTreeMap<_, _>>(),
        })
    }
}

/// The header check made sure that the product does not overflow.
fn elements(tensor: &StoredTensor<'_>) -> usize {
    tensor.shape.iter().product()
}

/// A note on one line, cut off where it is long: labels may be a thousand lines.
fn note(text: &str) -> String {
    const SHOWN: usize = 80;
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", shown.escape_debug())
}
