"""Writes operations.json: every operation of the language in several geometries, computed by PyTorch in float64.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python tests/data/operations.py

Each case is a small network and the outputs that it must have. Inputs and weights are not stored: both sides draw them
from names. Tensor NAME of a case is drawn as `<case>.NAME`, NAME being the full name of a weight (`c.weight`) or of an
input (`x`), by the generator in runtime/src/synth.rs. Weights are scaled by role as `Role::initial` does with the gain
`GAIN`, and inputs are the draws times 2.

Outputs are what PyTorch's own functions give. Padding that they do not offer (`same`, asymmetrical) is added before them.
"""

import json
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

GAIN = 3.0


def draw(name, shape):
    """The raw values of a tensor in [-1, 1), in float32."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x00000100000001B3) % 2**64
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + numpy.arange(1, math.prod(shape) + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    u = (z >> numpy.uint64(40)).astype(numpy.float32) * numpy.float32(2**-23) - numpy.float32(1)
    return u.reshape(shape)


def double(values):
    return torch.from_numpy(values.astype(numpy.float64))


class Tensors:
    """The inputs (`t.x`) and weights (`t.kernel("c.weight", 4, 3, 3, 3)`) of a case."""

    def __init__(self, case, inputs):
        self.case = case
        for name, shape in inputs.items():
            setattr(self, name, double(draw(f"{case}.{name}", shape) * numpy.float32(2)))

    def _weight(self, name, shape, of_draw):
        values = of_draw(draw(f"{self.case}.{name}", shape))
        assert values.dtype == numpy.float32
        return double(values)

    def _kernel(self, name, shape, fan_in):
        return self._weight(name, shape, lambda u: u * numpy.float32(math.sqrt(GAIN / fan_in)))

    def kernel(self, name, *shape):
        """Filters or the matrix of a linear layer: outputs first."""
        return self._kernel(name, shape, math.prod(shape[1:]))

    def experts(self, name, *shape):
        """Filters of several experts: experts first, then outputs."""
        return self._kernel(name, shape, math.prod(shape[2:]))

    def scale(self, name, *shape):
        return self._weight(name, shape, lambda u: numpy.float32(1) + numpy.float32(0.25) * u)

    def variance(self, name, *shape):
        return self._weight(name, shape, lambda u: numpy.float32(1) + numpy.float32(0.5) * u)

    def free(self, name, *shape):
        """Biases, running means, and all else."""
        return self._weight(name, shape, lambda u: numpy.float32(0.1) * u)

    bias = mean = free


CASES = []


def case(name, body, compute, **inputs):
    """Adds a network with the given body; inputs are named by keyword, `x` of shape [2, 4, 7, 6] by default."""
    inputs = inputs or {"x": (2, 4, 7, 6)}
    declared = [f"input {input}: f32[{', '.join(map(str, shape))}]" for input, shape in inputs.items()]
    lines = declared + body.split("\n")
    program = "network Case {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"
    outputs = compute(Tensors(name, inputs))
    if isinstance(outputs, torch.Tensor):
        outputs = [outputs]
    assert all(output.dtype == torch.float64 for output in outputs), name
    assert all(torch.isfinite(output).all() for output in outputs), name
    assert name not in [case["name"] for case in CASES], name
    stored = [
        {"shape": list(output.shape), "values": [float(f"{value:.9g}") for value in output.flatten().tolist()]}
        for output in outputs
    ]
    CASES.append({"name": name, "program": program, "outputs": stored})


def same_padding(x, kernel, stride, dilation=(1, 1)):
    """TensorFlow's SAME as PyTorch's [left, right, top, bottom]: ceil(size / stride) outputs, the odd one at the end."""
    sides = []
    for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation):
        total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
        sides.append([total // 2, total - total // 2])
    return sides[1] + sides[0]


# ---- Convolution ----

def conv(name, arguments, kernel, shape=(2, 4, 7, 6), pad=None, bias=False, **geometry):
    """A convolution; `kernel` is the shape of its weight, `geometry` what F.conv2d takes, `pad` goes to F.pad before it."""

    def compute(t):
        x = t.x if pad is None else F.pad(t.x, pad(t.x) if callable(pad) else pad)
        return F.conv2d(x, t.kernel("c.weight", *kernel), t.bias("c.bias", kernel[0]) if bias else None, **geometry)

    case(name, f"return x |> conv({arguments}) as c", compute, x=shape)


conv("conv_pointwise", "5", (5, 4, 1, 1))
conv("conv_pointwise_bias", "3, bias=true", (3, 4, 1, 1), bias=True)
conv("conv_pointwise_stride", "3, stride=2", (3, 4, 1, 1), stride=2)
conv("conv_3x3", "3, kernel=3, bias=true", (3, 4, 3, 3), bias=True, padding=1)
conv("conv_3x3_stride_2_odd", "4, kernel=3, stride=2", (4, 3, 3, 3), (2, 3, 9, 7), stride=2, padding=1)
conv("conv_3x3_stride_2_even", "4, kernel=3, stride=2", (4, 3, 3, 3), (1, 3, 8, 6), stride=2, padding=1)
conv("conv_valid", "3, kernel=3, padding=valid", (3, 4, 3, 3))
conv("conv_same_stride_1", "3, kernel=4, padding=same", (3, 4, 4, 4), pad=lambda x: same_padding(x, (4, 4), (1, 1)))
conv(
    "conv_same_stride_2", "3, kernel=3, stride=2, padding=same", (3, 2, 3, 3), (2, 2, 8, 7), stride=2,
    pad=lambda x: same_padding(x, (3, 3), (2, 2)),
)
conv(
    "conv_same_dilation", "3, kernel=[3, 2], stride=[3, 1], dilation=[2, 3], padding=same", (3, 2, 3, 2), (1, 2, 9, 8),
    stride=(3, 1), dilation=(2, 3), pad=lambda x: same_padding(x, (3, 2), (3, 1), (2, 3)),
)
conv("conv_same_kernel_below_stride", "2, kernel=1, stride=3, padding=same", (2, 2, 1, 1), (1, 2, 8, 7), stride=3)
conv("conv_rectangle", "3, kernel=[1, 5], stride=[2, 1]", (3, 4, 1, 5), stride=(2, 1), padding=(0, 2))
conv("conv_wide_stride", "3, kernel=2, stride=[1, 3], padding=[1, 0]", (3, 2, 2, 2), (2, 2, 4, 9), padding=(1, 0), stride=(1, 3))
conv("conv_asymmetrical", "3, kernel=3, padding=[0, 2, 3, 1]", (3, 2, 3, 3), (2, 2, 5, 6), pad=[3, 1, 0, 2])
conv("conv_wide_padding", "2, kernel=2, padding=[4, 3], stride=3", (2, 2, 2, 2), (1, 2, 3, 4), padding=(4, 3), stride=3)
conv("conv_even_kernel", "2, kernel=4", (2, 3, 4, 4), (1, 3, 7, 8), padding=1)
conv("conv_dilation", "2, kernel=3, dilation=2", (2, 3, 3, 3), (2, 3, 9, 8), padding=2, dilation=2)
conv("conv_dilation_rectangle", "2, kernel=3, dilation=[1, 3], padding=[1, 0]", (2, 2, 3, 3), (1, 2, 5, 9), padding=(1, 0), dilation=(1, 3))
conv("conv_grouped", "6, kernel=3, groups=2, bias=true", (6, 2, 3, 3), bias=True, padding=1, groups=2)
conv("conv_depthwise", "4, kernel=3, stride=2, groups=4", (4, 1, 3, 3), stride=2, padding=1, groups=4)
conv("conv_depthwise_multiplier", "8, kernel=5, groups=4", (8, 1, 5, 5), (1, 4, 6, 5), padding=2, groups=4)
conv("conv_patches", "5, kernel=4, stride=4, padding=0, bias=true", (5, 3, 4, 4), (2, 3, 8, 12), bias=True, stride=4)
conv("conv_kernel_above_image", "2, kernel=7", (2, 2, 7, 7), (2, 2, 3, 2), padding=3)
conv("conv_one_pixel", "3, kernel=3, padding=0", (3, 2, 3, 3), (2, 2, 3, 3))


# ---- Dynamic convolution ----

def mixed_outputs(t, x, coefficients, weight, bias=None, **geometry):
    """Dynamic convolution as the mixture of the experts' outputs, which is the same since convolution is linear."""
    outputs = [F.conv2d(x, w, None if bias is None else bias[i], **geometry) for i, w in enumerate(weight)]
    return torch.einsum("nm,mnchw->nchw", coefficients, torch.stack(outputs))


