//! Arithmetic of tensors with numbers and with each other, learned and constant tensors, matrix products.

use crate::random::Random;
use crate::writer::{Value, Writer};

/// A tensor or a stage over one, in parentheses where that is needed.
fn operand(writer: &mut Writer, x: &Value, stage: &dyn Fn(&mut Writer, &Value) -> Option<Value>) -> Value {
    if writer.random.one_in(2) {
        return x.clone();
    }
    match stage(writer, x).filter(|staged| staged.shape == x.shape) {
        Some(staged) => Value { text: format!("({})", staged.text), ..staged },
        None => x.clone(),
    }
}

/// With a number, on either side.
pub fn with_number(writer: &mut Writer) {
    let Some(x) = writer.pick(|_| true) else { return };
    let random = &mut writer.random;
    let number = random.decimal();
    let (text, size) = match random.below(8) {
        0 => (format!("{} * ({number})", x.text), x.size),
        1 => (format!("{number} * {}", x.text), x.size),
        2 => (format!("{} + ({number})", x.text), x.size + 1.0),
        3 => (format!("1 - {}", x.text), x.size + 1.0),
        4 => (format!("{} - ({number})", x.text), x.size + 1.0),
        5 => (format!("{} / 4", x.text), x.size / 4.0),
        6 => (format!("1 / (({} |> sigmoid) + 0.5)", x.text), 2.0),
        _ => (format!("({} + 1) * 0.5 - {number}", x.text), x.size),
    };
    writer.bind(Value { text, size, ..x });
}

/// A shape that broadcasts to another, or that the other broadcasts to where it has size 1.
fn broadcastable(random: &mut Random, shape: &[usize]) -> Vec<usize> {
    let dropped = if random.one_in(2) { random.below(shape.len() + 1) } else { 0 };
    let rest = shape[dropped..].iter();
    rest.map(|size| match size {
        1 if random.one_in(4) => random.between(1, 3),
        size => random.pick(&[1, *size]),
    })
    .collect()
}

fn broadcast(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let dim = |shape: &[usize], index: usize| (index + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    let sizes = (0..rank).map(|index| match (dim(left, index), dim(right, index)) {
        (a, b) if a == b => Some(a),
        (1, other) | (other, 1) => Some(other),
        _ => None,
    });
    sizes.collect()
}

/// `param` or `constant` of a shape, sometimes moved around.
pub fn known(writer: &mut Writer, shape: &[usize]) -> Value {
    let elements: usize = shape.iter().product();
    if elements <= 200 && shape.len() <= 3 && writer.random.one_in(3) {
        let text = format!("constant({})", table(&mut writer.random, shape));
        return Value { text, shape: shape.to_vec(), size: 1.0 };
    }
    let name = writer.name("p");
    let text = match (writer.random.below(8), shape) {
        (0, [rows, columns]) => format!("(param(\"{name}\", [{columns}, {rows}]) |> permute([1, 0]))"),
        (1, shape) => format!("(param(\"{name}\", [{elements}]) |> reshape({shape:?}))"),
        (2, [first, ..]) => {
            let mut stored = shape.to_vec();
            stored[0] = 3;
            format!("(param(\"{name}\", {stored:?}) |> gather([i * 2 % 3 for i in 0..{first}]))")
        }
        (3, [first, ..]) => {
            let mut stored = shape.to_vec();
            stored[0] = first + 2;
            format!("param(\"{name}\", {stored:?})[1:-1]")
        }
        (4, [first, rest @ ..]) if *first > 1 => {
            let part = |writer: &mut Writer, size| known(writer, &[&[size], rest].concat()).text;
            let first_part = writer.random.between(1, first - 1);
            format!("concat({}, {}, dim=0)", part(writer, first_part), part(writer, first - first_part))
        }
        (5, _) => format!("(param(\"{name}\", {shape:?}) * 2 - param(\"{name}b\", {shape:?}))"),
        _ => format!("param(\"{name}\", {shape:?})"),
    };
    Value { text, shape: shape.to_vec(), size: 0.5 }
}

/// Nested lists of numbers, written out or as a comprehension.
fn table(random: &mut Random, shape: &[usize]) -> String {
    match shape {
        [] => random.decimal(),
        [rows, columns] if random.one_in(2) => {
            format!("[[(i - j) / {} for j in 0..{columns}] for i in 0..{rows}]", rows + columns)
        }
        [size, rest @ ..] => {
            let parts: Vec<String> = (0..*size).map(|_| table(random, rest)).collect();
            format!("[{}]", parts.join(", "))
        }
    }
}

/// The sum, difference, product or quotient of two tensors; nothing is divided by what may be near zero.
pub fn combine(writer: &mut Writer, stage: &dyn Fn(&mut Writer, &Value) -> Option<Value>) {
    let Some(left) = writer.pick(|_| true) else { return };
    let right = match writer.random.below(4) {
        0 => {
            let shape = broadcastable(&mut writer.random, &left.shape);
            known(writer, &shape)
        }
        1 => {
            let dims: Vec<usize> = (0..left.shape.len()).filter(|_| writer.random.one_in(2)).collect();
            let shape = left.shape.iter().enumerate().map(|(dim, size)| if dims.contains(&dim) { 1 } else { *size });
            let text = format!("({} |> mean({dims:?}, keep=true))", left.text);
            Value { text, shape: shape.collect(), size: left.size }
        }
        _ => {
            let fits = |other: &Value| broadcast(&left.shape, &other.shape).is_some_and(|shape| Writer::fits(&shape));
            writer.pick(fits).unwrap_or_else(|| left.clone())
        }
    };
    let (left, right) = (operand(writer, &left, stage), operand(writer, &right, stage));
    let (left, right) = if writer.random.one_in(4) { (right, left) } else { (left, right) };
    let Some(shape) = broadcast(&left.shape, &right.shape).filter(|shape| Writer::fits(shape)) else { return };
    let (text, size) = match writer.random.below(7) {
        0..3 => (format!("{} + {}", left.text, right.text), left.size + right.size),
        3 => (format!("{} - {}", left.text, right.text), left.size + right.size),
        4 | 5 => (format!("{} * {}", left.text, right.text), left.size * right.size),
        _ => (format!("{} / (({} |> sigmoid) + 0.5)", left.text, right.text), left.size * 2.0),
    };
    writer.bind(Value { text, shape, size });
}

/// `matmul` of a tensor with itself, transposed, or with a learned matrix.
pub fn matmul(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| x.shape.len() >= 2) else { return };
    let rank = x.shape.len();
    let (rows, inner) = (x.shape[rank - 2], x.shape[rank - 1]);
    let (right, columns) = if writer.random.one_in(2) {
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 2, rank - 1);
        (Value { text: format!("{} |> permute({order:?})", x.text), ..x.clone() }, rows)
    } else {
        let columns = writer.random.between(1, 6);
        let mut batch = broadcastable(&mut writer.random, &x.shape[..rank - 2]);
        batch.extend([inner, columns]);
        (known(writer, &batch), columns)
    };
    let batch = if columns == rows && right.shape == x.shape {
        x.shape[..rank - 2].to_vec()
    } else {
        match broadcast(&x.shape[..rank - 2], &right.shape[..right.shape.len() - 2]) {
            Some(batch) => batch,
            None => return,
        }
    };
    let shape = [batch.as_slice(), &[rows, columns]].concat();
    if !Writer::fits(&shape) || !writer.spend(shape.iter().product::<usize>() * inner) {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few elements")]
    let size = x.size * right.size * (inner as f64);
    writer.bind(Value { text: format!("matmul({}, {})", x.text, right.text), shape, size });
}
