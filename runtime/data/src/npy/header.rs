//! The header of a `.npy` file: a magic number, a version, and a Python dictionary of three entries, such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }`.

/// How every `.npy` file begins.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// What the data's first byte is aligned to, as the format asks.
const ALIGNMENT: usize = 64;

/// How the data is to be read.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// The element type, in NumPy's notation.
    pub(super) dtype: String,
    /// Whether the first dimension runs fastest, and not the last.
    pub(super) fortran_order: bool,
    /// The length of each dimension.
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// The header, and the bytes that follow it; or where the bytes depart from the format.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
        let (text, payload) = split(bytes)?;
        let text = str::from_utf8(text).map_err(|_| "the header is not text".to_owned())?;
        let mut parser = Parser { rest: text };
        let header = parser.dictionary().map_err(|expected| {
            let found: String = parser.rest.trim().chars().take(20).collect();
            format!("the header should have {expected} before `{found}`")
        })?;
        Ok((header, payload))
    }

    /// The header as the start of a file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let order = if self.fortran_order { "True" } else { "False" };
        let mut dictionary = format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': (", self.dtype);
        for dimension in &self.shape {
            dictionary.push_str(&format!("{dimension}, "));
        }
        dictionary.push_str("), }");

        // Version 1 has a length of 16 bits. A shape that needs more is none that anything else can read.
        let before = MAGIC.len() + 4;
        let unpadded = before + dictionary.len() + 1;
        let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
        dictionary.extend(std::iter::repeat_n(' ', padding));
        dictionary.push('\n');

        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        bytes
    }
}

/// The dictionary's text, and the bytes that follow it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let cut = || "the file ends within its header".to_owned();
    let after_magic = bytes.strip_prefix(MAGIC).ok_or("the magic number is missing")?;
    let ([major, minor], rest) = after_magic.split_first_chunk().ok_or_else(cut)?;
    let (length, rest) = match (major, minor) {
        (1, 0) => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        (2 | 3, 0) => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(format!("version {major}.{minor} of the format is unknown")),
    };
    rest.split_at_checked(length).ok_or_else(cut)
}

/// Reads the dictionary from left to right, without ever going back; an error is what was expected.
struct Parser<'text> {
    rest: &'text str,
}