def mlp(t, x, experts, hidden=None, activation=F.relu, temperature=1.0):
    channels = x.shape[1]
    hidden = hidden or channels
    middle = activation(F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), t.kernel("c.routing.fc1.weight", hidden, channels)))
    return F.softmax(F.linear(middle, t.kernel("c.routing.fc2.weight", experts, hidden)) / temperature, dim=1)


def linear_scores(t, x, experts):
    pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)
    return F.linear(pooled, t.kernel("c.routing.weight", experts, x.shape[1]), t.bias("c.routing.bias", experts))


def dynamic(name, arguments, coefficients, kernel, shape=(2, 4, 5, 6), weight="c.weight", bias=None, pad=None, **geometry):
    """A dynamic convolution; `kernel` is the shape of its weight, `bias` the name of its bias."""

    def compute(t):
        x = t.x if pad is None else F.pad(t.x, pad)
        biases = None if bias is None else t.bias(bias, *kernel[:2])
        return mixed_outputs(t, x, coefficients(t), t.experts(weight, *kernel), biases, **geometry)

    case(name, f"return x |> dynamic_conv({arguments}) as c", compute, x=shape)


dynamic("dynamic_conv", "5", lambda t: mlp(t, t.x, 4), (4, 5, 4, 1, 1))
dynamic("dynamic_conv_one_expert", "3, kernel=3, experts=1", lambda t: mlp(t, t.x, 1), (1, 3, 4, 3, 3), padding=1)
dynamic(
    "dynamic_conv_bias", "3, kernel=3, stride=2, bias=true, experts=3", lambda t: mlp(t, t.x, 3), (3, 3, 4, 3, 3),
    bias="c.bias", stride=2, padding=1,
)
dynamic(
    "dynamic_conv_depthwise", "4, kernel=3, groups=4, experts=2", lambda t: mlp(t, t.x, 2), (2, 4, 1, 3, 3), padding=1, groups=4
)
dynamic(
    "dynamic_conv_grouped", "6, kernel=[2, 3], groups=2, experts=8, padding=[0, 1, 2, 0], dilation=[2, 1]",
    lambda t: mlp(t, t.x, 8), (8, 6, 2, 2, 3), pad=[2, 0, 0, 1], groups=2, dilation=(2, 1),
)
dynamic(
    "dynamic_conv_mlp_settings", "3, experts=3, routing=mlp(hidden=2, activation=silu, gate=softmax(temperature=0.5))",
    lambda t: mlp(t, t.x, 3, hidden=2, activation=F.silu, temperature=0.5), (3, 3, 4, 1, 1),
)
dynamic(
    "dynamic_conv_mlp_leaky", "3, experts=3, routing=mlp(activation=leaky_relu(slope=0.3))",
    lambda t: mlp(t, t.x, 3, activation=lambda x: F.leaky_relu(x, 0.3)), (3, 3, 4, 1, 1),
)
dynamic(
    "dynamic_conv_linear", "3, kernel=3, bias=true, experts=4, routing=linear", lambda t: torch.sigmoid(linear_scores(t, t.x, 4)),
    (4, 3, 4, 3, 3), weight="c.cond_conv.weight", bias="c.cond_conv.bias", padding=1,
)
dynamic(
    "dynamic_conv_linear_softmax", "3, experts=4, routing=linear(gate=softmax(temperature=3))",
    lambda t: F.softmax(linear_scores(t, t.x, 4) / 3, dim=1), (4, 3, 4, 1, 1), weight="c.cond_conv.weight",
)
case(
    "dynamic_conv_given_coefficients",
    "return x |> dynamic_conv(3, kernel=3, experts=2, routing=alpha, bias=true) as c",
    lambda t: mixed_outputs(t, t.x, t.alpha, t.experts("c.weight", 2, 3, 4, 3, 3), t.bias("c.bias", 2, 3), padding=1),
    x=(3, 4, 4, 5), alpha=(3, 2),
)

