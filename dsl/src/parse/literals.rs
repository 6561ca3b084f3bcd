//! Numbers and strings: their values, and what is wrong with them.
//!
//! A malformed literal ends nothing: it is reported, and zero or what could be read takes its place, so that one run
//! shows all of them.

use pest::iterators::Pair;

use super::builder::Builder;
use crate::ast::ExprKind;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::source::{SourceId, Span};
use crate::tokens::Token;

/// Why a number has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NumberError {
    /// An integer above `i64::MAX`.
    IntegerTooLarge,
    /// A float beyond the range of `f64`.
    FloatTooLarge,
    /// Letters behind the digits that mean nothing; they begin at this byte.
    UnknownSuffix(usize),
    /// `1e`: the exponent, which begins at this byte, has no digits.
    EmptyExponent(usize),
    /// `1e3K`: the suffix begins at this byte.
    SuffixAfterExponent(usize),
    /// `1.0005K` is no whole number; this is the digits after the point that the suffix allows.
    NotWhole(usize),
    /// `0x10`, `0b11`, `0o7`.
    NotDecimal,
}

impl Builder<'_> {
    /// The value of a number.
    pub(super) fn number(&mut self, pair: &Pair<'_, Rule>) -> ExprKind {
        let text = pair.as_str();
        match number(text) {
            Ok(kind) => kind,
            Err(error) => {
                let span = self.span(pair);
                self.report(describe(&error, text, span));
                ExprKind::Int(0)
            }
        }
    }

    /// The value of a string, with its escapes replaced.
    pub(super) fn string(&mut self, pair: &Pair<'_, Rule>) -> String {
        let start = self.span(pair).start as usize;
        let text = pair.as_str();
        let mut value = String::with_capacity(text.len());
        let mut characters = text.char_indices().skip(1).peekable();
        while let Some((index, character)) = characters.next() {
            match character {
                // Only the last character is an unescaped quote.
                '"' => {}
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    Some((escaped_index, escaped)) => {
                        let end = start + escaped_index + escaped.len_utf8();
                        self.report(bad_escape(escaped, Span::new(self.source(), start + index, end)));
                    }
                    None => {}
                },
                other => value.push(other),
            }
        }
        value
    }
}

