//! Names that are used once.

use std::collections::HashMap;

/// The names in use, each with the number that its next namesake gets.
#[derive(Debug, Default)]
pub(super) struct Names {
    next: HashMap<String, usize>,
}

impl Names {
    /// The name that was wished for; with a number if it is taken: `relu`, `relu_2`, `relu_3`.
    pub(super) fn unique(&mut self, wished: &str) -> String {
        let Some(number) = self.next.get(wished) else {
            self.next.insert(wished.to_owned(), 2);
            return wished.to_owned();
        };
        let mut number = *number;
        let numbered = loop {
            let numbered = format!("{wished}_{number}");
            number += 1;
            if !self.next.contains_key(&numbered) {
                break numbered;
            }
        };
        self.next.insert(wished.to_owned(), number);
        self.next.insert(numbered.clone(), 2);
        numbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namesakes_are_numbered_past_names_that_look_numbered() {
        let mut names = Names::default();
        let given = ["relu", "relu_2", "relu", "relu", "relu_2"].map(|name| names.unique(name));
        assert_eq!(given, ["relu", "relu_2", "relu_3", "relu_4", "relu_2_2"]);
    }
}
