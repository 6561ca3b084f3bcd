//! What the pictures share.

/// A text as it stands in XML, in elements and in attributes. Control characters, which XML does not have, become blanks.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_means_otherwise_is_written_otherwise() {
        assert_eq!(escaped("a<b & \"c\">\u{1}\n"), "a&lt;b &amp; &quot;c&quot;&gt; \n");
    }
}
