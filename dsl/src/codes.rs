//! The stable error codes: a title each, and the long text that `pnetc explain` prints.
//!
//! The long texts live in `codes/*.md`. Where such a text begins with a ```` ```pnet,error ```` block, a test compiles that
//! block, expects exactly this code, and keeps the rendered error as a snapshot.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The code as it is printed: `E0103`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What kind of error it is, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The long text: an example that is wrong, why, and how to mend it. Markdown.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("codes/", stringify!($code), ".md")),)* }
            }
        }
    };
}

codes! {
    // Text
    E0001 "unexpected text"
    E0002 "brackets that do not match"
    E0003 "nesting too deep"
    E0004 "malformed literal"
    E0005 "source text too large"
    // Files and names
    E0101 "file that cannot be used"
    E0102 "files that use each other in a circle"
    E0103 "unknown name"
    E0104 "name defined twice"
    E0105 "no such network, or no choice among several"
    E0106 "instance name used twice"
    E0107 "a budget for something that is not a network or module"
    // Calls
    E0201 "unknown argument"
    E0202 "missing argument"
    E0203 "too many arguments"
    E0204 "argument given twice"
    E0205 "a value that cannot be called"
    E0206 "weights without a name"
    E0207 "unknown or unset hyper-parameter"
    E0208 "`as` on something that is no instance"
    // Values
    E0301 "value of the wrong type"
    E0302 "operator on values that it does not take"
    E0303 "arithmetic without a result"
    E0304 "index out of range"
    E0305 "pattern that does not fit its value"
    E0306 "argument out of range"
    E0307 "missing or misplaced `return`"
    E0308 "unknown attribute"
    E0309 "assignment to something that cannot change"
    E0310 "statement out of place"
    // Shapes
    E0401 "shapes that do not fit together"
    E0402 "wrong number of dimensions"
    E0403 "channels that do not divide into groups"
    E0404 "window larger than its input"
    E0405 "reshape that changes the number of elements"
    E0406 "dimension out of range"
    E0407 "matrices that cannot be multiplied"
    E0408 "routing that does not fit the experts"
    // Limits
    E0501 "recursion too deep"
    E0502 "too much work at compile time"
    E0503 "graph too large"
    E0504 "tensor too large"
    // Budgets
    E0601 "budget exceeded"
    E0602 "a limit that a budget cannot set"
    // Weights and data
    E0701 "file that holds no weights"
    E0702 "weights that do not fit the network"
    E0703 "image that cannot be read"
    E0704 "array that cannot be read"
    E0705 "input that does not fit the network"
    E0706 "file that cannot be read or written"
    E0707 "weights that cannot be converted as asked"
    // Other formats
    E0801 "file that is no ONNX model"
    E0802 "a model that the language cannot express"
    E0803 "a dimension of unknown size"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Accepts `E0103`, `e0103`, `0103` and `103`.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let number = text.trim().trim_start_matches(['E', 'e']).trim_start_matches('0');
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.name().trim_start_matches(['E', '0']) == number)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// There is no error code of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no error code `{0}`")]
pub struct UnknownCode(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_every_spelling() {
        for text in ["E0103", "e0103", "0103", "103", " E103 "] {
            assert_eq!(text.parse::<Code>(), Ok(Code::E0103), "{text}");
        }
        assert!("E9999".parse::<Code>().is_err());
        assert!("".parse::<Code>().is_err());
    }

    #[test]
    fn every_code_is_explained() {
        for code in Code::ALL {
            assert!(code.explanation().len() > 100, "{code} needs an explanation");
        }
    }
}
