//! Numbers as people read them.

/// A number with commas between groups of three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with at most two digits after the point and a unit: `600M`, `1.5G`.
#[must_use]
pub fn short(number: f64) -> String {
    let (unit, name) = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")]
        .into_iter()
        .find(|(unit, _)| number >= *unit)
        .unwrap_or((1.0, ""));
    format!("{}{name}", (number / unit * 100.0).round() / 100.0)
}

/// A count with a unit, rounded.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is rounded to two digits")]
pub fn short_count(number: u64) -> String {
    short(number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three_digits() {
        let grouped: Vec<String> = [0, 999, 1000, 34_504_504].into_iter().map(grouped).collect();
        assert_eq!(grouped, ["0", "999", "1,000", "34,504,504"]);
    }

    #[test]
    fn units_stand_for_thousands() {
        let short: Vec<String> = [0, 999, 1000, 34_504_504, 7_000_000_000].into_iter().map(short_count).collect();
        assert_eq!(short, ["0", "999", "1K", "34.5M", "7G"]);
    }
}