# ---- Linear layers and matrix products ----

case("linear", "return x |> linear(5) as c", lambda t: F.linear(t.x, t.kernel("c.weight", 5, 7), t.bias("c.bias", 5)), x=(3, 7))
case("linear_without_bias", "return x |> linear(3, bias=false) as c", lambda t: F.linear(t.x, t.kernel("c.weight", 3, 6)))
case("linear_tokens", "return x |> linear(4) as c", lambda t: F.linear(t.x, t.kernel("c.weight", 4, 5), t.bias("c.bias", 4)), x=(2, 7, 5))
case("linear_flattened", "return x |> flatten |> linear(3) as c",
     lambda t: F.linear(t.x.flatten(1), t.kernel("c.weight", 3, 24), t.bias("c.bias", 3)), x=(2, 2, 3, 4))
case("matmul", "return matmul(x, y)", lambda t: t.x @ t.y, x=(2, 3, 4), y=(2, 4, 5))
case("matmul_matrices", "return matmul(x, y)", lambda t: t.x @ t.y, x=(3, 4), y=(4, 2))
case("matmul_broadcast_left", "return x |> matmul(y)", lambda t: t.x @ t.y, x=(3, 4), y=(2, 3, 4, 2))
case("matmul_broadcast_both", "return x |> matmul(y)", lambda t: t.x @ t.y, x=(2, 1, 3, 4), y=(3, 4, 2))
case("matmul_inner_one", "return x |> matmul(y)", lambda t: t.x @ t.y, x=(2, 3, 1), y=(1, 4))
case(
    "attention_by_hand",
    "let y = matmul(x, x |> permute([0, 2, 1])) / 2 |> softmax\nreturn matmul(y, x)",
    lambda t: F.scaled_dot_product_attention(t.x, t.x, t.x), x=(2, 5, 4),
)
sdpa = F.scaled_dot_product_attention
case("attention", "return x |> attention(k, v)", lambda t: sdpa(t.x, t.k, t.v), x=(2, 3, 5, 4), k=(2, 3, 6, 4), v=(2, 3, 6, 2))
case("attention_matrices", "return x |> attention(x, y, temperature=1.5)", lambda t: sdpa(t.x, t.x, t.y, scale=1 / 1.5),
     x=(3, 4), y=(3, 5))
