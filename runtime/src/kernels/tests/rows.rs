//! What works on rows: mixing, means, softmax, normalisation, gathering, transposing.

use std::ptr::null;

use super::*;

#[test]
fn mixing_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (length, count) = (random.between(0, 150), random.between(0, 9));
            let stride = length + random.between(0, 5);
            let experts = Rows::random(random, count, length, stride);
            let coefficients = random.values(count);
            let mut out = Rows::poison(1, length, length);
            // SAFETY: that many experts of that length.
            unsafe {
                (kernels.mix)(experts.pointer(), coefficients.as_ptr(), out.pointer_mut(), length, count, stride);
            }
            out.check(&format!("{name} {length} {count}"), 2e-6, |_, index| {
                (0..count).map(|expert| f64::from(coefficients[expert]) * experts.at(expert, index)).sum()
            });
        });
    }
}

#[test]
fn means_are_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (rows, columns) = (random.between(0, 60), random.between(1, 150));
            let row_stride = columns + random.between(0, 5);
            let source = Rows::random(random, rows, columns, row_stride);
            let divisor = random.between(1, 60);
            let what = format!("{name} {rows} {columns}");
            let mut out = Rows::poison(1, columns, columns);
            // SAFETY: that many rows and columns.
            unsafe {
                (kernels.mean_rows)(source.pointer(), out.pointer_mut(), rows, columns, row_stride, divisor);
            }
            out.check(&what, 4e-6, |_, column| {
                (0..rows).map(|row| source.at(row, column)).sum::<f64>() / divisor as f64
            });
            let out_stride = random.between(1, 4);
            let mut out = Rows::poison(rows, 1, out_stride);
            // SAFETY: that many rows and columns.
            unsafe {
                (kernels.mean_columns)(source.pointer(), out.pointer_mut(), rows, columns, row_stride, out_stride);
            }
            out.check(&what, 2e-6, |row, _| {
                (0..columns).map(|column| source.at(row, column)).sum::<f64>() / columns as f64
            });
        });
    }
}

#[test]
fn softmax_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (rows, columns) = (random.between(0, 9), random.between(1, 150));
            let shape = SoftmaxShape {
                columns,
                source_stride: columns + random.between(0, 5),
                out_stride: columns + random.between(0, 5),
                bias_stride: columns + random.between(0, 5),
                // The same row for all.
                mask_stride: 0,
                temperature: [1.0, 0.01, 3.0][random.between(0, 2)],
            };
            let source = Rows::random(random, rows, columns, shape.source_stride);
            let addends =
                [Rows::random(random, rows, columns, shape.bias_stride), Rows::random(random, 1, columns, columns)];
            let is_added = [random.between(0, 1) > 0, random.between(0, 1) > 0];
            let pointer = |index: usize| if is_added[index] { addends[index].pointer() } else { null() };
            let mut out = Rows::poison(rows, columns, shape.out_stride);
            // SAFETY: that many rows and columns.
            unsafe {
                let shape = &raw const shape;
                (kernels.softmax)(source.pointer(), out.pointer_mut(), rows, shape, pointer(0), pointer(1));
            }
            out.check(&format!("{name} {shape:?} {is_added:?}"), 1e-5, |row, column| {
                let value = |column: usize| {
                    let added = [addends[0].at(row, column), addends[1].at(0, column)];
                    let added: f64 =
                        added.into_iter().zip(is_added).filter(|(_, is)| *is).map(|(value, _)| value).sum();
                    source.at(row, column) / f64::from(shape.temperature) + added
                };
                let largest = (0..columns).map(value).fold(f64::NEG_INFINITY, f64::max);
                (value(column) - largest).exp()
                    / (0..columns).map(|column| (value(column) - largest).exp()).sum::<f64>()
            });
        });
    }
}

#[test]
fn softmax_keeps_nan_and_takes_infinities() {
    let shape = SoftmaxShape { columns: 19, temperature: 1.0, ..SoftmaxShape::default() };
    for (name, kernels) in tables() {
        for place in 0..19 {
            let mut out = vec![0.0; 19];
            let mut source = [f32::NEG_INFINITY; 19];
            source[place] = -3.0;
            // SAFETY: one row.
            unsafe { (kernels.softmax)(source.as_ptr(), out.as_mut_ptr(), 1, &raw const shape, null(), null()) };
            let expected: Vec<f32> = (0..19).map(|at| f32::from(u8::from(at == place))).collect();
            assert_eq!(out, expected, "{name}");
            let mut source = [1.0; 19];
            source[place] = f32::NAN;
            // SAFETY: one row.
            unsafe { (kernels.softmax)(source.as_ptr(), out.as_mut_ptr(), 1, &raw const shape, null(), null()) };
            assert!(out.iter().all(|value| value.is_nan()), "{name}: {out:?}");
        }
    }
}

#[test]
fn softmax_overwrites_scores_and_masks_by_infinities() {
    for (name, kernels) in tables() {
        for columns in [1, 7, 19, 33] {
            let shape = SoftmaxShape {
                columns,
                source_stride: columns,
                out_stride: columns,
                mask_stride: columns,
                temperature: 1.0,
                ..SoftmaxShape::default()
            };
            // Row by row, another column alone is seen.
            let mut mask = vec![f32::NEG_INFINITY; columns * columns];
            (0..columns).for_each(|row| mask[row * columns + row] = 0.5);
            let mut scores: Vec<f32> = (0..columns * columns).map(|index| index as f32).collect();
            let [scores_pointer, mask_pointer] = [scores.as_mut_ptr(), mask.as_mut_ptr()];
            // SAFETY: that many rows and columns.
            unsafe {
                let shape = &raw const shape;
                (kernels.softmax)(scores_pointer, scores_pointer, columns, shape, null(), mask_pointer);
            }
            let is_seen = |index: usize| f32::from(u8::from(index / columns == index % columns));
            let expected: Vec<f32> = (0..columns * columns).map(is_seen).collect();
            assert_eq!(scores, expected, "{name} {columns}");
        }
    }
}

