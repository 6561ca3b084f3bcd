//! Instance paths: what weights, and the modules that hold them, are called.

use std::fmt;

/// The words that the language keeps for itself.
const RESERVED: [&str; 16] = [
    "use", "const", "fn", "module", "network", "budget", "input", "let", "for", "in", "if", "else", "return", "as",
    "true", "false",
];

/// A part of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Segment {
    Name(String),
    Index(usize),
}

/// `blocks[3][0].conv`, the names of whose weights begin with `blocks.3.0.conv.`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<Segment>);

impl Path {
    /// The path that a dotted name says. Other characters than those of names become `_`.
    pub(super) fn of(dotted: &str) -> Path {
        Path(dotted.split(['.', '/']).filter(|part| !part.is_empty()).map(Segment::of).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The path without its last part, and that part.
    pub(super) fn split_last(&self) -> Option<(Path, &Segment)> {
        let (last, rest) = self.0.split_last()?;
        Some((Path(rest.to_vec()), last))
    }

    /// The path of an instance within this one.
    pub(super) fn child(&self, part: &Segment) -> Path {
        let mut path = self.clone();
        path.0.push(part.clone());
        path
    }

    /// What is left behind a path that this one begins with.
    pub(super) fn after(&self, prefix: &Path) -> Option<Path> {
        self.0.strip_prefix(prefix.0.as_slice()).map(|rest| Path(rest.to_vec()))
    }

    /// The same path with a number at its end, for a second of its kind.
    pub(super) fn numbered(&self, number: usize) -> Path {
        let mut path = self.clone();
        match path.0.last_mut() {
            Some(Segment::Name(name)) => *name = format!("{name}_{number}"),
            Some(Segment::Index(_)) | None => path.0.push(Segment::Name(format!("part_{number}"))),
        }
        path
    }

    /// As weights are called: `blocks.3.0.conv`.
    pub(super) fn dotted(&self) -> String {
        let part = |segment: &Segment| match segment {
            Segment::Name(name) => name.clone(),
            Segment::Index(index) => index.to_string(),
        };
        self.0.iter().map(part).collect::<Vec<_>>().join(".")
    }

    /// The first part that is a name.
    pub(super) fn first_name(&self) -> Option<&str> {
        self.0.iter().find_map(|segment| match segment {
            Segment::Name(name) => Some(name.as_str()),
            Segment::Index(_) => None,
        })
    }

    /// The last part that is a name.
    pub(super) fn last_name(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Name(name) => Some(name.as_str()),
            Segment::Index(_) => None,
        })
    }
}

impl Segment {
    fn of(text: &str) -> Segment {
        match text.parse() {
            Ok(index) if text == "0" || !text.starts_with(['0', '+']) => Segment::Index(index),
            _ => Segment::Name(word(text)),
        }
    }
}

impl fmt::Display for Path {
    /// As it stands after `as`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Name(name) if position == 0 => f.write_str(name)?,
                Segment::Name(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The text as a word that may be a name.
pub(super) fn word(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '_' };
    let word: String = text.chars().map(letter).take(100).collect();
    let begins_well = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if word.chars().all(|letter| letter == '_') {
        "unnamed".to_owned()
    } else if !begins_well {
        format!("n{word}")
    } else if RESERVED.contains(&word.as_str()) {
        format!("{word}_")
    } else {
        word
    }
}
