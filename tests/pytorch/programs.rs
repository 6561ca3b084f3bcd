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
];
