//! Movements of elements: as stages, and as statements where several tensors come in or go out.

use crate::elements::dimension;
use crate::random::Random;
use crate::writer::{Value, Writer};

/// `reshape` and `flatten`; the first dimension mostly stays.
pub fn reshape(writer: &mut Writer, x: &Value) -> Option<Value> {
    let random = &mut writer.random;
    let rank = x.shape.len();
    if rank >= 2 && random.one_in(3) {
        let from = random.between(1, rank - 1);
        let shape = [&x.shape[..from], &[x.shape[from..].iter().product()]].concat();
        let stage = if from == 1 { "flatten".to_owned() } else { format!("flatten({from})") };
        return Some(x.then(&stage, shape, x.size));
    }
    let kept = usize::from(rank > 1 && !random.one_in(4));
    let mut shape = x.shape[..kept].to_vec();
    let mut rest: usize = x.shape[kept..].iter().product();
    for _ in 0..random.between(1, 3 - kept.min(1)) {
        let size = random.divisor(rest);
        shape.push(size);
        rest /= size;
    }
    shape.push(rest);
    if !Writer::fits(&shape) {
        return None;
    }
    let mut dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    if random.one_in(2) {
        let free = random.below(dims.len());
        "-1".clone_into(&mut dims[free]);
    }
    Some(x.then(&format!("reshape([{}])", dims.join(", ")), shape, x.size))
}

/// `permute`.
pub fn permute(writer: &mut Writer, x: &Value) -> Option<Value> {
    let mut rest: Vec<usize> = (0..x.shape.len()).collect();
    let mut order = Vec::new();
    while !rest.is_empty() {
        order.push(rest.remove(writer.random.below(rest.len())));
    }
    let shape = order.iter().map(|dim| x.shape[*dim]).collect();
    (order.len() > 1).then(|| x.then(&format!("permute({order:?})"), shape, x.size))
}

/// `expand`, of a dimension that is averaged away before if there is no single one.
pub fn expand(writer: &mut Writer, x: &Value) -> Option<Value> {
    let random = &mut writer.random;
    let rank = x.shape.len();
    let mut shape = x.shape.clone();
    let mut text = String::new();
    if !shape.contains(&1) && rank > 0 {
        let (dim, index) = dimension(random, rank);
        text = format!("mean([{dim}], keep=true) |> ");
        shape[index] = 1;
    }
    let mut sizes: Vec<String> = Vec::new();
    for size in &mut shape {
        if *size == 1 && !random.one_in(3) {
            *size = random.between(1, 4);
            sizes.push(size.to_string());
        } else {
            sizes.push(if random.one_in(2) { "-1".to_owned() } else { size.to_string() });
        }
    }
    if random.one_in(4) {
        let new = random.between(1, 3);
        shape.insert(0, new);
        sizes.insert(0, new.to_string());
    }
    let stage = format!("{text}expand([{}])", sizes.join(", "));
    Writer::fits(&shape).then(|| x.then(&stage, shape, x.size))
}

/// `roll`.
pub fn roll(writer: &mut Writer, x: &Value) -> Option<Value> {
    let random = &mut writer.random;
    let dims: Vec<usize> = (0..x.shape.len()).filter(|_| random.one_in(2)).collect();
    let shifts: Vec<String> =
        dims.iter().map(|_| format!("{}{}", random.pick(&["", "-"]), random.between(0, 5))).collect();
    match (dims.as_slice(), shifts.as_slice()) {
        ([], _) => None,
        ([dim], [shift]) if random.one_in(2) => Some(x.then_same(&format!("roll({shift}, dims={dim})"))),
        (dims, shifts) => Some(x.then_same(&format!("roll([{}], dims={dims:?})", shifts.join(", ")))),
    }
}

/// `pad`.
pub fn pad(writer: &mut Writer, x: &Value) -> Option<Value> {
    let random = &mut writer.random;
    let is_image = x.shape.len() == 4 && random.one_in(2);
    let (sides, mut text) = if is_image {
        let [top, bottom, left, right] = [0; 4].map(|_: usize| random.between(0, 2));
        let sides = vec![[0, 0], [0, 0], [top, bottom], [left, right]];
        match random.below(3) {
            0 => (vec![[0, 0], [0, 0], [top; 2], [top; 2]], top.to_string()),
            1 => (vec![[0, 0], [0, 0], [top; 2], [left; 2]], format!("[{top}, {left}]")),
            _ => (sides, format!("[{top}, {bottom}, {left}, {right}]")),
        }
    } else {
        let sides: Vec<[usize; 2]> = x.shape.iter().map(|_| [random.below(2), random.pick(&[0, 0, 1, 2])]).collect();
        let text = format!("{sides:?}");
        (sides, text)
    };
    if random.one_in(2) {
        text += &format!(", value={}", random.decimal());
    }
    let shape: Vec<usize> = x.shape.iter().zip(&sides).map(|(size, [before, after])| size + before + after).collect();
    (!shape.is_empty() && Writer::fits(&shape)).then(|| x.then(&format!("pad({text})"), shape, x.size.max(1.0)))
}

/// A list of numbers below `size`.
fn indices(random: &mut Random, count: usize, size: usize) -> String {
    let indices: Vec<usize> = (0..count).map(|_| random.below(size)).collect();
    format!("{indices:?}")
}

