//! Every kind of value and layout, against what its documentation says.

use super::*;

/// Tensors by number.
struct Tensors(Vec<Vec<f32>>);

impl TensorSource for Tensors {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        elements.extend(self.0.get(index).into_iter().flatten());
        Ok(index < self.0.len())
    }
}

fn counting(count: u16) -> Vec<f32> {
    (0..count).map(f32::from).collect()
}

fn line(size: usize) -> Layout {
    Layout::Strided(vec![Dimension { size, stride: 1 }])
}

fn content(value: usize, layout: Layout) -> Content {
    Content::Value { value: ValueId(value), layout }
}

/// A tensor of as many elements as the source has.
fn stored(index: usize) -> Value {
    Value::Stored { index, length: usize::MAX }
}

fn run(mut values: Vec<Value>, contents: Vec<Content>, tensors: Vec<Vec<f32>>) -> Result<Vec<f32>, PrepareError> {
    for value in &mut values {
        if let Value::Stored { index, length: length @ usize::MAX } = value {
            *length = tensors.get(*index).map_or(0, Vec::len);
        }
    }
    let mut length = 0;
    let contents = contents.into_iter().map(|content| {
        let offset = length;
        length += content.length();
        Prepared { offset, content }
    });
    let contents = contents.collect();
    let preparation = Preparation { values, contents, length };
    preparation.run(&Tensors(tensors)).map(|block| block.as_slice().to_vec())
}

