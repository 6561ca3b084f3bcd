//! What things are called in Python: names that the language allows and Python does not get a `_` behind them.

use std::collections::BTreeSet;

/// Keywords of Python, and the builtins, modules and helpers that generated code uses.
const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "case",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "match",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "type",
    "while",
    "with",
    "yield",
    "abs",
    "dict",
    "enumerate",
    "float",
    "getattr",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "max",
    "min",
    "next",
    "partial",
    "range",
    "reversed",
    "round",
    "self",
    "set",
    "setattr",
    "str",
    "sum",
    "super",
    "torch",
    "tuple",
    "nn",
    "math",
    "F",
    "print",
    "zip",
    "object",
];

/// What `torch.nn.Module` has already, and our own base class: an attribute of that name would hide it.
const ATTRIBUTES: &[&str] = &[
    "T_destination",
    "add",
    "add_module",
    "adopt",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extra_repr",
    "find",
    "float",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "inlined",
    "ipu",
    "keep",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook",
    "register_module",
    "register_parameter",
    "register_state_dict_post_hook",
    "register_state_dict_pre_hook",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
];

/// The names that generated code needs for itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserved {
    /// The helpers of the file; `None` for all that there are, while it is not known which it has.
    pub helpers: Option<BTreeSet<&'static str>>,
}

impl Reserved {
    /// A name that Python can have, the same for every use of a name: the name itself, or with `_` behind it.
    pub(super) fn identifier(&self, name: &str) -> String {
        let is_helper = match &self.helpers {
            Some(helpers) => helpers.contains(name),
            None => super::runtime::is_section(name),
        };
        if RESERVED.contains(&name) || is_helper { format!("{name}_") } else { name.to_owned() }
    }
}

/// Whether a layer can be an attribute of that name.
pub(super) fn can_be_attribute(name: &str) -> bool {
    let is_word = name.chars().next().is_some_and(|first| first.is_alphabetic());
    is_word && !is_keyword(name) && !ATTRIBUTES.contains(&name)
}

fn is_keyword(name: &str) -> bool {
    // `match`, `case` and `type` are keywords in some places only, and builtins are none.
    const SOFT: &[&str] = &["match", "case", "type"];
    let end = RESERVED.iter().position(|word| *word == "abs").unwrap_or(0);
    RESERVED.iter().take(end).any(|word| *word == name) && !SOFT.contains(&name)
}

/// Names that are given once each.
#[derive(Debug, Clone, Default)]
pub(super) struct Unique {
    taken: BTreeSet<String>,
}

impl Unique {
    pub(super) fn reserve(&mut self, name: impl Into<String>) {
        self.taken.insert(name.into());
    }

    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// The name itself, or with a number behind it if it is taken.
    pub(super) fn fresh(&mut self, wanted: &str) -> String {
        let candidates = (2u64..).map(|number| format!("{wanted}{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(candidates);
        let name = candidates.find(|name| !self.taken.contains(name)).unwrap_or_else(|| wanted.to_owned());
        self.taken.insert(name.clone());
        name
    }
}

/// `squeeze_excite` as `SqueezeExcite`.
pub(super) fn camel(name: &str) -> String {
    let parts = name.split('_').filter(|part| !part.is_empty());
    parts
        .map(|part| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>())
        .collect()
}

/// A string as Python writes it.
pub(super) fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