case("attention_broadcast", "return x |> attention(k, v)",
     lambda t: sdpa(t.x, t.k.expand(2, 3, 6, 4), t.v.expand(2, 3, 6, 2)), x=(2, 3, 5, 4), k=(3, 6, 4), v=(2, 1, 6, 2))
case("attention_one_key", "return x |> attention(y, y)", lambda t: sdpa(t.x, t.y, t.y), x=(2, 3, 4), y=(2, 1, 4))

# ---- Normalisation ----

def batch_norm(t, x, affine=True, eps=1e-5):
    channels = x.shape[1]
    weights = (t.scale("c.weight", channels), t.bias("c.bias", channels)) if affine else (None, None)
    return F.batch_norm(x, t.mean("c.running_mean", channels), t.variance("c.running_var", channels), *weights, eps=eps)


def affine(t, size):
    return t.scale("c.weight", size), t.bias("c.bias", size)


def layer_norm_along(t, x, dim, eps=1e-5):
    moved = x.movedim(dim, -1)
    size = moved.shape[-1]
    return F.layer_norm(moved, (size,), *affine(t, size), eps=eps).movedim(-1, dim)


case("batch_norm", "return x |> batch_norm as c", lambda t: batch_norm(t, t.x))
case("batch_norm_eps", "return x |> batch_norm(eps=0.1) as c", lambda t: batch_norm(t, t.x, eps=0.1))
case("batch_norm_plain", "return x |> batch_norm(affine=false) as c", lambda t: batch_norm(t, t.x, affine=False))
case("batch_norm_features", "return x |> batch_norm as c", lambda t: batch_norm(t, t.x), x=(3, 5))
case("batch_norm_sequence", "return x |> batch_norm as c", lambda t: batch_norm(t, t.x), x=(2, 3, 4))
case("layer_norm", "return x |> layer_norm as c", lambda t: layer_norm_along(t, t.x, -1), x=(2, 5, 6))
case("layer_norm_channels", "return x |> layer_norm(dim=1, eps=0.01) as c", lambda t: layer_norm_along(t, t.x, 1, 0.01))
case("layer_norm_rows", "return x |> layer_norm(dim=2) as c", lambda t: layer_norm_along(t, t.x, 2), x=(2, 3, 5, 4))
case("layer_norm_plain", "return x |> layer_norm(affine=false)", lambda t: F.layer_norm(t.x, (6,)), x=(4, 6))
case("group_norm", "return x |> group_norm(2) as c", lambda t: F.group_norm(t.x, 2, *affine(t, 6)), x=(2, 6, 3, 5))
case("group_norm_one", "return x |> group_norm(1, eps=0.1) as c", lambda t: F.group_norm(t.x, 1, *affine(t, 3), eps=0.1), x=(2, 3, 4, 3))
case("group_norm_all", "return x |> group_norm(3) as c", lambda t: F.group_norm(t.x, 3, *affine(t, 3)), x=(2, 3, 4, 3))
case("group_norm_plain", "return x |> group_norm(2, affine=false)", lambda t: F.group_norm(t.x, 2), x=(3, 8))
case("group_norm_sequence", "return x |> group_norm(2) as c", lambda t: F.group_norm(t.x, 2, *affine(t, 4)), x=(2, 4, 7))

# ---- Activations ----

SPREAD = {"x": (2, 2, 5, 5)}  # times 4, so that both ends of every function are reached

for name, function in {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
    "silu": F.silu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "identity": torch.nn.Identity(),
}.items():
    case(name, f"return x * 4 |> {name}", lambda t: function(t.x * 4), **SPREAD)
case("leaky_relu_slope", "return x * 4 |> leaky_relu(slope=0.2)", lambda t: F.leaky_relu(t.x * 4, 0.2), **SPREAD)
case("leaky_relu_negative", "return x * 4 |> leaky_relu(slope=-1.5)", lambda t: F.leaky_relu(t.x * 4, -1.5), **SPREAD)
case("gelu_erf", "return x * 4 |> gelu(form=erf)", lambda t: F.gelu(t.x * 4), **SPREAD)
case("gelu_tanh", "return x * 4 |> gelu(form=tanh)", lambda t: F.gelu(t.x * 4, approximate="tanh"), **SPREAD)
case("prelu", "return x |> prelu as c", lambda t: F.prelu(t.x, t.free("c.weight", 4)))
case("prelu_features", "return x |> prelu as c", lambda t: F.prelu(t.x, t.free("c.weight", 5)), x=(3, 5))
case("softmax", "return x |> softmax", lambda t: F.softmax(t.x, -1))
case("softmax_channels", "return x |> softmax(dim=1)", lambda t: F.softmax(t.x, 1), x=(2, 5, 3, 4))
case("softmax_batch", "return x |> softmax(dim=0)", lambda t: F.softmax(t.x, 0), x=(3, 7))
case("softmax_temperature", "return x |> softmax(dim=2, temperature=0.25)", lambda t: F.softmax(t.x / 0.25, 2), x=(2, 3, 6))
case("softmax_large", "return x * 1000 |> softmax", lambda t: F.softmax(t.x * 1000, -1), x=(4, 5))
case("dropout", "return x |> dropout(0.2)", lambda t: F.dropout(t.x, 0.2, training=False), x=(2, 3))
case("drop_path", "return x + (x |> relu |> drop_path(0.1))", lambda t: t.x + F.relu(t.x), x=(2, 3))