#[test]
fn softmax_of_a_row_that_is_masked_as_a_whole_is_even() {
    for (name, kernels) in tables() {
        for large in [-1e30, 1e30, f32::MIN, -5e9] {
            let scores = [100.0, 0.0, -3.0, 90.0];
            let [bias, mask, mut out] = [[0.25; 4], [large; 4], [0.0; 4]];
            let shape = SoftmaxShape { columns: 4, temperature: 1.0, ..SoftmaxShape::default() };
            // SAFETY: one row of four columns.
            unsafe {
                let shape = &raw const shape;
                (kernels.softmax)(scores.as_ptr(), out.as_mut_ptr(), 1, shape, bias.as_ptr(), mask.as_ptr());
            }
            assert_eq!(out, [0.25; 4], "{name} {large}");
        }
    }
}

#[test]
fn normalisation_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (rows, columns, groups) = (random.between(0, 30), random.between(1, 70), random.between(1, 5));
            // Far from zero, so that a variance in one pass would be wrong.
            let offset = [0.0, 100.0][random.between(0, 1)];
            for layer in [true, false] {
                let groups = if layer { 1 } else { groups };
                let width = columns * groups;
                let shape = NormShape {
                    columns,
                    groups,
                    source_stride: width + random.between(0, 5),
                    out_stride: width + random.between(0, 5),
                    eps: [1e-5, 1e-2][random.between(0, 1)],
                };
                let mut source = Rows::random(random, rows, width, shape.source_stride);
                source.data.iter_mut().for_each(|value| *value += offset);
                let (weight, bias) = (random.optional(width), random.optional(width));
                let mut out = Rows::poison(rows, width, shape.out_stride);
                let kernel = if layer { kernels.layer_norm } else { kernels.group_norm };
                // SAFETY: that many rows and columns.
                unsafe {
                    kernel(
                        source.pointer(),
                        out.pointer_mut(),
                        rows,
                        &raw const shape,
                        pointer(weight.as_ref()),
                        pointer(bias.as_ref()),
                    );
                }
                let tolerance = if offset == 0.0 { 1e-5 } else { 4e-4 };
                out.check(&format!("{name} {rows} {shape:?}"), tolerance, |row, column| {
                    let group = column / columns;
                    let rows = if layer { row..row + 1 } else { 0..rows };
                    let values: Vec<f64> = rows
                        .flat_map(|row| (group * columns..(group + 1) * columns).map(move |column| (row, column)))
                        .map(|(row, column)| source.at(row, column))
                        .collect();
                    let count = values.len() as f64;
                    let mean = values.iter().sum::<f64>() / count;
                    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
                    let at = |operand: &Option<Vec<f32>>| operand.as_ref().map(|values| f64::from(values[column]));
                    // With one value, nothing but rounding is left, multiplied by much.
                    (source.at(row, column) - mean) / (variance + f64::from(shape.eps)).sqrt()
                        * at(&weight).unwrap_or(1.0)
                        + at(&bias).unwrap_or(0.0)
                });
            }
        });
    }
}

#[test]
fn gathering_and_transposing_are_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (rows, columns) = (random.between(1, 40), random.between(0, 50));
            let source_stride = columns + random.between(0, 5);
            let source = Rows::random(random, rows, columns, source_stride);
            let count = random.between(0, 20);
            let indices: Vec<u32> = (0..count).map(|_| random.between(0, rows - 1) as u32).collect();
            let out_stride = columns + random.between(0, 5);
            let mut out = Rows::poison(count, columns, out_stride);
            // SAFETY: that many rows and columns; indices are below the rows.
            unsafe {
                (kernels.gather)(
                    source.pointer(),
                    out.pointer_mut(),
                    indices.as_ptr(),
                    count,
                    columns,
                    source_stride,
                    out_stride,
                );
            }
            let what = format!("{name} {rows} {columns}");
            out.check(&what, 0.0, |row, column| source.at(indices[row] as usize, column));
            let out_stride = rows + random.between(0, 5);
            let mut out = Rows::poison(columns, rows, out_stride);
            // SAFETY: that many rows and columns.
            unsafe {
                (kernels.transpose)(source.pointer(), out.pointer_mut(), rows, columns, source_stride, out_stride);
            }
            out.check(&what, 0.0, |row, column| source.at(column, row));
        });
    }
}

#[test]
fn rows_that_are_fetched_may_lie_anywhere() {
    for (name, kernels) in tables() {
        let values = vec![1.0_f32; 40];
        let ends = [values.as_ptr(), null(), null::<f32>().wrapping_sub(1), null::<f32>().wrapping_sub(1000)];
        for (source, stride) in ends.into_iter().zip([9, 7, 0, 1 << 40]) {
            // SAFETY: nothing is read.
            unsafe { (kernels.fetch_rows)(source, 4, 33, stride) };
        }
        assert_eq!(values, vec![1.0; 40], "{name}");
    }
}