/// `gather` by a list or by a table.
pub fn gather(writer: &mut Writer, x: &Value) -> Option<Value> {
    if x.shape.is_empty() {
        return None;
    }
    let random = &mut writer.random;
    let (dim, index) = dimension(random, x.shape.len());
    let size = x.shape[index];
    let rows = random.between(1, 3);
    let (table, list) = match random.below(3) {
        0 => {
            let columns = random.between(1, 4);
            let lists: Vec<String> = (0..rows).map(|_| indices(random, columns, size)).collect();
            (vec![rows, columns], format!("[{}]", lists.join(", ")))
        }
        1 => (vec![rows], format!("[i * 7 % {size} for i in 0..{rows}]")),
        _ => (vec![rows], indices(random, rows, size)),
    };
    let shape = [&x.shape[..index], table.as_slice(), &x.shape[index + 1..]].concat();
    let dim = if index == 0 { String::new() } else { format!(", dim={dim}") };
    Writer::fits(&shape).then(|| x.then(&format!("gather({list}{dim})"), shape, x.size))
}

/// `x[…]`, as a statement.
pub fn slice(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| !x.shape.is_empty()) else { return };
    let random = &mut writer.random;
    let count = random.between(1, x.shape.len());
    let mut shape = Vec::new();
    let mut subscripts = Vec::new();
    for size in &x.shape[..count] {
        let (start, end) = (random.below(*size), *size);
        let end = random.between(start + 1, end);
        let step = random.between(1, 3);
        let (text, left) = match random.below(9) {
            0 => (format!("{start}:{end}"), end - start),
            1 => (format!("{start}:"), size - start),
            2 => (format!(":{end}"), end),
            3 => (format!("::{step}"), size.div_ceil(step)),
            4 => (format!("{start}:{end}:{step}"), (end - start).div_ceil(step)),
            5 => (format!("-{}:", size - start), size - start),
            6 if x.shape.len() > 2 && subscripts.len() < 2 => {
                let index = if random.one_in(2) { start.to_string() } else { format!("-{}", size - start) };
                (index, 0)
            }
            _ => (":".to_owned(), *size),
        };
        subscripts.push(text);
        if left > 0 {
            shape.push(left);
        }
    }
    shape.extend(&x.shape[count..]);
    writer.bind(Value { text: format!("{}[{}]", x.text, subscripts.join(", ")), shape, size: x.size });
}

/// `split`, as a statement.
pub fn split(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| x.shape.len() > 1 && x.shape.iter().any(|size| *size > 1)) else { return };
    let random = &mut writer.random;
    let splittable: Vec<usize> = (0..x.shape.len()).filter(|dim| x.shape[*dim] > 1).collect();
    let dim = random.pick(&splittable);
    let size = x.shape[dim];
    let (text, sizes) = match size {
        size if size.is_multiple_of(2) && random.one_in(2) => ("2".to_owned(), vec![size / 2; 2]),
        size if size.is_multiple_of(3) && random.one_in(2) => ("3".to_owned(), vec![size / 3; 3]),
        size => {
            let first = random.between(1, size - 1);
            (format!("[{first}, {}]", size - first), vec![first, size - first])
        }
    };
    let names: Vec<String> = sizes.iter().map(|_| writer.name("part")).collect();
    let dim_text = if dim == 1 { String::new() } else { format!(", dim={dim}") };
    writer.line(&format!("let ({}) = {} |> split({text}{dim_text})", names.join(", "), x.text));
    for (text, size) in names.into_iter().zip(sizes) {
        let mut shape = x.shape.clone();
        shape[dim] = size;
        writer.introduce(Value { text, shape, size: x.size });
    }
}

/// `concat` of tensors that agree in all other dimensions, as a statement.
pub fn concat(writer: &mut Writer, stage: &dyn Fn(&mut Writer, &Value) -> Option<Value>) {
    let Some(x) = writer.pick(|x| !x.shape.is_empty()) else { return };
    let (dim_text, dim) = if x.shape.len() > 1 && !writer.random.one_in(3) {
        ("1".to_owned(), 1)
    } else {
        dimension(&mut writer.random, x.shape.len())
    };
    let agrees = |other: &Value| {
        other.shape.len() == x.shape.len()
            && other.shape.iter().zip(&x.shape).enumerate().all(|(index, (a, b))| index == dim || a == b)
    };
    let mut parts = vec![x.clone()];
    for _ in 0..writer.random.between(1, 2) {
        let other = writer.pick(agrees).unwrap_or_else(|| x.clone());
        parts.push(match stage(writer, &other).filter(agrees) {
            Some(staged) if writer.random.one_in(2) => staged,
            _ => other,
        });
    }
    let mut shape = x.shape.clone();
    shape[dim] = parts.iter().map(|part| part.shape[dim]).sum();
    if !Writer::fits(&shape) {
        return;
    }
    let texts: Vec<String> = parts.iter().map(|part| part.text.clone()).collect();
    let dim_text = if dim == 1 && writer.random.one_in(2) { String::new() } else { format!(", dim={dim_text}") };
    let text = match writer.random.one_in(3) {
        true => format!("concat([{}]{dim_text})", texts.join(", ")),
        false => format!("concat({}{dim_text})", texts.join(", ")),
    };
    let size = parts.iter().fold(0.0f64, |size, part| size.max(part.size));
    writer.bind(Value { text, shape, size });
}