# ---- Pooling ----

def pool(name, call, compute, shape=(2, 2, 7, 9)):
    case(name, f"return x |> {call}", lambda t: compute(t.x), x=shape)


INFINITY = float("inf")
pool("max_pool", "max_pool(2)", lambda x: F.max_pool2d(x, 2))
pool("max_pool_padded", "max_pool(3, stride=2, padding=1)", lambda x: F.max_pool2d(x, 3, 2, 1))
case("max_pool_below_zero", "return x - 9 |> max_pool(3, stride=2, padding=1)", lambda t: F.max_pool2d(t.x - 9, 3, 2, 1), x=(2, 2, 6, 7))
pool("max_pool_rectangle", "max_pool([3, 2], stride=[1, 2], padding=[1, 0])", lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0)))
pool("max_pool_dilation", "max_pool(3, stride=1, padding=1, dilation=[2, 1])", lambda x: F.max_pool2d(x, 3, 1, 1, (2, 1)))
pool("max_pool_dilation_padded", "max_pool(3, stride=[1, 2], padding=[2, 1], dilation=[2, 1])",
     lambda x: F.max_pool2d(F.pad(x, [1, 1, 2, 2], value=-INFINITY), 3, (1, 2), 0, (2, 1)))
pool("max_pool_ceil", "max_pool(2, ceil_mode=true)", lambda x: F.max_pool2d(x, 2, ceil_mode=True))
pool("max_pool_ceil_padded", "max_pool(3, stride=2, padding=1, ceil_mode=true)", lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 2, 6, 8))
pool("max_pool_ceil_drops_window", "max_pool(2, stride=2, padding=1, ceil_mode=true)", lambda x: F.max_pool2d(x, 2, 2, 1, ceil_mode=True), (1, 2, 3, 4))
pool("max_pool_ceil_wide_stride", "max_pool(2, stride=4, ceil_mode=true)", lambda x: F.max_pool2d(x, 2, 4, ceil_mode=True), (1, 2, 7, 9))
pool("max_pool_ceil_dilation", "max_pool(2, stride=3, dilation=3, padding=1, ceil_mode=true)",
     lambda x: F.max_pool2d(x, 2, 3, 1, 3, ceil_mode=True), (1, 2, 8, 9))
pool("max_pool_same", "max_pool(3, stride=2, padding=same)",
     lambda x: F.max_pool2d(F.pad(x, same_padding(x, (3, 3), (2, 2)), value=-INFINITY), 3, 2), (2, 2, 8, 7))
pool("max_pool_asymmetrical", "max_pool(3, stride=2, padding=[0, 1, 1, 0])",
     lambda x: F.max_pool2d(F.pad(x, [1, 0, 0, 1], value=-INFINITY), 3, 2), (1, 2, 6, 6))