/// The value of the digits, point, exponent and suffix in `text`.
fn number(text: &str) -> Result<ExprKind, NumberError> {
    let is_digit = |character: char| character.is_ascii_digit() || character == '_';
    let whole = text.len() - text.trim_start_matches(is_digit).len();
    let mut end = whole;
    let rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        end += 1 + fraction.len() - fraction.trim_start_matches(is_digit).len();
    }
    let mantissa: String = text.get(..end).unwrap_or_default().replace('_', "");
    let mut suffix = text.get(end..).unwrap_or_default();
    let mut exponent = "";
    if let Some(power) = suffix.strip_prefix(['e', 'E']) {
        let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        if digits.starts_with(|character: char| character.is_ascii_digit()) {
            let after = digits.trim_start_matches(is_digit);
            exponent = suffix.get(..suffix.len() - after.len()).unwrap_or_default();
            suffix = after;
        } else if digits.is_empty() {
            return Err(NumberError::EmptyExponent(end));
        }
    }
    let suffix_start = text.len() - suffix.len();
    let zeros = match suffix {
        "" => 0,
        "K" => 3,
        "M" => 6,
        "G" => 9,
        _ if mantissa == "0" && suffix.starts_with(['x', 'b', 'o', 'X', 'B', 'O']) => {
            return Err(NumberError::NotDecimal);
        }
        _ => return Err(NumberError::UnknownSuffix(suffix_start)),
    };
    if !exponent.is_empty() && zeros > 0 {
        return Err(NumberError::SuffixAfterExponent(suffix_start));
    }
    let (digits, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    if zeros == 0 && (!fraction.is_empty() || !exponent.is_empty()) {
        let value: f64 = format!("{mantissa}{}", exponent.replace('_', "")).parse().unwrap_or(f64::INFINITY);
        return if value.is_finite() { Ok(ExprKind::Float(value)) } else { Err(NumberError::FloatTooLarge) };
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > zeros {
        return Err(NumberError::NotWhole(zeros));
    }
    let scaled = format!("{digits}{fraction:0<zeros$}");
    scaled.parse().map(ExprKind::Int).map_err(|_| NumberError::IntegerTooLarge)
}

/// The error for a number at `span`.
fn describe(error: &NumberError, text: &str, span: Span) -> Diagnostic {
    let from = |byte: usize| Span { start: span.start + u32::try_from(byte).unwrap_or(0), ..span };
    match *error {
        NumberError::IntegerTooLarge => Diagnostic::new(Code::E0004, "integer too large")
            .primary(span, format!("the largest integer is {}", i64::MAX))
            .help("write it as a float, such as `1e20`, if it need not be exact"),
        NumberError::FloatTooLarge => Diagnostic::new(Code::E0004, "number too large")
            .primary(span, format!("the largest number is {:e}", f64::MAX)),
        NumberError::EmptyExponent(byte) => Diagnostic::new(Code::E0004, "exponent without digits")
            .primary(from(byte), "digits must follow, as in `1e-5`"),
        NumberError::SuffixAfterExponent(byte) => {
            let suffix = text.get(byte..).unwrap_or_default();
            Diagnostic::new(Code::E0004, format!("a number cannot have both an exponent and the suffix `{suffix}`"))
                .primary(from(byte), "")
                .suggest("drop the suffix, or fold it into the exponent", from(byte), "")
        }
        NumberError::NotWhole(allowed) => {
            let suffix = text.get(text.len().saturating_sub(1)..).unwrap_or_default();
            Diagnostic::new(Code::E0004, format!("`{text}` is not a whole number")).primary(
                span,
                format!("numbers with `{suffix}` are integers: at most {allowed} digits after the point"),
            )
        }
        NumberError::NotDecimal => {
            let digits = text.get(2..).unwrap_or_default().replace('_', "");
            let radix = match text.get(1..2) {
                Some("x" | "X") => 16,
                Some("o" | "O") => 8,
                _ => 2,
            };
            let error = Diagnostic::new(Code::E0004, "numbers are decimal").primary(span, "");
            match i64::from_str_radix(&digits, radix) {
                Ok(value) => error.suggest("write it in decimal", span, value.to_string()),
                Err(_) => error,
            }
        }
        NumberError::UnknownSuffix(byte) => {
            let suffix = text.get(byte..).unwrap_or_default();
            let error = Diagnostic::new(Code::E0004, format!("unknown suffix `{suffix}` on a number"))
                .primary(from(byte), "only `K`, `M` and `G` may follow, for powers of 1,000");
            match suffix {
                "k" | "m" | "g" => error.suggest("suffixes are capitals", from(byte), suffix.to_uppercase()),
                "B" | "b" | "bn" => error.suggest("a billion is `G`", from(byte), "G"),
                _ if is_rust_type(suffix) => error.suggest("numbers have no types", from(byte), ""),
                _ => error,
            }
        }
    }
}

/// Whether Rust takes this suffix on a number.
fn is_rust_type(suffix: &str) -> bool {
    let suffix = suffix.trim_start_matches('_');
    let width = suffix.trim_start_matches(['i', 'u', 'f']);
    width.len() < suffix.len() && matches!(width, "8" | "16" | "32" | "64" | "128" | "size")
}

fn bad_escape(escaped: char, span: Span) -> Diagnostic {
    let error = Diagnostic::new(Code::E0004, format!("unknown escape `\\{escaped}` in a string"))
        .primary(span, "the escapes are `\\n`, `\\t`, `\\\"` and `\\\\`");
    error.suggest("for a backslash itself, write two", span, format!("\\\\{escaped}"))
}

/// The error for a string that does not end.
pub(super) fn unterminated(token: &Token<'_>, source: SourceId) -> Diagnostic {
    let span = Span::new(source, token.start, token.end());
    let end = Span::new(source, token.end(), token.end());
    Diagnostic::new(Code::E0004, "unterminated string")
        .primary(span, "the string begins here, and its line ends without another `\"`")
        .suggest("close it", end, "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_values() {
        for (text, value) in [
            ("0", 0),
            ("1_000", 1000),
            ("600M", 600_000_000),
            ("1.5M", 1_500_000),
            ("0.25K", 250),
            ("2.50K", 2500),
            ("9G", 9_000_000_000),
            ("9223372036854775807", i64::MAX),
            ("007", 7),
        ] {
            assert_eq!(number(text), Ok(ExprKind::Int(value)), "{text}");
        }
        for (text, value) in [("0.25", 0.25), ("1e-5", 1e-5), ("1.5E+3", 1500.0), ("1_0.0_1", 10.01), ("2e3", 2000.0)] {
            assert_eq!(number(text), Ok(ExprKind::Float(value)), "{text}");
        }
    }

    #[test]
    fn malformed_numbers_are_told_apart() {
        for (text, error) in [
            ("9223372036854775808", NumberError::IntegerTooLarge),
            ("10000000000G", NumberError::IntegerTooLarge),
            ("1e999", NumberError::FloatTooLarge),
            ("3X", NumberError::UnknownSuffix(1)),
            ("1.5f32", NumberError::UnknownSuffix(3)),
            ("3else", NumberError::UnknownSuffix(1)),
            ("1e", NumberError::EmptyExponent(1)),
            ("1e3K", NumberError::SuffixAfterExponent(3)),
            ("1.0005K", NumberError::NotWhole(3)),
            ("0xFF", NumberError::NotDecimal),
        ] {
            assert_eq!(number(text), Err(error), "{text}");
        }
    }
}
