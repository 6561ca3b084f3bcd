//! Names of the language in the habits of others.

/// `GhostModule` as `ghost_module`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for character in name.chars() {
        if character.is_uppercase() && before != '_' && !before.is_uppercase() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
        before = character;
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_called_as_functions_are() {
        assert_eq!(snake_case("GhostModule"), "ghost_module");
        assert_eq!(snake_case("SE"), "se");
        assert_eq!(snake_case("mlp"), "mlp");
        assert_eq!(snake_case("ConvBN2"), "conv_bn2");
    }
}