pool("avg_pool", "avg_pool(2)", lambda x: F.avg_pool2d(x, 2))
pool("avg_pool_overlapping", "avg_pool(3, stride=1)", lambda x: F.avg_pool2d(x, 3, 1))
pool("avg_pool_padded", "avg_pool(3, stride=2, padding=1)", lambda x: F.avg_pool2d(x, 3, 2, 1))
pool("avg_pool_uncounted", "avg_pool(3, stride=2, padding=1, count_padding=false)",
     lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
pool("avg_pool_rectangle", "avg_pool([1, 4], stride=[2, 3], padding=[0, 2])", lambda x: F.avg_pool2d(x, (1, 4), (2, 3), (0, 2)))
for counted in [True, False]:
    suffix, setting = ("", "") if counted else ("_uncounted", ", count_padding=false")
    options = {"ceil_mode": True, "count_include_pad": counted}
    pool(f"avg_pool_ceil{suffix}", f"avg_pool(2, ceil_mode=true{setting})", lambda x: F.avg_pool2d(x, 2, **options))
    pool(f"avg_pool_ceil_padded{suffix}", f"avg_pool(3, stride=2, padding=1, ceil_mode=true{setting})",
         lambda x: F.avg_pool2d(x, 3, 2, 1, **options), (2, 2, 6, 8))
    pool(f"avg_pool_ceil_wide{suffix}", f"avg_pool(5, stride=3, padding=2, ceil_mode=true{setting})",
         lambda x: F.avg_pool2d(x, 5, 3, 2, **options), (1, 2, 6, 8))
    pool(f"avg_pool_ceil_drops_window{suffix}", f"avg_pool(2, padding=1, ceil_mode=true{setting})",
         lambda x: F.avg_pool2d(x, 2, 2, 1, **options), (1, 2, 3, 4))
pool("avg_pool_same", "avg_pool(3, stride=2, padding=same)",
     lambda x: F.avg_pool2d(F.pad(x, same_padding(x, (3, 3), (2, 2))), 3, 2), (2, 2, 8, 7))


def mean_of_present(x, padding, kernel, stride):
    """The mean without the padding: what was summed over what was there."""
    pooled = F.avg_pool2d(F.pad(x, padding), kernel, stride)
    return pooled / F.avg_pool2d(F.pad(torch.ones_like(x), padding), kernel, stride)


pool("avg_pool_same_uncounted", "avg_pool(3, stride=2, padding=same, count_padding=false)",
     lambda x: mean_of_present(x, same_padding(x, (3, 3), (2, 2)), 3, 2), (2, 2, 8, 7))
pool("avg_pool_asymmetrical_uncounted", "avg_pool(4, stride=2, padding=[2, 0, 1, 2], count_padding=false)",
     lambda x: mean_of_present(x, [1, 2, 2, 0], 4, 2), (1, 2, 6, 7))

pool("global_avg_pool", "global_avg_pool", lambda x: F.adaptive_avg_pool2d(x, 1))
pool("global_avg_pool_flatten", "global_avg_pool |> flatten", lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), (3, 5, 1, 4))
pool("adaptive_avg_pool", "adaptive_avg_pool(3)", lambda x: F.adaptive_avg_pool2d(x, 3))
pool("adaptive_avg_pool_rectangle", "adaptive_avg_pool([2, 5])", lambda x: F.adaptive_avg_pool2d(x, (2, 5)))
pool("adaptive_avg_pool_larger", "adaptive_avg_pool([8, 3])", lambda x: F.adaptive_avg_pool2d(x, (8, 3)), (1, 2, 5, 7))
pool("mean_pixels", "mean([2, 3])", lambda x: x.mean((2, 3)))
pool("mean_channels", "mean(1, keep=true)", lambda x: x.mean(1, keepdim=True), (2, 3, 4, 3))
pool("mean_outer", "mean([-1, 0])", lambda x: x.mean((0, 3)), (2, 3, 4, 3))
pool("mean_all", "mean([0, 1, 2, 3], keep=true)", lambda x: x.mean((0, 1, 2, 3), keepdim=True), (2, 3, 4, 3))
pool("mean_tokens", "mean(1)", lambda x: x.mean(1), (2, 5, 3))

# ---- Arithmetic ----

for name, sign in {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}.items():
    operator = {"+": torch.add, "-": torch.sub, "*": torch.mul, "/": torch.div}[sign]
    case(name, f"return x {sign} y", lambda t: operator(t.x, t.y), x=(2, 3, 2, 2), y=(2, 3, 2, 2))
    case(f"{name}_number", f"return x {sign} 3", lambda t: operator(t.x, 3), x=(2, 5))
    case(f"number_{name}", f"return 0.5 {sign} x", lambda t: operator(torch.tensor(0.5, dtype=torch.float64), t.x), x=(2, 5))
case("scale_channels", "return x * y", lambda t: t.x * t.y, x=(2, 4, 3, 3), y=(2, 4, 1, 1))
case("broadcast_both", "return x - y", lambda t: t.x - t.y, x=(2, 1, 3, 1), y=(4, 1, 5))
case("broadcast_rank", "return y / x", lambda t: t.y / t.x, x=(2, 3, 4), y=(4,))
case("negate", "return -x + 1", lambda t: 1 - t.x, x=(2, 3))
case("squeeze_excite",
     "let gate = x |> global_avg_pool |> conv(2, bias=true) as reduce |> relu |> conv(4, bias=true) as expand |> hard_sigmoid\nreturn x * gate",
     lambda t: t.x * F.hardsigmoid(F.conv2d(
         F.relu(F.conv2d(t.x.mean((2, 3), keepdim=True), t.kernel("reduce.weight", 2, 4, 1, 1), t.bias("reduce.bias", 2))),
         t.kernel("expand.weight", 4, 2, 1, 1), t.bias("expand.bias", 4))),
     x=(2, 4, 3, 3))

# ---- Layout ----

def layout(name, expression, compute, shape=(2, 4, 3, 5)):
    case(name, f"return {expression}", lambda t: compute(t.x), x=shape)


