//! A node of a model with its attributes by name, and where in the original program it stood.

use super::error::Reason;
use super::flow::Scope;
use super::path::Path;
use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto};

/// A node to translate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'m> {
    pub(super) proto: &'m NodeProto,
    /// The version of ONNX's operators.
    pub(super) opset: i64,
}

impl<'m> Node<'m> {
    pub(super) fn operator(&self) -> &'m str {
        &self.proto.op_type
    }

    fn attribute(&self, name: &str) -> Option<&'m AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    pub(super) fn integer_or(&self, name: &str, default: i64) -> i64 {
        self.integer(name).unwrap_or(default)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.integer_or(name, 0) != 0
    }

    pub(super) fn number_or(&self, name: &str, default: f32) -> f64 {
        super::constant::decimal(self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default))
    }

    pub(super) fn integers(&self, name: &str) -> Option<&'m [i64]> {
        Some(&self.attribute(name)?.ints)
    }

    pub(super) fn numbers(&self, name: &str) -> Option<&'m [f32]> {
        Some(&self.attribute(name)?.floats)
    }

    /// A word, `None` where it is not given.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        self.attribute(name)?.s.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'m TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    /// Two whole numbers, such as strides.
    pub(super) fn pair(&self, name: &'static str, default: i64) -> Result<[i64; 2], Reason> {
        match self.integers(name) {
            None | Some([]) => Ok([default; 2]),
            Some(&[height, width]) => Ok([height, width]),
            Some(other) => Err(Reason::Attribute { name, value: format!("{other:?}") }),
        }
    }

    /// Refuses any value of an attribute but this one, which is also its default.
    pub(super) fn only(&self, name: &'static str, value: i64) -> Result<(), Reason> {
        match self.integer_or(name, value) {
            found if found == value => Ok(()),
            found => Err(Reason::Attribute { name, value: found.to_string() }),
        }
    }

    /// What to call the node in messages.
    pub(super) fn shown(&self) -> String {
        match (self.proto.name.as_str(), self.proto.output.first()) {
            ("", Some(output)) => output.clone(),
            (name, _) => name.to_owned(),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        let traced = self.traced();
        let is_known = traced.is_some() || self.proto.name.starts_with('/') || self.proto.name.contains('.');
        let (path, classes) = traced.unwrap_or_else(|| (self.named(), Vec::new()));
        Scope { path, is_known, classes, node: self.shown(), operator: self.proto.op_type.clone() }
    }

    /// What PyTorch's exporter notes about a node: the path of the module it comes from and the classes of the modules around.
    fn traced(&self) -> Option<(Path, Vec<String>)> {
        let note = |key: &str| {
            let properties = &self.proto.metadata_props;
            properties.iter().find(|entry| entry.key == key).map(|entry| quoted(&entry.value))
        };
        // The first scope is the network, the last the function that was called.
        let scopes = note("pkg.torch.onnx.name_scopes")?;
        let classes = note("pkg.torch.onnx.class_hierarchy").unwrap_or_default();
        let module = scopes.split_last()?.1.last()?;
        let path = Path::of(module);
        let mut by_length = vec![String::new(); path.0.len() + 1];
        for (scope, class) in scopes.iter().zip(classes) {
            let class = class.rsplit('.').next().unwrap_or_default();
            if let Some(place) = by_length.get_mut(Path::of(scope).0.len()) {
                *place = class.to_owned();
            }
        }
        Some((path, by_length))
    }

    /// The path in a name like `/blocks/blocks.3/blocks.3.0/conv/Conv`, as PyTorch's older exporter writes it, or `blocks.3.0.relu`.
    fn named(&self) -> Path {
        let name = self.proto.name.as_str();
        if let Some(scopes) = name.strip_prefix('/') {
            let mut parts: Vec<&str> = Vec::new();
            for part in scopes.rsplit_once('/').map_or("", |(scopes, _)| scopes).split('/') {
                // A part that begins with the one before it says all of it.
                if parts.last().is_some_and(|last| part.strip_prefix(last).is_some_and(|rest| rest.starts_with('.'))) {
                    parts.pop();
                }
                parts.push(part);
            }
            return Path::of(&parts.join("."));
        }
        match name.rsplit_once('.') {
            Some((module, _)) if !name.contains([':', '/']) => Path::of(module),
            _ => Path::default(),
        }
    }
}

/// The words of a list as Python prints it: `['', 'blocks']`.
fn quoted(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}
