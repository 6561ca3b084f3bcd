//! The formatter: one text in, the same text in the one layout out.
//!
//! It works on tokens: the author's line breaks and comments stay, white space within lines and at their beginnings is made new.
//! Law: formatting twice is formatting once, and neither the syntax tree nor a comment changes.
//!
//! * An open bracket indents the lines in it by four spaces more than the line it stands on; several on one line count once.
//! * A line that goes on with an expression or statement is indented by four more; so all `|>` of a pipeline stand in one column.
//! * One space or none between two tokens on a line ([`spacing`]): columns that were aligned by hand are not kept.
//! * At most one blank line in a row, none behind an opening bracket or before a closing one, one around items with braces that
//!   span several lines.

mod spacing;

use crate::diagnostic::Diagnostic;
use crate::parse::parse;
use crate::source::{SourceId, SourceMap};
use crate::tokens::{Bracket, Token, TokenKind, tokenize};
use spacing::Role;

/// How many spaces a level of indentation is.
const STEP: usize = 4;

/// Lays out one text of the map anew.
///
/// # Errors
/// When the text does not parse; the errors are those of [`parse`].
pub fn format(sources: &SourceMap, id: SourceId) -> Result<String, Vec<Diagnostic>> {
    let (_, diagnostics) = parse(sources, id);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let tokens = tokenize(sources.get(id).map_or("", |source| source.text.as_str()));
    let mut layout = Layout::new(&tokens);
    for index in 0..tokens.len() {
        layout.write(index);
    }
    Ok(layout.finish())
}

/// A bracket that is open at the place of writing.
struct Open {
    kind: Bracket,
    /// Indentation of the line that it stands on.
    indentation: usize,
}

/// The text written so far, and what is open there.
struct Layout<'a> {
    tokens: &'a [Token<'a>],
    /// For each token the index of the first that is no comment, at it or behind it.
    next: Vec<usize>,
    /// Where an extra blank line belongs, by index of the token behind it; ascending.
    separations: Vec<usize>,
    output: String,
    open: Vec<Open>,
    /// The tokens written so far, without comments.
    significant: Vec<&'a Token<'a>>,
    /// Where the current item begins in `significant`.
    item: usize,
    /// The role of the last of `significant`.
    role: Role,
    /// The last token, be it a comment.
    previous: Option<&'a Token<'a>>,
    /// Indentation of the current line.
    indentation: usize,
    /// Indentation of the line where the last closed bracket was opened.
    closed: usize,
}