layout("reshape", "x |> reshape([2, 2, 2, 15])", lambda x: x.reshape(2, 2, 2, 15))
layout("reshape_rest", "x |> reshape([x.batch, -1, 5])", lambda x: x.reshape(2, -1, 5))
layout("flatten", "x |> flatten", lambda x: x.flatten(1))
layout("flatten_from", "x |> flatten(from=2)", lambda x: x.flatten(2))
layout("flatten_all", "x |> flatten(0)", lambda x: x.flatten(0))
layout("permute", "x |> permute([0, 2, 3, 1])", lambda x: x.permute(0, 2, 3, 1))
layout("permute_negative", "x |> permute([-1, 1, 0, -2])", lambda x: x.permute(3, 1, 0, 2))
layout("permute_shuffle", "x |> reshape([2, 2, 2, 3, 5]) |> permute([0, 2, 1, 3, 4]) |> reshape([2, 4, 3, 5])",
       lambda x: F.channel_shuffle(x, 2))
layout("expand", "x |> expand([2, -1, 5])", lambda x: x.expand(2, -1, 5), (1, 3, 1))
layout("expand_new_dims", "x |> expand([2, 3, -1, 4])", lambda x: x.expand(2, 3, -1, 4), (3, 1))
layout("expand_pixels", "x |> expand([-1, -1, 3, 5])", lambda x: x.expand(-1, -1, 3, 5), (2, 4, 1, 1))
case("expand_of_a_weight", 'return concat(param("c", [1, 1, 4]) |> expand([x.batch, -1, -1]), x)',
     lambda t: torch.cat([t.free("c", 1, 1, 4).expand(3, -1, -1), t.x], 1), x=(3, 2, 4))
case("expand_then_others", "let y = x |> expand([3, -1, 4, 4])\nreturn a = y |> reshape([3, 2, 16]), b = y |> conv(3, kernel=3) as c, "
     "c = y |> permute([2, 1, 0, 3]) |> flatten, d = y |> relu, e = y |> roll(1, dims=2) |> softmax(dim=1), f = y + y |> mean([2, 3])",
     lambda t: (lambda y: [y.reshape(3, 2, 16), F.conv2d(y, t.kernel("c.weight", 3, 2, 3, 3), padding=1),
                           y.permute(2, 1, 0, 3).flatten(1), F.relu(y), y.roll(1, 2).softmax(1), (2 * y).mean((2, 3))])(
         t.x.expand(3, -1, 4, 4)), x=(1, 2, 1, 4))
layout("roll", "x |> roll([-1, 2], dims=[2, 3])", lambda x: torch.roll(x, (-1, 2), (2, 3)))
layout("roll_far", "x |> roll([-7, 12], dims=[3, 1])", lambda x: torch.roll(x, (-7, 12), (3, 1)))
layout("roll_one", "x |> roll(1, dims=0)", lambda x: torch.roll(x, 1, 0), (3, 4))
layout("roll_both", "x |> roll(3, dims=[-1, -2])", lambda x: torch.roll(x, (3, 3), (-1, -2)))
layout("pad", "x |> pad(1)", lambda x: F.pad(x, [1, 1, 1, 1]), (1, 2, 3, 2))
layout("pad_pair", "x |> pad([0, 2], value=1.5)", lambda x: F.pad(x, [2, 2, 0, 0], value=1.5), (1, 2, 3, 2))
layout("pad_sides", "x |> pad([0, 1, 2, 3], value=-1)", lambda x: F.pad(x, [2, 3, 0, 1], value=-1), (2, 1, 3, 2))
layout("pad_dims", "x |> pad([[1, 0], [0, 2], [1, 1]])", lambda x: F.pad(x, [1, 1, 0, 2, 1, 0]), (2, 2, 3))
case("concat", "return concat(x, y)", lambda t: torch.cat([t.x, t.y], 1), x=(2, 3, 2, 2), y=(2, 1, 2, 2))
case("concat_list", "return concat([x, y, x], dim=-1)", lambda t: torch.cat([t.x, t.y, t.x], -1), x=(2, 3, 2), y=(2, 3, 4))
case("concat_batch", "return concat(x, y, dim=0)", lambda t: torch.cat([t.x, t.y], 0), x=(2, 3), y=(1, 3))
case("split", "let (a, b) = x |> split(2)\nreturn first = b, second = a - b",
     lambda t: [t.x.chunk(2, 1)[1], t.x.chunk(2, 1)[0] - t.x.chunk(2, 1)[1]], x=(2, 4, 2, 3))
case("split_sizes", "let (a, b, c) = x |> split([1, 3, 2], dim=-1)\nreturn a = a, b = b, c = c",
     lambda t: t.x.split([1, 3, 2], -1), x=(2, 3, 6))
layout("slice", "x[:, 1:3]", lambda x: x[:, 1:3])
layout("slice_steps", "x[:, ::2, 1:, 1::3]", lambda x: x[:, ::2, 1:, 1::3])
layout("slice_negative", "x[-1:, :-1, -3:-1]", lambda x: x[-1:, :-1, -3:-1])
layout("slice_index", "x[:, 0, 1]", lambda x: x[:, 0, 1])
layout("slice_index_last", "x[1, :, -1, 2:4]", lambda x: x[1, :, -1, 2:4])
layout("patch_merging", "concat(x[:, :, ::2, ::2], x[:, :, 1::2, ::2], x[:, :, ::2, 1::2], x[:, :, 1::2, 1::2])",
       lambda x: torch.cat([x[:, :, r::2, c::2] for c in (0, 1) for r in (0, 1)], 1), (1, 2, 4, 6))
