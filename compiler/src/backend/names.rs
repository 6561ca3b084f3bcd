//! Names of the language in the habits of others.

/// `GhostModule` as `ghost_module`, `HTTPServer` as `http_server`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        // A word begins behind what is no capital, and with the last of several capitals.
        let begins = !before.is_uppercase() || characters.peek().is_some_and(|after| after.is_lowercase());
        if character.is_uppercase() && before != '_' && begins {
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
        assert_eq!(snake_case("HTTPServer"), "http_server");
        assert_eq!(snake_case("MobileNetV2"), "mobile_net_v2");
        assert_eq!(snake_case("mlp"), "mlp");
        assert_eq!(snake_case("ConvBN2"), "conv_bn2");
    }
}
