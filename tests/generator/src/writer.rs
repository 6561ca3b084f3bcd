//! The program so far: its statements, its tensors with their shapes, and what it may still cost.

use std::collections::BTreeMap;

use crate::random::Random;

/// The most elements that a tensor may have.
const MAX_ELEMENTS: usize = 5000;

/// The most dimensions that a tensor may have.
const MAX_RANK: usize = 5;

/// What values may reach before they are normalised.
const MAX_SIZE: f64 = 60.0;

/// An expression: its text, and what is known about its value.
#[derive(Debug, Clone)]
pub struct Value {
    /// A name, or stages of a pipeline behind one.
    pub text: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// About the largest magnitude of an element.
    pub size: f64,
}

impl Value {
    /// The value after one more stage of the pipeline.
    #[must_use]
    pub fn then(&self, stage: &str, shape: Vec<usize>, size: f64) -> Value {
        Value { text: format!("{} |> {stage}", self.text), shape, size }
    }

    /// The same, with the shape and the size that it had.
    #[must_use]
    pub fn then_same(&self, stage: &str) -> Value {
        self.then(stage, self.shape.clone(), self.size)
    }

    /// Batch, channels, height and width, if it is an image.
    #[must_use]
    pub fn image(&self) -> Option<[usize; 4]> {
        <[usize; 4]>::try_from(self.shape.as_slice()).ok()
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A name in scope.
#[derive(Debug, Clone)]
struct Local {
    value: Value,
    is_read: bool,
}

/// A body: that of the network or of a module.
#[derive(Debug, Default)]
pub struct Scope {
    lines: Vec<String>,
    locals: Vec<Local>,
    names: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Writer {
    /// The numbers that decide everything.
    pub random: Random,
    work: u64,
    /// Modules and functions by name.
    items: BTreeMap<String, String>,
    scope: Scope,
}

impl Writer {
    /// An empty program that may cost that many multiply-adds.
    #[must_use]
    pub fn new(random: Random, work: u64) -> Self {
        Writer { random, work, items: BTreeMap::new(), scope: Scope::default() }
    }

    /// Declares the inputs.
    pub fn inputs(&mut self) {
        let batch = self.random.pick(&[1, 1, 2, 3]);
        for index in 0..self.random.pick(&[1, 1, 1, 2, 3]) {
            let mut shape = vec![batch];
            // Later inputs are often like the first, so that they can be added to it.
            match self.scope.locals.first() {
                Some(first) if self.random.one_in(2) => shape = first.value.shape.clone(),
                _ => {
                    let random = &mut self.random;
                    match random.below(if index == 0 { 16 } else { 6 }) {
                        0 => shape.push(random.between(1, 40)),
                        1 => shape.extend([random.between(1, 12), random.between(1, 24)]),
                        _ => shape.extend([random.between(1, 10), random.between(3, 13), random.between(3, 13)]),
                    }
                }
            }
            let mut dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
            if shape[0] == 1 && self.random.one_in(2) {
                "batch".clone_into(&mut dims[0]);
            }
            let text = format!("input{index}");
            self.line(&format!("input {text}: f32[{}]", dims.join(", ")));
            // An input that nothing reads is seldom worth an output.
            let is_read = !self.random.one_in(4);
            self.scope.locals.push(Local { value: Value { text, shape, size: 1.0 }, is_read });
        }
    }

    /// Adds a statement.
    pub fn line(&mut self, text: &str) {
        self.scope.lines.push(format!("    {text}"));
    }

    /// A name that no other thing in this body has.
    pub fn name(&mut self, stem: &str) -> String {
        self.scope.names += 1;
        format!("{stem}{}", self.scope.names)
    }

    /// Whether so many multiply-adds are left; if so, they are spent.
    pub fn spend(&mut self, work: usize) -> bool {
        match self.work.checked_sub(work as u64) {
            Some(left) => {
                self.work = left;
                true
            }
            None => false,
        }
    }

    /// Whether a tensor of that shape is neither empty nor too large.
    #[must_use]
    pub fn fits(shape: &[usize]) -> bool {
        let elements: usize = shape.iter().product();
        elements > 0 && elements <= MAX_ELEMENTS && shape.len() <= MAX_RANK
    }

    /// Gives a value a name, and normalises it if it has become large.
    pub fn bind(&mut self, value: Value) -> Value {
        let value = if value.size > MAX_SIZE { self.normalized(&value) } else { value };
        let text = self.name("v");
        self.line(&format!("let {text} = {}", value.text));
        self.introduce(Value { text, ..value })
    }

    /// Brings a name into scope that a statement gave.
    pub fn introduce(&mut self, value: Value) -> Value {
        self.scope.locals.push(Local { value: value.clone(), is_read: false });
        value
    }

    fn normalized(&mut self, value: &Value) -> Value {
        let value = Value { text: format!("({})", value.text), ..value.clone() };
        if value.shape.len() < 2 || self.random.one_in(3) {
            return Value { size: 1.0, ..value.then_same("tanh") };
        }
        let norm = self.name("norm");
        Value { size: 4.0, ..value.then_same(&format!("layer_norm(dim={}) as {norm}", self.random.pick(&[-1, 1]))) }
    }

    /// A tensor in scope that suits, mostly a late one.
    pub fn pick(&mut self, suits: impl Fn(&Value) -> bool) -> Option<Value> {
        let fitting: Vec<usize> =
            (0..self.scope.locals.len()).filter(|index| suits(&self.scope.locals[*index].value)).collect();
        let last = *fitting.last()?;
        let index = if self.random.one_in(3) { self.random.pick(&fitting) } else { last };
        self.scope.locals[index].is_read = true;
        Some(self.scope.locals[index].value.clone())
    }

    /// Adds a module or function, unless there is one of that name.
    pub fn item(&mut self, name: &str, text: &str) {
        self.items.entry(name.to_owned()).or_insert_with(|| text.to_owned());
    }

    /// Whether there are modules and functions of that name.
    #[must_use]
    pub fn has_item(&self, name: &str) -> bool {
        self.items.contains_key(name)
    }

    /// Begins the body of a module over a tensor `x`; the scope that it interrupts.
    pub fn open(&mut self, x: &Value) -> Scope {
        let outer = std::mem::take(&mut self.scope);
        self.introduce(Value { text: "x".to_owned(), ..x.clone() });
        outer
    }

    /// Ends the body: adds the module and gives what it returns.
    pub fn close(&mut self, module: &str, outer: Scope) -> Option<Value> {
        let body = std::mem::replace(&mut self.scope, outer);
        let result = body.locals.last()?.value.clone();
        let lines = body.lines.join("\n");
        let text = format!("module {module}(x) {{\n{lines}\n    return {}\n}}", result.text);
        self.items.insert(module.to_owned(), text);
        Some(result)
    }

    /// The text: all items, then the network, which returns its last tensor and some that nothing reads.
    #[must_use]
    pub fn finish(mut self) -> String {
        let last = self.scope.locals.len().saturating_sub(1);
        let mut returned = Vec::new();
        for (index, local) in self.scope.locals.clone().into_iter().enumerate() {
            if index == last || (!local.is_read && self.random.below(3) > 0) || self.random.one_in(12) {
                returned.push(local.value.text);
            }
        }
        let outputs = match returned.as_slice() {
            [only] => only.clone(),
            several => {
                let named = several.iter().enumerate().map(|(index, name)| format!("output{index} = {name}"));
                named.collect::<Vec<_>>().join(", ")
            }
        };
        self.line(&format!("return {outputs}"));
        let network = format!("network Generated {{\n{}\n}}\n", self.scope.lines.join("\n"));
        self.items.into_values().chain([network]).collect::<Vec<_>>().join("\n\n")
    }
}