layout("gather", "x |> gather([1, 0, 1, 1])", lambda x: x[[1, 0, 1, 1]], (2, 3))
layout("gather_channels", "x |> gather([3, 0, 2], dim=1)", lambda x: x[:, [3, 0, 2]])
layout("gather_table", "x |> gather([[0, 1, 2], [4, 3, 2]], dim=-1)", lambda x: x[..., torch.tensor([[0, 1, 2], [4, 3, 2]])])
layout("gather_table_first", "x |> gather([[i * j for j in 0..2] for i in 0..3])", lambda x: x[torch.tensor([[0, 0], [0, 1], [0, 2]])], (3, 4))

# ---- Resampling ----

pool("upsample", "upsample", lambda x: F.interpolate(x, scale_factor=2), (2, 2, 3, 4))
pool("upsample_scale", "upsample([3, 2])", lambda x: F.interpolate(x, scale_factor=(3, 2)), (1, 2, 3, 4))
pool("upsample_size", "upsample(size=[7, 5])", lambda x: F.interpolate(x, (7, 5)), (1, 2, 3, 4))
pool("upsample_smaller", "upsample(size=[2, 5])", lambda x: F.interpolate(x, (2, 5)), (1, 2, 7, 9))
for align in [False, True]:
    suffix, setting = ("_aligned", ", align_corners=true") if align else ("", "")
    options = {"mode": "bilinear", "align_corners": align}
    pool(f"upsample_bilinear{suffix}", f"upsample(2, mode=bilinear{setting})", lambda x: F.interpolate(x, scale_factor=2, **options), (2, 2, 3, 4))
    pool(f"upsample_bilinear_size{suffix}", f"upsample(size=[7, 5], mode=bilinear{setting})", lambda x: F.interpolate(x, (7, 5), **options), (1, 2, 3, 4))
    pool(f"upsample_bilinear_smaller{suffix}", f"upsample(size=[3, 4], mode=bilinear{setting})", lambda x: F.interpolate(x, (3, 4), **options), (1, 2, 8, 7))
    pool(f"upsample_bilinear_pixel{suffix}", f"upsample(size=[1, 3], mode=bilinear{setting})", lambda x: F.interpolate(x, (1, 3), **options), (1, 2, 4, 1))
    pool(f"upsample_bilinear_as_is{suffix}", f"upsample(1, mode=bilinear{setting})", lambda x: F.interpolate(x, (3, 4), **options), (1, 2, 3, 4))

# ---- Tensors ----

case("param", 'return x + param("table", [1, 3, 4])', lambda t: t.x + t.free("table", 1, 3, 4), x=(2, 3, 4))
case("param_scale", 'return x * param("gamma", [3, 1, 1])', lambda t: t.x * t.free("gamma", 3, 1, 1), x=(2, 3, 2, 2))
case("constant", "return x * constant([[0.5 + i * j for i in 0..4] for j in 0..3])",
     lambda t: t.x * torch.tensor([[0.5 + i * j for i in range(4)] for j in range(3)], dtype=torch.float64), x=(2, 3, 4))
case("constant_number", "return x / constant(0.3)", lambda t: t.x / 0.3, x=(2, 3))

# ---- Whole blocks ----

case(
    "residual_block",
    "let y = x |> conv(4, kernel=3, stride=2) as conv1 |> batch_norm as c |> relu |> conv(6, kernel=3) as conv2\n"
    "let shortcut = x |> avg_pool(2, ceil_mode=true) |> conv(6) as down\n"
    "return y + shortcut |> silu",
    lambda t: F.silu(
        F.conv2d(F.relu(batch_norm(t, F.conv2d(t.x, t.kernel("conv1.weight", 4, 3, 3, 3), stride=2, padding=1))),
                 t.kernel("conv2.weight", 6, 4, 3, 3), padding=1)
        + F.conv2d(F.avg_pool2d(t.x, 2, ceil_mode=True), t.kernel("down.weight", 6, 3, 1, 1))),
    x=(2, 3, 7, 7),
)
case("several_outputs", "let y = x |> relu\nreturn early = y, late = y * y, again = y",
     lambda t: [F.relu(t.x), F.relu(t.x) ** 2, F.relu(t.x)], x=(2, 3))


def main():
    assert draw("conv_stem.weight", (2,)).tolist() == [-0.06098127365112305, -0.1375964879989624]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in CASES)
    path = Path(__file__).with_name("operations.json")
    path.write_text(f"[\n{lines}\n]\n")
    print(f"{len(CASES)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