impl<'text> Parser<'text> {
    /// The whole text.
    fn dictionary(&mut self) -> Result<Header, &'static str> {
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        self.expect("{", "`{`")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":", "`:`")?;
            match key {
                "descr" => dtype = Some(self.dtype()?),
                "fortran_order" => fortran_order = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return Err("no other entry than descr, fortran_order and shape"),
            }
            if !self.take(",") {
                self.expect("}", "`,` or `}`")?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err("nothing");
        }
        Ok(Header {
            dtype: dtype.ok_or("an entry descr")?,
            fortran_order: fortran_order.ok_or("an entry fortran_order")?,
            shape: shape.ok_or("an entry shape")?,
        })
    }

    /// Steps over blanks and, if it comes next, the token.
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over the token, which must come next.
    fn expect(&mut self, token: &str, name: &'static str) -> Result<(), &'static str> {
        if self.take(token) { Ok(()) } else { Err(name) }
    }

    /// A quoted string without escapes.
    fn string(&mut self) -> Result<&'text str, &'static str> {
        let quote = if self.take("'") {
            '\''
        } else if self.take("\"") {
            '"'
        } else {
            return Err("a string");
        };
        let (string, rest) = self.rest.split_once(quote).ok_or("a closing quote")?;
        self.rest = rest;
        Ok(string)
    }

    /// The element type. A list is a record of several fields: it is kept as text, for the message that refuses it.
    fn dtype(&mut self) -> Result<String, &'static str> {
        if !self.take("[") {
            return self.string().map(str::to_owned);
        }
        let (fields, rest) = self.rest.split_once(']').ok_or("a closing `]`")?;
        self.rest = rest;
        Ok(format!("[{fields}]"))
    }

    /// `True` or `False`.
    fn boolean(&mut self) -> Result<bool, &'static str> {
        if self.take("True") {
            Ok(true)
        } else if self.take("False") {
            Ok(false)
        } else {
            Err("`True` or `False`")
        }
    }

    /// Numbers in parentheses.
    fn tuple(&mut self) -> Result<Vec<usize>, &'static str> {
        let mut numbers = Vec::new();
        self.expect("(", "`(`")?;
        while !self.take(")") {
            let end = self.rest.find(|character: char| !character.is_ascii_digit());
            let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            numbers.push(digits.parse().map_err(|_| "a length")?);
            self.rest = rest;
            if !self.take(",") {
                self.expect(")", "`,` or `)`")?;
                break;
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this text as its header.
    fn file(text: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    fn error(bytes: &[u8]) -> String {
        Header::parse(bytes).unwrap_err()
    }

    #[test]
    fn as_numpy_writes_it() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 5), }   \n";
        let mut bytes = file(text);
        bytes.extend(b"data");
        let (header, payload) = Header::parse(&bytes).unwrap();
        assert_eq!(header, Header { dtype: "<f4".to_owned(), fortran_order: false, shape: vec![1, 3, 5] });
        assert_eq!(payload, b"data");
        assert_eq!(header.to_bytes().len() % ALIGNMENT, 0);
        assert_eq!(Header::parse(&header.to_bytes()).unwrap().0, header);
    }

    #[test]
    fn in_any_order_and_with_either_quote() {
        let text = r#"{"shape":(),"fortran_order":True,"descr":">i8"}"#;
        let bytes = file(text);
        let (header, _) = Header::parse(&bytes).unwrap();
        assert_eq!((header.dtype.as_str(), header.shape), (">i8", vec![]));
        assert!(header.fortran_order);
    }

    #[test]
    fn every_version_has_its_length() {
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}";
        for major in [2, 3] {
            let mut bytes = MAGIC.to_vec();
            bytes.extend([major, 0]);
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
            assert_eq!(Header::parse(&bytes).unwrap().0.shape, [2]);
        }
        let unknown = b"\x93NUMPY\x09\x00";
        assert_eq!(error(unknown), "version 9.0 of the format is unknown");
        let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{";
        assert_eq!(error(long), "the file ends within its header");
    }

    #[test]
    fn a_cut_file_ends_within_its_header() {
        let whole = file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }");
        for length in MAGIC.len()..whole.len() {
            assert_eq!(error(&whole[..length]), "the file ends within its header");
        }
    }

    #[test]
    fn a_header_that_is_none_says_where() {
        let cases = [
            ("", "`{`", ""),
            ("[1]", "`{`", "[1]"),
            ("{1: 2}", "a string", "1: 2}"),
            ("{'descr' '<f4'}", "`:`", "'<f4'}"),
            ("{'descr': '<f4}", "a closing quote", "<f4}"),
            ("{'fortran_order': 1}", "`True` or `False`", "1}"),
            ("{'shape': (1, -2)}", "a length", "-2)}"),
            ("{'shape': (1 2)}", "`,` or `)`", "2)}"),
            ("{'shape': (99999999999999999999,)}", "a length", "99999999999999999999"),
            ("{} {}", "nothing", "{}"),
            ("{'descr': '<f4', 'shape': ()}", "an entry fortran_order", ""),
            ("{'more': 1}", "no other entry than descr, fortran_order and shape", "1}"),
        ];
        for (text, expected, found) in cases {
            let message = format!("the header should have {expected} before `{found}`");
            assert_eq!(error(&file(text)), message);
        }
    }

    #[test]
    fn nesting_costs_nothing() {
        for bracket in ["{", "(", "[", "{'shape': ("] {
            let text = bracket.repeat(65_000 / bracket.len());
            assert!(Header::parse(&file(&text)).is_err());
        }
    }

    #[test]
    fn a_record_is_kept_as_text() {
        let text = "{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (1,)}";
        let bytes = file(text);
        let (header, _) = Header::parse(&bytes).unwrap();
        assert_eq!(header.dtype, "[('a', '<f4'), ('b', '<i2')]");
    }
}
