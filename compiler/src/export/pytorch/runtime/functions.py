"""Functions of tensors, as the language has them."""

import math

import torch
import torch.nn.functional as F


def identity(x):
    """The input."""
    return x


def leaky_relu(x, slope=0.01):
    """ReLU with a slope below zero."""
    return F.leaky_relu(x, slope)


def gelu(x, form="erf"):
    """The Gaussian error linear unit, exact or with tanh."""
    return F.gelu(x, approximate="tanh" if form is torch.tanh else "none")


def softmax(x, dim=-1, temperature=1.0):
    """Softmax along one dimension."""
    return (x / temperature).softmax(int(dim))


def max_pool(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maximum over windows."""
    kernel, dilation = pair(kernel), pair(dilation)
    stride = kernel if stride is None else pair(stride)
    x, _ = windowed(x, kernel, stride, padding, dilation, ceil_mode, -math.inf)
    return F.max_pool2d(x, kernel, stride, 0, dilation)


def avg_pool(x, kernel, stride=None, padding=0, ceil_mode=False, count_padding=True):
    """The average over windows; what lies outside the padded image does not count."""
    kernel = pair(kernel)
    stride = kernel if stride is None else pair(stride)
    counted, beyond = windowed(torch.ones_like(x[:1, :1]), kernel, stride, padding, (1, 1), ceil_mode, int(count_padding))
    counted = F.pad(counted[:, :, : counted.shape[2] - beyond[0], : counted.shape[3] - beyond[1]], (0, beyond[1], 0, beyond[0]))
    x, _ = windowed(x, kernel, stride, padding, (1, 1), ceil_mode, 0.0)
    return F.avg_pool2d(x, kernel, stride) / F.avg_pool2d(counted, kernel, stride)


def windowed(x, kernel, stride, padding, dilation, ceil_mode, value):
    """An image with its border, and by how much of it a last window reaches over the padding."""
    sides = around(padding, kernel, dilation)
    left, right, top, bottom = border(sides, x, kernel, stride, dilation)
    beyond = [0, 0]
    if ceil_mode:
        for axis, (before, after) in enumerate([(top, bottom), (left, right)]):
            size = x.shape[2 + axis]
            room = size + before + after - (kernel[axis] - 1) * dilation[axis] - 1
            count = room // stride[axis] + 1
            # The last window begins within the image or the padding before it.
            if room % stride[axis] and count * stride[axis] < size + before:
                beyond[axis] = count * stride[axis] - room
    return F.pad(x, (left, right + beyond[1], top, bottom + beyond[0]), value=value), beyond


def adaptive_avg_pool(x, size):
    """The average over the cells of a grid."""
    return F.adaptive_avg_pool2d(x, pair(size))


def global_avg_pool(x):
    """The average over all pixels."""
    return F.adaptive_avg_pool2d(x, 1)


def mean(x, dims, keep=False):
    """The mean along dimensions."""
    dims = whole(dims)
    return x.mean(dims, keepdim=keep) if dims != [] else x


def matmul(x, y):
    """The matrix product."""
    return torch.matmul(x, y)


def attention(x, k, v, temperature=None):
    """Values averaged by how well their keys fit the queries."""
    scale = None if temperature is None else 1 / temperature
    return F.scaled_dot_product_attention(x, k, v, scale=scale)


def concat(*tensors, dim=1):
    """Tensors side by side; lists of tensors count as their elements."""
    flat = []
    for tensor in tensors:
        flat.extend(tensor if isinstance(tensor, (list, tuple)) else [tensor])
    return torch.cat(flat, int(dim))


def reshape(x, shape):
    """The same elements in another shape."""
    return x.reshape(whole(shape))


def flatten(x, from_=1):
    """Dimensions from one on merged."""
    return x.flatten(int(from_))


def expand(x, shape):
    """Dimensions of one element repeated."""
    return x.expand(whole(shape))


def permute(x, order):
    """The dimensions in another order."""
    return x.permute(whole(order))


def roll(x, shifts, dims):
    """Elements shifted in a circle."""
    dims = whole(dims)
    dims = dims if isinstance(dims, list) else [dims]
    shifts = whole(shifts)
    return torch.roll(x, shifts if isinstance(shifts, list) else [shifts] * len(dims), dims)


def pad(x, padding, value=0.0):
    """A border around a tensor."""
    if isinstance(padding, (list, tuple)) and any(isinstance(side, (list, tuple)) for side in padding):
        sides = [pair(side) for side in padding]
    else:
        top, bottom, left, right = around(padding, (1, 1), (1, 1))
        sides = [(0, 0), (0, 0), (top, bottom), (left, right)]
    return F.pad(x, [side for pair_ in reversed(sides) for side in pair_], value=value)


def split(x, parts, dim=1):
    """A tensor cut along one dimension."""
    dim, parts = int(dim), whole(parts)
    sizes = parts if isinstance(parts, list) else x.shape[dim] // parts
    return list(x.split(sizes, dim))


def gather(x, table, dim=0):
    """Entries along one dimension by a table of indices."""
    table, dim = (table if torch.is_tensor(table) else indices(table).to(x.device)), int(dim) % x.ndim
    return x.index_select(dim, table.flatten()).reshape(x.shape[:dim] + table.shape + x.shape[dim + 1 :])


def indices(table):
    """A table of indices as a tensor."""
    return torch.tensor(whole(table), dtype=torch.long)


def upsample(x, scale=None, size=None, mode="nearest", align_corners=False):
    """An image in another size."""
    if size is None:
        rows, columns = pair(2 if scale is None else scale)
        size = (x.shape[2] * rows, x.shape[3] * columns)
    if mode == "nearest":
        return F.interpolate(x, pair(size))
    return F.interpolate(x, pair(size), mode="bilinear", align_corners=align_corners)


def constant(values):
    """A tensor whose elements are known."""
    values = listed(values)
    return torch.tensor(values, dtype=torch.get_default_dtype())


def listed(values):
    """Ranges and tuples as lists."""
    return [listed(value) for value in values] if isinstance(values, (list, tuple, range)) else values


def whole(values):
    """A number, or the numbers of a list, as integers."""
    return [whole(value) for value in values] if isinstance(values, (list, tuple, range)) else int(values)
