//! Texts out of a file, made safe to print: a name in a damaged file may be a megabyte long or move the cursor.

use core::fmt;

/// Characters of a text that are shown before it is cut. The longest names of real networks have about 50.
const SHOWN_CHARACTERS: usize = 200;

/// Shows a text on one line, with control characters escaped and its end cut off if it is long.
pub(crate) struct ShowText<'a>(pub(crate) &'a str);

impl fmt::Display for ShowText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN_CHARACTERS) {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                write!(formatter, "{character}")?;
            }
        }
        if characters.next().is_some() {
            formatter.write_str("...")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_ordinary_names_as_they_are() {
        let name = "blocks.0.0.primary_conv.0.weight";
        assert_eq!(ShowText(name).to_string(), name);
        assert_eq!(ShowText("größe").to_string(), "größe");
    }

    #[test]
    fn escapes_control_characters_and_cuts_long_texts() {
        assert_eq!(ShowText("a\u{1b}[31m\nb").to_string(), "a\\u{1b}[31m\\nb");
        let cut = ShowText(&"x".repeat(1_000_000)).to_string();
        assert_eq!(cut.len(), SHOWN_CHARACTERS + 3);
        assert!(cut.ends_with("x..."));
    }
}
