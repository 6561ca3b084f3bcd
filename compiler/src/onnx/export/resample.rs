//! Images in another size.

use super::draft::{Draft, Step};
use super::layout::gathered;
use super::writer::Job;
use crate::op::resample::{Mode, Upsample};
use crate::shape::Shape;

pub(super) fn upsample(op: &Upsample, job: &mut Job<'_, '_>) -> Step {
    let [batch, channels, height, width] = job.image();
    let x = job.input(0);
    let [rows, columns] = op.size;
    let even = |from: usize, to: usize| to.is_multiple_of(from) || from.is_multiple_of(to);
    let resize = |x: String, job: &mut Job<'_, '_>| {
        let sizes = job.integers(&[batch, channels, rows, columns]);
        // Two inputs of the operator that this form does without.
        Draft::new("Resize", [x, String::new(), String::new(), sizes])
    };
    match op.mode {
        _ if op.size == [height, width] => Step::Value(x),
        Mode::Nearest if even(height, rows) && even(width, columns) => resize(x, job)
            .word("mode", "nearest")
            .word("coordinate_transformation_mode", "asymmetric")
            .word("nearest_mode", "floor")
            .into(),
        // `Resize` divides by a rounded scale, which can end at the pixel before: these are whole numbers.
        Mode::Nearest => {
            let nearest = |from: usize, to: usize| (0..to).map(|index| index * from / to).collect::<Vec<_>>();
            let picked = gathered(x, 2, &Shape::from([rows]), &nearest(height, rows), job);
            let picked = job.emit("rows", picked);
            gathered(picked, 3, &Shape::from([columns]), &nearest(width, columns), job).into()
        }
        Mode::Bilinear => {
            let corners = if op.align_corners { "align_corners" } else { "half_pixel" };
            resize(x, job).word("mode", "linear").word("coordinate_transformation_mode", corners).into()
        }
    }
}
