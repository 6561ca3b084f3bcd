//! Programs with what the language allows and Python does not, or not in the same way: name, batch, text.

pub(crate) const PROGRAMS: &[(&str, usize, &str)] = &[
    (
        "names of Python",
        2,
        "module Class(x, lambda = 3, self = 1, type = relu) {
            let None = x |> conv(lambda * self, kernel=3) as forward |> type
            let def = None |> batch_norm as train
            return def |> conv(4) as class.type |> conv(4) as import[0].eval
        }
        fn print(x) = x + 1
        const torch = 4
        network Case(nn = 2) {
            input len: f32[batch, torch, 6, 6]
            let y = len |> Class(lambda=nn) as modules
            return y |> print |> Class as parameters |> conv(3) as training
        }",
    ),
    (
        "scopes",
        1,
        "const width = 4
        fn halved(x) { let width = x.channels / 2  return width }
        module Scaled(x, out) {
            out = out * 2
            let y = x |> conv(out) as conv
            for i in 0..2 {
                let y = x |> conv(out, kernel=3) as inner[i]
                let out = 3
                x = (y |> conv(x.channels) as back[i]) * out
            }
            return y + (x |> conv(out) as last)
        }
        network Case {
            input x: f32[batch, 4, 5, 5]
            let mask = if width > 3 { let a = width + 1  a * 2 } else { 1 }
            let out = halved(x)
            let y = x |> Scaled(out) as scaled
            let x = y |> conv(mask) as conv
            return x |> relu
        }",
    ),
    (
        "modules without names",
        3,
        "module Drop(x) { return x |> dropout(0.5) |> layer_norm(affine=false) }
        module Tokens(x, n) { return (x |> linear(n) as q, x |> linear(n) as k) }
        fn pooled(x, n) = x |> linear(n) as fc[0] |> relu |> linear(n) as fc[1]
        module Inner(x) { let (q, k) = x |> Tokens(5)  return q * k + param(\"shift\", [5]) |> Drop }
        network Case {
            input x: f32[batch, 6]
            let y = x |> Inner |> pooled(7)
            for i in 0..3 { y = y |> Drop |> dropout(0.1) }
            return y |> linear(3) as head
        }",
    ),
    (
        "callables with tensors",
        2,
        "module Block(x, convolution, mask = 0) {
            let y = x |> convolution(4, kernel=3) as conv
            return y + mask
        }
        module Gated(x, gate, scale) { return gate(x) * scale }
        network Case {
            input x: f32[batch, 4, 5, 5]
            let c = x |> global_avg_pool |> flatten |> linear(3) as route |> sigmoid
            let convolution = dynamic_conv(experts=3, routing=c)
            let y = x |> Block(convolution) as a
            y = y |> Block(conv) as b
            y = y |> Block(conv, mask=x |> relu) as d
            let gate = Gated(gate=sigmoid, scale=x)
            return y |> gate |> Block(convolution, mask=2) as e
        }",
    ),
    (
        "layers in comprehensions and conditions",
        1,
        "module Branch(x, out) { return x |> conv(out, kernel=3) as conv }
        fn wide(x) { if x.channels > 3 { return true }  return false }
        network Case(depth = 3) {
            input x: f32[batch, 4, 5, 5]
            let branches = [x |> Branch(i + 1) as branches[i] for i in 0..depth if i != 1]
            let y = concat(branches)
            let z = if wide(y) && (y |> conv(2) as maybe).channels == 2 { y } else { y |> conv(3) as other }
            let parts = z |> split([1, z.channels - 1])
            return (parts[1] |> conv(2) as p) + (parts[0] |> (if depth > 2 { Branch } else { conv })(2) as q)
        }",
    ),
    (
        "constants and tables",
        2,
        "const MEAN = constant([0.1, 0.2, 0.3])
        fn grid(n) = constant([[i - j / 2 for j in 0..n] for i in 0..n])
        fn normalised(x) = (x - (MEAN |> reshape([1, 3, 1, 1]))) / constant(2)
        module Shifted(x, table) { return x + table |> conv(3) as conv }
        network Case {
            input x: f32[batch, 3, 4, 4]
            let table = grid(x.height)
            let y = x |> normalised |> Shifted(table) as a |> Shifted(0) as b
            for i in 0..2 { y = y * grid(4) + constant([i + 0.5]) }
            return y |> gather([[0, 2], [1, 1]], dim=1) |> flatten(2)
        }",
    ),
    (
        "numbers",
        1,
        "fn f(a, b = a * 2, c = [1, 2]) = a * b + sum(c) + c[-1] + len(c[:1])
        network Case(a = 7, b = a % 4, c = 6 / 2, d = 16 * 0.5) {
            input x: f32[batch, 4, 6, 6]
            let n = -7 % 4 + ceil(a / 2) + floor(-3.5) + round(2.5) + abs(-2) + min(3, 1.5 * 2) + max([1, b])
            let m = make_divisible(d * 1.3, 4) + f(2) + f(1, c=[3, 4]) + min(2) + max(0..3)
            let y = x |> conv(n) as n |> conv(d) as d |> conv(c, kernel=[1, 3]) as c
            for i, (p, (q, _)) in zip([1, 2], [(1, 2), (3, 4)]) { y = y |> conv(p + q, kernel=3) as z[i] }
            for i in reversed(0..=2) { y = y |> conv(i + 1) as w[i] }
            return y |> conv(m) as m |> reshape([x.batch, m / 2, -1])
        }",
    ),
    (
        "several inputs and outputs",
        2,
        "module Both(a, b) { return (a + b, a * b) }
        network Case {
            input left: f32[batch, 3]
            input right: f32[3]
            let (sum, product) = Both(left, right)
            return sum = sum |> linear(2) as s, product = product
        }",
    ),
    (
        "weights that depend on the batch",
        3,
        "network Case {
            input x: f32[batch, 4]
            return x |> permute([1, 0]) |> linear(2 * batch) as fc
        }",
    ),
    (
        "paths within paths",
        1,
        "module Pair(x) { return x |> conv(3) as [0] |> conv(3) as [1] }
        network Case {
            input x: f32[batch, 3, 4, 4]
            let y = x |> Pair as a.b |> conv(3, kernel=3) as a
            return y |> Pair as a.c[2] |> relu as act |> max_pool(2) as pool |> conv(2) as a.b.extra
        }",
    ),
    (
        "the network's own module without a name, and modules as values",
        1,
        "module Stage(x, block, n) { for i in 0..n { x = x |> block(x.channels + i) as [i] }  return x }
        module Plain(x, out) { return x |> conv(out) as conv |> relu }
        fn twice(x, out) = x |> conv(out, kernel=3) as first |> conv(out) as second
        module Body(x, blocks) {
            for i, block in blocks { x = x |> Stage(block, 2) as stage[i] }
            return x
        }
        network Case {
            input x: f32[batch, 2, 4, 4]
            let y = x |> Body([Plain, conv(kernel=3), Plain])
            return y |> twice(3)
        }",
    ),
    (
        "recursion, returns in loops, lists of tensors",
        2,
        "fn factorial(n) = if n < 2 { 1 } else { let rest = factorial(n - 1)  n * rest }
        module Again(x, n) {
            if n == 0 { return x }
            return x |> conv(n + 1) as c |> Again(n - 1) as again
        }
        module First(x, wanted) {
            for i in 0..5 {
                let y = x |> conv(i + 2) as tried[i]
                if i == wanted { return [y, x] }
            }
            return [x, x]
        }
        network Case {
            input x: f32[batch, 3, 4, 4]
            let y = x |> Again(factorial(3) / 2) as deep
            let parts = y |> First(2) as first
            for part in reversed(parts) { y = concat(y, part) }
            for x in y |> split(len(parts) * 0 + y.channels) { parts = parts + [x] }
            return sum([p.channels for p in parts]) * (concat(parts) |> conv(2) as last)
        }",
    ),
    (
        "functions as values",
        1,
        "fn bigger(n, by = 2) = n * by
        fn swish(x, beta = 1) = x * sigmoid(x * beta)
        fn join(a, b) = a + b
        fn keep(x) = x |> conv(x.channels) as kept
        module Use(x, act, size, join) {
            let out = size(n=x.channels, by=3)
            let convolution = if out > 3 { conv(kernel=3) } else { dynamic_conv }
            let y = x |> convolution(out) as conv |> act
            return join(a=y, b=y |> act)
        }
        network Case {
            input x: f32[batch, 2, 4, 4]
            let y = x |> Use(swish, bigger, join) as a |> Use(leaky_relu(slope=0.3), bigger, join) as b
            let act = keep
            let convolution = if y.channels > 1 { conv } else { Use }
            y = y |> convolution(bigger(y.channels)) as e
            return y |> Use(act=hard_sigmoid, size=bigger, join=join) as d |> act
        }",
    ),
    (
        "names of tensors as names of layers",
        1,
        "module Inner(x) { return (x |> conv(2) as weight) + param(\"bias\", [1]) |> batch_norm as running_mean }
        network Case {
            input x: f32[batch, 2, 4, 4]
            let y = x |> conv(2) as a |> Inner as a.bias |> Inner as a.x.weight
            return y * param(\"scale.weight\", [2, 1, 1]) + param(\"to\" + \"tal\", [1])
        }",
    ),
    (
        "constants as inputs of layers",
        2,
        "module Embedded(x, n) { return x |> linear(n) as fc |> gelu(form=tanh) }
        fn table(n) = constant([[i * j / n for j in 0..3] for i in 0..n])
        network Case {
            input x: f32[batch, 4]
            let t = table(4) |> Embedded(5) as embedded
            let u = constant([[1, 2], [3, 4]]) |> linear(5) as fc
            return matmul(x, t) + (u |> mean(0)) + (matmul(x, t) |> Embedded(5) as other)
        }",
    ),
    (
        "pooling of all kinds",
        2,
        "network Case {
            input x: f32[batch, 4, 9, 7]
            let a = x |> max_pool(3, stride=2, ceil_mode=true) |> flatten
            let b = x |> avg_pool([2, 3], stride=2, padding=1, ceil_mode=true, count_padding=false) |> flatten
            let c = x |> avg_pool(3, stride=2, padding=1, ceil_mode=true) |> adaptive_avg_pool([2, 3]) |> flatten
            let d = x |> avg_pool(3, stride=2, padding=same) |> upsample(size=[5, 6], mode=bilinear) |> flatten
            let e = x |> max_pool(3, padding=same, dilation=2) |> upsample(3) |> pad([1, 0, 0, 2], value=0.5) |> flatten
            return concat([a, b], c, d, e)
        }",
    ),
];