/// The last of these values.
fn value(values: Vec<Value>, tensors: Vec<Vec<f32>>, length: usize) -> Vec<f32> {
    let last = values.len() - 1;
    run(values, vec![content(last, line(length))], tensors).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn values_are_computed() {
    let of = ValueId(0);
    assert_eq!(value(vec![stored(0)], vec![counting(3)], 3), [0.0, 1.0, 2.0]);
    assert_eq!(value(vec![Value::Constant([0.5, 2.0].into())], vec![], 2), [0.5, 2.0]);
    assert_eq!(value(vec![stored(0), Value::InverseSqrt { of, eps: 1.0 }], vec![vec![3.0, 15.0]], 2), [0.5, 0.25]);
    assert_eq!(value(vec![stored(0), Value::Sum { left: of, right: of }], vec![counting(2)], 2), [0.0, 2.0]);
    let embed = Value::Embed { of, size: [1, 2], offset: [1, 0], kernel: [2, 3] };
    assert_eq!(value(vec![stored(0), embed], vec![vec![1.0, 2.0]], 6), [0.0, 0.0, 0.0, 1.0, 2.0, 0.0]);
    let diagonal = Value::Diagonal { of, inputs: 2 };
    let kernel = [3.0, 0.0, 0.0, 4.0, 5.0, 0.0, 0.0, 6.0];
    assert_eq!(value(vec![stored(0), diagonal], vec![vec![3.0, 4.0, 5.0, 6.0]], 8), kernel);
    let select = Value::Select { of: vec![of, ValueId(1)], indices: [3, 0, 2].into() };
    assert_eq!(value(vec![stored(0), stored(1), select], vec![counting(2), vec![8.0, 9.0]], 3), [9.0, 0.0, 8.0]);
}

#[test]
fn vectors_lie_along_a_dimension() {
    let apply = |operator, inner| {
        let vector = Value::Vector { operator, left: ValueId(0), right: ValueId(1), inner };
        value(vec![stored(0), stored(1), vector], vec![counting(8), vec![2.0, 4.0]], 8)
    };
    assert_eq!(apply(Arithmetic::Multiply, 1), [0.0, 4.0, 4.0, 12.0, 8.0, 20.0, 12.0, 28.0]);
    assert_eq!(apply(Arithmetic::Multiply, 2), [0.0, 2.0, 8.0, 12.0, 8.0, 10.0, 24.0, 28.0]);
    assert_eq!(apply(Arithmetic::Add, 4), [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(apply(Arithmetic::Subtract, 4)[4..], [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(apply(Arithmetic::Divide, 4)[4..], [1.0, 1.25, 1.5, 1.75]);
}

/// Large tensors take another way than small ones and give the same, but for one rounding.
#[test]
fn large_values_are_those_of_small_ones() {
    let large: Vec<f32> = crate::synth::tensor("large", 2 * LARGE).collect();
    let scale = vec![0.1, 0.7];
    let values = vec![
        stored(0),
        stored(1),
        Value::Vector { operator: Arithmetic::Multiply, left: ValueId(0), right: ValueId(1), inner: 3 * LARGE / 3 },
        Value::Sum { left: ValueId(2), right: ValueId(0) },
    ];
    let found = value(values, vec![large.clone(), scale.clone()], 2 * LARGE);
    for (index, (found, value)) in found.iter().zip(&large).enumerate() {
        let exact = f64::from(*value) * f64::from(scale[index / LARGE]) + f64::from(*value);
        assert!((f64::from(*found) - exact).abs() < 1e-6, "{index}: {found} instead of {exact}");
    }
}

#[test]
fn panels_are_rows_along_depth_with_zeros_behind_the_last_column() {
    // Two experts of filters [out 11, in 3, taps 2]: one full panel of 8 columns and one of 4 with 3 columns in it.
    let tile = Tile { lanes: 4, rows: 4 };
    let layout = Layout::Panels {
        dtype: Dtype::F32,
        outer: vec![Dimension { size: 2, stride: 66 }],
        depth: vec![Dimension { size: 2, stride: 1 }, Dimension { size: 3, stride: 2 }],
        columns: Dimension { size: 11, stride: 6 },
        tile,
    };
    assert_eq!(panels_length(6, 11, tile, Dtype::F32), 6 * 8 + 6 * 4);
    let block = run(vec![stored(0)], vec![content(0, layout)], vec![counting(132)]).expect("it fits");
    assert_eq!(block.len(), 2 * 72);
    for expert in 0..2 {
        for k in 0..6 {
            for column in 0..12 {
                let position = if column < 8 { k * 8 + column } else { 48 + k * 4 + column - 8 };
                let (tap, input) = (k / 3, k % 3);
                let expected = if column < 11 { expert * 66 + column * 6 + input * 2 + tap } else { 0 };
                assert_eq!(block[expert * 72 + position], expected as f32, "expert {expert}, {k}, {column}");
            }
        }
    }
}

/// The same panels in fewer bytes hold what is nearest to the numbers, and nothing else.
#[test]
fn panels_in_fewer_bytes_hold_what_is_nearest() {
    let tile = Tile { lanes: 4, rows: 4 };
    let layout = |dtype| Layout::Panels {
        outer: vec![Dimension { size: 2, stride: 66 }],
        depth: vec![Dimension { size: 2, stride: 1 }, Dimension { size: 3, stride: 2 }],
        columns: Dimension { size: 11, stride: 6 },
        tile,
        dtype,
    };
    let source: Vec<f32> = crate::synth::tensor("panels", 132).collect();
    let block = |dtype| run(vec![stored(0)], vec![content(0, layout(dtype))], vec![source.clone()]).expect("it fits");
    let whole = block(Dtype::F32);
    let bytes =
        |block: &[f32]| -> Vec<u8> { block.iter().flat_map(|element| element.to_bits().to_ne_bytes()).collect() };

    let halves = block(Dtype::Bf16);
    assert_eq!(halves.len() * 2, whole.len());
    for (half, number) in bytes(&halves).chunks_exact(2).zip(&whole) {
        assert_eq!(half, crate::dtype::bf16(*number).to_ne_bytes());
    }

    let numbers = block(Dtype::Int8);
    assert_eq!(numbers.len(), 2 * (panels_length(6, 8, tile, Dtype::Int8) + panels_length(6, 3, tile, Dtype::Int8)));
    assert_eq!(numbers.len(), 2 * ((8 + 6 * 8 / 4) + (4 + 6 * 4 / 4)));
    let mut rest = numbers.as_slice();
    let mut whole = whole.as_slice();
    for width in [8, 4, 8, 4] {
        let (scales, behind) = rest.split_at(width);
        let (stored, behind) = behind.split_at(6 * width / 4);
        let (panel, further) = whole.split_at(6 * width);
        (rest, whole) = (behind, further);
        for (column, scale) in scales.iter().enumerate() {
            let largest =
                panel.iter().skip(column).step_by(width).fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert_eq!(*scale, largest / 127.0);
        }
        for (place, (byte, number)) in bytes(stored).iter().zip(panel).enumerate() {
            let (byte, scale) = (f32::from(*byte as i8), scales[place % width]);
            assert!((byte * scale - number).abs() <= 0.5001 * scale, "{byte} x {scale} for {number}");
        }
    }
    assert!(rest.is_empty() && whole.is_empty());
}

/// A number that cannot be stored makes its column NaN, and leaves the others as they are.
#[test]
fn what_is_not_finite_stays_so() {
    let layout = Layout::Panels {
        outer: Vec::new(),
        depth: vec![Dimension { size: 2, stride: 1 }],
        columns: Dimension { size: 3, stride: 2 },
        tile: Tile { lanes: 4, rows: 4 },
        dtype: Dtype::Int8,
    };
    let source = vec![1.0, f32::INFINITY, f32::NAN, 2.0, 127.0, -3.0];
    let block = run(vec![stored(0)], vec![content(0, layout)], vec![source]).expect("it fits");
    assert!(block[0].is_nan() && block[1].is_nan());
    assert_eq!(block[2..4], [1.0, 0.0]);
    assert_eq!(block[5].to_bits().to_ne_bytes()[2] as i8, -3);
}

#[test]
fn blocks_are_filled_up_with_zeros() {
    let layout = Layout::Blocks {
        outer: vec![Dimension { size: 2, stride: 6 }],
        depth: vec![Dimension { size: 2, stride: 1 }],
        columns: Dimension { size: 3, stride: 2 },
        width: 2,
    };
    let block = run(vec![stored(0)], vec![content(0, layout)], vec![counting(12)]).expect("it fits");
    let first = [0.0, 2.0, 1.0, 3.0, 4.0, 0.0, 5.0, 0.0];
    let second = [6.0, 8.0, 7.0, 9.0, 10.0, 0.0, 11.0, 0.0];
    assert_eq!(block, [first, second].concat());
}

#[test]
fn dimensions_may_be_put_in_another_order() {
    let transposed = Layout::Strided(vec![Dimension { size: 3, stride: 1 }, Dimension { size: 2, stride: 3 }]);
    let block = run(vec![stored(0)], vec![content(0, transposed)], vec![counting(6)]).expect("it fits");
    assert_eq!(block, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn indices_keep_their_bits() {
    let block = run(vec![], vec![Content::Indices([0, 7, u32::MAX].into())], vec![]).expect("it fits");
    assert_eq!(block.iter().map(|element| element.to_bits()).collect::<Vec<_>>(), [0, 7, u32::MAX]);
}

/// Numbers that f32 adds and multiplies exactly, more than [`LARGE`].
fn large(factor: f32) -> Vec<f32> {
    (0..2 * LARGE).map(|index| factor * (index % 1000) as f32).collect()
}

#[test]
fn large_values_share_memory_and_nothing_else() {
    let multiply = |left, right| Value::Vector { operator: Arithmetic::Multiply, left, right, inner: LARGE };
    let [a, factors, scaled, b, sum, small, wide, mixed] = [0, 1, 2, 3, 4, 5, 6, 7].map(ValueId);
    let kernels = Value::Embed { of: small, size: [1, 1], offset: [0, 1], kernel: [1, 2] };
    let values = vec![
        stored(0),
        Value::Constant([2.0, 4.0].into()),
        multiply(a, factors),
        stored(1),
        Value::Sum { left: scaled, right: b },
        stored(2),
        kernels,
        Value::Sum { left: b, right: wide },
        // Of itself, which has to stay.
        Value::Sum { left: a, right: a },
    ];
    let length = 2 * LARGE;
    // Those that are read again stand before and behind those that take their memory.
    let order = [sum, a, scaled, mixed, b, ValueId(8), a];
    let contents = order.iter().map(|value| content(value.0, line(length))).collect();
    let half: Vec<f32> = large(3.0).into_iter().take(LARGE).collect();
    let block = run(values, contents, vec![large(1.0), large(0.5), half.clone()]).expect("it fits");
    let scaled: Vec<f32> =
        large(1.0).iter().enumerate().map(|(i, x)| if i < LARGE { 2.0 * x } else { 4.0 * x }).collect();
    let sum: Vec<f32> = scaled.iter().zip(large(0.5)).map(|(x, y)| x + y).collect();
    let wide = half.iter().flat_map(|x| [0.0, *x]);
    let mixed: Vec<f32> = large(0.5).iter().zip(wide).map(|(x, y)| x + y).collect();
    let expected = [sum, large(1.0), scaled, mixed, large(0.5), large(2.0), large(1.0)];
    for (index, (found, expected)) in block.chunks(length).zip(&expected).enumerate() {
        assert!(found == expected, "{index}");
    }
}

#[test]
fn large_values_of_different_precision_are_added() {
    // `LARGE` elements stay exact, and so do twice as many that are made of them.
    let small: Vec<f32> = large(3.0).into_iter().take(LARGE).collect();
    let [exact, a] = [1, 2].map(ValueId);
    let embed = Value::Embed { of: ValueId(0), size: [1, 1], offset: [0, 0], kernel: [1, 2] };
    for (left, right) in [(exact, a), (a, exact), (exact, exact)] {
        let values = vec![stored(0), embed.clone(), stored(1), Value::Sum { left, right }];
        let found = value(values, vec![small.clone(), large(0.5)], 2 * LARGE);
        let wide: Vec<f32> = small.iter().flat_map(|x| [*x, 0.0]).collect();
        let other = if left == right { wide.clone() } else { large(0.5) };
        assert!(found.iter().zip(wide.iter().zip(other)).all(|(sum, (x, y))| *sum == x + y), "{left:?} {right:?}");
    }
}

#[test]
fn large_kernels_are_embedded() {
    let embed = Value::Embed { of: ValueId(0), size: [1, 1], offset: [0, 1], kernel: [1, 2] };
    let found = value(vec![stored(0), embed], vec![large(1.0)], 4 * LARGE);
    assert!(found == large(1.0).iter().flat_map(|x| [0.0, *x]).collect::<Vec<_>>());
}

#[test]
fn large_kernels_are_transformed_where_they_are_laid_out() {
    // 60 outputs in seven full panels of 8 columns and one of 4, so that there are more than `LARGE` elements.
    let (inputs, outputs, points) = (31, 60, 36);
    let kernels: Vec<f32> = (0..outputs * inputs * 9).map(|index| (index % 101) as f32 - 50.0).collect();
    assert!(kernels.len() > LARGE);
    let panels = |depth: Vec<Dimension>| Layout::Panels {
        dtype: Dtype::F32,
        outer: vec![Dimension { size: points, stride: 1 }],
        depth,
        columns: Dimension { size: outputs, stride: inputs * points },
        tile: Tile { lanes: 4, rows: 4 },
    };
    let depth = Dimension { size: inputs, stride: points };
    let values = vec![stored(0), Value::Winograd { of: ValueId(0) }];
    // The second is the same for whoever does not know what the first is for.
    let layouts = [panels(vec![depth]), panels(vec![depth, Dimension { size: 1, stride: 0 }])];
    let contents = layouts.map(|layout| content(1, layout)).into();
    let block = run(values, contents, vec![kernels.clone()]).expect("it fits");
    let (direct, general) = block.split_at(points * outputs * inputs);
    assert!(direct == general);
    // The last point of the kernels is their last element.
    let last = |output: usize, input: usize| kernels[(output * inputs + input) * 9 + 8];
    let point = &direct[35 * outputs * inputs..];
    assert_eq!([point[0], point[1], point[8]], [last(0, 0), last(1, 0), last(0, 1)]);
    assert_eq!(point[56 * inputs + 4 + 3], last(59, 1));
}

#[test]
fn large_tensors_are_read_into_the_same_memory() {
    struct Watched(core::cell::RefCell<Vec<usize>>);
    impl TensorSource for Watched {
        fn append(&self, _index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
            assert!(elements.is_empty());
            elements.resize(2 * LARGE, 1.0);
            self.0.borrow_mut().push(elements.as_ptr().addr());
            Ok(true)
        }
    }
    let length = 2 * LARGE;
    let values = (0..3).map(|index| Value::Stored { index, length }).collect();
    let contents =
        (0..3).map(|index| Prepared { offset: index * length, content: content(index, line(length)) }).collect();
    let source = Watched(Vec::new().into());
    let block = Preparation { values, contents, length: 3 * length }.run(&source).expect("it fits");
    assert!(block.as_slice().iter().all(|value| *value == 1.0));
    let addresses = source.0.into_inner();
    assert_eq!(addresses, [addresses[0]; 3]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    fn unreadable() -> ReadError {
        ReadError { path: None, tensor: "w".to_owned(), reason: "the disk is gone".to_owned() }
    }
    struct Unreadable;
    impl TensorSource for Unreadable {
        fn append(&self, _index: usize, _elements: &mut Vec<f32>) -> Result<bool, ReadError> {
            Err(unreadable())
        }
    }
    let contents = vec![Prepared { offset: 0, content: content(0, line(1)) }];
    let preparation = Preparation { values: vec![Value::Stored { index: 0, length: 1 }], contents, length: 1 };
    let found = preparation.run(&Unreadable).map(drop);
    assert_eq!(found, Err(PrepareError::Read(unreadable())));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let missing = run(vec![stored(1)], vec![content(0, line(2))], vec![counting(2)]);
    assert_eq!(missing, Err(PrepareError::MissingTensor(1)));
    let short = run(vec![stored(0)], vec![content(0, line(5))], vec![counting(2)]);
    assert_eq!(short, Err(PrepareError::Length { expected: 5, found: 2 }));
    let long = run(vec![Value::Stored { index: 0, length: 2 }], vec![content(0, line(2))], vec![counting(3)]);
    assert_eq!(long, Err(PrepareError::Length { expected: 2, found: 3 }));
    let uneven = Value::Vector { operator: Arithmetic::Add, left: ValueId(0), right: ValueId(1), inner: 1 };
    let values = vec![stored(0), stored(1), uneven];
    let uneven = run(values, vec![content(2, line(3))], vec![counting(3), counting(2)]);
    assert_eq!(uneven, Err(PrepareError::Length { expected: 2, found: 3 }));
    // A value that comes later is none.
    let circle = Value::Sum { left: ValueId(0), right: ValueId(0) };
    assert!(run(vec![circle], vec![content(0, line(1))], vec![]).is_err());
}