impl<'a> Layout<'a> {
    fn new(tokens: &'a [Token<'a>]) -> Self {
        let mut next = vec![tokens.len(); tokens.len()];
        let mut nearest = tokens.len();
        for ((index, token), place) in tokens.iter().enumerate().zip(&mut next).rev() {
            if token.kind != TokenKind::Comment {
                nearest = index;
            }
            *place = nearest;
        }
        Layout {
            tokens,
            next,
            separations: separations(tokens),
            output: String::new(),
            open: Vec::new(),
            significant: Vec::new(),
            item: 0,
            role: Role::Plain,
            previous: None,
            indentation: 0,
            closed: 0,
        }
    }

    fn finish(mut self) -> String {
        if !self.output.is_empty() {
            self.output.push('\n');
        }
        self.output
    }

    /// Writes the token at `index` with the white space before it.
    fn write(&mut self, index: usize) {
        let Some(token) = self.tokens.get(index) else { return };
        let is_comment = token.kind == TokenKind::Comment;
        let begins_item = !is_comment && token.is_item_keyword();
        let role = if is_comment { Role::Plain } else { self.role_of(token) };
        match self.previous {
            Some(previous) if previous.line == token.line && !begins_item => {
                if is_comment || spacing::is_spaced(self.significant.last().copied(), self.role, token, role) {
                    self.output.push(' ');
                }
            }
            previous => {
                let next = if is_comment { self.next_significant(index) } else { Some((token, role)) };
                self.indentation = self.indentation_before(next, is_comment);
                if let Some(previous) = previous {
                    let was_blank = token.line > previous.line + 1 && !previous.opens() && !token.closes();
                    let separated = self.separations.binary_search(&index).is_ok();
                    self.output.push_str(if was_blank || separated { "\n\n" } else { "\n" });
                }
                self.output.extend(std::iter::repeat_n(' ', self.indentation));
            }
        }
        self.output.push_str(token.text);
        self.previous = Some(token);
        if is_comment {
            return;
        }
        if begins_item {
            self.item = self.significant.len();
        }
        self.significant.push(token);
        self.role = role;
        if token.opens() {
            let item = self.significant.get(self.item..).unwrap_or_default();
            let kind = Bracket::new(item, item.len().saturating_sub(1), self.open.is_empty());
            self.open.push(Open { kind, indentation: self.indentation });
        } else if token.closes()
            && let Some(open) = self.open.pop()
        {
            self.closed = open.indentation;
        }
    }

    /// The role of a token that would be written next.
    fn role_of(&self, token: &Token<'_>) -> Role {
        Role::new(token, self.significant.last().copied(), self.open.last().map(|open| open.kind))
    }

    /// The first token behind `index` that is no comment, with its role.
    fn next_significant(&self, index: usize) -> Option<(&'a Token<'a>, Role)> {
        let token = self.tokens.get(*self.next.get(index)?)?;
        Some((token, self.role_of(token)))
    }

    /// The indentation of a line whose first token is `next`, or which is a comment before it.
    fn indentation_before(&self, next: Option<(&Token<'_>, Role)>, is_comment: bool) -> usize {
        let inside = self.open.last().map_or(0, |open| open.indentation + STEP);
        let Some((token, role)) = next else { return inside };
        if token.closes() {
            return match self.open.last() {
                Some(open) if !is_comment => open.indentation,
                _ => inside,
            };
        }
        if token.is("else") {
            return self.closed;
        }
        let in_statements = matches!(self.open.last().map(|open| open.kind), None | Some(Bracket::Block));
        let continues = match self.significant.last() {
            None => false,
            Some(_) if token.is_item_keyword() => false,
            Some(previous) => {
                self.role.awaits_more(previous) || (previous.is(",") && in_statements) || role.continues(token)
            }
        };
        if continues { inside + STEP } else { inside }
    }
}

/// Before which tokens a blank line has to be added, so that items with braces over several lines stand apart.
fn separations(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut separations = Vec::new();
    let mut before: Option<Item> = None;
    let mut current: Option<Item> = None;
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind != TokenKind::Comment) {
        if token.is_item_keyword() {
            separations.extend(separation(tokens, before.as_ref(), current.as_ref()));
            before = current.replace(Item { first: index, last: index, has_braces: false });
        } else if let Some(item) = &mut current {
            item.last = index;
            item.has_braces |= token.is("{");
        }
    }
    separations.extend(separation(tokens, before.as_ref(), current.as_ref()));
    separations
}

/// An item as indices of tokens.
struct Item {
    first: usize,
    last: usize,
    has_braces: bool,
}

