//! Scores of a classifier as classes and their shares.

/// The `top` likeliest classes, the likeliest first: the number of each, and its share by the softmax of all scores, from 0 to 1.
///
/// Scores that are not numbers come last; equal ones keep their order.
#[must_use]
pub fn likeliest(scores: &[f32], top: usize) -> Vec<(usize, f64)> {
    let mut order: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.partial_cmp(a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
    let largest = order.first().map_or(0.0, |(_, score)| *score);
    let exponential = |score: f32| f64::from(score - largest).exp();
    let sum: f64 = scores.iter().map(|score| exponential(*score)).sum();
    order.into_iter().take(top).map(|(class, score)| (class, exponential(score) / sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_softmax() {
        let found = likeliest(&[1.0, 3.0, 2.0], 2);
        let sum = (-2.0f64).exp() + 1.0 + (-1.0f64).exp();
        assert_eq!(found, [(1, 1.0 / sum), (2, (-1.0f64).exp() / sum)]);
        assert_eq!(likeliest(&[1000.0, 1000.0], 5), [(0, 0.5), (1, 0.5)]);
        assert_eq!(likeliest(&[], 5), []);
    }

    #[test]
    fn what_is_no_number_comes_last() {
        let order: Vec<usize> = likeliest(&[f32::NAN, 1.0, 2.0], 3).into_iter().map(|(class, _)| class).collect();
        assert_eq!(order, [2, 1, 0]);
    }
}