/// Where a blank line has to be added between two items, if it has to.
fn separation(tokens: &[Token<'_>], before: Option<&Item>, after: Option<&Item>) -> Option<usize> {
    let (before, after) = (before?, after?);
    let line = |index: usize| tokens.get(index).map_or(0, |token| token.line);
    let is_tall = |item: &Item| item.has_braces && line(item.first) != line(item.last);
    if !is_tall(before) && !is_tall(after) {
        return None;
    }
    let mut gap = before.last..after.first;
    if gap.clone().any(|index| line(index + 1) > line(index) + 1) {
        return None;
    }
    let end = line(before.last);
    Some(gap.find(|index| line(index + 1) > end).map_or(after.first, |index| index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formatted text, which formatting leaves alone.
    fn formatted(text: &str) -> String {
        let mut sources = SourceMap::new();
        let id = sources.add("net.pnet", text);
        let once = format(&sources, id).unwrap();
        let again = sources.add("again.pnet", once.as_str());
        assert_eq!(format(&sources, again).unwrap(), once);
        once
    }

    #[test]
    fn spaces_within_a_line() {
        insta::assert_snapshot!(formatted(
            "const   A=[ 1,2 ,( 3 , ), - x . y [ 0 ] [ : , 1 : - a ,: : 2 ]*( a+b )-f ( x , k = 3,act=relu ) ,! a&&b, 0 .. n-1,a ..= b ]\n\
             fn f (x,act=relu){}fn g( )=[ i for i ,( a,_ ) in xs if  i>2 ]// note\n\
             network N( ){input x:f32 [ batch,3 ] return y=x|>conv( 3 )as a [ 0 ] . b,z=if a{1}else{ -1 }}\n\
             budget N{macs<=1.5G,macs ( paper )<3}\nmodule M(x){return x|>f as[ i+1 ] . b}"
        ), @r#"
        const A = [1, 2, (3,), -x.y[0][:, 1:-a, ::2] * (a + b) - f(x, k=3, act=relu), !a && b, 0..n - 1, a..=b]
        fn f(x, act = relu) {}
        fn g() = [i for i, (a, _) in xs if i > 2] // note
        network N() { input x: f32[batch, 3] return y = x |> conv(3) as a[0].b, z = if a { 1 } else { -1 } }
        budget N { macs <= 1.5G, macs(paper) < 3 }
        module M(x) { return x |> f as [i + 1].b }
        "#);
    }

    #[test]
    fn lines_and_their_indentation() {
        insta::assert_snapshot!(formatted(
            "\n\n\n// first\nmodule M(x,\n out = 3,\n )\n{\n\n\n  let y = x |> conv(3)  as a\n           |> relu\n   // why\n            |> conv(\n\
             out,\n kernel=3)\n\n\n\n let z =\n y\n + x\n let t = if z {\n 1\n } // one\n else {\n 2\n }\n\
             let table = [\n[\n(1, 2), // row\n(3,\n4),\n],\n// end\n]\n  return a = z,\n b = y[:, :1]\n .shape\n  // last\n\n}\n// tail   "
        ), @r#"
        // first
        module M(x,
            out = 3,
        )
        {
            let y = x |> conv(3) as a
                |> relu
                // why
                |> conv(
                    out,
                    kernel=3)

            let z =
                y
                + x
            let t = if z {
                1
            } // one
            else {
                2
            }
            let table = [
                [
                    (1, 2), // row
                    (3,
                        4),
                ],
                // end
            ]
            return a = z,
                b = y[:, :1]
                .shape
            // last
        }
        // tail
        "#);
    }

    #[test]
    fn items_with_braces_stand_apart() {
        insta::assert_snapshot!(formatted(
            "use \"a\"\nuse \"b\"\nconst A = 1\n/// Docs.\nmodule M(x) {\n return x\n} // end\n// of the next\n\
             const B = 2\nfn f(x) { return x }\nconst C = [\n3]\nnetwork N { return 1\n} budget N { }"
        ), @r#"
        use "a"
        use "b"
        const A = 1

        /// Docs.
        module M(x) {
            return x
        } // end

        // of the next
        const B = 2
        fn f(x) { return x }
        const C = [
            3]

        network N { return 1
        }

        budget N {}
        "#);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(formatted(""), "");
        assert_eq!(formatted(" \r\n\t\n"), "");
        assert_eq!(formatted("\u{FEFF}  // only this  \r\n\r\n"), "// only this\n");
    }

    #[test]
    fn wrong_texts_are_refused() {
        let mut sources = SourceMap::new();
        let id = sources.add("net.pnet", "const A = 3X");
        assert_eq!(format(&sources, id).unwrap_err().len(), 1);
    }
}
